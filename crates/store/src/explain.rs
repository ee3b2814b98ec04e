//! From an engine's error codes to sentences.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::StoreError;
use crate::db::Engine;
use crate::migrate::SCHEMA_VERSION;

/// What `error` means for the database `at`.
pub(crate) fn explain(engine: Engine, at: String, error: sqlx::Error) -> StoreError {
    metrics::counter!("accrual_db_errors_total", "engine" => engine.to_string()).increment(1);
    let reason = match &error {
        sqlx::Error::Database(said) => said.message().to_owned(),
        other => other.to_string(),
    };
    let told = match &error {
        sqlx::Error::Database(said) => match engine {
            Engine::Sqlite => by_sqlite_code(said.as_ref()),
            Engine::Postgres => by_sqlstate(said.as_ref()),
        },
        sqlx::Error::PoolTimedOut if engine == Engine::Sqlite => Told::Locked,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => {
            Told::Unreachable
        }
        _ => Told::Else,
    };
    match told {
        Told::Locked => StoreError::Locked { at, reason },
        Told::ReadOnly => StoreError::ReadOnly { at, reason },
        Told::Full => StoreError::Full { at },
        Told::CannotOpen => StoreError::CannotOpen { at, reason },
        Told::NotADatabase => StoreError::NotADatabase { at, reason },
        Told::Unreachable => StoreError::Unreachable { at, reason },
        Told::Refused => StoreError::Refused { at, reason },
        Told::NotMigrated => StoreError::NotMigrated { at, found: 0, known: SCHEMA_VERSION },
        Told::Else => StoreError::Query { at, source: error },
    }
}

/// What an `error` of migrating means for the database `at`.
pub(crate) fn explain_migration(engine: Engine, at: String, error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(found) => StoreError::NewerSchema { at, found, known: SCHEMA_VERSION },
        MigrateError::VersionMismatch(version) | MigrateError::Dirty(version) => {
            StoreError::AlteredSchema { at, version }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => explain(engine, at, error),
        other => StoreError::Query { at, source: sqlx::Error::Migrate(Box::new(other)) },
    }
}

enum Told {
    Locked,
    ReadOnly,
    Full,
    CannotOpen,
    NotADatabase,
    Unreachable,
    Refused,
    NotMigrated,
    Else,
}

/// By the primary code, which is the low byte of the extended one.
fn by_sqlite_code(said: &dyn DatabaseError) -> Told {
    let code: Option<u32> = said.code().and_then(|code| code.parse().ok());
    match code.map(|code| code & 0xff) {
        Some(5 | 6) => Told::Locked,
        Some(8) => Told::ReadOnly,
        Some(13) => Told::Full,
        Some(14) => Told::CannotOpen,
        Some(11 | 26) => Told::NotADatabase,
        // The general code: only its text tells a missing table from a misspelt statement.
        Some(1) if said.message().starts_with("no such table") => Told::NotMigrated,
        _ => Told::Else,
    }
}

fn by_sqlstate(said: &dyn DatabaseError) -> Told {
    match said.code().as_deref().unwrap_or_default() {
        "25006" | "42501" => Told::ReadOnly,
        "53100" => Told::Full,
        "55P03" | "40P01" | "40001" => Told::Locked,
        "3D000" => Told::Refused,
        "42P01" => Told::NotMigrated,
        code if code.starts_with("28") => Told::Refused,
        "53300" => Told::Unreachable,
        code if code.starts_with("08") || code.starts_with("57P") => Told::Unreachable,
        _ => Told::Else,
    }
}
