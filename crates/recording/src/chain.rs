//! Where each block, transaction, log and answer of a recording is. Made once, before serving.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use alloy_primitives::{Address, B256};

use crate::model::{Answer, Block, Log, Recording, Transaction};

/// A log's place in the chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogPlace {
    pub(crate) block: usize,
    pub(crate) transaction: usize,
    /// Among the logs of its transaction.
    pub(crate) in_transaction: usize,
    /// Among the logs of its block: what JSON-RPC calls the log's index.
    pub(crate) in_block: usize,
}

/// A recording and the way to anything in it. Blocks, and transactions within one, go by position.
#[derive(Debug)]
pub(crate) struct Chain {
    recording: Arc<Recording>,
    block_by_hash: HashMap<B256, usize>,
    transaction_by_hash: HashMap<B256, (usize, usize)>,
    /// All logs in the chain's order; a log's id is its position here.
    logs: Vec<LogPlace>,
    /// For each block, the id of its first log; and one more, for the end.
    first_log: Vec<usize>,
    by_address: HashMap<Address, Vec<usize>>,
    by_topic0: HashMap<B256, Vec<usize>>,
    /// By contract and calldata: positions in the recording's calls.
    calls: HashMap<Address, HashMap<Vec<u8>, Vec<usize>>>,
}

impl Chain {
    pub(crate) fn new(recording: Arc<Recording>) -> Self {
        let mut chain = Self {
            recording: Arc::clone(&recording),
            block_by_hash: HashMap::new(),
            transaction_by_hash: HashMap::new(),
            logs: Vec::new(),
            first_log: Vec::new(),
            by_address: HashMap::new(),
            by_topic0: HashMap::new(),
            calls: HashMap::new(),
        };
        for (block, content) in recording.blocks.iter().enumerate() {
            chain.add_block(block, content);
        }
        chain.first_log.push(chain.logs.len());
        for (position, call) in recording.calls.iter().enumerate() {
            let answers = chain.calls.entry(call.to).or_default();
            answers.entry(call.data.to_vec()).or_default().push(position);
        }
        chain
    }

    fn add_block(&mut self, block: usize, content: &Block) {
        self.block_by_hash.insert(content.header.hash, block);
        self.first_log.push(self.logs.len());
        let mut in_block = 0;
        for (transaction, receipt) in content.transactions.iter().enumerate() {
            self.transaction_by_hash.insert(receipt.hash, (block, transaction));
            for (in_transaction, log) in receipt.logs.iter().enumerate() {
                self.add_log(LogPlace { block, transaction, in_transaction, in_block }, log);
                in_block += 1;
            }
        }
    }

    fn add_log(&mut self, place: LogPlace, log: &Log) {
        let id = self.logs.len();
        self.logs.push(place);
        self.by_address.entry(log.address).or_default().push(id);
        if let Some(topic0) = log.topics.first() {
            self.by_topic0.entry(*topic0).or_default().push(id);
        }
    }

    pub(crate) fn recording(&self) -> &Recording {
        &self.recording
    }

    pub(crate) fn block(&self, block: usize) -> &Block {
        &self.recording.blocks[block]
    }

    pub(crate) fn first_number(&self) -> u64 {
        self.block(0).header.number
    }

    /// The position of the block of this height, shown or not.
    pub(crate) fn position(&self, number: u64) -> Option<usize> {
        let position = usize::try_from(number.checked_sub(self.first_number())?).ok()?;
        (position < self.recording.blocks.len()).then_some(position)
    }

    pub(crate) fn position_by_hash(&self, hash: B256) -> Option<usize> {
        self.block_by_hash.get(&hash).copied()
    }

    /// The positions of a transaction's block, and of the transaction in it.
    pub(crate) fn transaction_position(&self, hash: B256) -> Option<(usize, usize)> {
        self.transaction_by_hash.get(&hash).copied()
    }

    pub(crate) fn transaction(&self, place: LogPlace) -> &Transaction {
        &self.block(place.block).transactions[place.transaction]
    }

    pub(crate) fn place(&self, log_id: usize) -> LogPlace {
        self.logs[log_id]
    }

    pub(crate) fn log(&self, place: LogPlace) -> &Log {
        &self.transaction(place).logs[place.in_transaction]
    }

    /// The ids of the logs of these blocks.
    pub(crate) fn log_ids(&self, blocks: &RangeInclusive<usize>) -> std::ops::Range<usize> {
        self.first_log[*blocks.start()]..self.first_log[*blocks.end() + 1]
    }

    /// The ids of all logs that a contract wrote, ascending.
    pub(crate) fn logs_of(&self, address: &Address) -> &[usize] {
        self.by_address.get(address).map_or(&[], Vec::as_slice)
    }

    /// The ids of all logs with this first topic, ascending.
    pub(crate) fn logs_with_topic0(&self, topic0: &B256) -> &[usize] {
        self.by_topic0.get(topic0).map_or(&[], Vec::as_slice)
    }

    /// What a contract answered at a block: the answer recorded there, or one that never changes.
    pub(crate) fn answer(&self, to: Address, data: &[u8], block_number: u64) -> Option<&Answer> {
        let positions = self.calls.get(&to)?.get(data)?;
        let calls = || positions.iter().map(|position| &self.recording.calls[*position]);
        let at = |at_block| calls().find(|call| call.at_block == at_block);
        at(Some(block_number)).or_else(|| at(None)).map(|call| &call.answer)
    }

    /// The heights at which such a call was recorded.
    pub(crate) fn answered_at(&self, to: Address, data: &[u8]) -> Vec<u64> {
        let positions = self.calls.get(&to).and_then(|answers| answers.get(data));
        let calls = positions.into_iter().flatten().map(|position| &self.recording.calls[*position]);
        calls.filter_map(|call| call.at_block).collect()
    }
}
