//! What is at an address, and which pools a token has.

use std::collections::BTreeSet;

use accrual_rewards::id::Venue;
use accrual_rewards::pool::{Pool, PoolFacts, Wrapper, WrapperKind};
use accrual_rewards::unit::BlockNumber;
use alloy::primitives::aliases::{I24, U24};
use alloy::primitives::{Address, B256, Bytes, address, b256, keccak256};
use alloy::sol;
use alloy::sol_types::SolCall;

use super::Scanner;
use crate::error::IndexError;
use crate::preflight;
use crate::source::{BlockRange, LogQuery, LogSource, RawLog};
use crate::tokens;

sol! {
    function factory() external view returns (address);
    function nft() external view returns (address);
    function gauge() external view returns (address);
    function stakingToken() external view returns (address);
    function lp_token() external view returns (address);
    function getVault() external view returns (address);
    function gauges(address pool) external view returns (address);
    interface UniswapFactory {
        function getPool(address, address, uint24) external view returns (address);
    }
    interface SlipstreamFactory {
        function getPool(address, address, int24) external view returns (address);
    }
    interface AerodromeFactory {
        function getPool(address, address, bool) external view returns (address);
    }
}

/// Where pools of Base are found (`facts/protocols.md` 1.1, 2.1, 3.1, 4.1, 4.2).
const UNISWAP_FACTORY: Address = address!("33128a8fC17869897dcE68Ed026d694621f6FDfD");
const AERODROME_FACTORY: Address = address!("420DD381b31aEf6683db6B902084cB0FFECe40Da");
const SLIPSTREAM_FACTORIES: [Address; 3] = [
    address!("5e7BB104d84c7CB9B682AaC2F3d509f5F406809A"),
    address!("aDe65c38CD4849aDBA595a4323a8C7DdfE89716a"),
    address!("f8f2eB4940CFE7d13603DDDD87f123820Fc061Ef"),
];
const VOTER: Address = address!("16613524e02ad97eDfeF371bC883F2F5d6C480A5");
const SECOND_VAULT: Address = address!("BA12222222228d8Ba445958a75a0704d566BF2C8");
const THIRD_VAULT: Address = address!("bA1333333333a1BA1108E8412f11850A5C319bA9");
/// `PoolCreated` of Uniswap v3's, Slipstream's and Aerodrome's factories; both tokens are indexed in all of them.
const CREATED: [B256; 3] = [
    b256!("783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118"),
    b256!("ab0d57f0df537bb25e80245ef7748fa62353808c54d6e528a9dd20887aed9ac2"),
    b256!("2128d88d14c80cb081c1252a5acff7a264671bf199ce226b53788fb26065005e"),
];
/// `PoolRegistered` of the Vaults.
const REGISTERED_IN_SECOND_VAULT: B256 =
    b256!("3c13bc30b8e878c53fd2a36b679409c073afd75950be43d8858768e956fbc20e");
const REGISTERED_IN_THIRD_VAULT: B256 =
    b256!("bc1561eeab9f40962e2fb827a7ff9c7cdb47a9d7c84caeefa4ed90e043842dad");
/// `TokensRegistered` of the second Vault, which names the tokens that its `PoolRegistered` does not.
const TOKENS_REGISTERED: B256 = b256!("f5847d3f2197b16cdcd2098ec95d0905cd1abdaf415f07bb7cef2bba8ac5dec4");
const FEES_PPM: [u16; 4] = [100, 500, 3000, 10_000];
const SPACINGS: [i16; 5] = [1, 50, 100, 200, 2000];
/// Of a token's transfers into a Vault, so many are looked behind: each costs a question.
pub const JOINS_LOOKED_AT: usize = 5;

/// A pool that was found, ready to be followed.
#[derive(Debug, Clone)]
pub struct FoundPool {
    /// What it is; its id is a stand-in.
    pub pool: Pool,
    /// Its tokens' symbols, made harmless, in the pool's order.
    pub symbols: Vec<Option<String>>,
    /// Whether `created_block` was found; otherwise it is 0, before everything.
    pub created_block_is_known: bool,
}

/// The pools of a token, as far as they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolsOf {
    /// Their addresses.
    pub pools: BTreeSet<Address>,
    /// The token's transfers into the Vaults that nobody looked behind, beyond [`JOINS_LOOKED_AT`] each. Only pools that
    /// were registered before the range can be missing for that.
    pub transfers_passed_over: usize,
}

