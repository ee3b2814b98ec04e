//! Asks accrual's API.
//!
//! ```no_run
//! # async fn example() -> Result<(), accrual_client::ClientError> {
//! use accrual_client::{Client, KeySource};
//!
//! let client = Client::new("https://api.example", KeySource::file("/run/secrets/accrual"))?;
//! let mut rows = client.accruals("usdc-tmai-2025-06");
//! while let Some(row) = rows.next().await? {
//!     println!("{} {}", row.account, row.earned_units);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - [`Client`]: a method for each call; [`types`]: what comes back; [`Pages`]: lists of any length.
//! - [`KeySource`]: where the key comes from. A key that is exchanged while the program runs is taken up without a
//!   failed call; [`KeySource::self_rotating`] exchanges it itself. [`KeyEvent`] tells of it.
//! - [`Retry`]: how patient it is; [`ClientError`], [`ApiProblem`]: what went wrong.
//!
//! It depends on nothing else of accrual, so that it can be taken alone. Cheap to clone; clones share one key.

mod amount;
mod call;
mod client;
mod error;
mod keys;
mod pages;
mod retry;
pub mod types;

pub use amount::{NotUnits, Units};
pub use client::{Builder, Client, HistoryQuery, Interval, SimulateQuery};
pub use error::{ApiProblem, ClientError, FieldProblem};
pub use keys::{KeyError, KeyEvent, KeySource, SelfRotation};
pub use pages::Pages;
pub use retry::Retry;
