//! Decodes the logs of Balancer's weighted pools, of the second and of the third Vault (`facts/protocols.md` 4).
//!
//! A Vault serves every pool of the chain and names the pool in each log: the second by a pool id, the third by its
//! address. Shares of the second Vault's pools are their own tokens. The third Vault keeps them itself and has the
//! pool's contract repeat each move, so only the Vault's word counts there.

use accrual_rewards::event::PoolEvent;
use accrual_rewards::pool::Pool;
use accrual_rewards::unit::{Amount, SignedAmount};
use alloy::primitives::{Address, B256, I256, U256, address};
use alloy::sol_types::SolEvent;

use crate::decode::{DecodeError, Told, parse, shares_moved, token};
use crate::source::RawLog;

/// The second Vault, at the same address on every chain.
pub const V2_VAULT: Address = address!("BA12222222228d8Ba445958a75a0704d566BF2C8");
/// The third Vault, at the same address on every chain.
pub const V3_VAULT: Address = address!("bA1333333333a1BA1108E8412f11850A5C319bA9");

/// The events of the second Vault (balancer `IVault`).
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod v2_vault {
    alloy::sol! {
        event PoolBalanceChanged(bytes32 indexed poolId, address indexed liquidityProvider, address[] tokens, int256[] deltas, uint256[] protocolFeeAmounts);
        event PoolBalanceManaged(bytes32 indexed poolId, address indexed assetManager, address indexed token, int256 cashDelta, int256 managedDelta);
        event Swap(bytes32 indexed poolId, address indexed tokenIn, address indexed tokenOut, uint256 amountIn, uint256 amountOut);
    }
}

/// The events of the second Vault's pools (balancer `IBasePool`).
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod v2_pool {
    alloy::sol! {
        event SwapFeePercentageChanged(uint256 swapFeePercentage);
    }
}

/// The events of the third Vault (balancer `IVaultEvents`).
#[allow(missing_docs, reason = "generated from the ABI")]
pub mod v3_vault {
    alloy::sol! {
        event Swap(address indexed pool, address indexed tokenIn, address indexed tokenOut, uint256 amountIn, uint256 amountOut, uint256 swapFeePercentage, uint256 swapFeeAmount);
        event LiquidityAdded(address indexed pool, address indexed liquidityProvider, uint8 indexed kind, uint256 totalSupply, uint256[] amountsAddedRaw, uint256[] swapFeeAmountsRaw);
        event LiquidityRemoved(address indexed pool, address indexed liquidityProvider, uint8 indexed kind, uint256 totalSupply, uint256[] amountsRemovedRaw, uint256[] swapFeeAmountsRaw);
        event Transfer(address indexed pool, address indexed from, address indexed to, uint256 value);
        event SwapFeePercentageChanged(address indexed pool, uint256 swapFeePercentage);
        event AggregateSwapFeePercentageChanged(address indexed pool, uint256 aggregateSwapFeePercentage);
        event PoolRecoveryModeStateChanged(address indexed pool, bool recoveryMode);
    }
}

/// The signatures that [`v2_pool_event`] reads.
pub const V2_POOL_TOPICS: [B256; 2] =
    [token::Transfer::SIGNATURE_HASH, v2_pool::SwapFeePercentageChanged::SIGNATURE_HASH];

/// The signatures that [`v2_vault_event`] reads.
pub const V2_VAULT_TOPICS: [B256; 3] = [
    v2_vault::PoolBalanceChanged::SIGNATURE_HASH,
    v2_vault::PoolBalanceManaged::SIGNATURE_HASH,
    v2_vault::Swap::SIGNATURE_HASH,
];

/// The signatures that [`v3_vault_event`] reads.
pub const V3_VAULT_TOPICS: [B256; 7] = [
    v3_vault::Swap::SIGNATURE_HASH,
    v3_vault::LiquidityAdded::SIGNATURE_HASH,
    v3_vault::LiquidityRemoved::SIGNATURE_HASH,
    v3_vault::Transfer::SIGNATURE_HASH,
    v3_vault::SwapFeePercentageChanged::SIGNATURE_HASH,
    v3_vault::AggregateSwapFeePercentageChanged::SIGNATURE_HASH,
    v3_vault::PoolRecoveryModeStateChanged::SIGNATURE_HASH,
];

