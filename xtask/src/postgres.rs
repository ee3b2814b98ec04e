//! A PostgreSQL server of our own for the tests: in a temporary folder, on loopback, gone afterwards.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failed, output, run_command};

/// A standby that a test stops for a while finds what was written meanwhile, by the other tests too.
const WAL_KEPT: &str = "2GB";

/// A running server; stopped and deleted when dropped.
pub(crate) struct Server {
    programs: String,
    folder: PathBuf,
    port: u16,
    as_postgres: bool,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy)]
pub(crate) enum Sync {
    /// As in production, for what is measured.
    On,
    /// Durability is PostgreSQL's own to test; without it the tests take a third of the time.
    Off,
}

impl Server {
    /// Starts a server from the programs in that folder.
    pub(crate) fn start(programs: String, sync: Sync) -> Result<Self, Failed> {
        let folder = std::env::temp_dir().join(format!("accrual-postgres-{}", std::process::id()));
        let failed = |error: std::io::Error| Failed(format!("{}: {error}", folder.display()));
        std::fs::create_dir(&folder).map_err(failed)?;
        // initdb refuses to run as root, so there it runs as the user that Debian's package makes.
        let as_postgres = output("id", ["-u"]).is_some_and(|id| id == "0");
        let server = Self { programs, folder: folder.clone(), port: free_port()?, as_postgres };
        if as_postgres {
            let mut chown = Command::new("chown");
            chown.arg("postgres").arg(&folder);
            run_command(chown)?;
        }
        let data = server.data().display().to_string();
        server.program(
            "initdb",
            &[
                "--pgdata",
                &data,
                "--username",
                "accrual",
                "--auth",
                "trust",
                "--encoding",
                "UTF8",
                "--no-sync",
            ],
        )?;
        let fsync = match sync {
            Sync::On => "on",
            Sync::Off => "off",
        };
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c fsync={fsync} -c max_connections=200 \
             -c wal_keep_size={WAL_KEPT}",
            server.port,
            folder.display()
        );
        let log = folder.join("log").display().to_string();
        server.program(
            "pg_ctl",
            &["start", "--wait", "--pgdata", &data, "--log", &log, "--options", &options],
        )?;
        Ok(server)
    }

    /// Where a test connects to make its own database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://accrual@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn program(&self, name: &str, arguments: &[&str]) -> Result<(), Failed> {
        let path = Path::new(&self.programs).join(name);
        let mut command = if self.as_postgres {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.args(arguments).stdout(std::process::Stdio::null());
        run_command(command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data().display().to_string();
        let _ = self.program("pg_ctl", &["stop", "--mode", "immediate", "--pgdata", &data]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> Result<u16, Failed> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(|error| Failed(format!("no free port on loopback: {error}")))
}
