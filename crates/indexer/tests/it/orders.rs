//! Whole transactions, their logs in the order in which the contracts emit them (`facts/protocols.md`).

use accrual_indexer::decode::uniswap_v3::{manager, pool as core};
use accrual_indexer::decode::{aerodrome, balancer, token, wrapper};
use accrual_indexer::source::RawLog;
use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::pool::{Pool, ToldBy, WrapperKind};
use accrual_rewards::unit::{Liquidity, Tick, TickRange};
use alloy::primitives::{Address, B256, aliases::I24, b256};

use crate::rig::*;

const RANGE: TickRange = TickRange { lower: Tick(-100), upper: Tick(200) };
const METADATA_UPDATE: B256 = b256!("f8e1a15aba9398e019f0b49df1a4fde98ee17ae345cb5f6b5e2c27f5033e8ce7");

fn ticks() -> (I24, I24) {
    (I24::try_from(RANGE.lower.0).unwrap(), I24::try_from(RANGE.upper.0).unwrap())
}

pub(crate) fn mint(owner: Address, sender: Address) -> RawLog {
    let (lower, upper) = ticks();
    log(
        POOL,
        &core::Mint {
            sender,
            owner,
            tickLower: lower,
            tickUpper: upper,
            amount: 50,
            amount0: u(5),
            amount1: u(6),
        },
    )
}

fn burn(owner: Address, amount: u128) -> RawLog {
    let (lower, upper) = ticks();
    let (amount0, amount1) = if amount == 0 { (u(0), u(0)) } else { (u(4), u(5)) };
    log(POOL, &core::Burn { owner, tickLower: lower, tickUpper: upper, amount, amount0, amount1 })
}

fn collect(owner: Address) -> RawLog {
    let (lower, upper) = ticks();
    log(
        POOL,
        &core::Collect { owner, recipient: ANN, tickLower: lower, tickUpper: upper, amount0: 1, amount1: 2 },
    )
}

pub(crate) fn increase(id: u64) -> RawLog {
    log(MANAGER, &manager::IncreaseLiquidity { tokenId: u(id), liquidity: 50, amount0: u(5), amount1: u(6) })
}

fn decrease(id: u64) -> RawLog {
    log(MANAGER, &manager::DecreaseLiquidity { tokenId: u(id), liquidity: 50, amount0: u(4), amount1: u(5) })
}

fn nft_collect(id: u64) -> RawLog {
    log(MANAGER, &manager::Collect { tokenId: u(id), recipient: ANN, amount0: u(1), amount1: u(2) })
}

pub(crate) fn nft_moved(from: Address, to: Address, id: u64) -> RawLog {
    log(MANAGER, &manager::Transfer { from, to, tokenId: u(id) })
}

fn metadata_update() -> RawLog {
    raw(MANAGER, vec![METADATA_UPDATE], vec![0; 32])
}

fn holding() -> Holding {
    Holding::Nft { manager: MANAGER, id: u(4) }
}

fn added(holding: Holding) -> PoolEvent {
    PoolEvent::LiquidityAdded {
        holding,
        range: RANGE,
        liquidity: Liquidity(50),
        amount0: amount(5),
        amount1: amount(6),
    }
}

fn removed(holding: Holding) -> PoolEvent {
    PoolEvent::LiquidityRemoved {
        holding,
        range: RANGE,
        liquidity: Liquidity(50),
        amount0: amount(4),
        amount1: amount(5),
    }
}

fn cl() -> Pool {
    wrapped(Venue::AerodromeCl, WrapperKind::ClGauge, ToldBy::Nfts)
}

/// Minted through the manager.
fn minted() -> Vec<RawLog> {
    vec![mint(MANAGER, MANAGER), nft_moved(Address::ZERO, ANN, 4), increase(4)]
}

#[test]
fn a_position_is_staked_and_taken_back_without_mint_or_burn() {
    let staked = wrapper::nft_gauge::Deposit { user: ANN, tokenId: u(4), liquidityToStake: 50 };
    let taken = wrapper::nft_gauge::Withdraw { user: ANN, tokenId: u(4), liquidityToStake: 50 };
    let mut logs = minted();
    logs.extend([burn(MANAGER, 0), collect(MANAGER), metadata_update(), nft_collect(4)]);
    logs.extend([nft_moved(ANN, GAUGE, 4), log(GAUGE, &staked)]);
    logs.extend([
        burn(GAUGE, 0),
        collect(GAUGE),
        nft_collect(4),
        nft_moved(GAUGE, ANN, 4),
        log(GAUGE, &taken),
    ]);
    let (holding, wrapper, depositor) = (holding(), GAUGE, ANN);
    let collected = PoolEvent::Collected { holding, amount0: amount(1), amount1: amount(2) };
    let moved = |from, to| PoolEvent::HolderChanged { holding, from, to };
    let expected = vec![
        added(holding),
        moved(Address::ZERO, ANN),
        collected.clone(),
        moved(ANN, GAUGE),
        PoolEvent::NftStaked { wrapper, holding, depositor },
        collected,
        moved(GAUGE, ANN),
        PoolEvent::NftUnstaked { wrapper, holding, depositor },
    ];
    assert_eq!(read_one(cl(), logs).unwrap(), expected);
}

