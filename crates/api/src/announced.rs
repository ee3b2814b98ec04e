//! What was announced of a campaign beside what its own figures come to.

use std::collections::BTreeMap;

use accrual_rewards::announced::{Announced, Announcement, together};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::CampaignId;
use accrual_rewards::unit::Amount;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Api;

/// What was announced, and what follows from it. Null is what was not told, or does not follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AnnouncedView {
    /// What it was to hand out.
    pub budget_units: Option<Amount>,
    /// What that was said to be worth.
    pub budget_usd: Option<Decimal>,
    /// The yearly rate that was announced.
    pub apr_percent: Option<Decimal>,
    /// What the pool was said to hold.
    pub tvl_usd: Option<Decimal>,
    /// The price of a whole reward token, where it was told.
    pub price_usd: Option<Decimal>,
    /// Where it was said.
    pub source: Option<String>,
    /// The yearly rate that the announced budget over the announced TVL is.
    pub implied_apr_percent: Option<Decimal>,
    /// The price that the announced budget and its worth make.
    pub implied_price_usd: Option<Decimal>,
    /// Whether the campaign hands out another budget than was announced; null where none was.
    pub budget_differs: Option<bool>,
    /// All that was announced with it.
    pub together: Option<TogetherView>,
}

/// What was announced of several campaigns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TogetherView {
    /// The total that was named.
    pub total_units: Option<Amount>,
    /// What the announced budgets add up to.
    pub budgets_sum_units: Amount,
    /// What has to be deposited so that this is left after the fee.
    pub deposit_units: Amount,
    /// What Merkl keeps of a deposit, in millionths of it.
    pub fee_of_deposit_ppm: u32,
    /// Each campaign that was announced.
    pub campaigns: Vec<PartView>,
}

/// One campaign of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartView {
    /// The campaign's id, or how people call it where it cannot be followed.
    pub name: String,
    /// Whether it can be.
    pub is_followed: bool,
    /// What it was to hand out.
    pub budget_units: Option<Amount>,
    /// The yearly rate that was announced.
    pub apr_percent: Option<Decimal>,
    /// The yearly rate that its budget over its TVL is.
    pub implied_apr_percent: Option<Decimal>,
}

/// What is configured of announcements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnnouncedSettings {
    /// Campaign by campaign, where something was announced.
    pub campaigns: BTreeMap<CampaignId, Announced>,
    /// What was announced of several together.
    pub together: Option<Announcement>,
}

impl AnnouncedView {
    /// What was announced of `campaign`, where something was.
    pub(crate) fn told(api: &Api, campaign: &Campaign) -> Option<Self> {
        let AnnouncedSettings { campaigns, together } = &api.settings().announced;
        let own = campaigns.get(&campaign.id)?;
        let decimals = api.token(campaign.reward_token).decimals;
        let followed = api.book().campaigns().iter();
        let followed = followed.filter_map(|one| Some((one, campaigns.get(&one.id)?)));
        Some(Self::new(campaign, own, decimals, together.as_ref(), followed))
    }

    /// What was announced of `campaign`, and of all campaigns of its token: `followed` are those with their words.
    pub fn new<'a>(
        campaign: &Campaign,
        announced: &Announced,
        decimals: Option<u8>,
        announcement: Option<&Announcement>,
        followed: impl IntoIterator<Item = (&'a Campaign, &'a Announced)>,
    ) -> Self {
        let announcement = announcement.filter(|all| all.reward_token == campaign.reward_token);
        let own = followed.into_iter().filter(|(one, _)| one.reward_token == campaign.reward_token);
        Self {
            budget_units: announced.budget,
            budget_usd: announced.budget_usd,
            apr_percent: announced.apr_percent,
            tvl_usd: announced.tvl_usd,
            price_usd: announced.price_usd,
            source: announced.source.clone(),
            implied_apr_percent: announced.implied_apr_percent(campaign.window),
            implied_price_usd: decimals.and_then(|decimals| announced.implied_price_usd(decimals)),
            budget_differs: announced.budget.map(|budget| budget != campaign.budget),
            together: announcement.and_then(|all| TogetherView::new(all, own)),
        }
    }
}

impl TogetherView {
    fn new<'a>(
        all: &Announcement,
        followed: impl Iterator<Item = (&'a Campaign, &'a Announced)>,
    ) -> Option<Self> {
        let own = followed.map(|(campaign, announced)| {
            PartView::new(campaign.id.to_string(), true, announced, campaign.window)
        });
        let others = all.others.iter();
        let others =
            others.map(|other| PartView::new(other.name.clone(), false, &other.announced, other.window));
        let campaigns: Vec<PartView> = own.chain(others).collect();
        let budgets = campaigns.iter().filter_map(|part| part.budget_units);
        let sums = together(budgets, all.fee_of_deposit_ppm)?;
        Some(Self {
            total_units: all.total,
            budgets_sum_units: sums.sum,
            deposit_units: sums.deposit,
            fee_of_deposit_ppm: all.fee_of_deposit_ppm,
            campaigns,
        })
    }
}

impl PartView {
    fn new(
        name: String,
        is_followed: bool,
        announced: &Announced,
        window: accrual_rewards::campaign::Window,
    ) -> Self {
        Self {
            name,
            is_followed,
            budget_units: announced.budget,
            apr_percent: announced.apr_percent,
            implied_apr_percent: announced.implied_apr_percent(window),
        }
    }
}
