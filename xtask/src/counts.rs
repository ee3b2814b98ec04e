//! Instructions of the three paths that must not become slower, counted by callgrind and held against `counts.txt`.
//!
//! The programs are the tests' own builds. Two counts of different length are taken from each other, so that starting up is
//! not in them. More than a tenth above its line fails; more than a tenth below says to lower the line.

use std::process::Command;

use crate::machine;
use crate::shell::{Failed, root, target};

const LIMITS: &str = "xtask/counts.txt";
const TIMES: [u64; 2] = [1, 3];

/// Counts each, and says what changed.
pub(crate) fn check() -> Result<(), Failed> {
    machine::need_valgrind()?;
    let text = std::fs::read_to_string(root().join(LIMITS))
        .map_err(|error| Failed(format!("{LIMITS} cannot be read ({error})")))?;
    let mut slower = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (what, known) =
            line.split_once(' ').ok_or_else(|| Failed(format!("{LIMITS}: no count in {line:?}")))?;
        let known: u64 =
            known.trim().parse().map_err(|error| Failed(format!("{LIMITS}: {line:?} ({error})")))?;
        let counted = count(what)?;
        eprintln!("{what}: {counted} instructions each, known {known}");
        if counted > known + known / 10 {
            slower.push(format!("{what} takes {counted} instructions and took {known}"));
        } else if counted < known - known / 10 {
            eprintln!("  it is faster: write {counted} into {LIMITS}, so that it stays so");
        }
    }
    if slower.is_empty() {
        return Ok(());
    }
    let slower = slower.join("; ");
    Err(Failed(format!("{slower}: find out why, or, where it is worth it, write the count into {LIMITS}")))
}

/// Instructions for each event, log or check.
fn count(what: &str) -> Result<u64, Failed> {
    let [(short, each), (long, _)] = [run(what, TIMES[0])?, run(what, TIMES[1])?];
    let more = long.saturating_sub(short) / (TIMES[1] - TIMES[0]);
    more.checked_div(each).ok_or_else(|| Failed(format!("{what} did nothing")))
}

/// Instructions of a whole run, and how many things it does each time.
fn run(what: &str, times: u64) -> Result<(u64, u64), Failed> {
    let program = target("debug/examples/counted");
    let times = times.to_string();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", &program, what, &times])
        .current_dir(root())
        .output()
        .map_err(|error| Failed(format!("valgrind cannot be started ({error})")))?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let total = told.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    let each = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    match (output.status.success(), total, each) {
        (true, Some(total), Some(each)) => Ok((total, each)),
        _ => Err(Failed(format!("counting {what} failed: {told}"))),
    }
}
