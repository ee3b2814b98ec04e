//! Months and minutes that servers share, and counts that are added once, on both engines.

use accrual_access::change::{self, Minted, Purpose, Refused};
use accrual_access::key::{ApiKey, KeyEnv, Pepper};
use accrual_access::record::ClientRecord;
use accrual_access::scope::Scope;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::access::{self, By, Whose};
use accrual_store::allowances::{Grant, Leaving, Want, give_back, keep_slots, notice_once, reserved, take};
use accrual_store::usage::{Batch, CallerRow, HourRow, UseRow, add, callers, failures, hours, of_key, prune};
use accrual_store::{Db, keys, replicas};
use accrual_tests::db::on_each_engine;

const MONTH: UnixSeconds = UnixSeconds(1_748_736_000);

fn want<'a>(replica_id: &'a str, allowed: u64, minute: u32, now_ms: u64) -> Want<'a> {
    Want {
        client_id: "c",
        replica_id,
        month_at: MONTH,
        calls_allowed: Some(allowed),
        calls_per_minute: minute,
        slots_held: 0,
        live_since_ms: now_ms - 5_000,
        now_ms,
    }
}

async fn beat(db: &Db, name: &str, now_ms: u64) {
    let beat = replicas::Beat { replica_id: name, epoch: 0, peppers: &[1], now_ms };
    replicas::beat(db, &beat, now_ms - 5_000).await.unwrap();
}

#[tokio::test]
async fn servers_never_hold_more_than_the_plan() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        for name in ["a", "b"] {
            beat(db, name, 10_000).await;
        }
        let first = take(db, &want("a", 100, 10, 10_000)).await.unwrap();
        assert_eq!(first, Grant { calls: 20, reserved: 20, slots: 5, slots_free: 5 }, "half a minute each");
        let holds = |slots_held, want| Want { slots_held, ..want };
        let grown = take(db, &holds(5, want("a", 100, 10, 10_000))).await.unwrap();
        assert_eq!((grown.slots, grown.reserved), (8, 40));
        let other = take(db, &want("b", 100, 10, 10_000)).await.unwrap();
        assert_eq!((other.slots, other.calls), (2, 15), "what is left");
        keep_slots(db, "c", "a", 3).await.unwrap();
        keep_slots(db, "c", "a", 9).await.unwrap();
        assert_eq!(take(db, &holds(2, want("b", 100, 10, 10_000))).await.unwrap().slots, 5);
        beat(db, "b", 16_000).await;
        let alone = holds(5, want("b", 100, 10, 16_000));
        assert_eq!(
            take(db, &alone).await.unwrap().slots,
            7,
            "the other is silent, and may serve from its three"
        );
        let counted_elsewhere = Want { calls_allowed: None, ..want("b", 0, 10, 16_000) };
        let before = reserved(db, "c", MONTH).await.unwrap();
        assert_eq!(take(db, &counted_elsewhere).await.unwrap().calls, 0);
        assert_eq!(reserved(db, "c", MONTH).await.unwrap(), before);
        let leaving = |calls| Leaving {
            client_id: "c",
            replica_id: "b",
            month_at: MONTH,
            calls,
            slots_used: 0,
            now_ms: 0,
        };
        give_back(db, &leaving(7)).await.unwrap();
        assert_eq!(reserved(db, "c", MONTH).await.unwrap(), before - 7);
        give_back(db, &leaving(10_000)).await.unwrap();
        assert_eq!(reserved(db, "c", MONTH).await.unwrap(), before - 7, "never below what was served");
        assert_eq!(reserved(db, "nobody", MONTH).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn all_at_once_they_still_do_not() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let names = ["a", "b", "c", "d"];
        for name in names {
            beat(db, name, 10_000).await;
        }
        let asks =
            (0..40).map(|turn| async move { take(db, &want(names[turn % 4], 57, 3, 10_000)).await.unwrap() });
        let grants = futures::future::join_all(asks).await;
        assert_eq!(grants.iter().map(|grant| grant.calls).sum::<u64>(), 57, "all of it, and no more");
        assert_eq!(reserved(db, "c", MONTH).await.unwrap(), 57);
        let slots = accrual_store::dump::table(db, "minute_slots").await.unwrap();
        let slots: u64 = slots.iter().map(|row| row[2].parse::<u64>().unwrap()).sum();
        assert!(slots <= 3, "{slots} slots of three");
    })
    .await;
}

#[tokio::test]
async fn a_month_is_reported_once() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        beat(db, "a", 10_000).await;
        take(db, &want("a", 100, 10, 10_000)).await.unwrap();
        let once = async |percent| notice_once(db, "c", MONTH, percent).await.unwrap();
        assert_eq!(
            [once(80).await, once(80).await, once(100).await, once(80).await],
            [true, false, true, false]
        );
    })
    .await;
}

