//! The engine and its parts, each against a second way of knowing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod apr;
mod brute;
mod campaign;
mod depth;
mod explain;
mod ledger;
mod math;
mod minimum;
mod ownership;
mod pool;
mod pooled;
mod price;
mod property;
mod reconcile;
mod reference;
mod replay;
mod scoring;
mod series;
mod shares;
mod simulate;
mod slow;
mod small;
mod stakedao;
mod treasury;
mod tree;
