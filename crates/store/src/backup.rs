//! Copies of a whole SQLite database, and back; whether one is healthy. PostgreSQL has tools of its own for that.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::{Db, DbUrl, Mode, StoreError};

/// Writes the database as it is at this moment to the file `to`, which must not be there yet. It is one consistent
/// state, whoever writes meanwhile, and they do not wait. The file is complete or absent: it is written beside its place
/// and moved there.
///
/// # Errors
/// [`StoreError::File`], [`StoreError::Full`], [`StoreError::NotADatabase`], or the database's own; also for PostgreSQL.
pub async fn copy_to(db: &Db, to: &Path) -> Result<(), StoreError> {
    let Db::Sqlite(pools) = db else { return Err(only_sqlite(db.url(), to)) };
    if to.exists() {
        return Err(file(to, "is there already, and is left alone: choose another name"));
    }
    let part = beside(to, ".part");
    remove(&part)?;
    let name = part.to_str().ok_or_else(|| file(to, "has a name that is no UTF-8: choose another one"))?;
    // Not the readers: their connections refuse to write, even to another file.
    let done = sqlx::query("vacuum into $1").bind(name).execute(&pools.writer).await;
    if let Err(error) = done {
        remove(&part)?;
        return Err(db.explain(error));
    }
    keep_private(&part)?;
    settle(&part, to)
}

/// Looks through the whole of an SQLite file for pages that are damaged; a server looks after itself.
///
/// # Errors
/// [`StoreError::NotADatabase`] with the first fault.
pub async fn check_health(db: &Db) -> Result<(), StoreError> {
    let Db::Sqlite(pools) = db else { return Ok(()) };
    let found: String = sqlx::query_scalar("pragma quick_check(1)")
        .fetch_one(&pools.writer)
        .await
        .map_err(|error| db.explain(error))?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::NotADatabase { at: db.at(), reason: found.replace('\n', " ") })
}

/// Puts the backup `from` where `url` is. What stands there is moved aside to a name with `.before-restore` at its end,
/// and only when `force` is given and nobody uses it; the backup itself is not changed.
///
/// # Errors
/// [`StoreError::File`] when a file is in the way or missing, [`StoreError::Locked`] when the database is in use,
/// [`StoreError::NotADatabase`] and [`StoreError::NewerSchema`] when the backup is no good; nothing is changed then.
pub async fn restore(from: &Path, url: &DbUrl, force: bool) -> Result<(), StoreError> {
    let to = url.path().ok_or_else(|| only_sqlite(url, from))?;
    let backup = Db::open(&DbUrl::file(from), Mode::Read).await?;
    let good = match check_health(&backup).await {
        Ok(()) => backup.check_restorable().await,
        bad => bad,
    };
    backup.close().await;
    good?;
    if to.exists() {
        if !force {
            return Err(file(to, "holds a database: stop what uses it and say --force to replace it"));
        }
        take_out_of_use(url).await?;
    }
    let part = beside(to, ".part");
    std::fs::copy(from, &part).map_err(|error| io(&part, &error))?;
    keep_private(&part)?;
    if to.exists() {
        let aside = beside(to, ".before-restore");
        std::fs::rename(to, &aside).map_err(|error| io(&aside, &error))?;
    }
    for log in ["-wal", "-shm"] {
        remove(&beside(to, log))?;
    }
    settle(&part, to)
}

/// Folds the log into the file and leaves the mode with a log, which needs the file for oneself alone. One that is too
/// damaged for that is in nobody's use either.
async fn take_out_of_use(url: &DbUrl) -> Result<(), StoreError> {
    let db = match Db::open(url, Mode::Write).await {
        Ok(db) => db,
        Err(StoreError::NotADatabase { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let Db::Sqlite(pools) = &db else { return Ok(()) };
    let mode: Result<String, sqlx::Error> =
        sqlx::query_scalar("pragma journal_mode = delete").fetch_one(&pools.writer).await;
    // An engine may also answer that it stays as it is.
    let stays = || StoreError::Locked { at: url.to_string(), reason: "it is open elsewhere".to_owned() };
    let left = match mode {
        Ok(mode) if mode.eq_ignore_ascii_case("wal") => Err(stays()),
        Ok(_) => Ok(()),
        Err(error) => Err(db.explain(error)),
    };
    db.close().await;
    match left {
        Err(StoreError::NotADatabase { .. }) => Ok(()),
        left => left,
    }
}

fn only_sqlite(url: &DbUrl, path: &Path) -> StoreError {
    let what = match url.path() {
        None if url.to_string().starts_with("sqlite") => {
            "a database in memory has no file to copy".to_owned()
        }
        _ => format!(
            "{url} is a PostgreSQL database, which its own tools copy: `pg_dump --format=custom --file=FILE URL` and `pg_restore --clean --if-exists --dbname=URL FILE` (docs/backups.md)"
        ),
    };
    file(path, &what)
}

/// A backup holds the MACs of keys, and who calls what.
fn keep_private(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| io(path, &error))?;
    }
    Ok(())
}

/// On the disk first, then under its name.
fn settle(part: &Path, to: &Path) -> Result<(), StoreError> {
    let synced = File::open(part).and_then(|file| file.sync_all());
    synced.and_then(|()| std::fs::rename(part, to)).map_err(|error| io(to, &error))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| io(folder, &error))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(path, &error)),
        _ => Ok(()),
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn io(path: &Path, error: &std::io::Error) -> StoreError {
    file(path, &format!("cannot be written or read ({error})"))
}

fn file(path: &Path, what: &str) -> StoreError {
    StoreError::File { path: path.to_owned(), what: what.to_owned() }
}
