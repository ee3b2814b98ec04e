//! Keys that reach their greatest age and are exchanged by the server itself.

use std::path::Path;

use accrual_access::rotation::{Kind, Terms};
use accrual_access::upkeep::{Policy, RETRY_SECONDS};
use accrual_api::ApiKey;
use accrual_api::keys::{Asker, ClientRule, Keys};
use accrual_api::scope::Scope;
use accrual_api::webhooks::courier::Courier;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::dump;
use secrecy::ExposeSecret;

use crate::rig::{Rig, START};

const AGE: u64 = 90 * 86_400;
/// Not the default.
const OVERLAP: u64 = 2 * 86_400;

/// A server that exchanges the keys of client `worker` into a file, and the worker's first key.
struct Works {
    rig: Rig,
    old: ApiKey,
}

impl Works {
    async fn new(file: &Path) -> Self {
        let deliver = format!("file:{}", file.display()).parse().unwrap();
        let rule = ClientRule {
            client: "worker".to_owned(),
            policy: Policy { age_seconds_max: Some(AGE), overlap_seconds: OVERLAP },
            deliver,
        };
        let rig = Rig::told(|settings| settings.key_rules.rotate = vec![rule]).await;
        let old = rig.issue("worker", &[Scope::ReadPublic]).await;
        rig.issue("somebody", &[Scope::ReadPublic]).await;
        Self { rig, old }
    }

    async fn at(&self, seconds: u64) -> usize {
        self.rig.set_now(START + 12 + seconds);
        self.rig.api.keys().refresh().await.unwrap();
        exchange(self.rig.api.keys()).await
    }

    async fn call(&self, key: &str) -> u16 {
        self.rig.get_with("/v1/campaigns", &[("x-api-key", key)]).await.status.as_u16()
    }

    async fn state(&self, key: &accrual_api::KeyId) -> String {
        let keys = self.rig.api.keys();
        keys.view(&keys.get(key).await.unwrap()).await.unwrap().state.to_owned()
    }

    async fn notices(&self) -> Vec<String> {
        let rows = dump::table(&self.rig.db, "notices").await.unwrap();
        rows.into_iter().map(|row| row[1].clone()).collect()
    }
}

async fn exchange(keys: &Keys) -> usize {
    keys.upkeep().await.unwrap();
    keys.exchange_aged(&Courier::new(Default::default()).unwrap()).await.unwrap()
}

fn text(key: &ApiKey) -> String {
    key.reveal().expose_secret().to_owned()
}

#[tokio::test]
async fn a_key_of_full_age_is_exchanged_and_nobody_notices() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.key");
    let works = Works::new(&file).await;
    let old = text(&works.old);
    let keys = works.rig.api.keys();
    let view = keys.view(&keys.get(works.old.id()).await.unwrap()).await.unwrap();
    let due_at = view.exchange_due_at.unwrap();
    assert_eq!(due_at, accrual_api::view::Rfc3339(accrual_rewards::unit::UnixSeconds(START + 12 + AGE)));

    assert_eq!(works.at(AGE - 1).await, 0);
    assert!(works.notices().await.contains(&"key.expiring".to_owned()), "told at four fifths of its age");
    assert!(!file.exists());
    assert_eq!(works.at(AGE).await, 1);
    let new = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!((works.call(&old).await, works.call(&new).await), (200, 200));
    assert_eq!(works.state(works.old.id()).await, "ending");
    let ending = works.rig.get_with("/v1/campaigns", &[("x-api-key", &old)]).await;
    assert_eq!(ending.headers["accrual-key-state"], "ending");
    assert_eq!(works.at(AGE + OVERLAP - 1).await, 0, "once");
    assert_eq!(works.call(&old).await, 200);
    works.at(AGE + OVERLAP).await;
    assert_eq!((works.call(&old).await, works.call(&new).await), (401, 200));
    assert_eq!(works.at(2 * AGE).await, 1, "and its successor in its turn");
    assert_ne!(std::fs::read_to_string(&file).unwrap().trim(), new);
}

