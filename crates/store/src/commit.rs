//! The only way by which the chain's data changes: one batch, one transaction.

use accrual_rewards::id::PoolId;

use crate::series::{self, SeriesRows};
use crate::{
    BlockRef, Db, Header, Pack, Snapshot, StoreError, blocks, chain, checkpoints, distributor, events,
    leases, snapshots,
};

/// New blocks of one chain, for one or more pools that move on together.
#[derive(Debug, Clone, Copy)]
pub struct Extension<'a> {
    /// The chain.
    pub chain_id: u64,
    /// The block that every pool in here stands at afterwards.
    pub through: Header,
    /// Headers that were learnt on the way, heights rising, none above `through`.
    pub headers: &'a [Header],
    /// The pools.
    pub pools: &'a [PoolExtension<'a>],
}

/// One pool's part of an [`Extension`].
#[derive(Debug, Clone, Copy)]
pub struct PoolExtension<'a> {
    /// The pool, which is registered.
    pub pool: &'a PoolId,
    /// Where the writer believes it to stand; `None` before its first block.
    pub after: Option<BlockRef>,
    /// Its events above `after` up to and with `through`, in chain order.
    pub packs: &'a [Pack],
    /// Its states to keep, none above `through`.
    pub snapshots: &'a [Snapshot],
    /// The full hours that passed, with the fingerprint of what made them; `None` keeps no series.
    pub series: Option<(&'a str, &'a SeriesRows)>,
}

/// Stores new blocks and moves the checkpoints of their pools, all of it or nothing.
///
/// # Errors
/// [`StoreError::LeaseLost`] when `db` is written to under leases and one of them changed hands,
/// [`StoreError::CheckpointMoved`] when a pool does not stand where the writer left it,
/// [`StoreError::UnknownPool`], [`StoreError::BlockChanged`], [`StoreError::Full`], [`StoreError::Locked`],
/// [`StoreError::Damaged`] when events lie above a checkpoint.
///
/// # Panics
/// When the caller's batch is out of order or reaches above `through`: a mistake of ours.
pub async fn extend(db: &Db, extension: &Extension<'_>) -> Result<(), StoreError> {
    assert_in_order(extension);
    let mut tx = db.begin().await?;
    // First the checkpoints: this locks them, and a second writer is turned away before it writes a row.
    for pool in extension.pools {
        checkpoints::advance(&mut tx, pool.pool, pool.after, &extension.through).await?;
        events::refuse_above(&mut tx, pool.pool, pool.after.map(|after| after.number)).await?;
    }
    blocks::insert_all(&mut tx, extension.chain_id, extension.headers).await?;
    blocks::insert_all(&mut tx, extension.chain_id, &[extension.through]).await?;
    for pool in extension.pools {
        events::insert(&mut tx, pool.pool, pool.packs).await?;
        for snapshot in pool.snapshots {
            snapshots::insert(&mut tx, pool.pool, snapshot).await?;
        }
        if let Some((fingerprint, rows)) = pool.series {
            series::insert(&mut tx, pool.pool, rows).await?;
            series::settle(&mut tx, pool.pool, fingerprint).await?;
        }
    }
    tx.commit().await?;
    db.tell_moved();
    Ok(())
}

fn assert_in_order(extension: &Extension<'_>) {
    let through = extension.through.number;
    assert!(
        extension.headers.iter().all(|header| header.number <= through),
        "no header is above the batch's end"
    );
    for pool in extension.pools {
        let after = pool.after.map(|after| after.number);
        let above = |number| after.is_none_or(|after| after < number);
        assert!(above(through), "pool {} moves on, from {after:?} to {through}", pool.pool);
        // A pack holds whole blocks; a place twice in one is left to the table to refuse.
        let apart = |one: &Pack, next: &Pack| one.last.block_number < next.first.block_number;
        assert!(pool.packs.is_sorted_by(apart), "no block lies in two packs");
        let inside = |pack: &Pack| above(pack.first.block_number) && pack.last.block_number <= through;
        assert!(pool.packs.iter().all(inside), "events lie above the checkpoint, up to the batch's end");
        assert!(
            pool.snapshots.iter().all(|snapshot| snapshot.block_number <= through),
            "no state is newer than the batch's end"
        );
    }
}

/// Takes blocks back: what lies above `to` is deleted, and `pools` that stood above it stand at it. Headers
/// above `to` go for the whole chain, so `pools` must name every pool of it. A pool at or below `to` stays.
///
/// Pools that other workers hold are taken back too: they find their checkpoints moved and take up from there. Whoever
/// writes meanwhile is waited for, and of two that take back one waits for the other.
///
/// # Errors
/// [`StoreError::BlockChanged`] when another block is stored at `to`'s height, [`StoreError::Locked`],
/// [`StoreError::LeaseLost`].
pub async fn rewind(db: &Db, chain_id: u64, pools: &[PoolId], to: &Header) -> Result<(), StoreError> {
    let mut tx = db.begin_unasked().await?;
    // Before the leases, so that no two of these hold some of them each and wait for the rest.
    chain::lock(&mut tx, chain_id).await?;
    leases::make_sure(&mut tx).await?;
    leases::keep_all(&mut tx).await?;
    for pool in pools {
        if checkpoints::take_back(&mut tx, pool, to).await? {
            events::delete_above(&mut tx, pool, to.number).await?;
            snapshots::delete_above(&mut tx, pool, to.number).await?;
            series::delete_from(&mut tx, pool, to.at).await?;
        }
    }
    distributor::take_back(&mut tx, chain_id, to).await?;
    blocks::delete_above(&mut tx, chain_id, to.number).await?;
    blocks::insert_all(&mut tx, chain_id, &[*to]).await?;
    tx.commit().await?;
    db.tell_moved();
    Ok(())
}

#[cfg(test)]
mod tests {
    use accrual_rewards::event::{PlacedEvent, PoolEvent};
    use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
    use alloy_primitives::B256;

    use super::*;

    fn flash(block: u64, log_index: u32) -> PlacedEvent {
        let event = PoolEvent::Flashed { paid0: Amount::ZERO, paid1: Amount::ZERO };
        PlacedEvent { block_number: BlockNumber(block), block_at: UnixSeconds(block), log_index, event }
    }

    fn check(parts: &[&[PlacedEvent]]) {
        let (hash, parent_hash) = (B256::ZERO, B256::ZERO);
        let through = Header { number: BlockNumber(9), hash, parent_hash, at: UnixSeconds(9) };
        let pool = "a".parse().expect("a good id");
        let packs: Vec<Pack> = parts.iter().flat_map(|events| Pack::of(events)).collect();
        let part = PoolExtension { pool: &pool, after: None, packs: &packs, snapshots: &[], series: None };
        assert_in_order(&Extension { chain_id: 1, through, headers: &[], pools: &[part] });
    }

    #[test]
    fn packs_are_of_whole_blocks() {
        check(&[&[flash(1, 0), flash(1, 1)], &[], &[flash(2, 0)]]);
    }

    #[test]
    #[should_panic(expected = "no block lies in two packs")]
    fn a_block_that_is_cut_is_a_mistake() {
        check(&[&[flash(1, 0)], &[], &[flash(1, 1)]]);
    }
}
