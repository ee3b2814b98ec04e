//! Each event, encoded as its ABI says, comes back as what it means; in another form it is refused or left out.

use accrual_indexer::decode::{aerodrome, balancer, feed, token, uniswap_v3, wrapper};
use accrual_indexer::source::RawLog;
use accrual_rewards::event::PoolEvent;
use accrual_rewards::id::{Holding, Venue};
use accrual_rewards::pool::{Pool, ToldBy, WrapperKind};
use accrual_rewards::unit::UnixSeconds;
use alloy::primitives::{Address, B256, U256};

use crate::rig::*;

fn cases() -> Vec<(&'static str, Pool, RawLog, Option<PoolEvent>)> {
    let mut cases = aerodrome_cases();
    cases.extend(balancer_cases());
    cases.extend(other_cases());
    cases
}

fn aerodrome_cases() -> Vec<(&'static str, Pool, RawLog, Option<PoolEvent>)> {
    let pool = || pool(Venue::AerodromeBasic);
    let transfer = token::Transfer { from: ANN, to: BOB, value: u(5) };
    let swap = aerodrome::pool::Swap {
        sender: ANN,
        to: BOB,
        amount0In: u(1),
        amount1In: u(2),
        amount0Out: u(3),
        amount1Out: u(4),
    };
    vec![
        (
            "aerodrome transfer",
            pool(),
            log(POOL, &transfer),
            Some(PoolEvent::SharesMoved { from: ANN, to: BOB, shares: amount(5) }),
        ),
        (
            "aerodrome sync",
            pool(),
            log(POOL, &aerodrome::pool::Sync { reserve0: U256::MAX, reserve1: u(2) }),
            Some(PoolEvent::ReservesStated {
                reserve0: accrual_rewards::unit::Amount(U256::MAX),
                reserve1: amount(2),
            }),
        ),
        (
            "aerodrome swap",
            pool(),
            log(POOL, &swap),
            Some(PoolEvent::PairSwapped { in0: amount(1), in1: amount(2), out0: amount(3), out1: amount(4) }),
        ),
        (
            "aerodrome fees",
            pool(),
            log(POOL, &aerodrome::pool::Fees { sender: ANN, amount0: u(1), amount1: u(0) }),
            Some(PoolEvent::FeesTaken { amount0: amount(1), amount1: amount(0) }),
        ),
        (
            "aerodrome mint",
            pool(),
            log(POOL, &aerodrome::pool::Mint { sender: ANN, amount0: u(1), amount1: u(2) }),
            Some(PoolEvent::ReservesAdded { amount0: amount(1), amount1: amount(2) }),
        ),
        (
            "aerodrome burn",
            pool(),
            log(POOL, &aerodrome::pool::Burn { sender: ANN, to: BOB, amount0: u(1), amount1: u(2) }),
            Some(PoolEvent::ReservesTaken { amount0: amount(1), amount1: amount(2) }),
        ),
        ("another's transfer", pool(), log(TOKEN0, &transfer), None),
    ]
}

