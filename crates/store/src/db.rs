//! The two engines, opened and spoken to alike.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Database, Executor, Pool, Postgres, Sqlite, Transaction};
use tokio::sync::Notify;

use crate::leases::{self, Lease};
use crate::steps::{self, Step, Steps};
use crate::url::Location;
use crate::{DbUrl, StoreError, explain};

/// How long a statement waits for another writer before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server has to answer the first call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A transaction in which nothing happens for so long is ended by the server: its client was paused or cut off, and what it
/// has locked is wanted by others.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);
const SQLITE_READERS_MAX: u32 = 4;
/// So many rows are handed over at most before whoever reads them has taken the first: a list is read without turns between two
/// threads for every fiftieth.
const SQLITE_ROWS_BUFFERED: usize = 1_024;
const POSTGRES_CONNECTIONS_MAX: u32 = 8;

// Immediate: a transaction that reads first and writes later could find the file taken in between. In a write-ahead log,
// NORMAL may lose the newest commits when the power fails, and nothing else; FULL does not.
const BEGIN: &str = "pragma synchronous = full; begin immediate";
const BEGIN_LIGHTLY: &str = "pragma synchronous = normal; begin immediate";

/// An open database. Clones share the connections.
#[derive(Debug, Clone)]
pub enum Db {
    /// One file.
    Sqlite(Pools<Pool<Sqlite>>),
    /// A server.
    Postgres(Pools<Pool<Postgres>>),
}

/// One engine's connections: SQLite writes through a single one, so that its writers queue and never collide.
#[derive(Debug, Clone)]
pub struct Pools<P> {
    pub(crate) writer: P,
    pub(crate) reader: P,
    pub(crate) url: DbUrl,
    pub(crate) mode: Mode,
    pub(crate) steps: Option<Arc<dyn Steps>>,
    /// What is made sure of in each transaction.
    pub(crate) leases: Arc<[Lease]>,
    /// Tells within this process that checkpoints have moved.
    pub(crate) moved: Arc<Notify>,
}

impl<P> Pools<P> {
    fn new(writer: P, reader: P, url: &DbUrl, mode: Mode) -> Self {
        let (leases, moved) = (Arc::new([]), Arc::default());
        Self { writer, reader, url: url.clone(), mode, steps: None, leases, moved }
    }
}

/// What the database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reading and writing; makes the SQLite file when it is absent.
    Write,
    /// Reading; the SQLite file must be there, and writing is an error.
    Read,
}

/// Which engine is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

impl Db {
    /// Opens the database. Writes nothing but, for [`Mode::Write`], an empty SQLite file where there is none.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::CannotOpen`], [`StoreError::Unreachable`], [`StoreError::Refused`].
    pub async fn open(url: &DbUrl, mode: Mode) -> Result<Self, StoreError> {
        match &url.0 {
            Location::Server { url: text } => open_server(url, text, mode).await,
            Location::File { .. } | Location::Memory => open_sqlite(url, mode).await,
        }
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Where it is.
    pub fn url(&self) -> &DbUrl {
        match self {
            Self::Sqlite(pools) => &pools.url,
            Self::Postgres(pools) => &pools.url,
        }
    }

    /// Closes every connection, after what they are doing.
    pub async fn close(self) {
        match self {
            Self::Sqlite(pools) => pools.close().await,
            Self::Postgres(pools) => pools.close().await,
        }
    }

    /// The same connections with `steps` between them and whoever asks.
    #[must_use]
    pub fn through(self, steps: Arc<dyn Steps>) -> Self {
        match self {
            Self::Sqlite(pools) => Self::Sqlite(Pools { steps: Some(steps), ..pools }),
            Self::Postgres(pools) => Self::Postgres(Pools { steps: Some(steps), ..pools }),
        }
    }

    /// Waits until checkpoints have moved by this process, through this or a clone of it; what moved since the last wait is told
    /// at once, to one who waits. Other processes are not noticed: whoever waits here looks by itself too.
    pub async fn moved(&self) {
        self.moves().notified().await;
    }

    /// To be called when checkpoints have moved.
    pub(crate) fn tell_moved(&self) {
        self.moves().notify_one();
    }

    fn moves(&self) -> &Notify {
        match self {
            Self::Sqlite(pools) => &pools.moved,
            Self::Postgres(pools) => &pools.moved,
        }
    }

    fn steps(&self) -> Option<&Arc<dyn Steps>> {
        match self {
            Self::Sqlite(pools) => pools.steps.as_ref(),
            Self::Postgres(pools) => pools.steps.as_ref(),
        }
    }

    /// To be called before each step.
    pub(crate) async fn before(&self, step: Step) -> Result<(), sqlx::Error> {
        match self.steps() {
            Some(between) => steps::meet(between.before(step)).await,
            None => Ok(()),
        }
    }

    /// To be called when the engine has answered, well or not.
    pub(crate) async fn after(&self, step: Step) -> Result<(), sqlx::Error> {
        match self.steps() {
            Some(between) => steps::meet(between.after(step)).await,
            None => Ok(()),
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Sqlite(pools) => pools.mode,
            Self::Postgres(pools) => pools.mode,
        }
    }

    /// Its address for errors, without a password.
    pub(crate) fn at(&self) -> String {
        self.url().to_string()
    }

    pub(crate) fn explain(&self, error: sqlx::Error) -> StoreError {
        explain::explain(self.engine(), self.at(), error)
    }

    /// The same database, written to only while `leases` are still held: each transaction makes sure of that first, and
    /// keeps them from changing hands until it ends.
    #[must_use]
    pub fn under(&self, leases: impl IntoIterator<Item = Lease>) -> Self {
        let mut db = self.clone();
        match &mut db {
            Self::Sqlite(pools) => pools.leases = leases.into_iter().collect(),
            Self::Postgres(pools) => pools.leases = leases.into_iter().collect(),
        }
        db
    }

    pub(crate) fn leases(&self) -> &[Lease] {
        match self {
            Self::Sqlite(pools) => &pools.leases,
            Self::Postgres(pools) => &pools.leases,
        }
    }

    /// Begins a transaction that writes. Dropped without [`Tx::commit`], nothing of it stays.
    pub(crate) async fn begin(&self) -> Result<Tx<'_>, StoreError> {
        let mut tx = self.begin_unasked().await?;
        leases::make_sure(&mut tx).await?;
        Ok(tx)
    }

