//! A database that is locked, full, read-only, too new, broken or away says so, and keeps what it had.

use accrual_rewards::unit::BlockNumber;
use accrual_store::{
    Db, DbUrl, Engine, Mode, SCHEMA_VERSION, StoreError, blocks, checkpoints, commit, events,
};
use accrual_tests::db::{Fresh, dump, fresh, on_each_engine};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use super::samples::{CHAIN, extend, flash, header, pool, register};

#[tokio::test]
async fn a_second_migration_finds_nothing_to_do() {
    on_each_engine(async |fresh| {
        let report = fresh.db.migrate().await.unwrap();
        assert_eq!((report.from, report.to, report.applied.len()), (SCHEMA_VERSION, SCHEMA_VERSION, 0));
        fresh.db.check_schema().await.unwrap();
        assert_eq!(fresh.db.engine(), fresh.engine);
    })
    .await;
}

#[tokio::test]
async fn an_unmigrated_database_asks_for_it() {
    on_each_engine(async |fresh| {
        fresh.raw("delete from _sqlx_migrations where version > 1").await;
        let error = fresh.db.check_schema().await.unwrap_err();
        assert!(matches!(error, StoreError::NotMigrated { found: 1, known: SCHEMA_VERSION, .. }), "{error}");
        assert!(error.to_string().contains("run `accrual migrate`"), "{error}");
    })
    .await;
    let db = Db::open(&"sqlite::memory:".parse().unwrap(), Mode::Write).await.unwrap();
    assert!(matches!(db.check_schema().await.unwrap_err(), StoreError::NotMigrated { found: 0, .. }));
    assert!(matches!(checkpoints::all(&db).await.unwrap_err(), StoreError::NotMigrated { .. }));
    let applied = db.migrate().await.unwrap().applied;
    assert_eq!(applied.last().map(|(number, _)| *number), Some(SCHEMA_VERSION));
    assert_eq!(checkpoints::all(&db).await.unwrap(), []);
}

#[tokio::test]
async fn a_newer_schema_is_left_as_it_is() {
    on_each_engine(async |fresh| {
        fresh.raw("update _sqlx_migrations set version = 99 where version = 2").await;
        fresh.db.clone().close().await;
        let before = content(fresh).await;
        let db = Db::open(&fresh.url, Mode::Write).await.unwrap();
        for error in [db.migrate().await.unwrap_err(), db.check_schema().await.unwrap_err()] {
            assert!(
                matches!(error, StoreError::NewerSchema { found: 99, known: SCHEMA_VERSION, .. }),
                "{error}"
            );
            assert!(error.to_string().contains("upgrade"), "{error}");
        }
        db.close().await;
        assert_eq!(content(fresh).await, before);
    })
    .await;
}

