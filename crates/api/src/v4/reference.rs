//! `GET /v4/chains`, `GET /v4/tokens`, and what the other answers say of chains, tokens and protocols.

use std::collections::BTreeSet;

use accrual_rewards::id::Venue;
use accrual_rewards::unit::UnixSeconds;
use alloy_primitives::Address;
use axum::Json;
use axum::extract::State;
use serde::Serialize;

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
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Chain {
    id: u64,
    name: String,
    icon: Option<String>,
    live_campaigns: usize,
    end_of_dispute_period: Option<UnixSeconds>,
}

/// A token as they tell of it; what its contract or nobody says is null.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Token {
    /// Our own name for it: theirs is a hash of a kind that they do not publish.
    pub(super) id: String,
    name: Option<String>,
    chain_id: u64,
    pub(super) address: Eip55,
    decimals: Option<u8>,
    pub(super) symbol: Option<String>,
    icon: Option<String>,
    verified: Option<bool>,
    is_native: bool,
    is_test: Option<bool>,
    r#type: &'static str,
    pub(super) price: Option<Number>,
    updated_at: Option<UnixSeconds>,
    price_source: Option<String>,
}

/// The short form of a token.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenName {
    address: Eip55,
    chain_id: u64,
    symbol: Option<String>,
    decimals: Option<u8>,
}

/// Whose contracts a pool is made of.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Protocol {
    pub(super) id: &'static str,
    name: &'static str,
    tags: [&'static str; 0],
    description: Option<String>,
    url: Option<String>,
    icon: Option<String>,
    banner: Option<String>,
    opportunity_banner_light: Option<String>,
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
        (status = 200, description = "The chain.", body = Vec<crate::document::shape::Theirs>),
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
        (status = 200, description = "The tokens.", body = Vec<crate::document::shape::Theirs>),
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
