//! `GET /v1/accounts/{address}/positions` and `/rewards`: what an account holds, and what it has earned.

use std::collections::BTreeMap;

use accrual_rewards::accrue::CampaignAccrual;
use accrual_rewards::apr::{AprUnknown, TokenPrice, Usd, position_holdings};
use accrual_rewards::explain::standing;
use accrual_rewards::ledger::PositionIndex;
use accrual_rewards::ownership::{Owner, StakeIndex};
use accrual_rewards::simulate::Present;
use accrual_rewards::unit::{Amount, Liquidity, Tick};
use alloy_primitives::Address;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::Page;
use super::stretches::{self, TimelineView};
use super::{TokenView, rates};
use crate::app::Api;
use crate::book::{FiguresUnknown, PoolState};
use crate::csv::{CsvRow, Format, cell, in_tokens};
use crate::error::ApiError;
use crate::params::{self, Params};
use crate::prices::{NoValue, Prices, USD_PLACES};
use crate::view::{AccountView, AsOf, Eip55, PositionEarned};

/// An account's positions
///
/// Those that have liquidity, pool by pool: those that it holds itself, and those that wrappers hold
/// for it. `explain=true` adds when each earned, when it stood idle, and why.
#[utoipa::path(
    get,
    path = "/v1/accounts/{address}/positions",
    tag = "accounts",
    operation_id = "list_account_positions",
    params(
        ("address" = Eip55, Path, description = "The account: lower case, upper case, or mixed as EIP-55 has it."),
        ("explain" = Option<bool>, Query, description = "Whether to add the timelines of each position."),
        ("limit" = Option<u32>, Query, description = "The most rows of the page; 50 unless told otherwise.", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before.")
    ),
    responses((status = 200, description = "The positions.", body = crate::view::List<PositionView>))
)]
pub(crate) async fn positions(
    State(api): State<Api>,
    Path(address): Path<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let explain = params.take("explain", stretches::flag).unwrap_or(false);
    let page = Page::read(&mut params, format!("positions/{}/{explain}", address.to_ascii_lowercase()));
    params.done()?;
    let account = params::address(&address)?;
    let pinned = page.pinned(&api).await?;
    let state = &pinned.state;
    let mut data = Vec::new();
    for pool in api.book().pools().iter().filter_map(|info| state.pool(&info.pool.id)) {
        let held = held_by(pool, account)?;
        if held.is_empty() {
            continue;
        }
        let prices = Prices::now(&api, state, pool.moment.at);
        let rates = Rates::of(&api, pool, &prices, rates::fees_a_day(&api, pool).await?);
        let mut views: Vec<PositionView> =
            held.iter().map(|(index, via)| PositionView::of(&api, pool, &rates, *index, via)).collect();
        if explain {
            let keys: Vec<_> = held.keys().map(|index| pool.tracker.key(*index)).collect();
            let tokens = api.tokens_of(&pool.info.pool.id);
            let tokens: Vec<_> = tokens.iter().map(|token| prices.priced(*token).ok()).collect();
            for timeline in stretches::timelines(&api, pool, &keys, &tokens).await? {
                let of = views.iter_mut().find(|view| timeline.is_of(&view.position));
                if let Some(view) = of {
                    view.timelines.get_or_insert_default().push(timeline);
                }
            }
        }
        data.extend(views);
    }
    let path = format!("/v1/accounts/{}/positions", Eip55(account));
    Ok(page.of(&api, &pinned, data, &path))
}

