//! What an honest node answers that sees the chain in one way.

use alloy::primitives::{Address, B256, Bytes, U256, address};
use alloy::rpc::types::Header as RpcHeader;
use alloy::sol;
use alloy::sol_types::{SolCall, SolValue};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chain::{Block, Chain, View};
use crate::world::{FEES_PPM, GAUGE, MANAGER, POOLS, SPACINGS, STAKED, TOKEN, TOKEN0, TOKEN1};

sol! {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function tickSpacing() external view returns (int24);
    function fee() external view returns (uint24);
    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint8, bool);
    function pool() external view returns (address);
    function nft() external view returns (address);
    function totalSupply() external view returns (uint256);
    function decimals() external view returns (uint8);
    function symbol() external view returns (string);
}

/// The chain's id.
pub(crate) const CHAIN_ID: u64 = 8453;
/// What campaigns pay in.
pub(crate) const REWARD_TOKEN: Address = address!("0x7777777777777777777777777777777777777777");

/// What a node says: JSON, or a code with words.
pub(crate) type Said = Result<String, (i64, String)>;

/// How a node words its answers, for as long as it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Whether logs carry their block's time.
    pub(crate) block_timestamp: bool,
    /// Whether it knows which blocks are safe and final.
    pub(crate) finality: bool,
    /// The widest range of blocks that it looks through.
    pub(crate) range_blocks_max: u64,
    /// The most logs that it sends.
    pub(crate) logs_max: usize,
    /// Whether it takes blocks that it does not have yet for empty ones.
    pub(crate) empty_beyond_head: bool,
    /// Whether it sends the last log of each answer twice, as where parts of an index overlap.
    pub(crate) repeats_logs: bool,
}

impl Manner {
    /// As a good node does.
    pub(crate) fn quiet() -> Self {
        Self {
            block_timestamp: true,
            finality: true,
            range_blocks_max: 10_000,
            logs_max: 100_000,
            empty_beyond_head: false,
            repeats_logs: false,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(with = "alloy::serde::quantity")]
    from_block: u64,
    #[serde(with = "alloy::serde::quantity")]
    to_block: u64,
    address: Vec<Address>,
    topics: Vec<Option<Vec<B256>>>,
}

/// Answers a call.
pub(crate) fn answer(chain: &Chain, view: View, manner: Manner, method: &str, params: &Value) -> Said {
    match method {
        "eth_chainId" => Ok(format!("\"{CHAIN_ID:#x}\"")),
        "eth_blockNumber" => Ok(format!("\"{:#x}\"", view.head)),
        "eth_getBlockByNumber" => Ok(header(chain, view, manner, &params[0])),
        "eth_getBlockReceipts" => Ok(receipts(chain, view, manner, &params[0])),
        "eth_getLogs" => logs(chain, view, manner, &params[0]),
        "eth_call" => call(&params[0]),
        "eth_getCode" => Ok("\"0x\"".to_owned()),
        other => Err((-32601, format!("the method {other} does not exist/is not available"))),
    }
}

fn block_at<'a>(chain: &'a Chain, view: View, manner: Manner, tag: &Value) -> Option<&'a Block> {
    let number = match tag.as_str()? {
        "latest" => view.head,
        "safe" | "finalized" if !manner.finality => return None,
        "safe" => (view.head + view.finalized) / 2,
        "finalized" => view.finalized,
        hex => u64::from_str_radix(hex.strip_prefix("0x")?, 16).ok()?,
    };
    chain.block(view, number)
}

fn header(chain: &Chain, view: View, manner: Manner, tag: &Value) -> String {
    let Some(block) = block_at(chain, view, manner, tag) else { return "null".to_owned() };
    block.header_json.get_or_init(|| header_json(block)).clone()
}

fn header_json(block: &Block) -> String {
    let header = RpcHeader {
        hash: block.hash,
        inner: block.header.clone(),
        total_difficulty: None,
        size: Some(U256::from(600)),
    };
    let mut json = serde_json::to_value(header).expect("a header is plain data");
    let hashes: Vec<B256> = block.transactions.iter().map(|(hash, _)| *hash).collect();
    json["transactions"] = json!(hashes);
    json["uncles"] = json!([]);
    json.to_string()
}

/// The logs of a block as JSON, the first half up to the place for the block's time, which some nodes leave out.
fn logs_of(block: &Block) -> &[String] {
    block.logs_json.get_or_init(|| {
        let mut all = Vec::new();
        for (place, (hash, logs)) in block.transactions.iter().enumerate() {
            for (address, log) in logs {
                all.push(
                    json!({
                        "address": address,
                        "topics": log.topics(),
                        "data": log.data,
                        "blockNumber": format!("{:#x}", block.header.number),
                        "blockHash": block.hash,
                        "transactionHash": hash,
                        "transactionIndex": format!("{place:#x}"),
                        "logIndex": format!("{:#x}", all.len()),
                        "removed": false,
                    })
                    .to_string(),
                );
            }
        }
        all
    })
}

fn with_time(log: &str, block: &Block, manner: Manner) -> String {
    if !manner.block_timestamp {
        return log.to_owned();
    }
    let open = log.strip_suffix('}').expect("a log is an object");
    format!("{open},\"blockTimestamp\":\"{:#x}\"}}", block.header.timestamp)
}

