//! Deterministic simulation: indexer, engine and store run under a seed, on a chain, nodes, a database and a clock that
//! are simulated as far as they are outside of us, with faults wherever the outside is touched. In the end the rows must
//! be those of a run that nothing disturbed.
//!
//! What is real: the follower with everything in it, the JSON-RPC client above its transport, the store on SQLite, or
//! on a PostgreSQL that somebody else brings. What is simulated:
//!
//! - `chain.rs`: blocks with real headers and logs (`world.rs`, `concentrated.rs` and `gauge.rs` play the contracts), and branches that end;
//! - `node.rs`: what a node answers; `weather.rs`: what goes wrong under a seed; `wire.rs`: the way between;
//! - `machines.rs`: what stands behind a node's address, one machine or two that see the chain differently for a while;
//!   `stray.rs`: logs that were not asked for;
//! - `waits.rs`: the chain's clock, which stands until somebody has stored a branch that will be left, and right after it;
//! - `stage.rs`: the clock, which stands while the database works and else jumps to the next thing that happens, and
//!   death: a process ends at a step to the outside, and what it did before stays;
//! - `process.rs`: a process as it begins and goes on; `lives.rs`: one after the other, as a seed has them die;
//! - `seed.rs`: one seed from its chain to its verdict.
//! - `quiet.rs`: the same chain on a real port and without weather, for benches.
//!
//! `cargo xtask simulate --seeds N` runs many; a seed that fails is printed with the command that repeats it.

// The follower's futures are deep in each other here: a whole process is one.
#![recursion_limit = "256"]

mod campaigns;
mod chain;
mod chance;
mod concentrated;
mod cores;
mod disk;
mod gauge;
mod lives;
mod machines;
mod node;
mod process;
mod quiet;
mod rows;
mod seed;
mod stage;
mod stray;
mod sums;
mod waits;
mod weather;
mod wire;
mod world;

pub use quiet::Quiet;
pub use seed::{Outcome, run, run_at};
pub use sums::{Sums, run_all};
pub use weather::Nodes;
