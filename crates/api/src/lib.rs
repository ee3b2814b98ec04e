//! The HTTP API and the page that uses it.
//!
//! - [`mod@serve`], [`mod@router`]: the server and all its routes; [`connections`], `crowd`: how many are let in.
//! - [`app`]: what every request shares; [`clock`]: time as an argument.
//! - [`book`]: pools and campaigns in memory, as of their checkpoints.
//! - [`key`], [`keys`], [`auth`]: the form of a key, its life in the database, who may ask for what; [`limits`], [`usage`]:
//!   how much, and how much it was; `marketplace`: who comes through a gateway.
//! - [`sign_in`]: a key for whoever signs with an Ethereum wallet.
//! - [`answer`], [`error`], [`view`]: what callers see; `accept`, `finished`: in which form, and as finished bytes;
//!   `door`: what is finished is given out before the router.
//! - [`document`]: the description of it all, made from the code; `listed`: routes that know their own list.
//! - [`params`], [`cursor`]: what callers may send; `csv` and `prices`: rows as tables, USD for tokens.
//! - [`announced`]: what was said of a campaign before.
//! - [`reconciliation`]: our figures against Merkl's, as callers see them.
//! - `live`: what each block changes, for streams; [`webhooks`]: others are told what happens; [`deliver`]: a fresh key
//!   goes to a secrets manager.
//! - `status`, `metrics`: what the service is like, kept for 90 days, and what it counts.
//! - `v4`: Merkl's own shapes, for what was written for theirs.
//! - [`mcp`]: the same figures for assistants, over HTTP and on standard input and output; [`local`]: for a terminal on the
//!   same machine.
//!
//! It reads the store and never the chain: an answer comes even when every node is down.

mod accept;
pub mod announced;
mod answer;
pub mod app;
pub mod auth;
mod body;
pub mod book;
pub mod clock;
pub mod connections;
mod crowd;
pub mod csv;
pub mod cursor;
pub mod deliver;
pub mod document;
mod door;
pub mod error;
mod finished;
mod horizon;
pub mod keys;
pub mod limits;
mod listed;
mod live;
pub mod local;
mod marketplace;
pub mod mcp;
mod metrics;
pub mod params;
mod prices;
pub mod reconciliation;
pub mod router;
mod routes;
pub mod serve;
pub mod sign_in;
mod status;
pub mod usage;
mod v4;
pub mod view;
pub mod webhooks;

pub use accrual_access::key::{ApiKey, KeyEnv, KeyId, Pepper, Peppers};
pub use accrual_access::{key, scope};
pub use app::{Api, PoolInfo, Settings, TokenInfo};
pub use book::{Pair, Token, Tokens};
pub use clock::Clock;
pub use connections::ConnectionLimits;
pub use live::StreamLimits;
pub use local::Local;
pub use mcp::McpSettings;
pub use router::router;
pub use serve::{serve, serve_within};
pub use sign_in::SignIn;
