//! One test binary, many modules.

#![allow(clippy::unwrap_used, reason = "helpers of tests stop the test")]

mod cli;
mod dependencies;
mod deploy;
mod documents;
mod figures;
mod indexing;
mod js;
mod layers;
mod mainnet;
mod many;
mod mcp;
mod node;
mod nodes;
mod outage;
mod page;
mod quiet;
mod retained;
mod rotation;
mod secrets;
mod servers;
mod simulated;
mod standby;
mod store;
mod tokens;
mod unwritten;
