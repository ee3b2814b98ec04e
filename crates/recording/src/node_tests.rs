use std::time::Duration;

use serde_json::json;

use super::*;
use crate::example::{self, BLOCK_SECONDS, COUNT, FIRST};

/// Asks an example node, `elapsed` after its start.
fn ask_at(options: &NodeOptions, elapsed: Duration, body: &Value) -> Value {
    let chain = Chain::new(Arc::new(example::recording()));
    let heads = options.head.heads(&chain.recording().blocks, elapsed);
    let view = View { chain: &chain, options, heads };
    respond(&view, body.to_string().as_bytes()).unwrap_or_default()
}

fn ask(method: &str, params: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    ask_at(&NodeOptions::default(), Duration::ZERO, &request)
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

/// (block, index in the block) of each log of an answer.
fn places(answer: &Value) -> Vec<(u64, u64)> {
    let number = |value: &Value| u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();
    let logs = answer["result"].as_array().unwrap_or_else(|| panic!("no logs in {answer}"));
    logs.iter().map(|log| (number(&log["blockNumber"]), number(&log["logIndex"]))).collect()
}

#[test]
fn filters_find_exactly_their_logs() {
    let address = example::address;
    let topic = example::word;
    let every = |indices: &[u64]| {
        (103..=104).flat_map(|block| indices.iter().map(move |index| (block, *index))).collect::<Vec<_>>()
    };
    let cases = [
        ("everything", json!({}), every(&[0, 1, 2, 3])),
        ("one contract", json!({ "address": address(1) }), every(&[0, 3])),
        (
            "several contracts, in the chain's order",
            json!({ "address": [address(3), address(1)] }),
            every(&[0, 2, 3]),
        ),
        ("a contract twice", json!({ "address": [address(2), address(2)] }), every(&[1])),
        ("no contract named", json!({ "address": [] }), every(&[0, 1, 2, 3])),
        ("a contract without logs", json!({ "address": address(9) }), vec![]),
        ("a topic", json!({ "topics": [topic(1)] }), every(&[0, 1])),
        ("one topic or another", json!({ "topics": [[topic(2), topic(1)]] }), every(&[0, 1, 2])),
        ("any topic, but one", json!({ "topics": [null] }), every(&[0, 1, 2])),
        ("any three topics", json!({ "topics": [null, null, null] }), every(&[2])),
        ("by the second topic", json!({ "topics": [null, topic(104)] }), vec![(104, 0), (104, 1)]),
        ("by first and third", json!({ "topics": [topic(2), null, [topic(8), topic(9)]] }), every(&[2])),
        (
            "all conditions hold",
            json!({ "address": address(2), "topics": [topic(1), topic(103)] }),
            vec![(103, 1)],
        ),
        ("more topics than any log", json!({ "topics": [topic(2), topic(7), topic(8), null] }), vec![]),
        ("a topic in the wrong position", json!({ "topics": [topic(7)] }), vec![]),
    ];
    for (name, mut filter, expected) in cases {
        filter["fromBlock"] = json!(hex(103));
        filter["toBlock"] = json!(hex(104));
        assert_eq!(places(&ask("eth_getLogs", json!([filter]))), expected, "{name}");
    }
}

#[test]
fn ranges_are_those_of_a_provider() {
    let head = FIRST + COUNT - 1;
    let limited = NodeOptions { log_range_blocks_max: 10, ..NodeOptions::default() };
    let cases = [
        ("one block by hash", json!({ "blockHash": example::word(1105) }), Ok((105, 105))),
        ("an unknown hash", json!({ "blockHash": example::word(5) }), Err(-32000)),
        ("without ends, the newest block", json!({}), Ok((head, head))),
        ("as many as allowed", json!({ "fromBlock": hex(100), "toBlock": hex(109) }), Ok((100, 109))),
        ("one too many", json!({ "fromBlock": hex(100), "toBlock": hex(110) }), Err(-32005)),
        (
            "a far end is cut",
            json!({ "fromBlock": hex(head - 1), "toBlock": hex(head + 500) }),
            Ok((head - 1, head)),
        ),
        (
            "a far beginning is not",
            json!({ "fromBlock": hex(head + 1), "toBlock": hex(head + 2) }),
            Err(-32602),
        ),
        ("before the recording", json!({ "fromBlock": hex(99), "toBlock": hex(101) }), Err(-32000)),
        ("tags", json!({ "fromBlock": "finalized", "toBlock": "latest" }), Ok((head, head))),
        ("from the first", json!({ "fromBlock": "earliest", "toBlock": hex(101) }), Ok((100, 101))),
        ("no number", json!({ "fromBlock": "soon" }), Err(-32602)),
        ("a bad address", json!({ "address": "0x12" }), Err(-32602)),
        ("five topics", json!({ "topics": [null, null, null, null, null] }), Err(-32602)),
    ];
    for (name, filter, expected) in cases {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [filter] });
        let answer = ask_at(&limited, Duration::ZERO, &request);
        match expected {
            Ok((from, to)) => {
                let blocks: Vec<_> = places(&answer).into_iter().map(|(block, _)| block).collect();
                assert_eq!((blocks.first(), blocks.last()), (Some(&from), Some(&to)), "{name}");
            }
            Err(code) => assert_eq!(answer["error"]["code"], code, "{name}: {answer}"),
        }
    }
    let backwards = ask("eth_getLogs", json!([{ "fromBlock": hex(104), "toBlock": hex(103) }]));
    assert_eq!(backwards["result"], json!([]), "nothing is between ends that are the wrong way round");
}

