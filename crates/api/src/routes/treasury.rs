//! `GET /v1/campaigns/{id}/treasury`, `GET /v1/treasury?token=`: what campaigns bought for what they paid.

use std::collections::BTreeMap;

use accrual_rewards::apr::Usd;
use accrual_rewards::campaign::Campaign;
use accrual_rewards::id::PoolId;
use accrual_rewards::series::{AccountPoint, CampaignPoint, HOUR_SECONDS, PoolPoint};
use accrual_rewards::treasury::{self, Treasury, TreasuryUnknown};
use accrual_rewards::unit::{Amount, UnixSeconds};
use accrual_store::account_days;
use accrual_store::series::{self, Hours};
use axum::Json;
use axum::extract::{Path, State};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::history::{Reasons, dollars_of, parsed};
use super::{TokenView, campaign, pool_of};
use crate::app::Api;
use crate::book::{FiguresUnknown, State as BookState};
use crate::error::{ApiError, FieldError};
use crate::params::{self, Params};
use crate::prices::{Prices, pools_behind};
use crate::view::{Eip55, Meta, One, Rfc3339};

/// How long after a campaign's end it is asked what stayed, unless the caller says.
const DAYS_AFTER_DEFAULT: u16 = 7;
const DAYS_AFTER_MAX: u16 = 365;
const DAY_SECONDS: u64 = 86_400;

/// What a campaign bought
///
/// TVL before and after, volume, and the cost of each dollar that stayed.
#[utoipa::path(
    get,
    path = "/v1/campaigns/{id}/treasury",
    tag = "campaigns",
    operation_id = "get_campaign_treasury",
    params(
        ("id" = String, Path, description = "The campaign's id."),
        ("days_after" = Option<u16>, Query, description = "How many days after the end it is asked what stayed; 7 unless told otherwise.", minimum = 0, maximum = 365)
    ),
    responses((status = 200, description = "What it bought.", body = One<TreasuryView>))
)]
pub(crate) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<One<TreasuryView>>, ApiError> {
    let days_after = params.take("days_after", days).unwrap_or(DAYS_AFTER_DEFAULT);
    params.done()?;
    let campaign = campaign(&api, &id)?;
    let pool = api.book().newest(pool_of(&api, &campaign.pool)?)?;
    let data = TreasuryView::of(&api, campaign, days_after).await?;
    let meta = api.meta(&api.book().state(), Some(pool.moment), None);
    Ok(Json(One { data, meta }))
}

/// What a token's campaigns bought
///
/// All campaigns that pay one token, and what they paid together.
#[utoipa::path(
    get,
    path = "/v1/treasury",
    tag = "campaigns",
    operation_id = "get_token_treasury",
    params(
        ("token" = Eip55, Query, description = "The reward token: lower case, upper case, or mixed as EIP-55 has it."),
        ("days_after" = Option<u16>, Query, description = "How many days after the end it is asked what stayed; 7 unless told otherwise.", minimum = 0, maximum = 365)
    ),
    responses(
        (status = 200, description = "What they bought.", body = TokenTreasuryView),
        (status = 404, description = "not_found: no campaign pays this token.")
    )
)]
pub(crate) async fn of_token(
    State(api): State<Api>,
    mut params: Params,
) -> Result<Json<TokenTreasuryView>, ApiError> {
    let days_after = params.take("days_after", days).unwrap_or(DAYS_AFTER_DEFAULT);
    let token =
        params.take("token", |text| params::address(text).map_err(|_| "must be an address".to_owned()));
    params.done()?;
    let missing = || FieldError { parameter: "token".to_owned(), detail: "is needed: an address".to_owned() };
    let token = token.ok_or_else(|| ApiError::BadParameter(vec![missing()]))?;
    let mut data = Vec::new();
    for campaign in api.book().campaigns().iter().filter(|campaign| campaign.reward_token == token) {
        data.push(TreasuryView::of(&api, campaign, days_after).await?);
    }
    if data.is_empty() {
        return Err(ApiError::no_such("campaign that pays", &token.to_checksum(None)));
    }
    let sum = |of: fn(&TreasuryView) -> Option<Decimal>| {
        data.iter().try_fold(Decimal::ZERO, |sum, one| sum.checked_add(of(one)?))
    };
    let units = |of: fn(&TreasuryView) -> Option<Amount>| {
        data.iter().try_fold(Amount::ZERO, |sum, one| sum.checked_add(of(one)?))
    };
    let state: std::sync::Arc<BookState> = api.book().state();
    Ok(Json(TokenTreasuryView {
        token: TokenView::of(&api, token),
        budget_units: units(|one| Some(one.budget_units)),
        earned_units: units(|one| one.earned_units),
        paid_usd: sum(|one| one.paid_usd),
        meta: api.meta(&state, state.lowest(), None),
        data,
    }))
}

