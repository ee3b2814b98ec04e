//! The life of keys: what the command line, the API and the upkeep call. The rules are `accrual-access`'s; here they meet
//! the database, the operating system's random numbers and the table that calls are admitted from.
//!
//! A secret exists in [`Issued`] alone: it is shown to its owner once, and dropped.

mod exchange;
mod fresh;
mod habits;
mod heads;
mod keeping;
mod preview;
mod renew;
mod view;

use std::path::PathBuf;
use std::sync::Arc;

use accrual_access::change::{self, Change, Edit, Family, Minted, Purpose, Refused};
use accrual_access::key::{ApiKey, KeyEnv, KeyId, MalformedKeyId, Peppers};
use accrual_access::record::{ClientRecord, KeyRecord};
use accrual_access::rotation::{self, Kind, Rotation, Terms};
use accrual_access::scope::Scopes;
use accrual_access::table::KeyTable;
use accrual_access::upkeep::{self, Policy};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::access::{self, By, ChangeError, Outcome, Repeat, Whose};
use accrual_store::{Db, StoreError, clients, keys, replicas, rotations};

use crate::app::NoRandom;
use crate::clock::Clock;
use crate::deliver::Deliver;

pub use fresh::Freshness;
pub use preview::CallerView;
pub use view::{KeyView, RotationView};

/// What is configured of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRules {
    /// How many keys of a client and environment may be accepted at once: 1 to 5.
    pub accepted_max: usize,
    /// Within how many seconds a change holds on every server.
    pub propagation_seconds_max: u64,
    /// Whether a server that cannot read the changes for longer refuses every key, and not only those that are ending.
    pub refuse_all_when_unconfirmed: bool,
    /// The environment whose keys are accepted; `None` for both.
    pub env: Option<KeyEnv>,
    /// How old keys may become whose client has no rule of its own.
    pub policy: Policy,
    /// The clients whose keys are exchanged without anybody's hands.
    pub rotate: Vec<ClientRule>,
    /// Where the audit's newest entry is noted each hour.
    pub audit_heads_file: Option<PathBuf>,
}

/// What holds for one client's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRule {
    /// The client's name.
    pub client: String,
    /// How old its keys may become, and how long an old one is accepted beside its successor.
    pub policy: Policy,
    /// Where a new key goes, since nobody else gets to see it.
    pub deliver: Deliver,
}

impl KeyRules {
    /// The rule of a client, if it has one of its own.
    pub fn rule(&self, client: &str) -> Option<&ClientRule> {
        self.rotate.iter().find(|rule| rule.client == client)
    }

    /// How old the keys of a client may become, and how they are exchanged then.
    pub fn policy_of(&self, client: &str) -> Policy {
        self.rule(client).map_or(self.policy, |rule| rule.policy)
    }

    /// The shortest life that any key may have, in seconds.
    fn age_seconds_min(&self) -> Option<u64> {
        let policies = self.rotate.iter().map(|rule| rule.policy).chain([self.policy]);
        policies.filter_map(|policy| policy.age_seconds_max).min()
    }
}

impl Default for KeyRules {
    fn default() -> Self {
        Self {
            accepted_max: 2,
            propagation_seconds_max: 5,
            refuse_all_when_unconfirmed: false,
            env: None,
            policy: Policy::default(),
            rotate: Vec::new(),
            audit_heads_file: None,
        }
    }
}

/// Keys, as a process sees them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    peppers: Peppers,
    rules: KeyRules,
    clock: Clock,
    table: KeyTable,
    fresh: fresh::State,
    old_macs: renew::Noted,
    replica_id: String,
}

/// Who asks for a change, and why.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// `cli:<user>`, `key:<id>`, `wallet:<address>` or `accrual`.
    pub actor: String,
    /// What was given as the reason.
    pub reason: String,
    /// The request, for the audit.
    pub request_id: String,
    /// What the request is called by its sender, and a hash of it, when it may come twice.
    pub repeat: Option<(String, String)>,
}

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose it is: a client's name. The client is made when it is new.
    pub client: String,
    /// The plan of a client that is new, or the one that the client must have.
    pub plan: Option<String>,
    /// What it may do, whence and until when.
    pub purpose: Purpose,
    /// What it is good for.
    pub env: KeyEnv,
}

/// A secret and what it belongs to. The secret is `None` when the same request had made it before.
#[derive(Debug)]
pub struct Issued<T> {
    /// What was made.
    pub made: T,
    /// The key, to be shown once.
    pub key: Option<ApiKey>,
}

/// A step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A staged one's overlap begins.
    Start {
        /// How long it is.
        overlap_seconds: u64,
    },
    /// The overlap ends later.
    Extend {
        /// When.
        ends_at: UnixSeconds,
    },
    /// The old key ends now.
    Finish {
        /// Though it is still used.
        force: bool,
    },
    /// The new key is revoked, the old one goes on.
    RollBack,
    /// A staged one is given up.
    Cancel,
    /// The old key is refused for a moment.
    Brownout {
        /// From when on.
        at: UnixSeconds,
        /// For how long.
        seconds: u64,
    },
}

