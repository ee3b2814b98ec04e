//! From what is written to what is meant; each fault names its key.

mod campaigns;
mod keys;
mod plans;
mod pools;
mod prices;

use std::str::FromStr;
use std::time::Duration;

use accrual_access::address_guard::AddressGuard;
use accrual_api::webhooks::WebhookSettings;
use accrual_indexer::follow::Finality;
use accrual_store::DbUrl;
use alloy_primitives::{Address, address};

use super::file::{self, File};
use super::load::{ConfigError, Written};
use super::{Chain, Config, Server, SignIn, Token};

pub(super) type Checked<T> = Result<T, ConfigError>;

pub(super) fn check(file: File, written: &Written) -> Checked<Config> {
    let chain = chain(&file.chain, written)?;
    let mut pools = pools::pools(&file.pools, chain.id, written)?;
    let prices = prices::prices(&file.prices, &pools, written)?;
    let campaigns = campaigns::campaigns(&file.campaigns, &pools, &prices, written)?;
    prices::follow_feeds(&mut pools, &prices);
    let database = DbUrl::from_str(&file.database.url)
        .map_err(|error| written.error("database.url", error.to_string()))?;
    Ok(Config {
        database,
        server: server(&file.server, written)?,
        keys: keys::keys(&file.keys, written)?,
        plans: plans::plans(&file.plans, written)?,
        billing: plans::billing(&file.billing, written)?,
        proxy_secrets_file: file.marketplace.proxy_secrets_file.clone(),
        ranges_in_flight_max: usize::from(file.index.ranges_in_flight_max.max(1)),
        commit_events_max: usize::try_from(file.index.commit_events_max.max(1)).unwrap_or(usize::MAX),
        snapshot_events: u64::from(file.index.snapshot_events.max(1)),
        sign_in: sign_in(&file.sign_in, chain.id, written)?,
        tokens: tokens(&file.tokens, written)?,
        prices,
        distribution_creator: distribution_creator(&file.merkl, written)?,
        webhooks: webhooks(&file.webhooks, written)?,
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

/// Where a default contract is not configured: the chain's own (`facts/merkl.md` 3.1).
fn distribution_creator(file: &file::Merkl, written: &Written) -> Checked<Address> {
    let text = file.distribution_creator.as_ref();
    let given = text.map(|text| address_at("merkl.distribution_creator", text, written)).transpose()?;
    Ok(given.unwrap_or(address!("8BB4C975Ff3c250e0ceEA271728547f3802B36Fd")))
}

fn server(file: &file::Server, written: &Written) -> Checked<Server> {
    let listen = file.listen.parse().map_err(|_| {
        written.error(
            "server.listen",
            format!("{:?} is no address to listen on: write it as 127.0.0.1:8080", file.listen),
        )
    })?;
    let stale_after_seconds = u64::from(file.stale_after_seconds);
    let trusted_proxies = keys::networks("server.trusted_proxies", &file.trusted_proxies, written)?;
    Ok(Server { listen, notice: file.notice.clone(), stale_after_seconds, trusted_proxies })
}

fn webhooks(file: &file::Webhooks, written: &Written) -> Checked<WebhookSettings> {
    let allowed = file.allow_private.list();
    let allowed = allowed.iter().map(String::as_str).filter(|text| !text.is_empty());
    let guard = AddressGuard::allowing(allowed)
        .map_err(|error| written.error("webhooks.allow_private", error.to_string()))?;
    Ok(WebhookSettings { guard, apr_moved_percent: file.apr_moved_percent })
}

/// A signature is good for one site only, so a site has to be named.
fn sign_in(file: &file::SignIn, chain_id: u64, written: &Written) -> Checked<Option<SignIn>> {
    if !file.enabled {
        return Ok(None);
    }
    let domain = file.domain.clone().unwrap_or_default();
    let foreign = |c: char| !(c.is_ascii_alphanumeric() || "-._:[]".contains(c));
    if domain.is_empty() || domain.contains(foreign) {
        let what = format!(
            "{domain:?} is no host that people sign in to: write it as app.example or localhost:8080"
        );
        return Err(written.error("sign_in.domain", what));
    }
    let chain_ids = file.chain_ids.clone().unwrap_or_else(|| vec![chain_id]);
    if chain_ids.is_empty() {
        return Err(written.error("sign_in.chain_ids", "is empty: no account could sign in"));
    }
    Ok(Some(SignIn { domain, chain_ids }))
}

fn tokens(file: &[file::Token], written: &Written) -> Checked<Vec<Token>> {
    let token = |(index, token): (usize, &file::Token)| {
        let address = address_at(&format!("tokens[{index}].address"), &token.address, written)?;
        Ok(Token { address, symbol: token.symbol.clone(), decimals: token.decimals })
    };
    file.iter().enumerate().map(token).collect()
}

pub(super) fn address_at(key: &str, text: &str, written: &Written) -> Checked<Address> {
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

pub(super) fn parse_at<T>(key: &str, text: &str, written: &Written) -> Checked<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| written.error(key, error.to_string()))
}
