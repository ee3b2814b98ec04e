//! What the pools of each venue must answer. What does not depend on another answer is asked for at the same time.

use accrual_rewards::id::Venue;
use accrual_rewards::pool::PoolFacts;
use accrual_rewards::unit::Amount;
use alloy::primitives::{Address, B256, U256};
use alloy::sol;
use futures::join;

use super::views::Views;
use crate::decode::interest;
use crate::error::IndexError;

sol! {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function factory() external view returns (address);
    function tickSpacing() external view returns (int24);
    function fee() external view returns (uint24);
    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, bool);
    function stable() external view returns (bool);
    function totalSupply() external view returns (uint256);
    function getPoolId() external view returns (bytes32);
    function getVault() external view returns (address);
    function getNormalizedWeights() external view returns (uint256[]);
    interface UniswapFactory {
        function getPool(address, address, uint24) external view returns (address);
    }
    interface SlipstreamFactory {
        function getPool(address, address, int24) external view returns (address);
    }
    interface AerodromeFactory {
        function getPool(address, address, bool) external view returns (address);
    }
    interface SecondVault {
        function getPool(bytes32) external view returns (address, uint8);
        function getPoolTokens(bytes32) external view returns (address[], uint256[], uint256);
    }
    interface ThirdVault {
        struct LiquidityManagement {
            bool disableUnbalancedLiquidity;
            bool enableAddLiquidityCustom;
            bool enableRemoveLiquidityCustom;
            bool enableDonation;
        }
        struct PoolConfig {
            LiquidityManagement liquidityManagement;
            uint256 staticSwapFeePercentage;
            uint256 aggregateSwapFeePercentage;
            uint256 aggregateYieldFeePercentage;
            uint40 tokenDecimalDiffs;
            uint32 pauseWindowEndTime;
            bool isPoolRegistered;
            bool isPoolInitialized;
            bool isPoolPaused;
            bool isPoolInRecoveryMode;
        }
        function getPoolTokens(address) external view returns (address[]);
        function getPoolConfig(address) external view returns (PoolConfig);
    }
}

/// Words of `slot0()`: Slipstream has no protocol fee in it.
const SLOT0_WORDS_UNISWAP: usize = 7;
const SLOT0_WORDS_SLIPSTREAM: usize = 6;
/// All weights together: one, in parts of 10^18.
const WEIGHTS_SUM_E18: u128 = 1_000_000_000_000_000_000;

pub(super) async fn uniswap_v3(views: &Views<'_>) -> Result<PoolFacts, IndexError> {
    let (tokens, spacing, refused, fee, factory) = join!(
        pair(views),
        views.need(tickSpacingCall {}),
        refuse_slipstream(views),
        views.ask(views.pool.address, feeCall {}),
        views.ask(views.pool.address, factoryCall {}),
    );
    let ([token0, token1], spacing, ()) = (tokens?, spacing?, refused?);
    let fee = fee?;
    if let (Some(fee), Some(factory)) = (fee, factory?) {
        let known = views.ask(factory, UniswapFactory::getPoolCall { _0: token0, _1: token1, _2: fee });
        check_factory(views, factory, known.await?)?;
    }
    if fee.is_none() {
        tracing::warn!(pool = %views.pool.id, "the pool does not answer fee(): its fees cannot be told");
    }
    let fee_ppm = fee.map(|fee| fee.to::<u32>());
    let tick_spacing = Some(spacing.as_i32());
    Ok(PoolFacts { tokens: vec![token0, token1], tick_spacing, fee_ppm, ..PoolFacts::default() })
}

pub(super) async fn aerodrome_cl(views: &Views<'_>) -> Result<PoolFacts, IndexError> {
    let (tokens, spacing, doubted, factory) = join!(
        pair(views),
        views.need(tickSpacingCall {}),
        doubt_uniswap(views),
        views.ask(views.pool.address, factoryCall {}),
    );
    let ([token0, token1], spacing, ()) = (tokens?, spacing?, doubted?);
    if let Some(factory) = factory? {
        let known =
            views.ask(factory, SlipstreamFactory::getPoolCall { _0: token0, _1: token1, _2: spacing });
        check_factory(views, factory, known.await?)?;
    }
    let tick_spacing = Some(spacing.as_i32());
    Ok(PoolFacts { tokens: vec![token0, token1], tick_spacing, ..PoolFacts::default() })
}

pub(super) async fn aerodrome_basic(views: &Views<'_>) -> Result<PoolFacts, IndexError> {
    let (tokens, is_stable, factory) =
        join!(pair(views), views.need(stableCall {}), views.ask(views.pool.address, factoryCall {}),);
    let ([token0, token1], is_stable) = (tokens?, is_stable?);
    if let Some(factory) = factory? {
        let known =
            views.ask(factory, AerodromeFactory::getPoolCall { _0: token0, _1: token1, _2: is_stable });
        check_factory(views, factory, known.await?)?;
    }
    Ok(PoolFacts { tokens: vec![token0, token1], is_stable, ..PoolFacts::default() })
}

pub(super) async fn balancer_v2(views: &Views<'_>) -> Result<PoolFacts, IndexError> {
    let vault = check_vault(views).await?;
    let id = views.need(getPoolIdCall {}).await?;
    let known = views.ask(vault, SecondVault::getPoolCall(id)).await?;
    let at = known.map(|known| known._0);
    if at.is_some_and(|at| at != views.pool.address) {
        return Err(views.refused(format!("for its getPoolId() the Vault {vault} knows another pool")));
    }
    let tokens = views.ask(vault, SecondVault::getPoolTokensCall(id)).await?;
    let tokens = tokens.map(|tokens| tokens._0);
    let balancer_pool_id = Some(id);
    Ok(PoolFacts { balancer_pool_id, ..weighted(views, vault, tokens).await? })
}

