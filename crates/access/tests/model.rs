//! Every pair of transitions, in random order, against a model that says the rules in another way.
//!
//! The model knows of each key only from when on it is refused, and of a rotation only its two keys. It is asked before
//! each command whether it will be obeyed, and after it which keys are accepted.

mod family;

use accrual_access::change;
use accrual_access::key::KeyId;
use accrual_access::rotation::{Terms, brownout, cancel, extend, finish, roll_back, start};
use accrual_access::upkeep::Policy;
use family::{Home, at, staged, terms};
use proptest::prelude::*;

const HOUR: u64 = 3_600;
const MONTH: u64 = 30 * 86_400;

#[derive(Debug, Clone, Copy)]
enum Command {
    Create,
    Open { key: usize, overlap: u64, staged: bool },
    Start { key: usize, overlap: u64 },
    Extend { key: usize, to: u64 },
    Finish { key: usize, force: bool },
    RollBack { key: usize },
    Cancel { key: usize },
    Brownout { key: usize, after: u64, seconds: u64 },
    Pause { key: usize },
    Resume { key: usize },
    Revoke { key: usize },
    Call { key: usize },
    Wait { seconds: u64 },
    KeepUp,
}

fn command() -> impl Strategy<Value = Command> {
    let key = 0..6_usize;
    let span = || prop_oneof![Just(0), Just(1), Just(HOUR), 0..3 * HOUR, Just(MONTH), Just(MONTH + 1)];
    prop_oneof![
        Just(Command::Create),
        (key.clone(), span(), any::<bool>()).prop_map(|(key, overlap, staged)| Command::Open {
            key,
            overlap,
            staged
        }),
        (key.clone(), span()).prop_map(|(key, overlap)| Command::Start { key, overlap }),
        (key.clone(), 0..2 * MONTH).prop_map(|(key, to)| Command::Extend { key, to }),
        (key.clone(), any::<bool>()).prop_map(|(key, force)| Command::Finish { key, force }),
        key.clone().prop_map(|key| Command::RollBack { key }),
        key.clone().prop_map(|key| Command::Cancel { key }),
        (key.clone(), 0..HOUR, 0..90_u64).prop_map(|(key, after, seconds)| Command::Brownout {
            key,
            after,
            seconds
        }),
        key.clone().prop_map(|key| Command::Pause { key }),
        key.clone().prop_map(|key| Command::Resume { key }),
        key.clone().prop_map(|key| Command::Revoke { key }),
        key.prop_map(|key| Command::Call { key }),
        span().prop_map(|seconds| Command::Wait { seconds: seconds.min(2 * HOUR) }),
        Just(Command::KeepUp),
    ]
}

/// Of each key: the second from which on it is refused, whether it is paused, when it is browned out, when it was used.
#[derive(Debug, Clone, Copy, Default)]
struct Key {
    refused_from: Option<u64>,
    revoked: bool,
    paused: bool,
    brown: Option<(u64, u64)>,
    used: Option<u64>,
}

#[derive(Debug, Default)]
struct Model {
    keys: Vec<Key>,
    /// The old key, the new key, when its overlap began.
    open: Option<(usize, usize, Option<u64>)>,
    now: u64,
}

impl Model {
    fn accepted(&self, key: usize) -> bool {
        let key = &self.keys[key];
        let brown = key.brown.is_some_and(|(from, to)| from <= self.now && self.now < to);
        !key.revoked && !key.paused && !brown && key.refused_from.is_none_or(|from| self.now < from)
    }

    /// Accepted, but for what passes.
    fn alive(&self, key: usize) -> bool {
        !self.keys[key].revoked && self.keys[key].refused_from.is_none_or(|from| self.now < from)
    }

    fn places(&self) -> usize {
        (0..self.keys.len()).filter(|key| self.alive(*key)).count()
    }

    /// The open rotation of that key, if its end has not come.
    fn rotation(&self, key: usize) -> Option<(usize, usize, Option<u64>)> {
        self.open.filter(|(old, new, _)| (*old == key || *new == key) && self.alive(*old))
    }

