//! `accrual migrate`: bring the database to this version's tables.

use std::path::Path;

use accrual_store::{Db, Mode};

use crate::failure::Outcome;

pub(super) async fn migrate(path: &Path) -> Outcome {
    let config = super::load(path)?;
    let db = Db::open(&config.database, Mode::Write).await?;
    let report = db.migrate().await?;
    match report.applied.as_slice() {
        [] => println!("{}: the tables are up to date", config.database),
        applied => {
            for (version, name) in applied {
                println!("{}: applied {version:04} {name}", config.database);
            }
        }
    }
    db.close().await;
    Ok(())
}
