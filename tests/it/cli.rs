//! The `accrual` binary, as its users and its supervisor meet it.
//!
//! - `demo`: from nothing to figures, in the terminal and over HTTP.
//! - `compare`: those figures against a stand-in for Merkl, disturbed in every way.
//! - `report`: the figures that are stored, in every form.
//! - `stopped`: killed and terminated in the middle, it loses nothing.
//! - `backup`: the whole database as a file, and back.
//! - `bad_input`: each mistake gives one sentence and an exit code, and leaves the database alone.
//! - `hostile_disk`: a database that cannot be written.
//! - `keys`: the key life cycle, and the commands around the database.
//! - `merkl_client`: Merkl's published client, pointed at the demo.
//! - `metrics`: what a running service counts, and the dashboard that shows it.
//! - `top`: the live view, in a terminal.
//! - `tree`: reward trees, and files with them.
//! - `log_lines`: what it says of itself, for those who collect log lines.
//! - `playbooks`: what the documents tell operators to type.

mod backup;
mod bad_input;
mod compare;
mod demo;
mod drain;
mod hostile_disk;
mod keys;
mod log_lines;
mod merkl_client;
mod metrics;
mod playbooks;
mod report;
mod stopped;
mod top;
mod tree;

use std::path::{Path, PathBuf};

use accrual_tests::binary::{self, Ended};
use accrual_tests::config;
use accrual_tests::played::Played;

/// The address of an SQLite database in `folder`.
fn sqlite_url(folder: &Path) -> String {
    format!("sqlite://{}", database(folder).display())
}

fn database(folder: &Path) -> PathBuf {
    folder.join("accrual.db")
}

/// A configuration in `folder` over a database beside it, with the rehearsal read into it.
async fn indexed(folder: &Path, played: &Played) -> PathBuf {
    let path = config::write(folder, &sqlite_url(folder), played);
    let ended = binary::run(&["index", "--config", binary::text(&path), "--to", "head"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    path
}

/// The command failed as it should: with this code, and one sentence that holds these words.
fn assert_fails(name: &str, ended: &Ended, code: i32, words: &[&str]) {
    let Ended { stdout, stderr, .. } = ended;
    let told: Vec<&str> = stderr.lines().filter(|line| !is_log_line(line)).collect();
    assert_eq!(ended.code, code, "{name}: {stderr}");
    assert_eq!(told.len(), 1, "{name}: one sentence on standard error, not\n{stderr}");
    assert!(told[0].starts_with("accrual: "), "{name}: {stderr}");
    for word in words {
        assert!(told[0].contains(word), "{name}: no {word:?} in\n{stderr}");
    }
    for trace in ["panicked", "backtrace", "RUST_BACKTRACE"] {
        assert!(!stderr.contains(trace) && !stdout.contains(trace), "{name}: {stderr}");
    }
}

fn is_log_line(line: &str) -> bool {
    line.starts_with("block ") || [" INFO ", " WARN "].iter().any(|level| line.contains(level))
}
