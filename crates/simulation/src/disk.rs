//! Fresh databases, quickly: the migrated file is made once and copied.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use accrual_store::{Db, DbUrl, Mode, StoreError};
use tempfile::TempDir;

/// Where files live in memory, on systems that have it.
const IN_MEMORY: &str = "/dev/shm";

/// The place of one database.
#[derive(Debug)]
pub(crate) struct Disk {
    url: DbUrl,
    /// Gone when dropped.
    _folder: Option<TempDir>,
}

impl Disk {
    /// An empty SQLite database with today's tables.
    pub(crate) fn new() -> Self {
        let folder = folder();
        let path = path_in(&folder);
        std::fs::write(&path, template()).expect("a database is copied");
        Self { url: DbUrl::file(path), _folder: Some(folder) }
    }

    /// A database that somebody else made: empty, with today's tables.
    pub(crate) fn at(url: DbUrl) -> Self {
        Self { url, _folder: None }
    }

    /// Opens it, as a process does that begins.
    pub(crate) async fn open(&self) -> Result<Db, StoreError> {
        Db::open(&self.url, Mode::Write).await
    }
}

fn path_in(folder: &TempDir) -> PathBuf {
    folder.path().join("accrual.db")
}

fn folder() -> TempDir {
    let place = if Path::new(IN_MEMORY).is_dir() { PathBuf::from(IN_MEMORY) } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("accrual-simulation-").tempdir_in(place).expect("a folder for a database")
}

/// A migrated file's bytes. Made in a runtime of its own, since a simulation's clock stands.
fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let make = || {
            let folder = folder();
            let path = path_in(&folder);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let db = Db::open(&DbUrl::file(&path), Mode::Write).await.expect("a fresh database opens");
                db.migrate().await.expect("a fresh database migrates");
                db.close().await;
            });
            std::fs::read(path).expect("the migrated file can be read")
        };
        std::thread::scope(|scope| scope.spawn(make).join().expect("a database is made"))
    })
}
