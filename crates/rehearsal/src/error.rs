//! What goes wrong in a rehearsal.

use std::path::PathBuf;

use alloy::primitives::Bytes;

/// Why a rehearsal could not be played or recorded.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the sentence says what a field is")]
pub enum RehearsalError {
    /// A program that must be on the path is not, or fails.
    #[error(
        "{program} does not run ({reason}): install Node.js 20 or newer, which brings npm, and try again"
    )]
    Program { program: &'static str, reason: String },
    /// `npm ci` failed.
    #[error(
        "npm could not install what {folder} names: {reason}; check that the package registry is reachable"
    )]
    Install { folder: PathBuf, reason: String },
    /// A file of a package is not what it should be.
    #[error("{path} cannot be used ({reason}): remove node_modules beside it and try again")]
    Package { path: PathBuf, reason: String },
    /// One of our own contracts.
    #[error("the contracts of the rehearsal do not compile: {reason}")]
    Compile { reason: String },
    /// The node does not come up.
    #[error("anvil at {path} does not start ({reason}); it is a program for Linux on x86-64")]
    Start { path: PathBuf, reason: String },
    /// The node cannot be asked.
    #[error("anvil does not answer {method}: {reason}")]
    Unreachable { method: String, reason: String },
    /// The node refuses.
    #[error("anvil refuses {method}: {reason}")]
    Refused { method: String, reason: String, data: Option<Bytes> },
    /// The node answers with something else than the method promises.
    #[error("anvil answers {method} with something unexpected: {reason}")]
    Answer { method: String, reason: String },
    /// A transaction that should have gone through did not.
    #[error("{what} was reverted in block {block}: the story asks for something the contracts forbid")]
    Reverted { what: String, block: u64 },
    /// A transaction did not make it into its block.
    #[error("block {block} has {found} of {sent} transactions: the block's gas does not suffice for them")]
    LeftOut { block: u64, sent: usize, found: usize },
    /// The chain contradicts itself or the story.
    #[error("the chain is not as it should be: {reason}")]
    Insane { reason: String },
    /// The recording cannot be written.
    #[error(transparent)]
    Recording(#[from] accrual_recording::RecordingError),
}
