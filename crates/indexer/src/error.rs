//! What can stop the indexer, as sentences.

use accrual_rewards::id::PoolId;
use accrual_rewards::ledger::LedgerError;
use accrual_rewards::unit::BlockNumber;
use accrual_store::StoreError;
use alloy::primitives::{Address, B256};

use crate::decode::DecodeError;
use crate::source::SourceError;

/// Why indexing stopped. What was committed before stays and is whole.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum IndexError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Rebuild(#[from] accrual_store::rebuild::RebuildError),
    #[error(
        "the node is on chain {found}, the configuration says chain.id = {expected}: use a node of chain {expected} in chain.rpc_urls, or mend chain.id"
    )]
    WrongChain { expected: u64, found: u64 },
    #[error(
        "the node is behind: its newest block is {head}, but block {stored} is stored already; wait for it to catch up or use another node in chain.rpc_urls"
    )]
    NodeBehind { head: BlockNumber, stored: BlockNumber },
    #[error(
        "pool {pool}: {address} is no {venue} pool on this chain ({what}); mend pools.address or pools.venue"
    )]
    NotAPool { pool: PoolId, address: Address, venue: String, what: String },
    #[error(
        "pool {pool}: {address} says {what} is {found} now, and said {stored} when it was first asked: a node answers wrongly, or the contract is not what it was; ask another node (chain.rpc_urls)"
    )]
    FactsChanged { pool: PoolId, address: Address, what: &'static str, stored: String, found: String },
    #[error("pool {pool}: wrapper {wrapper} is no {kind} of it ({what}); mend pools.wrappers")]
    NotAWrapper { pool: PoolId, wrapper: Address, kind: &'static str, what: String },
    #[error(
        "pool {pool}: wrapper {wrapper} came into the configuration after blocks were stored, and what it did in them was not read; give the pool a new pools.id, so that it is read from its first block"
    )]
    WrapperAddedLate { pool: PoolId, wrapper: Address },
    #[error("pool {pool}: {feed} is no price feed on this chain ({what}); mend the feed's address")]
    NotAFeed { pool: PoolId, feed: Address, what: String },
    #[error(
        "{address} is no Distributor on this chain (it does not answer getMerkleRoot()); mend merkl.distributor"
    )]
    NotADistributor { address: Address },
    #[error(
        "no view answers at block {block}: the node keeps no state as old as that; ask for a newer block (--at), or use an archive node in chain.rpc_urls"
    )]
    NoState { block: BlockNumber },
    #[error(
        "block {number} is stored as {stored}, and the node has {found}: it is on another fork, or the chain changed just now; wait for `accrual index` to follow, or ask another node (chain.rpc_urls)"
    )]
    OtherBlock { number: BlockNumber, stored: B256, found: B256 },
    #[error(
        "block {number} changed below finality: stored {stored}, the node says {found}; ask another node (chain.rpc_urls); if it agrees, {repair}"
    )]
    FinalBlockChanged { number: BlockNumber, stored: String, found: String, repair: String },
    #[error(
        "what the nodes gave of block {block} cannot be shown to be whole: its header speaks of logs of ours that did not come, and its receipts, which would settle it, are not to be had ({reason}); add a node with eth_getBlockReceipts to chain.rpc_urls, or believe the nodes with chain.verify = \"off\""
    )]
    Incomplete { block: BlockNumber, reason: String },
    #[error(
        "there is no block at or below {asked} to go back to: the oldest that is stored is {oldest}; read the pools anew into another database (database.url)"
    )]
    NothingBelow { asked: BlockNumber, oldest: BlockNumber },
    #[error(
        "pool {pool} is held by a worker that began later and takes everything (`accrual check db` names it): nothing of it is read here while that one runs"
    )]
    PoolHeld { pool: PoolId },
    #[error("the chain changed while blocks {first} to {last} were being read")]
    Unsteady { first: BlockNumber, last: BlockNumber },
    #[error("the node knows no block {number}: it is behind, or the block does not exist yet")]
    MissingBlock { number: BlockNumber },
}
