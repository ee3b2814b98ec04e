//! What tools answer with: REST's own fields, the ones that an assistant needs. Each is read from REST's answer under
//! REST's name and goes out unchanged, so that no figure is told in two ways.
//!
//! The comments on fields are the schema's descriptions: they are read by models.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The block at which data is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct AsOf {
    pub(super) chain_id: u64,
    pub(super) block_number: u64,
    /// Null for a block between two stored ones.
    pub(super) block_hash: Option<String>,
    /// The block's time, RFC 3339, UTC.
    pub(super) at: String,
}

/// How far the data reaches, and how sure it is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Meta {
    /// Null before the first block.
    pub(super) as_of: Option<AsOf>,
    /// latest (may still be replaced), safe or finalized (stays).
    pub(super) finality: Option<String>,
    /// Seconds between that block's time and now.
    pub(super) age_seconds: Option<u64>,
    /// Whether the newest block is older than promised.
    pub(super) stale: bool,
    /// What the operator wants every reader to know. Repeat it to the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) notice: Option<String>,
    /// Time from row to row: 1h or 1d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) interval: Option<String>,
    /// Up to when hours are stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) recorded_to_at: Option<String>,
    /// Where each token's price comes from, by the token's address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) price_sources: BTreeMap<String, Option<String>>,
    /// Where the caller's plan begins, when that cut what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) history_starts_at: Option<String>,
    /// Whether the plan cut what was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) history_cut_by_plan: bool,
}

/// A token. Symbol and decimals are what its contract says; anyone may choose any symbol.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Token {
    pub(super) chain_id: u64,
    pub(super) address: String,
    pub(super) symbol: Option<String>,
    /// A whole token is 10 to the power of this many units.
    pub(super) decimals: Option<u8>,
}

/// A campaign's yearly rate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct CampaignApr {
    /// What the campaign pays a year on what its eligible positions hold, in per cent.
    pub(super) reward_percent: Option<String>,
    /// What trades pay a year, in per cent; lists do not work it out.
    pub(super) base_percent: Option<String>,
    /// Why base_percent is null.
    pub(super) base_reason: Option<String>,
    /// How long back fees are counted.
    pub(super) window_seconds: u64,
    /// Whether the campaign is in its first 24 hours, in which its rate is an estimate.
    pub(super) estimate: bool,
    /// What the eligible positions hold, in USD.
    pub(super) tvl_usd: Option<String>,
    pub(super) price_source: Option<String>,
    pub(super) method: String,
    /// Why reward_percent is null.
    pub(super) reason: Option<String>,
}

/// A campaign in a list.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct CampaignRow {
    pub(super) id: String,
    /// The pool's id.
    pub(super) pool: String,
    /// scheduled, running or ended.
    pub(super) status: String,
    pub(super) reward_token: Token,
    pub(super) starts_at: String,
    pub(super) ends_at: String,
    /// What is handed out in all, in units of the reward token.
    pub(super) budget_units: String,
    /// What accounts earned so far; null with sums_reason.
    pub(super) earned_units: Option<String>,
    /// Why the sums are null.
    pub(super) sums_reason: Option<String>,
    /// What the eligible positions hold, in USD.
    pub(super) tvl_usd: Option<String>,
    pub(super) apr: CampaignApr,
}

/// What nobody earned, and why.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Undistributed {
    pub(super) nobody_eligible_units: String,
    pub(super) rounding_units: String,
}

/// How an interval's emission is divided, in parts of their sum.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Weights {
    pub(super) fees: u32,
    pub(super) token0: u32,
    pub(super) token1: u32,
}

/// A campaign.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Campaign {
    pub(super) id: String,
    /// The pool's id.
    pub(super) pool: String,
    pub(super) merkl_campaign_id: Option<String>,
    /// scheduled, running or ended.
    pub(super) status: String,
    pub(super) reward_token: Token,
    pub(super) starts_at: String,
    pub(super) ends_at: String,
    /// per_block, time_weighted or swap_weighted.
    pub(super) scoring: String,
    pub(super) run_seconds: Option<u32>,
    pub(super) weights: Weights,
    /// Whether positions out of range are paid too.
    pub(super) out_of_range: bool,
    /// What the creator paid on top of the budget, in millionths.
    pub(super) fee_ppm: u32,
    /// What is handed out in all, in units of the reward token.
    pub(super) budget_units: String,
    /// What time has set free so far: earned_units + undistributed_units.
    pub(super) emitted_units: Option<String>,
    /// What accounts earned of it.
    pub(super) earned_units: Option<String>,
    /// What nobody earned.
    pub(super) undistributed_units: Option<String>,
    pub(super) undistributed: Option<Undistributed>,
    /// How many accounts earned something.
    pub(super) accounts_count: Option<u64>,
    /// Why the sums are null.
    pub(super) sums_reason: Option<String>,
    pub(super) reward_token_price_usd: Option<String>,
    /// What the eligible positions hold, in USD.
    pub(super) tvl_usd: Option<String>,
    /// Why tvl_usd is null.
    pub(super) tvl_reason: Option<String>,
    pub(super) apr: CampaignApr,
    /// What was announced of it before it began; nothing is paid by it. Null where nothing is configured.
    pub(super) announced: Option<Announced>,
    pub(super) as_of: Option<AsOf>,
}

