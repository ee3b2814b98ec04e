//! Every key in memory, so that a call is admitted without a look at the database.
//!
//! Rows come from two sides: from changes that this server made itself, and from reading what others have changed. Either
//! may be late, so a row is taken only when its epoch is not below that of the row it replaces: a reading that began
//! before a revoke and lands after it changes nothing. `tests/loom.rs` tries all orders.

use std::collections::HashMap;
use std::sync::Arc;

use accrual_rewards::unit::UnixSeconds;
use subtle::ConstantTimeEq;

use crate::key::{KeyEnv, KeyId};
use crate::network::Networks;
use crate::record::{Brownout, ClientRecord, KeyRecord, KeyState, Validity};
use crate::scope::Scopes;
use crate::sync::RwLock;

/// All keys and clients, as of an epoch.
#[derive(Debug, Default)]
pub struct KeyTable(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    keys: HashMap<KeyId, Entry>,
    clients: Vec<Arc<ClientRecord>>,
    places: HashMap<String, u32>,
    confirmed: Option<Confirmed>,
}

/// Up to which change the table is complete, and when that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// All changes up to this one are in the table.
    pub epoch: u64,
    /// When the reading that shows it began, in milliseconds since 1970.
    pub asked_at_ms: u64,
}

/// A key as the guard needs it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whose it is.
    pub client: Arc<ClientRecord>,
    /// Its environment.
    pub env: KeyEnv,
    /// What it may do.
    pub scopes: Scopes,
    /// What decides whether it is accepted.
    pub validity: Validity,
    /// Whence it may be used; `None` for anywhere.
    pub networks: Option<Networks>,
    /// The key that succeeds it.
    pub replaced_by: Option<KeyId>,
    /// The pepper of its MAC.
    pub pepper_version: u32,
    mac: [u8; 32],
}

/// A million of these are held: what few keys have is apart.
#[derive(Debug)]
struct Entry {
    mac: [u8; 32],
    expires_at: Option<UnixSeconds>,
    epoch: u64,
    rare: Option<Box<Rare>>,
    client: u32,
    pepper_version: u32,
    env: KeyEnv,
    state: KeyState,
    scopes: Scopes,
}

#[derive(Debug, Clone)]
struct Rare {
    overlap_ends_at: Option<UnixSeconds>,
    brownout: Option<Brownout>,
    networks: Networks,
    replaced_by: Option<KeyId>,
}

impl KeyTable {
    /// Takes rows that are newer than those that it has. A key whose client is not known, here or before, is left out.
    pub fn apply(&self, clients: Vec<ClientRecord>, keys: &[KeyRecord]) {
        let mut inner = self.0.write().unwrap_or_else(crate::sync::into_inner);
        for client in clients {
            inner.take_client(client);
        }
        for key in keys {
            inner.take_key(key);
        }
    }

    /// Notes that all changes up to `epoch` are in the table, as a reading that began at `asked_at_ms` has shown.
    pub fn confirm(&self, epoch: u64, asked_at_ms: u64) {
        let mut inner = self.0.write().unwrap_or_else(crate::sync::into_inner);
        let newer = inner.confirmed.is_none_or(|held| held.asked_at_ms <= asked_at_ms);
        if newer {
            inner.confirmed = Some(Confirmed { epoch, asked_at_ms });
        }
    }

    /// How far the table is known to be complete; `None` before the first reading.
    pub fn confirmed(&self) -> Option<Confirmed> {
        self.0.read().unwrap_or_else(crate::sync::into_inner).confirmed
    }

    /// The key of that id.
    pub fn find(&self, id: &KeyId) -> Option<Found> {
        let inner = self.0.read().unwrap_or_else(crate::sync::into_inner);
        let entry = inner.keys.get(id)?;
        Some(entry.found(Arc::clone(inner.clients.get(usize::try_from(entry.client).ok()?)?)))
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(crate::sync::into_inner).keys.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Found {
    /// Whether `mac` is the key's. Takes as long for any two.
    pub fn is_mac(&self, mac: &[u8; 32]) -> bool {
        self.mac.ct_eq(mac).into()
    }
}

impl Inner {
    fn take_client(&mut self, client: ClientRecord) {
        match self.places.get(&client.client_id).and_then(|place| usize::try_from(*place).ok()) {
            Some(place) if self.clients[place].epoch <= client.epoch => {
                self.clients[place] = Arc::new(client)
            }
            Some(_) => {}
            None => {
                let place =
                    u32::try_from(self.clients.len()).expect("fewer than 2^32 clients fit into memory");
                self.places.insert(client.client_id.clone(), place);
                self.clients.push(Arc::new(client));
            }
        }
    }

    fn take_key(&mut self, key: &KeyRecord) {
        let (Some(client), Some(mac)) = (self.places.get(&key.client_id), mac(&key.secret_mac)) else {
            return;
        };
        if self.keys.get(&key.id).is_some_and(|held| held.epoch > key.epoch) {
            return;
        }
        self.keys.insert(key.id.clone(), Entry::of(key, mac, *client));
    }
}

impl Entry {
    fn of(key: &KeyRecord, mac: [u8; 32], client: u32) -> Self {
        let Validity { state, expires_at, overlap_ends_at, brownout } = key.validity;
        let rare = Rare {
            overlap_ends_at,
            brownout,
            networks: key.networks.clone(),
            replaced_by: key.replaced_by.clone(),
        };
        let is_rare = overlap_ends_at.is_some()
            || brownout.is_some()
            || !key.networks.is_empty()
            || key.replaced_by.is_some();
        Self {
            mac,
            expires_at,
            epoch: key.epoch,
            rare: is_rare.then(|| Box::new(rare)),
            client,
            pepper_version: key.pepper_version,
            env: key.env,
            state,
            scopes: key.scopes,
        }
    }

    fn found(&self, client: Arc<ClientRecord>) -> Found {
        let rare = self.rare.as_deref();
        let validity = Validity {
            state: self.state,
            expires_at: self.expires_at,
            overlap_ends_at: rare.and_then(|rare| rare.overlap_ends_at),
            brownout: rare.and_then(|rare| rare.brownout),
        };
        Found {
            client,
            env: self.env,
            scopes: self.scopes,
            validity,
            networks: rare.filter(|rare| !rare.networks.is_empty()).map(|rare| rare.networks.clone()),
            replaced_by: rare.and_then(|rare| rare.replaced_by.clone()),
            pepper_version: self.pepper_version,
            mac: self.mac,
        }
    }
}

fn mac(text: &str) -> Option<[u8; 32]> {
    alloy_primitives::hex::decode_to_array(text).ok()
}
