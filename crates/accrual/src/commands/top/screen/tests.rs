//! Frames, as text.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::draw;
use crate::commands::top::paint::Paint;
use crate::commands::top::state::{Look, Top};

const ACCOUNT: &str = "0x8a6Fbb0e27B51F7bA5C53Ea2b4AE86e0b38736dC";

fn component(component: &str, title: &str, state: &str, reason: Option<&str>) -> Value {
    json!({ "component": component, "title": title, "state": state, "reason": reason, "lag_blocks": 3, "lag_seconds": 4,
        "last_success_at": null, "days": [] })
}

fn campaign(id: &str, earned: Option<&str>) -> Value {
    let earner = |units: &str| {
        json!({ "account": ACCOUNT, "earned_units": units, "share_ppm": 1_000_000,
        "positions": [{ "position": "uniswap_v3:0xPOOL:nft:0xMANAGER:1", "earned_units": units, "via": [] }] })
    };
    json!({
        "id": id, "pool": "usdc-tmai", "status": "running", "scoring": "per_block",
        "reward_token": { "chain_id": 8453, "address": ACCOUNT, "symbol": "TMAI", "decimals": 18 },
        "starts_at": "2025-06-05T17:00:00Z", "ends_at": "2025-06-19T17:00:00Z",
        "budget_units": "14920000000000000000000000", "emitted_units": earned.map(|_| "7460000000000000000000000"),
        "earned_units": earned, "undistributed_units": earned.map(|_| "0"), "accounts_count": earned.map(|_| 1),
        "sums_reason": if earned.is_none() { Some("not_indexed") } else { None },
        "tvl_usd": earned.map(|_| "86400.51"), "tvl_reason": null, "reward_token_price_usd": "0.5",
        "apr": { "reward_percent": earned.map(|_| "331.934"), "estimate": false, "reason": earned.is_none().then_some("no_price") },
        "top": earned.map(earner).into_iter().collect::<Vec<_>>(),
    })
}

/// A look at a block so many seconds after the first.
fn look(seconds: u64, campaigns: Vec<Value>, more: Value) -> Look {
    let mut meta = json!({
        "as_of": { "chain_id": 8453, "block_number": 31_200_000 + seconds / 2, "block_hash": null,
            "at": jiff::Timestamp::from_second(1_749_178_800 + i64::try_from(seconds).unwrap()).unwrap() },
        "finality": "latest", "age_seconds": 5, "stale": false, "next_cursor": null,
    });
    meta.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let status = json!({ "status": "degraded", "at": "2025-06-06T03:00:00Z", "components": [
        component("api", "Answers to calls", "operational", None),
        component("source", "Chain nodes", "down", Some("no node\u{1b}[2J has told of a new block for 90 s")),
        component("indexer", "Following the chain", "operational", None),
        component("database", "Database", "operational", None),
    ] });
    let overview = json!({ "campaigns": campaigns, "pools": [], "meta": meta });
    Look {
        overview: serde_json::from_value(overview).unwrap(),
        status: serde_json::from_value(status).unwrap(),
    }
}

fn frame(
    top: &Top,
    (columns, rows): (u16, u16),
    paint: Paint,
    now: Instant,
) -> (String, Terminal<TestBackend>) {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, top, paint, now)).unwrap();
    let cells = terminal.backend().buffer().content();
    let lines = cells.chunks(usize::from(columns)).map(|line| {
        let line: String = line.iter().map(|cell| cell.symbol()).collect();
        format!("{}\n", line.trim_end())
    });
    (lines.collect(), terminal)
}

fn plain(top: &Top, size: (u16, u16), now: Instant) -> String {
    frame(top, size, Paint::Plain, now).0
}

fn press(top: &mut Top, code: KeyCode) {
    top.pressed(KeyEvent::new(code, KeyModifiers::NONE));
}