/// What somebody said of a campaign before it began, and what follows from it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Announced {
    /// In units of the reward token.
    pub(super) budget_units: Option<String>,
    /// What that was said to be worth, in USD.
    pub(super) budget_usd: Option<String>,
    /// The yearly rate that was announced, in per cent.
    pub(super) apr_percent: Option<String>,
    /// What the pool was said to hold, in USD.
    pub(super) tvl_usd: Option<String>,
    /// The price of a whole reward token that was told, in USD.
    pub(super) price_usd: Option<String>,
    /// Where it was said.
    pub(super) source: Option<String>,
    /// The yearly rate that the announced budget over the announced TVL is, in per cent.
    pub(super) implied_apr_percent: Option<String>,
    /// The price that the announced budget and its worth make, in USD.
    pub(super) implied_price_usd: Option<String>,
    /// Whether the campaign hands out another budget than was announced.
    pub(super) budget_differs: Option<bool>,
}

/// An account that earned something.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Earner {
    /// The account behind all wrappers.
    pub(super) account: String,
    /// In units of the reward token.
    pub(super) earned_units: String,
    /// Its part of all that was earned, in millionths.
    pub(super) share_ppm: u32,
    /// Whether it is a contract of unknown kind, which probably holds for others.
    #[serde(default)]
    pub(super) probable_miss: bool,
}

/// A pool in a list.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct PoolRow {
    pub(super) id: String,
    pub(super) chain_id: u64,
    /// uniswap_v3, aerodrome_cl, aerodrome_basic, balancer_v2, balancer_v3 or erc20.
    pub(super) venue: String,
    pub(super) address: String,
    pub(super) token0: Option<Token>,
    pub(super) token1: Option<Token>,
    /// One whole token0 in whole token1.
    pub(super) price: Option<String>,
    pub(super) tick: Option<i32>,
    /// Liquidity in range, as the pool counts it.
    pub(super) liquidity: Option<String>,
    /// Positions with liquidity.
    pub(super) positions_count: Option<u64>,
    /// Accounts with a stake, behind all wrappers.
    pub(super) wallets_count: Option<u64>,
    /// What all positions hold, in USD.
    pub(super) tvl_usd: Option<String>,
    /// What the positions in range hold, in USD.
    pub(super) tvl_in_range_usd: Option<String>,
    /// Why there is no TVL.
    pub(super) tvl_reason: Option<String>,
    pub(super) as_of: Option<AsOf>,
}

/// What a pool's liquidity earns a year, in per cent: simple, of 365 days.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct PoolApr {
    /// How long back fees are counted.
    pub(super) window_seconds: u64,
    /// What trades pay.
    pub(super) base_percent: Option<String>,
    /// Why base_percent is null.
    pub(super) base_reason: Option<String>,
    /// What running campaigns pay now.
    pub(super) reward_percent: Option<String>,
    /// Why reward_percent is null.
    pub(super) reward_reason: Option<String>,
    /// Both together; null while a part is unknown.
    pub(super) total_percent: Option<String>,
    /// Whether a campaign is in its first 24 hours, in which its rate is an estimate.
    pub(super) estimate: bool,
    pub(super) method: String,
}

/// A pool with its yearly rate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Pool {
    #[serde(flatten)]
    pub(super) row: PoolRow,
    /// Null before the pool's first block.
    #[serde(default)]
    pub(super) apr: Option<PoolApr>,
}

/// A campaign's part of a pool's rate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct CampaignPart {
    pub(super) id: String,
    /// scheduled, running or ended.
    pub(super) status: String,
    pub(super) starts_at: String,
    pub(super) ends_at: String,
    /// What is handed out in all, in units of the reward token.
    pub(super) budget_units: String,
    pub(super) reward_token: Token,
    pub(super) reward_token_price_usd: Option<String>,
    pub(super) apr: CampaignApr,
}

/// A pool's rate, taken apart.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct AprExplained {
    pub(super) pool: String,
    /// What all positions hold, in USD.
    pub(super) tvl_usd: Option<String>,
    /// What the positions in range hold, in USD.
    pub(super) tvl_in_range_usd: Option<String>,
    /// Why there is no TVL.
    pub(super) tvl_reason: Option<String>,
    /// Null before the pool's first block.
    pub(super) apr: Option<PoolApr>,
    /// The pool's campaigns, each with its part.
    pub(super) campaigns: Vec<CampaignPart>,
}

