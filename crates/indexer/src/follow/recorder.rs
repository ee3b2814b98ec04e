//! Takes up a pool's hourly rows where they end, or makes them again when the settings behind them changed.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::tracker::Pool;
use accrual_store::record::{self, Recorder};
use accrual_store::{Db, series};

use crate::error::IndexError;

/// The recorder of `pool` as the database stands.
pub(super) async fn open(db: &Db, pool: &Pool, campaigns: &[Campaign]) -> Result<Recorder, IndexError> {
    if let Some(recorder) = Recorder::load(db, pool, campaigns).await? {
        return Ok(recorder);
    }
    let known = series::get(db, &pool.id).await?.is_some();
    let why =
        if known { "the pool or its campaigns changed" } else { "they are not there yet, or not whole" };
    tracing::info!(pool = %pool.id, why, "hourly rows are made again from the stored events");
    Ok(record::rewrite(db, pool, campaigns).await?)
}
