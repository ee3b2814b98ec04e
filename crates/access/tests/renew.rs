//! A key's MAC under a newer pepper: which keys get one, and that they stay the same keys.

mod family;

use accrual_access::change::{Minted, renew_mac, revoke};
use accrual_access::key::KeyEnv;
use accrual_access::record::KeyRecord;
use family::{Home, at, terms};

fn newer(key: &KeyRecord, pepper_version: u32) -> Minted {
    Minted { id: key.id.clone(), env: KeyEnv::Live, secret_mac: "ab".repeat(32), pepper_version }
}

#[test]
fn only_the_mac_changes_and_only_to_a_newer_pepper() {
    let mut home = Home::new();
    let id = home.create(&Home::purpose()).unwrap();
    let before = home.key(&id).clone();
    for same_or_older in [1, 0] {
        let change = renew_mac(&home.family, newer(&before, same_or_older), home.now()).unwrap();
        assert!(change.is_empty(), "version {same_or_older}");
    }
    home.run(|family, now| renew_mac(family, newer(&before, 2), now)).unwrap();
    let expected = KeyRecord { secret_mac: "ab".repeat(32), pepper_version: 2, ..before };
    assert_eq!(*home.key(&id), expected);
    assert_eq!(home.actions, ["key.create", "key.renew_mac"]);
    assert_eq!(home.told, ["key.created"], "nobody is told of it");
}

#[test]
fn a_key_that_is_over_keeps_what_it_has() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    let new = home.open(&old, &terms(100)).unwrap();
    let renewed = |home: &Home, id| {
        let change = renew_mac(&home.family, newer(home.key(id), 2), home.now()).unwrap();
        !change.is_empty()
    };
    home.now = 99;
    assert!(renewed(&home, &old) && renewed(&home, &new), "an ending key is still used");
    home.now = 100;
    assert!(!renewed(&home, &old) && renewed(&home, &new), "it has ended, though nobody wrote that down yet");
    home.run(|family, now| revoke(family, &new, now)).unwrap();
    assert!(!renewed(&home, &new));
    let stranger = Minted { id: "000000000000".parse().unwrap(), ..newer(home.key(&new), 2) };
    assert!(renew_mac(&home.family, stranger, at(100)).is_err());
}
