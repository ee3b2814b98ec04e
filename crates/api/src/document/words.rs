//! What a field's name means wherever it stands: its unit by its ending, and an example where its type has none.

use serde_json::{Value, json};

/// What the names of fields end with, and the unit that this says.
const UNITS: [(&str, &str); 8] = [
    ("_units", "In the token's smallest units."),
    ("_units_per_day", "In the token's smallest units."),
    ("_usd", "In US dollars."),
    ("_microusd", "In millionths of a US dollar."),
    ("_percent", "In per cent."),
    ("_ppm", "In millionths."),
    ("_seconds", "In seconds."),
    ("_x96", "Times 2^96."),
];

/// The unit that a field's name says.
pub(super) fn unit(name: &str) -> Option<&'static str> {
    UNITS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, unit)| *unit)
}

/// An example of what a field of this name and type holds.
pub(super) fn example(name: &str, kind: &str) -> Option<Value> {
    match kind {
        "boolean" => Some(json!(false)),
        "integer" => Some(integer(name)),
        "string" => text(name).map(Value::from),
        "object" => object(name),
        _ => None,
    }
}

fn integer(name: &str) -> Value {
    let known = [
        ("chain_id", 8453),
        ("_microusd", 5_000),
        ("_ppm", 53_754),
        ("_seconds", 86_400),
        ("_block", 31_138_862),
        ("block_number", 31_138_862),
        ("tick_lower", -600),
        ("tick_upper", 600),
        ("tick", 10),
        ("decimals", 18),
        ("_percent", 10),
        ("days_after", 7),
        ("calls_per_month", 500_000),
        ("calls_per_minute", 600),
        ("last_status", 200),
        ("status", 400),
    ];
    let found = known.iter().find(|(ending, _)| name.ends_with(ending));
    json!(found.map_or(42, |(_, example)| *example))
}

fn object(name: &str) -> Option<Value> {
    match name {
        "before" => Some(json!({ "state": "active" })),
        "after" => Some(json!({ "state": "revoked" })),
        "found" => Some(json!({ "items": "20" })),
        _ => None,
    }
}

fn text(name: &str) -> Option<&'static str> {
    let known = [
        ("action", "key.rotation.started"),
        ("actor", "key:7Q2mZx9KpL4t"),
        ("agent", "curl/7.88.1"),
        ("allowed_networks", "203.0.113.0/24"),
        ("alarm", "leaf_fell"),
        ("base_reason", "window_not_covered"),
        ("best_scoring", "time_weighted"),
        ("campaign", "usdc-tmai-2025-06"),
        ("client", "dashboard"),
        ("client_id", "cl_8Kd83Lq0PzT1"),
        ("code", "bad_parameter"),
        ("comparison", "cmp_1749132000_4f1c2b3a"),
        ("detail", "must be between 1 and 500"),
        ("domain", "rewards.example.org"),
        ("effective_everywhere_at", "2026-06-12T09:30:01.250Z"),
        ("endpoint", "GET /v1/pools"),
        ("env", "live"),
        ("exposure_reason", "no_price"),
        ("flags", "contract"),
        ("hash", "0b5c9d3f6a1e7c2488f1d0a9b3e4c5d6f708192a3b4c5d6e7f8091a2b3c4d5e6"),
        ("id", "usdc-tmai-2025-06"),
        ("instance", "/v1/pools"),
        ("interval", "1h"),
        ("key", "acr_live_7Q2mZx9KpL4t_..."),
        ("key_id", "7Q2mZx9KpL4t"),
        ("kind", "normal"),
        ("last_error", "the receiver answered 500"),
        ("last_used_agent", "curl/7.88.1"),
        ("last_used_network", "203.0.113.0/24"),
        ("liquidity", "1414213562373095048801"),
        ("merkl_campaign_id", "0x1f2e3d4c5b6a79880f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978"),
        ("message", "rewards.example.org wants you to sign in with your Ethereum account: ..."),
        ("method", "emission_of_a_year_over_eligible_tvl"),
        ("name", "vip"),
        ("network", "203.0.113.0/24"),
        ("next_cursor", "eyJsaXN0IjoiYWNjcnVhbHMvdXNkYy10bWFp..."),
        ("nonce", "4f1c2b3a59687786a5b4c3d2"),
        ("not_told", "/v4/roots/live was refused with status 404"),
        ("note", "the public page"),
        ("notice", "REHEARSAL: no figure here is anybody's money."),
        ("on_chain", "0x1f2e3d4c5b6a79880f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978"),
        ("parameter", "limit"),
        ("plan", "vip"),
        ("pool", "usdc-tmai"),
        (
            "position",
            "uniswap_v3:0x50fbA8d53f5d9c8C2e6E0bD4a1E43cE3F2a31AAd:nft:0xbE1E3C2d0f4A5b6978c8d9e0f1a2b3c4d5e67210:18",
        ),
        ("prev_hash", "9a8b7c6d5e4f30211203f4e5d6c7b8a99a8b7c6d5e4f30211203f4e5d6c7b8a9"),
        ("price_source", "chainlink:0x52908400098527886E0F7030069857D2E4169EE7"),
        ("reading", "read_1749132000_4f1c2b3a"),
        ("reason", "out_of_range"),
        ("reasons", "UniswapV3"),
        ("replaced_by", "Kd83Lq0PzT1a"),
        ("replaces", "3mNp6Rt8Vw0X"),
        ("request_id", "5f3a9c01d2-17"),
        ("reward_reason", "campaign_not_running"),
        ("scoring", "per_block"),
        ("secret", "whsec_..."),
        ("signature", "0x8f3b...1b"),
        ("source", "chain"),
        ("sqrt_price_x96", "79228162514264337593543950336"),
        ("state", "active"),
        ("statement", "Sign in to accrual."),
        ("status", "running"),
        ("sums_reason", "fees_unknown"),
        ("symbol", "TMAI"),
        ("text", "Nothing was paid from 2025-06-06T02:00:00Z to 2025-06-06T04:00:00Z."),
        ("theirs", "0x1f2e3d4c5b6a79880f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978"),
        ("title", "A parameter is unknown, repeated or out of bounds"),
        ("told_by", "merkl"),
        ("tvl_method", "eligible_positions"),
        ("tvl_reason", "no_price_source"),
        ("type", "/problems/bad_parameter"),
        ("uri", "https://rewards.example.org"),
        ("url", "https://hooks.example.org/accrual"),
        ("value_reason", "no_price_source"),
        ("venue", "uniswap_v3"),
        ("verdict", "same"),
        ("version", "1"),
        ("violated-policies", "minute"),
    ];
    known.iter().find(|(known, _)| *known == name).map(|(_, example)| *example)
}