fn balancer_cases() -> Vec<(&'static str, Pool, RawLog, Option<PoolEvent>)> {
    let [second, third] = [|| pool(Venue::BalancerV2), || pool(Venue::BalancerV3)];
    let changed = |id| balancer::v2_vault::PoolBalanceChanged {
        poolId: id,
        liquidityProvider: ANN,
        tokens: vec![TOKEN0, TOKEN1],
        deltas: vec![i(5), i(-7)],
        protocolFeeAmounts: vec![u(0), u(2)],
    };
    let swap = |address| balancer::v3_vault::Swap {
        pool: address,
        tokenIn: TOKEN1,
        tokenOut: TOKEN0,
        amountIn: u(9),
        amountOut: u(8),
        swapFeePercentage: u(1),
        swapFeeAmount: u(3),
    };
    let removed = balancer::v3_vault::LiquidityRemoved {
        pool: POOL,
        liquidityProvider: ANN,
        kind: 1,
        totalSupply: u(90),
        amountsRemovedRaw: vec![u(4), u(0)],
        swapFeeAmountsRaw: vec![u(1), u(0)],
    };
    let added = balancer::v3_vault::LiquidityAdded {
        pool: POOL,
        liquidityProvider: ANN,
        kind: 1,
        totalSupply: u(90),
        amountsAddedRaw: vec![u(4), u(0)],
        swapFeeAmountsRaw: vec![u(1), u(0)],
    };
    let moved = PoolEvent::SharesMoved { from: ANN, to: BOB, shares: amount(5) };
    let balances = |deltas: [i64; 2], fees: &[u64], total_supply: Option<u64>| PoolEvent::BalancesChanged {
        deltas: deltas.map(signed).to_vec(),
        fees: fees.iter().copied().map(amount).collect(),
        total_supply: total_supply.map(amount),
    };
    vec![
        (
            "v2 join, net of what the protocol takes",
            second(),
            log(VAULT, &changed(POOL_ID)),
            Some(balances([5, -9], &[], None)),
        ),
        ("v2 join of another pool", second(), log(VAULT, &changed(B256::ZERO)), None),
        (
            "v2 managed",
            second(),
            log(
                VAULT,
                &balancer::v2_vault::PoolBalanceManaged {
                    poolId: POOL_ID,
                    assetManager: ANN,
                    token: TOKEN1,
                    cashDelta: i(-5),
                    managedDelta: i(6),
                },
            ),
            Some(balances([0, 1], &[], None)),
        ),
        (
            "v2 swap",
            second(),
            log(
                VAULT,
                &balancer::v2_vault::Swap {
                    poolId: POOL_ID,
                    tokenIn: TOKEN0,
                    tokenOut: TOKEN1,
                    amountIn: u(9),
                    amountOut: u(8),
                },
            ),
            Some(PoolEvent::TokenSwapped {
                token_in: 0,
                token_out: 1,
                amount_in: amount(9),
                amount_out: amount(8),
                fee: None,
            }),
        ),
        (
            "v2 share",
            second(),
            log(POOL, &token::Transfer { from: ANN, to: BOB, value: u(5) }),
            Some(moved.clone()),
        ),
        (
            "v2 fee",
            second(),
            log(POOL, &balancer::v2_pool::SwapFeePercentageChanged { swapFeePercentage: u(3) }),
            Some(PoolEvent::SwapFeeSet { fraction_e18: amount(3) }),
        ),
        (
            "v3 share by the Vault",
            third(),
            log(VAULT, &balancer::v3_vault::Transfer { pool: POOL, from: ANN, to: BOB, value: u(5) }),
            Some(moved),
        ),
        (
            "v3 share repeated by the pool",
            third(),
            log(POOL, &token::Transfer { from: ANN, to: BOB, value: u(5) }),
            None,
        ),
        (
            "v3 swap",
            third(),
            log(VAULT, &swap(POOL)),
            Some(PoolEvent::TokenSwapped {
                token_in: 1,
                token_out: 0,
                amount_in: amount(9),
                amount_out: amount(8),
                fee: Some(amount(3)),
            }),
        ),
        ("v3 swap of another pool", third(), log(VAULT, &swap(ANN)), None),
        ("v3 added", third(), log(VAULT, &added), Some(balances([4, 0], &[1, 0], Some(90)))),
        ("v3 removed", third(), log(VAULT, &removed), Some(balances([-4, 0], &[1, 0], Some(90)))),
        (
            "v3 fee",
            third(),
            log(VAULT, &balancer::v3_vault::SwapFeePercentageChanged { pool: POOL, swapFeePercentage: u(3) }),
            Some(PoolEvent::SwapFeeSet { fraction_e18: amount(3) }),
        ),
        (
            "v3 aggregate fee",
            third(),
            log(
                VAULT,
                &balancer::v3_vault::AggregateSwapFeePercentageChanged {
                    pool: POOL,
                    aggregateSwapFeePercentage: u(3),
                },
            ),
            Some(PoolEvent::AggregateFeeSet { fraction_e18: amount(3) }),
        ),
        (
            "v3 recovery",
            third(),
            log(VAULT, &balancer::v3_vault::PoolRecoveryModeStateChanged { pool: POOL, recoveryMode: true }),
            Some(PoolEvent::RecoveryModeSet { on: true }),
        ),
    ]
}

