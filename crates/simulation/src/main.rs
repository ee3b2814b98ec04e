//! `accrual-simulation`: runs seeds and prints each that fails with the command that repeats it.

use std::process::ExitCode;
use std::time::Instant;

use accrual_simulation::{Nodes, run_all};
use clap::Parser;

/// Deterministic simulation of indexer, engine and store.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// On how many threads; without it, on as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Let nodes lie too: leave out logs, and take blocks that they do not have yet for empty ones.
    #[arg(long)]
    lying: bool,
    /// Print what the indexer logs, to see how a seed goes.
    #[arg(long)]
    log: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.log {
        let level = tracing_subscriber::EnvFilter::new("accrual_indexer=debug,accrual_store=debug");
        tracing_subscriber::fmt().with_env_filter(level).without_time().with_writer(std::io::stderr).init();
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = arguments.threads.unwrap_or(cores);
    let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
    let begun = Instant::now();
    let nodes = if arguments.lying { Nodes::Lying } else { Nodes::Honest };
    let sums = run_all(seeds, nodes, threads, |seed, why| {
        eprintln!("seed {seed} fails: {why}");
        let lying = if arguments.lying { " --lying" } else { "" };
        eprintln!("  again: cargo xtask simulate --seeds 1 --from {seed}{lying}");
    });
    print!("{sums}");
    println!("{} s on {threads} threads", begun.elapsed().as_secs());
    if sums.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