fn logs(chain: &Chain, view: View, manner: Manner, filter: &Value) -> Said {
    let filter: Filter = serde_json::from_value(filter.clone())
        .map_err(|error| (-32602, format!("invalid filter: {error}")))?;
    let width = filter.to_block.saturating_sub(filter.from_block) + 1;
    if width > manner.range_blocks_max {
        return Err((-32602, format!("query exceeds max block range {}", manner.range_blocks_max)));
    }
    if filter.to_block > view.head && !manner.empty_beyond_head {
        return Err((-32000, "block range extends beyond current head block".to_owned()));
    }
    let mut found = Vec::new();
    for number in filter.from_block..=filter.to_block {
        let Some(block) = chain.block(view, number) else { continue };
        let all = block.transactions.iter().flat_map(|(_, logs)| logs);
        for ((address, log), json) in all.zip(logs_of(block)) {
            let fits = |(place, wanted): (usize, &Option<Vec<B256>>)| {
                wanted.as_ref().is_none_or(|wanted| {
                    log.topics().get(place).is_some_and(|topic| wanted.is_empty() || wanted.contains(topic))
                })
            };
            if filter.address.contains(address) && filter.topics.iter().enumerate().all(fits) {
                found.push(with_time(json, block, manner));
            }
        }
    }
    if found.len() > manner.logs_max && width > 1 {
        return Err((-32005, format!("query returned more than {} results", manner.logs_max)));
    }
    if manner.repeats_logs {
        found.extend(found.last().cloned());
    }
    Ok(format!("[{}]", found.join(",")))
}

fn receipts(chain: &Chain, view: View, manner: Manner, tag: &Value) -> String {
    let block = match tag.as_str().map(str::parse::<B256>) {
        Some(Ok(hash)) => {
            (view.finalized..=view.head).rev().find_map(|n| chain.block(view, n).filter(|b| b.hash == hash))
        }
        _ => block_at(chain, view, manner, tag),
    };
    let Some(block) = block else { return "null".to_owned() };
    let mut first = 0;
    let receipts = block.transactions.iter().enumerate().map(|(place, (hash, logs))| {
        let own = &logs_of(block)[first..first + logs.len()];
        first += logs.len();
        let own: Vec<String> = own.iter().map(|log| with_time(log, block, manner)).collect();
        let bloom = *crate::chain::receipt(logs).logs_bloom();
        format!(
            r#"{{"transactionHash":"{hash}","transactionIndex":"{place:#x}","blockHash":"{}","blockNumber":"{:#x}","from":"{TOKEN0}","to":"{TOKEN1}","cumulativeGasUsed":"0x5208","gasUsed":"0x5208","effectiveGasPrice":"0x7","contractAddress":null,"type":"0x2","status":"0x1","logsBloom":"{bloom}","logs":[{}]}}"#,
            block.hash,
            block.header.number,
            own.join(","),
        )
    });
    format!("[{}]", receipts.collect::<Vec<_>>().join(","))
}

/// The views that our contracts have; everything else reverts.
fn call(call: &Value) -> Said {
    let reverted = || (3, "execution reverted".to_owned());
    let field = |name: &str| call[name].as_str().ok_or_else(reverted);
    let to: Address = field("to")?.parse().map_err(|_| reverted())?;
    let data = call["data"].as_str().or_else(|| call["input"].as_str()).ok_or_else(reverted)?;
    let data: Bytes = data.parse().map_err(|_| reverted())?;
    let selector: [u8; 4] = data.get(..4).and_then(|four| four.try_into().ok()).ok_or_else(reverted)?;
    let output = match POOLS.iter().position(|pool| *pool == to) {
        Some(place) => pool_view(place, selector),
        None if to == GAUGE => gauge_view(selector),
        None => token_view(to, selector),
    };
    output.map(|output| format!("\"{}\"", Bytes::from(output))).ok_or_else(reverted)
}

fn pool_view(place: usize, selector: [u8; 4]) -> Option<Vec<u8>> {
    Some(match selector {
        token0Call::SELECTOR => TOKEN0.abi_encode(),
        token1Call::SELECTOR => TOKEN1.abi_encode(),
        tickSpacingCall::SELECTOR => SPACINGS[place].abi_encode(),
        feeCall::SELECTOR => FEES_PPM[place].abi_encode(),
        // Slipstream has no protocol fee in it.
        slot0Call::SELECTOR if place == STAKED => vec![0; 6 * 32],
        slot0Call::SELECTOR => vec![0; 7 * 32],
        _ => return None,
    })
}

fn gauge_view(selector: [u8; 4]) -> Option<Vec<u8>> {
    match selector {
        poolCall::SELECTOR => Some(POOLS[STAKED].abi_encode()),
        nftCall::SELECTOR => Some(MANAGER.abi_encode()),
        _ => None,
    }
}

fn token_view(to: Address, selector: [u8; 4]) -> Option<Vec<u8>> {
    if ![TOKEN, TOKEN0, TOKEN1, REWARD_TOKEN].contains(&to) {
        return None;
    }
    Some(match selector {
        totalSupplyCall::SELECTOR => U256::from(1_000_000).abi_encode(),
        decimalsCall::SELECTOR => U256::from(18).abi_encode(),
        symbolCall::SELECTOR => "SIM".abi_encode(),
        _ => return None,
    })
}
