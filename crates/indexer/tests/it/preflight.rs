//! What contracts answer before a block is read: facts where they fit, a sentence where they do not.

use std::collections::HashMap;

use accrual_indexer::preflight::check_pools;
use accrual_indexer::source::{Heads, LogQuery, LogSource, RawLog, SourceError};
use accrual_rewards::id::Venue;
use accrual_rewards::pool::{FeedFacts, Pool, PoolFacts, ToldBy, Wrapper, WrapperFacts, WrapperKind};
use accrual_rewards::unit::BlockNumber;
use accrual_store::Header;
use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::{SolType, sol_data};
use async_trait::async_trait;

use crate::rig::*;

const FACTORY: Address = Address::repeat_byte(0x70);

/// Contracts as tables: what each view answers, in which block where it says so.
#[derive(Clone, Default)]
struct Contracts(HashMap<(Address, [u8; 4], Option<u64>), Vec<u8>>);

impl Contracts {
    fn with(mut self, to: Address, view: &str, answer: impl Into<Vec<u8>>) -> Self {
        self.0.insert((to, selector(view), None), answer.into());
        self
    }

    fn with_at(mut self, to: Address, view: &str, block: u64, answer: impl Into<Vec<u8>>) -> Self {
        self.0.insert((to, selector(view), Some(block)), answer.into());
        self
    }

    fn without(mut self, to: Address, view: &str) -> Self {
        self.0.remove(&(to, selector(view), None)).expect("the view was there");
        self
    }
}

fn selector(view: &str) -> [u8; 4] {
    keccak256(view)[..4].try_into().unwrap()
}

#[async_trait]
impl LogSource for Contracts {
    async fn has_code(&self, _: Address) -> Result<bool, SourceError> {
        unreachable!("only a follower asks who has code")
    }

    async fn call(
        &self,
        to: Address,
        input: Bytes,
        at: Option<BlockNumber>,
    ) -> Result<Option<Bytes>, SourceError> {
        let key = (to, input[..4].try_into().unwrap(), at.map(|number| number.0));
        Ok(self.0.get(&key).map(|answer| answer.clone().into()))
    }
    async fn chain_id(&self) -> Result<u64, SourceError> {
        unreachable!("only calls are made")
    }
    async fn heads(&self) -> Result<Heads, SourceError> {
        unreachable!("only calls are made")
    }
    async fn headers(&self, _: &[BlockNumber]) -> Result<Vec<Option<Header>>, SourceError> {
        unreachable!("only calls are made")
    }
    async fn logs(&self, _: &LogQuery) -> Result<Vec<RawLog>, SourceError> {
        unreachable!("only calls are made")
    }
    async fn wait_for_block(&self) {}
}

fn words(words: &[B256]) -> Vec<u8> {
    words.concat()
}

fn number(value: u64) -> Vec<u8> {
    words(&[u(value).into()])
}

fn address(value: Address) -> Vec<u8> {
    words(&[value.into_word()])
}

fn weights(values: [u64; 2]) -> Vec<u8> {
    sol_data::Array::<sol_data::Uint<256>>::abi_encode(&values.map(u).to_vec())
}

fn tokens() -> Vec<u8> {
    sol_data::Array::<sol_data::Address>::abi_encode(&vec![TOKEN0, TOKEN1])
}

fn pair() -> Contracts {
    let decimals =
        Contracts::default().with(TOKEN0, "decimals()", number(6)).with(TOKEN1, "decimals()", number(18));
    let pair = decimals.with(POOL, "token0()", address(TOKEN0)).with(POOL, "token1()", address(TOKEN1));
    pair.with(POOL, "factory()", address(FACTORY))
}

fn uniswap() -> Contracts {
    let pool = pair().with(POOL, "tickSpacing()", number(60)).with(POOL, "fee()", number(3000));
    pool.with(POOL, "slot0()", vec![0; 7 * 32]).with(
        FACTORY,
        "getPool(address,address,uint24)",
        address(POOL),
    )
}

fn slipstream() -> Contracts {
    let pool = pair().with(POOL, "tickSpacing()", number(200)).with(POOL, "fee()", number(500));
    pool.with(POOL, "slot0()", vec![0; 6 * 32]).with(FACTORY, "getPool(address,address,int24)", address(POOL))
}