fn other_cases() -> Vec<(&'static str, Pool, RawLog, Option<PoolEvent>)> {
    let cl = || wrapped(Venue::AerodromeCl, WrapperKind::ClGauge, ToldBy::Nfts);
    let deposits = || wrapped(Venue::AerodromeBasic, WrapperKind::Erc20Gauge, ToldBy::Deposits);
    let transfers = || wrapped(Venue::BalancerV2, WrapperKind::Erc20Gauge, ToldBy::Transfers);
    let stakes = || wrapped(Venue::BalancerV2, WrapperKind::Erc20Vault, ToldBy::Stakes);
    let holding = Holding::Nft { manager: MANAGER, id: u(4) };
    let moved =
        |from, to| Some(PoolEvent::WrapperSharesMoved { wrapper: GAUGE, from, to, shares: amount(6) });
    let withdraw = wrapper::gauge::Withdraw { from: BOB, amount: u(6) };
    let fed = || with_feed(pool(Venue::Erc20));
    let protocol = Some(PoolEvent::ProtocolFeesCollected { amount0: amount(1), amount1: amount(2) });
    vec![
        (
            "nft staked",
            cl(),
            log(GAUGE, &wrapper::nft_gauge::Deposit { user: ANN, tokenId: u(4), liquidityToStake: 9 }),
            Some(PoolEvent::NftStaked { wrapper: GAUGE, holding, depositor: ANN }),
        ),
        (
            "nft unstaked",
            cl(),
            log(GAUGE, &wrapper::nft_gauge::Withdraw { user: ANN, tokenId: u(4), liquidityToStake: 9 }),
            Some(PoolEvent::NftUnstaked { wrapper: GAUGE, holding, depositor: ANN }),
        ),
        (
            "who is named second is credited",
            deposits(),
            log(GAUGE, &wrapper::gauge::Deposit { from: ANN, to: BOB, amount: u(6) }),
            moved(Address::ZERO, BOB),
        ),
        ("withdrawn", deposits(), log(GAUGE, &withdraw), moved(BOB, Address::ZERO)),
        ("a token's own withdraw does not count", transfers(), log(GAUGE, &withdraw), None),
        (
            "a token's transfer counts",
            transfers(),
            log(GAUGE, &token::Transfer { from: ANN, to: BOB, value: u(6) }),
            moved(ANN, BOB),
        ),
        (
            "staked",
            stakes(),
            log(GAUGE, &wrapper::reward_pool::Staked { user: BOB, amount: u(6) }),
            moved(Address::ZERO, BOB),
        ),
        (
            "unstaked",
            stakes(),
            log(GAUGE, &wrapper::reward_pool::Withdrawn { user: BOB, amount: u(6) }),
            moved(BOB, Address::ZERO),
        ),
        (
            "a reward pool's transfer does not count",
            stakes(),
            log(GAUGE, &token::Transfer { from: ANN, to: BOB, value: u(6) }),
            None,
        ),
        (
            "fees to the protocol",
            pool(Venue::UniswapV3),
            log(
                POOL,
                &uniswap_v3::pool::CollectProtocol { sender: ANN, recipient: BOB, amount0: 1, amount1: 2 },
            ),
            protocol,
        ),
        (
            "an answer below zero",
            fed(),
            log(
                AGGREGATOR,
                &feed::aggregator::AnswerUpdated { current: i(-5), roundId: u(1), updatedAt: u(99) },
            ),
            Some(PoolEvent::PriceAnswered { feed: FEED, answer: signed(-5), updated_at: UnixSeconds(99) }),
        ),
        (
            "the proxy itself says nothing",
            fed(),
            log(FEED, &feed::aggregator::AnswerUpdated { current: i(5), roundId: u(1), updatedAt: u(99) }),
            None,
        ),
        (
            "erc20",
            pool(Venue::Erc20),
            log(POOL, &token::Transfer { from: ANN, to: BOB, value: u(5) }),
            Some(PoolEvent::SharesMoved { from: ANN, to: BOB, shares: amount(5) }),
        ),
        (
            "an nft under an erc20's signature",
            pool(Venue::Erc20),
            log(POOL, &uniswap_v3::manager::Transfer { from: ANN, to: BOB, tokenId: u(5) }),
            None,
        ),
    ]
}