#[test]
fn what_is_staked_may_grow_and_shrink_through_the_manager() {
    let mut logs = minted();
    logs.extend([metadata_update(), mint(GAUGE, MANAGER), increase(4)]);
    logs.extend([metadata_update(), burn(GAUGE, 50), decrease(4)]);
    let events = read_one(cl(), logs).unwrap();
    assert_eq!(events[0], added(holding()));
    assert_eq!(events[2..], [added(holding()), removed(holding())]);
}

#[test]
fn a_hole_beside_a_staked_position_stops() {
    let logs = [minted(), vec![burn(GAUGE, 50)]].concat();
    let error = read_one(cl(), logs).unwrap_err().to_string();
    assert!(error.contains("the position manager's DecreaseLiquidity is not beside it"), "{error}");
}

/// The ledger counts no part of the voters, so that it could not hold what they take against anything.
#[test]
fn what_voters_take_is_left_out() {
    let collect_fees = b256!("205860e66845f2bbc0966bfab80db9bf93fca93862ea2b9fcf6945748352b4a3");
    let taken = raw(POOL, vec![collect_fees, GAUGE.into_word()], vec![0; 64]);
    assert_eq!(read_one(cl(), vec![taken]).unwrap(), []);
}

#[test]
fn two_pools_of_one_address_hear_the_same_but_for_their_wrappers() {
    let pools = [pool(Venue::AerodromeCl), cl(), Pool { position_manager: None, ..pool(Venue::AerodromeCl) }];
    let staked = wrapper::nft_gauge::Deposit { user: ANN, tokenId: u(4), liquidityToStake: 50 };
    let logs = [minted(), vec![log(GAUGE, &staked)]].concat();
    let events = read(&pools, logs).unwrap();
    let moved = PoolEvent::HolderChanged { holding: holding(), from: Address::ZERO, to: ANN };
    assert_eq!(events[0], [added(holding()), moved.clone()]);
    let staked = PoolEvent::NftStaked { wrapper: GAUGE, holding: holding(), depositor: ANN };
    assert_eq!(events[1], [added(holding()), moved, staked]);
    assert_eq!(events[2], [added(Holding::Own { owner: MANAGER, range: RANGE })]);
}

