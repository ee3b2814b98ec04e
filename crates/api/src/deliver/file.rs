//! `file:PATH`: whoever reads the file sees the key before or the key after, whole, and nobody else sees either.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use alloy_primitives::hex;
use secrecy::{ExposeSecret, SecretString};

use super::DeliverError;

/// Writes `key` and a line end to `path`, mode 0600, in one step.
pub(super) async fn write(path: &Path, key: &SecretString) -> Result<(), DeliverError> {
    let (target, key) = (path.to_owned(), key.clone());
    let written = tokio::task::spawn_blocking(move || replace(&target, &key)).await;
    let written = written.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    written.map_err(|error| DeliverError::File { path: path.to_owned(), error })
}

fn replace(path: &Path, key: &SecretString) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // In the same folder: only there is a rename one step.
    let beside = folder.join(format!(".{}.{}", name.to_string_lossy(), suffix()?));
    let placed = fill(&beside, key).and_then(|()| std::fs::rename(&beside, path));
    if placed.is_err() {
        // Whatever went wrong is told below; a rest of it must not stay.
        let _ = std::fs::remove_file(&beside);
    }
    placed?;
    // The name is durable only once the folder is.
    File::open(folder)?.sync_all()
}

fn fill(path: &PathBuf, key: &SecretString) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key.expose_secret().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn suffix() -> io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(hex::encode(bytes))
}
