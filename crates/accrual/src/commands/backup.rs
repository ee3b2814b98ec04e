//! `accrual backup` and `accrual restore`: the whole database as one file, and back.

use std::path::Path;

use accrual_store::{Db, Mode, backup};

use crate::cli::{Backup, Restore};
use crate::failure::Outcome;

pub(super) async fn backup(args: Backup) -> Outcome {
    let config = super::load(&args.with.config)?;
    let db = Db::open(&config.database, Mode::Read).await?;
    let copied = copy(&db, &args.file).await;
    db.close().await;
    copied?;
    println!("{}: as {} was just now; keep the pepper apart from it", args.file.display(), config.database);
    Ok(())
}

/// A copy of a damaged file would be found out on the day that it is needed.
async fn copy(db: &Db, file: &Path) -> Outcome {
    backup::check_health(db).await?;
    Ok(backup::copy_to(db, file).await?)
}

pub(super) async fn restore(args: Restore) -> Outcome {
    let config = super::load(&args.with.config)?;
    backup::restore(&args.file, &config.database, args.force).await?;
    // So that it is of this version, whichever one made the backup.
    super::open_to_write(&config).await?.close().await;
    println!("{}: as it was when {} was made", config.database, args.file.display());
    Ok(())
}
