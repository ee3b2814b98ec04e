//! Balancer's real Vault with weighted pools, from Balancer's published contracts; the gauge is ours.

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolValue;

use super::{Stage, Transaction, insane, with_arguments};
use crate::contracts::abi;
use crate::error::RehearsalError;

const PAUSE_WINDOW_SECONDS: u64 = 7_776_000;
const BUFFER_SECONDS: u64 = 2_592_000;
const HALF_E18: u64 = 500_000_000_000_000_000;
/// Of what comes in, in parts of 10^18: 1 %.
const SWAP_FEE_E18: u64 = 10_000_000_000_000_000;

/// Balancer's contracts that pools need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balancer {
    /// Holds all pools' tokens.
    pub vault: Address,
    /// Makes weighted pools.
    pub factory: Address,
}

/// A weighted pool of two tokens with its gauge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightedPool {
    /// The pool, which is the token of its shares too.
    pub address: Address,
    /// Its id in the Vault.
    pub id: B256,
    /// The Vault.
    pub vault: Address,
    /// The lower address first.
    pub tokens: [Address; 2],
    /// Takes shares and gives a token for them.
    pub gauge: Address,
    /// The block that it was created in.
    pub created_block: u64,
}

impl Stage {
    /// Deploys Balancer's Authorizer, Vault, fee provider and factory of weighted pools.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_balancer(&mut self) -> Result<Balancer, RehearsalError> {
        let creation = self.creation.clone();
        let [authorizer, vault, provider, factory] = &creation.balancer;
        let admin = abi::Authorizer::constructorArgumentsCall { admin: self.deployer };
        let authorizer = self.deploy_one(&with_arguments(authorizer, &admin)).await?;
        let arguments = abi::Vault::constructorArgumentsCall {
            authorizer,
            weth: super::NO_WETH,
            pauseWindowDuration: U256::from(PAUSE_WINDOW_SECONDS),
            bufferPeriodDuration: U256::from(BUFFER_SECONDS),
        };
        let vault = self.deploy_one(&with_arguments(vault, &arguments)).await?;
        let half = U256::from(HALF_E18);
        let arguments =
            abi::FeeProvider::constructorArgumentsCall { vault, maxYieldValue: half, maxAUMValue: half };
        let provider = self.deploy_one(&with_arguments(provider, &arguments)).await?;
        let (factory_version, pool_version) = ("{}".to_owned(), "{}".to_owned());
        let arguments = abi::WeightedFactory::constructorArgumentsCall {
            vault,
            provider,
            factoryVersion: factory_version,
            poolVersion: pool_version,
        };
        let factory = self.deploy_one(&with_arguments(factory, &arguments)).await?;
        Ok(Balancer { vault, factory })
    }

    /// Creates a weighted pool; each token comes with its part in percent.
    ///
    /// # Errors
    /// When the factory refuses.
    pub async fn open_weighted_pool(
        &mut self,
        balancer: Balancer,
        mut parts: [(Address, u64); 2],
    ) -> Result<WeightedPool, RehearsalError> {
        parts.sort_by_key(|(token, _)| *token);
        let tokens = parts.map(|(token, _)| token);
        let percent = U256::from(SWAP_FEE_E18);
        let create = abi::WeightedFactory::createCall {
            name: "Rehearsal weighted pool".to_owned(),
            symbol: "rBPT".to_owned(),
            tokens: tokens.to_vec(),
            weights: parts.iter().map(|(_, part)| percent * U256::from(*part)).collect(),
            rateProviders: vec![Address::ZERO; 2],
            swapFeePercentage: percent,
            owner: self.deployer,
        };
        let act = Transaction::new("a weighted pool's creation", self.deployer, balancer.factory, &create);
        let created = self.play(&[act]).await?;
        let events = created.events::<abi::Vault::PoolRegistered>(balancer.vault);
        let event = events.first().ok_or_else(|| insane("a weighted pool is not registered".to_owned()))?;
        let gauge = abi::ChildGauge::constructorArgumentsCall {
            name: "Rehearsal gauge".to_owned(),
            symbol: "rGAUGE".to_owned(),
            token: event.poolAddress,
        };
        let gauge = self.deploy_own("ChildGauge", &gauge).await?;
        Ok(WeightedPool {
            address: event.poolAddress,
            id: event.poolId,
            vault: balancer.vault,
            tokens,
            gauge,
            created_block: created.number,
        })
    }

    /// What a person allows before dealing with a weighted pool.
    pub fn allow_weighted(&self, pool: &WeightedPool, person: Address) -> [Transaction; 3] {
        [(pool.tokens[0], pool.vault), (pool.tokens[1], pool.vault), (pool.address, pool.gauge)]
            .map(|(token, spender)| self.allow(token, person, spender))
    }

    /// The first join, which fixes the price.
    pub fn weighted_init(&self, pool: &WeightedPool, from: Address, units: [u128; 2]) -> Transaction {
        self.join(pool, from, (U256::ZERO, units.map(U256::from).to_vec()).abi_encode_params())
    }

    /// Joins with exactly so many of each token, in proportion or not.
    pub fn weighted_join(&self, pool: &WeightedPool, from: Address, units: [u128; 2]) -> Transaction {
        let amounts = units.map(U256::from).to_vec();
        self.join(pool, from, (U256::ONE, amounts, U256::ZERO).abi_encode_params())
    }

    /// Joins with one token for exactly so many shares.
    pub fn weighted_join_single(
        &self,
        pool: &WeightedPool,
        from: Address,
        token: u8,
        shares: U256,
    ) -> Transaction {
        self.join(pool, from, (U256::from(2), shares, U256::from(token)).abi_encode_params())
    }

    /// Joins in proportion for exactly so many shares.
    pub fn weighted_join_all(&self, pool: &WeightedPool, from: Address, shares: U256) -> Transaction {
        self.join(pool, from, (U256::from(3), shares).abi_encode_params())
    }

    /// Leaves with exactly so many shares, for both tokens in proportion.
    pub fn weighted_exit(&self, pool: &WeightedPool, from: Address, shares: U256) -> Transaction {
        self.exit(pool, from, (U256::ONE, shares).abi_encode_params())
    }

    /// Leaves with exactly so many shares, for one token.
    pub fn weighted_exit_single(
        &self,
        pool: &WeightedPool,
        from: Address,
        token: u8,
        shares: U256,
    ) -> Transaction {
        self.exit(pool, from, (U256::ZERO, shares, U256::from(token)).abi_encode_params())
    }

    /// Trades: as positive units, exactly so many of the token in; as `given_out`, exactly so many of the other out.
    pub fn weighted_swap(
        &self,
        pool: &WeightedPool,
        from: Address,
        zero_for_one: bool,
        given_out: bool,
        units: u128,
    ) -> Transaction {
        let [token0, token1] = pool.tokens;
        let (asset_in, asset_out) = if zero_for_one { (token0, token1) } else { (token1, token0) };
        let call = abi::Vault::swapCall {
            singleSwap: abi::Vault::SingleSwap {
                poolId: pool.id,
                kind: u8::from(given_out),
                assetIn: asset_in,
                assetOut: asset_out,
                amount: U256::from(units),
                userData: Bytes::new(),
            },
            funds: abi::Vault::Funds {
                sender: from,
                fromInternalBalance: false,
                recipient: from,
                toInternalBalance: false,
            },
            limit: if given_out { U256::MAX } else { U256::ZERO },
            deadline: U256::MAX,
        };
        Transaction::new("a swap in the Vault", from, pool.vault, &call)
    }

    /// Sets the swap fee, in parts of 10^18.
    pub fn weighted_fee(&self, pool: &WeightedPool, fraction_e18: u64) -> Transaction {
        let call = abi::Weighted::setSwapFeePercentageCall { swapFeePercentage: U256::from(fraction_e18) };
        Transaction::new("a change of the swap fee", self.deployer, pool.address, &call)
    }

    fn join(&self, pool: &WeightedPool, from: Address, how: Vec<u8>) -> Transaction {
        let request = request(pool, U256::MAX, how);
        let call = abi::Vault::joinPoolCall { poolId: pool.id, sender: from, recipient: from, request };
        Transaction::new("a join", from, pool.vault, &call)
    }

    fn exit(&self, pool: &WeightedPool, from: Address, how: Vec<u8>) -> Transaction {
        let request = request(pool, U256::ZERO, how);
        let call = abi::Vault::exitPoolCall { poolId: pool.id, sender: from, recipient: from, request };
        Transaction::new("an exit", from, pool.vault, &call)
    }
}

/// At most so many in of each token, or at least so many out.
fn request(pool: &WeightedPool, limit: U256, how: Vec<u8>) -> abi::Vault::Request {
    abi::Vault::Request {
        assets: pool.tokens.to_vec(),
        limits: vec![limit; 2],
        userData: how.into(),
        internalBalance: false,
    }
}
