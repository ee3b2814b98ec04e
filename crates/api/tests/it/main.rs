//! The API as callers meet it: a router over a database in a temporary folder, time under control.

#![allow(clippy::unwrap_used, reason = "clippy counts helpers of integration tests as no tests")]

mod auth;
mod book;
mod connections;
mod credited;
mod damaged;
mod data;
#[path = "../../../../tests/db.rs"]
#[allow(dead_code, unreachable_pub, reason = "the tests of the whole use more of it, from outside")]
mod db;
mod deliver;
mod document;
mod exchange;
mod forms;
mod held;
mod history;
mod keys;
mod limits;
mod mcp;
mod names;
mod overview;
mod payouts;
mod peppers;
mod problems;
mod proofs;
mod receiver;
mod rig;
mod schemathesis;
mod server;
mod sign_in;
mod status;
mod stream;
mod unknown;
mod v4;
mod ways;
mod webhooks;
