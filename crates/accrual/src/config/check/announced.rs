//! `[campaigns.announced]` and `[announcement]`.

use std::collections::BTreeMap;

use accrual_rewards::announced::{Announced, Announcement, Other};
use accrual_rewards::campaign::{Campaign, Window};
use accrual_rewards::id::CampaignId;
use accrual_rewards::unit::Amount;
use rust_decimal::Decimal;

use super::{Checked, address_at, parse_at};
use crate::config::file;
use crate::config::load::Written;

/// What was announced of each campaign that the file speaks of; `campaigns` are those of `file`, in its order.
pub(super) fn of_campaigns(
    file: &[file::Campaign],
    campaigns: &[Campaign],
    written: &Written,
) -> Checked<BTreeMap<CampaignId, Announced>> {
    let mut all = BTreeMap::new();
    for (index, (entry, campaign)) in file.iter().zip(campaigns).enumerate() {
        if let Some(told) = &entry.announced {
            let key = format!("campaigns[{index}].announced");
            all.insert(campaign.id.clone(), announced(&key, told, written)?);
        }
    }
    Ok(all)
}

pub(super) fn together(
    file: Option<&file::Announcement>,
    written: &Written,
) -> Checked<Option<Announcement>> {
    let Some(file) = file else { return Ok(None) };
    if file.fee_of_deposit_ppm >= 1_000_000 {
        let what = "is 1000000 or more: nothing would be left of a deposit";
        return Err(written.error("announcement.fee_of_deposit_ppm", what));
    }
    let mut others = Vec::with_capacity(file.others.len());
    for (index, entry) in file.others.iter().enumerate() {
        let key = |name: &str| format!("announcement.others[{index}].{name}");
        let window = Window { starts_at: entry.starts_at.0, ends_at: entry.ends_at.0 };
        if window.ends_at <= window.starts_at {
            return Err(written.error(&key("ends_at"), "is not after starts_at"));
        }
        let announced = announced(&key("announced"), &entry.announced, written)?;
        others.push(Other { name: entry.name.clone(), window, announced });
    }
    Ok(Some(Announcement {
        reward_token: address_at("announcement.reward_token", &file.reward_token, written)?,
        total: amount("announcement.total_units", file.total_units.as_ref(), written)?,
        fee_of_deposit_ppm: file.fee_of_deposit_ppm,
        source: file.source.clone(),
        others,
    }))
}

fn announced(key: &str, file: &file::Announced, written: &Written) -> Checked<Announced> {
    let decimal =
        |name: &str, text: &Option<String>| decimal(&format!("{key}.{name}"), text.as_ref(), written);
    Ok(Announced {
        budget: amount(&format!("{key}.budget_units"), file.budget_units.as_ref(), written)?,
        budget_usd: decimal("budget_usd", &file.budget_usd)?,
        apr_percent: decimal("apr_percent", &file.apr_percent)?,
        tvl_usd: decimal("tvl_usd", &file.tvl_usd)?,
        price_usd: decimal("price_usd", &file.price_usd)?,
        source: file.source.clone(),
    })
}

fn amount(key: &str, text: Option<&String>, written: &Written) -> Checked<Option<Amount>> {
    text.map(|text| parse_at(key, text, written)).transpose()
}

fn decimal(key: &str, text: Option<&String>, written: &Written) -> Checked<Option<Decimal>> {
    let Some(text) = text else { return Ok(None) };
    let value: Decimal = parse_at(key, text, written)?;
    if value.is_sign_negative() {
        return Err(written.error(key, format!("{text} is below zero")));
    }
    Ok(Some(value))
}
