//! What a pool's campaigns pay together, with each one's part.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::unit::{Amount, UnixSeconds};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::campaigns::{self, Status, Yield};
use super::super::own::{Number, SecondsText};
use super::super::reference::Token;
use super::campaigns_of;
use crate::app::{Api, PoolInfo};
use crate::book::State as Book;
use crate::error::ApiError;
use crate::prices::Prices;

/// The yearly rate, campaign by campaign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklAprRecord)]
pub(super) struct AprRecord {
    /// Per cent a year of all together.
    cumulated: Number,
    /// When that is so.
    timestamp: SecondsText,
    /// Campaign by campaign.
    breakdowns: Vec<AprPart>,
}

/// One campaign's rate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklAprPart)]
struct AprPart {
    /// The campaign's name here.
    #[schema(example = "usdc-tmai-2025-06")]
    identifier: String,
    /// Always `CAMPAIGN`.
    #[schema(example = "CAMPAIGN")]
    r#type: &'static str,
    /// Per cent a year.
    value: Number,
    /// When that is so.
    timestamp: SecondsText,
    /// Always `DUTCH_AUCTION`: a fixed budget is shared.
    #[serde(rename = "distributionType")]
    #[schema(example = "DUTCH_AUCTION")]
    distribution_type: &'static str,
}

/// What is handed out a day, campaign by campaign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklRewardsRecord)]
pub(super) struct RewardsRecord {
    /// US dollars a day of all together.
    total: Number,
    /// When that is so.
    timestamp: SecondsText,
    /// Campaign by campaign.
    breakdowns: Vec<RewardsPart>,
}

/// What one campaign hands out a day.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklRewardsPart)]
struct RewardsPart {
    /// The campaign's name here.
    #[schema(example = "usdc-tmai-2025-06")]
    campaign_id: String,
    /// What Merkl's contract calls it; our own name where it is not told to be one of theirs.
    #[schema(example = "0x1f2e3d4c5b6a79880f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978")]
    on_chain_campaign_id: String,
    /// US dollars a day.
    value: Number,
    /// The same in the token's smallest units.
    amount: Option<Amount>,
    /// What is paid.
    token: Token,
    /// When that is so.
    timestamp: SecondsText,
    /// Always `DUTCH_AUCTION`: a fixed budget is shared.
    #[schema(example = "DUTCH_AUCTION")]
    distribution_type: &'static str,
}

/// What a pool's campaigns pay together.
pub(super) struct Paid {
    pub(super) status: Status,
    pub(super) live: usize,
    pub(super) apr: Option<Decimal>,
    pub(super) daily_usd: Option<Decimal>,
    /// Rising.
    pub(super) starts: Vec<UnixSeconds>,
    pub(super) ends: Vec<UnixSeconds>,
    aprs: Vec<AprPart>,
    rewards: Vec<RewardsPart>,
}

impl Paid {
    pub(super) fn of(
        api: &Api,
        state: &Book,
        prices: &Prices<'_>,
        info: &PoolInfo,
        timestamp: SecondsText,
    ) -> Result<Self, ApiError> {
        let mut paid = Self {
            status: Status::Past,
            live: 0,
            apr: Some(Decimal::ZERO),
            daily_usd: Some(Decimal::ZERO),
            starts: Vec::new(),
            ends: Vec::new(),
            aprs: Vec::new(),
            rewards: Vec::new(),
        };
        for campaign in campaigns_of(api, info) {
            let window = campaigns::window(campaign);
            paid.starts.push(window.starts_at);
            paid.ends.push(window.ends_at);
            match campaigns::status(api, state, campaign) {
                Status::Live => (paid.status, paid.live) = (Status::Live, paid.live + 1),
                Status::Soon if paid.live == 0 => paid.status = Status::Soon,
                Status::Soon | Status::Past => continue,
            }
            let yields = Yield::of(prices, api, state, campaign)?;
            paid.add(&yields, campaign, Token::of(api, prices, campaign.reward_token), timestamp);
        }
        paid.starts.sort_unstable();
        paid.ends.sort_unstable();
        Ok(paid)
    }

    /// One more campaign; a sum with an unknown part is unknown.
    fn add(&mut self, yields: &Yield, campaign: &Campaign, token: Token, timestamp: SecondsText) {
        self.apr = self.apr.zip(yields.apr).and_then(|(sum, part)| sum.checked_add(part));
        self.daily_usd = self.daily_usd.zip(yields.daily_usd).and_then(|(sum, part)| sum.checked_add(part));
        let (identifier, distribution_type) = (campaign.id.to_string(), "DUTCH_AUCTION");
        if let Some(apr) = yields.apr {
            let (r#type, value) = ("CAMPAIGN", Number(apr));
            self.aprs.push(AprPart {
                identifier: identifier.clone(),
                r#type,
                value,
                timestamp,
                distribution_type,
            });
        }
        if let Some(daily_usd) = yields.daily_usd {
            self.rewards.push(RewardsPart {
                campaign_id: identifier,
                on_chain_campaign_id: campaigns::merkl_name(campaign),
                value: Number(daily_usd),
                amount: yields.daily_units,
                token,
                timestamp,
                distribution_type,
            });
        }
    }

    pub(super) fn apr_record(&mut self, timestamp: SecondsText) -> Option<AprRecord> {
        let breakdowns = std::mem::take(&mut self.aprs);
        Some(AprRecord { cumulated: Number(self.apr?), timestamp, breakdowns })
    }

    pub(super) fn rewards_record(&mut self, timestamp: SecondsText) -> Option<RewardsRecord> {
        let breakdowns = std::mem::take(&mut self.rewards);
        Some(RewardsRecord { total: Number(self.daily_usd?), timestamp, breakdowns })
    }
}
