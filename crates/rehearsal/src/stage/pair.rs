//! A pair as Aerodrome's basic pools are, with its gauge and a vault of its shares: contracts of our own.

use alloy::primitives::{Address, U256};

use super::{Stage, Transaction};
use crate::contracts::abi;
use crate::error::RehearsalError;

/// A volatile pool of two tokens, with who deals with it for people, its gauge, and a vault of its shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The pool, which is the token of its shares too.
    pub address: Address,
    /// The lower address first.
    pub tokens: [Address; 2],
    /// Adds, removes and swaps for anybody; its purse pays.
    pub dealer: Address,
    /// Takes shares and counts them by person.
    pub gauge: Address,
    /// Holds shares for the holders of its own token.
    pub vault: Address,
    /// The block that it was created in.
    pub created_block: u64,
}

impl Stage {
    /// Deploys a pair of two tokens with its gauge and vault; nobody has put anything in.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_pair(&mut self, one: Address, other: Address) -> Result<Pair, RehearsalError> {
        let tokens = [one.min(other), one.max(other)];
        let pair = abi::Pair::constructorArgumentsCall {
            name: "Rehearsal pair".to_owned(),
            symbol: "rPAIR".to_owned(),
            token0: tokens[0],
            token1: tokens[1],
        };
        let address = self.deploy_own("Pair", &pair).await?;
        let created_block = self.anvil.block_number().await?;
        let code = self.creation.own("PairDealer")?.clone();
        let dealer = self.deploy_one(&code).await?;
        let gauge = abi::Gauge::constructorArgumentsCall { stakingToken: address };
        let gauge = self.deploy_own("Gauge", &gauge).await?;
        let vault = self.open_vault(address).await?;
        self.play(&tokens.map(|token| self.purse(token, dealer))).await?;
        Ok(Pair { address, tokens, dealer, gauge, vault, created_block })
    }

    /// A vault that holds a token, such as a pool's shares, for the holders of its own.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_vault(&mut self, asset: Address) -> Result<Address, RehearsalError> {
        let (name, symbol) = ("Rehearsal vault".to_owned(), "rVAULT".to_owned());
        self.deploy_own("ShareVault", &abi::ShareVault::constructorArgumentsCall { name, symbol, asset })
            .await
    }

    /// What a person allows before dealing with a pair.
    pub fn allow_pair(&self, pair: &Pair, person: Address) -> [Transaction; 3] {
        [pair.dealer, pair.gauge, pair.vault].map(|spender| self.allow(pair.address, person, spender))
    }

    /// Adds to both reserves, for anybody.
    pub fn pair_add(&self, pair: &Pair, from: Address, to: Address, units: [u128; 2]) -> Transaction {
        let [amount0, amount1] = units.map(U256::from);
        let call = abi::PairDealer::addCall { pair: pair.address, amount0, amount1, to };
        Transaction::new("adding to a pair", from, pair.dealer, &call)
    }

    /// Burns one's shares.
    pub fn pair_remove(&self, pair: &Pair, from: Address, shares: U256) -> Transaction {
        let call = abi::PairDealer::removeCall { pair: pair.address, shares, to: from };
        Transaction::new("taking from a pair", from, pair.dealer, &call)
    }

    /// Trades exactly so many units of token 0 or 1 in.
    pub fn pair_swap(&self, pair: &Pair, from: Address, zero_for_one: bool, units: u128) -> Transaction {
        let call = abi::PairDealer::swapCall {
            pair: pair.address,
            zeroForOne: zero_for_one,
            amountIn: U256::from(units),
            to: from,
        };
        Transaction::new("a swap in a pair", from, pair.dealer, &call)
    }

    /// Takes what was sent to the pair without a trade as its own.
    pub fn pair_sync(&self, pair: &Pair, from: Address) -> Transaction {
        Transaction::new("a sync", from, pair.address, &abi::Pair::syncCall {})
    }

    /// Takes what was sent to the pair without a trade for oneself.
    pub fn pair_skim(&self, pair: &Pair, from: Address) -> Transaction {
        Transaction::new("a skim", from, pair.address, &abi::Pair::skimCall { to: from })
    }

    /// Stakes shares in a gauge, for oneself or somebody else; a pair's and a weighted pool's are called alike.
    pub fn stake(&self, gauge: Address, from: Address, to: Address, shares: U256) -> Transaction {
        let call = abi::Gauge::depositCall { amount: shares, to };
        Transaction::new("a stake", from, gauge, &call)
    }

    /// Takes shares out of a gauge.
    pub fn unstake(&self, gauge: Address, from: Address, shares: U256) -> Transaction {
        Transaction::new("the end of a stake", from, gauge, &abi::Gauge::withdrawCall { amount: shares })
    }

    /// Puts shares into a vault, for anybody.
    pub fn vault_deposit(&self, vault: Address, from: Address, to: Address, assets: U256) -> Transaction {
        let call = abi::ShareVault::depositCall { assets, to };
        Transaction::new("a deposit in a vault", from, vault, &call)
    }

    /// Takes one's part out of a vault.
    pub fn vault_withdraw(&self, vault: Address, from: Address, shares: U256) -> Transaction {
        let call = abi::ShareVault::withdrawCall { shares, to: from };
        Transaction::new("a withdrawal from a vault", from, vault, &call)
    }

    /// Sends any units of any token or shares to anybody.
    pub fn send_shares(&self, token: Address, from: Address, to: Address, value: U256) -> Transaction {
        Transaction::new("a transfer of shares", from, token, &abi::Token::transferCall { to, value })
    }
}
