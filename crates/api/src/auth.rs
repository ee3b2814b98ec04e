//! Who asks, and whether they may.
//!
//! A call is admitted from memory. Only a key that the table does not admit is looked up in the database, once, since another
//! server may have made it a moment ago; an unknown id and a wrong secret take that same way and are one and the same
//! answer. Only who holds the secret learns how a key ended.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use accrual_access::network::{Network, Networks};
use accrual_access::plan::Plan;
use accrual_access::rate_headers::Figures;
use accrual_access::record::{ClientRecord, Refusal, Standing};
use accrual_access::scope::{Scope, Scopes};
use accrual_access::table::Found;
use accrual_rewards::unit::UnixSeconds;
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::Api;
use crate::error::ApiError;
use crate::key::{self, ApiKey, KeyId};
use crate::keys::Freshness;
use crate::limits::{Cost, Exceeded, Month};
use crate::marketplace::{self, Customer};
use crate::metrics::{self, PlanName};
use crate::usage::{self, Call};
use crate::view::Rfc3339;

const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
pub(crate) const RATE_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) const RATE_REST: HeaderName = HeaderName::from_static("ratelimit");
const FORWARDED: &str = "x-forwarded-for";
/// Names under which callers of other APIs put keys into URLs.
const KEY_PARAMETERS: [&str; 6] = ["api_key", "apikey", "api-key", "x-api-key", "access_token", "key"];

/// A key that is accepted, and whose it is.
#[derive(Debug, Clone)]
pub struct ActiveKey {
    /// Whose it is.
    pub client: Arc<ClientRecord>,
    /// The key's public name.
    pub id: KeyId,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends, if it is being exchanged.
    pub ends_at: Option<UnixSeconds>,
    /// Who counts its month.
    pub month: Month,
    /// What a marketplace calls its client's plan.
    pub subscription: Option<String>,
}

/// What a group of routes asks of whoever calls them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs {
    /// What the key must be allowed; without one, any key will do.
    pub(crate) scope: Option<Scope>,
    /// What a call costs.
    pub(crate) cost: Cost,
}

/// Under what name a call is counted, where its route does not say it all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint(pub(crate) &'static str);

/// Lets a request through when its key is accepted, its client has calls left and the key may do this. The handler finds
/// the [`ActiveKey`] in the request's extensions. Every call is counted, and every answer says what is left.
pub(crate) async fn guard(api: Api, needs: Needs, request: Request, next: Next) -> Response {
    guarded(api, needs, request, |request| next.run(request)).await
}

/// The same before whatever answers.
pub(crate) async fn guarded<F: Future<Output = Response>>(
    api: Api,
    needs: Needs,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let now_ms = api.settings().clock.now_ms();
    let mut response = match ActiveKey::from_request_parts(&mut parts, &api).await {
        Ok(key) => {
            let call = Noted::of(&parts, &api, &key, now_ms);
            let ends = Ends::of(&key);
            let mut response = limited(&api, needs, parts, body, next, key, now_ms).await;
            call.count(&api, needs.cost, response.status());
            if let Some(ends) = ends {
                ends.tell(response.headers_mut());
            }
            response
        }
        Err(error) => {
            let known =
                presented(&parts.headers).ok().filter(|key| api.keys().table().find(key.id()).is_some());
            let at = UnixSeconds(now_ms / 1_000);
            api.usage().refused(error.problem().code, known.as_ref().map(ApiKey::id), at);
            error.into_response()
        }
    };
    keep_private(response.headers_mut());
    response
}

/// What was answered to a key is for whoever holds it.
pub(crate) fn keep_private(headers: &mut HeaderMap) {
    // An answer with a secret in it has said `no-store` already.
    let private = HeaderValue::from_static("private, max-age=0, must-revalidate");
    headers.entry(header::CACHE_CONTROL).or_insert(private);
    let vary = "X-API-Key, Authorization, Origin, Accept, Accept-Encoding";
    headers.insert(header::VARY, HeaderValue::from_static(vary));
}

fn route(parts: &Parts) -> &str {
    parts.extensions.get::<MatchedPath>().map_or("other", MatchedPath::as_str)
}

