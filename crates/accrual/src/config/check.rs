//! From what is written to what is meant; each fault names its key.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use accrual_indexer::follow::Finality;
use accrual_rewards::campaign::{Campaign, CampaignError, Scoring, Weights, Window};
use accrual_rewards::id::{PoolId, Venue};
use accrual_rewards::tracker::Pool;
use accrual_rewards::unit::{Amount, BlockNumber};
use accrual_store::DbUrl;
use alloy_primitives::{Address, B256, address};
use rust_decimal::Decimal;

use super::file::{self, File};
use super::load::{ConfigError, Written};
use super::{Chain, Config, PoolEntry, Server, Token};

type Checked<T> = Result<T, ConfigError>;

pub(super) fn check(file: File, written: &Written) -> Checked<Config> {
    let chain = chain(&file.chain, written)?;
    let pools = pools(&file.pools, chain.id, written)?;
    let campaigns = campaigns(&file.campaigns, &pools, written)?;
    let database = DbUrl::from_str(&file.database.url)
        .map_err(|error| written.error("database.url", error.to_string()))?;
    Ok(Config {
        database,
        server: server(&file.server, written)?,
        pepper_file: file.keys.pepper_file.clone(),
        ranges_in_flight_max: usize::from(file.index.ranges_in_flight_max.max(1)),
        commit_events_max: usize::try_from(file.index.commit_events_max.max(1)).unwrap_or(usize::MAX),
        snapshot_events: u64::from(file.index.snapshot_events.max(1)),
        tokens: tokens(&file.tokens, written)?,
        fixed_prices: fixed_prices(&file.prices, written)?,
        chain,
        pools,
        campaigns,
    })
}

fn chain(file: &file::Chain, written: &Written) -> Checked<Chain> {
    let rpc_urls = file.rpc_urls.list();
    for (index, url) in rpc_urls.iter().enumerate() {
        let known = ["http://", "https://", "ws://", "wss://"].iter().any(|scheme| url.starts_with(scheme));
        if !known {
            let key = format!("chain.rpc_urls[{index}]");
            return Err(written.error(
                &key,
                format!("{url:?} is no URL of a node: it begins with http://, https://, ws:// or wss://"),
            ));
        }
    }
    if file.log_range_blocks_max == 0 {
        return Err(written.error("chain.log_range_blocks_max", "is 0: at least one block must be asked for"));
    }
    let finality = match &file.finality {
        file::Finality::Confirmations(depth) => Finality::Confirmations(*depth),
        file::Finality::Tag(tag) => match (tag.as_str(), tag.parse()) {
            ("finalized", _) => Finality::Finalized,
            ("safe", _) => Finality::Safe,
            (_, Ok(depth)) => Finality::Confirmations(depth),
            _ => {
                let what = format!(
                    "{tag:?} is no finality: it is \"finalized\", \"safe\" or a number of confirmations"
                );
                return Err(written.error("chain.finality", what));
            }
        },
    };
    Ok(Chain {
        id: file.id,
        rpc_urls,
        finality,
        log_range_blocks_max: file.log_range_blocks_max,
        poll_interval: Duration::from_millis(u64::from(file.poll_interval_ms.max(10))),
        block_seconds: file.block_seconds.map(u64::from).or(known_block_seconds(file.id)),
    })
}

/// Chains whose blocks come at an even pace, so that the time of a block between two others is known.
fn known_block_seconds(chain_id: u64) -> Option<u64> {
    match chain_id {
        10 | 8453 => Some(2),
        _ => None,
    }
}

/// Uniswap v3's position manager where it is not configured (`facts/protocols.md` 1.1).
fn known_position_manager(chain_id: u64) -> Option<Address> {
    match chain_id {
        1 | 10 | 137 | 42161 => Some(address!("C36442b4a4522E871399CD717aBDD847Ab11FE88")),
        8453 => Some(address!("03a520b32C04BF3bEEf7BEb72E919cf822Ed34f1")),
        _ => None,
    }
}

fn server(file: &file::Server, written: &Written) -> Checked<Server> {
    let listen = file.listen.parse().map_err(|_| {
        written.error(
            "server.listen",
            format!("{:?} is no address to listen on: write it as 127.0.0.1:8080", file.listen),
        )
    })?;
    let stale_after_seconds = u64::from(file.stale_after_seconds);
    Ok(Server { listen, notice: file.notice.clone(), stale_after_seconds })
}

fn tokens(file: &[file::Token], written: &Written) -> Checked<Vec<Token>> {
    let token = |(index, token): (usize, &file::Token)| {
        let address = address_at(&format!("tokens[{index}].address"), &token.address, written)?;
        Ok(Token { address, symbol: token.symbol.clone(), decimals: token.decimals })
    };
    file.iter().enumerate().map(token).collect()
}

