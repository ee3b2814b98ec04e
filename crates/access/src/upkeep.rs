//! What falls due by itself: ends that have come, old keys that are quiet, reminders.
//!
//! None of it decides whether a call is served (that is [`crate::record::Validity`]); it writes down what has happened and
//! tells those who want to know. Asking twice changes nothing the second time.

use crate::change::{Change, Family, Refused};
use crate::key::KeyId;
use crate::notice::{Happening, KeyTold, RotationTold};
use crate::record::{KeyRecord, Standing};
use crate::rotation::{Kind, OVERLAP_SECONDS_DEFAULT, Rotation, Stage, close, start, undo};
use accrual_rewards::unit::UnixSeconds;

/// At which percentages of an overlap its owner is reminded, while the old key is still used.
const REMINDERS: [u8; 3] = [50, 80, 95];
/// At which percentage of a key's life its owner is told that it will end.
const EXPIRING_PERCENT: u8 = 80;

/// A rotation of the policy is tried again so long after the one before was staged. One that is staged still by then is
/// given up first: whoever was to deliver its key has died.
pub const RETRY_SECONDS: u64 = 3_600;

/// How old keys may become, and how they are exchanged then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Exchange a key when it is so old.
    pub age_seconds_max: Option<u64>,
    /// How long the old key is accepted beside the new one.
    pub overlap_seconds: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { age_seconds_max: None, overlap_seconds: OVERLAP_SECONDS_DEFAULT }
    }
}

/// What is due in a client's family, one change after the other.
///
/// # Errors
/// A rotation whose keys are not there: the database was changed by somebody else.
pub fn due(family: &Family, policy: Policy, now: UnixSeconds) -> Result<Change, Refused> {
    let mut change = Change::default();
    for rotation in family.rotations.iter().filter(|rotation| rotation.stage == Stage::Overlap) {
        change.append(overlap(family, rotation, now)?);
    }
    for rotation in family.rotations.iter().filter(|rotation| is_staged_by_policy(rotation)) {
        change.append(staged(family, rotation, policy, now)?);
    }
    // Of the keys as they are by now: a row that is written twice must not lose what was changed first.
    let mut family = family.clone();
    family.apply(&change);
    for key in &family.keys {
        change.append(expiring(key, policy, now));
    }
    Ok(change)
}

/// The family with every rotation closed whose end has come, though nobody has written that down yet; and the change that
/// writes it down. Whatever is done to a family is done to this one.
///
/// # Errors
/// As [`due`].
pub fn settled(family: &Family, now: UnixSeconds) -> Result<(Family, Change), Refused> {
    let mut change = Change::default();
    for rotation in family.rotations.iter().filter(|rotation| rotation.is_over(now)) {
        change.append(close(family, rotation, rotation.bounds().1, now)?);
    }
    let mut settled = family.clone();
    settled.apply(&change);
    Ok((settled, change))
}

/// Keys that the policy wants exchanged now: active, of full age, and not being exchanged.
pub fn aged(family: &Family, policy: Policy, now: UnixSeconds) -> impl Iterator<Item = &KeyId> {
    let is_aged = move |key: &&KeyRecord| {
        let old = policy.age_seconds_max.is_some_and(|max| now.since(key.created_at) >= max);
        old && key.standing(now) == Standing::Accepted && family.rotation(&key.id).is_err()
    };
    family.keys.iter().filter(is_aged).map(|key| &key.id)
}

fn is_staged_by_policy(rotation: &Rotation) -> bool {
    rotation.kind == Kind::Policy && rotation.stage == Stage::Staged
}

/// A rotation whose server died between staging and starting it. A new key that somebody uses has arrived, so it is never
/// taken back: the overlap begins. One that nobody used until the next try is due is given up, for that try to replace.
fn staged(family: &Family, rotation: &Rotation, policy: Policy, now: UnixSeconds) -> Result<Change, Refused> {
    if family.key(&rotation.new)?.first_used_at.is_some() {
        return start(family, &rotation.old, policy.overlap_seconds, now);
    }
    if now.since(rotation.created_at) >= RETRY_SECONDS {
        return undo(family, rotation, "rotation.cancel", now);
    }
    Ok(Change::default())
}

/// Whether the policy may try again to exchange a key whose newest rotation is `last`.
pub fn may_try(last: Option<&Rotation>, now: UnixSeconds) -> bool {
    let given_up = last.filter(|last| last.kind == Kind::Policy && last.stage == Stage::RolledBack);
    given_up.is_none_or(|last| now.since(last.created_at) >= RETRY_SECONDS)
}