/// The pool at an address, or behind the gauge at it, with the block of `blocks` in which it was announced; `None` when
/// nothing there is a pool or a token.
///
/// # Errors
/// No node answers.
pub async fn at_address(
    scanner: &Scanner<'_>,
    address: Address,
    blocks: BlockRange,
) -> Result<Option<FoundPool>, IndexError> {
    let source = scanner.source;
    let behind = match ask(source, address, stakingTokenCall {}).await? {
        Some(token) => Some(token),
        None => ask(source, address, lp_tokenCall {}).await?,
    };
    let (address, gauge) = behind.map_or((address, None), |pool| (pool, Some(address)));
    for venue in Venue::ALL {
        let mut pool = Pool {
            id: "found".parse().expect("an id"),
            venue,
            address,
            position_manager: None,
            created_block: BlockNumber(0),
            vault: None,
            feeds: Vec::new(),
            wrappers: Vec::new(),
            facts: PoolFacts::default(),
        };
        complete(source, &mut pool, gauge).await?;
        match preflight::check_pools(source, std::slice::from_ref(&pool)).await {
            Ok(mut facts) => {
                pool.facts = facts.pop().unwrap_or_default();
                let mut symbols = Vec::with_capacity(pool.facts.tokens.len());
                for token in &pool.facts.tokens {
                    symbols.push(tokens::symbol_of(source, *token).await);
                }
                let created = created_block(scanner, &pool, blocks).await?;
                pool.created_block = created.unwrap_or_default();
                return Ok(Some(FoundPool { pool, symbols, created_block_is_known: created.is_some() }));
            }
            Err(IndexError::NotAPool { .. } | IndexError::NotAWrapper { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What the venue's pools have beside themselves: a manager, a Vault, a gauge.
async fn complete(source: &dyn LogSource, pool: &mut Pool, gauge: Option<Address>) -> Result<(), IndexError> {
    let known = |found: Option<Address>| found.filter(|address| !address.is_zero());
    let kind = match pool.venue {
        Venue::AerodromeCl => {
            pool.position_manager = known(ask(source, pool.address, nftCall {}).await?);
            WrapperKind::ClGauge
        }
        Venue::UniswapV3 => return Ok(()),
        _ => WrapperKind::Erc20Gauge,
    };
    if pool.venue == Venue::BalancerV2 {
        let vault = known(ask(source, pool.address, getVaultCall {}).await?);
        pool.vault = vault.filter(|vault| *vault != SECOND_VAULT);
    }
    let gauge = match (gauge, pool.venue) {
        (Some(gauge), _) => Some(gauge),
        (None, Venue::AerodromeCl) => known(ask(source, pool.address, gaugeCall {}).await?),
        (None, Venue::AerodromeBasic) => known(ask(source, VOTER, gaugesCall { pool: pool.address }).await?),
        (None, _) => None,
    };
    let wrapper = |address| Wrapper { kind, address, holder: address, to: None };
    pool.wrappers = gauge.map(wrapper).into_iter().collect();
    Ok(())
}

/// The block in which the pool's factory or Vault announced it; `None` when it did not in `blocks`.
async fn created_block(
    scanner: &Scanner<'_>,
    pool: &Pool,
    blocks: BlockRange,
) -> Result<Option<BlockNumber>, IndexError> {
    let own = pool.address.into_word();
    let (announcer, topics) = match (pool.venue, pool.facts.tokens.as_slice()) {
        (Venue::Erc20, _) => return Ok(None),
        (Venue::BalancerV2, _) => {
            let topics = [vec![REGISTERED_IN_SECOND_VAULT], vec![], vec![own], vec![]];
            (pool.vault.unwrap_or(SECOND_VAULT), topics)
        }
        (Venue::BalancerV3, _) => {
            let topics = [vec![REGISTERED_IN_THIRD_VAULT], vec![own], vec![], vec![]];
            (pool.vault.unwrap_or(THIRD_VAULT), topics)
        }
        (_, [token0, token1]) => {
            let Some(factory) = ask(scanner.source, pool.address, factoryCall {}).await? else {
                return Ok(None);
            };
            let topics = [CREATED.to_vec(), vec![token0.into_word()], vec![token1.into_word()], vec![]];
            (factory, topics)
        }
        _ => return Ok(None),
    };
    let logs = scanner.logs(LogQuery { addresses: vec![announcer], topics, blocks }).await?;
    let speaks_of_it =
        |log: &&RawLog| log.topics.contains(&own) || log.data.chunks(32).any(|word| word == own.as_slice());
    Ok(logs.iter().find(speaks_of_it).map(|log| BlockNumber(log.block_number)))
}

/// The addresses of pools that hold `token` with one of `others`, as the factories of Base and the Vaults' logs in `blocks`
/// tell.
///
/// # Errors
/// No node answers.
pub async fn pools_of(
    scanner: &Scanner<'_>,
    token: Address,
    others: &[Address],
    blocks: BlockRange,
) -> Result<PoolsOf, IndexError> {
    let source = scanner.source;
    let mut found = BTreeSet::new();
    for other in others.iter().copied().filter(|other| *other != token) {
        for fee in FEES_PPM {
            let call = UniswapFactory::getPoolCall { _0: token, _1: other, _2: U24::from(fee) };
            found.extend(ask(source, UNISWAP_FACTORY, call).await?);
        }
        for stable in [false, true] {
            let call = AerodromeFactory::getPoolCall { _0: token, _1: other, _2: stable };
            found.extend(ask(source, AERODROME_FACTORY, call).await?);
        }
        for factory in SLIPSTREAM_FACTORIES {
            for spacing in SPACINGS {
                let spacing = I24::try_from(spacing).expect("a spacing fits 24 bits");
                let call = SlipstreamFactory::getPoolCall { _0: token, _1: other, _2: spacing };
                found.extend(ask(source, factory, call).await?);
            }
        }
    }
    let mut transfers_passed_over = 0;
    for vault in [SECOND_VAULT, THIRD_VAULT] {
        found.extend(registered_in_vault(scanner, token, vault, blocks).await?);
        let (joined, passed_over) = joined_in_vault(scanner, token, vault, blocks).await?;
        found.extend(joined);
        transfers_passed_over += passed_over;
    }
    found.remove(&Address::ZERO);
    Ok(PoolsOf { pools: found, transfers_passed_over })
}

/// Pools that a Vault registered with `token` in `blocks`.
async fn registered_in_vault(
    scanner: &Scanner<'_>,
    token: Address,
    vault: Address,
    blocks: BlockRange,
) -> Result<BTreeSet<Address>, IndexError> {
    let registered = if vault == SECOND_VAULT { TOKENS_REGISTERED } else { REGISTERED_IN_THIRD_VAULT };
    let topics = [vec![registered], vec![], vec![], vec![]];
    let logs = scanner.logs(LogQuery { addresses: vec![vault], topics, blocks }).await?;
    let word = token.into_word();
    let with_token = logs.iter().filter(|log| log.data.chunks(32).any(|one| one == word.as_slice()));
    Ok(with_token.filter_map(|log| pool_of_vault_log(vault, log.topics.get(1)?)).collect())
}

/// Pools whose joins brought `token` into a Vault, which may be older than `blocks`: its first transfers there, and the
/// Vault's own logs in those blocks; and how many transfers there were beyond those.
async fn joined_in_vault(
    scanner: &Scanner<'_>,
    token: Address,
    vault: Address,
    blocks: BlockRange,
) -> Result<(BTreeSet<Address>, usize), IndexError> {
    let transfer = keccak256("Transfer(address,address,uint256)");
    let topics = [vec![transfer], vec![], vec![vault.into_word()], vec![]];
    let transfers = scanner.logs(LogQuery { addresses: vec![token], topics, blocks }).await?;
    let mut found = BTreeSet::new();
    for log in transfers.iter().take(JOINS_LOOKED_AT) {
        let block = BlockNumber(log.block_number);
        let blocks = BlockRange { first: block, last: block };
        let query = LogQuery { addresses: vec![vault], topics: Default::default(), blocks };
        let same = |other: &&RawLog| other.transaction_hash == log.transaction_hash;
        let logs = scanner.logs(query).await?;
        found.extend(logs.iter().filter(same).filter_map(|log| pool_of_vault_log(vault, log.topics.get(1)?)));
    }
    Ok((found, transfers.len().saturating_sub(JOINS_LOOKED_AT)))
}

/// The second Vault names a pool by an id that begins with its address, the third by its address.
fn pool_of_vault_log(vault: Address, topic: &B256) -> Option<Address> {
    if vault == SECOND_VAULT {
        return Some(Address::from_slice(&topic[..20]));
    }
    (topic[..12] == [0; 12]).then(|| Address::from_word(*topic))
}

async fn ask<C: SolCall>(
    source: &dyn LogSource,
    to: Address,
    call: C,
) -> Result<Option<C::Return>, IndexError> {
    let output = source.call(to, Bytes::from(call.abi_encode()), None).await?;
    Ok(output.and_then(|output| C::abi_decode_returns_validate(&output).ok()))
}
