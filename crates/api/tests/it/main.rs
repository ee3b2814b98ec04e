//! The API as callers meet it: a router over a database in a temporary folder, time under control.

#![allow(clippy::unwrap_used, reason = "clippy counts helpers of integration tests as no tests")]

mod auth;
mod data;
mod deliver;
mod history;
mod keys;
mod limits;
mod problems;
mod receiver;
mod rig;
mod server;
mod sign_in;
mod unknown;
mod webhooks;