#[tokio::test]
async fn an_altered_migration_is_refused() {
    on_each_engine(async |fresh| {
        fresh.raw("update _sqlx_migrations set checksum = '' where version = 1").await;
        let error = fresh.db.migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::AlteredSchema { version: 1, .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_reader_changes_nothing() {
    on_each_engine(async |fresh| {
        register(&fresh.db, &["a"]).await;
        fresh.db.clone().close().await;
        let before = content(fresh).await;
        let db = Db::open(&fresh.url, Mode::Read).await.unwrap();
        db.check_schema().await.unwrap();
        let errors = [
            db.migrate().await.unwrap_err(),
            extend(&db, "a", None, header(110), &[flash(105, 0)]).await.unwrap_err(),
            commit::rewind(&db, CHAIN, &[], &header(1)).await.unwrap_err(),
            blocks::insert(&db, CHAIN, &header(1)).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
            assert!(error.to_string().contains("check the permissions"), "{error}");
        }
        db.close().await;
        assert_eq!(content(fresh).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_locked_database_says_who_to_ask() {
    on_each_engine(async |fresh| {
        register(&fresh.db, &["a"]).await;
        let held = "lock table checkpoints in exclusive mode";
        let error = match fresh.engine {
            Engine::Sqlite => {
                let mut other = SqliteConnection::connect(&fresh.url_text).await.unwrap();
                let _held = other.begin_with("begin immediate").await.unwrap();
                extend(&fresh.db, "a", None, header(110), &[]).await.unwrap_err()
            }
            Engine::Postgres => {
                let mut other = PgConnection::connect(&fresh.url_text).await.unwrap();
                let mut transaction = other.begin().await.unwrap();
                transaction.execute(held).await.unwrap();
                extend(&fresh.db, "a", None, header(110), &[]).await.unwrap_err()
            }
        };
        assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
        assert!(error.to_string().contains("another process holds"), "{error}");
        extend(&fresh.db, "a", None, header(110), &[]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer() {
    on_each_engine(async |fresh| {
        register(&fresh.db, &["a"]).await;
        extend(&fresh.db, "a", None, header(110), &[flash(105, 0)]).await.unwrap();
        let reader = Db::open(&fresh.url, Mode::Read).await.unwrap();
        let many: Vec<_> = (0..5_000).map(|i| flash(115, i)).collect();
        let writing = extend(&fresh.db, "a", Some(header(110).block()), header(120), &many);
        let reading = async {
            let mut counts = Vec::new();
            while counts.last() != Some(&5_001) {
                counts.push(events::count(&reader, &pool("a")).await.unwrap());
            }
            counts
        };
        let (written, counts) = tokio::join!(writing, reading);
        written.unwrap();
        assert!(counts.iter().all(|count| [1, 5_001].contains(count)), "a batch is seen whole: {counts:?}");
        reader.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_keeps_nothing_of_the_batch() {
    let Some(fresh) = fresh(Engine::Sqlite).await else { return };
    register(&fresh.db, &["a"]).await;
    extend(&fresh.db, "a", None, header(110), &[flash(105, 0)]).await.unwrap();
    let before = fresh.dump().await;
    let small: DbUrl = format!("{}?max_page_count=40", fresh.url_text).parse().unwrap();
    let db = Db::open(&small, Mode::Write).await.unwrap();
    let many: Vec<_> = (0..50_000).map(|i| flash(115, i)).collect();
    let error = extend(&db, "a", Some(header(110).block()), header(120), &many).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("nothing of this batch was kept"), "{error}");
    assert_eq!(dump(&db).await, before);
    // The same connection goes on with what fits, and with room the batch itself goes in.
    extend(&db, "a", Some(header(110).block()), header(111), &[flash(111, 0)]).await.unwrap();
    db.close().await;
    extend(&fresh.db, "a", Some(header(111).block()), header(120), &many).await.unwrap();
    fresh.remove().await;
}

#[tokio::test]
async fn damage_is_named_by_table_and_row() {
    on_each_engine(async |fresh| {
        register(&fresh.db, &["a", "b"]).await;
        extend(&fresh.db, "a", None, header(110), &[flash(105, 7)]).await.unwrap();
        extend(&fresh.db, "b", None, header(110), &[flash(105, 7), flash(106, 0)]).await.unwrap();
        fresh.raw("update event_packs set body = '{}', packed = null where pool_id = 'a'; update blocks set block_hash = 'x'; update checkpoints set rewinds = -1").await;
        let errors = [
            ("event_packs", events::page(&fresh.db, &pool("a"), None, BlockNumber(200), 9).await.unwrap_err()),
            ("blocks", blocks::get(&fresh.db, CHAIN, BlockNumber(110)).await.unwrap_err()),
            ("checkpoints", checkpoints::get(&fresh.db, &pool("a")).await.unwrap_err()),
        ];
        for (named, error) in errors {
            assert!(matches!(error, StoreError::Damaged { table, .. } if table == named), "{error:?}");
        }
        // Whatever else is in a pack than its row says is seen.
        let whole = events::page(&fresh.db, &pool("b"), None, BlockNumber(200), 9).await.unwrap();
        assert_eq!(whole, [flash(105, 7), flash(106, 0)]);
        for change in [
            "update event_packs set events = 3 where pool_id = 'b'",
            "update event_packs set first_block = 104 where pool_id = 'b'",
            "update event_packs set last_block = 107 where pool_id = 'b'",
        ] {
            fresh.raw(change).await;
            let error = events::page(&fresh.db, &pool("b"), None, BlockNumber(200), 9).await.unwrap_err();
            assert!(matches!(error, StoreError::Damaged { table: "event_packs", .. }), "{error:?}");
            fresh
                .raw("update event_packs set events = 2, first_block = 105, last_block = 106 where pool_id = 'b'")
                .await;
        }
        fresh.raw("update event_packs set last_block = 115 where pool_id = 'a'").await;
        let error = extend(&fresh.db, "a", Some(header(110).block()), header(120), &[]).await.unwrap_err();
        assert!(error.to_string().contains("above the pool's checkpoint"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("text.db"), "this is a letter and no database, however long it is".repeat(100))
        .unwrap();
    let missing = Db::open(&DbUrl::file(path("none.db")), Mode::Read).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing:?}");
    assert!(!path("none.db").exists(), "reading makes no file");
    let no_folder = Db::open(&DbUrl::file(path("none/a.db")), Mode::Write).await.unwrap_err();
    assert!(matches!(no_folder, StoreError::CannotOpen { .. }), "{no_folder:?}");
    let text = match Db::open(&DbUrl::file(path("text.db")), Mode::Write).await {
        Ok(db) => db.migrate().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(text, StoreError::NotADatabase { .. }), "{text:?}");
    // A port that was just free, and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = format!("postgres://bob:hunter2@127.0.0.1:{port}/accrual").parse().unwrap();
    let away = Db::open(&away, Mode::Write).await.unwrap_err();
    assert!(matches!(away, StoreError::Unreachable { .. }), "{away:?}");
    for error in [missing, no_folder, text, away] {
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_the_database_refuses() {
    on_each_engine(async |fresh| {
        if fresh.engine == Engine::Postgres {
            let url = format!("{}_gone", fresh.url_text).parse().unwrap();
            let error = Db::open(&url, Mode::Write).await.unwrap_err();
            assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        }
    })
    .await;
}

/// What the database holds: a file's bytes, or a server's rows.
async fn content(fresh: &Fresh) -> (Vec<u8>, Vec<(&'static str, Vec<Vec<String>>)>) {
    if let Some(path) = fresh.url.path() {
        return (std::fs::read(path).unwrap(), Vec::new());
    }
    let db = Db::open(&fresh.url, Mode::Read).await.unwrap();
    let tables = dump(&db).await;
    db.close().await;
    (Vec::new(), tables)
}
