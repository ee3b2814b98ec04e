//! Logs that were not asked for.

use serde_json::{Value, json};

use crate::chain::{Chain, View};
use crate::chance::Chance;
use crate::node::{self, Manner};

/// A node's right answer to a question for logs, with others among them.
pub(crate) fn among(
    right: &str,
    chain: &Chain,
    view: View,
    manner: Manner,
    filter: &Value,
    chance: &mut Chance,
) -> String {
    // Whatever it takes at once: it was not asked for so much.
    let ample =
        Manner { range_blocks_max: u64::MAX, logs_max: usize::MAX, empty_beyond_head: true, ..manner };
    let answer = |view: View, filter: Value| {
        node::answer(chain, view, ample, "eth_getLogs", &json!([filter])).unwrap_or_else(|_| right.to_owned())
    };
    match chance.between(0, 3) {
        0 => {
            // As from an index that is cut elsewhere.
            let mut wider = filter.clone();
            wider["fromBlock"] = moved(&filter["fromBlock"], -1);
            wider["toBlock"] = moved(&filter["toBlock"], 1);
            answer(view, wider)
        }
        1 => {
            let mut any = filter.clone();
            any["topics"] = json!([]);
            answer(view, any)
        }
        2 if !chain.forks.is_empty() => {
            // As a subscription tells of what left the chain.
            let fork = chance.index(chain.forks.len());
            let elsewhere = answer(View { fork: Some(fork), ..view }, filter.clone());
            let mut gone = list(&elsewhere);
            gone.iter_mut().for_each(|log| log["removed"] = json!(true));
            Value::from([list(right), gone].concat()).to_string()
        }
        _ => {
            let mut logs = list(right);
            if let Some(mut stray) = logs.first().cloned() {
                stray["blockNumber"] = json!("0x1");
                logs.insert(chance.index(logs.len()), stray);
            }
            Value::from(logs).to_string()
        }
    }
}

fn list(logs: &str) -> Vec<Value> {
    serde_json::from_str(logs).expect("logs are JSON")
}

fn moved(height: &Value, by: i64) -> Value {
    let digits =
        height.as_str().and_then(|text| text.strip_prefix("0x")).expect("a height is in hexadecimal");
    let height = u64::from_str_radix(digits, 16).expect("a height is in hexadecimal");
    json!(format!("{:#x}", height.saturating_add_signed(by)))
}
