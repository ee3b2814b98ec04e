//! Tables `distributors`, `distributor_trees` and `distributor_claims`: what Merkl's Distributor told in its logs.
//!
//! They follow the pools: nothing is stored of a block that is not stored of every pool, and [`crate::commit::rewind`]
//! takes them back with everything else.

use std::collections::{BTreeMap, BTreeSet};

use accrual_rewards::distributor::{Claimed, DistributorEvent, TreeEvent, Trees};
use accrual_rewards::unit::{Amount, BlockNumber, UnixSeconds};
use alloy_primitives::Address;

use crate::bulk::Bulk;
use crate::cell::{Row, bigint, bound};
use crate::db::{Tx, on, within};
use crate::{BlockRef, Db, Header, StoreError};

/// Which Distributor is read, and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The chain.
    pub chain_id: u64,
    /// The contract.
    pub address: Address,
    /// The first block that is read.
    pub first_block: BlockNumber,
    /// The tokens whose claims are kept.
    pub tokens: BTreeSet<Address>,
}

/// How far it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// Which it is.
    pub followed: Followed,
    /// The newest block that is stored; `None` before the first.
    pub through: Option<BlockRef>,
    /// That block's time.
    pub at: Option<UnixSeconds>,
    /// How often blocks were taken back.
    pub rewinds: u64,
}

/// A log with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// Its block.
    pub block_number: BlockNumber,
    /// Its block's time.
    pub block_at: UnixSeconds,
    /// Its index in the block.
    pub log_index: u32,
    /// What it says.
    pub event: T,
}

/// New blocks of the Distributor.
#[derive(Debug, Clone, Copy)]
pub struct DistributorExtension<'a> {
    /// The chain.
    pub chain_id: u64,
    /// Where the reader believes it to stand.
    pub after: Option<BlockRef>,
    /// Where it stands afterwards.
    pub through: Header,
    /// How often the chain's pools had been rewound when the reader began ([`pool_rewinds`]).
    pub pool_rewinds: u64,
    /// Its logs above `after` up to and with `through`, in chain order.
    pub events: &'a [Placed<DistributorEvent>],
}

const GET: &str = "
    select address, first_block, tokens, block_number, block_hash, block_at, rewinds from distributors
    where chain_id = $1";

/// What is read of the chain's Distributor and how far; `None` when none is.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn get(db: &Db, chain_id: u64) -> Result<Option<Stand>, StoreError> {
    type Cells = (String, i64, String, Option<i64>, Option<String>, Option<i64>, i64);
    let cells: Option<Cells> =
        on!(db, conn => sqlx::query_as(GET).bind(bound(chain_id)).fetch_optional(conn).await)?;
    let Some((address, first_block, tokens, number, hash, at, rewinds)) = cells else { return Ok(None) };
    let row = Row { db, table: "distributors", key: chain_id };
    let tokens = tokens.split(',').filter(|token| !token.is_empty());
    let followed = Followed {
        chain_id,
        address: row.text("address", &address)?,
        first_block: BlockNumber(row.number("first_block", first_block)?),
        tokens: tokens.map(|token| row.text("tokens", token)).collect::<Result<_, _>>()?,
    };
    let through = match number.zip(hash) {
        Some((number, hash)) => Some(BlockRef {
            number: BlockNumber(row.number("block_number", number)?),
            hash: row.text("block_hash", &hash)?,
        }),
        None => None,
    };
    let at = at.map(|at| row.number("block_at", at).map(UnixSeconds)).transpose()?;
    Ok(Some(Stand { followed, through, at, rewinds: row.number("rewinds", rewinds)? }))
}

const REGISTER: &str = "
    insert into distributors (chain_id, address, first_block, tokens, rewinds) values ($1, $2, $3, $4, 0)";

const FORGET: [&str; 3] = [
    "delete from distributors where chain_id = $1",
    "delete from distributor_trees where chain_id = $1",
    "delete from distributor_claims where chain_id = $1",
];

