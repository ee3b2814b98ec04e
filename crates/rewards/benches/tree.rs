//! What a tree of a million leaves costs: made from unsorted claims, and all its proofs.
//!
//! `cargo bench -p accrual-rewards --bench tree` prints a table, a process for each size so that the peak of memory is
//! its own. Nothing here is random: the claims repeat. It fails where a million leaves pass 3 s or 500 MB.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use accrual_rewards::tree::{Claim, Tree};
use accrual_rewards::unit::Amount;
use alloy_primitives::{Address, U256, keccak256};

const LEAF_COUNTS: [u64; 3] = [10_000, 100_000, 1_000_000];
const TREE_SECONDS_MAX: u64 = 3;
const TREE_BYTES_MAX: u64 = 500_000_000;

fn main() {
    match std::env::var("ACCRUAL_BENCH_LEAVES") {
        Ok(leaves) => measure(leaves.parse().expect("ACCRUAL_BENCH_LEAVES is a number of leaves")),
        Err(_) => {
            println!("leaves   tree ms  peak MB  all proofs ms  bytes/leaf");
            LEAF_COUNTS.into_iter().for_each(in_its_own_process);
        }
    }
}

fn in_its_own_process(leaves: u64) {
    let program = std::env::current_exe().expect("the bench knows its own file");
    let status = Command::new(program).env("ACCRUAL_BENCH_LEAVES", leaves.to_string()).status();
    assert!(status.expect("the bench can start itself").success(), "measuring {leaves} leaves failed");
}

fn measure(leaves: u64) {
    let claims: Vec<Claim> = (0..leaves).map(claim).collect();
    let begun = Instant::now();
    let tree = Tree::new(claims).expect("the claims are small");
    black_box(tree.root());
    let made = begun.elapsed();
    let peak_bytes = peak_bytes();
    let begun = Instant::now();
    let hashes: usize = tree.proofs().map(|proof| black_box(proof).path.len()).sum();
    let proved = begun.elapsed();
    assert!(hashes > 0, "there are proofs");
    println!(
        "{leaves:<7}  {:>7}  {:>7}  {:>13}  {:>10}",
        made.as_millis(),
        peak_bytes / 1_000_000,
        proved.as_millis(),
        peak_bytes / leaves
    );
    assert!(made < Duration::from_secs(TREE_SECONDS_MAX), "{leaves} leaves took {made:?}");
    assert!(peak_bytes < TREE_BYTES_MAX, "{leaves} leaves took {peak_bytes} bytes");
}

/// Accounts in no order, as a table of earnings has them.
fn claim(number: u64) -> Claim {
    let account = Address::from_word(keccak256(number.to_be_bytes()));
    let amount = Amount(U256::from(number + 1) << 64_u32);
    Claim { account, token: Address::repeat_byte(7), amount }
}

/// The most memory that this process ever held.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of a process");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("its peak is told");
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    kib.expect("in KiB") * 1024
}
