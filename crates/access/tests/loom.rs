//! A reading that is late against a revoke, in all orders that there are. Runs with `RUSTFLAGS="--cfg loom"` alone.
#![cfg(loom)]

use accrual_access::key::{KeyEnv, KeyId};
use accrual_access::record::{ClientRecord, KeyRecord, KeyState, Validity};
use accrual_access::scope::{Scope, Scopes};
use accrual_access::table::KeyTable;
use accrual_rewards::unit::UnixSeconds;
use loom::sync::{Arc, Mutex};
use loom::thread;

fn id() -> KeyId {
    "7Q2mZx9KpL4t".parse().unwrap()
}

fn client() -> ClientRecord {
    ClientRecord {
        client_id: "c".to_owned(),
        name: "c".to_owned(),
        plan: "free".to_owned(),
        created_at: UnixSeconds(0),
        spend_cap_microusd: None,
        pays_in_tmai: false,
        stake_tier: String::new(),
        epoch: 1,
    }
}

fn row(state: KeyState, epoch: u64) -> KeyRecord {
    KeyRecord {
        id: id(),
        client_id: "c".to_owned(),
        env: KeyEnv::Live,
        secret_mac: "00".repeat(32),
        pepper_version: 1,
        scopes: [Scope::ReadPublic].into_iter().collect::<Scopes>(),
        networks: Default::default(),
        created_at: UnixSeconds(0),
        validity: Validity { state, ..Validity::new(None) },
        revoked_at: None,
        replaces: None,
        replaced_by: None,
        generation: 0,
        first_used_at: None,
        last_used_at: None,
        last_used_network: None,
        last_used_agent: None,
        noticed_percent: 0,
        note: String::new(),
        epoch,
    }
}

/// The filler reads a row and puts it into the table later; meanwhile the key is revoked. Whatever the order: once the
/// revoke has answered, the table never says anything else; and an epoch that is confirmed is in the table.
#[test]
fn a_late_reading_never_undoes_a_revoke() {
    loom::model(|| {
        let database = Arc::new(Mutex::new(row(KeyState::Active, 1)));
        let table = Arc::new(KeyTable::default());
        table.apply(vec![client()], &[row(KeyState::Active, 1)]);
        let filler = {
            let (database, table) = (Arc::clone(&database), Arc::clone(&table));
            thread::spawn(move || {
                let read = database.lock().unwrap().clone();
                let epoch = read.epoch;
                table.apply(Vec::new(), &[read]);
                table.confirm(epoch, epoch);
                let seen = table.find(&id()).unwrap().validity.state;
                assert!(epoch < 2 || seen == KeyState::Revoked, "what is confirmed is in the table");
            })
        };
        let revoker = {
            let (database, table) = (Arc::clone(&database), Arc::clone(&table));
            thread::spawn(move || {
                let revoked = row(KeyState::Revoked, 2);
                *database.lock().unwrap() = revoked.clone();
                table.apply(Vec::new(), &[revoked]);
                assert_eq!(table.find(&id()).unwrap().validity.state, KeyState::Revoked, "at once, here");
            })
        };
        revoker.join().unwrap();
        assert_eq!(table.find(&id()).unwrap().validity.state, KeyState::Revoked, "and for ever");
        filler.join().unwrap();
        assert_eq!(table.find(&id()).unwrap().validity.state, KeyState::Revoked);
    });
}
