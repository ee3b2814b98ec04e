//! What CI runs: five hundred seeds, in parts so that several cores are used, and that a seed is always the same.

use accrual_simulation::{Nodes, run, run_all};

fn part(from: u64) {
    let sums = run_all(from..from + 125, Nodes::Honest, 1, |_, _| {});
    println!("{sums}");
    let failures: Vec<String> = sums
        .failures
        .iter()
        .map(|(seed, why)| format!("{why}\n  again: cargo xtask simulate --seeds 1 --from {seed}"))
        .collect();
    assert!(failures.is_empty(), "{} seeds fail:\n{}", failures.len(), failures.join("\n"));
    assert!(sums.deaths > 50 && sums.forks > 100, "there is weather");
}

#[test]
fn seeds_0_to_124() {
    part(0);
}

#[test]
fn seeds_125_to_249() {
    part(125);
}

#[test]
fn seeds_250_to_374() {
    part(250);
}

#[test]
fn seeds_375_to_499() {
    part(375);
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..12 {
        let (once, again) = (run(seed, Nodes::Honest), run(seed, Nodes::Honest));
        assert_eq!(once.trace, again.trace, "seed {seed}");
        assert_eq!((once.steps, &once.faults), (again.steps, &again.faults), "seed {seed}");
        println!("seed {seed}: {} steps twice, trace {:016x}", once.steps, once.trace);
    }
    assert_ne!(run(1, Nodes::Honest).trace, run(2, Nodes::Honest).trace);
}

/// What is left out without a word is asked for elsewhere, or read from the receipts.
#[test]
fn what_lying_nodes_leave_out_changes_nothing() {
    let sums = run_all(0..60, Nodes::Lying, 1, |_, _| {});
    println!("{sums}");
    assert!(sums.faults.get("logs: one left out").is_some_and(|count| *count > 60), "{sums}");
    assert!(sums.failures.is_empty(), "{:?}", sums.failures);
}
