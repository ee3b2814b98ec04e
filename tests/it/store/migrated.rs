//! What earlier builds stored is what it was after the migrations.

use accrual_rewards::event::{PlacedEvent, PoolEvent};
use accrual_rewards::unit::BlockNumber;
use accrual_store::events;
use accrual_tests::db::on_each_engine;
use serde_json::Value;

use super::samples::{every_kind, placed, pool};

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