fn basic() -> Contracts {
    pair().with(POOL, "stable()", number(0)).with(FACTORY, "getPool(address,address,bool)", address(POOL))
}

const WEIGHTS: [u64; 2] = [50_000_000_000_000_000, 950_000_000_000_000_000];

fn second_vault() -> Contracts {
    let all = sol_data::Array::<sol_data::Uint<256>>::abi_encode(&vec![u(1), u(2)]);
    let known: Vec<u8> = <(
        sol_data::Array<sol_data::Address>,
        sol_data::Array<sol_data::Uint<256>>,
        sol_data::Uint<256>,
    )>::abi_encode_params(&(vec![TOKEN0, TOKEN1], vec![u(1), u(2)], u(3)));
    assert!(known.len() > all.len());
    pair()
        .with(POOL, "getPoolId()", words(&[POOL_ID]))
        .with(POOL, "getVault()", address(VAULT))
        .with(POOL, "getNormalizedWeights()", weights(WEIGHTS))
        .with(VAULT, "getPool(bytes32)", words(&[POOL.into_word(), u(2).into()]))
        .with(VAULT, "getPoolTokens(bytes32)", known)
}

/// Ten words after the liquidity management's four: the second is the aggregate swap fee, the sixth whether it is there.
fn config(aggregate_fee: u64) -> Vec<u8> {
    let mut words = [B256::ZERO; 13];
    (words[5], words[9]) = (u(aggregate_fee).into(), u(1).into());
    words.concat()
}

fn third_vault() -> Contracts {
    pair()
        .with(POOL, "getVault()", address(VAULT))
        .with(POOL, "getNormalizedWeights()", weights(WEIGHTS))
        .with(VAULT, "getPoolTokens(address)", tokens())
        .with(VAULT, "getPoolConfig(address)", config(7))
        .with_at(VAULT, "getPoolConfig(address)", 1, config(5))
}

async fn facts(contracts: Contracts, pool: Pool) -> Result<PoolFacts, String> {
    let asked = Pool { facts: PoolFacts::default(), ..pool };
    let found = check_pools(&contracts, &[asked]).await;
    found.map(|mut facts| facts.remove(0)).map_err(|error| error.to_string())
}

#[tokio::test]
async fn each_venue_says_what_it_is() {
    let both =
        PoolFacts { tokens: vec![TOKEN0, TOKEN1], decimals: vec![Some(6), Some(18)], ..PoolFacts::default() };
    let weighted = PoolFacts { weights_e18: WEIGHTS.map(amount).to_vec(), ..both.clone() };
    let uniswap_facts = PoolFacts { tick_spacing: Some(60), fee_ppm: Some(3000), ..both.clone() };
    let cases = [
        (Venue::UniswapV3, uniswap(), uniswap_facts.clone()),
        (
            Venue::UniswapV3,
            uniswap().without(POOL, "slot0()").without(FACTORY, "getPool(address,address,uint24)"),
            uniswap_facts,
        ),
        (
            Venue::UniswapV3,
            uniswap().without(POOL, "fee()"),
            PoolFacts { tick_spacing: Some(60), ..both.clone() },
        ),
        (Venue::AerodromeCl, slipstream(), PoolFacts { tick_spacing: Some(200), ..both.clone() }),
        (Venue::AerodromeCl, uniswap(), PoolFacts { tick_spacing: Some(60), ..both.clone() }),
        (Venue::AerodromeBasic, basic(), both.clone()),
        (
            Venue::AerodromeBasic,
            basic().with(POOL, "stable()", number(1)),
            PoolFacts { is_stable: true, ..both },
        ),
        (
            Venue::BalancerV2,
            second_vault(),
            PoolFacts { balancer_pool_id: Some(POOL_ID), ..weighted.clone() },
        ),
        (Venue::BalancerV3, third_vault(), PoolFacts { aggregate_fee_e18: Some(amount(5)), ..weighted }),
        (Venue::Erc20, Contracts::default().with(POOL, "totalSupply()", number(1)), PoolFacts::default()),
    ];
    for (venue, contracts, expected) in cases {
        assert_eq!(facts(contracts, pool(venue)).await, Ok(expected), "{venue}");
    }
}

