//! Who may ask, with which key, and how much: pure. Time and randomness come in as arguments.
//!
//! - [`key`]: the form of a key; [`pepper`]: the MAC that is stored of it; [`scope`], [`network`]: what a key may do and
//!   whence.
//! - [`siwe`]: who signs in with an Ethereum wallet, by EIP-4361.
//! - [`record`]: what is known of a key, and whether it is accepted at an instant.
//! - [`table`]: every key in memory.
//! - [`change`], [`rotation`], [`upkeep`]: all changes to keys, from what is stored to what shall be stored; [`audit`]:
//!   what was done, in a chain of hashes.
//! - [`notice`]: what others are told; [`webhook`], [`address_guard`]: how it is signed and tried, and where it may go.
//! - [`habit`]: what a key does against its own habit.
//! - [`plan`], [`window`], [`quota`], [`month`], [`invoice`], [`rate_headers`]: how much a client may ask, and what it costs.
//!
//! The store keeps these records, the API and the command line ask these functions; neither has rules of its own.

pub mod address_guard;
pub mod audit;
pub mod change;
pub mod habit;
pub mod invoice;
pub mod key;
pub mod month;
pub mod network;
pub mod notice;
pub mod pepper;
pub mod plan;
pub mod quota;
pub mod rate_headers;
pub mod record;
pub mod rotation;
pub mod scope;
pub mod siwe;
mod sync;
pub mod table;
pub mod upkeep;
pub mod webhook;
pub mod window;
