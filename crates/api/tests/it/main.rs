//! The API as callers meet it: a router over a database in a temporary folder, time under control.

#![allow(clippy::unwrap_used, reason = "clippy counts helpers of integration tests as no tests")]

mod auth;
mod data;
mod history;
mod problems;
mod rig;
mod server;
mod unknown;
