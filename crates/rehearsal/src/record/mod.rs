//! From the node to a recording, with every header held against its hash.

mod questions;
mod sanity;

use std::collections::HashSet;

use accrual_recording::{Answer, Block, Call, Code, Header, Log, Meta, Recording, Transaction};
use alloy::primitives::{Address, B64, Bloom, Bytes, U256};
use alloy::rpc::types::TransactionReceipt;
use serde_json::{Value, json};

use crate::anvil::Anvil;
use crate::error::RehearsalError;
use crate::npm::Npm;
use crate::script::Played;
use crate::stage::{Pool, Stage, WeightedPool};
use questions::Question;

const REHEARSAL: &str = "A rehearsal, not Base: made-up tokens, people and prices on a local chain with Uniswap's and \
    Balancer's real contracts, and our own in place of Aerodrome's. Its quiet hours are compressed: the next block comes minutes or hours later.";

/// What to write down of a chain.
#[derive(Debug, Clone)]
pub struct Described {
    /// The seed of the story.
    pub seed: u64,
    /// A few words.
    pub title: String,
    /// The rehearsal's part of an accrual configuration.
    pub config_toml: String,
    /// The pools whose state is asked for.
    pub pools: Vec<Pool>,
    /// The contracts of pools of other venues, and the weighted one among them.
    pub beside: Option<(Vec<Address>, WeightedPool)>,
    /// The heights, beside the head, at which the pools' state is asked for; the node knows it for the newest 800.
    pub state_blocks: Vec<u64>,
}

impl Described {
    /// The whole story.
    pub fn rehearsal(played: &Played, seed: u64) -> Self {
        Self {
            seed,
            title: "Two weeks of campaigns on three venues".to_owned(),
            config_toml: played.config_toml.clone(),
            pools: played.pools.to_vec(),
            beside: Some((played.beside.clone(), played.weighted.clone())),
            state_blocks: vec![played.campaign_last_block],
        }
    }
}

/// Writes down every block of the stage's node, answers of its contracts, and their code.
///
/// # Errors
/// When the node does not answer, or what it says contradicts itself.
pub async fn record(stage: &Stage, npm: &Npm, described: Described) -> Result<Recording, RehearsalError> {
    let anvil = stage.anvil.as_ref();
    let blocks = record_blocks(anvil).await?;
    let head = blocks.last().map_or(0, |block| block.header.number);
    sanity::check(stage, &described.pools, &blocks).await?;

    let mut calls = Vec::new();
    for question in questions::lasting(stage, &described.pools) {
        calls.push(ask(anvil, question, head, None).await?);
    }
    let beside = described.beside.as_ref();
    for question in beside.map(|(contracts, pool)| questions::beside(contracts, pool)).unwrap_or_default() {
        // What reverts is no view of that contract, and an answer of nothing is none.
        let call = ask(anvil, question, head, None).await?;
        if matches!(&call.answer, Answer::Returned(returned) if !returned.is_empty()) {
            calls.push(call);
        }
    }
    for at_block in described.state_blocks.iter().copied().chain([head]) {
        for question in questions::of_state(stage, &described.pools, &blocks, at_block) {
            calls.push(ask(anvil, question, at_block, Some(at_block)).await?);
        }
    }
    let mut contracts = questions::contracts(stage, &described.pools);
    contracts.extend(described.beside.iter().flat_map(|(contracts, _)| contracts));
    let chain_id: U256 = anvil.ask("eth_chainId", json!([])).await?;
    Ok(Recording {
        meta: Meta {
            chain_id: chain_id.saturating_to(),
            seed: described.seed,
            title: described.title,
            rehearsal: Some(REHEARSAL.to_owned()),
            config_toml: described.config_toml,
            tools: npm.tools()?,
        },
        codes: record_codes(anvil, contracts).await?,
        blocks,
        calls,
    })
}

async fn record_blocks(anvil: &Anvil) -> Result<Vec<Block>, RehearsalError> {
    let head = anvil.block_number().await?;
    let mut blocks = Vec::new();
    let mut hashes = HashSet::new();
    // The node numbers its first block as it was told, so the way back ends where there is no parent.
    let mut number = head;
    loop {
        let Some(block) = record_block(anvil, number).await? else { break };
        if let Some(twice) = block.transactions.iter().find(|transaction| !hashes.insert(transaction.hash)) {
            return Err(RehearsalError::Insane {
                reason: format!("{} is the hash of two transactions", twice.hash),
            });
        }
        blocks.push(block);
        number -= 1;
    }
    blocks.reverse();
    Ok(blocks)
}

