//! Shared helpers of the test binary.

pub mod binary;
pub mod config;
pub mod db;
pub mod js;
pub mod liar;
pub mod played;
pub mod proxy;
pub mod quiet;
pub mod watched;