/// A change to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEdit {
    /// Refused until it is resumed.
    Pause,
    /// Accepted again.
    Resume,
    /// Refused for ever.
    Revoke,
    /// Other scopes, networks, note or expiry.
    Edit(Edit),
}

/// Why a key was not made or changed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum KeysError {
    #[error("{0:?} is no name for a client: 1 to 64 of letters, digits, '-', '_', '.', ':' and '@'")]
    BadClient(String),
    #[error(
        "client {client} is on plan {stored}, not {asked}: leave the plan out, or change the client's plan first"
    )]
    PlanDiffers { client: String, stored: String, asked: String },
    #[error("there is no key {0}: `accrual keys list` shows those that there are")]
    NoSuchKey(String),
    #[error("there is no such client: `accrual clients list` shows those that there are")]
    NoSuchClient,
    #[error("this Idempotency-Key came before with another request: send a new one")]
    IdempotencyConflict,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    BadId(#[from] MalformedKeyId),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

impl From<ChangeError<KeysError>> for KeysError {
    fn from(error: ChangeError<KeysError>) -> Self {
        match error {
            ChangeError::Refused(error) => error,
            ChangeError::Nobody => Self::NoSuchClient,
            ChangeError::Conflict => Self::IdempotencyConflict,
            ChangeError::Store(error) => Self::Store(error),
        }
    }
}

impl Keys {
    /// The keys that `db` holds. The table is empty until it is refreshed.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn new(db: Db, peppers: Peppers, rules: KeyRules, clock: Clock) -> Result<Self, NoRandom> {
        let replica_id = random_id()?.to_string();
        let (table, fresh) = (KeyTable::default(), fresh::State::default());
        let old_macs = renew::Noted::default();
        Ok(Self(Arc::new(Inner { db, peppers, rules, clock, table, fresh, old_macs, replica_id })))
    }

    /// What is configured.
    pub fn rules(&self) -> &KeyRules {
        &self.0.rules
    }

    /// Every key in memory.
    pub fn table(&self) -> &KeyTable {
        &self.0.table
    }

    /// What turns secrets into what is stored.
    pub fn peppers(&self) -> &Peppers {
        &self.0.peppers
    }

    /// This process's name among those that share the database.
    pub fn replica_id(&self) -> &str {
        &self.0.replica_id
    }

    /// Makes a key, and its client when that is new.
    ///
    /// # Errors
    /// [`KeysError`]; nothing is kept then.
    pub async fn create(&self, new: NewKey, asker: &Asker) -> Result<Issued<KeyRecord>, KeysError> {
        let client = self.new_client(&new.client, new.plan.as_deref())?;
        let (key, minted) = self.mint(new.env)?;
        let (now, max) = (self.0.clock.now(), self.0.rules.accepted_max);
        let made = self
            .change(Whose::Named(&client), asker, |family| {
                if let Some(asked) = new.plan.clone().filter(|asked| *asked != family.client.plan) {
                    let (client, stored) = (family.client.name.clone(), family.client.plan.clone());
                    return Err(KeysError::PlanDiffers { client, stored, asked });
                }
                let id = minted.id.to_string();
                Ok((change::create(family, &new.purpose, minted, max, now)?, id))
            })
            .await?;
        match made {
            Made::Now(change) => Ok(Issued { made: first(change.keys)?, key: Some(key) }),
            Made::Before(id) => Ok(Issued { made: self.get(&id.parse()?).await?, key: None }),
        }
    }

    /// Makes a client without a key.
    ///
    /// # Errors
    /// A bad name, a client that is on another plan, or the database's own.
    pub async fn create_client(
        &self,
        name: &str,
        plan: &str,
        asker: &Asker,
    ) -> Result<ClientRecord, KeysError> {
        let client = self.new_client(name, Some(plan))?;
        let made = self.change(Whose::Named(&client), asker, |family| {
            if family.client.plan == plan {
                return Ok((change::create_client(family), family.client.client_id.clone()));
            }
            let (client, stored) = (family.client.name.clone(), family.client.plan.clone());
            Err(KeysError::PlanDiffers { client, stored, asked: plan.to_owned() })
        });
        made.await?;
        self.client(name).await
    }

    fn new_client(&self, name: &str, plan: Option<&str>) -> Result<ClientRecord, KeysError> {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(safe) {
            return Err(KeysError::BadClient(name.chars().take(80).collect()));
        }
        Ok(ClientRecord {
            client_id: random_id()?.to_string(),
            name: name.to_owned(),
            plan: plan.unwrap_or("free").to_owned(),
            created_at: self.0.clock.now(),
            spend_cap_microusd: None,
            pays_in_tmai: false,
            stake_tier: String::new(),
            epoch: 0,
        })
    }

    /// Begins the exchange of a key.
    ///
    /// # Errors
    /// [`KeysError`]; nothing is kept then.
    pub async fn rotate(
        &self,
        old: &KeyId,
        terms: &Terms,
        asker: &Asker,
    ) -> Result<Issued<Rotation>, KeysError> {
        let env = self.get(old).await?.env;
        let (key, minted) = self.mint(env)?;
        let rotation_id = random_id()?.to_string();
        let (now, max) = (self.0.clock.now(), self.0.rules.accepted_max);
        let made = self
            .change(Whose::Key(old), asker, |family| {
                let change = rotation::open(family, old, terms, minted, rotation_id.clone(), max, now)?;
                Ok((change, rotation_id))
            })
            .await?;
        match made {
            Made::Now(change) => Ok(Issued { made: first(change.rotations)?, key: Some(key) }),
            Made::Before(id) => {
                let rotation = rotations::by_id(&self.0.db, &id).await?.ok_or(KeysError::NoSuchKey(id))?;
                Ok(Issued { made: rotation, key: None })
            }
        }
    }

    /// Takes a step of the rotation that `key` is part of.
    ///
    /// # Errors
    /// [`KeysError`]; nothing is kept then.
    pub async fn step(&self, key: &KeyId, step: Step, asker: &Asker) -> Result<Rotation, KeysError> {
        self.get(key).await?;
        let now = self.0.clock.now();
        let made = self
            .change(Whose::Key(key), asker, |family| {
                let id = family.rotation(key)?.id.clone();
                let change = match step {
                    Step::Start { overlap_seconds } => rotation::start(family, key, overlap_seconds, now),
                    Step::Extend { ends_at } => rotation::extend(family, key, ends_at, now),
                    Step::Finish { force } => rotation::finish(family, key, force, now),
                    Step::RollBack => rotation::roll_back(family, key, now),
                    Step::Cancel => rotation::cancel(family, key, now),
                    Step::Brownout { at, seconds } => rotation::brownout(family, key, at, seconds, now),
                };
                Ok((change?, id))
            })
            .await;
        if let Made::Before(id) = &made? {
            return rotations::by_id(&self.0.db, id).await?.ok_or_else(|| KeysError::NoSuchKey(id.clone()));
        }
        self.rotation(key).await
    }

    /// Replaces every key of a client at once. The keys are in the order of those that they replace.
    ///
    /// # Errors
    /// [`KeysError`]; nothing is kept then.
    pub async fn emergency(&self, client: &str, asker: &Asker) -> Result<Vec<(Rotation, ApiKey)>, KeysError> {
        let client = self.client(client).await?;
        let now = self.0.clock.now();
        let mut keys = Vec::new();
        let made = self
            .change(Whose::Client(&client.client_id), asker, |family| {
                let mint = |env| {
                    let (key, minted) = self.mint(env)?;
                    keys.push(key);
                    Ok::<_, KeysError>((minted, random_id()?.to_string()))
                };
                Ok((rotation::emergency(family, mint, now)?, family.client.client_id.clone()))
            })
            .await?;
        let Made::Now(change) = made else { return Ok(Vec::new()) };
        let begun = |key: ApiKey| {
            let rotation = change.rotations.iter().find(|rotation| rotation.new == *key.id());
            rotation.map(|rotation| (rotation.clone(), key))
        };
        Ok(keys.into_iter().filter_map(begun).collect())
    }

    /// Changes one key.
    ///
    /// # Errors
    /// [`KeysError`]; nothing is kept then.
    pub async fn edit(&self, key: &KeyId, edit: &KeyEdit, asker: &Asker) -> Result<KeyRecord, KeysError> {
        self.get(key).await?;
        let now = self.0.clock.now();
        let made = self.change(Whose::Key(key), asker, |family| {
            let change = match edit {
                KeyEdit::Pause => change::pause(family, key, now),
                KeyEdit::Resume => change::resume(family, key, now),
                KeyEdit::Revoke => change::revoke(family, key, now),
                KeyEdit::Edit(edit) => change::edit(family, key, edit, now),
            };
            Ok((change?, key.to_string()))
        });
        made.await?;
        self.get(key).await
    }

    /// Changes a client's plan and how it pays.
    ///
    /// # Errors
    /// [`KeysError`]; nothing is kept then.
    pub async fn edit_client(
        &self,
        name: &str,
        asker: &Asker,
        edit: impl FnOnce(&mut ClientRecord),
    ) -> Result<ClientRecord, KeysError> {
        let client = self.client(name).await?;
        let made = self.change(Whose::Client(&client.client_id), asker, |family| {
            let mut after = family.client.clone();
            edit(&mut after);
            Ok((change::edit_client(family, after), family.client.client_id.clone()))
        });
        made.await?;
        self.client(name).await
    }

    /// The client of that name or id.
    ///
    /// # Errors
    /// [`KeysError::NoSuchClient`], or the database's own.
    pub async fn client(&self, name: &str) -> Result<ClientRecord, KeysError> {
        let found = match clients::by_name(&self.0.db, name).await? {
            Some(found) => Some(found),
            None => clients::by_id(&self.0.db, name).await?,
        };
        found.ok_or(KeysError::NoSuchClient)
    }

    /// What is known of a key.
    ///
    /// # Errors
    /// [`KeysError::NoSuchKey`], or the database's own.
    pub async fn get(&self, id: &KeyId) -> Result<KeyRecord, KeysError> {
        let found = keys::by_id(&self.0.db, id.as_str()).await?;
        found.ok_or_else(|| KeysError::NoSuchKey(id.to_string()))
    }

    /// Every key, or those of one client, oldest first.
    ///
    /// # Errors
    /// The database's own.
    pub async fn list(&self, client_id: Option<&str>) -> Result<Vec<KeyRecord>, KeysError> {
        Ok(keys::list(&self.0.db, client_id).await?)
    }

    /// The newest rotation that the key is part of.
    ///
    /// # Errors
    /// [`Refused::RotationNotOpen`] when it never was part of one, or the database's own.
    pub async fn rotation(&self, key: &KeyId) -> Result<Rotation, KeysError> {
        let found = rotations::of_key(&self.0.db, key.as_str()).await?;
        found.ok_or_else(|| Refused::RotationNotOpen(key.clone()).into())
    }

    /// When the change that wrote `rotation` was everywhere, in milliseconds since 1970; `None` until then.
    ///
    /// # Errors
    /// The database's own.
    pub async fn everywhere_at_ms(&self, epoch: u64) -> Result<Option<u64>, KeysError> {
        Ok(replicas::key_change(&self.0.db, epoch).await?.and_then(|change| change.everywhere_at_ms))
    }

    /// A secret, and what is stored of it.
    fn mint(&self, env: KeyEnv) -> Result<(ApiKey, Minted), KeysError> {
        let key = generate(env)?;
        let minted = Minted::of(&key, self.0.peppers.current());
        Ok((key, minted))
    }

    async fn change(
        &self,
        whose: Whose<'_>,
        asker: &Asker,
        decide: impl FnOnce(&Family) -> Result<(Change, String), KeysError>,
    ) -> Result<Made, KeysError> {
        let repeat = asker.repeat.as_ref().map(|(key, hash)| Repeat { key, request_hash: hash });
        let at_ms = self.0.clock.now_ms();
        let by =
            By { actor: &asker.actor, reason: &asker.reason, request_id: &asker.request_id, at_ms, repeat };
        let now = self.0.clock.now();
        let outcome = access::change(&self.0.db, whose, &by, |family| {
            let (family, mut change) = upkeep::settled(family, now)?;
            let (decided, made) = decide(&family)?;
            change.append(decided);
            Ok::<_, KeysError>((change, made, family.client))
        })
        .await?;
        match outcome {
            Outcome::Made { change, more, .. } => {
                // At once on the server that made it.
                let client = change.client.clone().unwrap_or(more);
                self.0.table.apply(vec![client], &change.keys);
                Ok(Made::Now(change))
            }
            Outcome::Repeated { made } => Ok(Made::Before(made)),
        }
    }
}

