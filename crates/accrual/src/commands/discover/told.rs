//! `accrual discover --merkl URL`: campaigns as Merkl's API tells of them, as configuration ready to paste. It needs no node.
//!
//! A campaign whose pool is configured is written out; of any other the pool's address is named in a comment, since a
//! pool's venue, manager and first block are on the chain: `accrual discover` without `--merkl` reads them there.

use std::fmt::Write;

use accrual_api::view::Rfc3339;
use accrual_merkl::wire::Campaign;
use accrual_merkl::{Http, Pace, Reader};
use accrual_rewards::unit::UnixSeconds;
use alloy_primitives::Address;
use anyhow::anyhow;

use crate::config::{Config, PoolEntry};
use crate::failure::{Failure, Outcome};
use crate::reconcile::theirs::KEY;

pub(super) async fn told(config: &Config, url: &str, reward_token: Option<Address>) -> Outcome {
    let pace = Pace { requests_per_second: config.merkl.requests_per_second, ..Pace::default() };
    let http =
        Http::new(url, std::env::var(KEY).ok(), pace).map_err(|error| Failure::usage(error.to_string()))?;
    let reader = Reader::new(http, config.chain.id);
    let found = reader.campaigns(reward_token).await.map_err(|error| anyhow!("{url}: {error}"))?;
    if found.is_empty() {
        let whose = reward_token.map_or(String::new(), |token| format!(" that pays {token}"));
        eprintln!("accrual: {url} knows no campaign{whose} on chain {}", config.chain.id);
    }
    for campaign in &found {
        print!("{}", written(campaign, &config.pools));
    }
    Ok(())
}

fn written(campaign: &Campaign, pools: &[PoolEntry]) -> String {
    let about = campaign.params.pool_address.or(campaign.params.target_token);
    let pool = pools.iter().find(|entry| Some(entry.pool.address) == about);
    let kind = plain(campaign.kind.as_deref().unwrap_or("unknown"));
    let mut text =
        format!("# Campaign {} of type {kind}, as Merkl's API tells of it.\n", campaign.campaign_id);
    let Some(pool) = pool else {
        let about =
            about.map_or("no pool or token that it names".to_owned(), |about| about.to_checksum(None));
        let _ = writeln!(
            text,
            "# Left out: it is about {about}, which no [[pools]] has; `accrual discover` finds pools on the chain.\n"
        );
        return text;
    };
    let tail: String = campaign.campaign_id.to_string().chars().skip(2).take(6).collect();
    let at = |seconds| Rfc3339(UnixSeconds(seconds)).to_string();
    let starts_at = at(campaign.start_timestamp);
    let day: String = starts_at.chars().take(10).collect();
    let list = |accounts: &[Address]| {
        let quoted: Vec<String> =
            accounts.iter().map(|account| format!("\"{}\"", account.to_checksum(None))).collect();
        quoted.join(", ")
    };
    let _ = write!(
        text,
        "[[campaigns]]\nid = \"{pool}-{day}-{tail}\"\npool = \"{pool}\"\nmerkl_campaign_id = \"{}\"\nreward_token = \"{}\"\n\
         budget_units = \"{}\"\nstarts_at = \"{starts_at}\"\nends_at = \"{}\"\n\
         # Which scoring they use is not told: `accrual compare` says which fits.\nscoring = \"per_block\"\n",
        campaign.campaign_id,
        campaign.reward_token.address.to_checksum(None),
        campaign.amount,
        at(campaign.end_timestamp),
        pool = pool.pool.id,
    );
    if pool.pool.venue.is_concentrated() {
        let params = &campaign.params;
        let weight = |weight: Option<u32>| weight.unwrap_or(0);
        let _ = writeln!(
            text,
            "weights = {{ fees = {}, token0 = {}, token1 = {} }}\nout_of_range = {}",
            weight(params.weight_fees),
            weight(params.weight_token0),
            weight(params.weight_token1),
            params.is_out_of_range_incentivized.unwrap_or(false)
        );
    }
    let (blacklist, whitelist) = (list(&campaign.params.blacklist), list(&campaign.params.whitelist));
    let _ = writeln!(text, "blacklist = [{blacklist}]\nwhitelist = [{whitelist}]\n");
    text
}

/// A word of theirs in a comment: no line of it may become configuration.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}
