//! Which campaigns a list asks for.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::unit::UnixSeconds;

use super::super::filters::Filters;
use super::super::invalid::Invalid;
use super::super::opportunities;
use super::super::reference::{Protocol, holds, is_among};
use super::{is_called, kind, status, window};
use crate::app::Api;
use crate::book::State as Book;
use crate::view::Eip55;

/// What theirs can filter by and nothing here knows.
const UNKNOWABLE: [&str; 6] =
    ["creatorAddress", "creatorAddresses", "creatorTag", "creatorId", "createdAfter", "createdBefore"];

/// What a query asks of campaigns; all of it must hold.
pub(super) struct CampaignFilter<'a> {
    ids: Option<Vec<&'a str>>,
    chains: Option<Vec<u64>>,
    distribution_chains: Option<Vec<u64>>,
    types: Option<Vec<&'a str>>,
    distribution_types: Option<Vec<&'a str>>,
    token_types: Option<Vec<&'a str>>,
    main_parameter: Option<&'a str>,
    symbols: Option<Vec<&'a str>>,
    tokens: Option<Vec<&'a str>>,
    opportunities: Option<Vec<&'a str>>,
    protocols: Option<Vec<&'a str>>,
    statuses: Option<Vec<&'a str>>,
    starts_from: Option<UnixSeconds>,
    ends_to: Option<UnixSeconds>,
    search: Option<&'a str>,
    /// Asked for subcampaigns, or for one by the campaign above it: there are none here.
    is_for_children: bool,
}

impl<'a> CampaignFilter<'a> {
    pub(super) fn read(filters: &'a Filters) -> Result<Self, Invalid> {
        filters.refuse_unknowable(&UNKNOWABLE)?;
        for flag in ["test", "point", "excludeSubCampaigns"] {
            filters.flag(flag)?;
        }
        let is_for_children = filters.flag("onlySubCampaigns")?.unwrap_or(false)
            || filters.any_list(&["rootCampaignId", "parentCampaignId"]).is_some()
            || filters.number("subType")?.is_some();
        let seconds = |name| filters.number(name).map(|given| given.map(UnixSeconds));
        Ok(Self {
            ids: filters.any_list(&["id", "campaignId", "campaignIds"]),
            chains: filters.numbers("chainId")?,
            distribution_chains: filters.numbers("distributionChainIds")?,
            types: filters.any_list(&["type", "types"]),
            distribution_types: filters.distribution_types()?,
            token_types: filters.token_types("tokenTypes")?,
            main_parameter: filters.text("mainParameter"),
            symbols: filters.list("tokenSymbol"),
            tokens: filters.list("tokenAddress"),
            opportunities: filters.list("opportunityId"),
            protocols: filters.list("mainProtocolId"),
            statuses: filters.statuses()?,
            starts_from: seconds("startTimestamp")?,
            ends_to: seconds("endTimestamp")?,
            search: filters.text("search"),
            is_for_children,
        })
    }

    /// Whether `campaign` is asked for.
    pub(super) fn admits(&self, api: &Api, state: &Book, campaign: &Campaign) -> bool {
        let Some(info) = api.pool(&campaign.pool) else { return false };
        let chain_id = api.settings().chain_id;
        let on_chain = |chains: &Option<Vec<u64>>| chains.as_ref().is_none_or(|all| all.contains(&chain_id));
        let symbol = api.token(campaign.reward_token).symbol.unwrap_or_default();
        let protocol = Protocol::of(info.pool.venue).map_or("", |protocol| protocol.id);
        let address = Eip55(info.pool.address).to_string();
        let window = window(campaign);
        let found = |text: &str| {
            holds(campaign.id.as_str(), text) || holds(campaign.pool.as_str(), text) || holds(&symbol, text)
        };
        !self.is_for_children
            && self.ids.as_ref().is_none_or(|ids| ids.iter().any(|id| is_called(campaign, id)))
            && on_chain(&self.chains)
            && on_chain(&self.distribution_chains)
            && is_among(self.types.as_deref(), kind(info.pool.venue))
            && is_among(self.distribution_types.as_deref(), "DUTCH_AUCTION")
            && is_among(self.token_types.as_deref(), "TOKEN")
            && self.main_parameter.is_none_or(|asked| asked.eq_ignore_ascii_case(&address))
            && is_among(self.symbols.as_deref(), &symbol)
            && is_among(self.tokens.as_deref(), &Eip55(campaign.reward_token).to_string())
            && is_among(self.opportunities.as_deref(), &opportunities::id(info))
            && is_among(self.protocols.as_deref(), protocol)
            && is_among(self.statuses.as_deref(), status(api, state, campaign).as_str())
            && self.starts_from.is_none_or(|from| from <= window.starts_at)
            && self.ends_to.is_none_or(|to| window.ends_at <= to)
            && self.search.is_none_or(found)
    }
}
