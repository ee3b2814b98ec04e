//! How long it really takes until what was earned can be claimed.

use accrual_rewards::distributor::{DistributorEvent, TreeEvent};
use accrual_rewards::unit::{BlockNumber, UnixSeconds};
use accrual_store::Header;
use accrual_store::distributor::{self, DistributorExtension, Followed, Placed};
use alloy_primitives::B256;
use serde_json::{Value, json};

use crate::rig::{CHAIN, Rig, START, address};

const HOUR: u64 = 3_600;

fn text(at: u64) -> Value {
    json!(accrual_api::view::Rfc3339(UnixSeconds(at)).to_string())
}

async fn told(rig: &Rig) -> Value {
    let answer = rig.get("/v1/payouts").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The Distributor's logs, each with the hours after the start, read up to the hour of `through`.
async fn read(rig: &Rig, events: &[(u64, TreeEvent)], through: u64) {
    let followed = Followed {
        chain_id: CHAIN,
        address: address(0xdd),
        first_block: BlockNumber(1),
        tokens: Default::default(),
    };
    distributor::register(&rig.db, &followed).await.unwrap();
    let placed = |(hour, event): &(u64, TreeEvent)| Placed {
        block_number: BlockNumber(10 + hour),
        block_at: UnixSeconds(START + hour * HOUR),
        log_index: 0,
        event: DistributorEvent::Tree(event.clone()),
    };
    let events: Vec<_> = events.iter().map(placed).collect();
    let through = Header {
        number: BlockNumber(10 + through),
        hash: B256::repeat_byte(0xbb),
        parent_hash: B256::ZERO,
        at: UnixSeconds(START + through * HOUR),
    };
    let extension =
        DistributorExtension { chain_id: CHAIN, after: None, through, pool_rewinds: 0, events: &events };
    distributor::extend(&rig.db, &extension).await.unwrap();
}

fn updated(hour: u64, byte: u8) -> (u64, TreeEvent) {
    let dispute_ends_at = UnixSeconds(START + (hour + 2) * HOUR);
    (hour, TreeEvent::Updated { root: B256::repeat_byte(byte), dispute_ends_at })
}

#[tokio::test]
async fn the_newest_root_counts_after_its_window_and_the_next_comes_as_they_have_come() {
    let rig = Rig::new(1).await;
    read(&rig, &[updated(0, 1), updated(8, 2), updated(20, 3), updated(28, 4)], 29).await;
    let told = told(&rig).await;
    let expected = [
        ("read_through_block_number", json!(39)),
        ("read_through_at", text(START + 29 * HOUR)),
        ("live_root", json!(B256::repeat_byte(3))),
        ("newest_root", json!(B256::repeat_byte(4))),
        ("newest_root_at", text(START + 28 * HOUR)),
        ("newest_root_counts_at", text(START + 30 * HOUR)),
        ("is_disputed", json!(false)),
        ("intervals_count", json!(3)),
        ("usual_interval_seconds", json!(8 * HOUR)),
        ("longest_interval_seconds", json!(12 * HOUR)),
        ("next_root_expected_at", text(START + 36 * HOUR)),
        ("reason", Value::Null),
    ];
    for (name, value) in expected {
        assert_eq!(told[name], value, "{name} of {told}");
    }
    assert_eq!(told["distributor"], address(0xdd).to_checksum(None));
}

#[tokio::test]
async fn a_root_that_is_disputed_does_not_count_and_one_root_has_no_pace() {
    let rig = Rig::new(1).await;
    let disputed = (1, TreeEvent::Disputed { reason: "wrong".to_owned() });
    read(&rig, &[updated(0, 1), disputed], 9).await;
    let told = told(&rig).await;
    assert_eq!((&told["is_disputed"], &told["live_root"]), (&json!(true), &Value::Null));
    assert_eq!((&told["intervals_count"], &told["next_root_expected_at"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn where_no_distributor_is_read_nothing_is_made_up() {
    let told = told(&Rig::new(1).await).await;
    assert_eq!(told["reason"], "distributor_not_read");
    let unknown = ["live_root", "newest_root_at", "is_disputed", "intervals_count", "usual_interval_seconds"];
    for name in unknown.into_iter().chain(["next_root_expected_at"]) {
        assert_eq!(told[name], Value::Null, "{name}");
    }
}
