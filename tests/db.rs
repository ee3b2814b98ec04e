//! A fresh, migrated database of each engine, gone again when its test ends.

use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use accrual_store::{Db, DbUrl, Engine, Mode};
use futures::FutureExt;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// Names the PostgreSQL server that tests make their databases in.
pub const POSTGRES_URL_VARIABLE: &str = "ACCRUAL_TEST_POSTGRES_URL";
/// With either of these set, a missing server fails the test.
const REQUIRED_VARIABLES: [&str; 2] = ["CI", "ACCRUAL_REQUIRE_POSTGRES"];

/// One test's own database.
#[derive(Debug)]
pub struct Fresh {
    /// It, open for writing and migrated.
    pub db: Db,
    /// Where it is, for opening it once more.
    pub url: DbUrl,
    /// The same as text, with any password.
    pub url_text: String,
    /// Which engine it is.
    pub engine: Engine,
    name: String,
    /// Where the files of an SQLite database lie; gone when this is dropped.
    _folder: TempDir,
}

/// Runs `test` on a fresh database of each engine, and removes the database even when the test fails.
///
/// # Panics
/// When the test does, or when a database cannot be made.
pub async fn on_each_engine(test: impl AsyncFn(&Fresh)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let Some(fresh) = fresh(engine).await else { continue };
        let outcome = AssertUnwindSafe(test(&fresh)).catch_unwind().await;
        fresh.remove().await;
        if let Err(panic) = outcome {
            eprintln!("the failure was on {engine}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// A fresh database; `None`, with a line that says so, when there is no PostgreSQL server to make it in.
/// End it with [`Fresh::remove`].
///
/// # Panics
/// When it cannot be made, or when a server is required and none is named.
pub async fn fresh(engine: Engine) -> Option<Fresh> {
    let name = unique_name();
    let folder = tempfile::tempdir().expect("a folder for the test");
    let url_text = match engine {
        Engine::Sqlite => format!("sqlite://{}", folder.path().join("accrual.db").display()),
        Engine::Postgres => create_on_server(&name).await?,
    };
    let url: DbUrl = url_text.parse().expect("a good address");
    let db = Db::open(&url, Mode::Write).await.expect("a fresh database opens");
    db.migrate().await.expect("a fresh database migrates");
    Some(Fresh { db, url, url_text, engine, name, _folder: folder })
}

impl Fresh {
    /// Closes the database and deletes it.
    ///
    /// # Panics
    /// When the server does not let go of it.
    pub async fn remove(self) {
        self.db.close().await;
        if self.engine == Engine::Postgres {
            let drop = format!("drop database {} with (force)", self.name);
            admin()
                .await
                .expect("it was there")
                .execute(AssertSqlSafe(drop))
                .await
                .expect("the database goes");
        }
    }

    /// Runs statements behind the store's back.
    ///
    /// # Panics
    /// When they fail.
    pub async fn raw(&self, statements: &'static str) {
        match self.engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url_text).await.expect("it opens");
                connection.execute(sqlx::raw_sql(statements)).await.expect("the statements run");
                connection.close().await.expect("it closes");
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&self.url_text).await.expect("it opens");
                connection.execute(sqlx::raw_sql(statements)).await.expect("the statements run");
                connection.close().await.expect("it closes");
            }
        }
    }

    /// How much room it takes on disk, once SQLite's log is moved into its file.
    ///
    /// # Panics
    /// When nobody says.
    pub async fn bytes(&self) -> u64 {
        match self.engine {
            Engine::Sqlite => {
                self.raw("pragma wal_checkpoint(truncate)").await;
                let file = self.url_text.trim_start_matches("sqlite://");
                std::fs::metadata(file).expect("the file is there").len()
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&self.url_text).await.expect("it opens");
                let size = sqlx::query_scalar::<_, i64>("select pg_database_size(current_database())");
                let size = size.fetch_one(&mut connection).await.expect("the server says");
                connection.close().await.expect("it closes");
                u64::try_from(size).expect("a size is not negative")
            }
        }
    }

    /// Every row of every table, to compare.
    ///
    /// # Panics
    /// When a table cannot be read.
    pub async fn dump(&self) -> Vec<(&'static str, Vec<Vec<String>>)> {
        dump(&self.db).await
    }
}

/// Every row of every table of `db`, to compare.
///
/// # Panics
/// When a table cannot be read.
pub async fn dump(db: &Db) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut tables = Vec::new();
    for name in accrual_store::dump::names() {
        tables.push((name, accrual_store::dump::table(db, name).await.expect("a table can be read")));
    }
    tables
}

/// Every row of every table but those that say how nodes stood and who was there to read them: that is noted whatever comes
/// of it.
///
/// # Panics
/// When a table cannot be read.
pub async fn dump_of_chain(db: &Db) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut tables = dump(db).await;
    tables.retain(|(name, _)| !["workers", "leases", "nodes"].contains(name));
    tables
}

/// Makes a database and gives its address.
async fn create_on_server(name: &str) -> Option<String> {
    let mut server = admin().await?;
    server.execute(AssertSqlSafe(format!("create database {name}"))).await.expect("a database is made");
    server.close().await.expect("it closes");
    Some(with_database(&server_url()?, name))
}

async fn admin() -> Option<PgConnection> {
    let url = server_url()?;
    let options = PgConnectOptions::from_str(&url).expect("a good address");
    Some(PgConnection::connect_with(&options).await.expect("the test's PostgreSQL server answers"))
}

fn server_url() -> Option<String> {
    let url = std::env::var(POSTGRES_URL_VARIABLE).ok();
    if url.is_none() {
        let required = REQUIRED_VARIABLES.iter().any(|name| std::env::var_os(name).is_some());
        assert!(!required, "{POSTGRES_URL_VARIABLE} must name a PostgreSQL server: run `cargo xtask test`");
        eprintln!("skipped on PostgreSQL: {POSTGRES_URL_VARIABLE} names no server");
    }
    url
}

/// `url` with another database's name.
fn with_database(url: &str, name: &str) -> String {
    let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
    let authority = place.find("://").expect("an address has a scheme") + 3;
    let end = place[authority..].find('/').map_or(place.len(), |slash| authority + slash);
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{}/{name}{mark}{parameters}", &place[..end])
}

/// Differs between tests that run at once and between runs, also when an earlier one was killed.
#[expect(clippy::disallowed_methods, reason = "a name that no other run has")]
fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.expect("it is past 1970").as_nanos();
    format!("accrual_test_{}_{}_{nanos}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