    /// As [`Db::begin`], for what is said again when it is lost: SQLite does not wait until it is on the disk, so that the
    /// newest of it may be gone when the power has failed. The next commit that is waited for takes it along. A server
    /// commits as it always does.
    pub(crate) async fn begin_lightly(&self) -> Result<Tx<'_>, StoreError> {
        let mut tx = self.begin_by(BEGIN_LIGHTLY).await?;
        leases::make_sure(&mut tx).await?;
        Ok(tx)
    }

    /// As [`Db::begin`], before it is known whether the leases are held still.
    pub(crate) async fn begin_unasked(&self) -> Result<Tx<'_>, StoreError> {
        self.begin_by(BEGIN).await
    }

    async fn begin_by(&self, statement: &'static str) -> Result<Tx<'_>, StoreError> {
        let begin = async {
            self.before(Step::Begin).await?;
            let begun = match self {
                Self::Sqlite(pools) => pools.begin_by(statement).await.map(Open::Sqlite),
                Self::Postgres(pools) => pools.writer.begin().await.map(Open::Postgres),
            };
            self.after(Step::Begin).await.and(begun)
        };
        Ok(Tx { db: self, open: begin.await.map_err(|error| self.explain(error))? })
    }
}

impl Pools<Pool<Sqlite>> {
    async fn begin_by(&self, statement: &'static str) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        let begun = self.writer.begin_with(statement).await;
        // When the disk is full SQLite takes the transaction back by itself. The connection does not notice and believes itself
        // in it for ever, so that another takes its place; of a database in memory there is no other.
        if matches!(begun, Err(sqlx::Error::InvalidSavePointStatement)) && self.url.path().is_some() {
            self.writer.acquire().await?.close().await?;
            return self.writer.begin_with(statement).await;
        }
        begun
    }
}

impl<D: Database> Pools<Pool<D>> {
    async fn close(self) {
        self.reader.close().await;
        // Last, so that SQLite folds its log into the file.
        self.writer.close().await;
    }
}

/// A transaction that writes, on whichever engine.
pub(crate) struct Tx<'a> {
    pub(crate) db: &'a Db,
    pub(crate) open: Open,
}

pub(crate) enum Open {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx<'_> {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let Self { db, open } = self;
        let commit = async {
            db.before(Step::Commit).await?;
            let done = match open {
                Open::Sqlite(tx) => tx.commit().await,
                Open::Postgres(tx) => tx.commit().await,
            };
            db.after(Step::Commit).await.and(done)
        };
        commit.await.map_err(|error| db.explain(error))
    }
}

/// Runs one body that reads on whichever engine is open.
macro_rules! on {
    ($db:expr, $pool:ident => $body:expr) => {{
        let db: &$crate::Db = $db;
        let answer = match db.before($crate::steps::Step::Read).await {
            Err(error) => Err(error),
            Ok(()) => {
                let answer = match db {
                    $crate::Db::Sqlite(pools) => {
                        let $pool = &pools.reader;
                        $body
                    }
                    $crate::Db::Postgres(pools) => {
                        let $pool = &pools.reader;
                        $body
                    }
                };
                db.after($crate::steps::Step::Read).await.and(answer)
            }
        };
        answer.map_err(|error| db.explain(error))
    }};
}
pub(crate) use on;

