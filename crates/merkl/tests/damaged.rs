//! Answers of any form, as if from Merkl: each is read or refused with a sentence, and nothing panics.

use accrual_merkl::{Answer, MerklError, Reader, Source};
use alloy_primitives::{Address, B256};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const CAMPAIGN: B256 = B256::repeat_byte(0xca);

/// Gives one answer to everything.
struct Always(String);

impl Source for Always {
    async fn get(&self, _: &str) -> Result<Answer, MerklError> {
        Ok(Answer { status: 200, body: self.0.clone() })
    }
}

/// An answer of each published shape.
fn shapes() -> [Value; 5] {
    let (word, account) = (B256::repeat_byte(7), Address::repeat_byte(9));
    let campaign = json!({
        "id": "1", "campaignId": CAMPAIGN, "type": "CLAMM", "amount": "1000", "startTimestamp": "10",
        "endTimestamp": 20, "rewardToken": { "address": account, "symbol": "T", "decimals": 18 },
        "params": { "poolAddress": account, "targetToken": "", "weightFees": 4000, "blacklist": [account],
                    "whitelist": null, "isOutOfRangeIncentivized": false },
        "campaignStatus": { "computedUntil": "15", "status": "SUCCESS" },
        "accrual": { "as_of": { "timestamp": 15 } },
    });
    let line = json!({
        "recipient": account, "reason": "", "amount": "5", "claimed": "1", "pending": "2", "campaignId": CAMPAIGN,
        "accrual": { "earned_units": "9" },
    });
    let root = json!({ "root": word, "epoch": 4, "timestamp": "5" });
    let live = json!({ "8453": { "live": word, "tree": word, "lastTree": word, "endOfDisputePeriod": "8" } });
    let user = json!({ "rewards": [{ "breakdowns": [line] }] });
    [json!([campaign]), json!([line]), json!([root]), live, json!([user])]
}

fn rubbish() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec![
            "",
            "-1",
            "1.5",
            "0x",
            "115792089237316195423570985008687907853269984665640564039457584007913129639936"
        ])
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[]]])),
    ]
}

/// Puts `rubbish` where `path` leads to, or takes the field away.
fn spoil(value: &mut Value, path: &[usize], rubbish: Option<Value>) {
    let inner = match (&mut *value, path) {
        (Value::Array(list), [step, ..]) if !list.is_empty() => {
            let place = step % list.len();
            list.get_mut(place)
        }
        (Value::Object(fields), [step, rest @ ..]) if !fields.is_empty() => {
            let place = step % fields.len();
            let name = fields.keys().nth(place).cloned().expect("it is below their count");
            if rest.is_empty() && rubbish.is_none() {
                fields.remove(&name);
                return;
            }
            fields.get_mut(&name)
        }
        _ => None,
    };
    match inner {
        Some(inner) => spoil(inner, &path[1..], rubbish),
        None => *value = rubbish.unwrap_or_default(),
    }
}

async fn ask_everything(body: String) {
    let reader = Reader::new(Always(body), 8453);
    let outcomes = [
        reader.campaign(CAMPAIGN).await.map(drop),
        reader.campaigns(Some(Address::repeat_byte(9))).await.map(drop),
        reader.rewards(CAMPAIGN).await.map(drop),
        reader.user(Address::repeat_byte(9), CAMPAIGN).await.map(drop),
        reader.roots().await.map(drop),
        reader.live_roots().await.map(drop),
    ];
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert!(error.to_string().len() < 4000, "{error}");
    }
}

fn now(question: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(question);
}

#[test]
fn each_shape_is_read_undamaged() {
    now(async {
        let [campaign, rewards, roots, live, user] =
            shapes().map(|shape| Reader::new(Always(shape.to_string()), 8453));
        assert_eq!(campaign.campaign(CAMPAIGN).await.unwrap().campaign_id, CAMPAIGN);
        assert_eq!(rewards.rewards(CAMPAIGN).await.unwrap().len(), 1);
        assert_eq!(roots.roots().await.unwrap().len(), 1);
        assert!(live.live_roots().await.unwrap().is_some());
        assert_eq!(user.user(Address::repeat_byte(9), CAMPAIGN).await.unwrap().len(), 1);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_answer_is_read_or_refused(
        shape in 0_usize..5,
        damages in vec((vec(any::<usize>(), 1..6), prop::option::of(rubbish())), 1..3),
        cut in prop::option::weighted(0.2, 0_usize..300),
    ) {
        let mut value = shapes()[shape].clone();
        for (path, rubbish) in damages {
            spoil(&mut value, &path, rubbish);
        }
        let mut body = value.to_string();
        if let Some(at) = cut.filter(|at| body.is_char_boundary(*at)) {
            body.truncate(at);
        }
        now(ask_everything(body));
    }

    #[test]
    fn rubbish_is_refused(body in prop_oneof![any::<String>(), "[\\[\\]{}\":,0-9a-z]{0,80}"]) {
        now(ask_everything(body));
    }
}

#[test]
fn brackets_without_end_are_refused() {
    now(ask_everything("[".repeat(200_000)));
}
