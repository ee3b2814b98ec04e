//! Decoding and preflight, without a network: logs are built from the ABI, contracts are tables of answers.

#![allow(clippy::unwrap_used, reason = "clippy counts helpers of integration tests as no tests")]

mod discover;
mod fetching;
mod full_blooms;
mod fuzz;
mod orders;
mod preflight;
mod questions;
mod rig;
mod signatures;
mod unsteady;
mod vectors;