/// Says what is read from now on. What was read of another contract, from another block or for other tokens is forgotten,
/// since it would leave a hole; to say the same again changes nothing.
///
/// # Errors
/// The database's own.
pub async fn register(db: &Db, followed: &Followed) -> Result<Stand, StoreError> {
    if let Some(stand) = get(db, followed.chain_id).await?
        && stand.followed == *followed
    {
        return Ok(stand);
    }
    let chain_id = bigint("chain id", followed.chain_id)?;
    let first_block = bigint("block number", followed.first_block.0)?;
    let tokens: Vec<String> = followed.tokens.iter().map(|token| format!("{token:#x}")).collect();
    let mut tx = db.begin().await?;
    for text in FORGET {
        within!(&mut tx, conn => sqlx::query(text).bind(chain_id).execute(conn).await.map(|_| ()))?;
    }
    within!(&mut tx, conn => sqlx::query(REGISTER)
        .bind(chain_id).bind(format!("{:#x}", followed.address)).bind(first_block).bind(tokens.join(","))
        .execute(conn).await.map(|_| ()))?;
    tx.commit().await?;
    Ok(Stand { followed: followed.clone(), through: None, at: None, rewinds: 0 })
}

const POOL_REWINDS: &str = "
    select cast(coalesce(sum(c.rewinds), 0) as bigint) from checkpoints c
    join pools p on p.pool_id = c.pool_id where p.chain_id = $1";

/// How often the chain's pools were rewound, all together: it changes with each rewind and with nothing else.
///
/// # Errors
/// The database's own.
pub async fn pool_rewinds(db: &Db, chain_id: u64) -> Result<u64, StoreError> {
    let sum: i64 =
        on!(db, conn => sqlx::query_scalar(POOL_REWINDS).bind(bound(chain_id)).fetch_one(conn).await)?;
    Ok(sum.unsigned_abs())
}

const ADVANCE: &str = "
    update distributors set block_number = $2, block_hash = $3, block_at = $4
    where chain_id = $1 and coalesce(block_number, -1) = $5 and coalesce(block_hash, '') = $6";

static INSERT_TREES: Bulk = Bulk::new(
    "insert into distributor_trees (chain_id, block_number, log_index, block_at, kind, body) values",
    6,
    "",
);

static INSERT_CLAIMS: Bulk = Bulk::new(
    "insert into distributor_claims
     (chain_id, account, token, block_number, log_index, block_at, amount_units) values",
    7,
    "",
);

/// Stores new blocks of the Distributor and moves its place, all of it or nothing.
///
/// # Errors
/// [`StoreError::DistributorMoved`] when it does not stand where the reader left it, or a pool was rewound since.
///
/// # Panics
/// When the caller's logs are out of order or outside of the blocks: a mistake of ours.
pub async fn extend(db: &Db, extension: &DistributorExtension<'_>) -> Result<(), StoreError> {
    let DistributorExtension { chain_id, after, through, pool_rewinds, events } = *extension;
    assert!(
        events.is_sorted_by_key(|event| (event.block_number, event.log_index)),
        "logs are in chain order"
    );
    let above = |number| after.is_none_or(|after| after.number < number);
    let inside = |number| above(number) && number <= through.number;
    assert!(events.iter().all(|event| inside(event.block_number)), "logs lie in the blocks that are stored");
    let chain = bigint("chain id", chain_id)?;
    let (number, at) = (bigint("block number", through.number.0)?, bigint("block time", through.at.0)?);
    let (after_number, after_hash) =
        after.map_or((-1, String::new()), |after| (bound(after.number.0), format!("{:#x}", after.hash)));
    let mut tx = db.begin().await?;
    // First the place: this locks it, and a rewind that comes meanwhile waits and then takes our rows back.
    let moved = within!(&mut tx, conn => sqlx::query(ADVANCE)
        .bind(chain).bind(number).bind(format!("{:#x}", through.hash)).bind(at)
        .bind(after_number).bind(after_hash)
        .execute(conn).await.map(|done| done.rows_affected()))?;
    let rewinds: i64 =
        within!(&mut tx, conn => sqlx::query_scalar(POOL_REWINDS).bind(chain).fetch_one(conn).await)?;
    if moved == 0 || rewinds.unsigned_abs() != pool_rewinds {
        drop(tx);
        return Err(moved_away(db, chain_id, after).await?);
    }
    insert_trees(&mut tx, chain, events).await?;
    insert_claims(&mut tx, chain, events).await?;
    tx.commit().await
}

async fn moved_away(db: &Db, chain_id: u64, after: Option<BlockRef>) -> Result<StoreError, StoreError> {
    let text = |block: Option<BlockRef>| block.map_or("no block".to_owned(), |block| block.to_string());
    let found = get(db, chain_id).await?.and_then(|stand| stand.through);
    let found = if found == after { "a chain that was rewound".to_owned() } else { text(found) };
    Ok(StoreError::DistributorMoved { at: db.at(), expected: text(after), found })
}

