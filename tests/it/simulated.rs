//! The simulation of `crates/simulation` on PostgreSQL: its own tests run it on SQLite.

use accrual_simulation::{Nodes, run_at};
use accrual_store::Engine;
use accrual_tests::db::fresh;

/// Seeds whose processes die, and whose chains have branches, many times in all.
const SEEDS: std::ops::Range<u64> = 0..12;

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_the_rows_whatever_happens() {
    let (mut deaths, mut forks, mut events, mut faults) = (0, 0, 0, 0);
    for seed in SEEDS {
        let Some(fresh) = fresh(Engine::Postgres).await else { return };
        let url = fresh.url.clone();
        let ran = tokio::task::spawn_blocking(move || run_at(seed, Nodes::Honest, url)).await;
        fresh.remove().await;
        let outcome = ran.unwrap();
        assert_eq!(outcome.failure, None, "seed {seed} on PostgreSQL");
        (deaths, forks, events) = (deaths + outcome.deaths, forks + outcome.forks, events + outcome.events);
        faults += outcome.faults.values().sum::<u64>();
    }
    println!("{deaths} deaths, {forks} branches left the chain, {faults} faults, {events} events compared");
    assert!(deaths > 5 && forks > 5 && faults > 50, "there is weather");
}
