//! What answers a question.

use std::future::Future;

/// Answers questions of the API.
pub trait Source {
    /// The answer to `path`, which begins with `/v4/` and carries its query.
    fn get(&self, path: &str) -> impl Future<Output = Result<Answer, MerklError>> + Send;
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// Its text.
    pub body: String,
}

/// Why there is no figure of theirs.
#[derive(Debug, thiserror::Error)]
pub enum MerklError {
    /// The base URL is none.
    #[error("{url:?} is no base URL of Merkl's API: write it as https://host, without /v4 ({why})")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing came, however often it was asked.
    #[error(
        "{path} was not answered in {attempts} attempts: {why}; what was read so far is kept, run it again to go on"
    )]
    NoAnswer {
        /// What was asked.
        path: String,
        /// How often.
        attempts: u32,
        /// What the last attempt met.
        why: String,
    },
    /// It said no.
    #[error("{path} was refused with status {status}: {said}")]
    Refused {
        /// What was asked.
        path: String,
        /// The status.
        status: u16,
        /// The beginning of what it said.
        said: String,
    },
    /// An answer that is longer than is taken.
    #[error("the answer to {path} is longer than {bytes_max} bytes, which is all that is taken")]
    TooLong {
        /// What was asked.
        path: String,
        /// The limit.
        bytes_max: usize,
    },
    /// An answer in another shape.
    #[error("the answer to {path} is not what Merkl's API says: {why}")]
    Malformed {
        /// What was asked.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// They do not know the campaign.
    #[error("they know no campaign {campaign} on chain {chain_id}")]
    NoCampaign {
        /// Its id.
        campaign: String,
        /// The chain.
        chain_id: u64,
    },
    /// They have not computed it yet.
    #[error("they have computed nothing of campaign {campaign} yet: there is nothing to compare")]
    NotComputed {
        /// Its id.
        campaign: String,
    },
    /// They computed it anew while it was read, so that its pages do not belong together.
    #[error("campaign {campaign} was computed anew while it was read: read it again")]
    Moved {
        /// Its id.
        campaign: String,
    },
    /// Keeping or finding an answer failed.
    #[error("{0}")]
    Kept(String),
}