pub(super) async fn balancer_v3(views: &Views<'_>) -> Result<PoolFacts, IndexError> {
    let vault = check_vault(views).await?;
    if views.ask(views.pool.address, getPoolIdCall {}).await?.is_some_and(|id: B256| !id.is_zero()) {
        return Err(views.refused("it answers getPoolId() as a pool of the second Vault does"));
    }
    let tokens = views.ask(vault, ThirdVault::getPoolTokensCall(views.pool.address)).await?;
    let facts = weighted(views, vault, tokens).await?;
    let aggregate_fee_e18 = match views.pool.facts.aggregate_fee_e18 {
        Some(stored) => Some(stored),
        None => Some(aggregate_fee_at_start(views, vault).await?),
    };
    Ok(PoolFacts { aggregate_fee_e18, ..facts })
}

pub(super) async fn erc20(views: &Views<'_>) -> Result<PoolFacts, IndexError> {
    views.need(totalSupplyCall {}).await?;
    Ok(PoolFacts::default())
}

/// The pool's two tokens, the lower address first, as every factory here orders them.
async fn pair(views: &Views<'_>) -> Result<[Address; 2], IndexError> {
    let (token0, token1) = join!(views.need(token0Call {}), views.need(token1Call {}));
    let [token0, token1] = [token0?, token1?];
    if token0 < token1 {
        return Ok([token0, token1]);
    }
    Err(views.refused(format!("its token0() {token0} does not come before its token1() {token1}")))
}

/// Slipstream's pools answer everything else alike. Read as Uniswap's, nobody would know who is behind a gauge.
async fn refuse_slipstream(views: &Views<'_>) -> Result<(), IndexError> {
    if views.words(slot0Call {}).await? != Some(SLOT0_WORDS_SLIPSTREAM) {
        return Ok(());
    }
    let sister = Venue::AerodromeCl;
    Err(views.refused(format!("its slot0() has {SLOT0_WORDS_SLIPSTREAM} fields, as those of {sister} have")))
}

/// The other way round nothing is lost, so a Uniswap pool may stand in for Slipstream's, as it does in the rehearsal.
async fn doubt_uniswap(views: &Views<'_>) -> Result<(), IndexError> {
    if views.words(slot0Call {}).await? == Some(SLOT0_WORDS_UNISWAP) {
        let (pool, address) = (&views.pool.id, views.pool.address);
        tracing::warn!(%pool, %address, "slot0() has as many fields as those of uniswap_v3 have: is pools.venue right?");
    }
    Ok(())
}

/// A factory that knows the pool's tokens under another address did not make it.
fn check_factory(views: &Views<'_>, factory: Address, known: Option<Address>) -> Result<(), IndexError> {
    match known {
        Some(known) if known != views.pool.address => {
            Err(views.refused(format!("its factory() {factory} has {known} by getPool() in its place")))
        }
        _ => Ok(()),
    }
}

/// The Vault that the configuration means must be the one that the pool names, where it names one.
async fn check_vault(views: &Views<'_>) -> Result<Address, IndexError> {
    let vault = interest::vault(views.pool);
    match views.ask(views.pool.address, getVaultCall {}).await? {
        Some(named) if named != vault => {
            Err(views.refused(format!("its getVault() is {named}, not {vault} (pools.vault)")))
        }
        _ => Ok(vault),
    }
}

async fn weighted(
    views: &Views<'_>,
    vault: Address,
    tokens: Option<Vec<Address>>,
) -> Result<PoolFacts, IndexError> {
    let tokens = tokens.filter(|tokens| !tokens.is_empty());
    let tokens = tokens.ok_or_else(|| {
        views.refused(format!("the Vault {vault} (pools.vault) does not answer getPoolTokens() for it"))
    })?;
    if !tokens.is_sorted_by(|a, b| a < b) {
        return Err(views.refused("the tokens of getPoolTokens() are not in the order of their addresses"));
    }
    let weights: Vec<U256> = views.need(getNormalizedWeightsCall {}).await?;
    let sum = weights.iter().try_fold(U256::ZERO, |sum, weight| sum.checked_add(*weight));
    if weights.len() != tokens.len() || sum != Some(U256::from(WEIGHTS_SUM_E18)) {
        let what = "its getNormalizedWeights() are not one for each token with a sum of 10^18";
        return Err(views.refused(what));
    }
    let weights_e18 = weights.into_iter().map(Amount).collect();
    Ok(PoolFacts { tokens, weights_e18, ..PoolFacts::default() })
}

/// No log says the first value, so it is read where the pool begins; it changes by logs from there on.
async fn aggregate_fee_at_start(views: &Views<'_>, vault: Address) -> Result<Amount, IndexError> {
    let question = || ThirdVault::getPoolConfigCall(views.pool.address);
    let then = views.ask_at(vault, question(), Some(views.pool.created_block)).await?;
    let config = match then.filter(|config| config.isPoolRegistered) {
        Some(config) => config,
        None => {
            tracing::warn!(pool = %views.pool.id, block = views.pool.created_block.0, "the node has no state of the pool's first block: its protocol fee of today is taken for that of then; an archive node in chain.rpc_urls would tell");
            let now = views.ask(vault, question()).await?;
            now.ok_or_else(|| {
                views.refused(format!("the Vault {vault} does not answer getPoolConfig() for it"))
            })?
        }
    };
    Ok(Amount(config.aggregateSwapFeePercentage))
}
