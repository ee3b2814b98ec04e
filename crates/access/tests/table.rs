//! The table that admits calls: what it takes, what it leaves, and that it answers with all that was stored.

#![allow(clippy::unwrap_used, reason = "clippy counts helpers of integration tests as no tests")]

mod family;

use accrual_access::change::Purpose;
use accrual_access::key::KeyEnv;
use accrual_access::network::Networks;
use accrual_access::record::{Brownout, ClientRecord, KeyRecord, KeyState, Validity};
use accrual_access::table::{Confirmed, KeyTable};
use family::{Home, at};

fn home() -> (ClientRecord, KeyRecord) {
    let mut home = Home::new();
    let id = home.create(&Purpose { expires_at: Some(at(100)), ..Home::purpose() }).unwrap();
    (home.family.client.clone(), home.key(&id).clone())
}

/// A million keys share what none of them has, so each of the rare things is looked at alone.
#[test]
fn a_key_is_found_as_it_was_stored() {
    let (client, plain) = home();
    let (next, nets) = ("Kd83Lq0PzT1a".parse().unwrap(), "203.0.113.0/24".parse::<Networks>().unwrap());
    let with = |validity: Validity| KeyRecord { validity, ..plain.clone() };
    let brownout = Some(Brownout { at: at(1), ends_at: at(2) });
    let cases = [
        ("nothing rare", plain.clone()),
        ("an end", with(Validity { overlap_ends_at: Some(at(9)), ..plain.validity })),
        ("a brown-out", with(Validity { brownout, ..plain.validity })),
        ("networks", KeyRecord { networks: nets, ..plain.clone() }),
        ("a successor", KeyRecord { replaced_by: Some(next), ..plain.clone() }),
        ("another state", with(Validity { state: KeyState::Paused, ..plain.validity })),
        ("another pepper", KeyRecord { pepper_version: 7, env: KeyEnv::Test, ..plain.clone() }),
    ];
    for (name, row) in cases {
        let table = KeyTable::default();
        table.apply(vec![client.clone()], std::slice::from_ref(&row));
        let found = table.find(&row.id).unwrap();
        assert_eq!((&*found.client, found.env, found.scopes), (&client, row.env, row.scopes), "{name}");
        assert_eq!((found.validity, found.replaced_by), (row.validity, row.replaced_by), "{name}");
        assert_eq!(found.pepper_version, row.pepper_version, "{name}");
        let networks = Some(row.networks).filter(|networks| !networks.is_empty());
        assert_eq!(found.networks, networks, "{name}");
    }
}

#[test]
fn only_the_stored_mac_is_the_keys() {
    let (client, row) = home();
    let table = KeyTable::default();
    table.apply(vec![client], &[KeyRecord { secret_mac: "ab".repeat(32), ..row.clone() }]);
    let found = table.find(&row.id).unwrap();
    assert!(found.is_mac(&[0xab; 32]));
    for mac in [[0; 32], [1; 32], [0xaa; 32]] {
        assert!(!found.is_mac(&mac));
    }
}

#[test]
fn what_is_left_out() {
    let (client, row) = home();
    let table = KeyTable::default();
    assert!(table.is_empty() && table.find(&row.id).is_none());
    table.apply(Vec::new(), std::slice::from_ref(&row));
    assert!(table.is_empty(), "nobody knows whose it is");
    table.apply(vec![client], &[KeyRecord { secret_mac: "no mac".to_owned(), ..row.clone() }]);
    assert!(table.is_empty(), "no secret could be held against it");
    let other = KeyRecord { id: "Kd83Lq0PzT1a".parse().unwrap(), ..row.clone() };
    table.apply(Vec::new(), &[row, other]);
    assert_eq!((table.len(), table.is_empty()), (2, false));
}

/// A reading may begin before a change and arrive after it.
#[test]
fn an_older_row_replaces_nothing() {
    let (client, row) = home();
    let of = |note: &str, epoch| ClientRecord { plan: note.to_owned(), epoch, ..client.clone() };
    let key = |pepper_version, epoch| KeyRecord { pepper_version, epoch, ..row.clone() };
    let table = KeyTable::default();
    for (epoch, expected) in [(5, 5), (4, 5), (6, 6), (1, 6)] {
        table.apply(vec![of(&epoch.to_string(), epoch)], &[key(u32::try_from(epoch).unwrap(), epoch)]);
        let found = table.find(&row.id).unwrap();
        assert_eq!((found.client.plan.parse(), found.pepper_version), (Ok(expected), expected), "{epoch}");
    }
    table.apply(vec![of("60", 6)], &[key(60, 6)]);
    let found = table.find(&row.id).unwrap();
    assert_eq!((found.client.plan.as_str(), found.pepper_version), ("60", 60), "read again, and no older");
    assert_eq!(table.len(), 1);
}

#[test]
fn it_is_complete_up_to_what_the_newest_question_has_shown() {
    let table = KeyTable::default();
    assert_eq!(table.confirmed(), None);
    for (epoch, asked_at_ms, expected) in [(7, 100, (7, 100)), (6, 99, (7, 100)), (8, 100, (8, 100))] {
        table.confirm(epoch, asked_at_ms);
        let expected = Confirmed { epoch: expected.0, asked_at_ms: expected.1 };
        assert_eq!(table.confirmed(), Some(expected), "{epoch} asked at {asked_at_ms}");
    }
}