async fn limited<F: Future<Output = Response>>(
    api: &Api,
    needs: Needs,
    mut parts: Parts,
    body: Body,
    next: impl FnOnce(Request) -> F,
    key: ActiveKey,
    now_ms: u64,
) -> Response {
    let Some(plan) = key.plan(api, UnixSeconds(now_ms / 1_000)) else {
        return ApiError::PlanFeature(key.client.plan.clone()).into_response();
    };
    let admitted = api.limits().admit(api.keys(), &key.client, plan, needs.cost, key.month, now_ms).await;
    let (mut response, figures) = match admitted {
        Ok(figures) => {
            let is_counted = needs.cost == Cost::Counts && key.month == Month::Ours;
            let client_id = key.client.client_id.clone();
            let response = match needs.scope {
                Some(scope) if !key.scopes.contains(scope) => {
                    ApiError::ScopeMissing(scope.as_str()).into_response()
                }
                Some(scope) if !plan.features.contains(scope) => {
                    ApiError::PlanFeature(plan.name.clone()).into_response()
                }
                _ => {
                    parts.extensions.insert(key);
                    next(Request::from_parts(parts, body)).await
                }
            };
            if is_counted && !counts(response.status()) {
                api.limits().settle(&client_id, now_ms);
            }
            (response, Some(figures))
        }
        Err(Exceeded::Minute { retry_after_seconds, figures }) => {
            metrics::limited("minute");
            (ApiError::RateLimited { retry_after_seconds }.into_response(), Some(figures))
        }
        Err(Exceeded::Month { retry_after_seconds, figures }) => {
            metrics::limited("month");
            (ApiError::QuotaExceeded { retry_after_seconds }.into_response(), Some(figures))
        }
        Err(Exceeded::Unknown) => (ApiError::ReducedCapacity.into_response(), None),
    };
    response.extensions_mut().insert(PlanName(plan.name.clone()));
    if let Some(figures) = figures {
        tell_limits(&figures, response.headers_mut());
    }
    response
}

/// What is left of the client's limits.
pub(crate) fn tell_limits(figures: &Figures, headers: &mut HeaderMap) {
    for (name, text) in [(RATE_POLICY, figures.policy()), (RATE_REST, figures.rest())] {
        headers.insert(name, HeaderValue::try_from(text).expect("digits, letters and punctuation"));
    }
}

/// Whether an answer counts against the month: what was served, and what the caller did wrong.
fn counts(status: StatusCode) -> bool {
    !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS) && !status.is_server_error()
}

/// Whence a call comes.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) address: Option<IpAddr>,
    /// What it is told as.
    pub(crate) network: Arc<str>,
}

/// A call, as it is counted once it is answered.
pub(crate) struct Noted {
    key: KeyId,
    client_id: String,
    endpoint: Arc<str>,
    network: Arc<str>,
    agent: String,
    at: UnixSeconds,
}

impl Noted {
    fn of(parts: &Parts, api: &Api, key: &ActiveKey, now_ms: u64) -> Self {
        let named = parts.extensions.get::<Endpoint>().map(|endpoint| endpoint.0.into());
        let endpoint = named.unwrap_or_else(|| format!("{} {}", parts.method, route(parts)).into());
        let network = match parts.extensions.get::<Caller>() {
            Some(caller) => Arc::clone(&caller.network),
            None => usage::network(client_address(parts, &api.settings().trusted_proxies)),
        };
        Self::new(key, (endpoint, network), &parts.headers, now_ms)
    }

    /// A call of an endpoint from a network.
    pub(crate) fn new(
        key: &ActiveKey,
        (endpoint, network): (Arc<str>, Arc<str>),
        headers: &HeaderMap,
        now_ms: u64,
    ) -> Self {
        let (agent, at) = (usage::agent(headers), UnixSeconds(now_ms / 1_000));
        Self { key: key.id.clone(), client_id: key.client.client_id.clone(), endpoint, network, agent, at }
    }

    pub(crate) fn count(self, api: &Api, cost: Cost, status: StatusCode) {
        let Self { key, client_id, endpoint, network, agent, at } = self;
        let is_counted = cost == Cost::Counts && counts(status);
        let status = status.as_u16();
        api.usage().count(Call { key, client_id, endpoint, status, is_counted, network, agent, at });
    }
}

impl ActiveKey {
    /// The plan's row that is good at `at`.
    pub(crate) fn plan<'a>(&self, api: &'a Api, at: UnixSeconds) -> Option<&'a Plan> {
        let plans = &api.settings().access.plans;
        match &self.subscription {
            Some(name) => plans.marketplace(name, at),
            None => plans.at(&self.client.plan, at),
        }
    }
}

