//! Merkl's own API, version 4, so that what was written for theirs works here by changing the base URL: the part of it
//! that a tracker of one chain can answer.
//!
//! - [`filters`], [`invalid`]: their query strings, and their 422 for what does not fit.
//! - [`mod@reference`]: chains, tokens, protocols; [`campaigns`], [`metrics`], [`opportunities`]: what is promised and what it
//!   yields; [`rewards`], [`users`], [`roots`]: who is paid.
//! - [`merkl`]: what Merkl itself has credited, as far as it is stored here: the one place that is asked for it.
//! - [`own`]: our figures and how they are written.
//!
//! **Whose figure it is.** `amount`, `claimed`, `pending`, `proofs` and `root` are what Merkl credited. Where that is not
//! known here they are null (lists empty), never zero and never our own figure: a client that computes with null stops,
//! one that computes with a wrong number pays. What we count stands beside them in `accrual`.
//!
//! **What is asked for.** A parameter that theirs does not know is dropped, as their framework drops it. One that theirs
//! knows and that cannot be applied here (who created a campaign, and when) is 422: a filter that silently lets all pass
//! would show other people's campaigns.
//!
//! **How it is written.** Bare lists, `page` from 0 and `items`; times in seconds, as text where theirs has 64 bits; no
//! text that their client would take for a date; every body `application/json`, since that is all that it parses.

pub(crate) mod campaigns;
mod filters;
mod invalid;
mod merkl;
pub(crate) mod metrics;
pub(crate) mod opportunities;
pub(crate) mod own;
pub(crate) mod reference;
pub(crate) mod rewards;
pub(crate) mod roots;
pub(crate) mod users;

use axum::Json;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use invalid::Invalid;

/// An answer, or why there is none.
type Answer<T> = Result<Json<T>, Refused>;

/// Why a call is not answered.
#[derive(Debug)]
pub(crate) enum Refused {
    /// What was asked does not fit.
    Invalid(Invalid),
    /// Anything else, as in the rest of the API.
    Other(ApiError),
}

/// Whether a request is one of these calls, so that also its problems are `application/json`.
pub(crate) fn is_asked(uri: &Uri) -> bool {
    uri.path().starts_with("/v4/")
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

impl From<accrual_store::StoreError> for Refused {
    fn from(error: accrual_store::StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid(invalid) => invalid.into_response(),
            Self::Other(error) => error.into_response(),
        }
    }
}
