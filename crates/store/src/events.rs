//! Table `event_packs`: the truth, from which everything else about a pool is computed.
//!
//! Events are stored in packs of whole blocks ([`crate::pack`]), in chain order, and never across two batches. Only a rewind
//! cuts one.

use accrual_rewards::event::PlacedEvent;
use accrual_rewards::id::PoolId;
use accrual_rewards::unit::BlockNumber;

use crate::bulk::Bulk;
use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::pack::{self, Pack};
use crate::{Db, StoreError};

/// An event's place on the chain; events of one pool are read in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPlace {
    /// The block.
    pub block_number: BlockNumber,
    /// The log's index in it.
    pub log_index: u32,
}

impl From<&PlacedEvent> for EventPlace {
    fn from(event: &PlacedEvent) -> Self {
        Self { block_number: event.block_number, log_index: event.log_index }
    }
}

/// Packs a page: some 30,000 events of a pool that was read in large batches.
pub const PAGE_PACKS: u32 = 128;

/// Its first block, its last, how many events it has, and these, as text or as bytes.
type Cells = (i64, i64, i64, String, Option<Vec<u8>>);

// The last pack is the one that `through` lies in or before: packs do not overlap.
const PAGE: &str = "
    select first_block, last_block, events, body, packed from event_packs
    where pool_id = $1 and last_block > $2 and last_block <= coalesce(
        (select min(last_block) from event_packs where pool_id = $1 and last_block >= $3), $3)
    order by last_block limit $4";

/// The events of whole blocks after the block `after` (`None`: from the first) up to and with block `through`, of at most
/// `packs_max` packs; none where there are no more.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn page(
    db: &Db,
    pool: &PoolId,
    after: Option<BlockNumber>,
    through: BlockNumber,
    packs_max: u32,
) -> Result<Vec<PlacedEvent>, StoreError> {
    let above = after.map_or(-1, |after| bound(after.0));
    let rows: Vec<Cells> = on!(db, conn => sqlx::query_as(PAGE)
        .bind(pool.as_str()).bind(above).bind(bound(through.0)).bind(i64::from(packs_max))
        .fetch_all(conn).await)?;
    let is_asked = |event: &PlacedEvent| {
        after.is_none_or(|after| after < event.block_number) && event.block_number <= through
    };
    let mut events = Vec::new();
    for cells in rows {
        events.extend(unpack(db, pool, cells)?.into_iter().filter(is_asked));
    }
    Ok(events)
}

const COUNT: &str = "select cast(coalesce(sum(events), 0) as bigint) from event_packs where pool_id = $1";

/// How many events of `pool` are stored.
///
/// # Errors
/// The database's own.
pub async fn count(db: &Db, pool: &PoolId) -> Result<u64, StoreError> {
    let count: i64 = on!(db, conn => sqlx::query_scalar(COUNT).bind(pool.as_str()).fetch_one(conn).await)?;
    Ok(count.unsigned_abs())
}

static INSERT: Bulk = Bulk::new(
    "insert into event_packs (pool_id, last_block, first_block, events, body, packed) values",
    6,
    "",
);

/// Stores packs of one pool, in chain order.
pub(crate) async fn insert(tx: &mut Tx<'_>, pool: &PoolId, packs: &[Pack]) -> Result<(), StoreError> {
    // A table of single events refused a place twice by its key.
    if let Some(EventPlace { block_number, log_index }) = packs.iter().find_map(|pack| pack.twice) {
        let key = format!("{pool}, block {block_number}, log {log_index}");
        let row = Row { db: tx.db, table: "event_packs", key };
        return Err(row.damaged("the event was to be stored twice".to_owned()));
    }
    for (text, packs) in INSERT.statements(tx.db.engine(), packs) {
        let mut rows = Vec::with_capacity(packs.len());
        for Pack { first, last, last_at, count, bytes, .. } in packs {
            bigint("block time", last_at.0)?;
            rows.push((
                bigint("block number", last.block_number.0)?,
                bigint("block number", first.block_number.0)?,
                bound(u64::try_from(*count).unwrap_or(u64::MAX)),
                bytes.as_slice(),
            ));
        }
        within!(&mut *tx, conn => {
            let mut query = sqlx::query(text);
            for (last, first, count, packed) in rows {
                query = query.bind(pool.as_str()).bind(last).bind(first).bind(count).bind("").bind(packed);
            }
            query.execute(conn).await.map(|_| ())
        })?;
    }
    Ok(())
}

