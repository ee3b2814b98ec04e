//! Small chains to store.

use accrual_api::PoolInfo;
use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::id::{Holding, PoolId, Venue};
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{
    Amount, BlockNumber, Liquidity, SignedAmount, SqrtPriceX96, Tick, TickRange, UnixSeconds,
};
use accrual_store::{BlockRef, Db, Extension, Header, Pack, PoolExtension, PoolRow, Snapshot, commit, pools};
use alloy::primitives::{Address, B256, I256, U256};

pub(crate) const CHAIN: u64 = 8453;

pub(crate) fn pool(id: &str) -> PoolId {
    id.parse().unwrap()
}

pub(crate) fn pool_row(id: &str) -> PoolRow {
    PoolRow {
        pool: pool(id),
        chain_id: CHAIN,
        venue: Venue::UniswapV3,
        address: Address::repeat_byte(0xab),
        position_manager: Some(Address::repeat_byte(0xcd)),
        created_block: BlockNumber(100),
        token0: None,
        token1: None,
    }
}

/// The pool as the API is told of it.
pub(crate) fn info(id: &str) -> PoolInfo {
    let row = pool_row(id);
    let pool = Pool {
        id: row.pool,
        venue: row.venue,
        address: row.address,
        position_manager: row.position_manager,
        created_block: row.created_block,
        vault: None,
        feeds: Vec::new(),
        wrappers: Vec::new(),
        facts: Default::default(),
    };
    PoolInfo { pool, token0: None, token1: None }
}

pub(crate) async fn register(db: &Db, ids: &[&str]) {
    for id in ids {
        pools::register(db, &pool_row(id)).await.unwrap();
    }
}

/// The header at `number` on a chain of that `fork`; blocks are two seconds apart.
pub(crate) fn header_on(fork: u8, number: u64) -> Header {
    let hash = |number: u64| B256::from((U256::from(fork) << 128) | U256::from(number));
    Header {
        number: BlockNumber(number),
        hash: hash(number),
        parent_hash: hash(number - 1),
        at: UnixSeconds(2 * number),
    }
}

pub(crate) fn header(number: u64) -> Header {
    header_on(0, number)
}

pub(crate) fn placed(number: u64, log_index: u32, event: PoolEvent) -> PlacedEvent {
    PlacedEvent { block_number: BlockNumber(number), block_at: UnixSeconds(2 * number), log_index, event }
}

pub(crate) fn flash(number: u64, log_index: u32) -> PlacedEvent {
    let paid = |units: u64| Amount(U256::from(units));
    placed(number, log_index, PoolEvent::Flashed { paid0: paid(number), paid1: paid(log_index.into()) })
}

/// One event of every kind, with the largest and the smallest values they can hold.
pub(crate) fn every_kind() -> Vec<PoolEvent> {
    let nft = Holding::Nft { manager: Address::repeat_byte(1), id: U256::MAX };
    let range = TickRange { lower: Tick(-887_272), upper: Tick(887_272) };
    let own = Holding::Own { owner: Address::ZERO, range };
    let (most, none) = (Amount(U256::MAX), Amount::ZERO);
    vec![
        PoolEvent::Initialized { sqrt_price_x96: SqrtPriceX96(U256::MAX >> 96), tick: Tick(-1) },
        PoolEvent::LiquidityAdded {
            holding: nft,
            range,
            liquidity: Liquidity(1),
            amount0: most,
            amount1: none,
        },
        PoolEvent::LiquidityRemoved {
            holding: own,
            range,
            liquidity: Liquidity(0),
            amount0: none,
            amount1: most,
        },
        PoolEvent::Swapped {
            amount0: SignedAmount(I256::MAX),
            amount1: SignedAmount(-I256::MAX),
            sqrt_price_x96: SqrtPriceX96(U256::from(1)),
            liquidity: Liquidity(u64::MAX.into()),
            tick: Tick(0),
        },
        PoolEvent::HolderChanged { holding: nft, from: Address::ZERO, to: Address::repeat_byte(2) },
        PoolEvent::Collected { holding: own, amount0: most, amount1: most },
        PoolEvent::Flashed { paid0: none, paid1: most },
        PoolEvent::ProtocolFeeChanged { denominator0: 0, denominator1: 10 },
    ]
}

pub(crate) fn snapshot(number: u64, state: &[u8]) -> Snapshot {
    Snapshot { fingerprint: "f1".to_owned(), block_number: BlockNumber(number), state: state.into() }
}

/// The batch of one pool from `after` through `through`.
pub(crate) async fn extend(
    db: &Db,
    id: &str,
    after: Option<BlockRef>,
    through: Header,
    events: &[PlacedEvent],
) -> Result<(), accrual_store::StoreError> {
    let pool = pool(id);
    let snapshots = [snapshot(through.number.0, id.as_bytes())];
    let pools =
        [PoolExtension { pool: &pool, after, packs: &Pack::of(events), snapshots: &snapshots, series: None }];
    commit::extend(db, &Extension { chain_id: CHAIN, through, headers: &[], pools: &pools }).await
}
