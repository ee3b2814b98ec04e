//! The audit's head, noted each hour outside the database, where `[keys] audit_heads_file` names a file: whoever can write
//! to the database could write the whole chain anew, but not what was noted elsewhere. `accrual check audit --heads FILE`
//! holds one against the other.

use std::io::Write;
use std::path::Path;

use accrual_access::audit::Head;
use accrual_store::audit;

use super::Keys;
use crate::view::Rfc3339;

/// Seconds between two notes.
pub(super) const INTERVAL_SECONDS: u64 = 3_600;

impl Keys {
    /// Adds a line with the audit's newest entry to the configured file. That it cannot be written is logged; nothing
    /// depends on it.
    pub async fn note_head(&self) {
        let Some(path) = &self.0.rules.audit_heads_file else { return };
        let noted = async {
            let (seq, hash) = audit::newest(&self.0.db).await.map_err(|error| error.to_string())?;
            let head = Head { at: Rfc3339(self.0.clock.now()).to_string(), seq, hash };
            let path = path.clone();
            let written = tokio::task::spawn_blocking(move || append(&path, &head)).await;
            written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
        };
        if let Err(error) = noted.await {
            tracing::warn!(path = %path.display(), error, "the audit's head cannot be noted: check keys.audit_heads_file");
        }
    }
}

fn append(path: &Path, head: &Head) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    // One write, so that lines of several servers do not mix.
    file.write_all(format!("{head}\n").as_bytes())?;
    file.sync_data()
}
