//! The meaning of things: what a pool event changes and who earned what.
//!
//! Pure: no clock, no network, no database; the same events give the same answer, for ever.
//!
//! - [`mod@unit`], [`id`], [`event`]: the vocabulary.
//! - [`math`]: the pool's own arithmetic.
//! - [`ledger`]: what the events of a pool add up to.
//! - [`pool`], [`ownership`]: a pool to follow, and who stands behind its holders.
//! - [`campaign`], [`accrue`]: who is paid for what and when; the split of a budget.
//! - [`tracker`]: a pool's ledger with its campaigns, the one thing that others fold events into.
//! - [`price`]: USD for a token.
//! - [`apr`]: what is held, and the yearly rate, for people to read.
//! - [`series`], [`treasury`]: a pool and its campaigns at the full hour, and what a campaign bought.
//! - [`explain`], [`simulate`]: when a position earned and why not, and what a new one would.
//! - [`depth`]: where a pool's liquidity lies.
//! - [`report`], [`symbol`], [`checksum`]: figures by account, tokens' names and addresses, as people read them.
//! - [`announced`]: what was said of campaigns before, held against itself.
//! - [`reconcile`]: those figures against Merkl's, and why they differ.
//! - [`tree`]: who may claim what, as Merkl's Distributor checks it; [`distributor`]: which root it goes by, from its logs.

pub mod accrue;
pub mod announced;
pub mod apr;
mod aside;
pub mod campaign;
pub mod checksum;
mod compact;
pub mod depth;
pub mod distributor;
pub mod event;
pub mod explain;
mod helpers;
pub mod id;
pub mod ledger;
pub mod math;
mod minimum;
pub mod ownership;
pub mod pace;
pub mod pool;
pub mod price;
pub mod reconcile;
pub mod report;
pub mod series;
pub mod simulate;
pub mod symbol;
pub mod tracker;
pub mod treasury;
pub mod tree;
pub mod unit;
