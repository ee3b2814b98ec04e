//! What a campaign paid a year at some moments, for the terminal.

use accrual_rewards::apr::{AprUnknown, TokenPrice, eligible_holdings, reward_percent, worth};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::price::{self, Quotes};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::moment::Asked;
use accrual_store::{Db, rebuild};
use alloy_primitives::Address;

use crate::commands::report;
use crate::config::Config;
use crate::failure::Failure;

/// Three moments of the campaign, a line each.
pub(super) async fn lines(db: &Db, config: &Config, campaign: &Campaign) -> Result<String, Failure> {
    let mut text = String::new();
    for (name, at) in moments(campaign) {
        text.push_str(&format!("  {name:<12} {}\n", apr(db, config, campaign, at).await?));
    }
    Ok(text)
}

fn moments(campaign: &Campaign) -> [(&'static str, UnixSeconds); 3] {
    const DAY_SECONDS: u64 = 86_400;
    let (starts, ends) = (campaign.window.starts_at.0, campaign.window.ends_at.0);
    [
        ("first day", UnixSeconds(starts + DAY_SECONDS.min((ends - starts) / 2))),
        ("half time", UnixSeconds(starts + (ends - starts) / 2)),
        ("last hour", UnixSeconds(ends - 3600.min((ends - starts) / 2))),
    ]
}

async fn apr(db: &Db, config: &Config, campaign: &Campaign, at: UnixSeconds) -> Result<String, Failure> {
    // With --speed the chain may not have come so far.
    let Ok((moment, tracker)) = report::tracker_at(db, config, campaign, Some(Asked::Time(at))).await else {
        return Ok("not reached yet".to_owned());
    };
    let Some(accrual) = tracker.campaign(&campaign.id) else { return Ok("not followed".to_owned()) };
    let mut quotes = Quotes::default();
    for pool in config.pools() {
        let beside = rebuild::tracker_at(db, &pool, &[], moment.number).await?;
        quotes.add_tracker(&beside, &config.prices, moment.at);
    }
    let priced = |token: Address, decimals: Option<u8>| -> TokenPrice {
        let quote = price::usd(token, &config.prices, &quotes, moment.at).ok()?;
        Some((decimals?, quote.usd))
    };
    let facts = &tracker.pool().facts;
    let of_pool = facts.tokens.iter().zip(&facts.decimals);
    let prices: Vec<TokenPrice> = of_pool.map(|(token, decimals)| priced(*token, *decimals)).collect();
    let known = config.tokens.iter().find(|token| token.address == campaign.reward_token);
    let reward = priced(campaign.reward_token, known.map(|token| token.decimals));
    let eligible = worth(&eligible_holdings(&tracker, accrual), &prices);
    Ok(match reward_percent(campaign, reward, eligible, moment.at) {
        Ok(percent) => format!("{:>10} %   at block {}", percent.round_dp(2), moment.number),
        Err(AprUnknown::NobodyEligible) => {
            format!("{:>10}     at block {}: nobody in range", "none", moment.number)
        }
        Err(unknown) => format!("{:>10}     {}", "unknown", unknown.as_str()),
    })
}
