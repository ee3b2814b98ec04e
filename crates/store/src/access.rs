//! The only way by which clients, keys and rotations change: one change, one transaction.
//!
//! A change first takes the next *epoch*. The row that counts them stays locked until the commit, so changes are in one
//! order on both engines, and a reader who has seen epoch E has seen all changes up to E. Then the client's family is
//! read, a function of `accrual-access` decides, and keys, rotations, audit entries, notices and the answer to a repeated
//! request are written together. Nothing of a refused change is kept, not even its epoch.

use accrual_access::audit::AuditRow;
use accrual_access::change::{Change, Family};
use accrual_access::key::KeyId;
use accrual_access::record::ClientRecord;
use accrual_rewards::unit::UnixSeconds;

use crate::cell::bigint;
use crate::db::{Open, Tx, within};
use crate::{Db, StoreError, audit, clients, idempotency, keys, notices, rotations};

/// The channel on which PostgreSQL tells servers of a change.
pub const CHANNEL: &str = "accrual_keys";

/// Whose family is to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// The client with this id.
    Client(&'a str),
    /// The client that has this key.
    Key(&'a KeyId),
    /// The client of this record's name; the record itself where there is none yet.
    Named(&'a ClientRecord),
}

/// Who asks for a change, when and why.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// `cli:<user>`, `key:<id>`, `wallet:<address>` or `accrual`.
    pub actor: &'a str,
    /// What was given as the reason; may be empty.
    pub reason: &'a str,
    /// The request, for the audit; may be empty.
    pub request_id: &'a str,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Set when the request may come twice.
    pub repeat: Option<Repeat<'a>>,
}

/// A request that may come twice.
#[derive(Debug, Clone, Copy)]
pub struct Repeat<'a> {
    /// What its sender calls it.
    pub key: &'a str,
    /// A hash of all that it asks for.
    pub request_hash: &'a str,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<T> {
    /// It was made.
    Made {
        /// What is stored now.
        change: Box<Change>,
        /// Its number; `None` when there was nothing to change.
        epoch: Option<u64>,
        /// What was decided beside it.
        more: T,
    },
    /// It was made before, by the same request; `made` is the id of what it made.
    Repeated {
        /// The id of what was made.
        made: String,
    },
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// The rules refuse it.
    #[error(transparent)]
    Refused(E),
    /// There is no such client or key.
    #[error("there is no such client or key")]
    Nobody,
    /// The same idempotency key came with another request.
    #[error("this Idempotency-Key came before with another request: send a new one")]
    Conflict,
    /// The database's own.
    #[error(transparent)]
    Store(StoreError),
}

impl<E> From<StoreError> for ChangeError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What was decided: the change, the id that a repeated request is answered with, and anything else.
pub type Decision<T> = (Change, String, T);

/// Changes a client's family as `decide` says. `decide` runs inside the transaction: it must be quick.
///
/// # Errors
/// [`ChangeError`]; nothing is kept then.
pub async fn change<T, E>(
    db: &Db,
    whose: Whose<'_>,
    by: &By<'_>,
    decide: impl FnOnce(&Family) -> Result<Decision<T>, E>,
) -> Result<Outcome<T>, ChangeError<E>> {
    let mut tx = db.begin().await?;
    let epoch = next_epoch(&mut tx).await?;
    let at = UnixSeconds(by.at_ms / 1_000);
    if let Some(repeat) = by.repeat
        && let Some((request_hash, made)) = idempotency::get(&mut tx, by.actor, repeat.key).await?
    {
        return if request_hash == repeat.request_hash {
            Ok(Outcome::Repeated { made })
        } else {
            Err(ChangeError::Conflict)
        };
    }
    let client = client(&mut tx, whose, epoch).await?.ok_or(ChangeError::Nobody)?;
    let keys = keys::list_in(&mut tx, &client.client_id).await?;
    let rotations = rotations::open_in(&mut tx, &client.client_id).await?;
    let family = Family { client, keys, rotations };
    let (mut change, made, more) = decide(&family).map_err(ChangeError::Refused)?;
    if change.is_empty() {
        return Ok(Outcome::Made { change: Box::new(change), epoch: None, more });
    }
    write(&mut tx, &mut change, epoch).await?;
    tell(&mut tx, &family, &change, by, at).await?;
    if let Some(repeat) = by.repeat {
        idempotency::insert(&mut tx, by.actor, &repeat, &made, at).await?;
    }
    record_epoch(&mut tx, epoch, by.at_ms).await?;
    tx.commit().await?;
    Ok(Outcome::Made { change: Box::new(change), epoch: Some(epoch), more })
}