fn days(text: &str) -> Result<u16, String> {
    let days = text.parse().ok().filter(|days| *days <= DAYS_AFTER_MAX);
    days.ok_or_else(|| format!("must be between 0 and {DAYS_AFTER_MAX}"))
}

/// What a campaign bought. A null figure's reason stands under its name in `reasons`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TreasuryView {
    /// The campaign's id.
    campaign: String,
    /// Its pool's id.
    pool: String,
    /// What it pays in.
    reward_token: TokenView,
    /// When it begins.
    starts_at: Rfc3339,
    /// When it ends, excluded.
    ends_at: Rfc3339,
    /// How many days after the end it is asked what stayed.
    days_after: u16,
    /// What is handed out in all.
    budget_units: Amount,
    /// What accounts earned of it up to now.
    earned_units: Option<Amount>,
    /// What accounts earned, each hour by its own price.
    paid_usd: Option<Decimal>,
    /// What the pool held when the campaign began.
    tvl_before_usd: Option<Decimal>,
    /// What the pool held so many days after the end.
    tvl_after_usd: Option<Decimal>,
    /// What traders paid in while it ran.
    volume_usd: Option<Decimal>,
    /// USD paid for each dollar of TVL that stayed.
    cost_per_retained_usd: Option<Decimal>,
    /// USD paid for each dollar of volume.
    cost_per_volume_usd: Option<Decimal>,
    /// How many accounts had a stake at the end.
    wallets_at_end: Option<u64>,
    /// How many of them still had one so many days later.
    wallets_stayed: Option<u64>,
    /// Why each null is null, by the field's name.
    #[schema(value_type = BTreeMap<String, String>, example = json!({ "tvl_after_usd": "no_hour_after" }))]
    reasons: Reasons,
}

/// The campaigns of one reward token. A sum is null where one of its parts is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenTreasuryView {
    /// The reward token.
    token: TokenView,
    /// What the campaigns hand out in all.
    budget_units: Option<Amount>,
    /// What accounts earned of it up to now.
    earned_units: Option<Amount>,
    /// What accounts earned, each hour by its own price.
    paid_usd: Option<Decimal>,
    /// The campaigns.
    data: Vec<TreasuryView>,
    /// What is true of all fields: the block and its age.
    meta: Meta,
}

impl TreasuryView {
    async fn of(api: &Api, campaign: &Campaign, days_after: u16) -> Result<Self, ApiError> {
        let told = Stored::read(api, campaign, days_after).await?.treasury(api, campaign, days_after);
        let mut reasons = Reasons::new();
        let mut usd = |field, figure: Result<Usd, TreasuryUnknown>| {
            dollars_of(&mut reasons, field, figure.map_err(TreasuryUnknown::as_str))
        };
        let (paid_usd, volume_usd) = (usd("paid_usd", told.paid_usd), usd("volume_usd", told.volume_usd));
        let tvl_before_usd = usd("tvl_before_usd", told.tvl_before_usd);
        let tvl_after_usd = usd("tvl_after_usd", told.tvl_after_usd);
        let mut note = |field, unknown: Option<TreasuryUnknown>| {
            unknown.map(|unknown| reasons.insert(field, unknown.as_str()));
        };
        note("cost_per_retained_usd", told.cost_per_retained_usd.err());
        note("cost_per_volume_usd", told.cost_per_volume_usd.err());
        note("wallets_at_end", told.wallets_at_end.err());
        note("wallets_stayed", told.wallets_stayed.err());
        let pool = api.book().state().pool(&campaign.pool).cloned();
        let known = match &pool {
            Some(pool) => pool.known(&campaign.id)?.map_err(FiguresUnknown::as_str),
            None => Err("not_indexed"),
        };
        if let Err(reason) = known {
            reasons.insert("earned_units", reason);
        }
        Ok(Self {
            campaign: campaign.id.to_string(),
            pool: campaign.pool.to_string(),
            reward_token: TokenView::of(api, campaign.reward_token),
            starts_at: Rfc3339(campaign.window.starts_at),
            ends_at: Rfc3339(campaign.window.ends_at),
            days_after,
            budget_units: campaign.budget,
            earned_units: known.ok().map(|report| report.figures.earned),
            paid_usd,
            tvl_before_usd,
            tvl_after_usd,
            volume_usd,
            cost_per_retained_usd: told.cost_per_retained_usd.ok(),
            cost_per_volume_usd: told.cost_per_volume_usd.ok(),
            wallets_at_end: told.wallets_at_end.ok(),
            wallets_stayed: told.wallets_stayed.ok(),
            reasons,
        })
    }
}

