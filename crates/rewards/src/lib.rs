//! The meaning of things: what a pool event changes and who earned what.
//!
//! Pure: no clock, no network, no database; the same events give the same answer, for ever.
//!
//! - [`mod@unit`], [`id`], [`event`]: the vocabulary.
//! - [`math`]: the pool's own arithmetic.
//! - [`ledger`]: what the events of a pool add up to.
//! - [`campaign`], [`accrue`]: who is paid for what and when; the split of a budget.
//! - [`tracker`]: a pool's ledger with its campaigns, the one thing that others fold events into.
//! - [`apr`]: the yearly rate, for people to read.
//! - [`report`]: figures by account, as people read them.

pub mod accrue;
pub mod apr;
pub mod campaign;
pub mod event;
pub mod id;
pub mod ledger;
pub mod math;
pub mod report;
pub mod tracker;
pub mod unit;