const NEXT_EPOCH: &str = "update auth_epoch set epoch = epoch + 1 where one = 1 returning epoch";

async fn next_epoch(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    let (epoch,): (i64,) = within!(tx, conn => sqlx::query_as(NEXT_EPOCH).fetch_one(conn).await)?;
    Ok(epoch.unsigned_abs())
}

const OWNER: &str = "select client_id from api_keys where id = $1";

async fn client(tx: &mut Tx<'_>, whose: Whose<'_>, epoch: u64) -> Result<Option<ClientRecord>, StoreError> {
    match whose {
        Whose::Client(id) => clients::by_id_in(tx, id).await,
        Whose::Key(id) => {
            let owner: Option<(String,)> =
                within!(tx, conn => sqlx::query_as(OWNER).bind(id.as_str()).fetch_optional(conn).await)?;
            match owner {
                Some((client_id,)) => clients::by_id_in(tx, &client_id).await,
                None => Ok(None),
            }
        }
        Whose::Named(record) => match clients::by_name_in(tx, &record.name).await? {
            Some(found) => Ok(Some(found)),
            None => {
                clients::write(tx, record, epoch).await?;
                Ok(Some(ClientRecord { epoch, ..record.clone() }))
            }
        },
    }
}

async fn write(tx: &mut Tx<'_>, change: &mut Change, epoch: u64) -> Result<(), StoreError> {
    if let Some(client) = &mut change.client {
        clients::write(tx, client, epoch).await?;
        client.epoch = epoch;
    }
    for key in &mut change.keys {
        keys::write(tx, key, epoch).await?;
        key.epoch = epoch;
    }
    for rotation in &mut change.rotations {
        rotations::write(tx, rotation, epoch).await?;
        rotation.epoch = epoch;
    }
    Ok(())
}

async fn tell(
    tx: &mut Tx<'_>,
    family: &Family,
    change: &Change,
    by: &By<'_>,
    at: UnixSeconds,
) -> Result<(), StoreError> {
    let (mut seq, mut prev_hash) = audit::head(tx).await?;
    for entry in &change.entries {
        seq += 1;
        let row = AuditRow {
            seq,
            at: at.0,
            actor: by.actor.to_owned(),
            action: entry.action.to_owned(),
            client_id: Some(family.client.client_id.clone()),
            key_id: entry.key.as_ref().map(|id| id.as_str().to_owned()),
            before_json: entry.before.to_string(),
            after_json: entry.after.to_string(),
            reason: by.reason.to_owned(),
            request_id: by.request_id.to_owned(),
            prev_hash: String::new(),
            hash: String::new(),
        };
        let row = row.bound_to(&prev_hash);
        audit::insert(tx, &row).await?;
        prev_hash = row.hash;
    }
    for told in &change.told {
        notices::post_told(tx, told, at).await?;
    }
    Ok(())
}

const RECORD_EPOCH: &str = "insert into key_changes (epoch, made_at_ms) values ($1, $2)";
const NOTIFY: &str = "select pg_notify($1, $2)";

async fn record_epoch(tx: &mut Tx<'_>, epoch: u64, at_ms: u64) -> Result<(), StoreError> {
    let (number, at_ms) = (bigint("epoch", epoch)?, bigint("time", at_ms)?);
    within!(tx, conn => sqlx::query(RECORD_EPOCH).bind(number).bind(at_ms).execute(conn).await.map(|_| ()))?;
    // Only a server can call its readers; those of a file look for themselves.
    if let Open::Postgres(open) = &mut tx.open {
        let told = sqlx::query(NOTIFY).bind(CHANNEL).bind(epoch.to_string()).execute(&mut **open).await;
        told.map_err(|error| tx.db.explain(error))?;
    }
    Ok(())
}