async fn insert_trees(
    tx: &mut Tx<'_>,
    chain: i64,
    events: &[Placed<DistributorEvent>],
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for placed in events {
        if let DistributorEvent::Tree(event) = &placed.event {
            let place = place(placed)?;
            rows.push((place, kind(event), serde_json::to_string(event).expect("it is texts and numbers")));
        }
    }
    for (text, rows) in INSERT_TREES.statements(tx.db.engine(), &rows) {
        within!(&mut *tx, conn => {
            let mut query = sqlx::query(text);
            for ((number, log, at), kind, body) in rows {
                query = query.bind(chain).bind(*number).bind(*log).bind(*at).bind(*kind).bind(body.as_str());
            }
            query.execute(conn).await.map(|_| ())
        })?;
    }
    Ok(())
}

async fn insert_claims(
    tx: &mut Tx<'_>,
    chain: i64,
    events: &[Placed<DistributorEvent>],
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for placed in events {
        if let DistributorEvent::Claimed(claimed) = &placed.event {
            rows.push((place(placed)?, *claimed));
        }
    }
    for (text, rows) in INSERT_CLAIMS.statements(tx.db.engine(), &rows) {
        within!(&mut *tx, conn => {
            let mut query = sqlx::query(text);
            for ((number, log, at), claimed) in rows {
                query = query.bind(chain).bind(format!("{:#x}", claimed.account));
                query = query.bind(format!("{:#x}", claimed.token)).bind(*number).bind(*log).bind(*at);
                query = query.bind(claimed.amount.to_string());
            }
            query.execute(conn).await.map(|_| ())
        })?;
    }
    Ok(())
}

fn place<T>(placed: &Placed<T>) -> Result<(i64, i64, i64), StoreError> {
    let number = bigint("block number", placed.block_number.0)?;
    Ok((number, i64::from(placed.log_index), bigint("block time", placed.block_at.0)?))
}

/// The event's name in its JSON, for people who read the table.
fn kind(event: &TreeEvent) -> &'static str {
    match event {
        TreeEvent::Updated { .. } => "updated",
        TreeEvent::Disputed { .. } => "disputed",
        TreeEvent::DisputeResolved { .. } => "dispute_resolved",
        TreeEvent::Revoked => "revoked",
        TreeEvent::PeriodChanged { .. } => "period_changed",
        TreeEvent::EpochChanged { .. } => "epoch_changed",
    }
}

const TAKE_BACK: &str = "
    update distributors set block_number = $2, block_hash = $3, block_at = $4, rewinds = rewinds + 1
    where chain_id = $1 and block_number > $2";

const DELETE_ABOVE: [&str; 2] = [
    "delete from distributor_trees where chain_id = $1 and block_number > $2",
    "delete from distributor_claims where chain_id = $1 and block_number > $2",
];

/// Takes back what lies above `to`.
pub(crate) async fn take_back(tx: &mut Tx<'_>, chain_id: u64, to: &Header) -> Result<(), StoreError> {
    let (number, at) = (bigint("block number", to.number.0)?, bigint("block time", to.at.0)?);
    within!(&mut *tx, conn => sqlx::query(TAKE_BACK)
        .bind(bound(chain_id)).bind(number).bind(format!("{:#x}", to.hash)).bind(at)
        .execute(conn).await.map(|_| ()))?;
    for text in DELETE_ABOVE {
        within!(&mut *tx, conn => sqlx::query(text)
            .bind(bound(chain_id)).bind(number).execute(conn).await.map(|_| ()))?;
    }
    Ok(())
}

const TREE_EVENTS: &str = "
    select block_number, log_index, block_at, body from distributor_trees
    where chain_id = $1 and block_number <= $2 order by block_number, log_index";

/// Each log up to and with block `through` that may have changed the root, in chain order.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn tree_events(
    db: &Db,
    chain_id: u64,
    through: BlockNumber,
) -> Result<Vec<Placed<TreeEvent>>, StoreError> {
    let rows: Vec<(i64, i64, i64, String)> = on!(db, conn => sqlx::query_as(TREE_EVENTS)
        .bind(bound(chain_id)).bind(bound(through.0)).fetch_all(conn).await)?;
    let placed = |(number, log, at, body): (i64, i64, i64, String)| {
        let row = Row { db, table: "distributor_trees", key: format_args!("block {number}, log {log}") };
        Ok(Placed {
            block_number: BlockNumber(row.number("block_number", number)?),
            block_at: UnixSeconds(row.number("block_at", at)?),
            log_index: u32::try_from(log).map_err(|_| row.damaged(format!("log_index is {log}")))?,
            event: serde_json::from_str(&body)
                .map_err(|error| row.damaged(format!("body is no event ({error})")))?,
        })
    };
    rows.into_iter().map(placed).collect()
}

