//! A program from its start to its end: how long it took and how much memory it had at most.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::time::sleep;

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// The most memory that it had resident, in kB of 1024 bytes.
    pub(crate) peak_kb: u64,
}

/// Runs a program and looks every few milliseconds how much memory it has taken at most.
pub(crate) async fn watch(mut command: Command) -> Spent {
    let begun = Instant::now();
    let mut child =
        command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().expect("the binary starts");
    let status = format!("/proc/{}/status", child.id().expect("it was not waited for"));
    let mut peak_kb = 0;
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak_kb = peak_kb.max(kb.unwrap_or(0));
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break status,
            None => sleep(Duration::from_millis(5)).await,
        }
    };
    assert!(ended.success(), "the program ended with {ended}");
    Spent { wall: begun.elapsed(), peak_kb }
}
