//! Everything that is kept: one SQL text for SQLite and PostgreSQL.
//!
//! [`Db`] opens a database and migrates it; then there is one module per table, each statement a constant
//! over the function that runs it. [`commit`] is the only way by which the chain's data changes: one batch,
//! one transaction; [`access`] is the only way by which keys do. No clock runs in here: times are arguments.

mod bulk;
mod cell;
mod db;
mod error;
mod explain;
mod migrate;
mod pack;
mod url;

pub mod access;
pub mod account_days;
pub mod accounts;
pub mod allowances;
pub mod audit;
pub mod backup;
pub mod blocks;
pub mod chain;
pub mod checkpoints;
pub mod clients;
pub mod commit;
pub mod comparisons;
pub mod deliveries;
pub mod distributor;
pub mod dump;
pub mod events;
pub mod idempotency;
pub mod keys;
pub mod leases;
pub mod listen;
pub mod moment;
pub mod nodes;
pub mod notices;
pub mod pools;
pub mod readings;
pub mod rebuild;
pub mod record;
pub mod replica;
pub mod replicas;
pub mod retention;
pub mod rotations;
pub mod series;
pub mod sign_in;
pub mod snapshots;
pub mod status;
pub mod steps;
pub mod tokens;
pub mod usage;
pub mod verifications;
pub mod watched;
pub mod webhooks;

pub use blocks::Header;
pub use chain::ChainRow;
pub use checkpoints::{BlockRef, Checkpoint};
pub use commit::{Extension, PoolExtension};
pub use db::{Db, Engine, Mode};
pub use deliveries::DeliveryRow;
pub use error::StoreError;
pub use events::EventPlace;
pub use leases::Lease;
pub use migrate::{MigrationReport, SCHEMA_VERSION};
pub use notices::NoticeRow;
pub use pack::{Pack, Packer};
pub use pools::PoolRow;
pub use snapshots::Snapshot;
pub use tokens::TokenRow;
pub use url::DbUrl;
pub use webhooks::WebhookRow;
