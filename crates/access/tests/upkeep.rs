//! What happens to keys by themselves: what is finished, noticed, exchanged or taken back as time passes.

mod family;

use accrual_access::change::Purpose;
use accrual_access::rotation::{Kind, Terms, cancel};
use accrual_access::upkeep::{Policy, RETRY_SECONDS, aged, exchanged_at, may_try};
use family::{Home, at, staged, terms};

const DAY: u64 = 86_400;

#[test]
fn drained_when_the_old_key_was_quiet_long_enough() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    let quick = Terms { quiet_seconds: 100, ..terms(DAY) };
    let new = home.open(&old, &quick).unwrap();
    let state = |home: &Home| home.family.rotations[0].state(home.key(&old), home.key(&new), home.now());
    home.now = 500;
    assert_eq!(state(&home), "overlap", "the new key was never used");
    home.call(&new);
    home.now = 550;
    home.call(&old);
    home.now = 649;
    assert_eq!(state(&home), "overlap");
    home.now = 650;
    assert_eq!(state(&home), "drained");
    home.keep_up(Policy::default());
    assert_eq!(home.told.last().unwrap(), "key.rotation.drained");
    home.call(&old);
    home.keep_up(Policy::default());
    assert_eq!((state(&home), home.family.rotations[0].is_drained), ("overlap", false), "somebody came back");
    home.now = DAY;
    assert_eq!(state(&home), "done", "its end has come");
}

#[test]
fn a_quiet_key_is_finished_by_itself() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    let quick = Terms { quiet_seconds: 100, auto_finish: true, ..terms(DAY) };
    let new = home.open(&old, &quick).unwrap();
    home.call(&new);
    home.now = 99;
    home.keep_up(Policy::default());
    assert_eq!(home.state(&old), "ending");
    home.now = 100;
    home.keep_up(Policy::default());
    assert_eq!(home.state(&old), "ended");
    assert_eq!(home.told[home.told.len() - 2..], ["key.rotation.drained", "key.rotation.done"]);
}

#[test]
fn reminders_while_the_old_key_is_used() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    home.open(&old, &terms(1_000)).unwrap();
    let reminders = |home: &Home| home.told.iter().filter(|kind| kind.ends_with("still_used")).count();
    let cases =
        [(499, true, 0), (500, false, 1), (799, false, 1), (800, false, 1), (949, true, 1), (950, false, 2)];
    for (now, call, expected) in cases {
        home.now = now;
        if call {
            home.call(&old);
        }
        home.keep_up(Policy::default());
        assert_eq!(reminders(&home), expected, "at {now}");
    }
    let mut late = Home::new();
    let old = late.create(&Home::purpose()).unwrap();
    late.open(&old, &terms(1_000)).unwrap();
    late.call(&old);
    late.now = 960;
    late.keep_up(Policy::default());
    assert_eq!(
        (reminders(&late), late.family.rotations[0].noticed_percent),
        (1, 95),
        "one, not three at once"
    );
}

#[test]
fn keys_grow_old() {
    let policy = Policy { age_seconds_max: Some(100), ..Policy::default() };
    let mut home = Home::new();
    let key = home.create(&Home::purpose()).unwrap();
    let other = home.create(&Purpose { expires_at: Some(at(50)), ..Home::purpose() }).unwrap();
    assert_eq!(exchanged_at(home.key(&key), policy, home.now()), Some(at(100)));
    assert_eq!(exchanged_at(home.key(&key), Policy::default(), home.now()), None);
    let expiring = |home: &Home| home.told.iter().filter(|kind| *kind == "key.expiring").count();
    for (now, told) in [(39, 0), (40, 1), (49, 1), (79, 1), (80, 2), (99, 2)] {
        home.now = now;
        home.keep_up(policy);
        assert_eq!(expiring(&home), told, "at {now}");
        assert_eq!(aged(&home.family, policy, home.now()).count(), 0);
    }
    home.now = 100;
    let old: Vec<_> = aged(&home.family, policy, home.now()).cloned().collect();
    assert_eq!(old, std::slice::from_ref(&key), "the other has expired: {}", home.state(&other));
    assert_eq!(aged(&home.family, Policy::default(), home.now()).count(), 0);
    home.open(&key, &Terms::new(Kind::Policy)).unwrap();
    assert_eq!(aged(&home.family, policy, home.now()).count(), 0, "it is being exchanged");
}

#[test]
fn a_key_that_was_never_delivered_is_taken_back_when_the_next_try_is_due() {
    let policy = Policy { age_seconds_max: Some(100), ..Policy::default() };
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    home.now = 100;
    let new = home.open(&old, &Terms { is_staged: true, ..Terms::new(Kind::Policy) }).unwrap();
    home.now = 99 + RETRY_SECONDS;
    home.keep_up(policy);
    assert_eq!((home.state(&old), home.state(&new)), ("active", "active"), "it may be on its way");
    home.now = 100 + RETRY_SECONDS;
    home.keep_up(policy);
    assert_eq!((home.state(&old), home.state(&new)), ("active", "revoked"));
    assert_eq!(home.actions.iter().filter(|action| **action == "rotation.cancel").count(), 1);
    assert_eq!(aged(&home.family, policy, home.now()).count(), 1, "it is due still");
    let last = home.over.last();
    for (now, may) in [(100, false), (99 + RETRY_SECONDS, false), (100 + RETRY_SECONDS, true)] {
        assert_eq!(may_try(last, at(now)), may, "at {now}");
    }
    assert!(may_try(None, at(0)), "nothing was tried yet");

    // What a person staged waits for as long as that person likes.
    let staged_by_hand = home.open(&old, &staged()).unwrap();
    home.now = 100_000;
    home.call(&staged_by_hand);
    home.keep_up(Policy::default());
    assert_eq!((home.state(&old), home.state(&staged_by_hand)), ("active", "active"));
    home.run(|family, now| cancel(family, &old, now)).unwrap();
    let last = home.over.last();
    assert!(may_try(last, last.unwrap().created_at), "a person's change of mind holds nothing up");
}

#[test]
fn a_key_that_was_delivered_before_its_server_died_is_never_taken_back() {
    let policy = Policy { age_seconds_max: Some(100), overlap_seconds: 7_200 };
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    home.now = 100;
    let new = home.open(&old, &Terms { is_staged: true, ..Terms::new(Kind::Policy) }).unwrap();
    home.now = 200;
    home.call(&new);
    home.keep_up(policy);
    assert_eq!((home.state(&old), home.state(&new)), ("ending", "active"), "who uses it has it");
    home.now = 199 + 7_200;
    home.keep_up(policy);
    assert_eq!((home.state(&old), home.state(&new)), ("ending", "active"), "as long as its rule says");
    home.now = 200 + 7_200;
    home.keep_up(policy);
    assert_eq!((home.state(&old), home.state(&new)), ("ended", "active"));
}
