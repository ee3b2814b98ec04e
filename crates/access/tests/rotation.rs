//! Rotation, rule by rule (`facts/api.md` section 5).

mod family;

use accrual_access::change::{self, Edit, Purpose, Refused};
use accrual_access::key::KeyEnv;
use accrual_access::record::{Brownout, KeyRecord, KeyState};
use accrual_access::rotation::{
    BROWNOUT_SECONDS_MAX, Kind, OVERLAP_SECONDS_MAX, OVERLAP_SECONDS_SELF_MIN, Stage, Terms, brownout,
    cancel, emergency, extend, finish, open, roll_back, start,
};
use accrual_access::scope::Scopes;
use accrual_access::upkeep::Policy;
use family::{Home, at, staged, terms};

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

fn wrong_state(refused: &Refused) -> bool {
    matches!(refused, Refused::WrongState { .. })
}

#[test]
fn one_rotation_is_open_at_a_time_and_two_keys_are_accepted() {
    let mut home = Home::new();
    let first = home.create(&Home::purpose()).unwrap();
    let second = home.open(&first, &terms(DAY)).unwrap();
    let refused = home.open(&second, &terms(DAY)).unwrap_err();
    assert_eq!(refused, Refused::RotationOpen { rotation: "r2".to_owned(), key: first.clone() });
    let refused = home.create(&Home::purpose()).unwrap_err();
    assert_eq!(refused, Refused::TooManyKeys { held: 2, max: 2 });
    home.accepted_max = 99;
    for _ in 0..3 {
        home.create(&Home::purpose()).unwrap();
    }
    let refused = home.create(&Home::purpose()).unwrap_err();
    assert_eq!(refused, Refused::TooManyKeys { held: 5, max: 5 }, "five at most, whatever is configured");
    home.now = DAY;
    home.create(&Home::purpose()).expect("the old one's end makes a place, though nobody wrote it down");
    assert_eq!(home.state(&first), "ended");
    assert!(home.family.rotations.is_empty(), "and closes its rotation");
    home.accepted_max = 0;
    assert_eq!(home.create(&Home::purpose()), Err(Refused::TooManyKeys { held: 5, max: 1 }), "one at least");
}

#[test]
fn a_key_of_another_environment_has_places_and_rotations_of_its_own() {
    let mut home = Home::new();
    home.accepted_max = 1;
    home.create(&Home::purpose()).unwrap();
    let minted = home.minted(KeyEnv::Test);
    home.run(|family, now| change::create(family, &Home::purpose(), minted, 1, now)).unwrap();
    assert_eq!(home.create(&Home::purpose()), Err(Refused::TooManyKeys { held: 1, max: 1 }));
}

#[test]
fn the_successor_is_like_its_predecessor() {
    let mut home = Home::new();
    let purpose = Purpose {
        networks: "203.0.113.0/24".parse().unwrap(),
        expires_at: Some(at(100 * DAY)),
        ..Home::purpose()
    };
    let old = home.create(&purpose).unwrap();
    home.now = 30 * DAY;
    let new = home.open(&old, &terms(DAY)).unwrap();
    let (old, new) = (home.key(&old), home.key(&new));
    assert_eq!((new.scopes, &new.networks, &new.note), (old.scopes, &old.networks, &old.note));
    assert_eq!((old.generation, new.generation, new.env), (0, 1, old.env));
    assert_eq!((&old.replaced_by, &new.replaces), (&Some(new.id.clone()), &Some(old.id.clone())));
    assert_eq!((new.replaced_by.as_ref(), new.first_used_at, new.created_at), (None, None, at(30 * DAY)));
    assert_eq!(new.validity.expires_at, Some(at(130 * DAY)), "as long a life, from now on");
    assert_ne!(old.secret_mac, new.secret_mac);
}