impl FromRequestParts<Api> for ActiveKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        if let Some(key) = parts.extensions.get::<Self>() {
            return Ok(key.clone());
        }
        if let Some(customer) = parts.extensions.get::<Customer>() {
            return Ok(Self::vouched(customer));
        }
        let key = presented(&parts.headers)?;
        // On the heap: it may ask the database, and few calls come here with a key that nobody has checked yet.
        let found = Box::pin(authenticated(api, &key)).await?;
        Self::of(api, &key, found, client_address(parts, &api.settings().trusted_proxies))
    }
}

impl ActiveKey {
    /// The key that the headers carry, when it is in memory and accepted from this address.
    pub(crate) fn known(headers: &HeaderMap, api: &Api, address: Option<IpAddr>) -> Option<Self> {
        let key = presented(headers).ok()?;
        let found = admitted(api, &key)?;
        Self::of(api, &key, found, address).ok()
    }

    fn of(api: &Api, key: &ApiKey, found: Found, address: Option<IpAddr>) -> Result<Self, ApiError> {
        if api.keys().rules().env.is_some_and(|env| env != found.env) {
            return Err(ApiError::KeyWrongEnv(key.env().as_str()));
        }
        let ends_at = accepted(api, key.id(), &found)?;
        if found.networks.as_ref().is_some_and(|networks| !networks.allow(address)) {
            return Err(ApiError::NetworkNotAllowed(
                address.map(|address| Network::around(address).to_string()),
            ));
        }
        Ok(Self {
            client: found.client,
            id: key.id().clone(),
            scopes: found.scopes,
            ends_at,
            month: Month::Ours,
            subscription: None,
        })
    }

    fn vouched(customer: &Customer) -> Self {
        Self {
            client: Arc::clone(&customer.client),
            id: customer.id.clone(),
            scopes: marketplace::scopes(),
            ends_at: None,
            month: Month::Theirs,
            subscription: Some(customer.subscription.clone()),
        }
    }
}

/// The address that calls: the peer's, or what a trusted proxy says of it.
pub(crate) fn client_address(parts: &Parts, trusted: &Networks) -> Option<IpAddr> {
    behind(peer(parts), &parts.headers, trusted)
}

/// The other end of the connection that a request came by.
pub(crate) fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

/// Who stands behind a peer.
pub(crate) fn behind(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &Networks) -> Option<IpAddr> {
    let trusts = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !peer.is_some_and(trusts) {
        return peer;
    }
    let forwarded = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
    let chain: Vec<IpAddr> = forwarded
        .flat_map(|value| value.split(','))
        .filter_map(|address| address.trim().parse().ok())
        .collect();
    // The last that was not added by a proxy of ours; all before it is the caller's own word.
    chain.into_iter().rev().find(|address| !trusts(*address)).or(peer)
}

/// What every answer to an ending key says of its end.
pub(crate) struct Ends {
    id: KeyId,
    at: UnixSeconds,
}

impl Ends {
    pub(crate) fn of(key: &ActiveKey) -> Option<Self> {
        key.ends_at.map(|at| Self { id: key.id.clone(), at })
    }

    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let instant = Rfc3339(self.at).to_string();
        let texts = [
            ("accrual-key-id", self.id.to_string()),
            ("accrual-key-state", "ending".to_owned()),
            ("accrual-key-ends", instant),
            ("deprecation", format!("@{}", self.at)),
            ("sunset", http_date(self.at)),
        ];
        for (name, text) in texts {
            let value = HeaderValue::from_str(&text).expect("digits, letters and punctuation");
            headers.insert(HeaderName::from_static(name), value);
        }
        let link = HeaderValue::from_static(r#"</docs/keys#rotate>; rel="deprecation"; type="text/html""#);
        headers.append(header::LINK, link);
    }
}

