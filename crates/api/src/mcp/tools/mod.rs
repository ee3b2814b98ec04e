//! The tools, one page: what each is called, who may call it, what it takes and gives.
//!
//! Their order and their words never depend on data: clients keep the list, and no stranger's text may stand in it.

mod campaigns;
mod pools;
mod service;
mod wallets;

use std::sync::LazyLock;

use accrual_access::scope::Scope;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::{Answer, Told, wrong};
use super::rest::{Caller, Rest};
use super::views::{
    AprExplained, CampaignRow, Pool, PoolHour, PoolRow, Status, Usage, WalletHour, WalletRewards,
};
use crate::app::Api;
use crate::auth::Needs;
use crate::error::ApiError;
use crate::limits::Cost;

pub(super) use campaigns::Described;

/// What a tool works with.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(super) api: Api,
    pub(super) rest: Rest,
    pub(super) caller: Caller,
}

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    ListCampaigns,
    GetCampaign,
    ListPools,
    ComparePools,
    GetPoolHistory,
    ExplainApr,
    GetWalletRewards,
    GetWalletHistory,
    GetApiUsage,
    GetStatus,
}

/// What the list of tools says of one.
pub(crate) struct About {
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) input: Map<String, Value>,
    pub(crate) output: Map<String, Value>,
}

