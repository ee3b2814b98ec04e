//! One question to a node, and what it means when it is not answered.

use std::time::Duration;

use alloy::transports::{RpcError, TransportError, TransportErrorKind};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::health::Need;
use super::node::name;
use super::wire::{filter, quantity};
use crate::plan::Suggestion;
use crate::refusal::{self, Refusal};
use crate::source::LogQuery;

pub(super) struct Question {
    pub(super) method: &'static str,
    pub(super) params: Value,
    /// The first block and the width, where narrowing can help.
    pub(super) blocks: Option<(u64, u64)>,
    /// What a node must have to answer.
    pub(super) need: Need,
}

/// Why one try did not give an answer.
pub(super) enum Trouble {
    TooWide {
        message: String,
        suggestion: Option<Suggestion>,
    },
    Busy {
        wait: Option<Duration>,
    },
    Behind {
        message: String,
    },
    /// It has no such block; another may.
    Absent,
    Pruned {
        message: String,
    },
    /// It answered with what cannot be right.
    Wrong {
        what: String,
    },
    Refused {
        code: i64,
        message: String,
    },
    Unreachable {
        reason: String,
    },
}

impl Trouble {
    /// Its name in the count of questions.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::TooWide { .. } => "too_wide",
            Self::Busy { .. } => "busy",
            Self::Behind { .. } => "behind",
            Self::Absent => "absent",
            Self::Pruned { .. } => "pruned",
            Self::Wrong { .. } => "wrong",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
        }
    }
}

impl Question {
    pub(super) fn new(method: &'static str, params: Value) -> Self {
        Self { method, params, blocks: None, need: Need::default() }
    }

    /// About the newest blocks, so that a node that is behind will not do.
    pub(super) fn of_head(method: &'static str, params: Value) -> Self {
        Self { need: Need { head: true, ..Need::default() }, ..Self::new(method, params) }
    }

    /// About the state at the end of a block.
    pub(super) fn of_state(method: &'static str, params: Value, at: u64) -> Self {
        Self { need: Need { state_at: Some(at), ..Need::default() }, ..Self::new(method, params) }
    }

    /// A header by number or tag.
    pub(super) fn header(tag: &Value) -> Self {
        let params = json!([tag, false]);
        let is_head = tag.as_str().is_some_and(|tag| !tag.starts_with("0x"));
        let question = if is_head { Self::of_head } else { Self::new };
        question("eth_getBlockByNumber", params)
    }

    /// The receipts of a block.
    pub(super) fn receipts(number: accrual_rewards::unit::BlockNumber) -> Self {
        Self::new("eth_getBlockReceipts", json!([quantity(number)]))
    }

    /// Logs.
    pub(super) fn logs(query: &LogQuery) -> Self {
        let (first, last) = (query.blocks.first.0, query.blocks.last.0);
        Self {
            blocks: Some((first, query.blocks.width())),
            need: Need { logs: Some((first, last)), ..Need::default() },
            ..Self::new("eth_getLogs", json!([filter(query)]))
        }
    }

