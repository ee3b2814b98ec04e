//! Table `nodes`: how each chain node served last, and the limits that it was found to have.
//!
//! The follower writes it; the API shows it without ever asking a node, and the next process takes up the limits.

use accrual_rewards::unit::{BlockNumber, UnixSeconds};

use crate::cell::{Row, bigint, bound};
use crate::db::{on, within};
use crate::{Db, StoreError};

/// One node, as the process that asks it has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// Scheme and host, without credentials; a number behind it tells two of one host apart.
    pub name: String,
    /// `good`, `pruned`, `behind`, `on_a_fork`, `other_chain` or `unreachable`.
    pub standing: String,
    /// Why it is not good, as a sentence.
    pub reason: Option<String>,
    /// The newest block that it has shown.
    pub head: Option<BlockNumber>,
    /// How far that is below the newest that any node has shown.
    pub lag_blocks: Option<u64>,
    /// What an answer takes, in the mean.
    pub latency_ms: Option<u64>,
    /// By which the next node is chosen: the lower the better.
    pub score: u64,
    /// Questions a second, where it refused more.
    pub requests_per_second_max: Option<u64>,
    /// Blocks in one `eth_getLogs`, where it named a limit.
    pub range_blocks_max: Option<u64>,
    /// Questions in one batch, where it refused more.
    pub batch_max: Option<u64>,
    /// When it was written, by our own clock.
    pub seen_at: UnixSeconds,
}

const RECORD: &str = "
    insert into nodes (chain_id, name, standing, reason, head_number, lag_blocks, latency_ms, score,
        requests_per_second_max, range_blocks_max, batch_max, seen_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    on conflict (chain_id, name) do update set
        standing = excluded.standing, reason = excluded.reason, head_number = excluded.head_number,
        lag_blocks = excluded.lag_blocks, latency_ms = excluded.latency_ms, score = excluded.score,
        requests_per_second_max = excluded.requests_per_second_max,
        range_blocks_max = excluded.range_blocks_max, batch_max = excluded.batch_max, seen_at = excluded.seen_at";

/// Keeps what is known of `nodes` now, over what was known before.
///
/// # Errors
/// [`StoreError::TooLarge`], or the database's own.
pub async fn record(db: &Db, chain_id: u64, nodes: &[NodeRow]) -> Result<(), StoreError> {
    let chain = bigint("chain id", chain_id)?;
    let some = |what: &'static str, value: Option<u64>| value.map(|value| bigint(what, value)).transpose();
    let mut tx = db.begin_lightly().await?;
    for node in nodes {
        let head = some("block number", node.head.map(|head| head.0))?;
        let (lag, latency) = (some("blocks", node.lag_blocks)?, some("milliseconds", node.latency_ms)?);
        let rate = some("requests", node.requests_per_second_max)?;
        let (range, batch) = (some("blocks", node.range_blocks_max)?, some("requests", node.batch_max)?);
        let (score, seen_at) = (bound(node.score), bigint("time", node.seen_at.0)?);
        within!(&mut tx, conn => sqlx::query(RECORD)
            .bind(chain).bind(&node.name).bind(&node.standing).bind(node.reason.as_deref())
            .bind(head).bind(lag).bind(latency).bind(score).bind(rate).bind(range).bind(batch).bind(seen_at)
            .execute(conn).await.map(|_| ()))?;
    }
    tx.commit().await
}

const ALL: &str = "
    select name, standing, reason, head_number, lag_blocks, latency_ms, score,
        requests_per_second_max, range_blocks_max, batch_max, seen_at
    from nodes where chain_id = $1 order by name";

/// What was last known of each node of a chain, also of those that are asked no more.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn all(db: &Db, chain_id: u64) -> Result<Vec<NodeRow>, StoreError> {
    type Some64 = Option<i64>;
    type Cells = (String, String, Option<String>, Some64, Some64, Some64, i64, Some64, Some64, Some64, i64);
    let rows: Vec<Cells> = on!(db, conn => sqlx::query_as(ALL).bind(bound(chain_id)).fetch_all(conn).await)?;
    let row = |cells: Cells| {
        let (name, standing, reason, head, lag, latency, score, rate, range, batch, seen_at) = cells;
        let row = Row { db, table: "nodes", key: &name };
        let some = |column, cell: Some64| cell.map(|cell| row.number(column, cell)).transpose();
        Ok(NodeRow {
            head: some("head_number", head)?.map(BlockNumber),
            lag_blocks: some("lag_blocks", lag)?,
            latency_ms: some("latency_ms", latency)?,
            score: row.number("score", score)?,
            requests_per_second_max: some("requests_per_second_max", rate)?,
            range_blocks_max: some("range_blocks_max", range)?,
            batch_max: some("batch_max", batch)?,
            seen_at: UnixSeconds(row.number("seen_at", seen_at)?),
            standing,
            reason,
            name: name.clone(),
        })
    };
    rows.into_iter().map(row).collect()
}
