//! From a JSON-RPC node to stored pool events.
//!
//! - [`source`]: what is asked of a node; [`rpc`] asks it over HTTP or a websocket; [`refusal`] reads its refusals.
//! - [`preflight`]: what must hold before a block is read; [`tokens`]: what tokens say of themselves.
//! - [`plan`]: how wide a range to ask for next.
//! - [`decode`]: from logs to events, without IO.
//! - [`fetch`]: one range's logs, headers and events, several ranges at a time.
//! - [`fork`]: which of our blocks left the chain, without IO.
//! - [`follow`]: the loop that commits what was fetched, in order, and rewinds when the chain changes its mind.

pub mod decode;
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

pub use error::IndexError;