/// The stored hours that the view is made of.
struct Stored {
    pool: Vec<PoolPoint>,
    campaign: Vec<CampaignPoint>,
    accounts: Vec<AccountPoint>,
    others: BTreeMap<UnixSeconds, Vec<(PoolId, PoolPoint)>>,
}

impl Stored {
    async fn read(api: &Api, campaign: &Campaign, days_after: u16) -> Result<Self, ApiError> {
        let from = UnixSeconds(campaign.window.starts_at.0 / HOUR_SECONDS * HOUR_SECONDS);
        let end = UnixSeconds(campaign.window.ends_at.0.div_ceil(HOUR_SECONDS).saturating_mul(HOUR_SECONDS));
        let after = UnixSeconds(end.0.saturating_add(u64::from(days_after) * DAY_SECONDS));
        let hours = Hours { from, to: after };
        let rows = series::campaign_points(api.db(), &campaign.id, hours, HOUR_SECONDS, u32::MAX).await?;
        let tokens = api.tokens_of(&campaign.pool).into_iter().chain([campaign.reward_token]);
        let mut others: BTreeMap<UnixSeconds, Vec<(PoolId, PoolPoint)>> = BTreeMap::new();
        for other in pools_behind(api, tokens).into_iter().filter(|other| *other != campaign.pool) {
            for point in points(api, &other, hours).await? {
                others.entry(point.at).or_default().push((other.clone(), point));
            }
        }
        let mut accounts = Vec::new();
        for at in if end == after { vec![end] } else { vec![end, after] } {
            for (account, row) in account_days::all_at(api.db(), &campaign.id, at).await? {
                let (campaign, earned, has_stake) = (row.campaign, row.earned, row.has_stake);
                accounts.push(AccountPoint { campaign, at, account, earned, has_stake });
            }
        }
        Ok(Self {
            pool: points(api, &campaign.pool, hours).await?,
            campaign: rows.iter().map(|row| parsed(&row.body)).collect::<Result<_, _>>()?,
            accounts,
            others,
        })
    }

    fn treasury(&self, api: &Api, campaign: &Campaign, days_after: u16) -> Treasury {
        let hours = treasury::Hours { pool: &self.pool, campaign: &self.campaign, accounts: &self.accounts };
        let prices = |at: UnixSeconds| {
            let own = self.pool.binary_search_by_key(&at, |point| point.at).ok();
            let own = own.map(|index| (&campaign.pool, &self.pool[index]));
            let others = self.others.get(&at).into_iter().flatten().map(|(id, point)| (id, point));
            Prices::at_hour(api, own.into_iter().chain(others), at)
        };
        treasury::treasury(
            campaign.window,
            days_after,
            hours,
            |point, held| prices(point.at).worth(&campaign.pool, held).ok(),
            |at, units| prices(at).worth_of(campaign.reward_token, units).ok(),
        )
    }
}

async fn points(api: &Api, pool: &PoolId, hours: Hours) -> Result<Vec<PoolPoint>, ApiError> {
    super::rates::points(api, pool, hours).await
}
