//! Fresh databases, quickly: the migrated file is made once and copied.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use accrual_store::{Db, DbUrl, Mode, StoreError};
use tempfile::TempDir;

/// Where files live in memory, on systems that have it.
const IN_MEMORY: &str = "/dev/shm";

/// The place of one database, gone when dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: TempDir,
}

impl Disk {
    /// An empty database with today's tables.
    pub(crate) fn new() -> Self {
        let disk = Self { folder: folder() };
        std::fs::write(disk.path(), template()).expect("a database is copied");
        disk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("accrual.db")
    }

    /// Opens it, as a process does that begins.
    pub(crate) async fn open(&self) -> Result<Db, StoreError> {
        Db::open(&DbUrl::file(self.path()), Mode::Write).await
    }
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
            let disk = Disk { folder: folder() };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let db = disk.open().await.expect("a fresh database opens");
                db.migrate().await.expect("a fresh database migrates");
                db.close().await;
            });
            std::fs::read(disk.path()).expect("the migrated file can be read")
        };
        std::thread::scope(|scope| scope.spawn(make).join().expect("a database is made"))
    })
}