    /// What it is about, for people.
    pub(super) fn what(&self) -> &'static str {
        match self.need {
            Need { logs: Some(_), .. } => "logs",
            Need { state_at: Some(_), .. } => "state",
            Need { head: true, .. } => "the newest block",
            _ => "blocks",
        }
    }

    /// The oldest block that it is about, where that says anything.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.need.logs.map(|(first, _)| first).or(self.need.state_at)
    }

    /// Whether what a contract said is behind a refusal, so that no other node would answer otherwise.
    pub(super) fn is_contracts_word(&self, code: i64, message: &str) -> bool {
        self.method == "eth_call" && (code == 3 || message.to_lowercase().contains("revert"))
    }

    /// A wide question that takes too long may be answered when it is smaller.
    pub(super) fn timed_out(&self, limit: Duration) -> Trouble {
        let reason = format!("no answer to {} within {} s", self.method, limit.as_secs());
        match self.blocks {
            Some((_, width)) if width > 1 => Trouble::TooWide { message: reason, suggestion: None },
            _ => Trouble::Unreachable { reason },
        }
    }

    pub(super) fn trouble(&self, error: TransportError) -> Trouble {
        match error {
            RpcError::ErrorResp(payload) => self.refusal(payload.code, &payload.message),
            RpcError::Transport(TransportErrorKind::HttpError(error)) => {
                self.http(error.status, &error.body, None)
            }
            RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { error, retry_after }) => {
                self.http(error.status, &error.body, Some(retry_after))
            }
            other => Trouble::Unreachable { reason: brief(&other.to_string()) },
        }
    }

    fn refusal(&self, code: i64, message: &str) -> Trouble {
        let (first, width) = self.blocks.unwrap_or((0, 1));
        let message = || brief(message);
        match refusal::read(code, &message(), first, width) {
            Refusal::TooWide(suggestion) if self.blocks.is_some() => {
                Trouble::TooWide { message: message(), suggestion }
            }
            Refusal::Busy => Trouble::Busy { wait: None },
            Refusal::Behind => Trouble::Behind { message: message() },
            Refusal::Pruned if self.oldest().is_some() => Trouble::Pruned { message: message() },
            Refusal::TooWide(_) | Refusal::Pruned | Refusal::Final => {
                Trouble::Refused { code, message: message() }
            }
        }
    }

    fn http(&self, status: u16, body: &str, wait: Option<Duration>) -> Trouble {
        match status {
            413 | 504 if self.blocks.is_some_and(|(_, width)| width > 1) => {
                Trouble::TooWide { message: format!("HTTP {status}: {}", brief(body)), suggestion: None }
            }
            429 | 503 => Trouble::Busy { wait: wait.map(|wait| wait.min(Duration::from_secs(60))) },
            400 if self.blocks.is_some() => self.refusal(-32600, body),
            _ => Trouble::Unreachable { reason: format!("HTTP {status}: {}", brief(body)) },
        }
    }
}

/// A node's answer as what was asked for.
pub(super) fn parse<T: DeserializeOwned>(answer: &RawValue) -> Result<T, Trouble> {
    serde_json::from_str(answer.get()).map_err(|error| Trouble::Wrong { what: error.to_string() })
}

/// The same for what may be long: on a thread of its own, so that neither the next question nor a caller of the API waits.
pub(super) async fn parse_apart<T: DeserializeOwned + Send + 'static>(
    answer: Box<RawValue>,
) -> Result<T, Trouble> {
    const LONG_BYTES: usize = 64 * 1024;
    if answer.get().len() < LONG_BYTES {
        return parse(&answer);
    }
    match tokio::task::spawn_blocking(move || parse(&answer)).await {
        Ok(read) => read,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}

/// A node's words, short enough for a log line, with URLs cut down to their hosts: what fails to connect names the whole
/// URL, and its path may hold a provider's key.
fn brief(text: &str) -> String {
    let mut words = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let begin = rest[..at].rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |place| place + 1);
        let is_end = |c: char| c.is_whitespace() || c.is_control() || "()<>[]{}\"',;".contains(c);
        let end = rest[at..].find(is_end).map_or(rest.len(), |length| at + length);
        words.push_str(&rest[..begin]);
        words.push_str(&name(&rest[begin..end]));
        rest = &rest[end..];
    }
    words.push_str(rest);
    words.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_no_key() {
        let cases = [
            ("plain words: 1/2", "plain words: 1/2"),
            (
                "error sending request for url (https://me:pw@a.example/v2/KEY?k=KEY): timed out",
                "error sending request for url (https://a.example): timed out",
            ),
            ("wss://b:1/KEY and http://c/KEY\n", "wss://b:1 and http://c"),
            ("see ://", "see ://"),
        ];
        for (text, expected) in cases {
            assert_eq!(brief(text), expected);
        }
    }

    /// What the transport itself says of a URL where nothing listens.
    #[tokio::test]
    async fn a_failed_connection_tells_no_key() {
        let question = Question::new("eth_chainId", json!([]));
        let url = "http://127.0.0.1:1/v2/SECRET";
        let client = alloy::rpc::client::ClientBuilder::default().connect(url).await.unwrap();
        let error = client.request::<_, Value>("eth_chainId", json!([])).await.unwrap_err();
        let Trouble::Unreachable { reason } = question.trouble(error) else {
            panic!("nothing listens there")
        };
        assert!(!reason.contains("SECRET"), "{reason}");
    }
}
