//! A database for one measurement, gone again afterwards.

use std::process::Command;

use tempfile::TempDir;

const POSTGRES_URL_VARIABLE: &str = "ACCRUAL_TEST_POSTGRES_URL";

/// Where an empty database lies.
pub(crate) struct Place {
    pub(crate) engine: &'static str,
    pub(crate) url: String,
    /// The server and the name of a database on it.
    on_server: Option<(String, String)>,
    /// Where an SQLite database lies.
    _folder: TempDir,
}

impl Place {
    /// One of each engine that there is.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let server = std::env::var(POSTGRES_URL_VARIABLE).ok();
        if server.is_none() {
            eprintln!("PostgreSQL is not measured: {POSTGRES_URL_VARIABLE} names no server");
        }
        std::iter::once_with(Self::file).chain(server.into_iter().map(Self::on))
    }

    fn file() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("load.db").display());
        Self { engine: "SQLite", url, on_server: None, _folder: folder }
    }

    fn on(server: String) -> Self {
        let name = format!("accrual_load_{}", std::process::id());
        run(Command::new("createdb").arg(format!("--maintenance-db={server}")).arg(&name));
        let (start, _) = server.rsplit_once('/').expect("an address names a database");
        let url = format!("{start}/{name}");
        let folder = tempfile::tempdir().expect("a folder");
        Self { engine: "PostgreSQL", url, on_server: Some((server, name)), _folder: folder }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.on_server {
            run(Command::new("dropdb").args(["--force", &format!("--maintenance-db={server}"), name]));
        }
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("PostgreSQL's createdb and dropdb are installed");
    assert!(status.success(), "{command:?}: {status}");
}