#[test]
fn a_successor_has_no_past() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    let made = home.key(&old).clone();
    home.family.keys[0] = KeyRecord {
        created_at: at(5),
        first_used_at: Some(at(6)),
        last_used_at: Some(at(7)),
        last_used_network: Some("203.0.113.0/24".to_owned()),
        last_used_agent: Some("curl".to_owned()),
        noticed_percent: 80,
        generation: 3,
        epoch: 9,
        ..made.clone()
    };
    home.now = 50;
    let mut test = home.minted(KeyEnv::Test);
    test.pepper_version = 2;
    let (id, mac) = (test.id.clone(), test.secret_mac.clone());
    home.run(|family, now| open(family, &old, &terms(DAY), test, "r".to_owned(), 2, now)).unwrap();
    let expected = KeyRecord {
        id: id.clone(),
        env: KeyEnv::Test,
        secret_mac: mac,
        pepper_version: 2,
        created_at: at(50),
        replaces: Some(old),
        generation: 4,
        ..made
    };
    assert_eq!(*home.key(&id), expected);
}

#[test]
fn bounds_of_an_overlap() {
    assert_eq!(OVERLAP_SECONDS_MAX, 2_592_000, "30 days");
    let own = |overlap_seconds| Terms { overlap_seconds, ..Terms::new(Kind::OwnKey) };
    let quiet = |quiet_seconds| Terms { quiet_seconds, ..terms(DAY) };
    let cases = [
        ("30 days", terms(OVERLAP_SECONDS_MAX), true),
        ("a second more", terms(OVERLAP_SECONDS_MAX + 1), false),
        ("none: an emergency", terms(0), true),
        ("a key by itself, an hour", own(OVERLAP_SECONDS_SELF_MIN), true),
        ("a key by itself, less", own(OVERLAP_SECONDS_SELF_MIN - 1), false),
        ("a key by itself, none", own(0), false),
        ("quiet for a second", quiet(1), true),
        ("quiet for none", quiet(0), false),
        ("quiet for 30 days", quiet(OVERLAP_SECONDS_MAX), true),
        ("quiet for longer", quiet(OVERLAP_SECONDS_MAX + 1), false),
    ];
    for (name, terms, good) in cases {
        let mut home = Home::new();
        let key = home.create(&Home::purpose()).unwrap();
        let opened = home.open(&key, &terms);
        assert_eq!(opened.is_ok(), good, "{name}: {opened:?}");
        assert!(good || matches!(opened, Err(Refused::OutOfBounds { .. })), "{name}");
    }
}

#[test]
fn the_end_never_passes_the_old_keys_own() {
    let mut home = Home::new();
    let key = home.create(&Purpose { expires_at: Some(at(HOUR)), ..Home::purpose() }).unwrap();
    home.open(&key, &terms(DAY)).unwrap();
    assert_eq!(home.key(&key).validity.overlap_ends_at, Some(at(HOUR)));
    let later = home.run(|family, now| extend(family, &key, at(2 * HOUR), now));
    assert!(matches!(later, Err(Refused::OutOfBounds { found: HOUR, .. })), "{later:?}");
}

#[test]
fn only_an_active_key_is_exchanged() {
    for (name, action) in [("expired", 0), ("paused", 1), ("revoked", 2), ("ending", 3)] {
        let mut home = Home::new();
        home.accepted_max = 5;
        let key = home.create(&Purpose { expires_at: Some(at(10)), ..Home::purpose() }).unwrap();
        match action {
            0 => home.now = 10,
            1 => home.run(|family, now| change::pause(family, &key, now)).unwrap(),
            2 => home.run(|family, now| change::revoke(family, &key, now)).unwrap(),
            _ => drop(home.open(&key, &terms(DAY)).unwrap()),
        }
        assert_eq!(home.state(&key), name);
        let refused = home.open(&key, &terms(DAY)).unwrap_err();
        assert!(
            wrong_state(&refused) || matches!(refused, Refused::RotationOpen { .. }),
            "{name}: {refused}"
        );
    }
}

