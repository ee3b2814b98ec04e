//! `accrual index`: follow the chain into the database, to a point or for ever.

use accrual_indexer::IndexError;
use accrual_indexer::distributor::DistributorReader;
use accrual_indexer::follow::Target;
use accrual_indexer::follow::rewind::rewind_to;
use accrual_indexer::workers::{DISTRIBUTOR, HEAD, RETENTION, Worker};
use accrual_rewards::unit::BlockNumber;
use accrual_store::Db;
use tokio_util::sync::CancellationToken;

use super::worker::Joined;
use crate::cli::Index;
use crate::config::{Config, instant};
use crate::failure::{Failure, Outcome};
use crate::progress::Shown;
use crate::signals;

pub(super) async fn index(args: Index) -> Outcome {
    let target = args.to.as_deref().map(target).transpose()?;
    let config = super::load(&args.with.config)?;
    let shutdown = signals::shutdown()?;
    let db = super::open_to_follow(&config).await?;
    if let Some(number) = args.rewind_to {
        let pools: Vec<_> = config.pools.iter().map(|entry| entry.pool.id.clone()).collect();
        let to = rewind_to(&db, config.chain.id, &pools, BlockNumber(number)).await?;
        tracing::warn!(block = to.number.0, "what was read above this block is forgotten, and read again");
    }
    let shown = Shown::new(args.progress);
    // One that is to reach a point reads by itself, whoever else is at it; they go on when it is done.
    let worker = Joined::join(&config, &db, target.is_some(), &[HEAD, DISTRIBUTOR, RETENTION]).await?;
    let outcome = tokio::select! {
        outcome = read(&config, &db, &worker, target, &shown, &shutdown) => outcome,
        () = shutdown.cancelled() => match target {
            None => Ok(()),
            Some(_) => {
                Err(anyhow::anyhow!("stopped before --to was reached; what was read is kept, run it again to go on").into())
            }
        },
    };
    shown.finish();
    worker.leave().await;
    // So that SQLite folds its log into the file: whoever then copies the file alone has everything.
    db.close().await;
    outcome
}

async fn read(
    config: &Config,
    db: &Db,
    worker: &Worker,
    target: Option<Target>,
    shown: &Shown,
    shutdown: &CancellationToken,
) -> Outcome {
    let mut follower = super::follower_of(worker, config, db.clone(), target.is_none()).await?;
    match target {
        None => {
            let update = |progress| shown.update(progress);
            tokio::join!(
                follower.follow(shutdown, &update),
                super::follow_distributor(config, db, worker, shutdown),
                super::follow_retention(config, db, worker, shutdown),
                super::verify::follow(config, db, worker.held(), shutdown)
            );
        }
        Some(target) => {
            sync(&mut follower, target, shown).await?;
            let lease = worker.held().borrow().task(DISTRIBUTOR);
            if let Some(reader) = super::distributor(config, db.under(lease), false).await? {
                read_behind(&reader).await?;
            }
        }
    }
    Ok(())
}

/// The Distributor, up to where the pools are now.
async fn read_behind(reader: &DistributorReader) -> Result<(), IndexError> {
    const TRIES: u32 = 5;
    let mut tries = 1;
    loop {
        match reader.sync().await {
            Ok(_) => return Ok(()),
            Err(error @ (IndexError::Unsteady { .. } | IndexError::MissingBlock { .. })) if tries < TRIES => {
                tracing::warn!(%error, "reading it again");
                tries += 1;
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// A chain that changes while it is read is read again; nothing of the unsteady stretch was kept.
async fn sync(
    follower: &mut accrual_indexer::follow::Follower,
    target: Target,
    shown: &Shown,
) -> Result<(), IndexError> {
    const TRIES: u32 = 5;
    let mut tries = 1;
    loop {
        match follower.sync(target, &|progress| shown.update(progress)).await {
            Ok(_) => return Ok(()),
            Err(error @ (IndexError::Unsteady { .. } | IndexError::MissingBlock { .. })) if tries < TRIES => {
                tracing::warn!(%error, "reading it again");
                tries += 1;
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                follower.reload().await?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn target(text: &str) -> Result<Target, Failure> {
    match text {
        "head" => Ok(Target::Head),
        "finalized" => Ok(Target::Finalized),
        _ => text
            .parse()
            .map(|number| Target::Block(BlockNumber(number)))
            .or_else(|_| instant::parse(text).map(Target::Time))
            .map_err(|_| {
                let forms = "a block number, a time as 2025-06-05T17:00:00Z, head or finalized";
                Failure::usage(format!("--to {text}: it is {forms}"))
            }),
    }
}