fn pools(file: &[file::Pool], chain_id: u64, written: &Written) -> Checked<Vec<PoolEntry>> {
    let mut ids = BTreeSet::new();
    let mut pools = Vec::with_capacity(file.len());
    for (index, entry) in file.iter().enumerate() {
        let key = |name: &str| format!("pools[{index}].{name}");
        let id: PoolId = parse_at(&key("id"), &entry.id, written)?;
        if !ids.insert(id.clone()) {
            return Err(written.error(&key("id"), format!("{id} is the id of two pools: ids are unique")));
        }
        if let Some(wrapper) = entry.wrappers.first() {
            let what = format!(
                "wrappers of kind {:?} are not followed by this version: take them out, and rewards stay with the holder itself",
                wrapper.kind
            );
            return Err(written.error(&key("wrappers"), what));
        }
        let optional = |name: &str, text: &Option<String>| {
            text.as_ref().map(|text| address_at(&key(name), text, written)).transpose()
        };
        let position_manager = optional("position_manager", &entry.position_manager)?;
        pools.push(PoolEntry {
            pool: Pool {
                id,
                venue: parse_at::<Venue>(&key("venue"), &entry.venue, written)?,
                address: address_at(&key("address"), &entry.address, written)?,
                position_manager: position_manager.or(known_position_manager(chain_id)),
                created_block: BlockNumber(entry.created_block),
            },
            token0: optional("token0", &entry.token0)?,
            token1: optional("token1", &entry.token1)?,
        });
    }
    Ok(pools)
}

fn campaigns(file: &[file::Campaign], pools: &[PoolEntry], written: &Written) -> Checked<Vec<Campaign>> {
    let mut ids = BTreeSet::new();
    let mut campaigns = Vec::with_capacity(file.len());
    for (index, entry) in file.iter().enumerate() {
        let campaign = campaign(index, entry, pools, written)?;
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
    written: &Written,
) -> Checked<Campaign> {
    let key = |name: &str| format!("campaigns[{index}].{name}");
    let pool: PoolId = parse_at(&key("pool"), &entry.pool, written)?;
    if !pools.iter().any(|entry| entry.pool.id == pool) {
        let known: Vec<&str> = pools.iter().map(|entry| entry.pool.id.as_str()).collect();
        let what = format!("there is no pool {pool} in [[pools]] (there are: {})", known.join(", "));
        return Err(written.error(&key("pool"), what));
    }
    if entry.scoring != Scoring::PerBlock.as_str() {
        let what = format!("{:?} is no scoring of this version: it has per_block", entry.scoring);
        return Err(written.error(&key("scoring"), what));
    }
    let accounts = |name: &str, list: &[String]| -> Checked<BTreeSet<Address>> {
        let at =
            |(place, text): (usize, &String)| address_at(&format!("{}[{place}]", key(name)), text, written);
        list.iter().enumerate().map(at).collect()
    };
    let weights = entry.weights.map_or(Weights { fees: 1, token0: 0, token1: 0 }, |weights| Weights {
        fees: weights.fees,
        token0: weights.token0,
        token1: weights.token1,
    });
    let merkl_campaign_id = match &entry.merkl_campaign_id {
        Some(text) => Some(parse_at::<B256>(&key("merkl_campaign_id"), text, written)?),
        None => None,
    };
    let campaign = Campaign {
        id: parse_at(&key("id"), &entry.id, written)?,
        pool,
        merkl_campaign_id,
        reward_token: address_at(&key("reward_token"), &entry.reward_token, written)?,
        budget: parse_at::<Amount>(&key("budget_units"), &entry.budget_units, written)?,
        fee_ppm: entry.fee_ppm,
        window: Window { starts_at: entry.starts_at.0, ends_at: entry.ends_at.0 },
        scoring: Scoring::PerBlock,
        run_seconds: entry.run_seconds,
        weights,
        out_of_range: entry.out_of_range,
        blacklist: accounts("blacklist", &entry.blacklist)?,
        whitelist: accounts("whitelist", &entry.whitelist)?,
    };
    campaign.checked().map_err(|error| {
        let name = match &error {
            CampaignError::EndsBeforeStart { .. } => "ends_at",
            CampaignError::NoWeight { .. } => "weights",
            CampaignError::OutOfBounds { .. } => "id",
        };
        written.error(&key(name), error.to_string())
    })
}

fn fixed_prices(file: &[file::Price], written: &Written) -> Checked<BTreeMap<Address, Decimal>> {
    let mut prices = BTreeMap::new();
    for (index, entry) in file.iter().enumerate() {
        let key = |name: &str| format!("prices[{index}].{name}");
        if entry.source != "fixed" {
            let what = format!(
                "{:?} is no price source of this version: it has fixed, with price_usd",
                entry.source
            );
            return Err(written.error(&key("source"), what));
        }
        let token = address_at(&key("token"), &entry.token, written)?;
        let text = entry.price_usd.as_ref().ok_or_else(|| {
            written.error(&key("price_usd"), "is missing: a fixed price needs it, as \"1.00\"")
        })?;
        let price = Decimal::from_str(text).ok().filter(|price| price.is_sign_positive());
        let wrong =
            || written.error(&key("price_usd"), format!("{text:?} is no price: write it as \"1.00\""));
        prices.insert(token, price.ok_or_else(wrong)?);
    }
    Ok(prices)
}

fn address_at(key: &str, text: &str, written: &Written) -> Checked<Address> {
    let address: Address = text
        .parse()
        .map_err(|_| written.error(key, format!("{text:?} is no address: 0x and 40 hexadecimal digits")))?;
    let digits = text.trim_start_matches("0x");
    let one_case =
        digits.chars().all(|c| !c.is_ascii_uppercase()) || digits.chars().all(|c| !c.is_ascii_lowercase());
    if one_case || address.to_checksum(None).ends_with(digits) {
        return Ok(address);
    }
    let what = format!(
        "{text} has a wrong mix of capitals (EIP-55): a digit is mistyped; if it is right, it is written {address}"
    );
    Err(written.error(key, what))
}

fn parse_at<T>(key: &str, text: &str, written: &Written) -> Checked<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| written.error(key, error.to_string()))
}