const NEWEST: &str = "select max(last_block) from event_packs where pool_id = $1";

/// Asserts that no event lies above block `number`, or, for `None`, that there is none at all.
pub(crate) async fn refuse_above(
    tx: &mut Tx<'_>,
    pool: &PoolId,
    number: Option<BlockNumber>,
) -> Result<(), StoreError> {
    let newest: Option<i64> =
        within!(&mut *tx, conn => sqlx::query_scalar(NEWEST).bind(pool.as_str()).fetch_one(conn).await)?;
    match newest {
        Some(newest) if number.is_none_or(|number| newest > bound(number.0)) => {
            let row = Row { db: tx.db, table: "event_packs", key: format!("{pool}, block {newest}") };
            Err(row.damaged("the event lies above the pool's checkpoint".to_owned()))
        }
        _ => Ok(()),
    }
}

const ACROSS: &str = "
    select first_block, last_block, events, body, packed from event_packs
    where pool_id = $1 and last_block > $2 and first_block <= $2 order by last_block limit 1";

const DELETE_ABOVE: &str = "delete from event_packs where pool_id = $1 and last_block > $2";

/// Forgets the events above block `number`; of a pack that it lies in the part below is kept.
pub(crate) async fn delete_above(
    tx: &mut Tx<'_>,
    pool: &PoolId,
    number: BlockNumber,
) -> Result<(), StoreError> {
    let across: Option<Cells> = within!(&mut *tx, conn => sqlx::query_as(ACROSS)
        .bind(pool.as_str()).bind(bound(number.0)).fetch_optional(conn).await)?;
    let mut kept = across.map(|cells| unpack(tx.db, pool, cells)).transpose()?.unwrap_or_default();
    kept.retain(|event| event.block_number <= number);
    within!(&mut *tx, conn => sqlx::query(DELETE_ABOVE)
        .bind(pool.as_str()).bind(bound(number.0)).execute(conn).await.map(|_| ()))?;
    insert(tx, pool, &Pack::of(&kept)).await
}

/// A row's events, which are what the row says of them.
fn unpack(db: &Db, pool: &PoolId, cells: Cells) -> Result<Vec<PlacedEvent>, StoreError> {
    let (first, last, count, body, packed) = cells;
    let row = Row { db, table: "event_packs", key: format_args!("{pool}, block {last}") };
    let events = packed.map_or_else(|| pack::read_text(&body), |packed| pack::read(&packed));
    let events = events.map_err(|what| row.damaged(what))?;
    let ends = (events.first(), events.last());
    let (Some(lowest), Some(highest)) = ends else {
        return Err(row.damaged("it holds no event".to_owned()));
    };
    let (first, last) = (row.number("first_block", first)?, row.number("last_block", last)?);
    let is_whole = u64::try_from(events.len()).ok() == Some(row.number("events", count)?)
        && (lowest.block_number.0, highest.block_number.0) == (first, last)
        && events.is_sorted_by(|a, b| EventPlace::from(a) < EventPlace::from(b));
    if is_whole {
        return Ok(events);
    }
    Err(row.damaged(format!("it is not the {count} events of blocks {first} to {last} in their order")))
}

/// Every event of every pool as cells: pool, block, log, time, kind and body.
pub(crate) async fn cells(db: &Db) -> Result<Vec<Vec<String>>, StoreError> {
    type CellsOfAll = (String, i64, i64, i64, String, Option<Vec<u8>>);
    let rows: Vec<CellsOfAll> = on!(db, conn => sqlx::query_as(ALL).fetch_all(conn).await)?;
    let mut all = Vec::new();
    for (pool, first, last, count, body, packed) in rows {
        let row = Row { db, table: "event_packs", key: last };
        let pool: PoolId = row.text("pool_id", &pool)?;
        for event in unpack(db, &pool, (first, last, count, body, packed))? {
            let told = serde_json::to_value(&event.event).expect("an event is made of texts and numbers");
            let (kind, body) =
                told.as_object().and_then(|told| told.iter().next()).expect("an event has a kind");
            let place = [event.block_number.0, u64::from(event.log_index), event.block_at.0];
            let mut cells = vec![pool.to_string()];
            cells.extend(place.map(|number| number.to_string()));
            cells.extend([kind.clone(), body.to_string()]);
            all.push(cells);
        }
    }
    Ok(all)
}

const ALL: &str = "select pool_id, first_block, last_block, events, body, packed from event_packs";
