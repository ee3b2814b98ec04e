//! Many rows in one statement.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::AssertSqlSafe;

use crate::db::Engine;

/// Rows a statement, largest first. A batch is cut into these few sizes, so that each text is prepared once a
/// connection. More rows a statement are no faster on either engine (measured with `tests/benches/store`).
const SIZES: [usize; 5] = [1024, 256, 64, 8, 1];

/// What SQLite allows in one statement; PostgreSQL allows twice as many.
const PARAMETERS_MAX: usize = 32_766;

/// An `insert` of any number of rows.
pub(crate) struct Bulk {
    head: &'static str,
    columns: usize,
    tail: &'static str,
    texts: Mutex<BTreeMap<(Engine, usize), Arc<str>>>,
}

impl Bulk {
    /// `head` ends before the rows, each of `columns` parameters, and `tail` stands after them.
    pub(crate) const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        assert!(SIZES[0] * columns <= PARAMETERS_MAX, "the largest statement fits both engines");
        Self { head, columns, tail, texts: Mutex::new(BTreeMap::new()) }
    }

    /// `rows` cut into statements, in their order.
    pub(crate) fn statements<'a, T>(
        &'a self,
        engine: Engine,
        mut rows: &'a [T],
    ) -> impl Iterator<Item = (AssertSqlSafe<Arc<str>>, &'a [T])> {
        std::iter::from_fn(move || {
            let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
            let (now, later) = rows.split_at(size);
            rows = later;
            // Safe: made of constants and numbers alone.
            Some((AssertSqlSafe(self.text(engine, size)), now))
        })
    }

    fn text(&self, engine: Engine, size: usize) -> Arc<str> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.entry((engine, size)).or_insert_with(|| self.write(engine, size).into()).clone()
    }

    fn write(&self, engine: Engine, size: usize) -> String {
        let parameter = |number: usize| match engine {
            // SQLite searches its named parameters one by one, so thousands of them take quadratic time.
            Engine::Sqlite => "?".to_owned(),
            Engine::Postgres => format!("${number}"),
        };
        let row = |row: usize| {
            let parameters: Vec<String> =
                (1..=self.columns).map(|column| parameter(row * self.columns + column)).collect();
            format!("({})", parameters.join(","))
        };
        let rows: Vec<String> = (0..size).map(row).collect();
        format!("{} {} {}", self.head, rows.join(","), self.tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_statement_in_order() {
        let bulk = Bulk::new("insert into t (a, b) values", 2, "");
        for count in [0, 1, 7, 8, 9, 300, 20_000, 40_001] {
            let rows: Vec<usize> = (0..count).collect();
            for engine in [Engine::Sqlite, Engine::Postgres] {
                let cut: Vec<_> = bulk.statements(engine, &rows).map(|(_, rows)| rows).collect();
                assert_eq!(cut.concat(), rows);
                assert!(cut.iter().all(|rows| SIZES.contains(&rows.len())));
            }
        }
    }

    #[test]
    fn numbers_parameters_through() {
        let bulk = Bulk::new("insert into t (a, b) values", 2, "on conflict do nothing");
        let cases = [
            (Engine::Sqlite, "insert into t (a, b) values (?,?),(?,?) on conflict do nothing"),
            (Engine::Postgres, "insert into t (a, b) values ($1,$2),($3,$4) on conflict do nothing"),
        ];
        for (engine, text) in cases {
            assert_eq!(bulk.write(engine, 2), text);
        }
    }
}