/// A pool at the end of an interval, and what flowed in it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct PoolHour {
    /// The interval's end.
    pub(super) at: String,
    pub(super) interval_seconds: u64,
    /// Whether the interval is over.
    pub(super) complete: bool,
    pub(super) block_number: u64,
    /// One whole token0 in whole token1.
    pub(super) price: Option<String>,
    pub(super) tvl_usd: Option<String>,
    pub(super) tvl_in_range_usd: Option<String>,
    pub(super) trades_count: u64,
    pub(super) volume_usd: Option<String>,
    pub(super) fees_usd: Option<String>,
    /// What the pool's campaigns pay a year together, in per cent.
    pub(super) reward_percent: Option<String>,
    /// What trades paid in the interval, as a year's rate, in per cent.
    pub(super) fee_percent: Option<String>,
    pub(super) positions_count: u64,
    pub(super) wallets_count: u64,
    /// Why each null is null, by the field's name.
    pub(super) reasons: BTreeMap<String, String>,
}

/// What a position earned for an account.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct PositionEarned {
    pub(super) position: String,
    /// In units of the reward token.
    pub(super) earned_units: String,
}

/// What an account earned in a campaign.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Reward {
    pub(super) campaign: String,
    pub(super) pool: String,
    /// The token that is paid.
    pub(super) token: Token,
    /// All that it earned so far by our own count, claimed or not; null with reason.
    pub(super) earned_units: Option<String>,
    /// Its part of all that was earned, in millionths.
    pub(super) share_ppm: Option<u32>,
    /// Why earned_units is null.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// Position by position, largest first.
    pub(super) positions: Vec<PositionEarned>,
    /// How many positions there are, when not all are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) positions_count: Option<u64>,
    pub(super) as_of: AsOf,
}

/// How a position stands in a campaign now.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Standing {
    pub(super) campaign: String,
    pub(super) earning: bool,
    /// Why it is idle; earning when it is not.
    pub(super) reason: String,
}

/// A position that an account holds now, itself or through wrappers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Holding {
    pub(super) position: String,
    pub(super) pool: String,
    pub(super) tick_lower: i32,
    pub(super) tick_upper: i32,
    pub(super) in_range: bool,
    /// What the position holds, in USD: the whole position's, also where the account has a share of it.
    pub(super) value_usd: Option<String>,
    /// Why value_usd is null.
    pub(super) value_reason: Option<String>,
    /// Whether the account has only a share of it, as a member of a vault.
    pub(super) shared: bool,
    /// How it stands in each campaign of its pool now.
    pub(super) campaigns: Vec<Standing>,
}

/// What an account earned and holds.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct WalletRewards {
    /// Campaign by campaign; those in which it earned nothing are left out.
    pub(super) rewards: Vec<Reward>,
    /// Its positions with liquidity now, on the first page only.
    pub(super) positions: Vec<Holding>,
    /// How many positions it has, listed or not.
    pub(super) positions_count: u64,
}

/// What an account earned in an interval, and up to its end.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct WalletHour {
    /// The interval's end.
    pub(super) at: String,
    pub(super) campaign: String,
    pub(super) interval_seconds: u64,
    /// Whether the interval is over.
    pub(super) complete: bool,
    /// Earned in the interval, in units of the reward token.
    pub(super) earned_units: String,
    /// Earned since the campaign began.
    pub(super) earned_total_units: String,
    /// Whether it held liquidity at the end, in range or not.
    pub(super) has_stake: bool,
}

/// The plan of the caller's client.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) calls_per_month: u64,
    pub(super) calls_per_minute: u32,
    /// The earliest instant that is told; null for all.
    pub(super) history_starts_at: Option<String>,
    /// The price of a call beyond the month's, in micro-dollars; null where there is none.
    pub(super) overage_microusd: Option<u64>,
}

/// The running month.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Month {
    pub(super) starts_at: String,
    pub(super) ends_at: String,
    /// Calls that count, up to about a second ago.
    pub(super) calls: u64,
    pub(super) calls_included: u64,
    pub(super) calls_left: u64,
}

/// Calls of the month by what was called.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct UsageRow {
    pub(super) endpoint: Option<String>,
    pub(super) calls: u64,
    /// Those that count against the month.
    pub(super) counted: u64,
}

/// What the caller's client has called.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Usage {
    pub(super) client: String,
    pub(super) plan: Plan,
    pub(super) month: Month,
    /// The month's calls, by endpoint.
    pub(super) rows: Vec<UsageRow>,
}

/// Why something is not as it should be.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Reason {
    pub(super) code: String,
    pub(super) detail: String,
}

/// How far a pool has been read.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct PoolReach {
    pub(super) id: String,
    /// The newest block that was read; null before the first.
    pub(super) as_of: Option<AsOf>,
}

/// Whether the service has something true to say.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Status {
    /// ready or not_ready.
    pub(super) status: String,
    /// Why it is not ready.
    pub(super) reasons: Vec<Reason>,
    /// The server's version.
    pub(super) version: String,
    pub(super) pools: Vec<PoolReach>,
}
