//! What one server holds of a client's minute and month: taken, waited for, served without the database, given back.

use std::time::{Duration, Instant};

use accrual_access::plan::{Plan, Plans};
use accrual_access::rate_headers::Figures;
use accrual_access::record::ClientRecord;
use accrual_api::keys::{KeyRules, Keys};
use accrual_api::limits::{Cost, Exceeded, Limits, Month};
use accrual_api::scope::Scope;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::allowances::{self, LEASE_MS};
use accrual_store::dump;
use tokio_util::sync::CancellationToken;

use crate::limits::{MONTH_AT, NEXT_MONTH_AT, plan, rig};
use crate::rig::{Rig, START};

const NOW_MS: u64 = START * 1_000;
const MINUTE_MS: u64 = 60_000;

/// A client with a plan, and servers that come and go.
struct World {
    rig: Rig,
    client: ClientRecord,
    plans: Plans,
}

struct Server {
    keys: Keys,
    limits: Limits,
}

impl World {
    async fn of_plan(month: u64, minute: u32) -> Self {
        let rig = rig(month, minute, None).await;
        rig.issue("desk", &[Scope::ReadPublic]).await;
        let client = rig.api.keys().client("desk").await.unwrap();
        Self { rig, client, plans: plan(month, minute, None) }
    }

    fn server(&self) -> Server {
        let settings = self.rig.api.settings();
        let (peppers, clock) = (settings.peppers.clone(), settings.clock.clone());
        let keys = Keys::new(self.rig.db.clone(), peppers, KeyRules::default(), clock).unwrap();
        Server { keys, limits: Limits::new(self.rig.db.clone(), settings.access.billing.clone()) }
    }

    async fn call(&self, server: &Server, now_ms: u64) -> Result<Figures, Exceeded> {
        let plan: &Plan = self.plans.at("vip", UnixSeconds(START)).unwrap();
        server.limits.admit(&server.keys, &self.client, plan, Cost::Counts, Month::Ours, now_ms).await
    }

    async fn calls(&self, server: &Server, count: u64, now_ms: u64) {
        for number in 0..count {
            assert!(self.call(server, now_ms).await.is_ok(), "call {number} of {count}");
        }
    }

    async fn reserved(&self, month_at: u64) -> u64 {
        allowances::reserved(&self.rig.db, &self.client.client_id, UnixSeconds(month_at)).await.unwrap()
    }
}

#[tokio::test]
async fn a_call_that_does_not_count_is_given_back_within_its_month() {
    let world = World::of_plan(5, 100).await;
    let server = world.server();
    world.calls(&server, 5, NOW_MS).await;
    let is_month_over = |refused| matches!(refused, Err(Exceeded::Month { .. }));
    assert!(is_month_over(world.call(&server, NOW_MS).await));
    server.limits.settle(&world.client.client_id, NEXT_MONTH_AT * 1_000);
    assert!(
        is_month_over(world.call(&server, NOW_MS).await),
        "of another month there is nothing to give back"
    );
    server.limits.settle(&world.client.client_id, NOW_MS);
    assert!(world.call(&server, NOW_MS).await.is_ok());
    assert!(is_month_over(world.call(&server, NOW_MS).await), "one, and not more");
}

#[tokio::test]
async fn a_first_call_waits_for_slots_that_another_server_gives_back() {
    let world = World::of_plan(1_000, 10).await;
    let (first, second) = (world.server(), world.server());
    first.keys.beat().await.unwrap();
    world.calls(&first, 10, NOW_MS).await;
    // The minute is over, and the first server holds all of it idle.
    let now_ms = NOW_MS + MINUTE_MS + 1;
    world.rig.set_now(now_ms / 1_000);
    for server in [&first, &second] {
        server.keys.beat().await.unwrap();
    }
    first.keys.beat().await.unwrap();
    let gives_back = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        first.limits.tidy_once(&first.keys, now_ms).await;
    };
    let (called, ()) = tokio::join!(world.call(&second, now_ms), gives_back);
    assert!(called.is_ok(), "{called:?}");

    // A third one waits in vain, once; it says then that the minute is full.
    world.calls(&first, 1, now_ms).await;
    let third = world.server();
    third.keys.beat().await.unwrap();
    while world.call(&second, now_ms).await.is_ok() {}
    while world.call(&first, now_ms).await.is_ok() {}
    // A second later the database is asked once more, and not waited for.
    for (name, later_ms, at_least, at_most) in [("first", 0, 3, 30), ("second", 1_000, 0, 3)] {
        let begun = Instant::now();
        let refused = world.call(&third, now_ms + later_ms).await;
        let took = begun.elapsed().as_secs();
        assert!(matches!(refused, Err(Exceeded::Minute { .. })), "{name}: {refused:?}");
        assert!(at_least <= took && took < at_most, "its {name} call took {took} s");
    }
}