/// When the policy will exchange `key`; `None` without a policy or for a key that is not active.
pub fn exchanged_at(key: &KeyRecord, policy: Policy, now: UnixSeconds) -> Option<UnixSeconds> {
    let active = key.standing(now) == Standing::Accepted;
    let max = policy.age_seconds_max.filter(|_| active)?;
    Some(UnixSeconds(key.created_at.0.saturating_add(max)))
}

fn overlap(family: &Family, rotation: &Rotation, now: UnixSeconds) -> Result<Change, Refused> {
    let (old, new) = (family.key(&rotation.old)?, family.key(&rotation.new)?);
    let (started_at, ends_at) = rotation.bounds();
    if rotation.is_over(now) {
        return close(family, rotation, ends_at, now);
    }
    let mut change = Change::default();
    let mut after = rotation.clone();
    after.is_drained = rotation.is_quiet(old, new, now);
    if after.is_drained && !rotation.is_drained {
        change.told.push(Happening::RotationDrained(RotationTold::of(rotation)));
    }
    if after.is_drained && rotation.auto_finish {
        let mut finished = close(family, &after, now, now)?;
        finished.told.splice(0..0, change.told);
        return Ok(finished);
    }
    let reached = reached(started_at, ends_at, now);
    if reached > rotation.noticed_percent {
        let since = instant(started_at, ends_at, rotation.noticed_percent);
        if old.last_used_at.is_some_and(|at| at >= since) {
            change.told.push(reminder(rotation, old, reached));
        }
        after.noticed_percent = reached;
    }
    if after != *rotation {
        change.rotations.push(after);
    }
    Ok(change)
}

/// The highest percentage of [`REMINDERS`] that is over; 0 before the first.
fn reached(started_at: UnixSeconds, ends_at: UnixSeconds, now: UnixSeconds) -> u8 {
    REMINDERS.into_iter().rev().find(|percent| now >= instant(started_at, ends_at, *percent)).unwrap_or(0)
}

/// The first second in which `percent` of a span is over.
fn instant(started_at: UnixSeconds, ends_at: UnixSeconds, percent: u8) -> UnixSeconds {
    let part = u128::from(ends_at.since(started_at)) * u128::from(percent);
    let part = u64::try_from(part.div_ceil(100)).expect("a part is no larger than the whole");
    UnixSeconds(started_at.0 + part)
}

fn reminder(rotation: &Rotation, old: &KeyRecord, percent: u8) -> Happening {
    Happening::OldKeyStillUsed {
        rotation: RotationTold::of(rotation),
        overlap_percent: u64::from(percent),
        last_used_at: old.last_used_at,
        last_used_network: old.last_used_network.clone(),
    }
}

/// A key that is active and four fifths through its life: until its expiry or until the policy exchanges it.
fn expiring(key: &KeyRecord, policy: Policy, now: UnixSeconds) -> Change {
    let mut change = Change::default();
    let ends = [key.validity.expires_at, exchanged_at(key, policy, now)];
    let Some(ends_at) = ends.into_iter().flatten().min() else { return change };
    let due = now >= instant(key.created_at, ends_at, EXPIRING_PERCENT);
    if due && key.noticed_percent < EXPIRING_PERCENT && key.standing(now) == Standing::Accepted {
        let life_percent = u64::from(EXPIRING_PERCENT);
        change.told.push(Happening::KeyExpiring { key: KeyTold::of(key), expires_at: ends_at, life_percent });
        change.keys.push(KeyRecord { noticed_percent: EXPIRING_PERCENT, ..key.clone() });
    }
    change
}

impl Family {
    /// The family after `change`.
    pub fn apply(&mut self, change: &Change) {
        for key in &change.keys {
            match self.keys.iter_mut().find(|held| held.id == key.id) {
                Some(held) => *held = key.clone(),
                None => self.keys.push(key.clone()),
            }
        }
        for rotation in &change.rotations {
            self.rotations.retain(|held| held.id != rotation.id);
            if matches!(rotation.stage, Stage::Staged | Stage::Overlap) {
                self.rotations.push(rotation.clone());
            }
        }
        if let Some(client) = &change.client {
            self.client = client.clone();
        }
    }
}

impl Change {
    /// Whether nothing is to be stored.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This change, and then `more`.
    pub fn append(&mut self, mut more: Self) {
        self.keys.append(&mut more.keys);
        self.rotations.append(&mut more.rotations);
        self.entries.append(&mut more.entries);
        self.told.append(&mut more.told);
        self.client = more.client.or(self.client.take());
    }
}
