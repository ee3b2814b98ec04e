//! A configuration file for the rehearsal, as the demo writes one.

use std::path::{Path, PathBuf};

use crate::played::Played;

/// Writes a configuration over `database` and the node that serves the rehearsal.
///
/// # Panics
/// When it cannot be written.
pub fn write(folder: &Path, database: &str, played: &Played) -> PathBuf {
    write_text(folder, &text(database, played))
}

/// A configuration over `database` and the node that serves the rehearsal.
pub fn text(database: &str, played: &Played) -> String {
    let head = head(database, played.recording.meta.chain_id, &played.url);
    format!("{head}{}", played.recording.meta.config_toml)
}

/// The part of a configuration that does not speak of pools.
pub fn head(database: &str, chain_id: u64, url: &str) -> String {
    format!(
        "[database]\nurl = \"{database}\"\n[chain]\nid = {chain_id}\nrpc_urls = [\"{url}\"]\nlog_range_blocks_max = 400\n\
         poll_interval_ms = 50\n[server]\nlisten = \"127.0.0.1:0\"\n[index]\nsnapshot_events = 700\n"
    )
}

/// Writes `text` as a configuration file.
///
/// # Panics
/// When it cannot be written.
pub fn write_text(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("accrual.toml");
    std::fs::write(&path, text).expect("a test's folder can be written");
    path
}
