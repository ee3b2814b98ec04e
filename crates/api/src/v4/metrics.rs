//! `GET /v4/campaigns/{id}/metrics`: a campaign's stored hours, newest first.

use std::collections::BTreeMap;

use accrual_rewards::apr::{emission_over, reward_percent};
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use accrual_rewards::series::{CampaignPoint, HOUR_SECONDS, PoolPoint};
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::series::{self, Hours};
use axum::Json;
use axum::extract::{Path, State};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::campaigns::{DAY_SECONDS, find, window};
use super::filters::Filters;
use super::invalid::Invalid;
use super::own::{Number, SecondsText};
use super::{Answer, Refused};
use crate::app::Api;
use crate::error::ApiError;
use crate::horizon::Horizon;
use crate::prices::{Prices, USD_PLACES, pools_behind};
use crate::routes::history::parsed;

/// Records of one kind when the caller does not say.
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = crate::params::LIMIT_MAX;

/// What was known of a campaign at each hour; an hour of which something is not known is left out of that list alone.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklMetrics)]
pub(crate) struct Metrics {
    /// What eligible positions held, hour by hour.
    tvl_records: Vec<TvlHour>,
    /// The yearly rate, hour by hour.
    apr_records: Vec<AprHour>,
    /// What was handed out a day, hour by hour.
    daily_rewards_records: Vec<RewardsHour>,
    /// Accounts with a share, hour by hour.
    wallet_count: Vec<WalletsHour>,
    /// How much came in for a dollar paid: not counted here.
    tvl_inflow_per_dollar: Option<Number>,
}

/// What eligible positions held at an hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklTvlHour)]
struct TvlHour {
    /// The hour.
    timestamp: SecondsText,
    /// US dollars.
    total: Number,
}

/// The yearly rate at an hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MerklAprHour)]
struct AprHour {
    /// The hour.
    timestamp: SecondsText,
    /// Per cent a year.
    apr: Number,
}

/// The pace at that hour.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklRewardsHour)]
struct RewardsHour {
    /// The hour.
    timestamp: SecondsText,
    /// US dollars a day.
    total: Number,
    /// Whole tokens a day.
    total_in_token: Number,
}

/// Accounts with a share at an hour.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklWalletsHour)]
struct WalletsHour {
    /// The hour.
    timestamp: SecondsText,
    /// How many.
    wallet_count: u64,
}

/// A campaign's stored hours
///
/// Newest first; an hour of which a value is not known is left out of that list.
#[utoipa::path(
    get,
    path = "/v4/campaigns/{id}/metrics",
    tag = "merkl",
    operation_id = "merkl_get_campaign_metrics",
    params(
        ("id" = String, Path, description = "The campaign's id."),
        ("tvl" = Option<String>, Query, description = "Which of these records: an object with page and limit, as JSON text."),
        ("apr" = Option<String>, Query, description = "Which of these records: an object with page and limit, as JSON text."),
        ("dailyRewards" = Option<String>, Query, description = "Which of these records: an object with page and limit, as JSON text.")
    ),
    responses(
        (status = 200, description = "The hours.", body = Metrics),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    filters: Filters,
    horizon: Horizon,
) -> Answer<Metrics> {
    let asked = Asked::read(&filters)?;
    let campaign = find(&api, &id)?;
    let told = Told::read(&api, campaign, horizon).await?;
    Ok(Json(told.metrics(&asked)))
}

