//! A process of the simulation: what it is told, how it begins, and how it goes on.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::{Finality, FollowOptions, Follower};
use accrual_indexer::rpc::{RpcNodes, RpcOptions, RpcSource};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::Db;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::campaigns::{campaigns, pools};
use crate::chain::Shape;
use crate::chance::Chance;
use crate::node::CHAIN_ID;
use crate::rows::SNAPSHOT_EVENTS;
use crate::stage::Stage;
use crate::wire;

pub(crate) async fn open(
    stage: &Arc<Stage>,
    db: Db,
    options: FollowOptions,
    rpc: RpcOptions,
) -> Result<Follower, accrual_indexer::IndexError> {
    let source = RpcSource::over(RpcNodes::connected(wire::clients(stage), || 500), rpc);
    Follower::open(source, db, pools(), campaigns(), options).await
}

/// As many headers in a batch as a seed likes: of few, those of one range are not all asked for at the same moment.
pub(crate) fn rpc(shape: Shape, seed: u64) -> RpcOptions {
    RpcOptions {
        poll_interval: Duration::from_secs(shape.pace_seconds()),
        batch_max: Chance::new(seed, 7).pick(&[100, 100, 100, 7, 2]),
        ..RpcOptions::default()
    }
}

/// What a process is told, as a seed likes it.
pub(crate) fn options(shape: Shape, completeness: Completeness, chance: &mut Chance) -> FollowOptions {
    FollowOptions {
        chain_id: CHAIN_ID,
        finality: match chance.between(0, 2) {
            0 => Finality::Confirmations(shape.finality_blocks),
            _ => Finality::Finalized,
        },
        log_range_blocks_max: chance.pick(&[1, 5, 20, 64, 10_000]),
        // A pace that the chain does not keep must do no harm.
        block_seconds: shape.block_seconds.or(chance.pick(&[None, Some(7)])),
        ranges_in_flight_max: chance.pick(&[1, 2, 4]),
        commit_events_max: chance.pick(&[1, 10, 100]),
        snapshot_events: SNAPSHOT_EVENTS,
        completeness,
        // When something was seen is compared nowhere.
        now: || UnixSeconds(1_750_000_000),
    }
}

/// As `accrual run` does, but that it is started again when it cannot start.
pub(crate) async fn follow(
    stage: &Arc<Stage>,
    db: &Db,
    options: &FollowOptions,
    rpc: &RpcOptions,
    shutdown: &CancellationToken,
    has_begun: &Cell<bool>,
) {
    while !shutdown.is_cancelled() {
        let db = db.clone().through(stage.clone());
        let opened = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            opened = open(stage, db, options.clone(), rpc.clone()) => opened,
        };
        match opened {
            Ok(mut follower) => {
                has_begun.set(true);
                follower.follow(shutdown, &|progress| stage.stored(progress.block.0)).await;
            }
            Err(_) => {
                // What it says names the database's folder, which is another one in each run.
                stage.note("it cannot begin");
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return,
                    () = sleep(Duration::from_secs(3)) => {}
                }
            }
        }
    }
}