/// What an account has earned
///
/// Campaign by campaign; campaigns in which it earned nothing are left out, and those of which nobody can know are null
/// with the reason.
#[utoipa::path(
    get,
    path = "/v1/accounts/{address}/rewards",
    tag = "accounts",
    operation_id = "list_account_rewards",
    params(
        ("address" = Eip55, Path, description = "The account: lower case, upper case, or mixed as EIP-55 has it."),
        ("limit" = Option<u32>, Query, description = "The most rows of the page; 50 unless told otherwise.", minimum = 1, maximum = 500),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before."),
        ("format" = Option<crate::document::shape::FormatName>, Query, description = "The form of the answer; otherwise the Accept header decides.")
    ),
    responses((status = 200, description = "What it earned.",
        content((crate::view::List<RewardView> = "application/json"), (String = "text/csv"))))
)]
pub(crate) async fn rewards(
    State(api): State<Api>,
    Path(address): Path<String>,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let format = params.take("format", Format::parse);
    let page = Page::read(&mut params, format!("rewards/{}", address.to_ascii_lowercase()));
    params.done()?;
    let account = params::address(&address)?;
    let pinned = page.pinned(&api).await?;
    let state = &pinned.state;
    let mut data = Vec::new();
    for campaign in api.book().campaigns() {
        let Some(pool) = state.pool(&campaign.pool) else { continue };
        let earned = match pool.known(&campaign.id)? {
            Ok(report) => {
                let Some(row) = report.of(account) else { continue };
                EarnedView::Known(AccountView::of(&pool.tracker, &row))
            }
            Err(unknown) => EarnedView::unknown(account, unknown),
        };
        data.push(RewardView {
            campaign: campaign.id.to_string(),
            pool: campaign.pool.to_string(),
            token: TokenView::of(&api, campaign.reward_token),
            earned,
            as_of: api.as_of(pool.moment),
        });
    }
    let path = format!("/v1/accounts/{}/rewards", Eip55(account));
    Ok(page.of_rows(&api, &pinned, data, &path, (format, &headers)))
}

/// One position as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PositionView {
    /// The position's key: venue, pool, and who or what holds it.
    position: String,
    /// The pool's id.
    pool: String,
    /// Who holds it in the pool's own books: the account itself, or a wrapper.
    holder: Eip55,
    /// The range's lower tick, included.
    tick_lower: Tick,
    /// The range's upper tick, excluded.
    tick_upper: Tick,
    /// The position's liquidity, as the pool counts it; of a pool with shares, its shares.
    liquidity: String,
    /// Whether the pool's price lies in the range now.
    in_range: bool,
    /// What the pool would pay out in its first token, rounded down, without fees owed.
    token0_units: Amount,
    /// What the pool would pay out in its second token, rounded down, without fees owed.
    token1_units: Amount,
    /// The pool's first token; null while it is not known.
    token0: Option<TokenView>,
    /// The pool's second token; null while it is not known.
    token1: Option<TokenView>,
    /// What the pool would pay out of each token, in the pool's order.
    held_units: Vec<Amount>,
    /// What that is worth.
    value_usd: Option<Decimal>,
    /// Why there is no value; null where there is one.
    value_reason: Option<&'static str>,
    /// The wrappers between the holder and the account, the holder's first.
    via: Vec<Eip55>,
    /// Whether the account has only a share of it, as a member of a vault; figures are the whole position's.
    shared: bool,
    /// What trades of the last 24 full hours pay it a year, by its part of the liquidity in range now.
    base_percent: Option<Decimal>,
    /// Why there is no `base_percent`; null where there is one.
    base_reason: Option<&'static str>,
    /// How it stands in each campaign of its pool now.
    campaigns: Vec<StandingView>,
    /// When it earned in each campaign; only with `explain=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    timelines: Option<Vec<TimelineView>>,
    /// The block at which this is true.
    as_of: AsOf,
}

/// How a position stands in a campaign now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StandingView {
    /// The campaign's id.
    campaign: String,
    /// Whether it earns now.
    earning: bool,
    /// Why it is idle; `earning` when it is not.
    reason: &'static str,
    /// What it earns a day if the state of this block holds; nothing where it is idle.
    reward_units_per_day: Option<Amount>,
    /// Its part of what the campaign sets free, in millionths, rounded down.
    share_ppm: Option<u32>,
    /// The same as a yearly rate on what it holds.
    reward_percent: Option<Decimal>,
    /// Why there is no `reward_percent`; null where there is one.
    reward_reason: Option<&'static str>,
    /// What the campaign pays in.
    reward_token: TokenView,
}

/// What positions of a pool are told with.
struct Rates<'a> {
    prices: &'a Prices<'a>,
    tokens: Vec<TokenPrice>,
    fees_per_day: Result<Usd, AprUnknown>,
    /// In the tracker's order.
    campaigns: Vec<Present<'a>>,
}

