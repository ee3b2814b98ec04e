//! A server on loopback that takes messages, and answers as a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use accrual_access::webhook::{Message, SigningSecret, verify};
use accrual_rewards::unit::UnixSeconds;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// One message, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// How many of these secrets have signed it.
    pub(crate) fn signed_by(&self, secrets: &[&str]) -> usize {
        let at = UnixSeconds(self.header("webhook-timestamp").parse().unwrap());
        let message = Message { id: self.header("webhook-id"), at, body: &self.body };
        let is_right = |secret: &&&str| {
            let secret: SigningSecret = secret.parse().unwrap();
            verify(&message, self.header("webhook-signature"), &secret, at).is_ok()
        };
        secrets.iter().filter(is_right).count()
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Receiver {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    pub(crate) port: u16,
}

impl Receiver {
    /// Answers 204, once it has given these answers.
    pub(crate) async fn start(answers: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut receiver = Self { port: listener.local_addr().unwrap().port(), ..Self::default() };
        receiver.answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    receiver.received.lock().unwrap().push(Received { headers, body });
    let answer = receiver.answers.lock().unwrap().pop_front().unwrap_or(204);
    // A redirect leads back here: whoever follows it is seen twice.
    (StatusCode::from_u16(answer).unwrap(), [("location", "/elsewhere")]).into_response()
}
