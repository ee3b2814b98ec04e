//! What earlier builds stored is what it was after the migrations.

use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::unit::BlockNumber;
use accrual_store::{commit, events};
use accrual_tests::db::on_each_engine;
use serde_json::Value;

use super::samples::{CHAIN, every_kind, extend, flash, header, placed, pool, register};

const TO_PACKS: &str = include_str!("../../../migrations/0014_event_packs.sql");
const TO_BYTES: &str = include_str!("../../../migrations/0018_bytes.sql");
/// As migration 0001 made it.
const EVENTS: &str = "
    drop table event_packs;
    create table events (pool_id text not null, block_number bigint not null, log_index bigint not null,
        block_at bigint not null, kind text not null, body text not null,
        primary key (pool_id, block_number, log_index));";

#[tokio::test]
async fn a_row_for_each_event_becomes_packs_of_the_same_events() {
    on_each_engine(async |fresh| {
        let kinds = every_kind().into_iter().cycle().take(40).zip(0..);
        let stored: Vec<PlacedEvent> =
            kinds.map(|(event, i)| placed(100 + u64::from(i / 3), 9 + i % 3, event)).collect();
        // The last come first: no order of rows is promised.
        let rows: Vec<String> = stored.iter().rev().map(|event| row("a", event)).collect();
        let other = row("b", &stored[0]);
        let rows = format!("insert into events values {},{other};", rows.join(","));
        fresh.raw(format!("{EVENTS}{rows}{TO_PACKS}{TO_BYTES}").leak()).await;

        let db = &fresh.db;
        let through = BlockNumber(u64::MAX);
        assert_eq!(events::page(db, &pool("a"), None, through, events::PAGE_PACKS).await.unwrap(), stored);
        assert_eq!(events::page(db, &pool("b"), None, through, 1).await.unwrap(), stored[..1]);
        assert_eq!(events::count(db, &pool("a")).await.unwrap(), 40);
    })
    .await;
}

/// Two packs as a build of before migration 0018 wrote them, in base64: of blocks 105 and 106, and of 107.
const OF_BEFORE: [&str; 2] = ["AmnSAQcGAWkBB2rUAQAGAWoA", "AWvWAQIGAWsBAg"];

#[tokio::test]
async fn a_pack_in_base64_is_read_and_cut() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        register(db, &["a"]).await;
        let stored = [flash(105, 7), flash(106, 0), flash(107, 2)];
        extend(db, "a", None, header(106), &stored[..2]).await.unwrap();
        extend(db, "a", Some(header(106).block()), header(110), &stored[2..]).await.unwrap();
        let [first, second] = OF_BEFORE;
        let as_before = format!(
            "update event_packs set packed = null,
             body = case when last_block = 106 then '{first}' else '{second}' end"
        );
        fresh.raw(as_before.leak()).await;
        let page = async || events::page(db, &pool("a"), None, BlockNumber(110), 9).await.unwrap();
        assert_eq!(page().await, stored);

        // What is left of a pack that is cut is stored as packs are now.
        commit::rewind(db, CHAIN, &[pool("a")], &header(105)).await.unwrap();
        assert_eq!(page().await, stored[..1]);
        fresh.raw("update event_packs set body = 'nothing that is read any more'").await;
        assert_eq!(page().await, stored[..1]);
    })
    .await;
}

/// An event's row, with the kind among the fields of its body.
fn row(pool: &str, placed: &PlacedEvent) -> String {
    let (kind, body) = body(&placed.event);
    let PlacedEvent { block_number, log_index, block_at, .. } = placed;
    format!("('{pool}', {block_number}, {log_index}, {block_at}, '{kind}', '{body}')")
}

fn body(event: &PoolEvent) -> (String, Value) {
    let Value::Object(told) = serde_json::to_value(event).unwrap() else { unreachable!() };
    let (kind, mut fields) = told.into_iter().next().unwrap();
    fields["kind"] = kind.clone().into();
    (kind, fields)
}
