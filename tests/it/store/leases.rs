//! Who may write what: taken once, lost for good, and asked for in the same transaction as the rows.

use std::time::{Duration, Instant};

use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::distributor::{DistributorExtension, Followed};
use accrual_store::leases::{self, Beat, of_pool, of_task};
use accrual_store::series::SeriesRows;
use accrual_store::verifications::Verification;
use accrual_store::{ChainRow, Db, Engine, Lease, StoreError};
use accrual_store::{chain, commit, distributor, pools, series, snapshots, verifications};
use accrual_tests::db::{Fresh, fresh, on_each_engine};
use alloy::primitives::{Address, B256};
use sqlx::{Connection, Executor, PgConnection};

use super::samples::{CHAIN, extend, flash, header, pool, pool_row, register, snapshot};

async fn beat(db: &Db, worker: &str) -> leases::Standing {
    leases::beat(db, &Beat { worker, host: "here", takes_all: false }).await.unwrap()
}

/// Takes `name` from whoever holds it, as a worker does that finds it free.
async fn take(db: &Db, worker: &str, name: &str) -> Option<Lease> {
    let standing = leases::standing(db).await.unwrap();
    let row = standing.leases.iter().find(|row| row.name == name).unwrap();
    leases::take(db, worker, &[(name.to_owned(), row.token)]).await.unwrap().pop()
}

