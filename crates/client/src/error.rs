//! What can go wrong, as sentences a person can act on. None of them ever holds a key's secret.

use std::time::Duration;

use serde::Deserialize;

use crate::keys::KeyError;

/// Why a call got no data.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address of the service is of no use.
    #[error("{url:?} is no address of the service ({why}): write it as https://api.example")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no key to show.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The service answers with a problem.
    #[error(transparent)]
    Problem(#[from] Box<ApiProblem>),
    /// The service does not answer.
    #[error("the service cannot be reached ({0}): check the address and the network")]
    Network(#[source] reqwest::Error),
    /// The service answers with something else than it should.
    #[error(
        "the service's answer cannot be read ({what}): is this accrual, and of a fitting version? (request {request_id})"
    )]
    Unreadable {
        /// What is wrong with it.
        what: String,
        /// The service's name for the request.
        request_id: String,
    },
}

impl ClientError {
    /// The service's stable name for what went wrong, when the service said so.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

/// A refusal of the service (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{status} {code}: {detail} (request {request_id})")]
pub struct ApiProblem {
    /// The HTTP status.
    pub status: u16,
    /// The stable name of what went wrong, e.g. `key_ended`.
    pub code: String,
    /// The same in general, for people.
    #[serde(default)]
    pub title: String,
    /// What went wrong here.
    #[serde(default)]
    pub detail: String,
    /// The service's name for the request, for whoever reads its log.
    #[serde(default)]
    pub request_id: String,
    /// The fields that are wrong, if fields are.
    #[serde(default)]
    pub errors: Vec<FieldProblem>,
    /// After how long to come again, when the service says so.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// One field of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldProblem {
    /// Its name.
    pub parameter: String,
    /// What is wrong with it, and what would be right.
    pub detail: String,
}

impl ApiProblem {
    /// The problem that an answer's body tells; something is always told, also of a proxy's page.
    pub(crate) fn read(status: u16, body: &[u8], request_id: &str, retry_after: Option<Duration>) -> Self {
        let told: Option<Self> = serde_json::from_slice(body).ok();
        let told = told.unwrap_or_else(|| Self {
            status,
            code: format!("http_{status}"),
            title: "An answer without a problem in it".to_owned(),
            detail: "something between here and the service answered in its place".to_owned(),
            request_id: request_id.to_owned(),
            errors: Vec::new(),
            retry_after: None,
        });
        Self { status, retry_after, ..told }
    }

    /// Whether the key is at its end, so that another one may do.
    pub(crate) fn wants_another_key(&self) -> bool {
        const CODES: [&str; 4] = ["key_ended", "key_revoked", "key_expired", "key_unknown"];
        self.status == 401 && CODES.contains(&self.code.as_str())
    }

    /// Whether the same call may fare better later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.status, 429 | 503)
    }
}