/// An instant as HTTP writes it (RFC 9110, IMF-fixdate).
fn http_date(at: UnixSeconds) -> String {
    let instant = i64::try_from(at.0).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    let instant = instant.unwrap_or(jiff::Timestamp::MAX);
    instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The one key that the headers carry.
fn presented(headers: &HeaderMap) -> Result<ApiKey, ApiError> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter().filter_map(bearer);
    let texts = headers.get_all(KEY_HEADER).iter().map(HeaderValue::as_bytes).chain(bearer);
    let parse = |text| std::str::from_utf8(text).ok()?.trim().parse().ok();
    let mut keys = texts.map(|text| parse(text).ok_or(ApiError::KeyMalformed));
    let first: ApiKey = keys.next().ok_or(ApiError::KeyMissing)??;
    let mut agree = true;
    for other in keys {
        agree &= first.is_same(&other?);
    }
    if agree { Ok(first) } else { Err(ApiError::CredentialsConflict) }
}

/// What follows `Bearer` in an `Authorization` header of that scheme.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// The stored key when this is it: right secret under the pepper that it was stored with.
async fn authenticated(api: &Api, key: &ApiKey) -> Result<Found, ApiError> {
    if let Some(found) = admitted(api, key) {
        return Ok(found);
    }
    api.keys().look_again(key.id()).await;
    admitted(api, key).ok_or(ApiError::KeyUnknown)
}

fn admitted(api: &Api, key: &ApiKey) -> Option<Found> {
    let peppers = api.keys().peppers();
    let found = api.keys().table().find(key.id());
    // The same work for an id that is not there.
    let pepper = found.as_ref().and_then(|found| peppers.version(found.pepper_version));
    let mac = pepper.unwrap_or(peppers.current()).secret_mac_bytes(key);
    let right = found.as_ref().is_some_and(|found| found.is_mac(&mac));
    let found = found.filter(|found| right && pepper.is_some() && found.env == key.env())?;
    api.keys().used_under(key, found.pepper_version);
    Some(found)
}

/// When the key ends, if it is accepted now by a table that can still be believed.
fn accepted(api: &Api, id: &KeyId, found: &Found) -> Result<Option<UnixSeconds>, ApiError> {
    let ends_at = standing(id, found, api.settings().clock.now())?;
    match api.keys().freshness(api.settings().clock.now_ms()) {
        Freshness::Confirmed => Ok(ends_at),
        Freshness::Late if ends_at.is_none() => Ok(ends_at),
        Freshness::Late | Freshness::Refused => Err(ApiError::ReducedCapacity),
    }
}

/// Whether a call that lasts may go on: its key is still accepted and still has `scope`.
///
/// # Errors
/// What a new call would be answered with.
pub(crate) fn goes_on(api: &Api, key: &ActiveKey, scope: Scope) -> Result<(), ApiError> {
    if key.subscription.is_some() {
        // A marketplace's gateway ends its users' calls itself.
        return Ok(());
    }
    let found = api.keys().table().find(&key.id).ok_or(ApiError::KeyUnknown)?;
    accepted(api, &key.id, &found)?;
    if found.scopes.contains(scope) { Ok(()) } else { Err(ApiError::ScopeMissing(scope.as_str())) }
}

/// When the key ends, if it is accepted at `now`, from the row's own instants: at the very instant of its end it is refused.
fn standing(id: &KeyId, found: &Found, now: UnixSeconds) -> Result<Option<UnixSeconds>, ApiError> {
    let id = id.clone();
    match found.validity.standing(now) {
        Standing::Accepted => Ok(None),
        Standing::Ending { ends_at } => Ok(Some(ends_at)),
        Standing::Refused(refusal) => Err(match refusal {
            Refusal::Ended { at } => {
                ApiError::KeyEnded { id, at: at.map(Rfc3339), successor: found.replaced_by.clone() }
            }
            Refusal::Revoked => ApiError::KeyRevoked(id),
            Refusal::Expired { at } => ApiError::KeyExpired { id, at: Rfc3339(at) },
            Refusal::Paused => ApiError::KeyPaused(id),
            Refusal::Brownout { until } => ApiError::KeyBrownout {
                id,
                until: Rfc3339(until),
                retry_after_seconds: until.since(now).max(1),
            },
        }),
    }
}

/// Refuses a URL that carries a key, by a parameter's name or by a value's form.
pub(crate) fn refuse_key_in_url(uri: &Uri) -> Result<(), ApiError> {
    let query = uri.query().unwrap_or_default();
    let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let named = names.any(|name| KEY_PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known)));
    if named || key::holds_key(query) { Err(ApiError::CredentialsInUrl) } else { Ok(()) }
}