#[tokio::test]
async fn whoever_lost_a_lease_writes_nothing() {
    on_each_engine(async |fresh| {
        let (plain, a) = (&fresh.db, pool("a"));
        register(plain, &["a", "b"]).await;
        let task = of_task("distributor");
        leases::register(plain, &[of_pool(&a), of_pool(&pool("b")), task.clone()]).await.unwrap();
        let first = take(plain, "first", &of_pool(&a)).await.unwrap();
        let once = take(plain, "first", &task).await.unwrap();
        let (db, apart) = (plain.under([first.clone()]), plain.under([once.clone()]));
        let followed = Followed {
            chain_id: CHAIN,
            address: Address::repeat_byte(1),
            first_block: BlockNumber(100),
            tokens: Default::default(),
        };
        extend(&db, "a", None, header(110), &[flash(105, 0)]).await.unwrap();
        distributor::register(&apart, &followed).await.unwrap();

        // While it was paused, another one took over and went on.
        let second = take(plain, "second", &of_pool(&a)).await.unwrap();
        take(plain, "second", &task).await.unwrap();
        assert_eq!(second.token, first.token + 1);
        let after = Some(header(110).block());
        let before = fresh.dump().await;
        let verified = Verification {
            block_number: BlockNumber(110),
            verified_at: UnixSeconds(1),
            compared: 1,
            differences: 0,
            first_difference: None,
        };
        let head = ChainRow {
            chain_id: CHAIN,
            latest_number: BlockNumber(1),
            latest_hash: B256::ZERO,
            latest_at: UnixSeconds(1),
            safe_number: None,
            finalized_number: None,
            seen_at: UnixSeconds(1),
        };
        let batch = DistributorExtension {
            chain_id: CHAIN,
            after: None,
            through: header(105),
            pool_rewinds: 0,
            events: &[],
        };
        let other = Followed { address: Address::repeat_byte(2), ..followed };
        let refused = [
            ("a batch", extend(&db, "a", after, header(120), &[flash(115, 0)]).await),
            ("a rewind", commit::rewind(&db, CHAIN, &[a.clone(), pool("b")], &header(100)).await),
            ("hours", series::put(&db, &a, &SeriesRows::default(), Some("f")).await),
            ("no hours", series::delete_all(&db, &a).await),
            ("a snapshot", snapshots::put(&db, &a, &snapshot(110, b"x")).await.map(|_| ())),
            ("a pool", pools::register(&db, &pool_row("c")).await),
            ("a verification", verifications::record(&db, &a, &verified).await),
            ("the head", chain::record(&db, &head).await),
            ("the Distributor", distributor::extend(&apart, &batch).await),
            ("another Distributor", distributor::register(&apart, &other).await.map(|_| ())),
        ];
        for (what, outcome) in refused {
            let error = outcome.expect_err(what);
            assert!(matches!(error, StoreError::LeaseLost { .. }), "{what}: {error}");
            let text = error.to_string();
            assert!(text.contains("held by worker second") && text.contains("nothing of this was written"));
        }
        assert!(fresh.dump().await == before, "something was written");
        extend(&plain.under([second]), "a", after, header(120), &[flash(115, 0)]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_several_pools_needs_every_lease() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a", "b"]).await;
        let names = ["a", "b"].map(|id| of_pool(&pool(id)));
        leases::register(db, &names).await.unwrap();
        let mut held = Vec::new();
        for name in &names {
            held.push(take(db, "first", name).await.unwrap());
        }
        let both = db.under(held.clone());
        extend(&both, "a", None, header(110), &[]).await.unwrap();
        let given = leases::give_back(db, &held[1..]).await.unwrap();
        assert_eq!(given, held[1..]);
        let error = extend(&both, "a", Some(header(110).block()), header(120), &[]).await.unwrap_err();
        assert!(error.to_string().contains("pool:b") && error.to_string().contains("nobody"), "{error}");
        let alone = db.under(held[..1].to_vec());
        extend(&alone, "a", Some(header(110).block()), header(120), &[]).await.unwrap();
        // Taken again by the same worker, it is another lease.
        take(db, "first", &names[1]).await.unwrap();
        let error = extend(&both, "b", None, header(110), &[]).await.unwrap_err();
        assert!(error.to_string().contains("a later lease of the same worker"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn of_two_that_take_at_once_one_has_it() {
    on_each_engine(async |fresh| {
        let (db, name) = (&fresh.db, of_task("head"));
        leases::register(db, std::slice::from_ref(&name)).await.unwrap();
        leases::register(db, std::slice::from_ref(&name)).await.unwrap();
        for round in 0..20 {
            let wanted = [(name.clone(), round)];
            let (one, other) =
                tokio::join!(leases::take(db, "one", &wanted), leases::take(db, "other", &wanted));
            let taken = [one.unwrap(), other.unwrap()].concat();
            // Both may find it locked at once; then it is taken at the next look.
            let lease = match taken.as_slice() {
                [lease] => lease.clone(),
                [] => take(db, "one", &name).await.unwrap(),
                _ => panic!("both have it: {taken:?}"),
            };
            assert_eq!(lease.token, round + 1);
        }
    })
    .await;
}

#[tokio::test]
async fn who_beats_is_known_and_who_leaves_frees_everything() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let names = [of_pool(&pool("a")), of_pool(&pool("b"))];
        leases::register(db, &names).await.unwrap();
        let began = beat(db, "one").await.now_ms;
        for name in &names {
            take(db, "one", name).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let standing = beat(db, "two").await;
        let [one, two] = standing.workers.as_slice() else { panic!("{standing:?}") };
        assert_eq!((one.worker.as_str(), one.started_at_ms, one.seen_at_ms), ("one", began, began));
        assert!(two.seen_at_ms >= began + 20, "the database's clock goes on: {standing:?}");
        let silent_ms = standing.now_ms - one.seen_at_ms;
        assert!(one.is_live(standing.now_ms, silent_ms) && !one.is_live(standing.now_ms, silent_ms - 1));
        assert!(standing.leases.iter().all(|row| row.worker.as_deref() == Some("one")), "{standing:?}");
        leases::leave(db, "one").await.unwrap();
        let standing = leases::standing(db).await.unwrap();
        assert!(standing.leases.iter().all(|row| row.worker.is_none() && row.token == 1), "{standing:?}");
        assert_eq!(standing.workers.len(), 1);
    })
    .await;
}

/// On PostgreSQL, where many write at once: nobody's beat waits for somebody's transaction.
#[tokio::test]
async fn what_is_being_written_under_stays_and_nobody_waits_for_it() {
    let Some(fresh) = fresh(Engine::Postgres).await else { return };
    let (db, names) = (&fresh.db, [of_pool(&pool("a")), of_pool(&pool("b"))]);
    leases::register(db, &names).await.unwrap();
    let first = take(db, "first", &names[0]).await.unwrap();
    let mut writing = transaction(&fresh).await;
    writing.execute("select 1 from leases where name = 'pool:a' for share").await.unwrap();
    let asked = Instant::now();
    let wanted = [(names[0].clone(), first.token), (names[1].clone(), 0)];
    let taken = leases::take(db, "second", &wanted).await.unwrap();
    assert_eq!(taken.iter().map(|lease| lease.name.as_str()).collect::<Vec<_>>(), ["pool:b"]);
    assert_eq!(leases::give_back(db, std::slice::from_ref(&first)).await.unwrap(), []);
    assert!(asked.elapsed() < Duration::from_secs(2), "nobody waits: {:?}", asked.elapsed());
    writing.execute("commit").await.unwrap();
    assert_eq!(leases::take(db, "second", &wanted[..1]).await.unwrap().len(), 1);
    writing.close().await.unwrap();
    fresh.remove().await;
}

async fn transaction(fresh: &Fresh) -> PgConnection {
    let mut connection = PgConnection::connect(&fresh.url_text).await.unwrap();
    connection.execute("begin").await.unwrap();
    connection
}