#[test]
fn an_emergency_ends_the_old_key_at_once_and_has_no_way_back() {
    let mut home = Home::new();
    home.accepted_max = 1;
    let old = home.create(&Home::purpose()).unwrap();
    let new = home.open(&old, &terms(0)).expect("the old key gives its place up");
    assert_eq!((home.state(&old), home.state(&new)), ("ended", "active"));
    assert_eq!(
        (home.over[0].kind, home.over[0].stage, home.over[0].closed_at),
        (Kind::Emergency, Stage::Done, Some(at(0)))
    );
    assert_eq!(home.told, ["key.created", "key.created", "key.rotation.started", "key.rotation.done"]);
    for key in [&old, &new] {
        assert_eq!(
            home.run(|family, now| roll_back(family, key, now)),
            Err(Refused::RotationNotOpen(key.clone()))
        );
    }
}

#[test]
fn staged_then_started_or_given_up() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    let new = home.open(&old, &staged()).unwrap();
    home.now = 100 * DAY;
    assert_eq!((home.state(&old), home.state(&new)), ("active", "active"), "without an end");
    for (name, outcome) in [
        ("finish", home.clone().run(|family, now| finish(family, &old, true, now))),
        ("extend", home.clone().run(|family, now| extend(family, &old, at(101 * DAY), now))),
        ("brownout", home.clone().run(|family, now| brownout(family, &old, now, 1, now))),
    ] {
        assert!(matches!(outcome, Err(Refused::WrongStage { .. })), "{name}");
    }
    let mut given_up = home.clone();
    given_up.run(|family, now| cancel(family, &new, now)).unwrap();
    assert_eq!((given_up.state(&old), given_up.state(&new)), ("active", "revoked"));
    assert_eq!(given_up.key(&old).replaced_by, None);
    assert_eq!(given_up.over[0].stage, Stage::RolledBack);
    let mut back = home.clone();
    back.run(|family, now| roll_back(family, &old, now)).unwrap();
    assert_eq!((back.state(&old), back.state(&new)), ("active", "revoked"));
    let long = home.run(|family, now| start(family, &old, OVERLAP_SECONDS_MAX + 1, now));
    assert!(matches!(long, Err(Refused::OutOfBounds { .. })));
    let mut at_once = home.clone();
    at_once.run(|family, now| start(family, &old, 0, now)).unwrap();
    assert_eq!(at_once.state(&old), "ended");
    assert!(at_once.told.contains(&"key.rotation.done".to_owned()));
    home.run(|family, now| start(family, &old, HOUR, now)).unwrap();
    assert_eq!(home.key(&old).validity.overlap_ends_at, Some(at(100 * DAY + HOUR)));
    assert_eq!(home.told.last().unwrap(), "key.rotation.started");
    for outcome in [
        home.clone().run(|family, now| start(family, &old, HOUR, now)),
        home.clone().run(|family, now| cancel(family, &old, now)),
    ] {
        assert!(matches!(outcome, Err(Refused::WrongStage { .. })), "it was started");
    }
}

#[test]
fn the_exact_instant_of_the_end() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    let new = home.open(&old, &terms(HOUR)).unwrap();
    home.now = HOUR - 1;
    assert!(home.call(&old).is_served());
    home.now = HOUR;
    assert!(!home.call(&old).is_served());
    assert!(home.call(&new).is_served());
    for outcome in [
        home.clone().run(|family, now| roll_back(family, &old, now)),
        home.clone().run(|family, now| finish(family, &old, true, now)),
        home.clone().run(|family, now| extend(family, &old, at(DAY), now)),
        home.clone().run(|family, now| brownout(family, &old, now, 1, now)),
    ] {
        assert_eq!(outcome, Err(Refused::RotationNotOpen(old.clone())), "what is over is over");
    }
    home.keep_up(Policy::default());
    assert_eq!(home.key(&old).validity.state, KeyState::Ended);
    assert_eq!((home.over[0].stage, home.over[0].ends_at), (Stage::Done, Some(at(HOUR))));
    assert_eq!(home.told.last().unwrap(), "key.rotation.done");
}