fn top_with(looks: impl IntoIterator<Item = Look>, now: Instant) -> Top {
    let mut top = Top::new("https://api.example".to_owned(), None);
    looks.into_iter().for_each(|look| top.looked(look, now));
    top
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[tokio::test]
async fn a_frame_has_block_service_campaigns_and_earners_in_any_width() {
    let now = Instant::now();
    let looks = [
        look(0, vec![campaign("usdc-tmai", Some("7000000000000000000000000"))], json!({})),
        look(30, vec![campaign("usdc-tmai", Some("7000001000000000000000000"))], json!({})),
    ];
    let top = top_with(looks, now);
    let text = plain(&top, (80, 24), now + Duration::from_secs(3));
    says(
        &text,
        &[
            "accrual top",
            "https://api.example",
            "▲ degraded",
            "31,200,015",
            "not final yet",
            "8 s old",
            "3 blocks behind the head",
        ],
    );
    says(&text, &["✗ Chain nodes: no node?[2J has told of a new block for 90 s", "● Database"]);
    says(&text, &["▸ usdc-tmai", "331.93 %", "86,400", "███···  50.0 %", "13 d"]);
    says(
        &text,
        &[
            "emitted 7,460,000.0000 of 14,920,000.0000 TMAI",
            "left 7,460,000.0000",
            "earned 7,000,001.0000",
            "a minute +2.0000",
        ],
    );
    says(&text, &[ACCOUNT, "7,000,001.0000", "100.0000", "q quit"]);
    for (columns, rows) in [(40, 16), (60, 20), (200, 60)] {
        let text = plain(&top, (columns, rows), now);
        says(&text, &["usdc-tmai", "331.93 %", "7,000,001.0000"]);
    }
    says(&plain(&top, (200, 60), now), &["A MINUTE", "POOL", "EARNERS", "running"]);
    says(&plain(&top, (30, 8), now), &["needs 40 columns", "16 rows"]);
}

#[tokio::test]
async fn parts_that_are_well_take_one_line_where_rows_are_few() {
    let now = Instant::now();
    let mut well = look(0, vec![campaign("usdc-tmai", Some("5000000000000000000"))], json!({}));
    for part in &mut well.status.components {
        (part.state, part.reason) = ("operational".to_owned(), None);
    }
    let count = well.status.components.len();
    let top = top_with([well], now);
    says(&plain(&top, (40, 24), now), &[&format!("● all {count} parts operational")]);
    says(&plain(&top, (40, 40), now), &["● Chain nodes", "● Database"]);
}

#[tokio::test]
async fn out_of_its_time_a_campaign_has_no_pace() {
    let now = Instant::now();
    let mut over = campaign("usdc-tmai", Some("5000000000000000000"));
    over["status"] = json!("ended");
    let top = top_with([look(0, vec![over], json!({}))], now);
    says(&plain(&top, (160, 50), now), &["a minute none", "████████████████████████"]);
}

#[tokio::test]
async fn unknown_is_said_and_never_zero() {
    let now = Instant::now();
    let text = plain(&top_with([look(0, vec![campaign("c", None)], json!({}))], now), (100, 24), now);
    says(
        &text,
        &[
            "emitted unknown of 14,920,000.0000",
            "earned unknown",
            "a minute unknown",
            "(not_indexed)",
            "Who earned what is unknown.",
        ],
    );
    assert!(!text.contains(" 0.00"), "{text}");
    let none = json!({ "as_of": null, "finality": null, "age_seconds": null });
    says(
        &plain(&top_with([look(0, vec![], none)], now), (100, 24), now),
        &["block unknown", "There is no campaign."],
    );
}

#[tokio::test]
async fn a_source_that_is_gone_stale_or_rewound_is_said_until_it_is_well() {
    let now = Instant::now();
    let one = |seconds| look(seconds, vec![campaign("c", Some("5000000000000000000"))], json!({}));
    let mut top = top_with([one(60)], now);
    top.missed("the service cannot be reached".to_owned(), now);
    top.missed("the service cannot be reached".to_owned(), now + Duration::from_secs(5));
    let later = now + Duration::from_secs(12);
    says(
        &plain(&top, (100, 24), later),
        &[
            "✗ gone",
            "NO ANSWER for 12 s: the service cannot be reached. It is asked again.",
            "17 s old",
            "5.0000",
        ],
    );
    top.looked(one(62), later);
    assert!(!plain(&top, (100, 24), later).contains("NO ANSWER"));
    let old = look(
        64,
        vec![campaign("c", Some("5000000000000000000"))],
        json!({ "stale": true, "age_seconds": 600 }),
    );
    top.looked(old, later);
    says(&plain(&top, (100, 24), later), &["STALE: the newest block is 10 min 0 s old."]);
    top.looked(one(40), later);
    let text = plain(&top, (100, 24), later);
    says(&text, &["REORG: blocks left the chain", "a minute unknown"]);
    assert!(!plain(&top, (100, 24), later + Duration::from_secs(31)).contains("REORG"));
    let nothing = Top::new("x".to_owned(), None);
    says(&plain(&nothing, (100, 24), now), &["Nothing is read yet."]);
}

#[tokio::test]
async fn names_of_strangers_move_nothing() {
    let now = Instant::now();
    let mut row = campaign("evil\u{1b}[31m\u{202e}\nid", Some("5"));
    row["reward_token"]["symbol"] = json!("T\u{1b}]0;owned\u{7}\u{200b}MAI");
    row["top"][0]["account"] = json!("0x\u{1b}[2J\u{9b}31m");
    let text = plain(
        &top_with([look(0, vec![row], json!({ "notice": "hear\u{1b}[5m\u{2028}this" }))], now),
        (100, 24),
        now,
    );
    says(&text, &["evil?[31m??id", "T?]0;owned??MAI", "0x?[2J?31m", "hear?[5m?this"]);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[tokio::test]
async fn keys_choose_open_and_end() {
    let now = Instant::now();
    let both =
        vec![campaign("first", Some("5000000000000000000")), campaign("second", Some("6000000000000000000"))];
    let mut top = top_with([look(0, both, json!({ "notice": "REHEARSAL: nobody's money" }))], now);
    says(&plain(&top, (100, 30), now), &["REHEARSAL: nobody's money", "Earners of first"]);
    press(&mut top, KeyCode::Down);
    press(&mut top, KeyCode::Down);
    says(&plain(&top, (100, 30), now), &["▸ second", "Earners of second"]);
    press(&mut top, KeyCode::Enter);
    says(&plain(&top, (100, 30), now), &["scored per_block", "0.5 USD", "2025-06-19 17:00:00 UTC"]);
    press(&mut top, KeyCode::Esc);
    press(&mut top, KeyCode::Tab);
    press(&mut top, KeyCode::Enter);
    says(&plain(&top, (100, 30), now), &["NFT 1: 6.0000", "uniswap_v3:0xPOOL:nft:0xMANAGER:1", "3.00 USD"]);
    press(&mut top, KeyCode::Char('q'));
    assert!(!top.is_over(), "the first q closes what lies over the screen");
    press(&mut top, KeyCode::Char('?'));
    says(&plain(&top, (100, 30), now), &["Keys and signs"]);
    press(&mut top, KeyCode::Char('?'));
    press(&mut top, KeyCode::Char('q'));
    assert!(top.is_over());
    let mut other = Top::new("x".to_owned(), None);
    other.pressed(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert!(other.is_over());
}

#[tokio::test]
async fn without_colour_nothing_is_coloured_and_the_chosen_row_still_stands_out() {
    let now = Instant::now();
    let top = top_with([look(0, vec![campaign("c", Some("5"))], json!({}))], now);
    let colours = |paint| {
        let (_, terminal) = frame(&top, (100, 24), paint, now);
        let cells = terminal.backend().buffer().content().to_vec();
        let coloured = cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        (coloured, cells.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)))
    };
    assert_eq!(colours(Paint::Plain), (false, true));
    assert_eq!(colours(Paint::Coloured), (true, true));
}
