//! `accrual replay`: rebuild everything derived from the stored events.

use std::path::Path;

use accrual_store::{checkpoints, rebuild};

use crate::failure::Outcome;

pub(super) async fn replay(path: &Path) -> Outcome {
    let config = super::load(path)?;
    let db = super::open_to_write(&config).await?;
    for pool in config.pools() {
        let Some(checkpoint) = checkpoints::get(&db, &pool.id).await? else {
            println!("{}: nothing is stored yet", pool.id);
            continue;
        };
        let events =
            rebuild::replay(&db, &pool, &config.campaigns, checkpoint.number, config.snapshot_events).await?;
        println!("{}: {events} events up to block {} folded again", pool.id, checkpoint.number);
    }
    db.close().await;
    Ok(())
}