#[test]
fn extending_only_makes_it_later() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    home.open(&old, &terms(DAY)).unwrap();
    home.now = HOUR;
    let cases = [
        (DAY, false),
        (DAY - 1, false),
        (DAY + 1, true),
        (OVERLAP_SECONDS_MAX, true),
        (OVERLAP_SECONDS_MAX + 1, false),
    ];
    for (ends, good) in cases {
        let mut home = home.clone();
        let extended = home.run(|family, now| extend(family, &old, at(ends), now));
        assert_eq!(extended.is_ok(), good, "{ends}: {extended:?}");
        let expected = if good { ends } else { DAY };
        assert_eq!(home.key(&old).validity.overlap_ends_at, Some(at(expected)));
        assert_eq!(home.family.rotations[0].ends_at, Some(at(expected)));
    }
}

#[test]
fn a_key_in_use_is_finished_by_force_only() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    let new = home.open(&old, &terms(DAY)).unwrap();
    home.call(&old);
    let safe = |home: &Home| {
        let rotation = &home.family.rotations[0];
        rotation.is_safe_to_finish(home.key(&old), home.key(&new), home.now())
    };
    home.now = HOUR - 1;
    assert_eq!(
        home.run(|family, now| finish(family, &new, false, now)),
        Err(Refused::StillUsed { seconds_ago: HOUR - 1 })
    );
    home.clone().run(|family, now| finish(family, &new, true, now)).expect("by force");
    home.now = HOUR;
    assert!(!safe(&home), "nobody has used the new key yet");
    home.call(&new);
    assert!(safe(&home));
    home.run(|family, now| finish(family, &new, false, now)).unwrap();
    assert_eq!((home.state(&old), home.state(&new)), ("ended", "active"));
    assert_eq!(home.key(&old).validity.overlap_ends_at, Some(at(HOUR)));
    assert_eq!(home.over[0].closed_at, Some(at(HOUR)));
}

/// Both questions are of an overlap: where the old key has no end yet, nothing is drained and nothing can be finished.
#[test]
fn safe_and_drained_are_words_about_an_overlap() {
    let cases = [
        ("overlap, the new one in use", terms(30 * DAY), true, false, true),
        ("overlap, the old one in use too", terms(30 * DAY), true, true, false),
        ("overlap, nobody uses either", terms(30 * DAY), false, false, false),
        ("staged, the new one in use", staged(), true, false, false),
        ("staged, nobody uses either", staged(), false, false, false),
    ];
    for (name, terms, new_is_used, old_is_used, expected) in cases {
        let mut home = Home::new();
        let old = home.create(&Home::purpose()).unwrap();
        let new = home.open(&old, &terms).unwrap();
        if new_is_used {
            home.call(&new);
        }
        home.now = 2 * DAY;
        if old_is_used {
            home.call(&old);
        }
        let (rotation, old, new) = (&home.family.rotations[0], home.key(&old), home.key(&new));
        assert_eq!(rotation.is_safe_to_finish(old, new, home.now()), expected, "{name}");
        assert_eq!(rotation.is_quiet(old, new, home.now()), expected, "{name}");
        let state = if expected { "drained" } else { rotation.stage.as_str() };
        assert_eq!(rotation.state(old, new, home.now()), state, "{name}");
    }
}

#[test]
fn rolling_back_gives_the_old_key_its_life_again() {
    let mut home = Home::new();
    let old = home.create(&Purpose { expires_at: Some(at(9 * DAY)), ..Home::purpose() }).unwrap();
    let new = home.open(&old, &terms(DAY)).unwrap();
    home.run(|family, now| brownout(family, &old, now, 5, now)).unwrap();
    home.run(|family, now| roll_back(family, &new, now)).unwrap();
    let key = home.key(&old);
    assert_eq!(
        (key.validity.state, key.validity.overlap_ends_at, key.validity.brownout),
        (KeyState::Active, None, None)
    );
    assert_eq!((key.validity.expires_at, key.replaced_by.as_ref()), (Some(at(9 * DAY)), None));
    assert_eq!((home.state(&new), home.key(&new).revoked_at), ("revoked", Some(at(0))));
    assert_eq!(home.told.last().unwrap(), "key.rotation.rolled_back");
    home.open(&old, &terms(DAY)).expect("it can be exchanged again");
}

