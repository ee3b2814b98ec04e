//! The HTTP API and the page that uses it.
//!
//! - [`mod@serve`], [`mod@router`]: the server and all its routes.
//! - [`app`]: what every request shares; [`clock`]: time as an argument.
//! - [`book`]: pools and campaigns in memory, as of their checkpoints.
//! - [`key`], [`keys`], [`auth`]: the form of a key, its life in the database, who may ask for what; [`last_used`]: when
//!   each was used.
//! - [`answer`], [`error`], [`view`]: what callers see.
//! - [`params`], [`cursor`]: what callers may send; `csv` and `prices`: rows as tables, USD for tokens.
//!
//! It reads the store and never the chain: an answer comes even when every node is down.

mod answer;
pub mod app;
pub mod auth;
pub mod book;
pub mod clock;
mod csv;
pub mod cursor;
pub mod error;
pub mod key;
pub mod keys;
pub mod last_used;
pub mod params;
mod prices;
pub mod router;
mod routes;
pub mod serve;
pub mod view;

pub use app::{Api, PoolInfo, Settings, TokenInfo};
pub use book::{Pair, Token, Tokens};
pub use clock::Clock;
pub use key::{ApiKey, KeyEnv, KeyId, Pepper};
pub use router::router;
pub use serve::serve;
