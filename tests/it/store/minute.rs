//! A client's minute and month, shared by servers that come, go and die.

use accrual_rewards::unit::UnixSeconds;
use accrual_store::allowances::{self, Grant, LEASE_MS, Leaving, SILENT_MS, Want};
use accrual_store::{Db, replicas};
use accrual_tests::db::on_each_engine;

const NOW_MS: u64 = 1_796_083_200_000;
const MINUTE_MS: u64 = 60_000;

fn month() -> UnixSeconds {
    UnixSeconds(NOW_MS / 1_000)
}

async fn beat(db: &Db, server: &str, now_ms: u64) {
    let beat = replicas::Beat { replica_id: server, epoch: 0, peppers: &[1], now_ms };
    replicas::beat(db, &beat, now_ms - 5_000).await.unwrap();
}

fn want(server: &str, slots_held: u32, now_ms: u64) -> Want<'_> {
    Want {
        client_id: "c1",
        replica_id: server,
        month_at: month(),
        calls_allowed: None,
        calls_per_minute: 20,
        slots_held,
        live_since_ms: now_ms - 5_000,
        now_ms,
    }
}

async fn slots(db: &Db, want: Want<'_>) -> u32 {
    allowances::take(db, &want).await.unwrap().slots
}

#[tokio::test]
async fn a_month_is_reserved_to_its_last_call_and_no_further() {
    on_each_engine(async |fresh| {
        let (mut sum, mut blocks) = (0, Vec::new());
        loop {
            let want = Want { calls_allowed: Some(100), calls_per_minute: 5, ..want("r1", 0, NOW_MS) };
            let grant = allowances::take(&fresh.db, &want).await.unwrap();
            sum += grant.calls;
            assert_eq!(grant.reserved, sum);
            if grant.calls == 0 {
                break;
            }
            blocks.push(grant.calls);
        }
        assert_eq!(sum, 100);
        assert_eq!((blocks[0], blocks.last()), (10, Some(&1)));
        assert_eq!(allowances::reserved(&fresh.db, "c1", month()).await.unwrap(), 100);
        assert_eq!(allowances::reserved(&fresh.db, "c2", month()).await.unwrap(), 0);
        let next = Want { month_at: UnixSeconds(month().0 + 86_400 * 31), ..want("r1", 0, NOW_MS) };
        let next = Want { calls_allowed: Some(100), ..next };
        assert_eq!(allowances::take(&fresh.db, &next).await.unwrap().calls, 25, "a new month is a new count");
    })
    .await;
}

#[tokio::test]
async fn all_servers_at_once_never_get_more_than_there_is() {
    on_each_engine(async |fresh| {
        for server in ["r1", "r2", "r3"] {
            beat(&fresh.db, server, NOW_MS).await;
        }
        let ask = async |server: &'static str| {
            let (mut calls, mut held) = (0, 0);
            for _ in 0..12 {
                let want = want(server, held, NOW_MS);
                // Two servers are on the other side of the month's end: their minute is one all the same.
                let month_at = if server == "r1" { month() } else { UnixSeconds(0) };
                let want = Want { calls_allowed: Some(50), calls_per_minute: 20, month_at, ..want };
                let Grant { calls: more, slots, .. } = allowances::take(&fresh.db, &want).await.unwrap();
                (calls, held) = (calls + more, slots);
            }
            (calls, held)
        };
        let ((first, a), (second, b), (third, c)) = tokio::join!(ask("r1"), ask("r2"), ask("r3"));
        assert_eq!(a + b + c, 20, "{a} {b} {c}");
        assert!(first <= 50 && second + third <= 50, "{first} {second} {third}");
        assert_eq!(allowances::reserved(&fresh.db, "c1", month()).await.unwrap(), first);
    })
    .await;
}