#[test]
fn a_revoke_ends_the_rotation_that_it_hits() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    let new = home.open(&old, &terms(DAY)).unwrap();
    let mut one = home.clone();
    one.run(|family, now| change::revoke(family, &old, now)).unwrap();
    assert_eq!((one.state(&old), one.state(&new), one.over[0].stage), ("revoked", "active", Stage::Done));
    let mut other = home.clone();
    other.run(|family, now| change::revoke(family, &new, now)).unwrap();
    assert_eq!(
        (other.state(&old), other.state(&new), other.over[0].stage),
        ("active", "revoked", Stage::RolledBack)
    );
    other.run(|family, now| change::revoke(family, &old, now)).expect("the owner can revoke both");
    assert_eq!(other.state(&old), "revoked");
    let twice = other.run(|family, now| change::revoke(family, &old, now)).unwrap_err();
    assert!(wrong_state(&twice));
    let mut late = home.clone();
    late.now = DAY;
    late.run(|family, now| change::revoke(family, &new, now)).unwrap();
    assert_eq!(late.state(&old), "ended", "what has ended does not come back");
    home.run(|family, now| brownout(family, &old, now, 30, now)).unwrap();
    assert!(!home.call(&old).is_served());
    home.run(|family, now| change::revoke(family, &new, now)).unwrap();
    assert!(home.call(&old).is_served(), "what was to follow it is gone, and so is its brown-out");
}

#[test]
fn a_brown_out_is_short_and_within_the_overlap() {
    let mut home = Home::new();
    let old = home.create(&Home::purpose()).unwrap();
    home.open(&old, &terms(HOUR)).unwrap();
    home.now = 100;
    let cases = [
        (100, 1, true),
        (100, BROWNOUT_SECONDS_MAX, true),
        (100, BROWNOUT_SECONDS_MAX + 1, false),
        (100, 0, false),
        (99, 30, false),
        (HOUR - 30, 30, true),
        (HOUR - 29, 30, false),
    ];
    for (begins, seconds, good) in cases {
        let mut home = home.clone();
        let planned = home.run(|family, now| brownout(family, &old, at(begins), seconds, now));
        assert_eq!(planned.is_ok(), good, "{begins} {seconds}: {planned:?}");
        let expected = good.then(|| Brownout { at: at(begins), ends_at: at(begins + seconds) });
        assert_eq!(home.key(&old).validity.brownout, expected);
    }
}

#[test]
fn paused_and_resumed() {
    let mut home = Home::new();
    let key = home.create(&Home::purpose()).unwrap();
    assert!(wrong_state(&home.run(|family, now| change::resume(family, &key, now)).unwrap_err()));
    home.run(|family, now| change::pause(family, &key, now)).unwrap();
    assert_eq!(home.state(&key), "paused");
    assert!(wrong_state(&home.run(|family, now| change::pause(family, &key, now)).unwrap_err()));
    home.create(&Home::purpose()).unwrap();
    assert!(home.create(&Home::purpose()).is_err(), "a paused key keeps its place");
    home.run(|family, now| change::resume(family, &key, now)).unwrap();
    assert_eq!(home.state(&key), "active");
    let mut home = Home::new();
    let key = home.create(&Home::purpose()).unwrap();
    let new = home.open(&key, &terms(DAY)).unwrap();
    for key in [&key, &new] {
        let refused = home.run(|family, now| change::pause(family, key, now)).unwrap_err();
        assert!(matches!(refused, Refused::RotationOpen { .. }), "not while it is being exchanged");
    }
}

