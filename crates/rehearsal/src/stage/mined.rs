//! A block that was made, and what it says.

use alloy::primitives::Address;
use alloy::rpc::types::TransactionReceipt;
use alloy::sol_types::SolEvent;

use super::Stage;
use crate::contracts::abi;

/// A block that was made.
#[derive(Debug, Clone)]
pub struct Mined {
    /// Its height.
    pub number: u64,
    /// Its time in Unix seconds.
    pub unix: u64,
    /// One for each act, in order.
    pub receipts: Vec<TransactionReceipt>,
}

impl Mined {
    /// The events of one kind that a contract wrote, in order.
    pub fn events<E: SolEvent>(&self, contract: Address) -> Vec<E> {
        let logs = self.receipts.iter().flat_map(TransactionReceipt::logs);
        let written = logs.filter(|log| log.address() == contract);
        written.filter_map(|log| E::decode_log(&log.inner).ok().map(|event| event.data)).collect()
    }

    /// The NFTs that were minted, in order.
    pub fn minted_ids(&self, stage: &Stage) -> Vec<u64> {
        let transfers = self.events::<abi::Manager::Transfer>(stage.manager);
        let mints = transfers.into_iter().filter(|transfer| transfer.from.is_zero());
        mints.map(|mint| mint.tokenId.saturating_to()).collect()
    }
}
