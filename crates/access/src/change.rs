//! Changes to a client's keys, each a function from what is stored to what shall be stored.
//!
//! A function gets the whole [`Family`] as it is inside the transaction and answers a [`Change`]: rows to write, audit
//! entries, and what is told to webhooks. It writes nothing itself, so that the command line, the API and the upkeep do
//! the same. Exchanging a key for another is in [`crate::rotation`].

use accrual_rewards::unit::UnixSeconds;
use serde_json::{Value, json};

use crate::key::{ApiKey, KeyEnv, KeyId, Pepper};
use crate::network::Networks;
use crate::notice::{Happening, KeyTold};
use crate::record::{ClientRecord, KeyRecord, KeyState, Refusal, Standing, Validity};
use crate::rotation::Rotation;
use crate::scope::Scopes;

/// The most keys of a client and environment that may be accepted at once, whatever is configured.
pub const ACCEPTED_MAX: usize = 5;

/// A client with its keys and rotations, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Whose keys.
    pub client: ClientRecord,
    /// All of them.
    pub keys: Vec<KeyRecord>,
    /// The rotations that are open.
    pub rotations: Vec<Rotation>,
}

/// What shall be stored and told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// Keys as they shall be, new ones included.
    pub keys: Vec<KeyRecord>,
    /// Rotations as they shall be.
    pub rotations: Vec<Rotation>,
    /// The client as it shall be, where it changes.
    pub client: Option<ClientRecord>,
    /// What the audit says of it.
    pub entries: Vec<Entry>,
    /// What webhooks are told of it.
    pub told: Vec<Happening>,
}

/// One line of the audit, before it is bound to the one before it. Never a secret nor a MAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was done, e.g. `key.create`.
    pub action: &'static str,
    /// To which key.
    pub key: Option<KeyId>,
    /// What the row said before; null for a new one.
    pub before: Value,
    /// What it says now.
    pub after: Value,
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Refused {
    #[error("a key without a scope could do nothing: give it at least one")]
    NoScope,
    #[error("the end lies in the past: a key needs an expiry that is still to come")]
    EndsInThePast,
    #[error("there is no key {0} of this client")]
    NoSuchKey(KeyId),
    #[error(
        "the client has {held} accepted keys, and {max} is the most: end one first, or raise keys.accepted_max (up to 5)"
    )]
    TooManyKeys { held: usize, max: usize },
    #[error("key {key} is {state}: only {wanted}")]
    WrongState { key: KeyId, state: &'static str, wanted: &'static str },
    #[error(
        "rotation {rotation} of key {key} is open: finish it, roll it back or cancel it before another is begun"
    )]
    RotationOpen { rotation: String, key: KeyId },
    #[error("key {0} has no open rotation")]
    RotationNotOpen(KeyId),
    #[error("the rotation of key {key} is {stage}, and {command} is for one that is {wanted}")]
    WrongStage { key: KeyId, stage: &'static str, command: &'static str, wanted: &'static str },
    #[error("{what} must be between {min} and {max} seconds, not {found}")]
    OutOfBounds { what: &'static str, min: u64, max: u64, found: u64 },
    #[error(
        "the old key was used {seconds_ago} s ago, within the last hour: move its callers first (preview names them), or force it"
    )]
    StillUsed { seconds_ago: u64 },
    #[error("a brown-out must begin now or later and be over before the key ends")]
    BrownoutOutside,
}

/// A secret that was made for a new key, as far as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minted {
    /// The key's public name.
    pub id: KeyId,
    /// Its environment.
    pub env: KeyEnv,
    /// The MAC of the secret.
    pub secret_mac: String,
    /// Under which pepper.
    pub pepper_version: u32,
}

impl Minted {
    /// What is stored of `key`.
    pub fn of(key: &ApiKey, pepper: &Pepper) -> Self {
        let (secret_mac, pepper_version) = (pepper.secret_mac(key), pepper.version());
        Self { id: key.id().clone(), env: key.env(), secret_mac, pepper_version }
    }
}

/// What a new key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// What it may do.
    pub scopes: Scopes,
    /// Whence it may be used.
    pub networks: Networks,
    /// When it ends by itself, if ever.
    pub expires_at: Option<UnixSeconds>,
    /// What its owner wants to remember.
    pub note: String,
}

/// What may be changed of a key without a new secret; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edit {
    /// What it may do.
    pub scopes: Option<Scopes>,
    /// Whence it may be used.
    pub networks: Option<Networks>,
    /// What its owner wants to remember.
    pub note: Option<String>,
    /// When it ends by itself; `Some(None)` for never.
    pub expires_at: Option<Option<UnixSeconds>>,
}

