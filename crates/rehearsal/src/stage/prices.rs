//! Price feeds as Chainlink's are: a proxy that says nothing, and aggregators that emit.

use alloy::primitives::{Address, I256};

use super::{Stage, Transaction};
use crate::contracts::abi;
use crate::error::RehearsalError;

/// A feed with the aggregator that answers now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceFeed {
    /// Whom people ask.
    pub proxy: Address,
    /// Who emits.
    pub aggregator: Address,
}

impl Stage {
    /// Deploys a feed without an answer yet.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_feed(&mut self, description: &str, decimals: u8) -> Result<PriceFeed, RehearsalError> {
        let aggregator = self.open_aggregator(decimals).await?;
        let arguments =
            abi::Feed::constructorArgumentsCall { description: description.to_owned(), first: aggregator };
        Ok(PriceFeed { proxy: self.deploy_own("Feed", &arguments).await?, aggregator })
    }

    /// Deploys an aggregator that no feed follows yet.
    ///
    /// # Errors
    /// When the node refuses.
    pub async fn open_aggregator(&mut self, decimals: u8) -> Result<Address, RehearsalError> {
        self.deploy_own("Aggregator", &abi::Aggregator::constructorArgumentsCall { decimals }).await
    }

    /// A feed's new answer, in its own decimals.
    pub fn answer(&self, feed: PriceFeed, answer: i64) -> Transaction {
        let call = abi::Aggregator::reportCall { answer: I256::try_from(answer).expect("64 bits fit 256") };
        Transaction::new("a feed's answer", self.deployer, feed.aggregator, &call)
    }
}
