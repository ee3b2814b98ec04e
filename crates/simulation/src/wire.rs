//! The way to a simulated node and back: where the weather is.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::client::RpcClient;
use alloy::transports::{HttpError, TransportError, TransportErrorKind, TransportFut};
use alloy_json_rpc::{
    ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, RpcError, SerializedRequest,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::Service;

use crate::chain::{FIRST, View};
use crate::node::{self, Manner};
use crate::stage::Stage;
use crate::stray;
use crate::weather::{Fault, Passage};

/// A connection to one node.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    stage: Arc<Stage>,
    node: usize,
}

/// Clients of all nodes of a stage, each with its name.
pub(crate) fn clients(stage: &Arc<Stage>) -> Vec<(String, RpcClient)> {
    let count = stage.weather(|weather| weather.nodes.len());
    let client =
        |node| (format!("sim://node-{node}"), RpcClient::new(Wire { stage: stage.clone(), node }, true));
    (0..count).map(client).collect()
}

impl Service<RequestPacket> for Wire {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move { wire.exchange(request).await })
    }
}

impl Wire {
    async fn exchange(&self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let stage = &self.stage;
        for asked in request.requests() {
            stage.note((self.node, asked.method(), asked.params().map(RawValue::get)));
        }
        stage.step(("asked", self.node)).await;
        let now = stage.elapsed();
        let Passage { latency: [there, back], fault, behind_seconds } =
            stage.weather(|weather| weather.passage(self.node, now));
        sleep(there).await;
        if let Some(fault) = fault
            && let Some(failed) = self.fails(fault).await
        {
            stage.fault(fault.name());
            stage.step(("failed", self.node)).await;
            return Err(failed);
        }
        // Seen when the question is there, so that an answer may be of a branch that ended on its way back.
        let views = stage.views(self.node, behind_seconds);
        let answer = self.answer(request, views, fault);
        sleep(back).await;
        stage.step(("answered", self.node)).await;
        Ok(answer)
    }