#[test]
fn an_edit_changes_what_it_names() {
    let mut home = Home::new();
    let key = home.create(&Home::purpose()).unwrap();
    let before = home.key(&key).clone();
    let none = Edit::default();
    home.run(|family, now| change::edit(family, &key, &none, now)).unwrap();
    assert_eq!(*home.key(&key), before);
    let all = Edit {
        scopes: Some(Scopes::split("export")),
        networks: Some("203.0.113.0/24".parse().unwrap()),
        note: Some("other".to_owned()),
        expires_at: Some(Some(at(50))),
    };
    home.run(|family, now| change::edit(family, &key, &all, now)).unwrap();
    let after = home.key(&key);
    assert_eq!((after.scopes.join().as_str(), after.note.as_str()), ("export", "other"));
    assert_eq!((after.networks.join().as_str(), after.validity.expires_at), ("203.0.113.0/24", Some(at(50))));
    for (edit, expected) in [
        (Edit { scopes: Some(Scopes::NONE), ..Edit::default() }, Refused::NoScope),
        (Edit { expires_at: Some(Some(at(0))), ..Edit::default() }, Refused::EndsInThePast),
    ] {
        assert_eq!(home.run(|family, now| change::edit(family, &key, &edit, now)), Err(expected));
    }
    home.now = 50;
    let late = Edit { expires_at: Some(None), ..Edit::default() };
    assert!(wrong_state(&home.run(|family, now| change::edit(family, &key, &late, now)).unwrap_err()));
}

#[test]
fn an_emergency_replaces_every_key_of_the_client() {
    let mut home = Home::new();
    home.accepted_max = 5;
    let first = home.create(&Home::purpose()).unwrap();
    let paused = home.create(&Home::purpose()).unwrap();
    home.run(|family, now| change::pause(family, &paused, now)).unwrap();
    let gone = home.create(&Home::purpose()).unwrap();
    home.run(|family, now| change::revoke(family, &gone, now)).unwrap();
    let second = home.open(&first, &terms(DAY)).unwrap();
    let actions = home.actions.len();
    let mut fresh = Vec::new();
    let mut mints = home.clone();
    home.run(|family, now| {
        emergency(
            family,
            |env| {
                let minted = mints.minted(env);
                fresh.push(minted.id.clone());
                Ok::<_, Refused>((minted, format!("e{}", fresh.len())))
            },
            now,
        )
    })
    .unwrap();
    for old in [&first, &paused, &second] {
        assert_eq!(home.state(old), "ended");
    }
    assert_eq!(
        (home.state(&gone), fresh.len()),
        ("revoked", 2),
        "one for the line of two, one for the paused"
    );
    assert!(fresh.iter().all(|id| home.state(id) == "active"));
    assert_eq!(
        home.actions[actions..].iter().filter(|action| action.starts_with("rotation.")).count(),
        3,
        "an entry for each key"
    );
    assert!(home.family.rotations.is_empty());
    let before = home.over.iter().find(|rotation| rotation.old == first).unwrap();
    assert_eq!(
        (before.stage, before.closed_at, before.ends_at),
        (Stage::Done, Some(at(0)), Some(at(0))),
        "what was open is over as well"
    );
    assert_eq!(home.key(&second).replaced_by.as_ref(), fresh.iter().find(|id| home.key(id).generation == 2));
}

/// As a region takes a new key each week: five are accepted at most, and each ends at its own instant, whatever the others do.
#[test]
fn each_of_five_keys_has_its_own_end() {
    let mut home = Home::new();
    home.accepted_max = 5;
    let keys: Vec<_> = (1..=5)
        .map(|number| {
            let expires_at = Some(at(number * HOUR));
            home.create(&accrual_access::change::Purpose { expires_at, ..Home::purpose() }).unwrap()
        })
        .collect();
    for (now, ended) in
        [(0, 0), (HOUR - 1, 0), (HOUR, 1), (2 * HOUR, 2), (4 * HOUR, 4), (5 * HOUR - 1, 4), (5 * HOUR, 5)]
    {
        home.now = now;
        let served: Vec<bool> = keys.iter().map(|key| home.call(key).is_served()).collect();
        assert_eq!(served, (0..5).map(|index| index >= ended).collect::<Vec<_>>(), "at {now}");
        if ended > 0 && ended < 5 {
            let mut next = home.clone();
            assert!(next.create(&Home::purpose()).is_ok(), "at {now} there is a place");
        }
    }
    home.now = 0;
    assert_eq!(home.create(&Home::purpose()), Err(Refused::TooManyKeys { held: 5, max: 5 }));
}
