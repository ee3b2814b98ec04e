//! The project's own commands, as `cargo xtask <command>`. No dependencies: it builds in a moment.
//!
//! | Command | Does |
//! |---|---|
//! | `demo [options]` | builds the page and accrual, and plays the bundled rehearsal; the options go to `accrual demo` |
//! | `page` | builds the page that accrual embeds, with npm packages |
//! | `test` | everything CI checks: format, lints, docs, tests on SQLite and PostgreSQL, the real node, the demo |
//! | `counts` | counts the instructions of the engine, the decoder and the key check, as `test` does |
//! | `rehearse [--seed N]` | plays the campaign on a real EVM node again and records it |
//! | `simulate [--seeds N] [--from S]` | runs indexer, engine and store under N seeds, from S on, in simulated weather |
//! | `bench [options]` | measures everything and writes BENCHMARKS.md; see `bench.rs` |

mod bench;
mod counts;
mod machine;
mod page;
mod postgres;
mod shell;
mod tests;

use std::process::ExitCode;

use shell::{Failed, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((command, rest)) => match command.as_str() {
            "demo" => demo(rest),
            "page" => page::build(),
            "test" => tests::test(rest),
            "counts" => tests::counts(),
            "rehearse" => rehearse(rest),
            "simulate" => simulate(rest),
            "bench" => bench::bench(rest),
            other => Err(Failed(format!(
                "there is no command {other}: it is demo, page, test, counts, rehearse, simulate or bench"
            ))),
        },
        None => {
            Err(Failed("which command? demo, page, test, counts, rehearse, simulate or bench".to_owned()))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(what)) => {
            eprintln!("xtask: {what}");
            ExitCode::FAILURE
        }
    }
}

/// Built optimised, since the demo is to be fast and a build is kept, but without what makes a release's build long.
fn demo(options: &[String]) -> Result<(), Failed> {
    machine::need_c_compiler_and_perl()?;
    page::build()?;
    run("cargo", ["build", "--profile", "demo", "--package", "accrual"])?;
    run(&shell::target("demo/accrual"), ["demo"].into_iter().chain(options.iter().map(String::as_str)))
}

fn rehearse(options: &[String]) -> Result<(), Failed> {
    machine::need_node()?;
    let out = "crates/recording/data/rehearsal.acr";
    let mut arguments =
        vec!["run", "--release", "--package", "accrual-rehearsal", "--", "record", "--out", out];
    arguments.extend(options.iter().map(String::as_str));
    run("cargo", arguments)
}

/// Built in release, since thousands of seeds are run.
fn simulate(options: &[String]) -> Result<(), Failed> {
    machine::need_c_compiler_and_perl()?;
    let arguments = ["run", "--quiet", "--release", "--package", "accrual-simulation", "--"];
    run("cargo", arguments.into_iter().chain(options.iter().map(String::as_str)))
}