/// Which of each kind: an object as JSON text, as their client writes it.
struct Asked {
    tvl: Part,
    apr: Part,
    daily: Part,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
struct Part {
    page: usize,
    limit: Option<usize>,
}

impl Asked {
    fn read(filters: &Filters) -> Result<Self, Invalid> {
        Ok(Self {
            tvl: Part::read(filters, "tvl")?,
            apr: Part::read(filters, "apr")?,
            daily: Part::read(filters, "dailyRewards")?,
        })
    }
}

impl Part {
    fn read(filters: &Filters, name: &str) -> Result<Self, Invalid> {
        let Some(text) = filters.text(name) else { return Ok(Self::default()) };
        let part: Option<Self> = serde_json::from_str(text).ok();
        let part = part.filter(|part| (1..=LIMIT_MAX).contains(&part.limit()));
        let expected = format!(r#"an object {{"page": 0, "limit": 20}} with a limit of 1 to {LIMIT_MAX}"#);
        part.ok_or_else(|| filters.invalid(name, &expected))
    }

    fn limit(self) -> usize {
        self.limit.unwrap_or(LIMIT_DEFAULT)
    }

    fn of<T>(self, rows: impl Iterator<Item = T>) -> Vec<T> {
        rows.skip(self.page.saturating_mul(self.limit())).take(self.limit()).collect()
    }
}

/// The stored hours of a campaign, with those of the pools that prices are made of.
struct Told<'a> {
    api: &'a Api,
    campaign: &'a Campaign,
    /// Newest first.
    hours: Vec<CampaignPoint>,
    pools: BTreeMap<UnixSeconds, Vec<(PoolId, PoolPoint)>>,
}

impl<'a> Told<'a> {
    async fn read(api: &'a Api, campaign: &'a Campaign, horizon: Horizon) -> Result<Self, Refused> {
        let window = window(campaign);
        let to = UnixSeconds(window.ends_at.0.div_ceil(HOUR_SECONDS).saturating_mul(HOUR_SECONDS));
        let (from, _) = horizon.cut(window.starts_at, to)?;
        let hours = Hours { from, to };
        let rows = series::campaign_points(api.db(), &campaign.id, hours, HOUR_SECONDS, u32::MAX).await?;
        let rows: Result<Vec<CampaignPoint>, ApiError> =
            rows.iter().rev().map(|row| parsed(&row.body)).collect();
        let tokens = api.tokens_of(&campaign.pool).into_iter().chain([campaign.reward_token]);
        let mut pools: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for pool in pools_behind(api, tokens) {
            for row in series::pool_points(api.db(), &pool, hours, HOUR_SECONDS, u32::MAX).await? {
                pools.entry(row.at).or_default().push((pool.clone(), parsed(&row.body)?));
            }
        }
        Ok(Self { api, campaign, hours: rows?, pools })
    }

    fn metrics(&self, asked: &Asked) -> Metrics {
        let hours: Vec<Hour> = self.hours.iter().map(|point| self.hour(point)).collect();
        let tvl = |hour: &Hour| Some(TvlHour { timestamp: hour.at, total: Number(hour.tvl?) });
        let apr = |hour: &Hour| Some(AprHour { timestamp: hour.at, apr: Number(hour.apr?) });
        let daily = |hour: &Hour| {
            let (total, total_in_token) = (Number(hour.daily_usd?), Number(hour.daily_tokens?));
            Some(RewardsHour { timestamp: hour.at, total, total_in_token })
        };
        let wallets = |hour: &Hour| WalletsHour { timestamp: hour.at, wallet_count: hour.wallets };
        Metrics {
            tvl_records: asked.tvl.of(hours.iter().filter_map(tvl)),
            apr_records: asked.apr.of(hours.iter().filter_map(apr)),
            daily_rewards_records: asked.daily.of(hours.iter().filter_map(daily)),
            wallet_count: Part::default().of(hours.iter().map(wallets)),
            tvl_inflow_per_dollar: None,
        }
    }

    fn hour(&self, point: &CampaignPoint) -> Hour {
        let pools = self.pools.get(&point.at).into_iter().flatten().map(|(id, point)| (id, point));
        let (prices, token) = (Prices::at_hour(self.api, pools, point.at), self.campaign.reward_token);
        let eligible = prices.worth(&self.campaign.pool, &point.eligible).ok();
        let window = window(self.campaign);
        let runs = window.starts_at <= point.at && point.at < window.ends_at;
        let daily = if runs { emission_over(self.campaign, DAY_SECONDS) } else { Some(Amount::ZERO) };
        let dollars = |usd: accrual_rewards::apr::Usd| usd.to_decimal(USD_PLACES);
        Hour {
            at: SecondsText(point.at),
            tvl: eligible.and_then(dollars),
            apr: reward_percent(self.campaign, prices.priced(token).ok(), eligible, point.at).ok(),
            daily_usd: daily.and_then(|units| dollars(prices.worth_of(token, units).ok()?)),
            daily_tokens: daily.and_then(|units| whole(units, self.api.token(token).decimals?)),
            wallets: point.wallets,
        }
    }
}

/// One hour as it is told; `None` for what is not known.
struct Hour {
    at: SecondsText,
    tvl: Option<Decimal>,
    apr: Option<Decimal>,
    daily_usd: Option<Decimal>,
    daily_tokens: Option<Decimal>,
    wallets: u64,
}

/// Whole tokens, for people; `None` when they need more digits than a number here can have.
fn whole(units: Amount, decimals: u8) -> Option<Decimal> {
    let units = i128::try_from(u128::try_from(units.0).ok()?).ok()?;
    Decimal::try_from_i128_with_scale(units, u32::from(decimals)).ok()
}
