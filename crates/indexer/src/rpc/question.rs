//! One question to a node, and what it means when it is not answered.

use std::time::Duration;

use alloy::transports::{RpcError, TransportError, TransportErrorKind};
use serde_json::Value;

use crate::plan::Suggestion;
use crate::refusal::{self, Refusal};

pub(super) struct Question {
    pub(super) method: &'static str,
    pub(super) params: Value,
    /// The first block and the width, where narrowing can help.
    pub(super) blocks: Option<(u64, u64)>,
}

/// Why one try did not give an answer.
pub(super) enum Trouble {
    TooWide { message: String, suggestion: Option<Suggestion> },
    Busy { wait: Option<Duration> },
    Behind { message: String },
    Refused { code: i64, message: String },
    Unreachable { reason: String },
}

impl Trouble {
    /// Its name in the count of questions.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::TooWide { .. } => "too_wide",
            Self::Busy { .. } => "busy",
            Self::Behind { .. } => "behind",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
        }
    }
}

impl Question {
    pub(super) fn new(method: &'static str, params: Value) -> Self {
        Self { method, params, blocks: None }
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
            Refusal::TooWide(_) | Refusal::Final => Trouble::Refused { code, message: message() },
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

/// A node's words, short enough for a log line.
fn brief(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
