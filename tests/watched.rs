//! A program from its start to its end: how long it took and how much memory it had at most. For benches, those of `xtask` too,
//! which has no dependencies.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// From its start to its end.
    pub wall: Duration,
    /// The most memory that it had resident, in MB of 1000 kB; zero where the system does not tell.
    pub peak_mb: u64,
}

/// Runs a program to its end, and looks every few milliseconds how much memory it has taken at most. Its answers are dropped.
///
/// # Errors
/// It cannot be started or waited for, or does not end well: a sentence with what it said.
pub fn watch(mut command: Command) -> Result<Spent, String> {
    let what = format!("{command:?}");
    let begun = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("{what}: cannot be started ({error})"))?;
    // Read all along: a pipe that nobody reads stops whoever writes to it.
    let words = child.stderr.take().map(|mut words| {
        std::thread::spawn(move || {
            let mut said = Vec::new();
            // A pipe that breaks has told all it had.
            let _ = words.read_to_end(&mut said);
            String::from_utf8_lossy(&said).trim_end().to_owned()
        })
    });
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kb = 0;
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak_kb = peak_kb.max(kb.unwrap_or(0));
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(format!("{what}: {error}")),
        }
    };
    let wall = begun.elapsed();
    if ended.success() {
        return Ok(Spent { wall, peak_mb: peak_kb / 1000 });
    }
    let said = words.and_then(|words| words.join().ok()).unwrap_or_default();
    Err(format!("{what}: failed ({ended}): {said}"))
}

/// The one in the middle; nothing where nothing ran.
pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The median, the lowest and the highest, in seconds.
pub fn spread(times: &[Duration]) -> String {
    let end = |end: Option<&Duration>| seconds(end.copied().unwrap_or_default());
    format!("{} ({} to {})", seconds(median(times)), end(times.iter().min()), end(times.iter().max()))
}

/// How many times as long, to a tenth.
pub fn ratio(time: Duration, limit: Duration) -> String {
    let tenths = 10 * time.as_millis() / limit.as_millis().max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Hundredths are enough on a noisy machine.
pub fn seconds(time: Duration) -> String {
    format!("{}.{:02}", time.as_secs(), time.subsec_millis() / 10)
}
