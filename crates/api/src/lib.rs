//! The HTTP API and the page that uses it.
//!
//! - [`mod@serve`], [`mod@router`]: the server and all its routes.
//! - [`app`]: what every request shares; [`clock`]: time as an argument.
//! - [`book`]: pools and campaigns in memory, as of their checkpoints.
//! - [`key`], [`keys`], [`auth`]: the form of a key, its life in the database, who may ask for what; [`limits`], [`usage`]:
//!   how much, and how much it was; `marketplace`: who comes through a gateway.
//! - [`sign_in`]: a key for whoever signs with an Ethereum wallet.
//! - [`answer`], [`error`], [`view`]: what callers see.
//! - [`params`], [`cursor`]: what callers may send; `csv` and `prices`: rows as tables, USD for tokens.
//! - [`webhooks`]: others are told what happens; [`deliver`]: a fresh key goes to a secrets manager.
//!
//! It reads the store and never the chain: an answer comes even when every node is down.

mod answer;
pub mod app;
pub mod auth;
mod body;
pub mod book;
pub mod clock;
pub mod csv;
pub mod cursor;
pub mod deliver;
pub mod error;
mod horizon;
pub mod keys;
pub mod limits;
mod marketplace;
pub mod params;
mod prices;
pub mod router;
mod routes;
pub mod serve;
pub mod sign_in;
pub mod usage;
pub mod view;
pub mod webhooks;

pub use accrual_access::key::{ApiKey, KeyEnv, KeyId, Pepper, Peppers};
pub use accrual_access::{key, scope};
pub use app::{Api, PoolInfo, Settings, TokenInfo};
pub use book::{Pair, Token, Tokens};
pub use clock::Clock;
pub use router::router;
pub use serve::serve;
pub use sign_in::SignIn;
