//! Who takes what: a fair split of the pools over the workers that are alive, without anybody who decides for all.
//!
//! Each worker looks at the same rows and moves only its own part, so that all come to the same split within a few beats:
//! at most `ceil(pools / workers)` each. What is done once for all pools goes to whoever finds it free.

use std::collections::BTreeSet;

use accrual_store::Lease;
use accrual_store::leases::{LeaseRow, Standing, WorkerRow, is_pool};

/// What one worker does after a look at how everything stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Share {
    /// What it holds, by name.
    pub(super) held: Vec<Lease>,
    /// Of these, what it gives up, so that others have their part.
    pub(super) give_back: Vec<Lease>,
    /// What it takes, with the tokens that were seen.
    pub(super) take: Vec<(String, u64)>,
}

/// The part of `me` in what `names` stand for. Whoever was silent for more than `lease_ms` has no part.
pub(super) fn share(me: &str, names: &BTreeSet<String>, standing: &Standing, lease_ms: u64) -> Share {
    let live = live(standing, lease_ms);
    let ours = standing.leases.iter().filter(|row| names.contains(&row.name));
    let (mine, others): (Vec<&LeaseRow>, Vec<&LeaseRow>) =
        ours.partition(|row| row.worker.as_deref() == Some(me));
    let held: Vec<Lease> = mine.iter().map(|row| lease(me, row)).collect();
    let seen = |row: &&LeaseRow| (row.name.clone(), row.token);
    if let Some(sole) = sole(&live) {
        // It takes, from whoever holds it: nothing has to be given back first.
        let take = others.iter().filter(|_| sole.worker == me).map(seen).collect();
        return Share { held, give_back: Vec::new(), take };
    }
    let is_free = |row: &&&LeaseRow| {
        !row.worker.as_ref().is_some_and(|holder| live.iter().any(|worker| worker.worker == *holder))
    };
    let (free_pools, free_tasks): (Vec<&LeaseRow>, Vec<&LeaseRow>) =
        others.iter().filter(is_free).copied().partition(|row| is_pool(&row.name));
    let pools = names.iter().filter(|name| is_pool(name)).count();
    let part = pools.div_ceil(live.len().max(1));
    let my_pools: Vec<&Lease> = held.iter().filter(|lease| is_pool(&lease.name)).collect();
    let give_back = my_pools.iter().skip(part).map(|lease| (*lease).clone()).collect();
    let room = part.saturating_sub(my_pools.len());
    // Each begins elsewhere, so that those who look at once do not reach for the same.
    let place = live.iter().position(|worker| worker.worker == me).unwrap_or_default();
    let begin = if free_pools.is_empty() { 0 } else { (place * part) % free_pools.len() };
    let from_there = free_pools[begin..].iter().chain(&free_pools[..begin]);
    let take = from_there.take(room).chain(&free_tasks).map(seen).collect();
    Share { held, give_back, take }
}

/// The workers that are alive, by name.
fn live(standing: &Standing, lease_ms: u64) -> Vec<&WorkerRow> {
    standing.workers.iter().filter(|worker| worker.is_live(standing.now_ms, lease_ms)).collect()
}

/// The worker that shares with nobody: the newest of those who say so.
fn sole<'a>(live: &[&'a WorkerRow]) -> Option<&'a WorkerRow> {
    let alone = live.iter().filter(|worker| worker.takes_all);
    alone.max_by_key(|worker| (worker.started_at_ms, &worker.worker)).copied()
}

