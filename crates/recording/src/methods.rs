//! What the node answers, method by method, within limits as a real provider has them.

use std::ops::RangeInclusive;

use alloy_primitives::{B256, Bytes};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chain::Chain;
use crate::filter::LogFilter;
use crate::head::Heads;
use crate::model::Answer;
use crate::node::NodeOptions;
use crate::render::{self, quantity};
use crate::rpc::{self, Params, Refusal};

/// The chain as one request sees it.
pub(crate) struct View<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) options: &'a NodeOptions,
    pub(crate) heads: Heads,
}

impl View<'_> {
    pub(crate) fn answer(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        let params = Params::new(params)?;
        let chain_id = self.chain.recording().meta.chain_id;
        match method {
            "eth_chainId" => Ok(quantity(chain_id)),
            "net_version" => Ok(json!(chain_id.to_string())),
            "web3_clientVersion" => Ok(json!(concat!("accrual-recording/", env!("CARGO_PKG_VERSION")))),
            "eth_syncing" => Ok(json!(false)),
            "eth_blockNumber" => Ok(quantity(self.number(self.heads.latest))),
            "eth_getBlockByNumber" => self.block_by_number(params),
            "eth_getBlockByHash" => self.block_by_hash(params),
            "eth_getLogs" => self.logs(params),
            "eth_getBlockReceipts" => self.block_receipts(params),
            "eth_getTransactionReceipt" => self.transaction_receipt(params),
            "eth_getCode" => self.code(params),
            "eth_call" => self.call(params),
            other => Err(Refusal::method(other)),
        }
    }

    fn block_by_number(&self, mut params: Params) -> Result<Value, Refusal> {
        let block = self.shown(&params.next())?;
        refuse_full_transactions(&params.next())?;
        Ok(block.map_or(Value::Null, |block| render::block(self.chain.block(block))))
    }

    fn block_by_hash(&self, mut params: Params) -> Result<Value, Refusal> {
        let block = self.shown_by_hash(params.next_hash("the block's hash")?);
        refuse_full_transactions(&params.next())?;
        Ok(block.map_or(Value::Null, |block| render::block(self.chain.block(block))))
    }

    fn logs(&self, mut params: Params) -> Result<Value, Refusal> {
        let filter = params.next();
        if !filter.is_object() {
            return Err(Refusal::params("the filter must be an object"));
        }
        let conditions = LogFilter::parse(&filter)?;
        let Some(blocks) = self.blocks_of(&filter)? else { return Ok(json!([])) };
        let ids = conditions.find(self.chain, self.chain.log_ids(&blocks));
        let timestamp = self.options.block_timestamp;
        let logs = ids.into_iter().map(|id| render::log(self.chain, self.chain.place(id), timestamp));
        Ok(logs.collect())
    }

    fn block_receipts(&self, mut params: Params) -> Result<Value, Refusal> {
        let Some(block) = self.shown(&params.next())? else { return Ok(Value::Null) };
        let receipts = (0..self.chain.block(block).transactions.len())
            .map(|transaction| render::receipt(self.chain, block, transaction, self.options.block_timestamp));
        Ok(receipts.collect())
    }

    fn transaction_receipt(&self, mut params: Params) -> Result<Value, Refusal> {
        let hash = params.next_hash("the transaction's hash")?;
        let shown = |(block, _): &(usize, usize)| *block <= self.heads.latest;
        let place = self.chain.transaction_position(hash).filter(shown);
        Ok(place.map_or(Value::Null, |(block, transaction)| {
            render::receipt(self.chain, block, transaction, self.options.block_timestamp)
        }))
    }

    fn code(&self, mut params: Params) -> Result<Value, Refusal> {
        let address = params.next_address("the contract")?;
        self.state_block(&params.next())?;
        let mut codes = self.chain.recording().codes.iter();
        Ok(json!(codes.find(|code| code.address == address).map_or(Bytes::new(), |code| code.code.clone())))
    }

    fn call(&self, mut params: Params) -> Result<Value, Refusal> {
        let CallRequest { to, data, input } = CallRequest::deserialize(params.next())
            .map_err(|error| Refusal::params(format!("the call must have `to` and `data`: {error}")))?;
        let calldata = input.or(data).unwrap_or_default();
        let number = self.number(self.state_block(&params.next())?);
        match self.chain.answer(to, &calldata, number) {
            Some(Answer::Returned(returned)) => Ok(json!(returned)),
            Some(Answer::Reverted(reason)) => Err(Refusal::reverted(reason.clone())),
            None => Err(not_recorded(&self.chain.answered_at(to, &calldata), to, &calldata, number)),
        }
    }

    /// The blocks that a log filter asks for; `None` when there are none between its ends.
    fn blocks_of(&self, filter: &Value) -> Result<Option<RangeInclusive<usize>>, Refusal> {
        if !filter["blockHash"].is_null() {
            let hash = rpc::hash(&filter["blockHash"], "blockHash")?;
            let block =
                self.shown_by_hash(hash).ok_or_else(|| Refusal::absent(format!("unknown block {hash}")))?;
            return Ok(Some(block..=block));
        }
        let (from, to) = (self.height(&filter["fromBlock"])?, self.height(&filter["toBlock"])?);
        let (first, head) = (self.chain.first_number(), self.number(self.heads.latest));
        let to = to.min(head);
        if from > head {
            return Err(Refusal::params(format!("fromBlock {from} is beyond the head {head}")));
        }
        if from < first {
            return Err(Refusal::absent(format!(
                "block {from} is not here: the recording begins at {first}"
            )));
        }
        if from > to {
            return Ok(None);
        }
        let (asked, allowed) = (to - from + 1, self.options.log_range_blocks_max);
        if asked > allowed {
            return Err(Refusal::limit(format!(
                "block range too large: {asked} blocks asked, at most {allowed} allowed"
            )));
        }
        Ok(self.chain.position(from).zip(self.chain.position(to)).map(|(from, to)| from..=to))
    }

    /// The block whose state is asked for: as a tag, a height, or the object of EIP-1898.
    fn state_block(&self, block: &Value) -> Result<usize, Refusal> {
        let found = match block {
            Value::Object(by) if by.contains_key("blockHash") => {
                self.shown_by_hash(rpc::hash(&by["blockHash"], "blockHash")?)
            }
            Value::Object(by) if by.contains_key("blockNumber") => self.shown(&by["blockNumber"])?,
            block => self.shown(block)?,
        };
        found.ok_or_else(|| Refusal::absent(format!("unknown block {block}")))
    }

    /// The position of a block by tag, height or hash, when it is shown already.
    fn shown(&self, block: &Value) -> Result<Option<usize>, Refusal> {
        if let Ok(hash) = B256::deserialize(block) {
            return Ok(self.shown_by_hash(hash));
        }
        let position = self.chain.position(self.height(block)?);
        Ok(position.filter(|position| *position <= self.heads.latest))
    }

    fn shown_by_hash(&self, hash: B256) -> Option<usize> {
        self.chain.position_by_hash(hash).filter(|position| *position <= self.heads.latest)
    }

    /// A height that may lie outside of the recording.
    fn height(&self, block: &Value) -> Result<u64, Refusal> {
        match block.as_str() {
            None if block.is_null() => Ok(self.number(self.heads.latest)),
            // Nothing waits to be mined here, so the pending block is the last one.
            Some("latest" | "pending") => Ok(self.number(self.heads.latest)),
            Some("safe") => Ok(self.number(self.heads.safe)),
            Some("finalized") => Ok(self.number(self.heads.finalized)),
            Some("earliest") => Ok(self.chain.first_number()),
            _ => rpc::quantity(block, "a block"),
        }
    }

    fn number(&self, position: usize) -> u64 {
        self.chain.block(position).header.number
    }
}

#[derive(Deserialize)]
struct CallRequest {
    to: alloy_primitives::Address,
    data: Option<Bytes>,
    input: Option<Bytes>,
}

fn refuse_full_transactions(full: &Value) -> Result<(), Refusal> {
    match full {
        Value::Bool(true) => {
            Err(Refusal::params("the recording holds receipts, not transactions: ask for hashes (false)"))
        }
        Value::Bool(false) | Value::Null => Ok(()),
        other => Err(Refusal::params(format!("the second parameter must be true or false, not {other}"))),
    }
}

fn not_recorded(
    answered_at: &[u64],
    to: alloy_primitives::Address,
    calldata: &Bytes,
    number: u64,
) -> Refusal {
    let short: String = calldata.to_string().chars().take(74).collect();
    let call = format!("the recording does not hold the answer of {to} to {short} at block {number}");
    Refusal::absent(match answered_at {
        [] => call,
        heights => format!("{call}, only at {heights:?}"),
    })
}