#[test]
fn one_log_may_concern_pools_of_several_venues() {
    let balancer = Pool { address: Address::repeat_byte(0x11), ..with_feed(pool(Venue::BalancerV2)) };
    let share = Pool { address: balancer.address, ..pool(Venue::Erc20) };
    let pools = [balancer.clone(), share, with_feed(pool(Venue::AerodromeBasic))];
    let answer = accrual_indexer::decode::feed::aggregator::AnswerUpdated {
        current: i(5),
        roundId: u(1),
        updatedAt: u(9),
    };
    let transfer = token::Transfer { from: ANN, to: BOB, value: u(5) };
    let events = read(&pools, vec![log(AGGREGATOR, &answer), log(balancer.address, &transfer)]).unwrap();
    assert_eq!(events.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
    assert_eq!(events[0][1], events[1][0]);
    assert_eq!(events[0][0], events[2][0]);
}

#[test]
fn aerodrome_mints_swaps_and_burns() {
    let moved = |from, to, shares| token::Transfer { from, to, value: u(shares) };
    let swap = aerodrome::pool::Swap {
        sender: ANN,
        to: ANN,
        amount0In: u(100),
        amount1In: u(0),
        amount0Out: u(0),
        amount1Out: u(90),
    };
    let sync = |reserve0, reserve1| {
        log(POOL, &aerodrome::pool::Sync { reserve0: u(reserve0), reserve1: u(reserve1) })
    };
    let logs = vec![
        log(POOL, &moved(Address::ZERO, Address::with_last_byte(1), 1000)),
        log(POOL, &moved(Address::ZERO, ANN, 9000)),
        sync(1000, 1000),
        log(POOL, &aerodrome::pool::Mint { sender: ANN, amount0: u(1000), amount1: u(1000) }),
        log(TOKEN1, &moved(POOL, ANN, 90)),
        log(POOL, &aerodrome::pool::Fees { sender: ANN, amount0: u(1), amount1: u(0) }),
        sync(1099, 910),
        log(POOL, &swap),
        log(POOL, &moved(ANN, POOL, 9000)),
        log(POOL, &moved(POOL, Address::ZERO, 9000)),
        sync(110, 91),
        log(POOL, &aerodrome::pool::Burn { sender: ANN, to: ANN, amount0: u(989), amount1: u(819) }),
    ];
    let kinds: Vec<&str> = read_one(pool(Venue::AerodromeBasic), logs).unwrap().iter().map(kind).collect();
    let expected = [
        "shares_moved",
        "shares_moved",
        "reserves_stated",
        "reserves_added",
        "fees_taken",
        "reserves_stated",
        "pair_swapped",
        "shares_moved",
        "shares_moved",
        "reserves_stated",
        "reserves_taken",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn balancer_joins_swaps_and_exits() {
    let moved = |from, to, shares| log(POOL, &token::Transfer { from, to, value: u(shares) });
    let changed = |deltas: [i64; 2]| {
        log(
            VAULT,
            &balancer::v2_vault::PoolBalanceChanged {
                poolId: POOL_ID,
                liquidityProvider: ANN,
                tokens: vec![TOKEN0, TOKEN1],
                deltas: deltas.map(i).to_vec(),
                protocolFeeAmounts: vec![u(0); 2],
            },
        )
    };
    let swap = balancer::v2_vault::Swap {
        poolId: POOL_ID,
        tokenIn: TOKEN0,
        tokenOut: TOKEN1,
        amountIn: u(9),
        amountOut: u(8),
    };
    let paid = log(TOKEN0, &token::Transfer { from: ANN, to: VAULT, value: u(9) });
    let logs = vec![
        moved(Address::ZERO, Address::ZERO, 1_000_000),
        moved(Address::ZERO, ANN, 50),
        paid.clone(),
        changed([10, 20]),
        log(VAULT, &swap),
        paid,
        moved(ANN, Address::ZERO, 50),
        changed([-10, -3]),
    ];
    let events = read_one(pool(Venue::BalancerV2), logs).unwrap();
    let kinds: Vec<&str> = events.iter().map(kind).collect();
    let expected = [
        "shares_moved",
        "shares_moved",
        "balances_changed",
        "token_swapped",
        "shares_moved",
        "balances_changed",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_gauge_that_says_it_twice_counts_once() {
    // Balancer's Deposit(address indexed, uint256), which Aerodrome's gauges do not have.
    let deposit = b256!("e1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c");
    let logs = vec![
        log(POOL, &token::Transfer { from: ANN, to: GAUGE, value: u(6) }),
        log(GAUGE, &token::Transfer { from: Address::ZERO, to: ANN, value: u(6) }),
        raw(GAUGE, vec![deposit, ANN.into_word()], vec![0; 32]),
        log(POOL, &token::Transfer { from: GAUGE, to: ANN, value: u(6) }),
        log(GAUGE, &token::Transfer { from: ANN, to: Address::ZERO, value: u(6) }),
        log(GAUGE, &wrapper::gauge::Withdraw { from: ANN, amount: u(6) }),
    ];
    let events =
        read_one(wrapped(Venue::BalancerV2, WrapperKind::Erc20Gauge, ToldBy::Transfers), logs).unwrap();
    let kinds: Vec<&str> = events.iter().map(kind).collect();
    assert_eq!(kinds, ["shares_moved", "wrapper_shares_moved", "shares_moved", "wrapper_shares_moved"]);
}

fn kind(event: &PoolEvent) -> &'static str {
    match event {
        PoolEvent::SharesMoved { .. } => "shares_moved",
        PoolEvent::ReservesStated { .. } => "reserves_stated",
        PoolEvent::ReservesAdded { .. } => "reserves_added",
        PoolEvent::ReservesTaken { .. } => "reserves_taken",
        PoolEvent::PairSwapped { .. } => "pair_swapped",
        PoolEvent::FeesTaken { .. } => "fees_taken",
        PoolEvent::BalancesChanged { .. } => "balances_changed",
        PoolEvent::TokenSwapped { .. } => "token_swapped",
        PoolEvent::WrapperSharesMoved { .. } => "wrapper_shares_moved",
        _ => "another",
    }
}