#[tokio::test]
async fn alone_nobody_is_waited_for() {
    let world = World::of_plan(1_000, 10).await;
    let gone = world.server();
    gone.keys.beat().await.unwrap();
    world.calls(&gone, 10, NOW_MS).await;
    // It was killed; what it held is its own still.
    let alone = world.server();
    world.rig.set_now(START + 30);
    alone.keys.beat().await.unwrap();
    assert_eq!(alone.keys.live_replicas(), 1);
    let begun = Instant::now();
    let refused = world.call(&alone, NOW_MS + 30_000).await;
    assert!(matches!(refused, Err(Exceeded::Minute { .. })), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// Calls that are refused cost the database a question a second at most.
#[tokio::test]
async fn where_there_was_nothing_it_is_asked_again_after_a_second() {
    let world = World::of_plan(1_000, 10).await;
    let other = world.server();
    other.keys.beat().await.unwrap();
    world.calls(&other, 10, NOW_MS).await;
    world.rig.set_now(START + 30);
    let server = world.server();
    server.keys.beat().await.unwrap();
    let asked_ms = NOW_MS + 30_000;
    assert!(world.call(&server, asked_ms).await.is_err(), "the other has all");
    let (client, holder) = (&world.client.client_id, other.keys.replica_id());
    allowances::keep_slots(&world.rig.db, client, holder, 1).await.unwrap();
    assert!(world.call(&server, asked_ms + 999).await.is_err(), "nobody has asked since");
    assert!(world.call(&server, asked_ms + 1_000).await.is_ok());
}

#[tokio::test]
async fn who_has_no_slots_reserves_no_calls_ahead() {
    let world = World::of_plan(40, 10).await;
    let other = world.server();
    other.keys.beat().await.unwrap();
    world.calls(&other, 10, NOW_MS).await;
    world.rig.set_now(START + 30);
    let server = world.server();
    server.keys.beat().await.unwrap();
    let now_ms = NOW_MS + 30_000;
    assert!(world.call(&server, now_ms).await.is_err(), "the other has all slots");
    let reserved = world.reserved(MONTH_AT).await;
    assert!(reserved < 40, "{reserved}: there is more to be had");
    server.limits.tidy_once(&server.keys, now_ms).await;
    assert_eq!(world.reserved(MONTH_AT).await, reserved, "what it could not serve it leaves to others");
}

#[tokio::test]
async fn without_the_database_what_is_held_is_served_for_as_long_as_its_lease() {
    let world = World::of_plan(1_000, 10).await;
    let server = world.server();
    server.keys.refresh().await.unwrap();
    world.calls(&server, 1, NOW_MS).await;
    // What was read later begins the lease anew.
    world.rig.set_now(START + 30);
    server.keys.refresh().await.unwrap();
    let read_ms = NOW_MS + 30_000;
    world.rig.db.clone().close().await;
    let mut served = 1;
    let refused = loop {
        match world.call(&server, NOW_MS).await {
            Ok(_) => served += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, Exceeded::Minute { .. }), "what is held is full: {refused:?}");
    assert_eq!(served, 5, "half of the plan is held at first");
    assert!(world.call(&server, read_ms + LEASE_MS).await.is_ok());
    assert_eq!(world.call(&server, read_ms + LEASE_MS + 1).await, Err(Exceeded::Unknown));
    let stranger = ClientRecord { client_id: "another".to_owned(), ..world.client.clone() };
    let world = World { client: stranger, ..world };
    assert_eq!(world.call(&server, NOW_MS).await, Err(Exceeded::Unknown), "nothing is held for it");
}

#[tokio::test]
async fn a_used_month_is_told_at_four_fifths_and_at_its_end() {
    let world = World::of_plan(10, 2).await;
    let server = world.server();
    let told = async || {
        let rows = dump::table(&world.rig.db, "notices").await.unwrap();
        let mut told: Vec<(String, String)> = rows
            .into_iter()
            .filter(|row| row[1].starts_with("usage."))
            .map(|row| (row[1].clone(), row[3].clone()))
            .collect();
        told.sort_by_key(|(_, at)| at.parse::<u64>().unwrap());
        told
    };
    let (mut minutes, mut seen) = (0, Vec::new());
    while world.call(&server, NOW_MS + minutes * (MINUTE_MS + 1)).await.is_ok() {
        let now = told().await;
        if now.len() > seen.len() {
            seen = now;
            let at = START + minutes * (MINUTE_MS + 1) / 1_000;
            assert_eq!(seen.last().unwrap().1, at.to_string(), "{seen:?}");
        }
        minutes += 1;
    }
    let kinds: Vec<&str> = seen.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["usage.80", "usage.100"], "{seen:?}");
}

#[tokio::test]
async fn who_was_not_heard_of_for_ten_minutes_is_forgotten() {
    let world = World::of_plan(1_000, 10).await;
    let server = world.server();
    world.calls(&server, 3, NOW_MS).await;
    assert_eq!(world.reserved(MONTH_AT).await, 20);
    for after_ms in [0, 9 * MINUTE_MS, 10 * MINUTE_MS] {
        server.limits.tidy_once(&server.keys, NOW_MS + after_ms).await;
        assert_eq!(world.reserved(MONTH_AT).await, 20, "{after_ms} ms later");
    }
    server.limits.tidy_once(&server.keys, NOW_MS + 10 * MINUTE_MS + 1).await;
    assert_eq!(world.reserved(MONTH_AT).await, 3, "what was served stays counted");
}

#[tokio::test]
async fn a_server_that_stops_gives_back_what_it_has_not_served() {
    let world = World::of_plan(1_000, 10).await;
    let server = world.server();
    world.calls(&server, 3, NOW_MS).await;
    let stopped = CancellationToken::new();
    stopped.cancel();
    server.limits.tidy(&server.keys, &world.rig.api.settings().clock, stopped).await;
    assert_eq!(world.reserved(MONTH_AT).await, 3);
}

#[tokio::test]
async fn idle_slots_are_given_back_and_half_of_them_kept_by_who_is_alone() {
    let world = World::of_plan(1_000, 10).await;
    let (server, other) = (world.server(), world.server());
    let held = async || {
        let rows = dump::table(&world.rig.db, "minute_slots").await.unwrap();
        rows.into_iter().find(|row| row[1] == server.keys.replica_id()).unwrap()[2].clone()
    };
    // One that was heard of half a minute ago has no part any more.
    world.server().keys.beat().await.unwrap();
    world.rig.set_now(START + 30);
    server.keys.beat().await.unwrap();
    world.calls(&server, 6, NOW_MS + 30_000).await;
    assert_eq!(held().await, "10");
    let later_ms = NOW_MS + 30_000 + MINUTE_MS + 1;
    server.limits.tidy_once(&server.keys, later_ms).await;
    assert_eq!(held().await, "5");
    other.keys.beat().await.unwrap();
    server.keys.beat().await.unwrap();
    server.limits.tidy_once(&server.keys, later_ms).await;
    assert_eq!(held().await, "1", "another may need them");
}

#[tokio::test]
async fn calls_are_reserved_ahead_for_who_called_within_a_minute_and_in_the_month_that_runs() {
    let world = World::of_plan(1_000, 10).await;
    let server = world.server();
    world.calls(&server, 10, NOW_MS).await;
    let seen_ms = NOW_MS + MINUTE_MS + 1;
    world.calls(&server, 1, seen_ms).await;
    server.limits.tidy_once(&server.keys, seen_ms + MINUTE_MS).await;
    assert_eq!(world.reserved(MONTH_AT).await, 20, "nobody called for a minute");
    server.limits.tidy_once(&server.keys, seen_ms + MINUTE_MS - 1).await;
    assert_eq!(world.reserved(MONTH_AT).await, 40, "nine were left");

    let last_ms = NEXT_MONTH_AT * 1_000 - 1;
    world.calls(&server, 10, last_ms - MINUTE_MS - 1).await;
    world.calls(&server, 10, last_ms).await;
    let reserved = world.reserved(MONTH_AT).await;
    server.limits.tidy_once(&server.keys, last_ms + 1).await;
    assert_eq!(world.reserved(MONTH_AT).await, reserved, "the month is over");
    assert_eq!(world.reserved(NEXT_MONTH_AT).await, 0, "and nobody called in the next");
}
