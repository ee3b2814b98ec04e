//! The client against a stand-in that plays the service's answers, headers and refusals.

#![allow(clippy::unwrap_used, reason = "clippy counts helpers of integration tests as no tests")]

mod calls;
mod examples;
mod keys;
mod self_rotation;
mod service;
