//! `cargo xtask test`: the same here and in CI.

use std::process::Command;

use crate::counts;
use crate::machine;
use crate::page;
use crate::postgres::{Server, Sync};
use crate::shell::{Failed, output, run, run_command, target};

/// Checks everything; with arguments, runs only the tests that these name (after `cargo nextest run`).
pub(crate) fn test(only: &[String]) -> Result<(), Failed> {
    machine::need_c_compiler_and_perl()?;
    machine::need_node()?;
    machine::need_curl_and_python()?;
    machine::need_go()?;
    machine::need_chromium()?;
    machine::need_tmux()?;
    let postgres = machine::need_postgres()?;
    page::build()?;
    if only.is_empty() {
        run("cargo", ["fmt", "--all", "--check"])?;
        run("cargo", ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])?;
        docs()?;
        all_orders()?;
    }
    // The tests start the demo as a user does, so the binary must be there: built as the tests are, so that nothing is
    // compiled twice.
    run("cargo", ["build", "--workspace", "--bins", "--tests", "--examples"])?;
    if only.is_empty() {
        page::check_types()?;
        counts::check()?;
    }
    let server = Server::start(postgres, Sync::Off)?;
    let mut command = Command::new("cargo");
    if output("cargo", ["nextest", "--version"]).is_some() {
        command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        command.args(["test", "--workspace", "--no-fail-fast"]);
    }
    command
        .args(only)
        .env("ACCRUAL_TEST_POSTGRES_URL", server.url())
        .env("ACCRUAL_REQUIRE_POSTGRES", "1")
        .env("ACCRUAL_BINARY", target("debug/accrual"));
    run_command(command)
}

/// What [`fn@test`] counts, alone.
pub(crate) fn counts() -> Result<(), Failed> {
    run("cargo", ["build", "--workspace", "--bins", "--tests", "--examples"])?;
    counts::check()
}

fn docs() -> Result<(), Failed> {
    let mut command = Command::new("cargo");
    command.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "--deny warnings");
    run_command(command)
}

/// The table of keys under loom, which tries all orders of its readers and writers. Loom replaces the locks of the whole
/// build, so it has a folder of its own, and nothing in it is optimised: it runs for half a second.
fn all_orders() -> Result<(), Failed> {
    let mut command = Command::new("cargo");
    command.args(["test", "--package", "accrual-access", "--test", "loom"]);
    for all in ["\"*\"", "accrual-rewards"] {
        command.args(["--config", &format!("profile.dev.package.{all}.opt-level=0")]);
    }
    command.args(["--target-dir", &target("loom")]).env("RUSTFLAGS", "--cfg loom");
    run_command(command)
}
