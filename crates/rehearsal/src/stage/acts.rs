//! Everything that people may do on a stage, as values to be put into blocks.

use accrual_rewards::unit::{Tick, TickRange};
use alloy::primitives::aliases::U24;
use alloy::primitives::{Address, Bytes, I256, U160, U256};
use alloy::sol_types::SolCall;

use super::{Pool, Stage, ratio, tick24};
use crate::contracts::abi;

/// The pool's own bounds of a price: a swap must stop inside of them.
const TICK_LIMIT: i32 = 887_271;

/// A call that somebody makes, not sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// In words, for errors.
    pub what: &'static str,
    /// Who sends it.
    pub from: Address,
    /// The contract called.
    pub to: Address,
    /// The calldata.
    pub data: Bytes,
    /// Whether the story goes on when it is reverted.
    pub may_revert: bool,
}

impl Transaction {
    /// Any call to any contract.
    pub fn new(what: &'static str, from: Address, to: Address, call: &impl SolCall) -> Self {
        Self { what, from, to, data: call.abi_encode().into(), may_revert: false }
    }

    /// The same, but it may be reverted.
    pub fn or_revert(self) -> Self {
        Self { may_revert: true, ..self }
    }
}

/// What a swap asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    /// Whether token0 (rUSD) goes in; the price then falls.
    pub zero_for_one: bool,
    /// Smallest units: positive for exactly that much in, negative for exactly that much out.
    pub amount: I256,
    /// The price at which it stops, even half done.
    pub limit: Tick,
}

impl Swap {
    /// Exactly so many units of token 0 or 1 in.
    pub fn exact_in(token: u8, units: u128) -> Self {
        Self::new(token == 0, signed(units))
    }

    /// Exactly so many units of token 0 or 1 out.
    pub fn exact_out(token: u8, units: u128) -> Self {
        Self::new(token == 1, -signed(units))
    }

    /// The same, but it stops at a tick.
    pub fn until(self, limit: Tick) -> Self {
        Self { limit, ..self }
    }

    fn new(zero_for_one: bool, amount: I256) -> Self {
        Self { zero_for_one, amount, limit: Tick(if zero_for_one { -TICK_LIMIT } else { TICK_LIMIT }) }
    }
}

/// Acts through the position manager.
impl Stage {
    /// Mints an NFT for a recipient, with at most these amounts; the sender pays.
    pub fn mint(
        &self,
        pool: &Pool,
        from: Address,
        recipient: Address,
        range: TickRange,
        usd_units: u128,
        tkn_units: u128,
    ) -> Transaction {
        let params = abi::Manager::MintParams {
            token0: self.usd,
            token1: self.tkn,
            fee: U24::from(pool.fee_ppm),
            tickLower: tick24(range.lower),
            tickUpper: tick24(range.upper),
            amount0Desired: U256::from(usd_units),
            amount1Desired: U256::from(tkn_units),
            amount0Min: U256::ZERO,
            amount1Min: U256::ZERO,
            recipient,
            deadline: U256::MAX,
        };
        Transaction::new("a mint", from, self.manager, &abi::Manager::mintCall { params })
    }

    /// Adds to an NFT's liquidity, one's own or a stranger's, with at most these amounts.
    pub fn increase(&self, from: Address, id: u64, usd_units: u128, tkn_units: u128) -> Transaction {
        let params = abi::Manager::IncreaseParams {
            tokenId: U256::from(id),
            amount0Desired: U256::from(usd_units),
            amount1Desired: U256::from(tkn_units),
            amount0Min: U256::ZERO,
            amount1Min: U256::ZERO,
            deadline: U256::MAX,
        };
        Transaction::new("an increase", from, self.manager, &abi::Manager::increaseLiquidityCall { params })
    }

    /// Takes liquidity of an NFT; the tokens wait in the manager.
    pub fn decrease(&self, from: Address, id: u64, liquidity: u128) -> Transaction {
        let params = abi::Manager::DecreaseParams {
            tokenId: U256::from(id),
            liquidity,
            amount0Min: U256::ZERO,
            amount1Min: U256::ZERO,
            deadline: U256::MAX,
        };
        Transaction::new("a decrease", from, self.manager, &abi::Manager::decreaseLiquidityCall { params })
    }

    /// Takes all that waits for an NFT, fees included.
    pub fn collect(&self, from: Address, id: u64) -> Transaction {
        let params = abi::Manager::CollectParams {
            tokenId: U256::from(id),
            recipient: from,
            amount0Max: u128::MAX,
            amount1Max: u128::MAX,
        };
        Transaction::new("a collect", from, self.manager, &abi::Manager::collectCall { params })
    }

    /// Burns an NFT that is empty and collected.
    pub fn burn_nft(&self, from: Address, id: u64) -> Transaction {
        let call = abi::Manager::burnCall { tokenId: U256::from(id) };
        Transaction::new("an NFT's burn", from, self.manager, &call)
    }

    /// Hands an NFT over.
    pub fn transfer_nft(&self, from: Address, to: Address, id: u64) -> Transaction {
        let call = abi::Manager::transferFromCall { from, to, tokenId: U256::from(id) };
        Transaction::new("an NFT's transfer", from, self.manager, &call)
    }

