//! Between the field's types and the database's `bigint` and `text`.

use std::fmt::Display;
use std::str::FromStr;

use crate::{Db, StoreError};

/// `value` for storing.
///
/// # Errors
/// [`StoreError::TooLarge`] from 2^63 on.
pub(crate) fn bigint(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge { what, value })
}

/// `value` for comparing with what is stored: nothing stored is larger than the largest `bigint`.
pub(crate) fn bound(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The row that cells are read from, for the error when one is damaged.
pub(crate) struct Row<'a, K> {
    pub(crate) db: &'a Db,
    pub(crate) table: &'static str,
    pub(crate) key: K,
}

impl<K: Display> Row<'_, K> {
    /// A count, height or time.
    pub(crate) fn number(&self, column: &str, cell: i64) -> Result<u64, StoreError> {
        u64::try_from(cell).map_err(|_| self.damaged(format!("{column} is {cell}, below zero")))
    }

    /// Anything that is stored as its own text.
    pub(crate) fn text<T>(&self, column: &str, cell: &str) -> Result<T, StoreError>
    where
        T: FromStr<Err: Display>,
    {
        cell.parse().map_err(|error| self.damaged(format!("{column} is {cell:?} ({error})")))
    }

    pub(crate) fn damaged(&self, what: String) -> StoreError {
        StoreError::Damaged { at: self.db.at(), table: self.table, row: self.key.to_string(), what }
    }
}