fn batch(key: &str) -> Batch {
    let at = UnixSeconds;
    let hour = |status, calls| HourRow {
        key_id: key.to_owned(),
        client_id: "c".to_owned(),
        at: at(3_600),
        endpoint: "GET /v1/pools".to_owned(),
        status,
        calls,
        counted: calls,
    };
    Batch {
        minutes: vec![(key.to_owned(), at(3_600), 3)],
        hours: vec![hour(200, 2), hour(404, 1)],
        callers: vec![CallerRow {
            key_id: key.to_owned(),
            network: "203.0.113.0/24".to_owned(),
            agent: "curl/8".to_owned(),
            endpoint: "GET /v1/pools".to_owned(),
            first_at: at(3_601),
            last_at: at(3_609),
            calls: 3,
        }],
        failures: vec![(at(3_600), "key_unknown".to_owned(), String::new(), 4)],
        uses: vec![UseRow {
            key_id: key.to_owned(),
            first_at: at(3_601),
            last_at: at(3_609),
            network: "203.0.113.0/24".to_owned(),
            agent: "curl/8".to_owned(),
        }],
    }
}

async fn stored_key(db: &Db) -> String {
    let mut next = 7_u32;
    let key = ApiKey::generate(KeyEnv::Live, &mut |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = next.to_be_bytes()[0];
        }
    });
    let minted = Minted::of(&key, &Pepper::new(1, vec![1; 32]).unwrap());
    let client = ClientRecord {
        client_id: "c".to_owned(),
        name: "desk".to_owned(),
        plan: "vip".to_owned(),
        created_at: UnixSeconds(0),
        spend_cap_microusd: None,
        pays_in_tmai: false,
        stake_tier: String::new(),
        epoch: 0,
    };
    let purpose = Purpose {
        scopes: [Scope::ReadPublic].into_iter().collect(),
        networks: Default::default(),
        expires_at: None,
        note: String::new(),
    };
    let by = By { actor: "t", reason: "", request_id: "", at_ms: 0, repeat: None };
    let made = access::change(db, Whose::Named(&client), &by, |family| {
        Ok::<_, Refused>((change::create(family, &purpose, minted, 2, UnixSeconds(0))?, String::new(), ()))
    });
    made.await.unwrap();
    key.id().to_string()
}

#[tokio::test]
async fn a_batch_is_added_once() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        let key = stored_key(db).await;
        let batch = batch(&key);
        assert!(add(db, "a", 1, &batch).await.unwrap());
        assert!(!add(db, "a", 1, &batch).await.unwrap(), "its answer was lost, it was not");
        assert!(add(db, "b", 1, &batch).await.unwrap(), "another server's");
        assert!(add(db, "a", 2, &batch).await.unwrap());
        let rows = hours(db, "c", UnixSeconds(3_600), UnixSeconds(7_200)).await.unwrap();
        assert_eq!(rows.iter().map(|row| (row.status, row.calls)).collect::<Vec<_>>(), [(200, 6), (404, 3)]);
        assert!(hours(db, "c", UnixSeconds(3_601), UnixSeconds(7_200)).await.unwrap().is_empty());
        assert_eq!(of_key(db, &key, UnixSeconds(0)).await.unwrap(), [(UnixSeconds(3_600), 9)]);
        let seen = callers(db, &key, UnixSeconds(3_609)).await.unwrap();
        assert_eq!((seen.len(), seen[0].calls, seen[0].first_at), (1, 9, UnixSeconds(3_601)));
        assert!(callers(db, &key, UnixSeconds(3_610)).await.unwrap().is_empty());
        assert_eq!(
            failures(db, UnixSeconds(3_600)).await.unwrap(),
            [("key_unknown".to_owned(), String::new(), 12)]
        );
        let stored = keys::by_id(db, &key).await.unwrap().unwrap();
        assert_eq!(
            (stored.first_used_at, stored.last_used_at),
            (Some(UnixSeconds(3_601)), Some(UnixSeconds(3_609)))
        );
        assert_eq!(stored.last_used_agent.as_deref(), Some("curl/8"));
        prune(db, UnixSeconds(3_601), UnixSeconds(3_610)).await.unwrap();
        assert!(callers(db, &key, UnixSeconds(0)).await.unwrap().is_empty());
        assert_eq!(of_key(db, &key, UnixSeconds(0)).await.unwrap().len(), 1, "hours stay");
    })
    .await;
}
