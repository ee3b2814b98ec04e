//! A gauge for NFTs and a vault with a position of its own, around Uniswap's pools: contracts of our own.
//!
//! Slipstream's compiled contracts are in no package. Uniswap's pool and manager emit the same logs, so they stand in
//! for them; what is missing is that a stake moves the pool's position to the gauge, which has no event anyway.

use accrual_rewards::unit::TickRange;
use alloy::primitives::{Address, U256};

use super::{Pool, Stage, Transaction, tick24};
use crate::contracts::abi;
use crate::error::RehearsalError;

impl Stage {
    /// A gauge that takes the NFTs of a pool.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_nft_gauge(&mut self, pool: &Pool) -> Result<Address, RehearsalError> {
        let arguments = abi::NftGauge::constructorArgumentsCall { pool: pool.address, nft: self.manager };
        self.deploy_own("NftGauge", &arguments).await
    }

    /// A vault that holds one position straight in a pool, its purse filled.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_range_vault(
        &mut self,
        pool: &Pool,
        range: TickRange,
    ) -> Result<Address, RehearsalError> {
        let arguments = abi::RangeVault::constructorArgumentsCall {
            name: "Rehearsal range vault".to_owned(),
            symbol: "rRANGE".to_owned(),
            pool: pool.address,
            lower: tick24(range.lower),
            upper: tick24(range.upper),
        };
        let vault = self.deploy_own("RangeVault", &arguments).await?;
        self.play(&self.fill_purse(vault)).await?;
        Ok(vault)
    }

    /// Lets a gauge take somebody's NFTs.
    pub fn allow_gauge(&self, gauge: Address, of: Address) -> Transaction {
        let call = abi::NftGauge::setApprovalForAllCall { operator: gauge, approved: true };
        Transaction::new("an approval of NFTs", of, self.manager, &call)
    }

    /// Stakes an NFT.
    pub fn stake_nft(&self, gauge: Address, from: Address, id: u64) -> Transaction {
        let call = abi::NftGauge::depositCall { id: U256::from(id) };
        Transaction::new("an NFT's stake", from, gauge, &call)
    }

    /// Takes a staked NFT back.
    pub fn unstake_nft(&self, gauge: Address, from: Address, id: u64) -> Transaction {
        let call = abi::NftGauge::withdrawCall { id: U256::from(id) };
        Transaction::new("the end of an NFT's stake", from, gauge, &call)
    }

    /// Adds liquidity to a vault's position, for anybody; its purse pays.
    pub fn range_deposit(&self, vault: Address, from: Address, to: Address, liquidity: u128) -> Transaction {
        let call = abi::RangeVault::depositCall { added: liquidity, to };
        Transaction::new("a deposit in a range vault", from, vault, &call)
    }

    /// Takes one's part out of a vault's position.
    pub fn range_withdraw(&self, vault: Address, from: Address, shares: U256) -> Transaction {
        let call = abi::RangeVault::withdrawCall { shares, to: from };
        Transaction::new("a withdrawal from a range vault", from, vault, &call)
    }

    /// Moves a vault's position to another range.
    pub fn range_rebalance(&self, vault: Address, from: Address, range: TickRange) -> Transaction {
        let (lower, upper) = (tick24(range.lower), tick24(range.upper));
        let call = abi::RangeVault::rebalanceCall { lower, upper };
        Transaction::new("a range vault's move", from, vault, &call)
    }
}
