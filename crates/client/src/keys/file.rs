//! The key's file: whether it changed, and how a new key gets into it whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};

use crate::retry::random;

/// More than a key and its line end take.
const ROOM_BYTES: usize = 128;

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    changed_at: Option<SystemTime>,
    bytes: u64,
    node: u64,
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let facts = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let node = std::os::unix::fs::MetadataExt::ino(&facts);
        #[cfg(not(unix))]
        let node = 0;
        Some(Self { changed_at: facts.modified().ok(), bytes: facts.len(), node })
    }
}

/// A place for the next key, made before the key is asked for: a full disk or a folder that may not be written is found
/// out while nothing is lost yet. Dropped without [`Prepared::write`], nothing of it stays.
#[derive(Debug)]
pub(super) struct Prepared {
    target: PathBuf,
    temporary: PathBuf,
    file: File,
    _lock: File,
}

impl Prepared {
    /// A place beside `path`. `WouldBlock`: another program is exchanging the key of this file.
    pub(super) fn beside(path: &Path) -> io::Result<Self> {
        // Where the file is a link, what it points to is replaced and not the link.
        let target = fs::canonicalize(path)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lock = own_file(&target.with_file_name(format!(".{name}.lock")), false)?;
        lock.try_lock()?;
        let temporary = target.with_file_name(format!(".{name}.{:016x}", random()));
        let file = own_file(&temporary, true)?;
        let mut prepared = Self { target, temporary, file, _lock: lock };
        prepared.file.write_all(&[b'\n'; ROOM_BYTES])?;
        prepared.file.sync_all()?;
        Ok(prepared)
    }

    /// Puts `key` where the old one was. When this returns, a loss of power leaves the new one there.
    pub(super) fn write(mut self, key: &SecretString) -> io::Result<()> {
        let line = format!("{}\n", key.expose_secret());
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(line.as_bytes())?;
        self.file.set_len(u64::try_from(line.len()).unwrap_or(u64::MAX))?;
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.target)?;
        // The name is in the folder.
        self.target.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        // After a rename there is none any more.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Opens a file that this user alone can read.
fn own_file(path: &Path, new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(!new).create_new(new);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert_eq!(Prepared::beside(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, "old and longer than the new one will be, whatever it is").unwrap();
        let before = Stamp::of(&path);
        let first = Prepared::beside(&path).unwrap();
        assert_eq!(Prepared::beside(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock, "one at a time");
        assert_eq!(Stamp::of(&path), before, "nothing changes before the key is there");
        drop(first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the key and the lock");
        Prepared::beside(&path).unwrap().write(&"new".to_owned().into()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_ne!(Stamp::of(&path), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            Prepared::beside(&link).unwrap().write(&"newer".to_owned().into()).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&path).unwrap(), "newer\n");
        }
    }
}
