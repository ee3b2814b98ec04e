//! What can go wrong with a database, as sentences a person can act on.

use accrual_rewards::id::PoolId;
use accrual_rewards::unit::BlockNumber;
use alloy_primitives::B256;

/// Why something was not stored or read. Whatever failed, nothing of its batch was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The text is not a database's address.
    #[error("{url:?} is not a database ({why}): write sqlite://PATH or postgres://USER@HOST/NAME")]
    BadUrl {
        /// The text, without its password.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file was to be read, and is not there.
    #[error("there is no database at {at}: run `accrual migrate` to make one, or correct the path")]
    Missing {
        /// The database.
        at: String,
    },
    /// The file cannot be opened.
    #[error("cannot open {at} ({reason}): check that its folder exists and that this user may write there")]
    CannotOpen {
        /// The database.
        at: String,
        /// What the engine said.
        reason: String,
    },
    /// The file is no SQLite database, or was damaged.
    #[error(
        "{at} is not a healthy database file ({reason}): stop what uses it and put a backup back with `accrual restore FILE --force`; without one, choose another path (database.url) and read the chain again"
    )]
    NotADatabase {
        /// The database.
        at: String,
        /// What the engine said.
        reason: String,
    },
    /// A file is in the way, or is not where it should be.
    #[error("{}: {what}", .path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The server does not answer.
    #[error("cannot reach {at} ({reason}): check that the server runs and that host and port are right")]
    Unreachable {
        /// The database.
        at: String,
        /// What the network said.
        reason: String,
    },
    /// The server answers, and lets us not in.
    #[error("{at} refuses the connection ({reason}): check user, password and database name")]
    Refused {
        /// The database.
        at: String,
        /// What the server said.
        reason: String,
    },
    /// What is to be read from is no copy that its server keeps up to date.
    #[error("{at} is no standby of database.url ({why}): correct database.read_url, or leave it out")]
    NotAStandby {
        /// The database.
        at: String,
        /// What it is instead.
        why: &'static str,
    },
    /// The tables were never made, or are older than this program.
    #[error("{at} has schema {found} and this accrual needs {known}: run `accrual migrate`")]
    NotMigrated {
        /// The database.
        at: String,
        /// Its newest migration; 0 when it has none.
        found: i64,
        /// Our newest migration.
        known: i64,
    },
    /// A later version of this program made the tables. Nothing was touched.
    #[error("{at} was made by a newer accrual (schema {found}, this one knows {known}): upgrade accrual")]
    NewerSchema {
        /// The database.
        at: String,
        /// Its newest migration.
        found: i64,
        /// Our newest migration.
        known: i64,
    },
    /// A migration's text is not the one that was applied.
    #[error("migration {version} in {at} is not the one this accrual has: use the release that made it")]
    AlteredSchema {
        /// The database.
        at: String,
        /// The migration.
        version: i64,
    },
    /// Somebody else is writing.
    #[error("another process holds {at} ({reason}): wait for it, or stop it")]
    Locked {
        /// The database.
        at: String,
        /// What the engine said.
        reason: String,
    },
    /// Writing is not allowed.
    #[error(
        "{at} is read-only ({reason}): check the permissions of the file and of its folder, or of the role"
    )]
    ReadOnly {
        /// The database.
        at: String,
        /// What the engine said.
        reason: String,
    },
    /// There is no room.
    #[error("disk full at {at}; nothing of this batch was kept: make room and start again")]
    Full {
        /// The database.
        at: String,
    },
    /// The pool stands elsewhere than its writer left it.
    #[error(
        "pool {pool} in {at} stands at {found}, not at {expected}: another accrual index is writing to this \
         database; stop one of them"
    )]
    CheckpointMoved {
        /// The database.
        at: String,
        /// The pool.
        pool: PoolId,
        /// Where the writer left it.
        expected: String,
        /// Where it stands.
        found: String,
    },
    /// Somebody else may write it now.
    #[error(
        "{name} in {at} is held by {holder}, no longer by this worker: nothing of this was written, and whoever holds it goes on"
    )]
    LeaseLost {
        /// The database.
        at: String,
        /// The lease: a pool's or a task's.
        name: String,
        /// Who holds it now.
        holder: String,
    },
    /// Merkl's Distributor stands elsewhere than its reader left it, or the chain changed while it was read.
    #[error(
        "the Distributor's logs in {at} stand at {found}, not at {expected}: they are read again from there"
    )]
    DistributorMoved {
        /// The database.
        at: String,
        /// Where the reader left them.
        expected: String,
        /// Where they stand.
        found: String,
    },
    /// The same id stands for something else.
    #[error(
        "pool {pool} in {at} was stored with {what} {stored}, and is now given {given}: choose another id or \
         another database"
    )]
    PoolChanged {
        /// The database.
        at: String,
        /// The pool.
        pool: PoolId,
        /// The first property that differs.
        what: &'static str,
        /// As it was stored.
        stored: String,
        /// As it is given.
        given: String,
    },
    /// Events came for a pool that nobody registered.
    #[error("pool {pool} is not registered in {at}: register it before its events are stored")]
    UnknownPool {
        /// The database.
        at: String,
        /// The pool.
        pool: PoolId,
    },
    /// Two blocks claim one height.
    #[error(
        "block {number} of chain {chain_id} is stored in {at} as {stored}, and is now given as {given}: \
         rewind below it first"
    )]
    BlockChanged {
        /// The database.
        at: String,
        /// The chain.
        chain_id: u64,
        /// The height.
        number: BlockNumber,
        /// The hash that is stored.
        stored: B256,
        /// The hash that was given.
        given: B256,
    },
    /// A row does not say what it should.
    #[error("table {table} of {at} is damaged at {row}: {what}; restore a backup or index again")]
    Damaged {
        /// The database.
        at: String,
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
        /// What is wrong with it.
        what: String,
    },
    /// A number is too large for the database.
    #[error("{value} as {what} is past the largest number a database column holds (2^63 - 1)")]
    TooLarge {
        /// What it counts.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// No such table, or not one that can be shown.
    #[error("there is no table {name:?}; known are {known}")]
    UnknownTable {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// Anything else that the engine said.
    #[error("{at} failed: {source}")]
    Query {
        /// The database.
        at: String,
        /// What the engine said.
        source: sqlx::Error,
    },
}
