//! Calls that come through a marketplace's gateway (RapidAPI): the gateway knows its users, meters their month and proves
//! itself by a secret. Without the right secret every header of its kind is dropped before anything reads it.

use std::sync::Arc;

use accrual_access::key::KeyId;
use accrual_access::record::ClientRecord;
use accrual_access::scope::{Scope, Scopes};
use accrual_rewards::unit::UnixSeconds;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "x-rapidapi-";
const SECRET: &str = "x-rapidapi-proxy-secret";
const USER: &str = "x-rapidapi-user";
const SUBSCRIPTION: &str = "x-rapidapi-subscription";

/// Somebody whom a marketplace vouches for.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    /// `rapidapi:<user>`.
    pub(crate) client: Arc<ClientRecord>,
    /// What its calls are counted as.
    pub(crate) id: KeyId,
    /// What the marketplace calls its plan.
    pub(crate) subscription: String,
}

/// Drops the marketplace's headers, and keeps what they say where one of `secrets` proves them.
pub(crate) fn admit(request: &mut Request, secrets: &[SecretString]) {
    let customer = customer(request.headers(), secrets);
    let names: Vec<HeaderName> =
        request.headers().keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect();
    for name in names {
        request.headers_mut().remove(name);
    }
    if let Some(customer) = customer {
        request.extensions_mut().insert(customer);
    }
}

/// Whether anybody speaks of a marketplace, truly or not.
pub(crate) fn is_named(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(PREFIX))
}

fn customer(headers: &HeaderMap, secrets: &[SecretString]) -> Option<Customer> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let given = text(SECRET)?;
    // Every secret is compared, so that the time tells nothing of which.
    // An empty one proves nothing, however it came into the configuration.
    let proven =
        secrets.iter().filter(|secret| !secret.expose_secret().is_empty()).fold(false, |proven, secret| {
            let same: bool = secret.expose_secret().as_bytes().ct_eq(given.as_bytes()).into();
            proven | same
        });
    let user = text(USER).filter(|user| (1..=64).contains(&user.len()))?;
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !proven || !user.bytes().all(safe) {
        return None;
    }
    let name = format!("rapidapi:{user}");
    let id = counted_as(&name)?;
    let client = ClientRecord {
        client_id: name.clone(),
        name,
        plan: String::new(),
        created_at: UnixSeconds(0),
        spend_cap_microusd: None,
        pays_in_tmai: false,
        stake_tier: String::new(),
        epoch: 0,
    };
    let subscription = text(SUBSCRIPTION).unwrap_or_default().chars().take(32).collect();
    Some(Customer { client: Arc::new(client), id, subscription })
}

/// Under which key's name a customer's calls are counted: one of its own, so that nobody is told of another's calls. No key
/// has it but by a chance of one in 2^48, since keys are drawn at random.
fn counted_as(client_id: &str) -> Option<KeyId> {
    let hash = Sha256::digest(client_id.as_bytes());
    alloy_primitives::hex::encode(hash.get(..6)?).parse().ok()
}

/// What a marketplace's customers may do.
pub(crate) fn scopes() -> Scopes {
    [Scope::ReadPublic, Scope::ReadWallet, Scope::Export, Scope::Stream].into_iter().collect()
}