#[tokio::test]
async fn a_node_without_old_state_tells_the_fee_of_today() {
    let mut contracts = third_vault();
    contracts.0.retain(|(_, _, at), _| at.is_none());
    let now = facts(contracts.clone(), pool(Venue::BalancerV3)).await.unwrap();
    assert_eq!(now.aggregate_fee_e18, Some(amount(7)));
    let mut known = pool(Venue::BalancerV3);
    known.facts.aggregate_fee_e18 = Some(amount(5));
    assert_eq!(check_pools(&contracts, &[known]).await.unwrap()[0].aggregate_fee_e18, Some(amount(5)));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_a_sentence() {
    let swapped = |contracts: Contracts| {
        contracts.with(POOL, "token0()", address(TOKEN1)).with(POOL, "token1()", address(TOKEN0))
    };
    let cases = [
        (
            "no view",
            Venue::UniswapV3,
            uniswap().without(POOL, "tickSpacing()"),
            "it does not answer tickSpacing()",
        ),
        ("token order", Venue::UniswapV3, swapped(uniswap()), "does not come before"),
        ("sister venue", Venue::UniswapV3, slipstream(), "as those of aerodrome_cl have"),
        (
            "other pool",
            Venue::UniswapV3,
            uniswap().with(FACTORY, "getPool(address,address,uint24)", address(ANN)),
            "in its place",
        ),
        (
            "other pool",
            Venue::AerodromeBasic,
            basic().with(FACTORY, "getPool(address,address,bool)", address(ANN)),
            "in its place",
        ),
        ("no pair", Venue::AerodromeBasic, uniswap(), "it does not answer stable()"),
        (
            "no truth value",
            Venue::AerodromeBasic,
            basic().with(POOL, "stable()", number(2)),
            "it does not answer stable()",
        ),
        (
            "weights",
            Venue::BalancerV2,
            second_vault().with(POOL, "getNormalizedWeights()", weights([1, 2])),
            "with a sum of 10^18",
        ),
        (
            "other vault",
            Venue::BalancerV2,
            second_vault().with(POOL, "getVault()", address(ANN)),
            "(pools.vault)",
        ),
        (
            "other pool",
            Venue::BalancerV2,
            second_vault().with(VAULT, "getPool(bytes32)", words(&[ANN.into_word(), u(2).into()])),
            "knows another pool",
        ),
        (
            "unknown to the vault",
            Venue::BalancerV3,
            third_vault().without(VAULT, "getPoolTokens(address)"),
            "does not answer getPoolTokens()",
        ),
        ("the other Balancer", Venue::BalancerV3, second_vault(), "as a pool of the second Vault does"),
        ("the other Balancer", Venue::BalancerV2, third_vault(), "it does not answer getPoolId()"),
        ("no token", Venue::Erc20, Contracts::default(), "it does not answer totalSupply()"),
    ];
    for (name, venue, contracts, sentence) in cases {
        let refusal = facts(contracts, pool(venue)).await.expect_err(name);
        assert!(refusal.contains(sentence) && refusal.contains(venue.as_str()), "{name} {venue}: {refusal}");
    }
}

fn wrapper(kind: WrapperKind) -> Wrapper {
    Wrapper { kind, address: GAUGE, holder: GAUGE, to: None }
}

#[tokio::test]
async fn wrappers_are_read_by_one_kind_of_event() {
    let supply = |contracts: Contracts| contracts.with(GAUGE, "totalSupply()", number(1));
    let aura = supply(second_vault()).with(GAUGE, "pid()", number(3)).with(GAUGE, "operator()", address(ANN));
    let (gauge, vault) = (WrapperKind::Erc20Gauge, WrapperKind::Erc20Vault);
    let cases = [
        (
            "aerodrome's gauge",
            Venue::AerodromeBasic,
            gauge,
            supply(basic()).with(GAUGE, "stakingToken()", address(POOL)),
            Ok(ToldBy::Deposits),
        ),
        (
            "balancer's gauge",
            Venue::BalancerV2,
            gauge,
            supply(second_vault()).with(GAUGE, "decimals()", number(18)).with(
                GAUGE,
                "lp_token()",
                address(POOL),
            ),
            Ok(ToldBy::Transfers),
        ),
        (
            "aura's pool, a token by its views",
            Venue::BalancerV2,
            vault,
            aura.with(GAUGE, "decimals()", number(18)),
            Ok(ToldBy::Stakes),
        ),
        (
            "a vault",
            Venue::BalancerV2,
            vault,
            second_vault().with(GAUGE, "decimals()", number(18)),
            Ok(ToldBy::Transfers),
        ),
        ("no vault", Venue::BalancerV2, vault, supply(second_vault()), Err("it is no token")),
        ("no gauge", Venue::BalancerV2, gauge, second_vault(), Err("it does not answer totalSupply()")),
        (
            "another pool's gauge",
            Venue::AerodromeBasic,
            gauge,
            supply(basic()).with(GAUGE, "stakingToken()", address(ANN)),
            Err("which is neither the pool nor a wrapper"),
        ),
        (
            "slipstream's gauge",
            Venue::AerodromeCl,
            WrapperKind::ClGauge,
            slipstream().with(GAUGE, "pool()", address(POOL)).with(GAUGE, "nft()", address(MANAGER)),
            Ok(ToldBy::Nfts),
        ),
        (
            "another pool's nft gauge",
            Venue::AerodromeCl,
            WrapperKind::ClGauge,
            slipstream().with(GAUGE, "pool()", address(ANN)),
            Err("its pool() is"),
        ),
        (
            "another manager's",
            Venue::AerodromeCl,
            WrapperKind::ClGauge,
            slipstream().with(GAUGE, "nft()", address(ANN)),
            Err("its nft() is"),
        ),
        (
            "no nft gauge",
            Venue::AerodromeCl,
            WrapperKind::ClGauge,
            slipstream(),
            Err("neither pool() nor nft()"),
        ),
        (
            "nfts of a pool without",
            Venue::AerodromeBasic,
            WrapperKind::ClGauge,
            basic(),
            Err("no position manager"),
        ),
    ];
    for (name, venue, kind, contracts, expected) in cases {
        let pool = Pool { wrappers: vec![wrapper(kind)], ..pool(venue) };
        match (facts(contracts, pool).await, expected) {
            (Ok(facts), Ok(told_by)) => {
                assert_eq!(facts.wrappers, [WrapperFacts { address: GAUGE, told_by }], "{name}");
            }
            (Err(refusal), Err(sentence)) => assert!(refusal.contains(sentence), "{name}: {refusal}"),
            (found, expected) => panic!("{name}: {found:?}, not {expected:?}"),
        }
    }
    let twice = Pool { wrappers: vec![wrapper(gauge), wrapper(vault)], ..pool(Venue::AerodromeBasic) };
    let refusal = facts(supply(basic()), twice).await.unwrap_err();
    assert!(refusal.contains("another wrapper's"), "{refusal}");
}

#[tokio::test]
async fn feeds_name_those_who_answer() {
    let [old, new] = [Address::repeat_byte(0x52), AGGREGATOR];
    let plain = basic().with(FEED, "decimals()", number(8));
    let proxy = plain.clone().with(FEED, "aggregator()", address(new)).with(FEED, "phaseId()", number(2));
    let asked = |pool: Pool| Pool { feeds: vec![FEED, FEED], ..pool };
    let cases = [
        ("a contract of its own", plain, vec![FEED]),
        ("a proxy without phases", proxy.clone().without(FEED, "phaseId()"), vec![new]),
        ("a proxy", proxy.with(FEED, "phaseAggregators(uint16)", address(old)), vec![old, new]),
    ];
    for (name, contracts, aggregators) in cases {
        let facts = facts(contracts, asked(pool(Venue::AerodromeBasic))).await.unwrap();
        assert_eq!(facts.feeds, [FeedFacts { feed: FEED, aggregators, decimals: 8 }], "{name}");
    }
    let refusal = facts(basic(), asked(pool(Venue::AerodromeBasic))).await.unwrap_err();
    assert!(refusal.contains("is no price feed"), "{refusal}");
}
