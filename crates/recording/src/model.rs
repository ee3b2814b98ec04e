//! What a recording is made of. Only what cannot be recomputed is kept: blooms, log indices and
//! cumulative gas follow from the rest, and the node works them out when asked.

use alloy_primitives::{Address, B64, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

/// A stretch of a chain without gaps, and what its contracts answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// What this is, for people and for the demo.
    pub meta: Meta,
    /// At least one, each the child of the one before.
    pub blocks: Vec<Block>,
    /// Recorded answers to `eth_call`.
    pub calls: Vec<Call>,
    /// Code of contracts, as it is at the last block.
    pub codes: Vec<Code>,
}

/// What a recording is, for people and for the demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The chain's id, as `eth_chainId` answers it.
    pub chain_id: u64,
    /// The seed that the story was made from.
    pub seed: u64,
    /// A few words.
    pub title: String,
    /// A sentence that says this is no real chain; `None` for a stretch of a real one.
    pub rehearsal: Option<String>,
    /// The `[[tokens]]`, `[[pools]]`, `[[campaigns]]` and `[[prices]]` of a configuration that follows this.
    pub config_toml: String,
    /// Names and versions of the tools it was made with.
    pub tools: Vec<String>,
}

/// One block: its header and, for each transaction, the receipt with every log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The header as the node gave it.
    pub header: Header,
    /// In the block's order.
    pub transactions: Vec<Transaction>,
}

/// Every field of a header but the bloom, which follows from the logs: enough to recompute the hash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the yellow paper's names")]
pub struct Header {
    pub hash: B256,
    pub parent_hash: B256,
    pub ommers_hash: B256,
    pub beneficiary: Address,
    pub state_root: B256,
    pub transactions_root: B256,
    pub receipts_root: B256,
    pub difficulty: U256,
    pub number: u64,
    pub gas_limit: u64,
    pub gas_used: u64,
    /// Unix seconds.
    pub timestamp: u64,
    pub extra_data: Bytes,
    pub mix_hash: B256,
    pub nonce: B64,
    pub base_fee_per_gas: Option<u64>,
    pub withdrawals_root: Option<B256>,
    pub blob_gas_used: Option<u64>,
    pub excess_blob_gas: Option<u64>,
    pub parent_beacon_block_root: Option<B256>,
    pub requests_hash: Option<B256>,
}

/// A transaction as its receipt tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The transaction's hash.
    pub hash: B256,
    /// The envelope's type: 2 for a transaction with a dynamic fee.
    pub kind: u8,
    /// Whether it went through; a reverted one has no logs.
    pub succeeded: bool,
    /// The sender.
    pub from: Address,
    /// The receiver; `None` for a creation.
    pub to: Option<Address>,
    /// What a creation made.
    pub contract_address: Option<Address>,
    /// Gas used by this transaction alone.
    pub gas_used: u64,
    /// Price paid for a unit of gas, in wei.
    pub effective_gas_price: u64,
    /// In the order they were written.
    pub logs: Vec<Log>,
}

/// A log: who wrote it and what it says. Where it stands follows from where it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The contract that wrote it.
    pub address: Address,
    /// At most four.
    pub topics: Vec<B256>,
    /// The rest of the event, ABI-encoded.
    pub data: Bytes,
}

/// A recorded answer to `eth_call`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The contract asked.
    pub to: Address,
    /// The calldata.
    pub data: Bytes,
    /// The block whose state was asked; `None` when the answer is the same at every block.
    pub at_block: Option<u64>,
    /// What it said.
    pub answer: Answer,
}

/// What a contract says to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The returned bytes.
    Returned(Bytes),
    /// A refusal, with its reason as bytes.
    Reverted(Bytes),
}

/// A contract's code, as it is at the last block; the node gives it for every block it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Where it is.
    pub address: Address,
    /// The deployed bytes.
    pub code: Bytes,
}
