//! A recorded stretch of an EVM chain in one file, and a JSON-RPC node that serves it.
//!
//! | Module | Holds |
//! |---|---|
//! | `model` | what a [`Recording`] is made of: blocks with every receipt and log, answers to calls, code |
//! | `format` | [`Recording::read`] and [`Recording::write`]: the file, and what may not stand in it |
//! | `chain` | where each block, transaction and log of a recording is, made once before serving |
//! | `filter` | the filter of `eth_getLogs`: parsing it, and finding its logs without a scan |
//! | `head` | how much of the chain is shown, and what is safe and final |
//! | `render` | JSON as nodes write it |
//! | `methods` | what the node answers, method by method, within its limits |
//! | `rpc` | requests, answers and refusals of JSON-RPC 2.0 |
//! | `node` | [`serve`]: the thin shell with the listener and the clock |
//!
//! What the node shows is what the recorded chain said, nothing else: a question that the recording
//! does not hold is refused, never answered with a guess.

mod chain;
#[cfg(test)]
mod example;
mod filter;
mod format;
mod head;
mod methods;
mod model;
mod node;
mod render;
mod rpc;

pub use format::{INFLATED_BYTES_MAX, RecordingError};
pub use head::HeadRule;
pub use model::{Answer, Block, Call, Code, Header, Log, Meta, Recording, Transaction};
pub use node::{NodeOptions, serve};

/// The bundled rehearsal: a seeded campaign on a real EVM node with Uniswap's published contracts.
pub const REHEARSAL: &[u8] = include_bytes!("../data/rehearsal.acr");
