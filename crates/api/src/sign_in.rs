//! A Free key for whoever signs with an Ethereum wallet (EIP-4361): no e-mail, no password, nobody to ask.
//!
//! A wallet is a client of its own, `wallet:0x…`, with one accepted key at a time. What proves a wallet is a signature
//! of an account's own key; a contract wallet's would need the chain, which this API never reads.

mod gate;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};

use accrual_access::change::Purpose;
use accrual_access::network::{Network, Networks};
use accrual_access::record::{KeyRecord, Refusal, Standing};
use accrual_access::scope::Scope;
use accrual_access::siwe::{Expected, Message, SignInError, SignedIn, Stamp, check};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{Db, clients, sign_in as rows};
use alloy_primitives::{Address, hex};

use crate::app::{Api, NoRandom};
use crate::error::ApiError;
use crate::key::{ApiKey, KeyEnv};
use crate::keys::{Asker, KeyEdit, KeyView, NewKey};
use crate::view::Rfc3339;
use gate::Gate;

/// How long a nonce is good, and how far from now a message may say that it was made.
pub const NONCE_SECONDS: u64 = 600;
/// How long a wallet is kept for one request: longer than any request takes.
const CLAIM_SECONDS: u64 = 40;
const PRUNE_SECONDS: u64 = 60;
const PLAN: &str = "free";
const STATEMENT: &str = "Sign in to get an API key. This costs nothing and moves nothing.";
/// The least that a dashboard needs: to read, and to exchange its own key.
const SCOPES: [Scope; 3] = [Scope::ReadPublic, Scope::ReadWallet, Scope::RotateSelf];

/// Signing in, switched on for one site. Holds what its calls share.
#[derive(Debug)]
pub struct SignIn {
    domain: String,
    origin: String,
    chain_ids: Vec<u64>,
    gate: Gate,
    pruned_at: AtomicU64,
}

/// A nonce with all that a wallet's message has to say beside it.
#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) nonce: String,
    pub(crate) issued_at: UnixSeconds,
    pub(crate) expires_at: UnixSeconds,
}

/// A key that a wallet was given.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) view: KeyView,
    pub(crate) key: Option<ApiKey>,
}

impl SignIn {
    /// Signing in to the site at `domain`, a host and perhaps a port, with accounts of `chain_ids`. The site is served
    /// with TLS unless its host is this machine.
    pub fn new(domain: String, chain_ids: Vec<u64>) -> Self {
        let host = domain.rsplit_once(':').map_or(domain.as_str(), |(host, _)| host);
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let origin = format!("{}://{domain}", if is_here { "http" } else { "https" });
        Self { domain, origin, chain_ids, gate: Gate::default(), pruned_at: AtomicU64::new(0) }
    }

    /// The site's host and perhaps port.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// What the message's URI is to be.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The chains whose accounts may sign in.
    pub(crate) fn chain_ids(&self) -> &[u64] {
        &self.chain_ids
    }

    /// What the message says to the person who signs it.
    pub(crate) fn statement(&self) -> &'static str {
        STATEMENT
    }

    /// Lets a call from `address` through, before any work is done for it; callers without a known address are one
    /// network.
    pub(crate) fn admit(&self, address: Option<IpAddr>, now: UnixSeconds) -> Result<(), ApiError> {
        let network = Network::around(address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()));
        self.gate.admit(network, now).map_err(ApiError::TooManySignIns)
    }

    /// A new nonce, kept until it is used or too old.
    pub(crate) async fn challenge(&self, db: &Db, now: UnixSeconds) -> Result<Challenge, ApiError> {
        self.prune(db, now).await?;
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|error| internal(&NoRandom(error)))?;
        let nonce = hex::encode(bytes);
        rows::issue(db, &nonce, now).await?;
        let expires_at = UnixSeconds(now.0.saturating_add(NONCE_SECONDS));
        Ok(Challenge { nonce, issued_at: now, expires_at })
    }

    async fn prune(&self, db: &Db, now: UnixSeconds) -> Result<(), ApiError> {
        let pruned_at = self.pruned_at.load(Ordering::Relaxed);
        if now.0.saturating_sub(pruned_at) >= PRUNE_SECONDS {
            self.pruned_at.store(now.0, Ordering::Relaxed);
            rows::prune(db, oldest(now)).await?;
        }
        Ok(())
    }

    /// The message as EIP-4361 writes it, for the first chain, with `{address}` where the account goes.
    pub(crate) fn template(&self, challenge: &Challenge) -> String {
        let stamp = |at| Stamp::parse(&Rfc3339(at).to_string());
        let Some(issued_at) = stamp(challenge.issued_at) else { return String::new() };
        let message = Message {
            scheme: None,
            domain: self.domain.clone(),
            address: Address::ZERO,
            statement: Some(STATEMENT.to_owned()),
            uri: self.origin.clone(),
            chain_id: self.chain_ids.first().copied().unwrap_or_default(),
            nonce: challenge.nonce.clone(),
            issued_at,
            expiration_time: stamp(challenge.expires_at),
            not_before: None,
            request_id: None,
            resources: None,
        };
        message.to_string().replace(&Address::ZERO.to_checksum(None), "{address}")
    }

    /// Who signed `message`, if it is for this site and now.
    pub(crate) fn check(
        &self,
        message: &str,
        signature: &str,
        now: UnixSeconds,
    ) -> Result<SignedIn, SignInError> {
        let expected = Expected {
            domain: &self.domain,
            origin: &self.origin,
            chain_ids: &self.chain_ids,
            now,
            window_seconds: NONCE_SECONDS,
        };
        check(message, signature, &expected)
    }
}

