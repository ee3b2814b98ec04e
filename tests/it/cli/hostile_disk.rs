//! A database that is newer, locked, damaged or cannot be written, and a disk without room.

use std::path::{Path, PathBuf};
use std::process::Command;

use accrual_recording::NodeOptions;
use accrual_tests::binary::{self, Ended};
use accrual_tests::config;
use accrual_tests::played::{Played, play};
use sqlx::{Connection, Executor, SqliteConnection};

async fn index(config: &Path) -> Ended {
    binary::run(&["index", "--config", binary::text(config), "--to", "head", "--progress", "off"]).await
}

async fn run(config: &Path, command: &str) -> Ended {
    let arguments: Vec<&str> = command.split(' ').collect();
    binary::run(&[&arguments[..], &["--config", binary::text(config)]].concat()).await
}

#[tokio::test]
async fn a_newer_database_is_left_as_it_is() {
    let (folder, played) = (tempfile::tempdir().unwrap(), play(NodeOptions::default()).await);
    let path = super::indexed(folder.path(), &played).await;
    let mut connection = SqliteConnection::connect(&super::sqlite_url(folder.path())).await.unwrap();
    connection.execute("update _sqlx_migrations set version = 99 where version = 2").await.unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(super::database(folder.path())).unwrap();
    for command in
        ["index --to head", "report --campaign rehearsal-usd-tkn", "replay", "migrate", "check db", "serve"]
    {
        let ended = run(&path, command).await;
        super::assert_fails(command, &ended, 1, &["newer accrual", "99", "upgrade"]);
        assert!(std::fs::read(super::database(folder.path())).unwrap() == before, "{command}: bytes changed");
    }
}

#[tokio::test]
async fn a_locked_database_says_who_to_ask() {
    let (folder, played) = (tempfile::tempdir().unwrap(), play(NodeOptions::default()).await);
    let path = super::indexed(folder.path(), &played).await;
    let before = std::fs::read(super::database(folder.path())).unwrap();
    let mut other = SqliteConnection::connect(&super::sqlite_url(folder.path())).await.unwrap();
    let held = other.begin_with("begin immediate").await.unwrap();
    for command in ["index --to head", "keys create --client ann"] {
        super::assert_fails(
            command,
            &run(&path, command).await,
            1,
            &["another process holds", "wait for it"],
        );
    }
    // Reading does not wait for a writer.
    assert_eq!(run(&path, "report --campaign rehearsal-usd-tkn").await.code, 0);
    held.rollback().await.unwrap();
    other.close().await.unwrap();
    assert!(std::fs::read(super::database(folder.path())).unwrap() == before, "bytes changed");
    assert_eq!(index(&path).await.code, 0, "once it is let go, it works again");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let (folder, played) = (tempfile::tempdir().unwrap(), play(NodeOptions::default()).await);
    let path = config::write(folder.path(), &super::sqlite_url(folder.path()), &played);
    let shopping = "milk, bread, butter\n".repeat(500);
    std::fs::write(super::database(folder.path()), &shopping).unwrap();
    for command in ["index --to head", "report --campaign rehearsal-usd-tkn", "migrate"] {
        super::assert_fails(
            command,
            &run(&path, command).await,
            1,
            &["not a healthy database file", "backup"],
        );
        assert_eq!(std::fs::read_to_string(super::database(folder.path())).unwrap(), shopping, "{command}");
    }
    let path = config::write(folder.path(), "sqlite:///nowhere/accrual.db", &played);
    super::assert_fails(
        "no folder",
        &index(&path).await,
        1,
        &["cannot open", "/nowhere/accrual.db", "folder"],
    );
}

/// Permissions do not bind root, who runs the tests in a container; the attribute "immutable" does.
#[tokio::test]
async fn what_may_not_be_written_is_named() {
    let played = play(NodeOptions::default()).await;
    for whole_folder in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = super::indexed(folder.path(), &played).await;
        let database = super::database(folder.path());
        assert!(!folder.path().join("accrual.db-wal").exists(), "who has indexed has closed the database");
        let before = std::fs::read(&database).unwrap();
        let Some(immutable) = Immutable::make(if whole_folder { folder.path() } else { &database }) else {
            eprintln!("skipped: `chattr +i` does not work in {} for this user", folder.path().display());
            return;
        };
        let name = if whole_folder { "folder" } else { "file" };
        let ended = run(&path, "index --to head").await;
        super::assert_fails(name, &ended, 1, &["accrual.db", "folder", "check"]);
        drop(immutable);
        assert!(std::fs::read(&database).unwrap() == before, "{name}: bytes changed");
        assert_eq!(
            run(&path, "index --to head").await.code,
            0,
            "{name}: once it may be written, it works again"
        );
    }
}

#[tokio::test]
async fn a_full_disk_keeps_whole_batches_only() {
    let played: Played = play(NodeOptions::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let Some(small) = SmallDisk::mount(folder.path().join("small")) else {
        eprintln!("skipped: this user may not mount a small disk to fill it");
        return;
    };
    let text = config::text(&super::sqlite_url(&small.at), &played);
    let text = text.replace("[index]", "[index]\ncommit_events_max = 300");
    let path = config::write_text(folder.path(), &text);
    super::assert_fails("full", &index(&path).await, 1, &["disk full", "make room"]);
    let stored = std::fs::metadata(super::database(&small.at)).unwrap().len();
    assert!(stored > 0, "something was kept");

    // On a larger disk it goes on from where it stood, and ends as if nothing had been.
    small.grow();
    let ended = index(&path).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let whole = super::indexed(folder.path(), &played).await;
    let report = "report --campaign rehearsal-usd-tkn --format json";
    let grown = config::write_text(&small.at, &text);
    assert_eq!(run(&grown, report).await.stdout, run(&whole, report).await.stdout);
}

/// A file or folder that nobody can change, until this is dropped.
struct Immutable(PathBuf);

impl Immutable {
    fn make(path: &Path) -> Option<Self> {
        succeeds(Command::new("chattr").arg("+i").arg(path)).then(|| Self(path.to_owned()))
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        succeeds(Command::new("chattr").arg("-i").arg(&self.0));
    }
}

/// A disk in memory with little room, until this is dropped.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=600k", "tmpfs"]).arg(&at);
        succeeds(&mut mount).then_some(Self { at })
    }

    fn grow(&self) {
        assert!(succeeds(Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.at)));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        succeeds(Command::new("umount").arg(&self.at));
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