#[test]
fn refusals_have_a_code_and_a_sentence() {
    let call = |data: &str, block: Value| json!([{ "to": example::address(1), "data": data }, block]);
    let cases = [
        ("eth_call", call("0x07", json!("latest")), -32000, "does not hold the answer"),
        ("eth_call", call("0x09", json!(hex(103))), 3, "execution reverted"),
        ("eth_call", call("0x09", json!("latest")), -32000, "only at [103]"),
        ("eth_call", call("0x08", json!(hex(500))), -32000, "unknown block"),
        ("eth_call", json!([{ "data": "0x" }]), -32602, "`to`"),
        ("eth_getBlockByNumber", json!(["latest", true]), -32602, "not transactions"),
        ("eth_getBlockByHash", json!(["0x12"]), -32602, "32 bytes"),
        ("eth_sendTransaction", json!([{}]), -32601, "does not exist here"),
        ("eth_blockNumber", json!({ "a": 1 }), -32602, "list"),
    ];
    for (method, params, code, sentence) in cases {
        let error = &ask(method, params.clone())["error"];
        assert_eq!(error["code"], code, "{method} {params}: {error}");
        assert!(error["message"].as_str().unwrap().contains(sentence), "{method} {params}: {error}");
    }
}

#[test]
fn calls_answer_for_their_block() {
    let at = |block: Value| {
        ask("eth_call", json!([{ "to": example::address(1), "input": "0x08" }, block]))["result"].clone()
    };
    assert_eq!(at(json!(hex(103))), "0x03", "recorded at this block");
    assert_eq!(at(json!({ "blockHash": example::word(1103) })), "0x03", "the same, by its hash");
    assert_eq!(at(json!("latest")), "0x01", "never changes");
    assert_eq!(ask("eth_getCode", json!([example::address(1), "latest"]))["result"], "0x6000");
    assert_eq!(ask("eth_getCode", json!([example::address(2), "latest"]))["result"], "0x");
}

#[test]
fn receipts_add_up() {
    let receipts = ask("eth_getBlockReceipts", json!([hex(101)]));
    let second = &receipts["result"][1];
    assert_eq!(second["cumulativeGasUsed"], hex(50));
    assert_eq!(second["transactionIndex"], "0x1");
    assert_eq!(second["logs"][1]["logIndex"], "0x3");
    assert_eq!(&ask("eth_getTransactionReceipt", json!([example::word(3101)]))["result"], second);
    assert_eq!(ask("eth_getTransactionReceipt", json!([example::word(1)]))["result"], Value::Null);
    assert_eq!(ask("eth_getBlockReceipts", json!([hex(500)]))["result"], Value::Null);
}

#[test]
fn a_log_carries_its_time_when_asked_to() {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [{}] });
    for (block_timestamp, expected) in
        [(true, json!(hex(example::FIRST_UNIX + (COUNT - 1) * 60))), (false, Value::Null)]
    {
        let options = NodeOptions { block_timestamp, ..NodeOptions::default() };
        assert_eq!(ask_at(&options, Duration::ZERO, &request)["result"][0]["blockTimestamp"], expected);
    }
}

#[test]
fn batches_keep_their_order_and_their_limit() {
    let request = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_chainId" });
    let options = NodeOptions { batch_requests_max: 3, ..NodeOptions::default() };
    let ask = |body: Value| ask_at(&options, Duration::ZERO, &body);
    let notification = json!({ "jsonrpc": "2.0", "method": "eth_chainId" });

    let answers = ask(json!([request(5), { "id": 6 }, request(4)]));
    assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": 5, "result": "0x2105" }));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(6), &json!(-32600)));
    assert_eq!(answers[2]["id"], 4);
    assert_eq!(ask(json!([request(1), notification, request(2)])).as_array().map(Vec::len), Some(2));
    assert_eq!(ask(notification), Value::Null);
    assert_eq!(ask(json!([]))["error"]["code"], -32600);
    assert_eq!(ask(json!([request(1), request(2), request(3), request(4)]))["error"]["code"], -32005);
}

#[test]
fn a_paced_node_reveals_its_blocks() {
    let options = NodeOptions { head: HeadRule::Paced { speed: 60 }, ..NodeOptions::default() };
    let number = |seconds, tag: &str| {
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [tag, false] });
        ask_at(&options, Duration::from_secs(seconds), &request)["result"]["number"].clone()
    };
    // One block of the example lasts a minute, so at this speed one comes each second.
    assert_eq!(BLOCK_SECONDS, 60);
    let cases = [
        (0, 110, 108, 100),
        (5, 115, 113, 100),
        (15, 125, 123, 105),
        (29, 139, 137, 119),
        (1000, 139, 139, 139),
    ];
    for (seconds, latest, safe, finalized) in cases {
        let heads = ["latest", "safe", "finalized"].map(|tag| number(seconds, tag));
        assert_eq!(heads, [latest, safe, finalized].map(|block| json!(hex(block))), "after {seconds} s");
    }
    assert_eq!(number(0, &hex(111)), Value::Null, "what is not shown yet does not exist");
    let early = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionReceipt", "params": [example::word(3139)] });
    assert_eq!(ask_at(&options, Duration::ZERO, &early)["result"], Value::Null);
}