/// The Distributor's trees after block `through`; [`Trees::live`] then says which root it pays by at an instant. Folded
/// from all logs: there are about three a day.
///
/// # Errors
/// As [`tree_events`].
pub async fn trees_at(db: &Db, chain_id: u64, through: BlockNumber) -> Result<Trees, StoreError> {
    let mut trees = Trees::default();
    for placed in tree_events(db, chain_id, through).await? {
        trees.apply(&placed.event, placed.block_at);
    }
    Ok(trees)
}

const CLAIMS_OF: &str = "
    select token, block_number, log_index, block_at, amount_units from distributor_claims
    where chain_id = $1 and account = $2 and block_number <= $3 order by block_number, log_index";

/// What `account` has claimed, claim by claim, up to and with block `through`.
///
/// # Errors
/// [`StoreError::Damaged`], or the database's own.
pub async fn claims_of(
    db: &Db,
    chain_id: u64,
    account: Address,
    through: BlockNumber,
) -> Result<Vec<Placed<Claimed>>, StoreError> {
    let rows: Vec<(String, i64, i64, i64, String)> = on!(db, conn => sqlx::query_as(CLAIMS_OF)
        .bind(bound(chain_id)).bind(format!("{account:#x}")).bind(bound(through.0)).fetch_all(conn).await)?;
    let placed = |(token, number, log, at, amount): (String, i64, i64, i64, String)| {
        let row = Row { db, table: "distributor_claims", key: format_args!("block {number}, log {log}") };
        let (token, amount) = (row.text("token", &token)?, row.text("amount_units", &amount)?);
        Ok(Placed {
            block_number: BlockNumber(row.number("block_number", number)?),
            block_at: UnixSeconds(row.number("block_at", at)?),
            log_index: u32::try_from(log).map_err(|_| row.damaged(format!("log_index is {log}")))?,
            event: Claimed { account, token, amount },
        })
    };
    rows.into_iter().map(placed).collect()
}

/// What `account` has claimed of `token` in all, up to and with block `through`.
///
/// # Errors
/// As [`claims_of`]; [`StoreError::Damaged`] when the sum does not fit 256 bits.
pub async fn claimed(
    db: &Db,
    chain_id: u64,
    account: Address,
    token: Address,
    through: BlockNumber,
) -> Result<Amount, StoreError> {
    let claims = claims_of(db, chain_id, account, through).await?;
    let of_token = claims.iter().filter(|placed| placed.event.token == token);
    let sum = of_token.map(|placed| placed.event.amount).try_fold(Amount::ZERO, Amount::checked_add);
    sum.ok_or_else(|| too_much(db, account))
}

const CLAIMS_ON: &str = "
    select account, amount_units from distributor_claims
    where chain_id = $1 and token = $2 and block_number <= $3";

/// What each account has claimed of `token` in all, up to and with block `through`.
///
/// # Errors
/// As [`claimed`].
pub async fn claimed_by_account(
    db: &Db,
    chain_id: u64,
    token: Address,
    through: BlockNumber,
) -> Result<BTreeMap<Address, Amount>, StoreError> {
    let rows: Vec<(String, String)> = on!(db, conn => sqlx::query_as(CLAIMS_ON)
        .bind(bound(chain_id)).bind(format!("{token:#x}")).bind(bound(through.0)).fetch_all(conn).await)?;
    let mut sums = BTreeMap::new();
    for (account, amount) in rows {
        let row = Row { db, table: "distributor_claims", key: &account };
        let (of, amount) = (row.text("account", &account)?, row.text("amount_units", &amount)?);
        let sum: &mut Amount = sums.entry(of).or_default();
        *sum = sum.checked_add(amount).ok_or_else(|| too_much(db, of))?;
    }
    Ok(sums)
}

fn too_much(db: &Db, account: Address) -> StoreError {
    let row = Row { db, table: "distributor_claims", key: account };
    row.damaged("the claims add up to more than 256 bits hold".to_owned())
}