/// A new key beside those that there are.
///
/// # Errors
/// [`Refused::NoScope`], [`Refused::EndsInThePast`], [`Refused::TooManyKeys`].
pub fn create(
    family: &Family,
    purpose: &Purpose,
    minted: Minted,
    accepted_max: usize,
    now: UnixSeconds,
) -> Result<Change, Refused> {
    if purpose.scopes.is_empty() {
        return Err(Refused::NoScope);
    }
    if purpose.expires_at.is_some_and(|at| at <= now) {
        return Err(Refused::EndsInThePast);
    }
    family.need_place(minted.env, accepted_max, 0, now)?;
    let key = KeyRecord {
        id: minted.id,
        client_id: family.client.client_id.clone(),
        env: minted.env,
        secret_mac: minted.secret_mac,
        pepper_version: minted.pepper_version,
        scopes: purpose.scopes,
        networks: purpose.networks.clone(),
        created_at: now,
        validity: Validity::new(purpose.expires_at),
        revoked_at: None,
        replaces: None,
        replaced_by: None,
        generation: 0,
        first_used_at: None,
        last_used_at: None,
        last_used_network: None,
        last_used_agent: None,
        noticed_percent: 0,
        note: purpose.note.clone(),
        epoch: 0,
    };
    let mut change = Change::default();
    change.told.push(Happening::KeyCreated(KeyTold::of(&key)));
    change.write("key.create", None, key);
    Ok(change)
}

/// Refuses a key until it is resumed.
///
/// # Errors
/// [`Refused::WrongState`] unless it is active, [`Refused::RotationOpen`] while it is being exchanged.
pub fn pause(family: &Family, id: &KeyId, now: UnixSeconds) -> Result<Change, Refused> {
    family.need_no_rotation(id)?;
    let key = family.key(id)?;
    need(key, now, "an active key can be paused", |standing| standing == Standing::Accepted)?;
    Ok(Change::of("key.pause", key, |key| key.validity.state = KeyState::Paused))
}

/// Accepts a paused key again.
///
/// # Errors
/// [`Refused::WrongState`] unless it is paused.
pub fn resume(family: &Family, id: &KeyId, now: UnixSeconds) -> Result<Change, Refused> {
    let key = family.key(id)?;
    let paused = Standing::Refused(Refusal::Paused);
    need(key, now, "a paused key can be resumed", |standing| standing == paused)?;
    Ok(Change::of("key.resume", key, |key| key.validity.state = KeyState::Active))
}

/// Ends a key at once and for ever. A rotation that it is part of ends with it: the other key stays, and where it was
/// ending it is active again, since what was to follow it is gone.
///
/// # Errors
/// [`Refused::WrongState`] when it was revoked before.
pub fn revoke(family: &Family, id: &KeyId, now: UnixSeconds) -> Result<Change, Refused> {
    let key = family.key(id)?;
    let revoked = Standing::Refused(Refusal::Revoked);
    need(key, now, "a key that is not revoked can be revoked", |standing| standing != revoked)?;
    let mut change = Change::of("key.revoke", key, |key| end(key, now));
    change.told.push(Happening::KeyRevoked { key: KeyTold::of(key), reason: String::new() });
    for rotation in family.rotations.iter().filter(|rotation| rotation.touches(id)) {
        crate::rotation::end_with(family, rotation, id, now, &mut change)?;
    }
    Ok(change)
}

/// Changes what a key may do, whence, until when, or its note.
///
/// # Errors
/// [`Refused::NoScope`], [`Refused::EndsInThePast`], [`Refused::WrongState`] for a key that is over.
pub fn edit(family: &Family, id: &KeyId, edit: &Edit, now: UnixSeconds) -> Result<Change, Refused> {
    let key = family.key(id)?;
    if !key.holds_place(now) {
        let (state, wanted) = (key.standing(now).name(), "a key that can still be used can be edited");
        return Err(Refused::WrongState { key: id.clone(), state, wanted });
    }
    if edit.scopes.is_some_and(Scopes::is_empty) {
        return Err(Refused::NoScope);
    }
    if edit.expires_at.flatten().is_some_and(|at| at <= now) {
        return Err(Refused::EndsInThePast);
    }
    Ok(Change::of("key.edit", key, |key| {
        key.scopes = edit.scopes.unwrap_or(key.scopes);
        key.networks = edit.networks.clone().unwrap_or_else(|| std::mem::take(&mut key.networks));
        key.note = edit.note.clone().unwrap_or_else(|| std::mem::take(&mut key.note));
        key.validity.expires_at = edit.expires_at.unwrap_or(key.validity.expires_at);
    }))
}

/// The MAC that a call has made of its key's secret under a newer pepper, instead of the stored one. It is the same key:
/// nothing else of it changes, and nothing at all of one that can no longer be used or that has a pepper as new.
///
/// # Errors
/// [`Refused::NoSuchKey`].
pub fn renew_mac(family: &Family, minted: Minted, now: UnixSeconds) -> Result<Change, Refused> {
    let key = family.key(&minted.id)?;
    if !key.holds_place(now) || key.pepper_version >= minted.pepper_version {
        return Ok(Change::default());
    }
    Ok(Change::of("key.renew_mac", key, |key| {
        (key.secret_mac, key.pepper_version) = (minted.secret_mac, minted.pepper_version);
    }))
}

/// A client that is new, or is there already: the audit says that it was asked for.
pub fn create_client(family: &Family) -> Change {
    let after = audited_client(&family.client);
    let entry = Entry { action: "client.create", key: None, before: Value::Null, after };
    Change { client: Some(family.client.clone()), entries: vec![entry], ..Change::default() }
}