impl Tool {
    pub(crate) const ALL: [Self; 10] = [
        Self::ListCampaigns,
        Self::GetCampaign,
        Self::ListPools,
        Self::ComparePools,
        Self::GetPoolHistory,
        Self::ExplainApr,
        Self::GetWalletRewards,
        Self::GetWalletHistory,
        Self::GetApiUsage,
        Self::GetStatus,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ListCampaigns => "list_campaigns",
            Self::GetCampaign => "get_campaign",
            Self::ListPools => "list_pools",
            Self::ComparePools => "compare_pools",
            Self::GetPoolHistory => "get_pool_history",
            Self::ExplainApr => "explain_apr",
            Self::GetWalletRewards => "get_wallet_rewards",
            Self::GetWalletHistory => "get_wallet_history",
            Self::GetApiUsage => "get_api_usage",
            Self::GetStatus => "get_status",
        }
    }

    /// What a caller must be allowed, and what a call costs: as for the REST routes behind it.
    pub(crate) fn needs(self) -> Needs {
        match self {
            Self::GetWalletRewards | Self::GetWalletHistory => {
                Needs { scope: Some(Scope::ReadWallet), cost: Cost::Counts }
            }
            Self::GetApiUsage | Self::GetStatus => Needs { scope: None, cost: Cost::Free },
            _ => Needs { scope: Some(Scope::ReadPublic), cost: Cost::Counts },
        }
    }

    /// Under what name a call is counted.
    pub(crate) fn endpoint(self) -> &'static str {
        match self {
            Self::ListCampaigns => "MCP list_campaigns",
            Self::GetCampaign => "MCP get_campaign",
            Self::ListPools => "MCP list_pools",
            Self::ComparePools => "MCP compare_pools",
            Self::GetPoolHistory => "MCP get_pool_history",
            Self::ExplainApr => "MCP explain_apr",
            Self::GetWalletRewards => "MCP get_wallet_rewards",
            Self::GetWalletHistory => "MCP get_wallet_history",
            Self::GetApiUsage => "MCP get_api_usage",
            Self::GetStatus => "MCP get_status",
        }
    }

    /// Made once: clients ask for the list at every start.
    pub(crate) fn about(self) -> &'static About {
        static ABOUT: LazyLock<Vec<(Tool, About)>> =
            LazyLock::new(|| Tool::ALL.into_iter().map(|tool| (tool, tool.described())).collect());
        let found = ABOUT.iter().find(|(tool, _)| *tool == self);
        &found.expect("each tool is described").1
    }

    fn described(self) -> About {
        match self {
            Self::ListCampaigns => about::<campaigns::ListArgs, Vec<CampaignRow>>(
                "List campaigns",
                "Reward campaigns with their pool, window, budget, what was earned so far, and their yearly rate. \
                 Start here when the user names no campaign: other tools take the ids told here.",
            ),
            Self::GetCampaign => about::<campaigns::OneArgs, Described>(
                "Get a campaign",
                "One campaign in full: rules, sums (budget, emitted, earned, undistributed, to the unit), TVL, APR with \
                 its parts, and the accounts that earned most.",
            ),
            Self::ListPools => about::<pools::ListArgs, Vec<PoolRow>>(
                "List pools",
                "Liquidity pools with tokens, price, TVL, liquidity and how many positions and accounts they have. For \
                 yearly rates use compare_pools.",
            ),
            Self::ComparePools => about::<pools::CompareArgs, Vec<Pool>>(
                "Compare pools",
                "Several pools side by side: TVL, and the yearly rate from trades, from campaigns and together, over the \
                 same window.",
            ),
            Self::GetPoolHistory => about::<pools::HistoryArgs, Vec<PoolHour>>(
                "Get a pool's history",
                "A pool by hour or day: price, TVL, trades, volume, fees, yearly rates. Oldest first. Without from and to: \
                 the last two weeks.",
            ),
            Self::ExplainApr => about::<pools::ExplainArgs, AprExplained>(
                "Explain an APR",
                "Why a pool's or a campaign's yearly rate is what it is: the part from trades, each campaign's part with \
                 its budget, price and eligible TVL, and the reason for each part that is unknown. Give pool or campaign.",
            ),
            Self::GetWalletRewards => about::<wallets::RewardsArgs, WalletRewards>(
                "Get a wallet's rewards",
                "What an address has earned in each campaign by our own count, position by position, and how each \
                 position that it holds stands now: earning, or idle and why. Not what Merkl has credited or what was \
                 claimed.",
            ),
            Self::GetWalletHistory => about::<wallets::HistoryArgs, Vec<WalletHour>>(
                "Get a wallet's history",
                "What an address earned in one campaign by hour or day. Oldest first. Without from and to: the whole \
                 campaign.",
            ),
            Self::GetApiUsage => about::<service::NoArgs, Usage>(
                "Get API usage",
                "The caller's plan, the calls of this month and what is left. Costs nothing of the month.",
            ),
            Self::GetStatus => about::<service::NoArgs, Status>(
                "Get status",
                "Whether the service is ready, why not, and up to which block each pool is read. Costs nothing of the \
                 month.",
            ),
        }
    }

    /// Answers a call.
    ///
    /// # Errors
    /// An argument is wrong, or REST refuses.
    pub(crate) async fn call(self, desk: &Desk, arguments: Value) -> Result<Told, ApiError> {
        match self {
            Self::ListCampaigns => campaigns::list(desk, args(arguments)?).await?.told(),
            Self::GetCampaign => campaigns::one(desk, args(arguments)?).await?.told(),
            Self::ListPools => pools::list(desk, args(arguments)?).await?.told(),
            Self::ComparePools => pools::compare(desk, args(arguments)?).await?.told(),
            Self::GetPoolHistory => pools::history(desk, args(arguments)?).await?.told(),
            Self::ExplainApr => pools::explain(desk, args(arguments)?).await?.told(),
            Self::GetWalletRewards => wallets::rewards(desk, args(arguments)?).await?.told(),
            Self::GetWalletHistory => wallets::history(desk, args(arguments)?).await?.told(),
            Self::GetApiUsage => service::usage(desk, args(arguments)?).await?.told(),
            Self::GetStatus => service::status(desk, args(arguments)?).await?.told(),
        }
    }
}

/// A tool's arguments. What does not fit is named with its path.
fn args<A: DeserializeOwned>(arguments: Value) -> Result<A, ApiError> {
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path: String = crate::key::redact(&error.path().to_string()).chars().take(80).collect();
        let argument = if path == "." { "arguments".to_owned() } else { path };
        let detail: String = crate::key::redact(&error.inner().to_string()).chars().take(200).collect();
        wrong(&argument, detail)
    })
}

fn about<A: JsonSchema, T: JsonSchema>(title: &'static str, description: &'static str) -> About {
    About { title, description, input: schema::<A>(), output: schema::<Answer<T>>() }
}

/// The schema of a type, with everything in its place: not every client follows references.
fn schema<T: JsonSchema>() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    let mut value = schema.to_value();
    simplify(&mut value);
    match value {
        Value::Object(fields) => fields,
        _ => unreachable!("the schema of a structure is an object"),
    }
}

/// Takes out formats that JSON Schema does not know (`uint64`), which strict validators refuse.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let unknown = |format: &Value| {
                format.as_str().is_some_and(|name| name.starts_with("uint") || name.starts_with("int"))
            };
            if fields.get("format").is_some_and(unknown) {
                fields.remove("format");
            }
            fields.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}
