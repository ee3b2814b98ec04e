//! `[[prices]]`: where each token's price comes from.

mod routes;

use std::collections::BTreeSet;
use std::str::FromStr;

use accrual_rewards::id::PoolId;
use accrual_rewards::price::{Source, Sources};
use accrual_rewards::series::MEAN_WINDOWS_SECONDS;
use alloy_primitives::Address;
use rust_decimal::Decimal;

use super::{Checked, address_at, parse_at};
use crate::config::PoolEntry;
use crate::config::file;
use crate::config::load::Written;

/// USDC/USD is answered anew once a day at least (`facts/protocols.md` 0), with an hour's grace.
const STALE_AFTER_SECONDS: u64 = 90_000;
/// As Chainlink's own documents wait after a sequencer came up again.
const SEQUENCER_GRACE_SECONDS: u64 = 3_600;
const WINDOW_SECONDS: u32 = 1_800;

pub(super) fn prices(file: &[file::Price], pools: &[PoolEntry], written: &Written) -> Checked<Sources> {
    let (mut prices, mut tokens) = (Sources::new(), Vec::new());
    for (index, entry) in file.iter().enumerate() {
        let key = |name: &str| format!("prices[{index}].{name}");
        let token = address_at(&key("token"), &entry.token, written)?;
        let source = match entry.source.as_str() {
            "fixed" => fixed(&key, entry, written)?,
            "chainlink" => chainlink(&key, entry, written)?,
            "pool" => pool(&key, entry, pools, written)?,
            other => {
                let what = format!("{other:?} is no price source: it is fixed, chainlink or pool");
                return Err(written.error(&key("source"), what));
            }
        };
        if prices.insert(token, source).is_some() {
            return Err(written.error(&key("token"), format!("{token} has a price above: one is enough")));
        }
        tokens.push(token);
    }
    refuse_loops(&tokens, &prices, pools, written)?;
    Ok(prices)
}

/// `tokens` are those of the entries, in their order.
fn refuse_loops(tokens: &[Address], prices: &Sources, pools: &[PoolEntry], written: &Written) -> Checked<()> {
    let Some(steps) = routes::looped(tokens, prices, pools) else { return Ok(()) };
    let index = |token| tokens.iter().position(|one| *one == token).expect("each step is of an entry");
    let told: Vec<String> = steps
        .iter()
        .map(|step| {
            format!("prices[{}].pool {} tells {} in {}", index(step.token), step.pool, step.token, step.other)
        })
        .collect();
    let what = format!(
        "the route leads back to {}, so it never comes to a dollar: {}; give one of them a source of fixed or chainlink",
        steps[0].token,
        told.join(", ")
    );
    Err(written.error(&format!("prices[{}].pool", index(steps[0].token)), what))
}

/// Lets every pool follow every feed that a price or a sequencer is read from.
pub(super) fn follow_feeds(pools: &mut [PoolEntry], prices: &Sources) {
    let mut feeds = BTreeSet::new();
    for source in prices.values() {
        if let Source::Chainlink { feed, sequencer_feed, .. } = source {
            feeds.insert(*feed);
            feeds.extend(sequencer_feed);
        }
    }
    pools.iter_mut().for_each(|entry| entry.pool.feeds = feeds.iter().copied().collect());
}

fn fixed(key: &dyn Fn(&str) -> String, entry: &file::Price, written: &Written) -> Checked<Source> {
    let text = entry
        .price_usd
        .as_ref()
        .ok_or_else(|| written.error(&key("price_usd"), "is missing: a fixed price needs it, as \"1.00\""))?;
    let price = Decimal::from_str(text).ok().filter(|price| price.is_sign_positive());
    let wrong = || written.error(&key("price_usd"), format!("{text:?} is no price: write it as \"1.00\""));
    Ok(Source::Fixed { usd: price.ok_or_else(wrong)? })
}

fn chainlink(key: &dyn Fn(&str) -> String, entry: &file::Price, written: &Written) -> Checked<Source> {
    let missing = || written.error(&key("feed"), "is missing: chainlink needs the feed's address");
    let feed = address_at(&key("feed"), entry.feed.as_ref().ok_or_else(missing)?, written)?;
    let sequencer: Option<Address> = match &entry.sequencer_feed {
        Some(text) => Some(address_at(&key("sequencer_feed"), text, written)?),
        None => None,
    };
    Ok(Source::Chainlink {
        feed,
        stale_after_seconds: entry.stale_after_seconds.unwrap_or(STALE_AFTER_SECONDS),
        sequencer_feed: sequencer,
        sequencer_grace_seconds: entry.sequencer_grace_seconds.unwrap_or(SEQUENCER_GRACE_SECONDS),
    })
}

fn pool(
    key: &dyn Fn(&str) -> String,
    entry: &file::Price,
    pools: &[PoolEntry],
    written: &Written,
) -> Checked<Source> {
    let missing = || written.error(&key("pool"), "is missing: source pool needs the id of one of [[pools]]");
    let pool: PoolId = parse_at(&key("pool"), entry.pool.as_ref().ok_or_else(missing)?, written)?;
    if !pools.iter().any(|entry| entry.pool.id == pool) {
        return Err(written.error(&key("pool"), format!("there is no pool {pool} in [[pools]]")));
    }
    let window_seconds = entry.window_seconds.unwrap_or(WINDOW_SECONDS);
    if !MEAN_WINDOWS_SECONDS.contains(&window_seconds) {
        let kept = MEAN_WINDOWS_SECONDS.map(|seconds| seconds.to_string()).join(", ");
        let what = format!("is {window_seconds}: means are kept over {kept} seconds");
        return Err(written.error(&key("window_seconds"), what));
    }
    Ok(Source::Pool { pool, window_seconds })
}
