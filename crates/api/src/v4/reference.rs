//! `GET /v4/chains`, `GET /v4/tokens`, and what the other answers say of chains, tokens and protocols.

use std::collections::BTreeSet;

use accrual_rewards::id::Venue;
use accrual_rewards::unit::UnixSeconds;
use alloy_primitives::Address;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answer;
use super::campaigns::{self, Status};
use super::filters::Filters;
use super::invalid::Invalid;
use super::own::{Number, undated};
use crate::app::Api;
use crate::book::State as Book;
use crate::prices::{Prices, source_of};
use crate::view::Eip55;

/// A chain as they tell of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklChain)]
pub(crate) struct Chain {
    /// Its number.
    #[schema(example = 8453)]
    id: u64,
    /// What people call it.
    #[schema(example = "Base")]
    name: String,
    /// A picture of it: none is known here.
    #[schema(example = json!(null))]
    icon: Option<String>,
    /// How many of the campaigns here hand out now.
    #[schema(example = 1)]
    live_campaigns: usize,
    /// When the newest root can no longer be disputed, in seconds since 1970; null where the Distributor is not read.
    #[schema(example = 1_749_182_400)]
    end_of_dispute_period: Option<UnixSeconds>,
}

/// A token as they tell of it; what its contract or nobody says is null.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklToken)]
pub(crate) struct Token {
    /// Our own name for it: theirs is a hash of a kind that they do not publish.
    #[schema(example = "8453-0x52908400098527886E0F7030069857D2E4169EE7")]
    pub(super) id: String,
    /// Its long name: not read here.
    #[schema(example = json!(null))]
    name: Option<String>,
    /// The number of its chain.
    #[schema(example = 8453)]
    chain_id: u64,
    /// Its contract.
    pub(super) address: Eip55,
    /// How many digits of an amount stand behind the point; null while that is not known.
    decimals: Option<u8>,
    /// What it calls itself, which is its own to choose; null while that is not known.
    pub(super) symbol: Option<String>,
    /// A picture of it: none is known here.
    #[schema(example = json!(null))]
    icon: Option<String>,
    /// Whether Merkl trusts it: not known here.
    #[schema(example = json!(null))]
    verified: Option<bool>,
    /// Whether it is the chain's own coin.
    is_native: bool,
    /// Whether Merkl takes it for a test: not known here.
    #[schema(example = json!(null))]
    is_test: Option<bool>,
    /// Always `TOKEN`.
    #[schema(example = "TOKEN")]
    r#type: &'static str,
    /// US dollars for one whole token; null where there is no price.
    pub(super) price: Option<Number>,
    /// When that price was observed, in seconds since 1970.
    #[schema(example = 1_749_178_800)]
    updated_at: Option<UnixSeconds>,
    /// Where it comes from.
    #[schema(example = "chainlink:0x52908400098527886E0F7030069857D2E4169EE7")]
    price_source: Option<String>,
}

/// The short form of a token.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklTokenName)]
pub(crate) struct TokenName {
    /// Its contract.
    address: Eip55,
    /// The number of its chain.
    #[schema(example = 8453)]
    chain_id: u64,
    /// What it calls itself; null while that is not known.
    symbol: Option<String>,
    /// How many digits of an amount stand behind the point; null while that is not known.
    decimals: Option<u8>,
}