fn lease(me: &str, row: &LeaseRow) -> Lease {
    Lease { name: row.name.clone(), worker: me.to_owned(), token: row.token }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE_MS: u64 = 6_000;

    /// Workers and leases as a database would keep them.
    struct World {
        now_ms: u64,
        workers: Vec<WorkerRow>,
        leases: Vec<LeaseRow>,
    }

    impl World {
        fn of_pools(count: usize) -> Self {
            let names = (0..count).map(|pool| format!("pool:{pool:03}")).chain(["task:head".to_owned()]);
            let free = |name| LeaseRow { name, worker: None, token: 0, since_ms: None };
            Self { now_ms: 100_000, workers: Vec::new(), leases: names.map(free).collect() }
        }

        fn names(&self) -> BTreeSet<String> {
            self.leases.iter().map(|row| row.name.clone()).collect()
        }

        fn join(&mut self, name: &str, takes_all: bool) {
            let worker = WorkerRow {
                worker: name.to_owned(),
                host: String::new(),
                takes_all,
                started_at_ms: self.now_ms,
                seen_at_ms: self.now_ms,
            };
            self.workers.push(worker);
            self.now_ms += 1;
        }

        /// One beat of each worker but those that are `silent`, one after the other.
        fn beat(&mut self, silent: &[&str]) {
            self.now_ms += 2_000;
            for index in 0..self.workers.len() {
                let me = self.workers[index].worker.clone();
                if silent.contains(&me.as_str()) {
                    continue;
                }
                self.workers[index].seen_at_ms = self.now_ms;
                let standing = Standing {
                    now_ms: self.now_ms,
                    workers: self.workers.clone(),
                    leases: self.leases.clone(),
                };
                let share = share(&me, &self.names(), &standing, LEASE_MS);
                for row in &mut self.leases {
                    if share.give_back.iter().any(|lease| lease.name == row.name) {
                        row.worker = None;
                    }
                    if share.take.contains(&(row.name.clone(), row.token)) {
                        row.worker = Some(me.clone());
                        row.token += 1;
                    }
                }
            }
        }

        fn pools_of(&self, worker: &str) -> usize {
            let held = |row: &&LeaseRow| is_pool(&row.name) && row.worker.as_deref() == Some(worker);
            self.leases.iter().filter(held).count()
        }
    }

    #[test]
    fn a_split_is_fair_whoever_comes_and_goes() {
        for pools in [1, 2, 3, 7, 100] {
            let mut world = World::of_pools(pools);
            world.join("a", false);
            world.beat(&[]);
            assert_eq!(world.pools_of("a"), pools, "one holds all {pools}");
            world.join("b", false);
            world.join("c", false);
            for _ in 0..3 {
                world.beat(&[]);
            }
            let split = ["a", "b", "c"].map(|worker| world.pools_of(worker));
            assert_eq!(split.iter().sum::<usize>(), pools, "{split:?}");
            assert!(split.iter().all(|count| *count <= pools.div_ceil(3)), "{pools}: {split:?}");
            // Silent for a whole lease, it has no part; the others hold everything.
            for _ in 0..4 {
                world.beat(&["b"]);
            }
            assert_eq!(world.pools_of("a") + world.pools_of("c"), pools);
            assert!(world.pools_of("a").max(world.pools_of("c")) <= pools.div_ceil(2));
            for _ in 0..3 {
                world.beat(&[]);
            }
            let split = ["a", "b", "c"].map(|worker| world.pools_of(worker));
            assert!(split.iter().all(|count| *count <= pools.div_ceil(3)), "back again: {split:?}");
        }
    }

    #[test]
    fn what_stands_still_stays_where_it_is() {
        let mut world = World::of_pools(10);
        for name in ["a", "b", "c"] {
            world.join(name, false);
        }
        for _ in 0..3 {
            world.beat(&[]);
        }
        let before = world.leases.clone();
        world.beat(&[]);
        assert_eq!(world.leases, before, "nothing moves without a reason");
    }

    #[test]
    fn the_newest_that_takes_all_has_all() {
        let mut world = World::of_pools(5);
        for (name, takes_all) in [("a", false), ("b", true), ("c", true), ("d", false)] {
            world.join(name, takes_all);
            world.beat(&[]);
        }
        assert_eq!(["a", "b", "c", "d"].map(|worker| world.pools_of(worker)), [0, 0, 5, 0]);
        for _ in 0..4 {
            world.beat(&["c"]);
        }
        assert_eq!(world.pools_of("b"), 5, "and the one before it when it is gone");
    }

    #[test]
    fn a_silent_workers_leases_are_free_after_the_whole_lease_and_not_before() {
        let mut world = World::of_pools(2);
        world.join("a", false);
        world.beat(&[]);
        world.join("b", false);
        let seen = world.workers[0].seen_at_ms;
        for (late_ms, takes) in [(LEASE_MS, 0), (LEASE_MS + 1, 3)] {
            let standing = Standing {
                now_ms: seen + late_ms,
                workers: vec![
                    world.workers[0].clone(),
                    WorkerRow { seen_at_ms: seen + late_ms, ..world.workers[1].clone() },
                ],
                leases: world.leases.clone(),
            };
            let share = share("b", &world.names(), &standing, LEASE_MS);
            assert_eq!(share.take.len(), takes, "after {late_ms} ms");
        }
    }

    #[test]
    fn only_what_it_knows_is_its_own() {
        let mut world = World::of_pools(4);
        world.join("a", false);
        let standing =
            Standing { now_ms: world.now_ms, workers: world.workers.clone(), leases: world.leases.clone() };
        let known = BTreeSet::from(["pool:001".to_owned(), "pool:009".to_owned()]);
        assert_eq!(share("a", &known, &standing, LEASE_MS).take, [("pool:001".to_owned(), 0)]);
    }
}
