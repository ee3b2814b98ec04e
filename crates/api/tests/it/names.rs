//! Tokens whose names were chosen to do harm.

use accrual_store::{TokenRow, pools, tokens};
use axum::body::Body;
use axum::http::Request;
use futures::StreamExt;
use tower::ServiceExt;

use crate::rig::{CHAIN, Rig, address, pool};

/// What a stranger may choose.
fn poisons() -> Vec<String> {
    vec![
        "A\u{1b}[2J\u{7}\0B\r\nSet-Cookie: a=b".to_owned(),
        "X".repeat(10_240),
        "US\u{202e}CD\u{200f}\u{2066}".to_owned(),
        "=HYPERLINK(\"http://x\",1)".to_owned(),
        "@SUM(A1)".to_owned(),
        "-2+3+cmd|' /C calc'!A0".to_owned(),
        "<img src=x onerror=alert(1)>".to_owned(),
        "\"},\"x\":\"</script>".to_owned(),
        "\u{feff}\u{200b}e\u{301}".to_owned(),
    ]
}

/// Its rows were written by somebody who cleans nothing, or it is in the configuration.
async fn rig(symbol: &str, configured: bool) -> Rig {
    let rig = Rig::told(|settings| {
        settings.pools[0].token1 = None;
        settings.tokens.retain(|token| token.address == address(0xa0));
        if configured {
            let mut token = settings.tokens[0].clone();
            (token.address, token.symbol) = (address(0xa1), symbol.to_owned());
            settings.tokens.push(token);
        }
    })
    .await;
    pools::set_tokens(&rig.db, &pool().id, address(0xa0), address(0xa1)).await.unwrap();
    // PostgreSQL takes no NUL in a text, and SQLite keeps it.
    let row = TokenRow {
        chain_id: CHAIN,
        address: address(0xa1),
        symbol: Some(symbol.to_owned()),
        decimals: Some(6),
    };
    tokens::learn(&rig.db, &[row]).await.unwrap();
    rig.fill(2).await;
    rig
}

fn is_harmless(text: &str) -> bool {
    let bad = |c: char| {
        c.is_control()
            || matches!(c, '<' | '>' | '&' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{300}'..='\u{36f}')
    };
    text.chars().count() <= 32 && !text.contains(bad)
}

#[tokio::test]
async fn every_way_out_is_harmless() {
    for symbol in poisons() {
        for configured in [false, true] {
            let rig = rig(&symbol, configured).await;
            let rewards = format!("/v1/accounts/{:#x}/rewards", address(2));
            for (path, pointer) in [
                ("/v1/pools", "/data/0/token1/symbol"),
                ("/v1/pools/usdc-tmai", "/token1/symbol"),
                ("/v1/campaigns", "/data/0/reward_token/symbol"),
                ("/v1/campaigns/first", "/reward_token/symbol"),
                ("/v1/overview", "/campaigns/0/reward_token/symbol"),
                (rewards.as_str(), "/data/0/token/symbol"),
                (&format!("/v1/accounts/{:#x}/positions", address(2)), "/data/0/token1/symbol"),
            ] {
                let answer = rig.get(path).await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.text);
                let shown = answer.json().pointer(pointer).unwrap().as_str().unwrap().to_owned();
                assert!(!shown.is_empty() && is_harmless(&shown), "{path}: {shown:?}");
            }
            let table = rig.get(&format!("{rewards}?format=csv")).await.text;
            let lines: Vec<&str> = table.split_terminator("\r\n").collect();
            assert_eq!(lines.len(), 2, "no line more: {table:?}");
            let runs =
                |cell: &str| cell.trim_start_matches('"').starts_with(['=', '+', '-', '@', '\t', '\r']);
            assert!(!lines[1].split(',').any(runs), "{table:?}");
            let stream =
                Request::get("/v1/stream").header("x-api-key", &rig.key).body(Body::empty()).unwrap();
            let mut body = rig.router.clone().oneshot(stream).await.unwrap().into_body().into_data_stream();
            for _ in 0..4 {
                let frame = body.next().await.unwrap().unwrap();
                let lines = std::str::from_utf8(&frame).unwrap().trim_end().lines().count();
                assert!(lines <= 3, "an event is one line of data: {frame:?}");
            }
        }
    }
}
