//! The life of a key in the database: made, listed, revoked. The CLI calls these; later the API does too.

use accrual_rewards::unit::UnixSeconds;
use accrual_store::{ClientRow, Db, KeyRow, StoreError, clients, keys};

use crate::app::NoRandom;
use crate::auth::Scope;
use crate::key::{ApiKey, KeyEnv, KeyId, Pepper};

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose it is: a client's name. The client is made when it is new.
    pub client: String,
    /// The client's plan.
    pub plan: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// What it is good for.
    pub env: KeyEnv,
    /// When it ends by itself, if ever.
    pub expires_at: Option<UnixSeconds>,
    /// What its owner wants to remember.
    pub note: String,
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
    #[error("a key without a scope could do nothing: give it at least one")]
    NoScope,
    #[error("there is no key {0}: `accrual keys list` shows those that there are")]
    NoSuchKey(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// Makes a key and stores all of it but the secret. The [`ApiKey`] is to be shown to its owner once, and dropped.
///
/// # Errors
/// A bad client name, another plan than the client's, no scope, no random numbers, or the database's own.
pub async fn create(
    db: &Db,
    pepper: &Pepper,
    new: NewKey,
    now: UnixSeconds,
) -> Result<(KeyRow, ApiKey), KeysError> {
    if new.scopes.is_empty() {
        return Err(KeysError::NoScope);
    }
    let client = client(db, &new, now).await?;
    let key = generate(new.env)?;
    let row = row(&new, client, pepper, &key, now);
    keys::insert(db, &row).await?;
    Ok((row, key))
}

async fn client(db: &Db, new: &NewKey, now: UnixSeconds) -> Result<ClientRow, KeysError> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte);
    if !(1..=64).contains(&new.client.len()) || !new.client.bytes().all(safe) {
        return Err(KeysError::BadClient(new.client.clone()));
    }
    let id = generate(new.env)?.id().to_string();
    let client =
        ClientRow { client_id: id, name: new.client.clone(), plan: new.plan.clone(), created_at: now };
    let client = clients::get_or_create(db, &client).await?;
    if client.plan == new.plan {
        return Ok(client);
    }
    Err(KeysError::PlanDiffers { client: client.name, stored: client.plan, asked: new.plan.clone() })
}

/// A new key from the operating system's generator.
fn generate(env: KeyEnv) -> Result<ApiKey, NoRandom> {
    let mut failed = None;
    let key = ApiKey::generate(env, &mut |bytes| {
        if let Err(error) = getrandom::fill(bytes) {
            // Bytes that end the drawing; the key made of them is thrown away below.
            bytes.fill(0);
            failed = Some(error);
        }
    });
    failed.map_or(Ok(key), |error| Err(NoRandom(error)))
}

fn row(new: &NewKey, client: ClientRow, pepper: &Pepper, key: &ApiKey, now: UnixSeconds) -> KeyRow {
    KeyRow {
        id: key.id().to_string(),
        client_id: client.client_id,
        env: new.env.as_str().to_owned(),
        secret_mac: pepper.secret_mac(key),
        pepper_version: u64::from(pepper.version()),
        scopes: Scope::join(&new.scopes),
        created_at: now,
        expires_at: new.expires_at,
        state: "active".to_owned(),
        overlap_ends_at: None,
        revoked_at: None,
        replaces_id: None,
        replaced_by_id: None,
        generation: 0,
        last_used_at: None,
        note: new.note.clone(),
        allowed_networks: String::new(),
    }
}

/// Every key, oldest first, never a secret.
///
/// # Errors
/// The database's own.
pub async fn list(db: &Db) -> Result<Vec<KeyRow>, KeysError> {
    Ok(keys::list(db, None).await?)
}

/// Ends a key for good; whether it was not revoked before.
///
/// # Errors
/// [`KeysError::NoSuchKey`], or the database's own.
pub async fn revoke(db: &Db, id: &KeyId, now: UnixSeconds) -> Result<bool, KeysError> {
    if keys::by_id(db, id.as_str()).await?.is_none() {
        return Err(KeysError::NoSuchKey(id.to_string()));
    }
    Ok(keys::revoke(db, id.as_str(), now).await?)
}
