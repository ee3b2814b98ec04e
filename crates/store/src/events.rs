//! Table `events`: the truth, from which everything else about a pool is computed.

use std::sync::Arc;

use accrual_rewards::event::PlacedEvent;
use accrual_rewards::id::PoolId;
use accrual_rewards::unit::{BlockNumber, UnixSeconds};

use crate::bulk::Bulk;
use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
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

const PAGE: &str = "
    select block_number, log_index, block_at, body from events
    where pool_id = $1 and (block_number, log_index) > ($2, $3) and block_number <= $4
    order by block_number, log_index limit $5";

/// At most `limit` events after the place `after` (`None`: from the first) up to and with block `through`.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn page(
    db: &Db,
    pool: &PoolId,
    after: Option<EventPlace>,
    through: BlockNumber,
    limit: u32,
) -> Result<Vec<PlacedEvent>, StoreError> {
    type Cells = (i64, i64, i64, String);
    let (block, log) =
        after.map_or((-1, -1), |place| (bound(place.block_number.0), i64::from(place.log_index)));
    let rows: Vec<Cells> = on!(db, conn => sqlx::query_as(PAGE)
        .bind(pool.as_str()).bind(block).bind(log).bind(bound(through.0)).bind(i64::from(limit))
        .fetch_all(conn).await)?;
    rows.into_iter().map(|(number, log, at, body)| placed(db, pool, number, log, at, &body)).collect()
}

const COUNT: &str = "select count(*) from events where pool_id = $1";

/// How many events of `pool` are stored.
///
/// # Errors
/// The database's own.
pub async fn count(db: &Db, pool: &PoolId) -> Result<u64, StoreError> {
    let count: i64 = on!(db, conn => sqlx::query_scalar(COUNT).bind(pool.as_str()).fetch_one(conn).await)?;
    Ok(count.unsigned_abs())
}

static INSERT: Bulk =
    Bulk::new("insert into events (pool_id, block_number, log_index, block_at, kind, body) values", 6, "");

/// Stores events of one pool.
pub(crate) async fn insert(tx: &mut Tx<'_>, pool: &PoolId, events: &[PlacedEvent]) -> Result<(), StoreError> {
    // One text for all rows, counted and not copied.
    let pool: Arc<str> = pool.as_str().into();
    for (text, events) in INSERT.statements(tx.db.engine(), events) {
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            let body = serde_json::to_string(&event.event).expect("an event is made of texts and numbers");
            rows.push((
                bigint("block number", event.block_number.0)?,
                bigint("block time", event.block_at.0)?,
                body,
            ));
        }
        within!(&mut *tx, conn => {
            let mut query = sqlx::query(text);
            for (event, (number, at, body)) in events.iter().zip(rows) {
                query = query.bind(pool.clone()).bind(number).bind(i64::from(event.log_index)).bind(at);
                query = query.bind(kind_of(&body).to_owned()).bind(body);
            }
            query.execute(conn).await.map(|_| ())
        })?;
    }
    Ok(())
}

/// The event's tag, which serde writes first.
fn kind_of(body: &str) -> &str {
    let tag = body.strip_prefix("{\"kind\":\"").and_then(|rest| rest.split('"').next());
    tag.expect("an event begins with its kind")
}

const NEWEST: &str = "select max(block_number) from events where pool_id = $1";

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
            let row = Row { db: tx.db, table: "events", key: format!("{pool}, block {newest}") };
            Err(row.damaged("the event lies above the pool's checkpoint".to_owned()))
        }
        _ => Ok(()),
    }
}

const DELETE_ABOVE: &str = "delete from events where pool_id = $1 and block_number > $2";

/// Forgets the events above block `number`.
pub(crate) async fn delete_above(
    tx: &mut Tx<'_>,
    pool: &PoolId,
    number: BlockNumber,
) -> Result<(), StoreError> {
    within!(tx, conn => sqlx::query(DELETE_ABOVE)
        .bind(pool.as_str()).bind(bound(number.0)).execute(conn).await.map(|_| ()))
}

fn placed(
    db: &Db,
    pool: &PoolId,
    number: i64,
    log: i64,
    at: i64,
    body: &str,
) -> Result<PlacedEvent, StoreError> {
    let row = Row { db, table: "events", key: format_args!("{pool}, block {number}, log {log}") };
    let event =
        serde_json::from_str(body).map_err(|error| row.damaged(format!("body is no event ({error})")))?;
    Ok(PlacedEvent {
        block_number: BlockNumber(row.number("block_number", number)?),
        block_at: UnixSeconds(row.number("block_at", at)?),
        log_index: u32::try_from(log).map_err(|_| row.damaged(format!("log_index is {log}")))?,
        event,
    })
}
