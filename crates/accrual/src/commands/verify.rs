//! `accrual verify`: what is stored of the pools against what their contracts say, once or every so many blocks.

use std::time::Duration;

use accrual_indexer::rpc::RpcSource;
use accrual_indexer::source::LogSource;
use accrual_indexer::verify::{Verified, verify as hold_against_chain};
use accrual_indexer::workers::Held;
use accrual_indexer::{IndexError, preflight};
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::BlockNumber;
use accrual_store::verifications::{self, Verification};
use accrual_store::{Db, blocks, checkpoints, rebuild};
use anyhow::anyhow;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::Verify;
use crate::config::Config;
use crate::failure::{Failure, Outcome};

/// So many differences of a pool are printed.
const SHOWN: usize = 10;
/// Between two looks at whether the pools have moved on far enough.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn verify(args: Verify) -> Outcome {
    let config = super::load(&args.with.config)?;
    let db = super::open_to_read(&config).await?;
    let source = super::source(&config, false)?;
    preflight::check_chain(&source, config.chain.id).await?;
    let mut differing = 0;
    for entry in &config.pools {
        let verified = one(&config, &db, &source, &entry.pool, args.at.map(BlockNumber)).await?;
        print(&verified);
        differing += verified.differences.len();
    }
    db.close().await;
    match differing {
        0 => Ok(()),
        _ => Err(Failure::Differs(format!(
            "{differing} values are not stored as the chain has them: a node gave wrong answers, then or now, or a row was changed; ask another node (chain.rpc_urls), and if it agrees read the pool again under a new pools.id"
        ))),
    }
}

fn print(verified: &Verified) {
    let Verified { pool, block, compared, differences } = verified;
    if differences.is_empty() {
        println!("{pool}: equal, {compared} values at block {block}");
        return;
    }
    println!("{pool}: {} of {compared} values differ at block {block}", differences.len());
    for difference in differences.iter().take(SHOWN) {
        println!("  {difference}");
    }
    if differences.len() > SHOWN {
        println!("  and {} more", differences.len() - SHOWN);
    }
}

/// One pool at `at`, or at its checkpoint.
async fn one(
    config: &Config,
    db: &Db,
    source: &dyn LogSource,
    pool: &Pool,
    at: Option<BlockNumber>,
) -> Result<Verified, Failure> {
    let checkpoint = checkpoints::get(db, &pool.id)
        .await?
        .ok_or_else(|| anyhow!("pool {} was never read: run `accrual index` first", pool.id))?;
    let (number, hash) = match at {
        None => (checkpoint.number, Some(checkpoint.hash)),
        Some(number) if number <= checkpoint.number && number >= pool.created_block => {
            let header = blocks::get(db, config.chain.id, number).await?;
            (number, header.map(|header| header.hash))
        }
        Some(number) => {
            let (first, last) = (pool.created_block, checkpoint.number);
            return Err(
                anyhow!("pool {} is stored of blocks {first} to {last}, not of {number}", pool.id).into()
            );
        }
    };
    let tracker = rebuild::tracker_at(db, pool, &config.campaigns, number).await?;
    Ok(hold_against_chain(source, &tracker, number, hash).await?)
}

/// Verifies every pool that this worker holds each time it has moved on by the configured number of blocks, and keeps what came of it for the
/// metrics and for whoever is told. Trouble with a node is logged and tried again; nothing else waits for it.
pub(super) async fn follow(
    config: &Config,
    db: &Db,
    held: watch::Receiver<Held>,
    shutdown: &CancellationToken,
) {
    let Some(every_blocks) = config.verify_every_blocks else { return };
    let source = match super::source(config, true) {
        Ok(source) => source,
        Err(failure) => return tracing::error!(%failure, "nothing is verified"),
    };
    while !shutdown.is_cancelled() {
        let round = async {
            if let Err(failure) = due(config, db, &held, &source, every_blocks).await {
                tracing::warn!(%failure, "a pool is not verified for now");
            }
            tokio::time::sleep(PAUSE).await;
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = round => {}
        }
    }
}

async fn due(
    config: &Config,
    db: &Db,
    held: &watch::Receiver<Held>,
    source: &RpcSource,
    every_blocks: u64,
) -> Outcome {
    let last = verifications::all(db).await?;
    for entry in &config.pools {
        let pool = &entry.pool;
        let Some(lease) = held.borrow().pool(&pool.id) else { continue };
        let Some(checkpoint) = checkpoints::get(db, &pool.id).await? else { continue };
        let verified = last.get(&pool.id).map(|last| last.block_number);
        // A rewind below the last one makes it due too.
        let is_due = verified.is_none_or(|verified| checkpoint.number.0.abs_diff(verified.0) >= every_blocks);
        if !is_due {
            continue;
        }
        match one(config, db, source, pool, None).await {
            Ok(verified) => keep(&db.under([lease]), &verified).await?,
            Err(failure) if is_passing(&failure) => tracing::debug!(%failure, "verified with a later block"),
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

async fn keep(db: &Db, verified: &Verified) -> Outcome {
    let first = verified.differences.first().map(ToString::to_string);
    let (pool, block) = (&verified.pool, verified.block.0);
    match &first {
        Some(first) => tracing::error!(%pool, block, %first, "what is stored is not what the chain says"),
        None => tracing::info!(%pool, block, compared = verified.compared, "verified"),
    }
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let row = Verification {
        block_number: verified.block,
        verified_at: super::now(),
        compared: count(verified.compared),
        differences: count(verified.differences.len()),
        first_difference: first,
    };
    Ok(verifications::record(db, pool, &row).await?)
}

/// The chain or the database moved on meanwhile.
fn is_passing(failure: &Failure) -> bool {
    let Failure::AtRunTime(error) = failure else { return false };
    matches!(
        error.downcast_ref::<IndexError>(),
        Some(IndexError::OtherBlock { .. } | IndexError::MissingBlock { .. })
    )
}