/// Runs one body inside a transaction, on whichever engine it is.
macro_rules! within {
    ($tx:expr, $conn:ident => $body:expr) => {{
        let tx: &mut $crate::db::Tx<'_> = $tx;
        let answer = match tx.db.before($crate::steps::Step::Statement).await {
            Err(error) => Err(error),
            Ok(()) => {
                let answer = match &mut tx.open {
                    $crate::db::Open::Sqlite(open) => {
                        let $conn = &mut **open;
                        $body
                    }
                    $crate::db::Open::Postgres(open) => {
                        let $conn = &mut **open;
                        $body
                    }
                };
                tx.db.after($crate::steps::Step::Statement).await.and(answer)
            }
        };
        answer.map_err(|error| tx.db.explain(error))
    }};
}
pub(crate) use within;

async fn open_sqlite(url: &DbUrl, mode: Mode) -> Result<Db, StoreError> {
    if let (Mode::Read, Some(path)) = (mode, url.path())
        && !path.exists()
    {
        return Err(StoreError::Missing { at: url.to_string() });
    }
    let options = sqlite_options(url, mode);
    // A database in memory is its connection: there is one, and it stays.
    let one = || SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let explain = |error| explain::explain(Engine::Sqlite, url.to_string(), error);
    let writer = one().connect_with(options.clone()).await.map_err(explain)?;
    let reader = match url.0 {
        Location::Memory => writer.clone(),
        // `query_only` even for writing: what writes goes through the writer, and a mistake of ours says so.
        _ => SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS_MAX)
            .connect_lazy_with(options.pragma("query_only", "on")),
    };
    Ok(Db::Sqlite(Pools::new(writer, reader, url, mode)))
}

fn sqlite_options(url: &DbUrl, mode: Mode) -> SqliteConnectOptions {
    let options = match &url.0 {
        Location::File { path, page_count_max } => {
            let options = SqliteConnectOptions::new().filename(path);
            match page_count_max {
                Some(count) => options.pragma("max_page_count", count.to_string()),
                None => options,
            }
        }
        _ => SqliteConnectOptions::new().in_memory(true),
    };
    options
        .create_if_missing(mode == Mode::Write)
        .read_only(mode == Mode::Read)
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(SQLITE_ROWS_BUFFERED)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        // 2 MiB, in KiB: the keys of a batch stay in memory while it is written.
        .pragma("cache_size", "-2048")
        .disable_statement_logging()
}

async fn open_server(url: &DbUrl, text: &str, mode: Mode) -> Result<Db, StoreError> {
    let bad = |_| StoreError::BadUrl { url: url.to_string(), why: "its parts cannot be read" };
    let lock_timeout_ms = BUSY_TIMEOUT.as_millis().to_string();
    let idle_timeout_ms = IDLE_TIMEOUT.as_millis().to_string();
    let mut options: PgConnectOptions = text.parse().map_err(bad)?;
    options = options
        .application_name("accrual")
        .options([
            ("lock_timeout", lock_timeout_ms.as_str()),
            ("idle_in_transaction_session_timeout", idle_timeout_ms.as_str()),
        ])
        .disable_statement_logging();
    if mode == Mode::Read {
        options = options.options([("default_transaction_read_only", "on")]);
    }
    knock(url, &options).await?;
    let pool =
        PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS_MAX).after_connect(|connection, _| {
            Box::pin(async move {
                // Packs of events and states are large texts. A server that was built without lz4 refuses, and packs them by its own,
                // slower way.
                let _ = connection.execute("set default_toast_compression = 'lz4'").await;
                Ok(())
            })
        });
    let pool = pool.connect_lazy_with(options);
    let (writer, reader) = (pool.clone(), pool);
    Ok(Db::Postgres(Pools::new(writer, reader, url, mode)))
}

/// One connection, made and closed: a pool would retry a refused one for half a minute.
async fn knock(url: &DbUrl, options: &PgConnectOptions) -> Result<(), StoreError> {
    let explain = |error| explain::explain(Engine::Postgres, url.to_string(), error);
    let answer = tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await;
    let connection = answer.map_err(|_| explain(sqlx::Error::PoolTimedOut))?.map_err(explain)?;
    connection.close().await.map_err(explain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a transaction's commit is waited for, as SQLite numbers it.
    async fn level(tx: Result<Tx<'_>, StoreError>) -> i64 {
        let mut tx = tx.unwrap();
        let level = within!(&mut tx, conn => sqlx::query_scalar("select synchronous from pragma_synchronous")
            .fetch_one(conn).await);
        tx.commit().await.unwrap();
        level.unwrap()
    }

    #[tokio::test]
    async fn only_what_begins_lightly_is_not_waited_for() {
        let url: DbUrl = "sqlite::memory:".parse().unwrap();
        let db = Db::open(&url, Mode::Write).await.unwrap();
        let (normal, full) = (1, 2);
        assert_eq!(level(db.begin().await).await, full);
        assert_eq!(level(db.begin_lightly().await).await, normal);
        assert_eq!(level(db.begin().await).await, full, "it is each transaction's own");
        assert_eq!(level(db.begin_unasked().await).await, full);
    }
}
