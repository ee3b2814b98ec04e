//! A seeded campaign on a real EVM node with Uniswap's published contracts.
//!
//! | Module | Holds |
//! |---|---|
//! | `npm` | [`ensure_npm`]: the node, Uniswap's contracts and the compiler, from their npm packages |
//! | `anvil` | [`Anvil`]: an EVM node on a free loopback port, its blocks made when and as we say |
//! | `contracts` | what is deployed, and the words to talk to it |
//! | `stage` | [`Stage`]: a deployed Uniswap v3 with tokens, pools and helpers; every act as a [`Transaction`] |
//! | `script` | the story: fourteen campaign days, the days around them, and everything an LP may do |
//! | `record` | from the node to a recording: headers checked against their hashes, receipts, answers, code |
//!
//! Needed: node and npm, on Linux x86-64. The lock file of `node/` fixes what is fetched. The recording that
//! `accrual demo` serves is made by
//!
//! ```text
//! cargo run -p accrual-rehearsal -- record --seed 20250605 --out crates/recording/data/rehearsal.acr
//! ```
//!
//! in about a minute. The same seed and the same packages give the same file, byte for byte.

mod anvil;
mod contracts;
mod error;
mod npm;
mod record;
mod rng;
mod script;
mod stage;

pub use anvil::{Anvil, AnvilOptions};
pub use contracts::abi;
pub use error::RehearsalError;
pub use npm::{Npm, ensure_npm};
pub use record::{Described, record};
pub use rng::Rng;
pub use script::{Played, play};
pub use stage::{
    Balancer, ClaimCall, Mined, Pair, Pool, PriceFeed, Promise, Stage, Swap, Transaction, WeightedPool,
    account, range, tkn, usd,
};