    /// What becomes of a question that brings no answer.
    async fn fails(&self, fault: Fault) -> Option<TransportError> {
        let http = |status: u16| Some(TransportErrorKind::http_error(status, format!("status {status}")));
        match fault {
            Fault::Unreachable => Some(TransportErrorKind::custom_str("connection refused")),
            Fault::Silent => {
                self.stage.fault(fault.name());
                std::future::pending().await
            }
            Fault::Late => {
                let seconds = self.stage.weather(|weather| weather.chance().between(5, 40));
                sleep(Duration::from_secs(seconds)).await;
                self.stage.fault(fault.name());
                None
            }
            Fault::TooManyRequests => {
                let wait = self.stage.weather(|weather| weather.chance().pick(&[0, 0, 1, 7, 90]));
                if wait == 0 {
                    return http(429);
                }
                let error = HttpError { status: 429, body: "Too Many Requests".to_owned() };
                let retry_after = Duration::from_secs(wait);
                Some(RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { error, retry_after }))
            }
            Fault::BadGateway => http(502),
            Fault::Unavailable => http(503),
            Fault::TooLarge => http(413),
            Fault::GatewayTimeout => http(504),
            Fault::CutBody => {
                let cut = r#"{"jsonrpc":"2.0","id":1,"result":[{"addre"#;
                let error = serde_json::from_str::<Value>(cut).expect_err("it breaks off");
                Some(RpcError::deser_err(error, cut))
            }
            _ => None,
        }
    }

    fn answer(&self, request: RequestPacket, views: [View; 2], fault: Option<Fault>) -> ResponsePacket {
        let manner = self.stage.weather(|weather| weather.nodes[self.node].manner);
        let one = |asked: &SerializedRequest, is_with_logs: bool| {
            self.answer_one(asked, self.one_of(views, is_with_logs), manner, fault)
        };
        match request {
            RequestPacket::Single(asked) => ResponsePacket::Single(one(&asked, false)),
            RequestPacket::Batch(all) => {
                let is_with_logs = all.iter().any(|asked| asked.method() == "eth_getLogs");
                let mut answers: Vec<_> = all.iter().map(|asked| one(asked, is_with_logs)).collect();
                self.disturb(&mut answers, fault);
                ResponsePacket::Batch(answers)
            }
        }
    }

    /// As the machine sees the chain that gets the question.
    fn one_of(&self, views: [View; 2], is_with_logs: bool) -> View {
        let asked = self.stage.weather(|weather| {
            let machines = weather.nodes[self.node].machines;
            machines.asked(is_with_logs, weather.chance())
        });
        if views[asked] != views[0] {
            self.stage.fault("node: a machine that sees another branch");
        }
        views[asked]
    }

    /// What happens to a batch's answers as a whole.
    fn disturb(&self, answers: &mut Vec<Response>, fault: Option<Fault>) {
        let place = self.stage.weather(|weather| weather.chance().index(answers.len()));
        match fault {
            Some(Fault::BatchMissing) => drop(answers.remove(place)),
            Some(Fault::BatchTwice) => answers.push(answers[place].clone()),
            Some(Fault::BatchShuffled) => answers.rotate_left(place),
            _ => return,
        }
        self.stage.fault(fault.map_or("", Fault::name));
    }

    fn answer_one(
        &self,
        asked: &SerializedRequest,
        view: View,
        manner: Manner,
        fault: Option<Fault>,
    ) -> Response {
        let params: Value =
            asked.params().and_then(|params| serde_json::from_str(params.get()).ok()).unwrap_or_default();
        let said = node::answer(&self.stage.chain, view, manner, asked.method(), &params);
        let said = match fault {
            Some(fault) => self.spoil((asked.method(), &params), said, view, manner, fault),
            None => said,
        };
        let payload = match said {
            Ok(json) => ResponsePayload::Success(RawValue::from_string(json).expect("nodes answer in JSON")),
            Err((code, message)) => {
                ResponsePayload::Failure(ErrorPayload { code, message: message.into(), data: None })
            }
        };
        Response { id: asked.id().clone(), payload }
    }

    /// The answer with a fault in it, where the fault fits the question.
    fn spoil(
        &self,
        (method, params): (&str, &Value),
        said: node::Said,
        view: View,
        manner: Manner,
        fault: Fault,
    ) -> node::Said {
        let spoilt = match (fault, method) {
            (Fault::LimitExceeded, _) => Err((-32005, "limit exceeded".to_owned())),
            (Fault::InternalError, _) => Err((-32603, "internal error".to_owned())),
            (Fault::HeaderNotFound, _) => Err((-32000, "header not found".to_owned())),
            (Fault::Nonsense, _) => Ok(r#"{"status":"maintenance"}"#.to_owned()),
            (Fault::OtherChain, "eth_chainId") => Ok("\"0x1\"".to_owned()),
            (Fault::NoBlock, "eth_getBlockByNumber") => Ok("null".to_owned()),
            (Fault::OtherBlock, "eth_getBlockByNumber") => {
                // What a node calls final is believed (docs/reliability.md): it may say so late, and never early.
                let (low, high) = match params[0].as_str() {
                    Some("safe" | "finalized") => (FIRST, view.finalized),
                    _ => (view.finalized, view.head),
                };
                let height = self.stage.weather(|weather| weather.chance().between(low, high));
                let params = json!([format!("{height:#x}"), false]);
                node::answer(&self.stage.chain, view, manner, method, &params)
            }
            (Fault::LogsStray, "eth_getLogs") => said.clone().map(|logs| {
                let chain = &self.stage.chain;
                self.stage
                    .weather(|weather| stray::among(&logs, chain, view, manner, &params[0], weather.chance()))
            }),
            (Fault::LogsTwice | Fault::LogsShuffled | Fault::LogsMissing, "eth_getLogs") => {
                said.clone().map(|logs| self.spoil_logs(&logs, fault))
            }
            _ => return said,
        };
        if spoilt != said {
            self.stage.fault(fault.name());
        }
        spoilt
    }

    fn spoil_logs(&self, logs: &str, fault: Fault) -> String {
        let mut logs: Vec<Value> = serde_json::from_str(logs).expect("logs are JSON");
        if logs.is_empty() {
            return "[]".to_owned();
        }
        let place = self.stage.weather(|weather| weather.chance().index(logs.len()));
        match fault {
            Fault::LogsTwice => logs.push(logs[place].clone()),
            Fault::LogsShuffled => logs.rotate_left(place),
            _ => drop(logs.remove(place)),
        }
        Value::from(logs).to_string()
    }
}
