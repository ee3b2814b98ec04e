//! A client's keys in memory, changed as the store changes them.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "clippy counts helpers of integration tests as no tests")]

use accrual_access::change::{Change, Family, Minted, Purpose, Refused, create};
use accrual_access::key::{KeyEnv, KeyId};
use accrual_access::record::{ClientRecord, KeyRecord, Standing};
use accrual_access::rotation::{Kind, Rotation, Terms, open};
use accrual_access::scope::Scope;
use accrual_access::upkeep;
use accrual_rewards::unit::UnixSeconds;

pub(crate) const START: u64 = 1_750_000_000;

pub(crate) fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds(START + seconds)
}

/// A family, the present second, and everything that was told and audited.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) family: Family,
    pub(crate) now: u64,
    pub(crate) told: Vec<String>,
    pub(crate) actions: Vec<&'static str>,
    pub(crate) accepted_max: usize,
    pub(crate) over: Vec<Rotation>,
    made: u32,
}

impl Home {
    pub(crate) fn new() -> Self {
        let client = ClientRecord {
            client_id: "c".to_owned(),
            name: "desk".to_owned(),
            plan: "vip".to_owned(),
            created_at: at(0),
            spend_cap_microusd: None,
            pays_in_tmai: false,
            stake_tier: String::new(),
            epoch: 0,
        };
        let family = Family { client, keys: Vec::new(), rotations: Vec::new() };
        Self {
            family,
            now: 0,
            told: Vec::new(),
            actions: Vec::new(),
            accepted_max: 2,
            over: Vec::new(),
            made: 0,
        }
    }

    pub(crate) fn now(&self) -> UnixSeconds {
        at(self.now)
    }

    pub(crate) fn minted(&mut self, env: KeyEnv) -> Minted {
        self.made += 1;
        let id: KeyId = format!("{:012}", self.made).parse().unwrap();
        Minted { id, env, secret_mac: format!("{:064}", self.made), pepper_version: 1 }
    }

    /// Does what `command` says, after what time has closed by itself.
    pub(crate) fn run(
        &mut self,
        command: impl FnOnce(&Family, UnixSeconds) -> Result<Change, Refused>,
    ) -> Result<(), Refused> {
        let (family, mut change) = upkeep::settled(&self.family, self.now()).unwrap();
        change.append(command(&family, self.now())?);
        self.take(&change);
        Ok(())
    }

    pub(crate) fn take(&mut self, change: &Change) {
        self.family.apply(change);
        self.told.extend(change.told.iter().map(|told| told.kind().as_str().to_owned()));
        self.actions.extend(change.entries.iter().map(|entry| entry.action));
        self.over.extend(change.rotations.iter().filter(|rotation| rotation.closed_at.is_some()).cloned());
    }

    pub(crate) fn purpose() -> Purpose {
        Purpose {
            scopes: [Scope::ReadPublic].into_iter().collect(),
            networks: Default::default(),
            expires_at: None,
            note: "a note".to_owned(),
        }
    }

    pub(crate) fn create(&mut self, purpose: &Purpose) -> Result<KeyId, Refused> {
        let minted = self.minted(KeyEnv::Live);
        let (id, max) = (minted.id.clone(), self.accepted_max);
        self.run(|family, now| create(family, purpose, minted, max, now))?;
        Ok(id)
    }

    pub(crate) fn open(&mut self, old: &KeyId, terms: &Terms) -> Result<KeyId, Refused> {
        let minted = self.minted(KeyEnv::Live);
        let (new, max, id) = (minted.id.clone(), self.accepted_max, format!("r{}", self.made));
        self.run(|family, now| open(family, old, terms, minted, id, max, now))?;
        Ok(new)
    }

    pub(crate) fn key(&self, id: &KeyId) -> &KeyRecord {
        self.family.key(id).unwrap()
    }

    pub(crate) fn state(&self, id: &KeyId) -> &'static str {
        self.key(id).standing(self.now()).name()
    }

    /// A call with that key.
    pub(crate) fn call(&mut self, id: &KeyId) -> Standing {
        let now = self.now();
        let key = self.family.keys.iter_mut().find(|key| key.id == *id).unwrap();
        let standing = key.standing(now);
        if standing.is_served() {
            key.first_used_at = key.first_used_at.or(Some(now));
            key.last_used_at = Some(now);
        }
        standing
    }

    pub(crate) fn keep_up(&mut self, policy: upkeep::Policy) {
        let change = upkeep::due(&self.family, policy, self.now()).unwrap();
        self.take(&change);
        let again = upkeep::due(&self.family, policy, self.now()).unwrap();
        assert!(again.is_empty(), "asking twice changes nothing: {again:?}");
    }
}

pub(crate) fn terms(overlap_seconds: u64) -> Terms {
    Terms { overlap_seconds, ..Terms::new(Kind::Normal) }
}

pub(crate) fn staged() -> Terms {
    Terms { is_staged: true, ..Terms::new(Kind::Normal) }
}