#[test]
fn each_event_comes_back_as_what_it_means() {
    for (name, pool, log, expected) in cases() {
        let events = read_one(pool, vec![log]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(events, Vec::from_iter(expected), "{name}");
    }
}

#[test]
fn what_is_cut_short_is_refused() {
    for (name, pool, log, expected) in cases() {
        if expected.is_none() || log.data.is_empty() {
            continue;
        }
        let short = RawLog { data: log.data.slice(..log.data.len() - 1), ..log.clone() };
        assert!(read_one(pool.clone(), vec![short]).is_err(), "{name} without its last byte");
        let mut topics = log.topics.clone();
        topics.push(B256::repeat_byte(1));
        let is_nft = topics.len() == 4 && log.topics[0] == topics_of_transfer();
        let more = RawLog { topics, ..log };
        assert!(is_nft || read_one(pool, vec![more]).is_err(), "{name} with a topic too many");
    }
}

#[test]
fn what_is_left_over_is_refused() {
    for (name, pool, log, _) in cases().into_iter().filter(|(_, _, _, expected)| expected.is_some()) {
        for more in [&[0][..], &[0; 32], &[7; 64]] {
            let long = RawLog { data: [&log.data[..], more].concat().into(), ..log.clone() };
            let told = read_one(pool.clone(), vec![long]);
            assert!(told.is_err(), "{name} with {} bytes more: {told:?}", more.len());
        }
    }
}

/// A price of 160 bits, liquidity of 128 and a tick of 24 each lie in a word of 256.
#[test]
fn what_is_wider_than_its_field_is_refused() {
    let swap = uniswap_v3::pool::Swap {
        sender: ANN,
        recipient: BOB,
        amount0: i(5),
        amount1: i(-4),
        sqrtPriceX96: u(1 << 40).to(),
        liquidity: 9,
        tick: "-3".parse().unwrap(),
    };
    let log = log(POOL, &swap);
    let read = |log: &RawLog| uniswap_v3::pool_log(log);
    assert!(read(&log).unwrap().is_some());
    for (field, word, bytes) in [("price", 2, 12), ("liquidity", 3, 16), ("tick", 4, 29)] {
        for byte in 0..bytes {
            let mut data = log.data.to_vec();
            data[32 * word + byte] ^= 1;
            let dirty = RawLog { data: data.into(), ..log.clone() };
            assert!(read(&dirty).is_err(), "{field}, byte {byte}");
        }
    }
}

fn topics_of_transfer() -> B256 {
    <token::Transfer as alloy::sol_types::SolEvent>::SIGNATURE_HASH
}

#[test]
fn what_cannot_be_the_pools_is_refused_with_a_sentence() {
    let second = || pool(Venue::BalancerV2);
    let changed = |tokens: Vec<Address>, deltas: usize| balancer::v2_vault::PoolBalanceChanged {
        poolId: POOL_ID,
        liquidityProvider: ANN,
        tokens,
        deltas: vec![i(1); deltas],
        protocolFeeAmounts: vec![u(0); 2],
    };
    let swap = balancer::v2_vault::Swap {
        poolId: POOL_ID,
        tokenIn: ANN,
        tokenOut: TOKEN1,
        amountIn: u(9),
        amountOut: u(8),
    };
    let added = balancer::v3_vault::LiquidityAdded {
        pool: POOL,
        liquidityProvider: ANN,
        kind: 1,
        totalSupply: u(90),
        amountsAddedRaw: vec![U256::MAX, u(0)],
        swapFeeAmountsRaw: vec![u(1), u(0)],
    };
    let answer = feed::aggregator::AnswerUpdated { current: i(5), roundId: u(1), updatedAt: U256::MAX };
    let cases = [
        ("foreign token", second(), log(VAULT, &swap), "is none of the pool's tokens"),
        ("other order", second(), log(VAULT, &changed(vec![TOKEN1, TOKEN0], 2)), "in the pool's order"),
        (
            "too few amounts",
            second(),
            log(VAULT, &changed(vec![TOKEN0, TOKEN1], 1)),
            "it has 1 amounts, the pool has 2 tokens",
        ),
        ("too large", pool(Venue::BalancerV3), log(VAULT, &added), "passes 255 bits"),
        ("a time that is none", with_feed(second()), log(AGGREGATOR, &answer), "its time passes 64 bits"),
    ];
    for (name, pool, log, sentence) in cases {
        let error = read_one(pool, vec![log]).expect_err(name).to_string();
        assert!(error.contains(sentence), "{name}: {error}");
    }
}
