//! From a JSON-RPC node to stored pool events.
//!
//! - [`source`]: what is asked of a node; [`rpc`] asks it over HTTP or a websocket; [`refusal`] reads its refusals.
//! - [`preflight`]: what must hold before a block is read, and what contracts say of themselves; [`tokens`]: what tokens
//!   say.
//! - [`plan`]: how wide a range to ask for next.
//! - [`decode`]: from logs to events, without IO.
//! - [`discover`]: campaigns that were announced on the chain, and the pools they are about.
//! - [`distributor`]: Merkl's contract that pays, read behind the pools.
//! - [`fetch`]: one range's logs, headers and events, several ranges at a time.
//! - [`complete`]: whether a node left logs out, by blooms and receipts.
//! - [`fork`]: which of our blocks left the chain, without IO.
//! - [`mod@verify`]: what is stored against what the contracts say at the same block.
//! - [`workers`]: which pools are this worker's, when several share a database.
//! - [`follow`]: the loop that commits what was fetched, in order, and rewinds when the chain changes its mind.

mod ahead;
pub mod complete;
pub mod decode;
mod density;
pub mod discover;
pub mod distributor;
mod error;
pub mod fetch;
pub mod follow;
pub mod fork;
pub mod plan;
pub mod preflight;
pub mod refusal;
pub mod rpc;
pub mod source;
pub mod tokens;
pub mod verify;
pub mod workers;

pub use error::IndexError;