/// Reads the log of a pool of the second Vault; `None` for one that says nothing of shares or the fee.
///
/// # Errors
/// A known topic with content that does not parse.
pub fn v2_pool_event(log: &RawLog) -> Told {
    if log.topics.first() != Some(&v2_pool::SwapFeePercentageChanged::SIGNATURE_HASH) {
        return shares_moved(log);
    }
    let event = parse::<v2_pool::SwapFeePercentageChanged>(log, "SwapFeePercentageChanged")?;
    Ok(Some(PoolEvent::SwapFeeSet { fraction_e18: Amount(event.swapFeePercentage) }))
}

/// Reads the second Vault's log of `pool`; `None` for one of another pool, or one that moves no balance.
///
/// # Errors
/// A known topic with content that does not parse, or tokens that are not the pool's.
pub fn v2_vault_event(pool: &Pool, log: &RawLog) -> Told {
    let id = pool.facts.balancer_pool_id;
    if id.is_none() || log.topics.get(1).copied() != id {
        return Ok(None);
    }
    Ok(Some(match log.topics[0] {
        v2_vault::Swap::SIGNATURE_HASH => {
            let event = parse::<v2_vault::Swap>(log, "Swap")?;
            PoolEvent::TokenSwapped {
                token_in: token_index(pool, event.tokenIn, log, "Swap")?,
                token_out: token_index(pool, event.tokenOut, log, "Swap")?,
                amount_in: Amount(event.amountIn),
                amount_out: Amount(event.amountOut),
                fee: None,
            }
        }
        v2_vault::PoolBalanceChanged::SIGNATURE_HASH => {
            let event = parse::<v2_vault::PoolBalanceChanged>(log, "PoolBalanceChanged")?;
            if event.tokens != pool.facts.tokens {
                let what = "its tokens are not the pool's, in the pool's order";
                return Err(DecodeError::new(log, "PoolBalanceChanged", what));
            }
            v2_balances(pool, &event.deltas, &event.protocolFeeAmounts, log)?
        }
        v2_vault::PoolBalanceManaged::SIGNATURE_HASH => {
            let event = parse::<v2_vault::PoolBalanceManaged>(log, "PoolBalanceManaged")?;
            let index = token_index(pool, event.token, log, "PoolBalanceManaged")?;
            let delta = event.cashDelta.checked_add(event.managedDelta);
            let delta = delta.ok_or_else(|| too_large(log, "PoolBalanceManaged"))?;
            let mut deltas = vec![SignedAmount(I256::ZERO); pool.facts.tokens.len()];
            deltas[usize::from(index)] = SignedAmount(delta);
            PoolEvent::BalancesChanged { deltas, fees: Vec::new(), total_supply: None }
        }
        _ => return Ok(None),
    }))
}

/// What the protocol takes at a join or an exit leaves the pool beside the deltas (older pools; zero in newer ones,
/// which pay it in shares).
fn v2_balances(pool: &Pool, deltas: &[I256], taken: &[U256], log: &RawLog) -> Result<PoolEvent, DecodeError> {
    const NAME: &str = "PoolBalanceChanged";
    check_count(pool, deltas.len(), log, NAME)?;
    check_count(pool, taken.len(), log, NAME)?;
    let net = |(delta, taken): (&I256, &U256)| {
        let net = I256::try_from(*taken).ok().and_then(|taken| delta.checked_sub(taken));
        net.map(SignedAmount).ok_or_else(|| too_large(log, NAME))
    };
    let deltas = deltas.iter().zip(taken).map(net).collect::<Result<_, _>>()?;
    Ok(PoolEvent::BalancesChanged { deltas, fees: Vec::new(), total_supply: None })
}