/// None has heard of another, and each is in another month: only the client's own row puts them one after the other.
#[tokio::test]
async fn servers_that_do_not_know_of_each_other_never_get_more_than_there_is() {
    on_each_engine(async |fresh| {
        for client in ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"] {
            let ask = async |server: &'static str, month: u64| {
                let month_at = UnixSeconds(month * 40 * 86_400);
                slots(&fresh.db, Want { client_id: client, month_at, ..want(server, 0, NOW_MS) }).await
            };
            let (a, b, c) = tokio::join!(ask("r1", 0), ask("r2", 1), ask("r3", 2));
            assert!(a + b + c <= 20, "{client}: {a} + {b} + {c}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_silent_servers_slots_are_taken_when_their_minute_is_surely_over() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        beat(db, "r1", NOW_MS).await;
        assert_eq!(slots(db, want("r1", 0, NOW_MS)).await, 10);
        assert_eq!(slots(db, want("r1", 10, NOW_MS)).await, 20);
        // It is killed at once; another one takes its place.
        for (after_ms, given) in [(10_000, 0), (MINUTE_MS, 0), (SILENT_MS, 0), (SILENT_MS + 1, 10)] {
            let now_ms = NOW_MS + after_ms;
            beat(db, "r2", now_ms).await;
            assert_eq!(slots(db, want("r2", 0, now_ms)).await, given, "{after_ms} ms later");
        }
        const { assert!(SILENT_MS >= LEASE_MS + MINUTE_MS && SILENT_MS == 130_000) };
        // It was not dead after all: what it held is not its own any more.
        let now_ms = NOW_MS + SILENT_MS + 2;
        beat(db, "r1", now_ms).await;
        assert_eq!(slots(db, want("r1", 20, now_ms)).await, 10);
        assert_eq!(slots(db, want("r1", 10, now_ms)).await, 10, "the other ten are the other's");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_beats_keeps_its_slots_without_asking() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        beat(db, "r1", NOW_MS).await;
        slots(db, want("r1", 0, NOW_MS)).await;
        assert_eq!(slots(db, want("r1", 10, NOW_MS)).await, 20);
        let now_ms = NOW_MS + 10 * SILENT_MS;
        beat(db, "r1", now_ms).await;
        beat(db, "r2", now_ms).await;
        assert_eq!(slots(db, want("r2", 0, now_ms)).await, 0);
        allowances::keep_slots(db, "c1", "r1", 12).await.unwrap();
        assert_eq!(slots(db, want("r2", 0, now_ms)).await, 8);
        allowances::keep_slots(db, "c1", "r1", 19).await.unwrap();
        assert_eq!(slots(db, want("r1", 12, now_ms)).await, 12, "giving back never takes");
    })
    .await;
}

#[tokio::test]
async fn what_a_lost_answer_gave_is_free_again() {
    on_each_engine(async |fresh| {
        beat(&fresh.db, "r1", NOW_MS).await;
        beat(&fresh.db, "r2", NOW_MS).await;
        assert_eq!(slots(&fresh.db, want("r1", 0, NOW_MS)).await, 10);
        assert_eq!(
            slots(&fresh.db, want("r1", 0, NOW_MS)).await,
            10,
            "not fifteen: the first was never heard"
        );
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_leaves_what_it_used_for_a_minute() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        beat(db, "r1", NOW_MS).await;
        let taken = Want { calls_allowed: Some(1_000), ..want("r1", 0, NOW_MS) };
        let grant = allowances::take(db, &taken).await.unwrap();
        assert_eq!((grant.calls, grant.slots, grant.slots_free), (40, 10, 10));
        let (calls, slots_used, now_ms) = (33, 7, NOW_MS);
        let leaving =
            Leaving { client_id: "c1", replica_id: "r1", month_at: month(), calls, slots_used, now_ms };
        allowances::give_back(db, &leaving).await.unwrap();
        replicas::leave(db, "r1").await.unwrap();
        assert_eq!(allowances::reserved(db, "c1", month()).await.unwrap(), 7);
        for (after_ms, most) in [(0, 13), (MINUTE_MS, 13), (MINUTE_MS + 1, 20)] {
            let now_ms = NOW_MS + after_ms;
            beat(db, "r2", now_ms).await;
            assert_eq!(slots(db, want("r2", 13, now_ms)).await.max(13), most, "{after_ms} ms later");
        }
        // With nothing in use there is nothing to wait for.
        let leaving = Leaving { replica_id: "r2", calls: 0, slots_used: 0, ..leaving };
        allowances::give_back(db, &leaving).await.unwrap();
        assert_eq!(slots(db, want("r3", 0, NOW_MS + 1)).await, 10);
    })
    .await;
}