impl<'a> Rates<'a> {
    fn of(
        api: &Api,
        pool: &'a PoolState,
        prices: &'a Prices<'a>,
        fees_per_day: Result<Usd, AprUnknown>,
    ) -> Self {
        let tokens = api.tokens_of(&pool.info.pool.id);
        let campaigns = pool.tracker.campaigns().iter();
        Self {
            prices,
            tokens: tokens.iter().map(|token| prices.priced(*token).ok()).collect(),
            fees_per_day,
            campaigns: campaigns.map(|accrual| Present::of(&pool.tracker, accrual)).collect(),
        }
    }
}

impl StandingView {
    fn of(
        api: &Api,
        pool: &PoolState,
        rates: &Rates<'_>,
        (accrual, present): (&CampaignAccrual, &Present<'_>),
        position: PositionIndex,
    ) -> Self {
        let (campaign, at) = (accrual.campaign(), pool.moment.at);
        let standing = standing(&pool.tracker, accrual, position, at);
        let reward = rates.prices.priced(campaign.reward_token).ok();
        let rate = present.rate(position, &rates.tokens, reward, at);
        let percent = rate.as_ref().map_err(|unknown| *unknown).and_then(|rate| rate.reward_percent);
        Self {
            campaign: campaign.id.to_string(),
            earning: standing.is_earning(),
            reason: standing.as_str(),
            reward_units_per_day: rate.as_ref().ok().map(|rate| rate.reward_units_per_day),
            share_ppm: rate.as_ref().ok().map(|rate| rate.share_ppm),
            reward_percent: percent.ok(),
            reward_reason: percent.err().map(AprUnknown::as_str),
            reward_token: TokenView::of(api, campaign.reward_token),
        }
    }
}

/// What an account earned in one campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RewardView {
    /// The campaign's id.
    campaign: String,
    /// The campaign's pool.
    pool: String,
    /// What it pays in.
    token: TokenView,
    #[serde(flatten)]
    earned: EarnedView,
    /// The block at which this is true.
    as_of: AsOf,
}

/// What an account earned, or the same with nulls where the campaign's figures cannot be known.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum EarnedView {
    Known(AccountView),
    /// What cannot be known is null, and `reason` says why.
    Unknown {
        /// The account.
        account: Eip55,
        /// Null: it cannot be known.
        earned_units: Option<Amount>,
        /// Null: it cannot be known.
        share_ppm: Option<u32>,
        /// Empty: none can be known.
        positions: Vec<PositionEarned>,
        /// Why the figures cannot be known.
        reason: &'static str,
    },
}

impl CsvRow for RewardView {
    const HEADER: &'static [&'static str] = &[
        "campaign",
        "pool",
        "token",
        "symbol",
        "earned_units",
        "earned_decimal",
        "share_ppm",
        "reason",
        "block_number",
        "at",
    ];

    fn cells(&self) -> Vec<String> {
        let (earned, share_ppm, reason) = match &self.earned {
            EarnedView::Known(row) => (Some(row.earned_units), Some(row.share_ppm), None),
            EarnedView::Unknown { reason, .. } => (None, None, Some(*reason)),
        };
        vec![
            self.campaign.clone(),
            self.pool.clone(),
            self.token.address.to_string(),
            cell(self.token.symbol.as_ref()),
            cell(earned),
            earned.map(|units| in_tokens(units, self.token.decimals)).unwrap_or_default(),
            cell(share_ppm),
            cell(reason),
            self.as_of.block_number.to_string(),
            self.as_of.at.to_string(),
        ]
    }
}

impl EarnedView {
    fn unknown(account: Address, unknown: FiguresUnknown) -> Self {
        Self::Unknown {
            account: Eip55(account),
            earned_units: None,
            share_ppm: None,
            positions: Vec::new(),
            reason: unknown.as_str(),
        }
    }
}

/// By what way a position is an account's.
pub(super) struct Via {
    wrappers: Vec<Address>,
    shared: bool,
}

