//! What the audit says: who reads it later has the row as it was and as it became, and never a MAC.

mod family;

use accrual_access::change::{Change, Edit, Purpose, create, create_client, edit, edit_client};
use accrual_access::key::KeyEnv;
use accrual_access::record::ClientRecord;
use accrual_access::rotation::brownout;
use family::{Home, at, terms};
use serde_json::{Value, json};

#[test]
fn a_key_is_told_with_all_that_is_kept_of_it_but_its_mac() {
    let mut home = Home::new();
    let purpose = Purpose {
        networks: "203.0.113.0/24".parse().unwrap(),
        expires_at: Some(at(9_000)),
        ..Home::purpose()
    };
    let old = home.create(&purpose).unwrap();
    let new = home.open(&old, &terms(1_000)).unwrap();
    let change = brownout(&home.family, &old, at(10), 30, home.now()).unwrap();
    let [entry] = &change.entries[..] else { panic!("one entry: {:?}", change.entries) };
    assert_eq!((entry.action, entry.key.as_ref()), ("rotation.brownout", Some(&old)));
    let mut row = json!({
        "client_id": "c",
        "env": "live",
        "pepper_version": 1,
        "scopes": "read:public",
        "allowed_networks": "203.0.113.0/24",
        "state": "ending",
        "created_at": at(0).0,
        "expires_at": at(9_000).0,
        "overlap_ends_at": at(1_000).0,
        "brownout_at": null,
        "brownout_ends_at": null,
        "revoked_at": null,
        "replaces": null,
        "replaced_by": new.as_str(),
        "generation": 0,
        "note": "a note",
    });
    assert_eq!(entry.before, row);
    row["brownout_at"] = json!(at(10).0);
    row["brownout_ends_at"] = json!(at(40).0);
    assert_eq!(entry.after, row);

    let change = edit(&home.family, &new, &Edit::default(), home.now()).unwrap();
    let after = &change.entries[0].after;
    assert_eq!((&after["replaces"], &after["generation"]), (&json!(old.as_str()), &json!(1)));
}

#[test]
fn a_new_key_was_nothing_before() {
    let mut home = Home::new();
    let minted = home.minted(KeyEnv::Live);
    let change = create(&home.family, &Home::purpose(), minted, 1, home.now()).unwrap();
    assert_eq!((change.entries[0].action, &change.entries[0].before), ("key.create", &Value::Null));
}

#[test]
fn a_client_is_told_as_it_was_and_as_it_became() {
    let client = Home::new().family.client;
    let row = |plan: &str, cap: Option<u64>| {
        json!({
            "name": "desk",
            "plan": plan,
            "spend_cap_microusd": cap,
            "pays_in_tmai": false,
            "stake_tier": "",
        })
    };
    let only = |change: &Change| {
        let [entry] = &change.entries[..] else { panic!("one entry: {:?}", change.entries) };
        assert_eq!(entry.key, None, "it is of no key");
        (entry.action, entry.before.clone(), entry.after.clone())
    };
    let family = Home::new().family;
    let made = create_client(&family);
    assert_eq!(only(&made), ("client.create", Value::Null, row("vip", None)));
    assert_eq!(made.client, Some(client.clone()), "it is stored, be it there or not");

    let after = ClientRecord { plan: "free".to_owned(), spend_cap_microusd: Some(7), ..client.clone() };
    let edited = edit_client(&family, after.clone());
    assert_eq!(only(&edited), ("client.edit", row("vip", None), row("free", Some(7))));
    assert_eq!(edited.client, Some(after));
    assert!(edit_client(&family, client).is_empty(), "who changes nothing leaves no line");
}
