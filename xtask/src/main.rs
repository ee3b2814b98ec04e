//! The project's own commands, as `cargo xtask <command>`. No dependencies: it builds in a moment.
//!
//! | Command | Does |
//! |---|---|
//! | `demo [options]` | builds the page and accrual, and plays the bundled rehearsal; the options go to `accrual demo` |
//! | `page` | builds the page that accrual embeds, with npm packages |
//! | `test` | everything CI checks: format, lints, docs, tests on SQLite and PostgreSQL, the real node, the demo |
//! | `rehearse [--seed N]` | plays the campaign on a real EVM node again and records it |
//! | `bench` | the benches, for BENCHMARKS.md |

mod machine;
mod page;
mod postgres;
mod shell;
mod tests;

use std::process::{Command, ExitCode};

use shell::{Failed, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((command, rest)) => match command.as_str() {
            "demo" => demo(rest),
            "page" => page::build(),
            "test" => tests::test(rest),
            "rehearse" => rehearse(rest),
            "bench" => bench(rest),
            other => {
                Err(Failed(format!("there is no command {other}: it is demo, page, test, rehearse or bench")))
            }
        },
        None => Err(Failed("which command? demo, page, test, rehearse or bench".to_owned())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(what)) => {
            eprintln!("xtask: {what}");
            ExitCode::FAILURE
        }
    }
}

/// Builds in release, since the demo is to be fast and a build is kept.
fn demo(options: &[String]) -> Result<(), Failed> {
    machine::need_c_compiler()?;
    page::build()?;
    run("cargo", ["build", "--release", "--package", "accrual"])?;
    run(&shell::target("release/accrual"), ["demo"].into_iter().chain(options.iter().map(String::as_str)))
}

fn rehearse(options: &[String]) -> Result<(), Failed> {
    machine::need_node()?;
    let out = "crates/recording/data/rehearsal.acr";
    let mut arguments =
        vec!["run", "--release", "--package", "accrual-rehearsal", "--", "record", "--out", out];
    arguments.extend(options.iter().map(String::as_str));
    run("cargo", arguments)
}

/// The engine's benches, to which the options go; without any, the API's under load on both engines too.
fn bench(options: &[String]) -> Result<(), Failed> {
    let arguments = ["bench", "--package", "accrual-rewards", "--bench", "engine", "--bench", "tree"];
    run("cargo", arguments.into_iter().chain(options.iter().map(String::as_str)))?;
    if !options.is_empty() {
        return Ok(());
    }
    let server = postgres::Server::start(machine::need_postgres()?)?;
    let mut command = Command::new("cargo");
    command.args(["bench", "--package", "accrual-api"]).env("ACCRUAL_TEST_POSTGRES_URL", server.url());
    shell::run_command(command)
}