/// A key for the wallet that signed in. The wallet is kept for this request alone meanwhile, on every replica.
pub(crate) async fn give_key(
    api: &Api,
    signed: &SignedIn,
    replace: bool,
    request_id: String,
    now: UnixSeconds,
) -> Result<Given, ApiError> {
    let wallet = hex::encode_prefixed(signed.address);
    let until = UnixSeconds(now.0.saturating_add(CLAIM_SECONDS));
    if !rows::claim(api.db(), &wallet, now, until).await? {
        return Err(ApiError::ReducedCapacity);
    }
    let given = give_key_alone(api, &wallet, &signed.nonce, replace, request_id, now).await;
    if let Err(error) = rows::release(api.db(), &wallet, until).await {
        // It ends by itself; a key that was made is not kept from its owner for this.
        tracing::warn!(%error, "a wallet's claim could not be given back");
    }
    given
}

/// Nothing is used up until all that can be refused was refused: the same signature serves once more with `replace`.
async fn give_key_alone(
    api: &Api,
    wallet: &str,
    nonce: &str,
    replace: bool,
    request_id: String,
    now: UnixSeconds,
) -> Result<Given, ApiError> {
    let client = format!("wallet:{wallet}");
    let stored = clients::by_name(api.db(), &client).await?;
    let held = match &stored {
        Some(client) => api.keys().list(Some(&client.client_id)).await?,
        None => Vec::new(),
    };
    if let Some(paused) = held.iter().find(|key| key.standing(now) == Standing::Refused(Refusal::Paused)) {
        let id = &paused.id;
        return Err(ApiError::WalletHasKey(format!(
            "This wallet's key {id} is paused: ask the operator to resume it."
        )));
    }
    let accepted: Vec<&KeyRecord> = held.iter().filter(|key| key.holds_place(now)).collect();
    if let (Some(key), false) = (accepted.last(), replace) {
        return Err(ApiError::WalletHasKey(format!(
            "This wallet has key {id} already. To exchange it while it goes on working, POST /v1/keys/self/rotation with \
             it; if it is lost, send this same request once more with \"replace\": true, which revokes it at once.",
            id = key.id
        )));
    }
    if !rows::use_once(api.db(), nonce, now, oldest(now)).await? {
        return Err(ApiError::SignInRefused(format!(
            "The nonce was not given out here, was used before, or is older than {NONCE_SECONDS} seconds: ask for a new \
             one at /v1/sign_in/nonce and sign again."
        )));
    }
    let asker = Asker {
        actor: client.clone(),
        reason: if replace { "replaced by its wallet" } else { "signed in" }.to_owned(),
        request_id,
        repeat: None,
    };
    // First the old, then the new: whoever replaces a key has lost it, and the wallet can always sign in again.
    for key in accepted {
        api.keys().edit(&key.id, &KeyEdit::Revoke, &asker).await?;
    }
    let plan = stored.is_none().then(|| PLAN.to_owned());
    let issued = api.keys().create(new_key(api, &client, plan), &asker).await?;
    let view = api.keys().view(&issued.made).await?;
    Ok(Given { view, key: issued.key })
}

/// The wallet's key: the least that a dashboard needs, without an end.
fn new_key(api: &Api, client: &str, plan: Option<String>) -> NewKey {
    let purpose = Purpose {
        scopes: SCOPES.into_iter().collect(),
        networks: Networks::default(),
        expires_at: None,
        note: "signed in with a wallet".to_owned(),
    };
    let env = api.keys().rules().env.unwrap_or(KeyEnv::Live);
    NewKey { client: client.to_owned(), plan, purpose, env }
}

/// A nonce that was issued then, or before, is good no more.
fn oldest(now: UnixSeconds) -> UnixSeconds {
    UnixSeconds(now.0.saturating_sub(NONCE_SECONDS))
}

fn internal(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "a wallet could not be signed in");
    ApiError::Internal
}