/// Changes the client itself: its plan, how it pays, what a month may cost.
pub fn edit_client(family: &Family, after: ClientRecord) -> Change {
    let mut change = Change::default();
    if after != family.client {
        let (before, now) = (audited_client(&family.client), audited_client(&after));
        change.entries.push(Entry { action: "client.edit", key: None, before, after: now });
        change.client = Some(after);
    }
    change
}

fn audited_client(client: &ClientRecord) -> Value {
    json!({
        "name": client.name,
        "plan": client.plan,
        "spend_cap_microusd": client.spend_cap_microusd,
        "pays_in_tmai": client.pays_in_tmai,
        "stake_tier": client.stake_tier,
    })
}

/// The key's last state: refused for ever.
pub(crate) fn end(key: &mut KeyRecord, now: UnixSeconds) {
    key.validity.state = KeyState::Revoked;
    key.revoked_at = Some(now);
}

/// Whether the key's standing is as it must be.
pub(crate) fn need(
    key: &KeyRecord,
    now: UnixSeconds,
    wanted: &'static str,
    good: impl Fn(Standing) -> bool,
) -> Result<(), Refused> {
    let standing = key.standing(now);
    let refused = || Refused::WrongState { key: key.id.clone(), state: standing.name(), wanted };
    if good(standing) { Ok(()) } else { Err(refused()) }
}

impl Family {
    /// The key of that id.
    ///
    /// # Errors
    /// [`Refused::NoSuchKey`].
    pub fn key(&self, id: &KeyId) -> Result<&KeyRecord, Refused> {
        self.keys.iter().find(|key| key.id == *id).ok_or_else(|| Refused::NoSuchKey(id.clone()))
    }

    /// The open rotation that `id` is the old or the new key of.
    ///
    /// # Errors
    /// [`Refused::RotationNotOpen`].
    pub fn rotation(&self, id: &KeyId) -> Result<&Rotation, Refused> {
        let found = self.rotations.iter().find(|rotation| rotation.touches(id));
        found.ok_or_else(|| Refused::RotationNotOpen(id.clone()))
    }

    pub(crate) fn need_no_rotation(&self, id: &KeyId) -> Result<(), Refused> {
        match self.rotation(id) {
            Ok(open) => Err(Refused::RotationOpen { rotation: open.id.clone(), key: open.old.clone() }),
            Err(_) => Ok(()),
        }
    }

    /// Whether one more key has a place, when `freed` of those that have one lose it.
    pub(crate) fn need_place(
        &self,
        env: KeyEnv,
        max: usize,
        freed: usize,
        now: UnixSeconds,
    ) -> Result<(), Refused> {
        let max = max.clamp(1, ACCEPTED_MAX);
        let held = self.keys.iter().filter(|key| key.env == env && key.holds_place(now)).count();
        if held.saturating_sub(freed) < max { Ok(()) } else { Err(Refused::TooManyKeys { held, max }) }
    }
}

impl Change {
    /// One key, changed by `edit`.
    pub(crate) fn of(action: &'static str, key: &KeyRecord, edit: impl FnOnce(&mut KeyRecord)) -> Self {
        let mut change = Self::default();
        change.edit(action, key, edit);
        change
    }

    /// Adds one key, changed by `edit`.
    pub(crate) fn edit(&mut self, action: &'static str, key: &KeyRecord, edit: impl FnOnce(&mut KeyRecord)) {
        let mut after = key.clone();
        edit(&mut after);
        self.write(action, Some(key), after);
    }

    /// Adds one key as it shall be.
    pub(crate) fn write(&mut self, action: &'static str, before: Option<&KeyRecord>, after: KeyRecord) {
        self.entries.push(Entry {
            action,
            key: Some(after.id.clone()),
            before: before.map_or(Value::Null, audited),
            after: audited(&after),
        });
        self.keys.push(after);
    }
}

/// What the audit says of a key: all that is kept of it but the MAC, and but what mere use changes.
fn audited(key: &KeyRecord) -> Value {
    let seconds = |at: Option<UnixSeconds>| at.map(|at| at.0);
    let name = |id: &Option<KeyId>| id.as_ref().map(|id| id.as_str().to_owned());
    json!({
        "client_id": key.client_id,
        "env": key.env.as_str(),
        "pepper_version": key.pepper_version,
        "scopes": key.scopes.join(),
        "allowed_networks": key.networks.join(),
        "state": key.validity.state.as_str(),
        "created_at": key.created_at.0,
        "expires_at": seconds(key.validity.expires_at),
        "overlap_ends_at": seconds(key.validity.overlap_ends_at),
        "brownout_at": seconds(key.validity.brownout.map(|brownout| brownout.at)),
        "brownout_ends_at": seconds(key.validity.brownout.map(|brownout| brownout.ends_at)),
        "revoked_at": seconds(key.revoked_at),
        "replaces": name(&key.replaces),
        "replaced_by": name(&key.replaced_by),
        "generation": key.generation,
        "note": key.note,
    })
}
