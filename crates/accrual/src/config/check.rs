//! From what is written to what is meant; each fault names its key.

mod announced;
mod campaigns;
mod keys;
mod plans;
mod pools;
mod prices;

use std::str::FromStr;
use std::time::Duration;

use accrual_access::address_guard::AddressGuard;
use accrual_api::app::SecurityContact;
use accrual_api::mcp::BadSite;
use accrual_api::webhooks::WebhookSettings;
use accrual_api::{ConnectionLimits, McpSettings, StreamLimits};
use accrual_indexer::complete::Completeness;
use accrual_indexer::follow::Finality;
use accrual_rewards::reconcile::Margins;
use accrual_rewards::unit::BlockNumber;
use accrual_store::DbUrl;
use alloy_primitives::{Address, address};

use super::file::{self, File};
use super::load::{ConfigError, Written};
use super::{Chain, Config, Distributor, Merkl, PoolEntry, Retention, Server, SignIn, Standby, Token};
use crate::reconcile::Terms;

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
        standby: standby(&file.database, written)?,
        server: server(&file.server, written)?,
        keys: keys::keys(&file.keys, written)?,
        plans: plans::plans(&file.plans, written)?,
        billing: plans::billing(&file.billing, written)?,
        proxy_secrets_file: file.marketplace.proxy_secrets_file.clone(),
        ranges_in_flight_max: usize::from(file.index.ranges_in_flight_max.max(1)),
        commit_events_max: usize::try_from(file.index.commit_events_max.max(1)).unwrap_or(usize::MAX),
        snapshot_events: u64::from(file.index.snapshot_events.max(1)),
        verify_every_blocks: Some(u64::from(file.index.verify_every_blocks)).filter(|blocks| *blocks > 0),
        lease: lease(&file.index, written)?,
        retention: retention(&file.retention, written)?,
        sign_in: sign_in(&file.sign_in, chain.id, written)?,
        tokens: tokens(&file.tokens, written)?,
        prices,
        distribution_creator: distribution_creator(&file.merkl, written)?,
        merkl: merkl(&file.merkl, written)?,
        announced: announced::of_campaigns(&file.campaigns, &campaigns, written)?,
        announcement: announced::together(file.announcement.as_ref(), written)?,
        distributor: distributor(&file.merkl, chain.id, &pools, written)?,
        webhooks: webhooks(&file.webhooks, written)?,
        mcp: mcp(&file.mcp, written)?,
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
    let completeness = match file.verify.as_str() {
        "off" => Completeness::Off,
        "bloom" => Completeness::Bloom,
        "receipts" => Completeness::Receipts,
        other => {
            let what = format!("{other:?} is none of \"off\", \"bloom\" and \"receipts\"");
            return Err(written.error("chain.verify", what));
        }
    };
    Ok(Chain {
        id: file.id,
        completeness,
        behind_blocks_max: u64::from(file.behind_blocks_max),
        rpc_urls,
        finality,
        log_range_blocks_max: file.log_range_blocks_max,
        poll_interval: Duration::from_millis(u64::from(file.poll_interval_ms.max(10))),
        block_seconds: file.block_seconds.map(u64::from).or(known_block_seconds(file.id)),
    })
}

fn standby(file: &file::Database, written: &Written) -> Checked<Option<Standby>> {
    let Some(text) = &file.read_url else { return Ok(None) };
    let url = DbUrl::from_str(text).map_err(|error| written.error("database.read_url", error.to_string()))?;
    if file.read_lag_seconds_max == 0 {
        return Err(
            written.error("database.read_lag_seconds_max", "is 0: a standby is always a little behind")
        );
    }
    Ok(Some(Standby { url, lag_max: Duration::from_secs(u64::from(file.read_lag_seconds_max)) }))
}

/// Bills are made of a month's hours, and servers that were cut off add calls of days ago. Rates are told of a week's hours.
fn retention(file: &file::Retention, written: &Written) -> Checked<Retention> {
    let kept = |count: u32| Some(count).filter(|count| *count > 0);
    for (key, days, days_min) in [
        ("account_hours_days", file.account_hours_days, 7),
        ("pool_hours_days", file.pool_hours_days, 7),
        ("usage_hours_days", file.usage_hours_days, 32),
    ] {
        if kept(days).is_some_and(|days| days < days_min) {
            let what = format!("is {days}: 0 keeps all, else at least {days_min}");
            return Err(written.error(&format!("retention.{key}"), what));
        }
    }
    Ok(Retention {
        account_hours_days: kept(file.account_hours_days),
        pool_hours_days: kept(file.pool_hours_days),
        usage_hours_days: kept(file.usage_hours_days),
        snapshots_per_pool: kept(file.snapshots_per_pool),
    })
}

