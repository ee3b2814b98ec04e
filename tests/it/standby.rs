//! Reading from a standby of the test's own server: used while it is fresh, passed over while it is behind or gone, and
//! nothing that was answered is ever answered older.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use accrual_api::book::Book;
use accrual_store::replica::Reading;
use accrual_store::{DbUrl, Engine, StoreError};
use accrual_tests::db::{Fresh, fresh};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::outage::server_of;
use crate::store::samples::{extend, header, info, register};

const LAG_MAX: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// A copy of the whole server that follows it; stopped and deleted when dropped.
struct Standby {
    folder: TempDir,
    port: u16,
}

impl Standby {
    fn of(fresh: &Fresh) -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("chmod").arg("755").arg(folder.path()));
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let standby = Self { folder, port };
        let server = server_of(fresh);
        let (host, port) = (server.ip().to_string(), server.port().to_string());
        let data = standby.data();
        let copy = ["--pgdata", text(&data), "--host", &host, "--port", &port, "--username", "accrual"];
        let copy =
            [&copy[..], &["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]];
        run(&mut program("pg_basebackup", &copy.concat()));
        standby.start();
        standby
    }

    fn start(&self) {
        // With fewer connections than its primary a standby does not start.
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c fsync=off -c hot_standby=on \
             -c max_connections=1000",
            self.port,
            self.folder.path().display()
        );
        let (data, log) = (self.data(), self.folder.path().join("log"));
        let start = ["start", "--wait", "--pgdata", text(&data), "--log", text(&log), "--options", &options];
        run(&mut program("pg_ctl", &start));
    }

    fn stop(&self) {
        let data = self.data();
        let stop = ["stop", "--mode", "immediate", "--pgdata", text(&data)];
        let _ = program("pg_ctl", &stop).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn url_text(&self, fresh: &Fresh) -> String {
        let (_, database) = fresh.url_text.rsplit_once('/').unwrap();
        format!("postgres://accrual@127.0.0.1:{}/{database}", self.port)
    }

    fn url(&self, fresh: &Fresh) -> DbUrl {
        self.url_text(fresh).parse().unwrap()
    }

    /// Stops or goes on with taking in what the primary writes.
    async fn replay(&self, fresh: &Fresh, is_on: bool) {
        let mut connection = PgConnection::connect(&self.url_text(fresh)).await.unwrap();
        let call = if is_on { "select pg_wal_replay_resume()" } else { "select pg_wal_replay_pause()" };
        connection.execute(call).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.stop();
        if is_root() {
            // What its own user wrote is deleted with the folder.
            run(Command::new("chown").arg("-R").arg("root").arg(self.folder.path()));
        }
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n")
}

/// A program of the server's own version; it refuses to run as root.
fn program(name: &str, arguments: &[&str]) -> Command {
    let folders = (13..=19).rev().map(|major| PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")));
    let path = folders.map(|folder| folder.join(name)).find(|path| path.exists());
    let path = path.unwrap_or_else(|| PathBuf::from(name));
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    command.args(arguments).stdout(Stdio::null());
    command
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Looks until the standby is used, or until it is not.
async fn until_used(reading: &Reading, is_used: bool) {
    let looked = async {
        loop {
            reading.look().await;
            if reading.lag().unwrap().is_used == is_used {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, looked).await.unwrap_or_else(|_| panic!("it never comes to be used: {is_used}"));
}

async fn stands_at(book: &Book) -> u64 {
    book.refresh().await.unwrap();
    let state = book.state();
    state.lowest().map_or(0, |moment| moment.number.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_read_from_while_it_is_fresh_and_never_answers_older() {
    let Some(primary) = fresh(Engine::Postgres).await else { return };
    register(&primary.db, &["a"]).await;
    extend(&primary.db, "a", None, header(110), &[]).await.unwrap();
    let standby = Standby::of(&primary);
    let reading = Reading::with_standby(primary.db.clone(), &standby.url(&primary), LAG_MAX).await.unwrap();
    until_used(&reading, true).await;
    assert_eq!(reading.db().url().to_string(), standby.url(&primary).to_string());
    let book = Book::new(reading.clone(), 8453, Some(2), vec![info("a")], Vec::new(), &[]);
    assert_eq!(stands_at(&book).await, 110);

    // Behind: everything comes from the primary, once more than the bound has passed.
    standby.replay(&primary, false).await;
    extend(&primary.db, "a", Some(header(110).block()), header(120), &[]).await.unwrap();
    until_used(&reading, false).await;
    assert_eq!(reading.db().url().to_string(), primary.url.to_string());
    assert_eq!(stands_at(&book).await, 120);
    let behind = reading.lag().unwrap().behind.unwrap();
    assert!(behind > LAG_MAX, "{behind:?}");
    println!("it was left alone when {behind:?} behind");

    // Fresh again, and once more behind before anybody noticed: what was answered stays.
    standby.replay(&primary, true).await;
    until_used(&reading, true).await;
    assert_eq!(stands_at(&book).await, 120);
    standby.replay(&primary, false).await;
    extend(&primary.db, "a", Some(header(120).block()), header(130), &[]).await.unwrap();
    let alone = Book::new(primary.db.clone(), 8453, Some(2), vec![info("a")], Vec::new(), &[]);
    assert_eq!(stands_at(&alone).await, 130);
    let newer = alone.state().pool(&"a".parse().unwrap()).unwrap().clone();
    let covering = book.covering(&newer).await.unwrap();
    assert_eq!(covering.url().to_string(), primary.url.to_string(), "not from what lacks its newest blocks");

    // Gone: the primary. Back: it is used again.
    standby.stop();
    until_used(&reading, false).await;
    assert_eq!(stands_at(&book).await, 130);
    standby.start();
    until_used(&reading, true).await;
    assert_eq!(stands_at(&book).await, 130);
    primary.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_standby_of_it_is_refused() {
    let Some(primary) = fresh(Engine::Postgres).await else { return };
    let other = fresh(Engine::Postgres).await.unwrap();
    let file = fresh(Engine::Sqlite).await.unwrap();
    let cases = [
        (&primary, &primary, "not in recovery"),
        (&primary, &other, "not in recovery"),
        (&primary, &file, "no PostgreSQL server"),
        (&file, &primary, "is SQLite, which has none"),
    ];
    for (of, at, words) in cases {
        let refused = Reading::with_standby(of.db.clone(), &at.url, LAG_MAX).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotAStandby { .. }), "{refused}");
        let said = refused.to_string();
        assert!(said.contains(words) && said.contains("database.read_url"), "{said}");
    }
    // Another database of the right server's standby.
    let standby = Standby::of(&primary);
    let refused = Reading::with_standby(other.db.clone(), &standby.url(&primary), LAG_MAX).await.unwrap_err();
    assert!(refused.to_string().contains("another database"), "{refused}");
    drop(standby);
    for fresh in [primary, other, file] {
        fresh.remove().await;
    }
}
