//! Which opportunities a list asks for, and in what order.

use std::cmp::Ordering;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::super::campaigns::is_called;
use super::super::filters::Filters;
use super::super::invalid::Invalid;
use super::super::own::Number;
use super::super::reference::{holds, is_among};
use super::{Opportunity, campaigns_of};
use crate::app::{Api, PoolInfo};
use crate::view::Eip55;

/// What theirs can filter by and nothing here knows.
const UNKNOWABLE: [&str; 3] = ["creatorAddress", "creatorSlug", "stablecoin"];

/// What a query asks of opportunities; all of it must hold.
pub(super) struct OpportunityFilter<'a> {
    ids: Option<Vec<&'a str>>,
    chains: Option<Vec<u64>>,
    chain_names: Option<Vec<&'a str>>,
    addresses: Option<Vec<&'a str>>,
    protocols: Option<Vec<&'a str>>,
    types: Option<Vec<&'a str>>,
    actions: Option<Vec<&'a str>>,
    statuses: Option<Vec<&'a str>>,
    distribution_types: Option<Vec<&'a str>>,
    token_types: Option<Vec<&'a str>>,
    tokens: Option<Vec<&'a str>>,
    reward_symbols: Option<Vec<&'a str>>,
    campaigns: Option<Vec<&'a str>>,
    name: Option<&'a str>,
    search: Option<&'a str>,
    tvl: Bounds,
    apr: Bounds,
    daily: Bounds,
    order: Option<(Key, bool)>,
    /// Whether each is told with its campaigns.
    pub(super) with_campaigns: bool,
    /// Asked for tags or programs, of which none are kept here.
    is_for_others: bool,
}

/// From a least to a greatest value; what is not known is in no bounds.
struct Bounds(Option<Decimal>, Option<Decimal>);

#[derive(Debug, Clone, Copy)]
enum Key {
    Apr,
    Tvl,
    Rewards,
}

impl<'a> OpportunityFilter<'a> {
    pub(super) fn read(filters: &'a Filters) -> Result<Self, Invalid> {
        filters.refuse_unknowable(&UNKNOWABLE)?;
        for flag in ["test", "point", "excludeSubCampaigns", "withInvalids"] {
            filters.flag(flag)?;
        }
        let bounds = |least, most| Ok::<_, Invalid>(Bounds(filters.decimal(least)?, filters.decimal(most)?));
        Ok(Self {
            ids: filters.list("id"),
            chains: filters.numbers("chainId")?,
            chain_names: filters.list("chainName"),
            addresses: filters.any_list(&["identifier", "explorerAddress"]),
            protocols: filters.list("mainProtocolId"),
            types: filters.any_list(&["type", "campaignTypes"]),
            actions: filters.list("action"),
            statuses: filters.statuses()?,
            distribution_types: filters.distribution_types()?,
            token_types: filters.token_types("tokenTypes")?,
            tokens: filters.list("tokens"),
            reward_symbols: filters.list("rewardTokenSymbol"),
            campaigns: filters.list("campaignId"),
            name: filters.text("name"),
            search: filters.text("search"),
            tvl: bounds("minimumTvl", "maximumTvl")?,
            apr: bounds("minimumApr", "maximumApr")?,
            daily: bounds("minimumDailyRewards", "maximumDailyRewards")?,
            order: order(filters)?,
            with_campaigns: filters.flag("campaigns")?.unwrap_or(false),
            is_for_others: filters.any_list(&["tags", "programSlugs"]).is_some(),
        })
    }

    /// Whether the pool is asked for.
    pub(super) fn admits(&self, api: &Api, info: &PoolInfo, of: &Opportunity) -> bool {
        let paid = || campaigns_of(api, info);
        let reward_symbol = |symbols: &Vec<&str>| {
            let symbol = |token| api.token(token).symbol.unwrap_or_default();
            paid().any(|campaign| is_among(Some(symbols), &symbol(campaign.reward_token)))
        };
        let found = |text: &str| {
            holds(&of.name, text) || holds(&of.id, text) || holds(&Eip55(info.pool.address).to_string(), text)
        };
        let token = |list: &Vec<&str>| {
            of.tokens.iter().any(|token| {
                is_among(Some(list), &token.address.to_string())
                    || is_among(Some(list), token.symbol.as_deref().unwrap_or_default())
            })
        };
        let called = |ids: &Vec<&str>| paid().any(|campaign| ids.iter().any(|id| is_called(campaign, id)));
        !self.is_for_others
            && is_among(self.ids.as_deref(), &of.id)
            && self.chains.as_ref().is_none_or(|chains| chains.contains(&of.chain_id))
            && is_among(self.chain_names.as_deref(), of.chain.name())
            && is_among(self.addresses.as_deref(), &of.identifier.to_string())
            && is_among(self.protocols.as_deref(), of.main_protocol.unwrap_or_default())
            && is_among(self.types.as_deref(), of.r#type)
            && is_among(self.actions.as_deref(), of.action)
            && is_among(self.statuses.as_deref(), of.status)
            && is_among(self.distribution_types.as_deref(), "DUTCH_AUCTION")
            && is_among(self.token_types.as_deref(), "TOKEN")
            && self.tokens.as_ref().is_none_or(token)
            && self.reward_symbols.as_ref().is_none_or(reward_symbol)
            && self.campaigns.as_ref().is_none_or(called)
            && self.name.is_none_or(found)
            && self.search.is_none_or(found)
            && self.tvl.admits(of.tvl)
            && self.apr.admits(of.apr)
            && self.daily.admits(of.daily_rewards)
    }

    /// Largest first unless `order=asc`; what is not known comes last.
    pub(super) fn sort(&self, found: &mut [(&Arc<PoolInfo>, Opportunity)]) {
        let Some((key, rising)) = self.order else { return };
        let value = |of: &Opportunity| match key {
            Key::Apr => of.apr,
            Key::Tvl => of.tvl,
            Key::Rewards => of.daily_rewards,
        };
        found.sort_by(|(_, a), (_, b)| match (value(a), value(b)) {
            (Some(a), Some(b)) if rising => a.cmp(&b),
            (Some(a), Some(b)) => b.cmp(&a),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
    }
}

fn order(filters: &Filters) -> Result<Option<(Key, bool)>, Invalid> {
    let rising = match filters.text("order") {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => return Err(filters.invalid("order", "one of asc, desc")),
    };
    let key = match filters.text("sort") {
        None => return Ok(None),
        Some("apr") => Key::Apr,
        Some("tvl") => Key::Tvl,
        Some("rewards" | "dailyRewards") => Key::Rewards,
        Some(_) => return Err(filters.invalid("sort", "one of apr, tvl, rewards, dailyRewards")),
    };
    Ok(Some((key, rising)))
}

impl Bounds {
    fn admits(&self, value: Option<Number>) -> bool {
        let Self(least, most) = self;
        if least.is_none() && most.is_none() {
            return true;
        }
        value.is_some_and(|Number(value)| {
            least.is_none_or(|least| least <= value) && most.is_none_or(|most| value <= most)
        })
    }
}