    /// Whether the command will be obeyed; if so, the model is changed as it says.
    fn obeys(&mut self, command: Command) -> bool {
        if self.open.is_some_and(|(old, ..)| !self.alive(old)) {
            self.open = None;
        }
        let now = self.now;
        let overlap = |model: &Self, key| {
            let (old, new, since) = model.rotation(key)?;
            Some((old, new, since?, model.keys[old].refused_from?))
        };
        match command {
            Command::Create => {
                let room = self.places() < 2;
                if room {
                    self.keys.push(Key::default());
                }
                room
            }
            Command::Open { key, overlap, staged } => {
                let at_once = overlap == 0 && !staged;
                let good = (staged || overlap <= MONTH)
                    && self.open.is_none()
                    && self.accepted(key)
                    && self.places() - usize::from(at_once) < 2;
                if good {
                    self.keys.push(Key::default());
                    if !staged {
                        self.keys[key].refused_from = Some(now + overlap);
                    }
                    self.open = Some((key, self.keys.len() - 1, (!staged).then_some(now)));
                }
                good
            }
            Command::Start { key, overlap } => match self.rotation(key) {
                Some((old, new, None)) if overlap <= MONTH => {
                    self.keys[old].refused_from = Some(now + overlap);
                    self.open = Some((old, new, Some(now)));
                    true
                }
                _ => false,
            },
            Command::Extend { key, to } => match overlap(self, key) {
                Some((old, _, since, ends)) if to > ends && to - since <= MONTH => {
                    self.keys[old].refused_from = Some(to);
                    true
                }
                _ => false,
            },
            Command::Finish { key, force } => match overlap(self, key) {
                Some((old, ..)) if force || self.keys[old].used.is_none_or(|used| now - used >= HOUR) => {
                    self.keys[old].refused_from = Some(now);
                    self.open = None;
                    true
                }
                _ => false,
            },
            Command::RollBack { key } => self.undo(self.rotation(key)),
            Command::Cancel { key } => self.undo(self.rotation(key).filter(|(.., since)| since.is_none())),
            Command::Brownout { key, after, seconds } => match overlap(self, key) {
                Some((old, _, _, ends)) if (1..=60).contains(&seconds) && now + after + seconds <= ends => {
                    self.keys[old].brown = Some((now + after, now + after + seconds));
                    true
                }
                _ => false,
            },
            Command::Pause { key } => {
                let good = self.accepted(key) && self.rotation(key).is_none();
                self.keys[key].paused |= good;
                good
            }
            Command::Resume { key } => {
                let good = self.alive(key) && self.keys[key].paused;
                self.keys[key].paused &= !good;
                good
            }
            Command::Revoke { key } => {
                let good = !self.keys[key].revoked;
                match self.rotation(key) {
                    Some((_, new, _)) if good && new == key => drop(self.undo(self.rotation(key))),
                    Some(_) if good => self.open = None,
                    _ => {}
                }
                self.keys[key].revoked |= good;
                good
            }
            Command::Call { key } => {
                let good = self.accepted(key);
                if good {
                    self.keys[key].used = Some(now);
                }
                good
            }
            Command::Wait { seconds } => {
                self.now += seconds;
                true
            }
            Command::KeepUp => true,
        }
    }

    fn undo(&mut self, rotation: Option<(usize, usize, Option<u64>)>) -> bool {
        if let Some((old, new, _)) = rotation {
            (self.keys[old].refused_from, self.keys[old].brown) = (None, None);
            self.keys[new].revoked = true;
            self.open = None;
        }
        rotation.is_some()
    }
}

fn obeyed(home: &mut Home, ids: &mut Vec<KeyId>, command: Command) -> bool {
    let id = |key: usize| ids[key].clone();
    match command {
        Command::Create => home.create(&Home::purpose()).map(|id| ids.push(id)).is_ok(),
        Command::Open { key, overlap, staged: is_staged } => {
            let terms = if is_staged { staged() } else { terms(overlap) };
            home.open(&id(key), &Terms { quiet_seconds: 7_200, ..terms }).map(|id| ids.push(id)).is_ok()
        }
        Command::Start { key, overlap } => {
            home.run(|family, now| start(family, &id(key), overlap, now)).is_ok()
        }
        Command::Extend { key, to } => home.run(|family, now| extend(family, &id(key), at(to), now)).is_ok(),
        Command::Finish { key, force } => {
            home.run(|family, now| finish(family, &id(key), force, now)).is_ok()
        }
        Command::RollBack { key } => home.run(|family, now| roll_back(family, &id(key), now)).is_ok(),
        Command::Cancel { key } => home.run(|family, now| cancel(family, &id(key), now)).is_ok(),
        Command::Brownout { key, after, seconds } => {
            let begins = at(home.now + after);
            home.run(|family, now| brownout(family, &id(key), begins, seconds, now)).is_ok()
        }
        Command::Pause { key } => home.run(|family, now| change::pause(family, &id(key), now)).is_ok(),
        Command::Resume { key } => home.run(|family, now| change::resume(family, &id(key), now)).is_ok(),
        Command::Revoke { key } => home.run(|family, now| change::revoke(family, &id(key), now)).is_ok(),
        Command::Call { key } => home.call(&id(key)).is_served(),
        Command::Wait { seconds } => {
            home.now += seconds;
            true
        }
        Command::KeepUp => {
            home.keep_up(Policy::default());
            true
        }
    }
}

fn names_a_key(command: Command) -> Option<usize> {
    match command {
        Command::Create | Command::Wait { .. } | Command::KeepUp => None,
        Command::Open { key, .. }
        | Command::Start { key, .. }
        | Command::Extend { key, .. }
        | Command::Finish { key, .. }
        | Command::RollBack { key }
        | Command::Cancel { key }
        | Command::Brownout { key, .. }
        | Command::Pause { key }
        | Command::Resume { key }
        | Command::Revoke { key }
        | Command::Call { key } => Some(key),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_agrees_with_the_model(commands in proptest::collection::vec(command(), 1..60)) {
        let (mut home, mut model, mut ids) = (Home::new(), Model::default(), Vec::new());
        for (step, command) in commands.into_iter().enumerate() {
            if names_a_key(command).is_some_and(|key| key >= ids.len()) {
                continue;
            }
            let expected = model.obeys(command);
            prop_assert_eq!(obeyed(&mut home, &mut ids, command), expected, "step {}: {:?}", step, command);
            for (key, id) in ids.iter().enumerate() {
                let served = home.key(id).standing(home.now()).is_served();
                prop_assert_eq!(served, model.accepted(key), "step {}, {:?}: key {}", step, command, key);
            }
            let accepted = ids.iter().filter(|id| home.key(id).standing(home.now()).is_served()).count();
            prop_assert!(accepted <= 2, "never more than two");
            let open = home.family.rotations.iter().filter(|rotation| !rotation.is_over(home.now())).count();
            prop_assert!(open <= 1, "never more than one rotation");
        }
    }
}