/// The positions with liquidity that an account holds, or that wrappers hold for it: by who stands behind them, and as a
/// campaign tells, which names every vault on the way.
fn held_by(pool: &PoolState, account: Address) -> Result<BTreeMap<PositionIndex, Via>, ApiError> {
    let mut held = ever_held_by(pool, account)?;
    let positions = pool.tracker.ledger().positions();
    held.retain(|index, _| positions[index.as_usize()].liquidity > Liquidity(0));
    Ok(held)
}

/// The same with those that have no liquidity any more.
pub(super) fn ever_held_by(
    pool: &PoolState,
    account: Address,
) -> Result<BTreeMap<PositionIndex, Via>, ApiError> {
    let tracker = &pool.tracker;
    let positions = tracker.ledger().positions();
    let mut held: BTreeMap<_, _> = wrapped_for(pool, account).collect();
    for campaign in tracker.campaigns() {
        let Ok(report) = pool.known(&campaign.campaign().id)? else { continue };
        let Some(row) = report.of(account) else { continue };
        for earned in &row.positions {
            let index = tracker.ownership().stakes()[earned.stake.as_usize()].position;
            let via = Via { wrappers: tracker.via(earned), shared: earned.through.is_some() };
            let is_behind = positions[index.as_usize()].holder == account || !via.wrappers.is_empty();
            if is_behind {
                held.insert(index, via);
            }
        }
    }
    for (index, position) in (0..).map(PositionIndex).zip(positions) {
        if position.holder == account {
            held.entry(index).or_insert(Via { wrappers: Vec::new(), shared: false });
        }
    }
    Ok(held)
}

/// The positions that wrappers hold for an account now, whether it earned with them or not.
fn wrapped_for(pool: &PoolState, account: Address) -> impl Iterator<Item = (PositionIndex, Via)> {
    let ownership = pool.tracker.ownership();
    let stakes = (0..).map(StakeIndex).zip(ownership.stakes());
    stakes.filter(|(_, stake)| stake.liquidity > Liquidity(0)).filter_map(move |(index, stake)| {
        let through = match stake.owner {
            Owner::Account(_) => None,
            Owner::Vault(vault) => Some(vault),
        };
        let is_behind = ownership.accounts(stake.owner).contains(&account);
        let wrappers = ownership.via(index, through, account);
        (is_behind && !wrappers.is_empty())
            .then_some((stake.position, Via { wrappers, shared: through.is_some() }))
    })
}

impl PositionView {
    fn of(api: &Api, pool: &PoolState, rates: &Rates<'_>, index: PositionIndex, via: &Via) -> Self {
        let ledger = pool.tracker.ledger();
        let position = &ledger.positions()[index.as_usize()];
        let held = position_holdings(ledger, position);
        let in_range = ledger.price().is_none_or(|price| position.range.contains(price.tick));
        let value = rates.prices.worth(&pool.info.pool.id, &held);
        let base = Present::fee_percent(&pool.tracker, index, &rates.tokens, rates.fees_per_day);
        let campaigns = pool.tracker.campaigns().iter().zip(&rates.campaigns);
        let pair = api.pair(&pool.info.pool.id);
        let token = |address: Option<Address>| address.map(|address| TokenView::of(api, address));
        Self {
            position: pool.tracker.key(index).to_string(),
            pool: pool.info.pool.id.to_string(),
            holder: Eip55(position.holder),
            tick_lower: position.range.lower,
            tick_upper: position.range.upper,
            liquidity: position.liquidity.to_string(),
            in_range,
            token0_units: held.token0(),
            token1_units: held.token1(),
            token0: token(pair.token0),
            token1: token(pair.token1),
            held_units: held.0.clone(),
            value_usd: value.as_ref().ok().and_then(|value| value.to_decimal(USD_PLACES)),
            value_reason: value.as_ref().err().map(NoValue::as_str),
            via: via.wrappers.iter().copied().map(Eip55).collect(),
            shared: via.shared,
            base_percent: base.ok(),
            base_reason: base.err().map(AprUnknown::as_str),
            campaigns: campaigns.map(|both| StandingView::of(api, pool, rates, both, index)).collect(),
            timelines: None,
            as_of: api.as_of(pool.moment),
        }
    }
}
