//! The `accrual` binary: command line, configuration, and the wiring of the crates.

mod cli;
mod commands;
mod config;
mod failure;
mod figures;
mod logging;
mod pepper;
mod progress;
mod reconcile;
mod signals;
mod table;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;

/// The C library's keeps a third of what a long read has given back, and is slower for many small pieces on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("accrual: the runtime does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(commands::run(cli.command));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("accrual: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