/// Whose contracts a pool is made of.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MerklProtocol)]
pub(super) struct Protocol {
    /// Merkl's name for it.
    #[schema(example = "uniswap")]
    pub(super) id: &'static str,
    /// What people call it.
    #[schema(example = "Uniswap")]
    name: &'static str,
    /// Merkl's tags: none are kept here.
    #[schema(value_type = Vec<String>, example = json!([]))]
    tags: [&'static str; 0],
    /// What Merkl says of it: not known here.
    #[schema(example = json!(null))]
    description: Option<String>,
    /// Its site: not known here.
    #[schema(example = json!(null))]
    url: Option<String>,
    /// A picture of it: none is known here.
    #[schema(example = json!(null))]
    icon: Option<String>,
    /// A wide picture: none is known here.
    #[schema(example = json!(null))]
    banner: Option<String>,
    /// The same on white: none is known here.
    #[schema(example = json!(null))]
    opportunity_banner_light: Option<String>,
    /// The same on black: none is known here.
    #[schema(example = json!(null))]
    opportunity_banner_dark: Option<String>,
}

/// The chain that is followed
#[utoipa::path(
    get,
    path = "/v4/chains",
    tag = "merkl",
    operation_id = "merkl_list_chains",
    params(
        ("name" = Option<String>, Query, description = "The chain's name.")
    ),
    responses(
        (status = 200, description = "The chain.", body = Vec<Chain>),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn chains(State(api): State<Api>, filters: Filters) -> Answer<Vec<Chain>> {
    filters.flag("test")?;
    let chain = Chain::of(&api, &api.book().state()).await?;
    let wanted = filters.text("name").is_none_or(|name| name.eq_ignore_ascii_case(&chain.name));
    Ok(Json(if wanted { vec![chain] } else { Vec::new() }))
}

/// Tokens of the pools and rewards
///
/// By address.
#[utoipa::path(
    get,
    path = "/v4/tokens",
    tag = "merkl",
    operation_id = "merkl_list_tokens",
    params(
        ("page" = Option<u64>, Query, description = "Which page, from 0."),
        ("items" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Rows of a page; 20 unless told otherwise."),
        ("symbol" = Option<String>, Query, description = "Symbols: repeated, or with commas between."),
        ("search" = Option<String>, Query, description = "A part of a symbol or address.")
    ),
    responses(
        (status = 200, description = "The tokens.", body = Vec<Token>),
        (status = 422, description = "What was asked does not fit.", body = Invalid)
    )
)]
pub(crate) async fn tokens(State(api): State<Api>, filters: Filters) -> Answer<Vec<Token>> {
    let page = filters.page()?;
    filters.refuse_unknowable(&["verified", "name"])?;
    let (chains, native) = (filters.numbers("chainId")?, filters.flag("isNative")?);
    let priceless = filters.flag("missingPrice")?.unwrap_or(false);
    let (ids, addresses) = (filters.list("id"), filters.list("address"));
    let symbols = filters.any_list(&["symbol", "displaySymbol"]);
    let search = filters.text("search");
    let state = api.book().state();
    let at = state.lowest().map_or_else(|| api.settings().clock.now(), |moment| moment.at);
    let prices = Prices::now(&api, &state, at);
    let wanted = |token: &Token| {
        let symbol = token.symbol.clone().unwrap_or_default();
        let address = token.address.to_string();
        chains.as_ref().is_none_or(|chains| chains.contains(&token.chain_id))
            && native.is_none_or(|native| native == token.is_native)
            && (!priceless || token.price.is_none())
            && is_among(ids.as_deref(), &token.id)
            && is_among(addresses.as_deref(), &address)
            && is_among(symbols.as_deref(), &symbol)
            && search.is_none_or(|text| holds(&symbol, text) || holds(&address, text))
    };
    let tokens = known(&api).into_iter().map(|address| Token::of(&api, &prices, address));
    Ok(Json(page.of(tokens.filter(wanted))))
}

/// Every token that a pool holds or a campaign pays.
fn known(api: &Api) -> BTreeSet<Address> {
    let pools = api.book().pools().iter().flat_map(|info| api.tokens_of(&info.pool.id));
    pools.chain(api.book().campaigns().iter().map(|campaign| campaign.reward_token)).collect()
}

/// Whether `value` is in the list, if there is one; cases are one, as addresses come in any.
pub(super) fn is_among(list: Option<&[&str]>, value: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|one| one.eq_ignore_ascii_case(value)))
}

/// Whether `text` is part of `value`, in whatever case.
pub(super) fn holds(value: &str, text: &str) -> bool {
    value.to_lowercase().contains(&text.to_lowercase())
}

impl Chain {
    pub(super) async fn of(api: &Api, state: &Book) -> Result<Self, crate::error::ApiError> {
        let campaigns = api.book().campaigns().iter();
        let live = campaigns.filter(|one| campaigns::status(api, state, one) == Status::Live);
        let distributor = super::merkl::live(api).await?;
        Ok(Self {
            id: api.settings().chain_id,
            name: name(api.settings().chain_id),
            icon: None,
            live_campaigns: live.count(),
            end_of_dispute_period: distributor.and_then(|live| live.end_of_dispute_period),
        })
    }
}

impl Chain {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// What people call the chain; of another than ours the name that every chain has (CAIP-2).
fn name(chain_id: u64) -> String {
    match chain_id {
        8453 => "Base".to_owned(),
        other => format!("eip155:{other}"),
    }
}

impl Token {
    pub(super) fn of(api: &Api, prices: &Prices<'_>, address: Address) -> Self {
        let (token, quote) = (api.token(address), prices.usd(address).ok());
        let chain_id = api.settings().chain_id;
        Self {
            id: format!("{chain_id}-{}", Eip55(address)),
            name: None,
            chain_id,
            address: Eip55(address),
            decimals: token.decimals,
            symbol: token.symbol.as_deref().map(undated),
            icon: None,
            verified: None,
            is_native: address.is_zero(),
            is_test: None,
            r#type: "TOKEN",
            price: quote.as_ref().map(|quote| Number(quote.usd)),
            updated_at: quote.map(|quote| quote.observed_at),
            price_source: source_of(prices, address),
        }
    }
}

impl TokenName {
    pub(super) fn of(api: &Api, address: Address) -> Self {
        let token = api.token(address);
        let symbol = token.symbol.as_deref().map(undated);
        Self { address: Eip55(address), chain_id: api.settings().chain_id, symbol, decimals: token.decimals }
    }
}

impl Protocol {
    /// By the name that Merkl has for it; a bare token is nobody's.
    pub(super) fn of(venue: Venue) -> Option<Self> {
        let (id, name) = match venue {
            Venue::UniswapV3 => ("uniswap", "Uniswap"),
            Venue::AerodromeCl | Venue::AerodromeBasic => ("aerodrome", "Aerodrome"),
            Venue::BalancerV2 | Venue::BalancerV3 => ("balancer", "Balancer"),
            Venue::Erc20 => return None,
        };
        Some(Self {
            id,
            name,
            tags: [],
            description: None,
            url: None,
            icon: None,
            banner: None,
            opportunity_banner_light: None,
            opportunity_banner_dark: None,
        })
    }
}