/// Reads the third Vault's log of `pool`; `None` for one of another pool, or one that moves neither balance nor share.
///
/// # Errors
/// A known topic with content that does not parse, or tokens that are not the pool's.
pub fn v3_vault_event(pool: &Pool, log: &RawLog) -> Told {
    if log.topics.get(1).copied() != Some(pool.address.into_word()) {
        return Ok(None);
    }
    Ok(Some(match log.topics[0] {
        v3_vault::Transfer::SIGNATURE_HASH => {
            let event = parse::<v3_vault::Transfer>(log, "Transfer")?;
            PoolEvent::SharesMoved { from: event.from, to: event.to, shares: Amount(event.value) }
        }
        v3_vault::Swap::SIGNATURE_HASH => {
            let event = parse::<v3_vault::Swap>(log, "Swap")?;
            PoolEvent::TokenSwapped {
                token_in: token_index(pool, event.tokenIn, log, "Swap")?,
                token_out: token_index(pool, event.tokenOut, log, "Swap")?,
                amount_in: Amount(event.amountIn),
                amount_out: Amount(event.amountOut),
                fee: Some(Amount(event.swapFeeAmount)),
            }
        }
        v3_vault::LiquidityAdded::SIGNATURE_HASH => {
            let event = parse::<v3_vault::LiquidityAdded>(log, "LiquidityAdded")?;
            let flow = (event.amountsAddedRaw, event.swapFeeAmountsRaw, event.totalSupply);
            v3_balances(pool, Way::In, flow, log, "LiquidityAdded")?
        }
        v3_vault::LiquidityRemoved::SIGNATURE_HASH => {
            let event = parse::<v3_vault::LiquidityRemoved>(log, "LiquidityRemoved")?;
            let flow = (event.amountsRemovedRaw, event.swapFeeAmountsRaw, event.totalSupply);
            v3_balances(pool, Way::Out, flow, log, "LiquidityRemoved")?
        }
        v3_vault::SwapFeePercentageChanged::SIGNATURE_HASH => {
            let event = parse::<v3_vault::SwapFeePercentageChanged>(log, "SwapFeePercentageChanged")?;
            PoolEvent::SwapFeeSet { fraction_e18: Amount(event.swapFeePercentage) }
        }
        v3_vault::AggregateSwapFeePercentageChanged::SIGNATURE_HASH => {
            const NAME: &str = "AggregateSwapFeePercentageChanged";
            let event = parse::<v3_vault::AggregateSwapFeePercentageChanged>(log, NAME)?;
            PoolEvent::AggregateFeeSet { fraction_e18: Amount(event.aggregateSwapFeePercentage) }
        }
        v3_vault::PoolRecoveryModeStateChanged::SIGNATURE_HASH => {
            let event = parse::<v3_vault::PoolRecoveryModeStateChanged>(log, "PoolRecoveryModeStateChanged")?;
            PoolEvent::RecoveryModeSet { on: event.recoveryMode }
        }
        _ => return Ok(None),
    }))
}

#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

/// Amounts and fees by token, and all shares after it.
type Flow = (Vec<U256>, Vec<U256>, U256);

fn v3_balances(
    pool: &Pool,
    way: Way,
    flow: Flow,
    log: &RawLog,
    name: &'static str,
) -> Result<PoolEvent, DecodeError> {
    let (amounts, fees, total_supply) = flow;
    check_count(pool, amounts.len(), log, name)?;
    check_count(pool, fees.len(), log, name)?;
    let signed = |amount: U256| {
        let amount = I256::try_from(amount).map_err(|_| too_large(log, name))?;
        Ok(SignedAmount(match way {
            Way::In => amount,
            Way::Out => -amount,
        }))
    };
    Ok(PoolEvent::BalancesChanged {
        deltas: amounts.into_iter().map(signed).collect::<Result<_, _>>()?,
        fees: fees.into_iter().map(Amount).collect(),
        total_supply: Some(Amount(total_supply)),
    })
}

fn token_index(pool: &Pool, token: Address, log: &RawLog, name: &'static str) -> Result<u8, DecodeError> {
    let index = pool.facts.tokens.iter().position(|known| *known == token);
    let index = index.and_then(|index| u8::try_from(index).ok());
    index.ok_or_else(|| DecodeError::new(log, name, format!("{token} is none of the pool's tokens")))
}

fn check_count(pool: &Pool, count: usize, log: &RawLog, name: &'static str) -> Result<(), DecodeError> {
    let tokens = pool.facts.tokens.len();
    if count == tokens {
        return Ok(());
    }
    Err(DecodeError::new(log, name, format!("it has {count} amounts, the pool has {tokens} tokens")))
}

fn too_large(log: &RawLog, name: &'static str) -> DecodeError {
    DecodeError::new(log, name, "an amount passes 255 bits")
}