/// `None` before the chain's first block.
async fn record_block(anvil: &Anvil, number: u64) -> Result<Option<Block>, RehearsalError> {
    let tag = U256::from(number);
    let answer: Value = anvil.ask("eth_getBlockByNumber", json!([tag, false])).await?;
    if answer.is_null() {
        return Ok(None);
    }
    let header: alloy::rpc::types::Header = parse("eth_getBlockByNumber", answer)?;
    let receipts: Vec<TransactionReceipt> = anvil.ask("eth_getBlockReceipts", json!([tag])).await?;
    let block = Block {
        header: header_of(&header)?,
        transactions: receipts.iter().map(transaction_of).collect::<Result<_, _>>()?,
    };
    check_block(&header, &receipts, &block)?;
    Ok(Some(block))
}

/// What the recording leaves out must follow from what it keeps.
fn check_block(
    header: &alloy::rpc::types::Header,
    receipts: &[TransactionReceipt],
    block: &Block,
) -> Result<(), RehearsalError> {
    let mut bloom = Bloom::ZERO;
    let logs = block.transactions.iter().flat_map(|transaction| &transaction.logs);
    logs.for_each(|log| bloom.accrue_raw_log(log.address, &log.topics));
    let indices = receipts.iter().flat_map(TransactionReceipt::logs).map(|log| log.log_index);
    let checks = [
        ("its hash is not that of its fields", header.inner.hash_slow() == header.hash),
        ("its bloom is not that of its logs", bloom == header.logs_bloom),
        (
            "its logs are not numbered in order",
            indices.enumerate().all(|(at, index)| index == u64::try_from(at).ok()),
        ),
        (
            "its gas is not that of its transactions",
            block.transactions.iter().map(|transaction| transaction.gas_used).sum::<u64>() == header.gas_used,
        ),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        Some((wrong, _)) => {
            Err(RehearsalError::Insane { reason: format!("block {}: {wrong}", header.number) })
        }
        None => Ok(()),
    }
}

fn header_of(header: &alloy::rpc::types::Header) -> Result<Header, RehearsalError> {
    Ok(Header {
        hash: header.hash,
        parent_hash: header.parent_hash,
        ommers_hash: header.ommers_hash,
        beneficiary: header.beneficiary,
        state_root: header.state_root,
        transactions_root: header.transactions_root,
        receipts_root: header.receipts_root,
        difficulty: header.difficulty,
        number: header.number,
        gas_limit: header.gas_limit,
        gas_used: header.gas_used,
        timestamp: header.timestamp,
        extra_data: header.extra_data.clone(),
        mix_hash: header.mix_hash,
        nonce: B64::from(header.nonce),
        base_fee_per_gas: header.base_fee_per_gas,
        withdrawals_root: header.withdrawals_root,
        blob_gas_used: header.blob_gas_used,
        excess_blob_gas: header.excess_blob_gas,
        parent_beacon_block_root: header.parent_beacon_block_root,
        requests_hash: header.requests_hash,
    })
}

fn transaction_of(receipt: &TransactionReceipt) -> Result<Transaction, RehearsalError> {
    let price = u64::try_from(receipt.effective_gas_price).map_err(|_| RehearsalError::Insane {
        reason: format!("{} paid an impossible price of gas", receipt.transaction_hash),
    })?;
    let log_of = |log: &alloy::rpc::types::Log| Log {
        address: log.address(),
        topics: log.topics().to_vec(),
        data: log.inner.data.data.clone(),
    };
    Ok(Transaction {
        hash: receipt.transaction_hash,
        kind: receipt.transaction_type().into(),
        succeeded: receipt.status(),
        from: receipt.from,
        to: receipt.to,
        contract_address: receipt.contract_address,
        gas_used: receipt.gas_used,
        effective_gas_price: price,
        logs: receipt.logs().iter().map(log_of).collect(),
    })
}

async fn ask(
    anvil: &Anvil,
    question: Question,
    height: u64,
    at_block: Option<u64>,
) -> Result<Call, RehearsalError> {
    let Question { to, data } = question;
    let params = json!([{ "to": to, "data": data }, U256::from(height)]);
    let answer = match anvil.ask("eth_call", params).await {
        Ok(returned) => Answer::Returned(returned),
        Err(RehearsalError::Refused { data: Some(reason), .. }) => Answer::Reverted(reason),
        Err(other) => return Err(other),
    };
    Ok(Call { to, data, at_block, answer })
}

async fn record_codes(anvil: &Anvil, contracts: Vec<Address>) -> Result<Vec<Code>, RehearsalError> {
    let mut codes = Vec::new();
    for address in contracts {
        let code: Bytes = anvil.ask("eth_getCode", json!([address, "latest"])).await?;
        if code.is_empty() {
            return Err(RehearsalError::Insane { reason: format!("{address} has no code") });
        }
        codes.push(Code { address, code });
    }
    Ok(codes)
}

fn parse<T: serde::de::DeserializeOwned>(method: &str, answer: Value) -> Result<T, RehearsalError> {
    serde_json::from_value(answer)
        .map_err(|error| RehearsalError::Answer { method: method.to_owned(), reason: error.to_string() })
}
