//! `[[campaigns]]` with their versions.

use std::collections::BTreeSet;

use accrual_rewards::campaign::{Campaign, CampaignError, Scoring, ValueMin, Version, Weights, Window};
use accrual_rewards::id::{PoolId, Venue};
use accrual_rewards::price::Sources;
use accrual_rewards::unit::Amount;
use alloy_primitives::{Address, B256};
use rust_decimal::Decimal;

use super::{Checked, address_at, parse_at};
use crate::config::PoolEntry;
use crate::config::file;
use crate::config::load::Written;

pub(super) fn campaigns(
    file: &[file::Campaign],
    pools: &[PoolEntry],
    prices: &Sources,
    written: &Written,
) -> Checked<Vec<Campaign>> {
    let mut ids = BTreeSet::new();
    let mut campaigns = Vec::with_capacity(file.len());
    for (index, entry) in file.iter().enumerate() {
        let campaign = campaign(index, entry, pools, prices, written)?;
        if !ids.insert(campaign.id.clone()) {
            let what = format!("{} is the id of two campaigns: ids are unique", campaign.id);
            return Err(written.error(&format!("campaigns[{index}].id"), what));
        }
        campaigns.push(campaign);
    }
    Ok(campaigns)
}

fn campaign(
    index: usize,
    entry: &file::Campaign,
    pools: &[PoolEntry],
    prices: &Sources,
    written: &Written,
) -> Checked<Campaign> {
    let key = |name: &str| format!("campaigns[{index}].{name}");
    let pool: PoolId = parse_at(&key("pool"), &entry.pool, written)?;
    let Some(venue) = pools.iter().find(|entry| entry.pool.id == pool).map(|entry| entry.pool.venue) else {
        let known: Vec<&str> = pools.iter().map(|entry| entry.pool.id.as_str()).collect();
        let what = format!("there is no pool {pool} in [[pools]] (there are: {})", known.join(", "));
        return Err(written.error(&key("pool"), what));
    };
    let scoring: Scoring = parse_at(&key("scoring"), &entry.scoring, written)?;
    check_scoring(&key, entry, scoring, venue, written)?;
    let merkl_campaign_id = match &entry.merkl_campaign_id {
        Some(text) => Some(parse_at::<B256>(&key("merkl_campaign_id"), text, written)?),
        None => None,
    };
    let value_min_usd = value_min(&key, entry, prices, written)?;
    let mut campaign = Campaign {
        id: parse_at(&key("id"), &entry.id, written)?,
        pool,
        merkl_campaign_id,
        reward_token: address_at(&key("reward_token"), &entry.reward_token, written)?,
        budget: parse_at::<Amount>(&key("budget_units"), &entry.budget_units, written)?,
        fee_ppm: entry.fee_ppm,
        window: Window { starts_at: entry.starts_at.0, ends_at: entry.ends_at.0 },
        scoring,
        run_seconds: entry.run_seconds,
        weights: entry.weights.map_or(Weights { fees: 1, token0: 0, token1: 0 }, weights),
        out_of_range: entry.out_of_range,
        blacklist: accounts(&key("blacklist"), &entry.blacklist, written)?,
        whitelist: accounts(&key("whitelist"), &entry.whitelist, written)?,
        value_min_usd,
        versions: Vec::new(),
    };
    campaign.versions = versions(&key("versions"), &entry.versions, &campaign, venue, written)?;
    campaign.checked().map_err(|error| {
        let name = match &error {
            CampaignError::EndsBeforeStart { .. } => "ends_at",
            CampaignError::NoWeight { .. } => "weights",
            CampaignError::OutOfBounds { .. } => "id",
        };
        written.error(&key(name), error.to_string())
    })
}

fn value_min(
    key: &dyn Fn(&str) -> String,
    entry: &file::Campaign,
    prices: &Sources,
    written: &Written,
) -> Checked<Option<ValueMin>> {
    let Some(text) = &entry.value_min_usd else { return Ok(None) };
    let usd: Decimal = parse_at(&key("value_min_usd"), text, written)?;
    if usd.is_sign_negative() {
        return Err(written.error(&key("value_min_usd"), format!("{text} is below zero")));
    }
    if entry.run_seconds.is_none_or(|seconds| seconds == 0) {
        let what = "is missing or 0: value_min_usd is looked at when a run ends";
        return Err(written.error(&key("run_seconds"), what));
    }
    Ok(Some(ValueMin { usd, sources: prices.clone() }))
}

fn check_scoring(
    key: &dyn Fn(&str) -> String,
    entry: &file::Campaign,
    scoring: Scoring,
    venue: Venue,
    written: &Written,
) -> Checked<()> {
    if scoring.is_by_run() && entry.run_seconds.is_none_or(|seconds| seconds == 0) {
        let what = format!("is missing or 0: {} pays run by run, as Merkl does every 7200", scoring.as_str());
        return Err(written.error(&key("run_seconds"), what));
    }
    if scoring == Scoring::SwapWeighted && venue == Venue::Erc20 {
        return Err(written.error(&key("scoring"), "needs a pool with swaps: an erc20 has none"));
    }
    if entry.weights.is_some() && !venue.is_concentrated() {
        return Err(written.error(&key("weights"), no_weights(venue)));
    }
    Ok(())
}

fn no_weights(venue: Venue) -> String {
    format!("are for concentrated pools: a pool of {venue} is paid by shares, all in one part")
}

fn versions(
    key: &str,
    file: &[file::Version],
    first: &Campaign,
    venue: Venue,
    written: &Written,
) -> Checked<Vec<Version>> {
    let mut versions: Vec<Version> = Vec::with_capacity(file.len());
    for (index, entry) in file.iter().enumerate() {
        let key = |name: &str| format!("{key}[{index}].{name}");
        if entry.weights.is_some() && !venue.is_concentrated() {
            return Err(written.error(&key("weights"), no_weights(venue)));
        }
        let before = versions.last().cloned().unwrap_or_else(|| as_version(first));
        if entry.since.0 < before.since && index > 0 {
            return Err(
                written.error(&key("since"), "is before the version above it: list them in order of time")
            );
        }
        let list = |name: &str, list: &Option<Vec<String>>, before: &BTreeSet<Address>| match list {
            Some(list) => accounts(&key(name), list, written),
            None => Ok(before.clone()),
        };
        versions.push(Version {
            since: entry.since.0,
            window: Window {
                starts_at: entry.starts_at.as_ref().map_or(before.window.starts_at, |at| at.0),
                ends_at: entry.ends_at.as_ref().map_or(before.window.ends_at, |at| at.0),
            },
            weights: entry.weights.map_or(before.weights, weights),
            out_of_range: entry.out_of_range.unwrap_or(before.out_of_range),
            blacklist: list("blacklist", &entry.blacklist, &before.blacklist)?,
            whitelist: list("whitelist", &entry.whitelist, &before.whitelist)?,
        });
    }
    Ok(versions)
}

fn as_version(campaign: &Campaign) -> Version {
    Version {
        since: campaign.window.starts_at,
        window: campaign.window,
        weights: campaign.weights,
        out_of_range: campaign.out_of_range,
        blacklist: campaign.blacklist.clone(),
        whitelist: campaign.whitelist.clone(),
    }
}

fn accounts(key: &str, list: &[String], written: &Written) -> Checked<BTreeSet<Address>> {
    let at = |(place, text): (usize, &String)| address_at(&format!("{key}[{place}]"), text, written);
    list.iter().enumerate().map(at).collect()
}

fn weights(file: file::Weights) -> Weights {
    Weights { fees: file.fees, token0: file.token0, token1: file.token1 }
}