#[tokio::test]
async fn a_key_that_cannot_be_delivered_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("later");
    let works = Works::new(&place.join("worker.key")).await;
    let old = text(&works.old);
    assert_eq!(works.at(AGE).await, 0);
    assert_eq!((works.call(&old).await, works.state(works.old.id()).await.as_str()), (200, "active"));
    let accepted = works.rig.api.keys().list(None).await.unwrap();
    let successor = accepted.iter().find(|key| key.replaces.as_ref() == Some(works.old.id())).unwrap();
    assert_eq!(works.state(&successor.id).await, "revoked", "nobody has it, so nobody may use it");
    let told = works.notices().await;
    assert_eq!(told.iter().filter(|kind| *kind == "key.rotation.undelivered").count(), 1, "{told:?}");

    std::fs::create_dir(&place).unwrap();
    assert_eq!(works.at(AGE + RETRY_SECONDS - 1).await, 0, "not at every look");
    assert_eq!(works.at(AGE + RETRY_SECONDS).await, 1);
    let new = std::fs::read_to_string(place.join("worker.key")).unwrap();
    assert_eq!((works.call(&old).await, works.call(new.trim()).await), (200, 200));
}

#[tokio::test]
async fn of_several_servers_one_exchanges() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.key");
    let works = Works::new(&file).await;
    let settings = works.rig.api.settings();
    let server = || {
        let (rules, clock) = (settings.key_rules.clone(), settings.clock.clone());
        Keys::new(works.rig.db.clone(), settings.peppers.clone(), rules, clock).unwrap()
    };
    works.rig.set_now(START + 12 + AGE);
    let (one, two, three) = (server(), server(), server());
    let exchanged = tokio::join!(exchange(&one), exchange(&two), exchange(&three));
    assert_eq!(exchanged.0 + exchanged.1 + exchanged.2, 1, "{exchanged:?}");
    works.rig.api.keys().refresh().await.unwrap();
    let new = std::fs::read_to_string(&file).unwrap();
    assert_eq!((works.call(new.trim()).await, works.call(&text(&works.old)).await), (200, 200));
}

#[tokio::test]
async fn a_server_that_dies_before_it_delivers_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.key");
    let works = Works::new(&file).await;
    works.rig.set_now(START + 12 + AGE);
    let terms = Terms { is_staged: true, ..Terms::new(Kind::Policy) };
    works.rig.api.keys().rotate(works.old.id(), &terms, &Asker::default()).await.unwrap();
    assert_eq!(works.at(AGE + RETRY_SECONDS - 1).await, 0, "it may still arrive");
    assert_eq!(works.state(works.old.id()).await, "active");
    assert_eq!(works.at(AGE + RETRY_SECONDS).await, 1, "given up and tried again, with no gap between");
    assert_eq!(works.call(std::fs::read_to_string(&file).unwrap().trim()).await, 200);
}

#[tokio::test]
async fn a_server_that_dies_after_it_delivered_leaves_the_rules_own_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let works = Works::new(&folder.path().join("worker.key")).await;
    works.rig.set_now(START + 12 + AGE);
    let terms = Terms { is_staged: true, ..Terms::new(Kind::Policy) };
    let keys = works.rig.api.keys();
    let staged = keys.rotate(works.old.id(), &terms, &Asker::default()).await.unwrap();
    let (old, new) = (text(&works.old), text(&staged.key.unwrap()));
    assert_eq!(works.call(&new).await, 200, "it has arrived");
    works
        .rig
        .api
        .usage()
        .write(&works.rig.db, keys.replica_id(), UnixSeconds(START + 12 + AGE))
        .await
        .unwrap();
    assert_eq!(works.at(AGE + 5).await, 0, "another server goes on");
    assert_eq!(works.state(works.old.id()).await, "ending");
    works.at(AGE + 5 + OVERLAP - 1).await;
    assert_eq!(works.call(&old).await, 200, "to the overlap's last second");
    works.at(AGE + 5 + OVERLAP).await;
    assert_eq!((works.call(&old).await, works.call(&new).await), (401, 200));
}
