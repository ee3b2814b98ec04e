//! A backup taken while others write is one consistent state; what is restored serves; nothing is overwritten unasked.

use std::path::Path;
use std::process::Command;

use accrual_recording::NodeOptions;
use accrual_store::{Db, DbUrl, Engine, Mode, checkpoints};
use accrual_tests::binary::{self, Ended};
use accrual_tests::config;
use accrual_tests::db::{dump, fresh};
use accrual_tests::played::play;

const CAMPAIGN: &str = "rehearsal-usd-tkn";

async fn run(config: &Path, arguments: &[&str]) -> Ended {
    binary::run(&[arguments, &["--config", binary::text(config)]].concat()).await
}

async fn report(config: &Path) -> String {
    let ended = run(config, &["report", "--campaign", CAMPAIGN, "--format", "json"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.stdout
}

async fn content(path: &Path) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let db = Db::open(&DbUrl::file(path), Mode::Read).await.unwrap();
    let content = dump(&db).await;
    db.close().await;
    content
}

#[tokio::test]
async fn what_was_copied_comes_back_row_for_row() {
    let (folder, played) = (tempfile::tempdir().unwrap(), play(NodeOptions::default()).await);
    let path = super::indexed(folder.path(), &played).await;
    let (database, file) = (super::database(folder.path()), folder.path().join("copy.db"));
    let (before, figures) = (content(&database).await, report(&path).await);
    let ended = run(&path, &["backup", binary::text(&file)]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("copy.db") && ended.stdout.contains("pepper"), "{}", ended.stdout);
    assert!(content(&file).await == before, "the copy differs");
    let again = run(&path, &["backup", binary::text(&file)]).await;
    super::assert_fails("once more", &again, 1, &["copy.db", "is there already", "another name"]);

    // A database that is there stays.
    let bytes = std::fs::read(&database).unwrap();
    let refused = run(&path, &["restore", binary::text(&file)]).await;
    super::assert_fails("unasked", &refused, 1, &["accrual.db", "--force"]);
    assert!(std::fs::read(&database).unwrap() == bytes, "bytes changed");

    // Lost, it comes back; changed, it is replaced and kept aside.
    std::fs::remove_file(&database).unwrap();
    let ended = run(&path, &["restore", binary::text(&file)]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(content(&database).await == before);
    assert_eq!(run(&path, &["clients", "create", "late"]).await.code, 0);
    let ended = run(&path, &["restore", binary::text(&file), "--force"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(content(&database).await == before && report(&path).await == figures);
    let aside = folder.path().join("accrual.db.before-restore");
    assert!(content(&aside).await != before, "what was replaced is kept");
    assert!(content(&file).await == before, "the backup is as it was");
}

#[tokio::test]
async fn a_backup_is_one_state_while_everything_runs() {
    let (folder, played) = (tempfile::tempdir().unwrap(), play(NodeOptions::default()).await);
    let text = config::text(&super::sqlite_url(folder.path()), &played);
    let path = config::write_text(folder.path(), &text.replace("[index]", "[index]\ncommit_events_max = 50"));
    assert_eq!(run(&path, &["migrate"]).await.code, 0);
    let mut running = binary::start(binary::command(&["run", "--config", binary::text(&path)]));
    running.line_with("API and page").await;
    let mut newest = None;
    for number in 0..8 {
        let file = folder.path().join(format!("copy-{number}.db"));
        let ended = run(&path, &["backup", binary::text(&file)]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        // Whole: each pool's events reach to its checkpoint and no further, and fold.
        let db = Db::open(&DbUrl::file(&file), Mode::Read).await.unwrap();
        let stored = checkpoints::all(&db).await.unwrap();
        db.close().await;
        let Some(checkpoint) = stored.first().cloned() else { continue };
        assert!(newest.is_none_or(|newest| newest <= checkpoint.number));
        newest = Some(checkpoint.number);
        let copied = config::text(&format!("sqlite://{}", file.display()), &played);
        let of_copy = folder.path().join(format!("copy-{number}"));
        std::fs::create_dir(&of_copy).unwrap();
        report(&config::write_text(&of_copy, &copied)).await;
    }
    let file = folder.path().join("copy-0.db");
    let refused = run(&path, &["restore", binary::text(&file), "--force"]).await;
    super::assert_fails("in use", &refused, 1, &["another process holds", "stop it"]);
    assert!(running.is_alive());
    assert_eq!(running.terminate().await.code, 0);
    let ended = run(&path, &["restore", binary::text(&file), "--force"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = run(&path, &["index", "--to", "head"]).await;
    assert_eq!(ended.code, 0, "it goes on from there: {}", ended.stderr);
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(report(&path).await, report(&super::indexed(whole.path(), &played).await).await);
}

#[tokio::test]
async fn damage_is_seen_at_the_start_and_never_copied() {
    let (folder, played) = (tempfile::tempdir().unwrap(), play(NodeOptions::default()).await);
    let path = super::indexed(folder.path(), &played).await;
    let (database, file) = (super::database(folder.path()), folder.path().join("copy.db"));
    assert_eq!(run(&path, &["backup", binary::text(&file)]).await.code, 0);
    let mut bytes = std::fs::read(&database).unwrap();
    // Pages in the middle, which no start reads by itself.
    let (from, to) = (bytes.len() / 8192 * 4096, bytes.len() / 8192 * 4096 + 40_960);
    bytes[from..to].fill(0x5a);
    std::fs::write(&database, &bytes).unwrap();
    let other = folder.path().join("other.db");
    let other = ["backup", binary::text(&other)];
    let commands: [&[&str]; 5] = [&["index", "--to", "head"], &["run"], &["serve"], &["check", "db"], &other];
    for command in commands {
        let ended = run(&path, command).await;
        super::assert_fails(
            command[0],
            &ended,
            1,
            &["not a healthy database file", "accrual restore FILE --force"],
        );
        assert!(std::fs::read(&database).unwrap() == bytes, "{command:?}: bytes changed");
    }
    let damaged = folder.path().join("damaged.db");
    std::fs::copy(&database, &damaged).unwrap();
    let refused = run(&path, &["restore", binary::text(&damaged), "--force"]).await;
    super::assert_fails("a damaged backup", &refused, 1, &["damaged.db", "not a healthy database file"]);
    let ended = run(&path, &["restore", binary::text(&file), "--force"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(run(&path, &["check", "db"]).await.code, 0);
    report(&path).await;
}

#[tokio::test]
async fn a_backup_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let played = play(NodeOptions::default()).await;
    let path = config::write(folder.path(), &super::sqlite_url(folder.path()), &played);
    let (shopping, empty) = (folder.path().join("list.txt"), folder.path().join("empty.db"));
    std::fs::write(&shopping, "milk, bread, butter\n".repeat(500)).unwrap();
    let db = Db::open(&DbUrl::file(&empty), Mode::Write).await.unwrap();
    db.close().await;
    let newer = fresh(Engine::Sqlite).await.unwrap();
    newer.raw("update _sqlx_migrations set version = 99 where version = 2").await;
    let newer_path = newer.url.path().unwrap().to_owned();
    let missing = folder.path().join("nowhere.db");
    for (file, words) in [
        (&shopping, "not a healthy database file"),
        (&empty, "no tables of accrual's"),
        (&missing, "there is no database"),
        (&newer_path, "newer accrual"),
    ] {
        let ended = run(&path, &["restore", binary::text(file)]).await;
        super::assert_fails(words, &ended, 1, &[words]);
        assert!(!super::database(folder.path()).exists(), "{words}");
    }
    let path = config::write(folder.path(), "postgres://accrual@127.0.0.1:1/none", &played);
    let ended = run(&path, &["restore", binary::text(&empty)]).await;
    super::assert_fails("restore on a server", &ended, 1, &["pg_restore", "docs/backups.md"]);
    newer.remove().await;
}

/// The words of the document, on a real server.
#[tokio::test]
async fn postgresql_is_copied_by_its_own_tools() {
    let Some(from) = fresh(Engine::Postgres).await else { return };
    let to = fresh(Engine::Postgres).await.unwrap();
    let (folder, played) = (tempfile::tempdir().unwrap(), play(NodeOptions::default()).await);
    let path = config::write(folder.path(), &from.url_text, &played);
    assert_eq!(run(&path, &["index", "--to", "head"]).await.code, 0);
    let file = folder.path().join("accrual.dump");
    let told = run(&path, &["backup", binary::text(&file)]).await;
    super::assert_fails("backup", &told, 1, &["PostgreSQL", "pg_dump --format=custom", "docs/backups.md"]);
    let before = from.dump().await;
    let document = include_str!("../../../docs/backups.md");
    let place = "postgres://accrual@db.example/rewards";
    for (command, url) in [("pg_dump ", &from.url_text), ("pg_restore ", &to.url_text)] {
        let line = document.lines().find(|line| line.starts_with(command)).unwrap();
        let line = line.replace(place, url).replace("accrual.dump", binary::text(&file));
        let mut words = line.split(' ');
        let ended = Command::new(words.next().unwrap()).args(words).output().unwrap();
        assert!(ended.status.success(), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
    }
    assert!(to.dump().await == before, "what was restored differs");
    let restored = config::write_text(folder.path(), &config::text(&to.url_text, &played));
    report(&restored).await;
    from.remove().await;
    to.remove().await;
}