    /// Several acts through the manager in one transaction.
    pub fn multicall(&self, from: Address, acts: &[Transaction]) -> Transaction {
        assert!(acts.iter().all(|act| act.to == self.manager), "the manager can only call itself");
        let call = abi::Manager::multicallCall { data: acts.iter().map(|act| act.data.clone()).collect() };
        Transaction::new("a multicall", from, self.manager, &call)
    }
}

/// Acts straight in a pool.
impl Stage {
    /// Swaps; the helper contract pays and the sender receives.
    pub fn swap(&self, pool: &Pool, from: Address, swap: Swap) -> Transaction {
        let call = abi::Swapper::swapCall {
            pool: pool.address,
            to: from,
            zeroForOne: swap.zero_for_one,
            amount: swap.amount,
            priceLimit: price_limit(swap.limit),
        };
        Transaction::new("a swap", from, self.swapper, &call)
    }

    /// Adds liquidity without an NFT, for any owner: [`Stage::holder`] itself, a person, the manager.
    pub fn pool_mint(
        &self,
        pool: &Pool,
        from: Address,
        owner: Address,
        range: TickRange,
        liquidity: u128,
    ) -> Transaction {
        let (lower, upper) = (tick24(range.lower), tick24(range.upper));
        let call = abi::Holder::mintCall { pool: pool.address, owner, lower, upper, liquidity };
        Transaction::new("a mint without NFT", from, self.holder, &call)
    }

    /// Takes liquidity of [`Stage::holder`]; none is a poke of its fees.
    pub fn pool_burn(&self, pool: &Pool, from: Address, range: TickRange, liquidity: u128) -> Transaction {
        let (lower, upper) = (tick24(range.lower), tick24(range.upper));
        let call = abi::Holder::burnCall { pool: pool.address, lower, upper, liquidity };
        Transaction::new("a burn without NFT", from, self.holder, &call)
    }

    /// Takes all that waits for [`Stage::holder`].
    pub fn pool_collect(&self, pool: &Pool, from: Address, range: TickRange) -> Transaction {
        let (lower, upper) = (tick24(range.lower), tick24(range.upper));
        let call = abi::Holder::collectCall { pool: pool.address, lower, upper };
        Transaction::new("a collect without NFT", from, self.holder, &call)
    }

    /// Liquidity of [`Stage::holder`] that comes and goes within the transaction.
    pub fn pass_through(&self, pool: &Pool, from: Address, range: TickRange, liquidity: u128) -> Transaction {
        let (lower, upper) = (tick24(range.lower), tick24(range.upper));
        let call = abi::Holder::passThroughCall { pool: pool.address, lower, upper, liquidity };
        Transaction::new("liquidity for one transaction", from, self.holder, &call)
    }

    /// Borrows both tokens for a moment, and pays `tip_units` of each above the fee.
    pub fn flash(
        &self,
        pool: &Pool,
        from: Address,
        usd_units: u128,
        tkn_units: u128,
        tip_units: u128,
    ) -> Transaction {
        let call = abi::Flasher::flashCall {
            pool: pool.address,
            amount0: U256::from(usd_units),
            amount1: U256::from(tkn_units),
            tip0: U256::from(tip_units),
            tip1: U256::from(tip_units),
        };
        Transaction::new("a flash", from, self.flasher, &call)
    }

    /// Sets the protocol's part of the fees: one in 4 to 10, or none (0).
    pub fn set_fee_protocol(&self, pool: &Pool, one_in0: u8, one_in1: u8) -> Transaction {
        let call = abi::Pool::setFeeProtocolCall { feeProtocol0: one_in0, feeProtocol1: one_in1 };
        Transaction::new("a change of the protocol fee", self.deployer, pool.address, &call)
    }

    /// Takes the protocol's part.
    pub fn collect_protocol(&self, pool: &Pool) -> Transaction {
        let call = abi::Pool::collectProtocolCall {
            recipient: self.deployer,
            amount0Requested: u128::MAX,
            amount1Requested: u128::MAX,
        };
        Transaction::new("a collect of protocol fees", self.deployer, pool.address, &call)
    }

    /// Makes room for more of the pool's own price history.
    pub fn grow_observations(&self, pool: &Pool, from: Address, to: u16) -> Transaction {
        let call = abi::Pool::increaseObservationCardinalityNextCall { observationCardinalityNext: to };
        Transaction::new("a longer price history", from, pool.address, &call)
    }

    /// Sends tokens from one person to another, which concerns no pool.
    pub fn send_tokens(&self, token: Address, from: Address, to: Address, units: u128) -> Transaction {
        let call = abi::Token::transferCall { to, value: U256::from(units) };
        Transaction::new("a transfer of tokens", from, token, &call)
    }
}

fn price_limit(limit: Tick) -> U160 {
    let within = Tick(limit.0.clamp(-TICK_LIMIT, TICK_LIMIT));
    ratio(within).expect("every tick within the bounds has a price")
}

fn signed(units: u128) -> I256 {
    I256::try_from(units).expect("128 bits fit 256 with a sign")
}
