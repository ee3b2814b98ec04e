//! The schema: one numbered set of migrations for both engines.

use std::fmt;

use sqlx::migrate::Migrator;

use crate::db::{Mode, Open, Tx};
use crate::{Db, StoreError, explain};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// The number of our newest migration.
pub const SCHEMA_VERSION: i64 = 18;

/// What [`Db::migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The newest migration before; 0 for a new database.
    pub from: i64,
    /// The newest migration now.
    pub to: i64,
    /// What was applied, oldest first: number and name.
    pub applied: Vec<(i64, String)>,
}

impl fmt::Display for MigrationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.applied.is_empty() {
            return write!(f, "schema {} is up to date", self.to);
        }
        let names: Vec<String> =
            self.applied.iter().map(|(number, name)| format!("{number:04} {name}")).collect();
        write!(f, "schema {} -> {}: {}", self.from, self.to, names.join(", "))
    }
}

impl Db {
    /// Brings the schema up to date, all of it or nothing. A schema newer than ours is left as it is.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`], [`StoreError::AlteredSchema`], [`StoreError::ReadOnly`], [`StoreError::Locked`],
    /// [`StoreError::Full`].
    pub async fn migrate(&self) -> Result<MigrationReport, StoreError> {
        let from = self.schema_version().await?;
        self.refuse_newer(from)?;
        if self.mode() == Mode::Read {
            return Err(StoreError::ReadOnly {
                at: self.at(),
                reason: "it was opened for reading".to_owned(),
            });
        }
        self.keep_a_log().await?;
        let mut tx = self.begin().await?;
        apply(&mut tx).await?;
        tx.commit().await?;
        let applied = MIGRATIONS.iter().filter(|migration| migration.version > from);
        let applied =
            applied.map(|migration| (migration.version, migration.description.to_string())).collect();
        Ok(MigrationReport { from, to: SCHEMA_VERSION, applied })
    }

    /// Whether the schema is ours, without changing it.
    ///
    /// # Errors
    /// [`StoreError::NotMigrated`], [`StoreError::NewerSchema`].
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let found = self.schema_version().await?;
        self.refuse_newer(found)?;
        if found < SCHEMA_VERSION {
            return Err(StoreError::NotMigrated { at: self.at(), found, known: SCHEMA_VERSION });
        }
        Ok(())
    }

    /// Whether it can be put in place of another: it has tables of ours, and none newer.
    pub(crate) async fn check_restorable(&self) -> Result<(), StoreError> {
        match self.schema_version().await? {
            0 => {
                let reason = "it holds no tables of accrual's".to_owned();
                Err(StoreError::NotADatabase { at: self.at(), reason })
            }
            found => self.refuse_newer(found),
        }
    }

    fn refuse_newer(&self, found: i64) -> Result<(), StoreError> {
        if found > SCHEMA_VERSION {
            return Err(StoreError::NewerSchema { at: self.at(), found, known: SCHEMA_VERSION });
        }
        Ok(())
    }

    /// The newest migration that was applied; 0 when there is none.
    async fn schema_version(&self) -> Result<i64, StoreError> {
        const NEWEST: &str = "select coalesce(max(version), 0) from _sqlx_migrations";
        // Each engine lists its tables in a place of its own.
        let present: i64 = match self {
            Self::Sqlite(pools) => {
                const PRESENT: &str = "select count(*) from sqlite_master where name = '_sqlx_migrations'";
                sqlx::query_scalar(PRESENT).fetch_one(&pools.reader).await
            }
            Self::Postgres(pools) => {
                const PRESENT: &str = "select count(*) from pg_catalog.pg_tables
                    where tablename = '_sqlx_migrations' and schemaname = any (current_schemas(false))";
                sqlx::query_scalar(PRESENT).fetch_one(&pools.reader).await
            }
        }
        .map_err(|error| self.explain(error))?;
        if present == 0 {
            return Ok(0);
        }
        crate::db::on!(self, pool => sqlx::query_scalar(NEWEST).fetch_one(pool).await)
    }

    /// Has SQLite keep a write-ahead log, so that readers and the writer never wait for each other. The file
    /// remembers it, so this is done here and not whenever it is opened: opening must not change a file.
    async fn keep_a_log(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(pools) => {
                let set = sqlx::query("pragma journal_mode = wal").execute(&pools.writer).await;
                set.map(|_| ()).map_err(|error| self.explain(error))
            }
            Self::Postgres(_) => Ok(()),
        }
    }
}

async fn apply(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let applied = match &mut tx.open {
        Open::Sqlite(open) => MIGRATIONS.run_direct(None, &mut **open, false).await,
        Open::Postgres(open) => MIGRATIONS.run_direct(None, &mut **open, false).await,
    };
    applied.map_err(|error| explain::explain_migration(tx.db.engine(), tx.db.at(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_version_is_the_newest_file() {
        assert_eq!(MIGRATIONS.iter().map(|migration| migration.version).max(), Some(SCHEMA_VERSION));
    }
}