enum Made {
    Now(Box<Change>),
    Before(String),
}

fn first<T>(made: Vec<T>) -> Result<T, KeysError> {
    made.into_iter().next_back().ok_or(KeysError::NoSuchKey(String::new()))
}

/// A key from the operating system's random numbers.
fn generate(env: KeyEnv) -> Result<ApiKey, NoRandom> {
    let mut failed = None;
    let key = ApiKey::generate(env, &mut |buffer| failed = getrandom::fill(buffer).err().or(failed));
    match failed {
        None => Ok(key),
        Some(error) => Err(NoRandom(error)),
    }
}

/// A name that nothing else has.
fn random_id() -> Result<KeyId, NoRandom> {
    Ok(generate(KeyEnv::Live)?.id().clone())
}

/// Scopes of a key that only reads.
pub fn reading_scopes() -> Scopes {
    use accrual_access::scope::Scope;
    [Scope::ReadPublic, Scope::ReadWallet, Scope::RotateSelf].into_iter().collect()
}

/// What a rotation is begun with when a key asks for it itself.
pub(crate) fn own_terms(overlap_seconds: Option<u64>) -> Terms {
    let terms = Terms::new(Kind::OwnKey);
    Terms { overlap_seconds: overlap_seconds.unwrap_or(terms.overlap_seconds), ..terms }
}