/// Shorter, a busy database would take a worker for dead that is not; longer, pools would wait for nothing.
fn lease(file: &file::Index, written: &Written) -> Checked<Duration> {
    const SECONDS: std::ops::RangeInclusive<u32> = 2..=300;
    if !SECONDS.contains(&file.lease_seconds) {
        let what = format!("is {}: it is {} to {}", file.lease_seconds, SECONDS.start(), SECONDS.end());
        return Err(written.error("index.lease_seconds", what));
    }
    Ok(Duration::from_secs(u64::from(file.lease_seconds)))
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

/// A schedule faster than a minute would only ask the same again, and no more than they allow is asked a second.
fn merkl(file: &file::Merkl, written: &Written) -> Checked<Merkl> {
    const PER_SECOND_MAX: u32 = 10;
    let key = |name: &str| format!("merkl.{name}");
    if let Some(url) =
        file.url.as_ref().filter(|url| !url.starts_with("http://") && !url.starts_with("https://"))
    {
        let what = format!(
            "{url:?} is no URL of an API: it begins with http:// or https://, and /v4 is not part of it"
        );
        return Err(written.error(&key("url"), what));
    }
    if file.every_seconds < 60 {
        return Err(written.error(&key("every_seconds"), "is below 60: they compute every two hours or so"));
    }
    if !(1..=PER_SECOND_MAX).contains(&file.requests_per_second) {
        let what = format!(
            "is {}: between 1 and {PER_SECOND_MAX}, which is all that they allow",
            file.requests_per_second
        );
        return Err(written.error(&key("requests_per_second"), what));
    }
    if file.run_seconds == 0 {
        return Err(written.error(&key("run_seconds"), "is 0: the length of their runs, 7200 or so"));
    }
    Ok(Merkl {
        url: file.url.clone(),
        every_seconds: u64::from(file.every_seconds),
        terms: Terms {
            tolerance_ppm: u64::from(file.tolerance_ppm),
            margins: Margins { dust_ppb: file.dust_ppb, ..Margins::default() },
            run_seconds: file.run_seconds,
        },
        requests_per_second: file.requests_per_second,
        keep_answers_days: file.keep_answers_days,
        users_max: usize::from(file.users_max),
    })
}

/// Off unless it is named: by its address, or as the chain's own.
fn distributor(
    file: &file::Merkl,
    chain_id: u64,
    pools: &[PoolEntry],
    written: &Written,
) -> Checked<Option<Distributor>> {
    let Some(text) = &file.distributor else { return Ok(None) };
    let address = match text.as_str() {
        "known" => known_distributor(chain_id).ok_or_else(|| {
            let what = format!("is not known on chain {chain_id}: write its address");
            written.error("merkl.distributor", what)
        })?,
        text => address_at("merkl.distributor", text, written)?,
    };
    let oldest = pools.iter().map(|entry| entry.pool.created_block).min();
    let oldest = oldest.ok_or_else(|| {
        written
            .error("merkl.distributor", "is read behind the pools, and there is none: add one to [[pools]]")
    })?;
    let from_block = file.distributor_from_block.map_or(oldest, BlockNumber);
    Ok(Some(Distributor { address, from_block }))
}

/// Merkl's own on chains that we know (`facts/merkl.md` 3.1).
pub(super) fn known_distributor(chain_id: u64) -> Option<Address> {
    (chain_id == 8453).then_some(address!("3Ef3D8bA38EBe18DB133cEc108f4D14CE00Dd9Ae"))
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
    let count = |key: &str, count: u32| match usize::try_from(count) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(written.error(key, "is 0: with no streams nobody is told of anything".to_owned())),
    };
    let streams = StreamLimits {
        per_client_max: count("server.streams_per_client_max", file.streams_per_client_max)?,
        all_max: count("server.streams_max", file.streams_max)?,
    };
    let connections_max = usize::try_from(file.connections_max).unwrap_or(usize::MAX);
    if connections_max <= streams.all_max {
        let what = format!(
            "is {connections_max}: streams alone could take them all; it must be above server.streams_max, {}",
            streams.all_max
        );
        return Err(written.error("server.connections_max", what));
    }
    let security = security(file, written)?;
    Ok(Server {
        listen,
        notice: file.notice.clone(),
        stale_after_seconds,
        trusted_proxies,
        connections: ConnectionLimits { all_max: connections_max, ..ConnectionLimits::default() },
        streams,
        security,
    })
}

/// Both or neither: RFC 9116 wants an end, so that nobody writes to whom it no longer concerns.
fn security(file: &file::Server, written: &Written) -> Checked<Option<SecurityContact>> {
    let (contact, expires_at) = match (&file.security_contact, &file.security_expires_at) {
        (None, None) => return Ok(None),
        (Some(contact), Some(expires_at)) => (contact, expires_at),
        (Some(_), None) => {
            return Err(written
                .error("server.security_contact", "needs server.security_expires_at beside it".to_owned()));
        }
        (None, Some(_)) => {
            return Err(written
                .error("server.security_expires_at", "needs server.security_contact beside it".to_owned()));
        }
    };
    let is_uri = ["mailto:", "https://", "tel:"].iter().any(|scheme| contact.starts_with(scheme));
    if !is_uri || contact.chars().any(|c| c.is_control() || c.is_whitespace()) {
        let text = format!("{contact:?} is no contact: write mailto:, https:// or tel: and an address");
        return Err(written.error("server.security_contact", text));
    }
    Ok(Some(SecurityContact { contact: contact.clone(), expires_at: expires_at.0 }))
}

fn webhooks(file: &file::Webhooks, written: &Written) -> Checked<WebhookSettings> {
    let allowed = file.allow_private.list();
    let allowed = allowed.iter().map(String::as_str).filter(|text| !text.is_empty());
    let guard = AddressGuard::allowing(allowed)
        .map_err(|error| written.error("webhooks.allow_private", error.to_string()))?;
    Ok(WebhookSettings { guard, apr_moved_percent: file.apr_moved_percent })
}

fn mcp(file: &file::Mcp, written: &Written) -> Checked<McpSettings> {
    let texts = |list: &file::OneOrMany| -> Vec<String> {
        list.list().into_iter().filter(|text| !text.is_empty()).collect()
    };
    McpSettings::new(&texts(&file.hosts), &texts(&file.origins)).map_err(|error| {
        let key = match error {
            BadSite::Host(_) => "mcp.hosts",
            BadSite::Origin(_) => "mcp.origins",
        };
        written.error(key, error.to_string())
    })
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
