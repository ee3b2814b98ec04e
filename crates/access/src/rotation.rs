//! The exchange of an old key for a new one, as a state machine (`facts/api.md` section 5).
//!
//! ```text
//! staged --start--> overlap --finish, or its end--> done
//!   |                 |
//!   '--cancel         '--roll_back--> rolled_back     (a staged one can be rolled back, too)
//! ```
//!
//! `staged`: the new key is accepted, the old one has no end yet. `overlap`: the old one has. *Drained* is an overlap in
//! which the old key was quiet for long enough after the new one's first success. `rolled_back`: the new key is revoked,
//! the old one is active again without an end; so does a cancelled one end. One rotation of a client and environment is
//! open at a time.

use crate::change::{Change, Family, Minted, Refused, end, need};
use crate::key::{KeyEnv, KeyId};
use crate::notice::{Happening, KeyTold, RotationTold};
use crate::record::{Brownout, KeyRecord, KeyState, Standing, Validity};
use accrual_rewards::unit::UnixSeconds;

/// The longest overlap, counted from its start: 30 days.
pub const OVERLAP_SECONDS_MAX: u64 = 30 * 86_400;
/// The overlap unless told otherwise: a day.
pub const OVERLAP_SECONDS_DEFAULT: u64 = 86_400;
/// The shortest overlap when a key exchanges itself: whoever stole it must not be able to lock its owner out.
pub const OVERLAP_SECONDS_SELF_MIN: u64 = 3_600;
/// How long the old key must be unused to count as drained, unless told otherwise.
pub const QUIET_SECONDS_DEFAULT: u64 = 86_400;
/// The longest that a brown-out may last.
pub const BROWNOUT_SECONDS_MAX: u64 = 60;
/// A key that was used so recently is not finished without force.
pub const RECENT_SECONDS: u64 = 3_600;

/// One exchange of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Its name.
    pub id: String,
    /// Whose keys.
    pub client_id: String,
    /// Which environment's.
    pub env: KeyEnv,
    /// The key that goes.
    pub old: KeyId,
    /// The key that comes.
    pub new: KeyId,
    /// What it was begun for.
    pub kind: Kind,
    /// How far it is.
    pub stage: Stage,
    /// When the new key was made.
    pub created_at: UnixSeconds,
    /// When the old key got its end.
    pub started_at: Option<UnixSeconds>,
    /// The old key's end.
    pub ends_at: Option<UnixSeconds>,
    /// When it was over.
    pub closed_at: Option<UnixSeconds>,
    /// Whether it is finished as soon as the old key is drained.
    pub auto_finish: bool,
    /// How long the old key must be unused to count as drained.
    pub quiet_seconds: u64,
    /// Whether it was told that the old key is drained.
    pub is_drained: bool,
    /// Of the overlap, the percentage at which a reminder was last due.
    pub noticed_percent: u8,
    /// The change that wrote this last.
    pub epoch: u64,
}

/// What a rotation was begun for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody who manages keys wants it.
    Normal,
    /// The old key ends at once.
    Emergency,
    /// The key asked for it itself.
    OwnKey,
    /// The key has reached its greatest age.
    Policy,
}

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Both are accepted, and the old one has no end.
    Staged,
    /// Both are accepted, and the old one has an end.
    Overlap,
    /// The old one ended.
    Done,
    /// The new one was revoked, the old one goes on.
    RolledBack,
}

/// How a rotation is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What it is begun for.
    pub kind: Kind,
    /// How long both are accepted, from the start; 0 ends the old key at once.
    pub overlap_seconds: u64,
    /// Whether the old key gets no end yet.
    pub is_staged: bool,
    /// Whether it is finished as soon as the old key is drained.
    pub auto_finish: bool,
    /// How long the old key must be unused to count as drained.
    pub quiet_seconds: u64,
}

impl Terms {
    /// What holds when nothing else is asked for.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            overlap_seconds: OVERLAP_SECONDS_DEFAULT,
            is_staged: false,
            auto_finish: false,
            quiet_seconds: QUIET_SECONDS_DEFAULT,
        }
    }

    fn check(&self) -> Result<(), Refused> {
        let min = if self.kind == Kind::OwnKey { OVERLAP_SECONDS_SELF_MIN } else { 0 };
        within("overlap_seconds", self.overlap_seconds, min, OVERLAP_SECONDS_MAX)?;
        within("quiet_seconds", self.quiet_seconds, 1, OVERLAP_SECONDS_MAX)
    }
}

/// Begins: a successor of `old` with its scopes, networks and note. Without an overlap the old key ends here and now, and
/// the rotation is done.
///
/// # Errors
/// [`Refused::RotationOpen`], [`Refused::TooManyKeys`], [`Refused::WrongState`] unless `old` is active,
/// [`Refused::OutOfBounds`].
pub fn open(
    family: &Family,
    old: &KeyId,
    terms: &Terms,
    minted: Minted,
    id: String,
    accepted_max: usize,
    now: UnixSeconds,
) -> Result<Change, Refused> {
    terms.check()?;
    let old = family.key(old)?;
    if let Some(open) = family.rotations.iter().find(|rotation| rotation.env == old.env) {
        return Err(Refused::RotationOpen { rotation: open.id.clone(), key: open.old.clone() });
    }
    need(old, now, "an active key can be exchanged", |standing| standing == Standing::Accepted)?;
    let at_once = terms.overlap_seconds == 0 && !terms.is_staged;
    family.need_place(old.env, accepted_max, usize::from(at_once), now)?;
    let mut rotation = begun(old, terms, &minted, id, now);
    let new = successor(old, minted, now);
    let mut change = Change::default();
    if at_once {
        rotation.kind = if terms.kind == Kind::Normal { Kind::Emergency } else { terms.kind };
    }
    let overlap = (!terms.is_staged).then_some(terms.overlap_seconds);
    let action = if terms.is_staged { "rotation.stage" } else { "rotation.start" };
    change.edit(action, old, |old| {
        old.replaced_by = Some(new.id.clone());
        if let Some(seconds) = overlap {
            start_overlap(old, &mut rotation, seconds, now);
        }
    });
    change.told.push(Happening::KeyCreated(KeyTold::of(&new)));
    if rotation.stage != Stage::Staged {
        change.told.push(Happening::RotationStarted(RotationTold::of(&rotation)));
    }
    if rotation.stage == Stage::Done {
        change.told.push(Happening::RotationDone(RotationTold::of(&rotation)));
    }
    change.write("key.create", None, new);
    change.rotations.push(rotation);
    Ok(change)
}

fn begun(old: &KeyRecord, terms: &Terms, minted: &Minted, id: String, now: UnixSeconds) -> Rotation {
    Rotation {
        id,
        client_id: old.client_id.clone(),
        env: old.env,
        old: old.id.clone(),
        new: minted.id.clone(),
        kind: terms.kind,
        stage: Stage::Staged,
        created_at: now,
        started_at: None,
        ends_at: None,
        closed_at: None,
        auto_finish: terms.auto_finish,
        quiet_seconds: terms.quiet_seconds,
        is_drained: false,
        noticed_percent: 0,
        epoch: 0,
    }
}

fn successor(old: &KeyRecord, minted: Minted, now: UnixSeconds) -> KeyRecord {
    // A successor lives as long as its predecessor was meant to, counted from now.
    let expires_at =
        old.validity.expires_at.map(|at| UnixSeconds(now.0.saturating_add(at.since(old.created_at))));
    KeyRecord {
        id: minted.id,
        env: minted.env,
        secret_mac: minted.secret_mac,
        pepper_version: minted.pepper_version,
        created_at: now,
        validity: Validity::new(expires_at),
        revoked_at: None,
        replaces: Some(old.id.clone()),
        replaced_by: None,
        generation: old.generation + 1,
        first_used_at: None,
        last_used_at: None,
        last_used_network: None,
        last_used_agent: None,
        noticed_percent: 0,
        epoch: 0,
        ..old.clone()
    }
}

/// Gives the old key its end: never past its own expiry, and at once where there is no overlap.
fn start_overlap(old: &mut KeyRecord, rotation: &mut Rotation, seconds: u64, now: UnixSeconds) {
    let ends_at = earlier(UnixSeconds(now.0.saturating_add(seconds)), old.validity.expires_at);
    (old.validity.state, old.validity.overlap_ends_at) = (KeyState::Ending, Some(ends_at));
    (rotation.stage, rotation.started_at, rotation.ends_at) = (Stage::Overlap, Some(now), Some(ends_at));
    if seconds == 0 {
        old.validity.state = KeyState::Ended;
        (rotation.stage, rotation.closed_at) = (Stage::Done, Some(now));
    }
}

/// A staged rotation's overlap begins.
///
/// # Errors
/// [`Refused::RotationNotOpen`], [`Refused::WrongStage`], [`Refused::OutOfBounds`].
pub fn start(
    family: &Family,
    key: &KeyId,
    overlap_seconds: u64,
    now: UnixSeconds,
) -> Result<Change, Refused> {
    let rotation = family.rotation(key)?;
    rotation.need_stage(Stage::Staged, "start", "staged")?;
    within("overlap_seconds", overlap_seconds, 0, OVERLAP_SECONDS_MAX)?;
    let old = family.key(&rotation.old)?;
    let (mut change, mut rotation) = (Change::default(), rotation.clone());
    change.edit("rotation.start", old, |old| start_overlap(old, &mut rotation, overlap_seconds, now));
    change.told.push(Happening::RotationStarted(RotationTold::of(&rotation)));
    if rotation.stage == Stage::Done {
        change.told.push(Happening::RotationDone(RotationTold::of(&rotation)));
    }
    change.rotations.push(rotation);
    Ok(change)
}

/// Moves the overlap's end to `ends_at`: later, at most 30 days from its start.
///
/// # Errors
/// [`Refused::RotationNotOpen`], [`Refused::WrongStage`], [`Refused::OutOfBounds`], in seconds from the overlap's start.
pub fn extend(
    family: &Family,
    key: &KeyId,
    ends_at: UnixSeconds,
    now: UnixSeconds,
) -> Result<Change, Refused> {
    let rotation = family.overlap(key, "extend", now)?;
    let old = family.key(&rotation.old)?;
    let (started_at, was) = rotation.bounds();
    let ends_at = earlier(ends_at, old.validity.expires_at);
    let asked = ends_at.since(started_at);
    within("the overlap, from its start", asked, was.since(started_at) + 1, OVERLAP_SECONDS_MAX)?;
    let mut rotation = rotation.clone();
    rotation.ends_at = Some(ends_at);
    // A reminder is due again at the same percentage of the longer overlap.
    rotation.noticed_percent = 0;
    let mut change = Change::of("rotation.extend", old, |old| old.validity.overlap_ends_at = Some(ends_at));
    change.rotations.push(rotation);
    Ok(change)
}

/// Ends the old key now.
///
/// # Errors
/// [`Refused::RotationNotOpen`], [`Refused::WrongStage`], and [`Refused::StillUsed`] without `force`.
pub fn finish(family: &Family, key: &KeyId, force: bool, now: UnixSeconds) -> Result<Change, Refused> {
    let rotation = family.overlap(key, "finish", now)?;
    let old = family.key(&rotation.old)?;
    let recent = old.last_used_at.map(|at| now.since(at)).filter(|seconds| *seconds < RECENT_SECONDS);
    if let (Some(seconds_ago), false) = (recent, force) {
        return Err(Refused::StillUsed { seconds_ago });
    }
    close(family, rotation, now, now)
}

/// The end of the old key, which came at `ended_at`.
pub(crate) fn close(
    family: &Family,
    rotation: &Rotation,
    ended_at: UnixSeconds,
    now: UnixSeconds,
) -> Result<Change, Refused> {
    let old = family.key(&rotation.old)?;
    let mut rotation = rotation.clone();
    (rotation.stage, rotation.ends_at, rotation.closed_at) = (Stage::Done, Some(ended_at), Some(now));
    let mut change = Change::of("rotation.finish", old, |old| {
        (old.validity.state, old.validity.overlap_ends_at) = (KeyState::Ended, Some(ended_at));
    });
    change.told.push(Happening::RotationDone(RotationTold::of(&rotation)));
    change.rotations.push(rotation);
    Ok(change)
}

/// The new key is revoked, the old one is active again without an end.
///
/// # Errors
/// [`Refused::RotationNotOpen`]: after its end, an emergency or a revoke there is nothing to go back to.
pub fn roll_back(family: &Family, key: &KeyId, now: UnixSeconds) -> Result<Change, Refused> {
    let rotation = family.rotation(key)?;
    if rotation.is_over(now) {
        return Err(Refused::RotationNotOpen(key.clone()));
    }
    undo(family, rotation, "rotation.roll_back", now)
}

/// Gives up a staged rotation: the new key is revoked, the old one was never touched.
///
/// # Errors
/// [`Refused::RotationNotOpen`], [`Refused::WrongStage`].
pub fn cancel(family: &Family, key: &KeyId, now: UnixSeconds) -> Result<Change, Refused> {
    let rotation = family.rotation(key)?;
    rotation.need_stage(Stage::Staged, "cancel", "staged")?;
    undo(family, rotation, "rotation.cancel", now)
}

/// Takes an open rotation back: its new key is revoked, the old one is as if nothing had begun.
pub(crate) fn undo(
    family: &Family,
    rotation: &Rotation,
    action: &'static str,
    now: UnixSeconds,
) -> Result<Change, Refused> {
    let (old, new) = (family.key(&rotation.old)?, family.key(&rotation.new)?);
    let mut rotation = rotation.clone();
    (rotation.stage, rotation.closed_at, rotation.ends_at) = (Stage::RolledBack, Some(now), None);
    let mut change = Change::of(action, old, revive);
    change.edit("key.revoke", new, |new| end(new, now));
    change.told.push(Happening::RotationRolledBack(RotationTold::of(&rotation)));
    change.rotations.push(rotation);
    Ok(change)
}

/// Active again, as if no successor had been made.
fn revive(old: &mut KeyRecord) {
    let expires_at = old.validity.expires_at;
    old.validity = Validity::new(expires_at);
    old.replaced_by = None;
}

/// One key of the rotation was revoked, so that there is nothing left to exchange.
pub(crate) fn end_with(
    family: &Family,
    rotation: &Rotation,
    revoked: &KeyId,
    now: UnixSeconds,
    change: &mut Change,
) -> Result<(), Refused> {
    let old = family.key(&rotation.old)?;
    let mut rotation = rotation.clone();
    rotation.closed_at = Some(now);
    if rotation.old == *revoked {
        rotation.stage = Stage::Done;
        change.told.push(Happening::RotationDone(RotationTold::of(&rotation)));
    } else {
        rotation.stage = Stage::RolledBack;
        // The old key's end has not come yet, or else it stays ended.
        if old.holds_place(now) {
            change.edit("rotation.roll_back", old, revive);
        }
        change.told.push(Happening::RotationRolledBack(RotationTold::of(&rotation)));
    }
    change.rotations.push(rotation);
    Ok(())
}

/// Refuses the old key from `at` on for `seconds`, so that forgotten callers are noticed while there is a way back.
///
/// # Errors
/// [`Refused::RotationNotOpen`], [`Refused::WrongStage`], [`Refused::OutOfBounds`], [`Refused::BrownoutOutside`].
pub fn brownout(
    family: &Family,
    key: &KeyId,
    at: UnixSeconds,
    seconds: u64,
    now: UnixSeconds,
) -> Result<Change, Refused> {
    let rotation = family.overlap(key, "brownout", now)?;
    within("seconds", seconds, 1, BROWNOUT_SECONDS_MAX)?;
    let ends_at = UnixSeconds(at.0.saturating_add(seconds));
    let (_, end) = rotation.bounds();
    if at < now || ends_at > end {
        return Err(Refused::BrownoutOutside);
    }
    let old = family.key(&rotation.old)?;
    Ok(Change::of("rotation.brownout", old, |old| old.validity.brownout = Some(Brownout { at, ends_at })))
}

/// Replaces every key of a client at once: each active or paused key gets a successor, and none of the old ones is
/// accepted any longer. `mint` makes a secret and a rotation's name for each.
///
/// # Errors
/// Those of `mint`.
pub fn emergency<E>(
    family: &Family,
    mut mint: impl FnMut(KeyEnv) -> Result<(Minted, String), E>,
    now: UnixSeconds,
) -> Result<Change, E> {
    let mut change = Change::default();
    for old in family.keys.iter().filter(|key| key.holds_place(now)) {
        if family.rotations.iter().any(|rotation| rotation.old == old.id) {
            // Its successor is replaced as well.
            change.edit("rotation.finish", old, |old| {
                (old.validity.state, old.validity.overlap_ends_at) = (KeyState::Ended, Some(now));
            });
            continue;
        }
        let (minted, id) = mint(old.env)?;
        let terms = Terms::new(Kind::Emergency);
        let mut rotation = begun(old, &terms, &minted, id, now);
        let new = successor(old, minted, now);
        change.edit("rotation.emergency", old, |old| {
            old.replaced_by = Some(new.id.clone());
            start_overlap(old, &mut rotation, 0, now);
        });
        change.told.push(Happening::RotationStarted(RotationTold::of(&rotation)));
        change.told.push(Happening::RotationDone(RotationTold::of(&rotation)));
        change.write("key.create", None, new);
        change.rotations.push(rotation);
    }
    for open in &family.rotations {
        let (stage, closed_at, ends_at) = (Stage::Done, Some(now), Some(now));
        change.rotations.push(Rotation { stage, closed_at, ends_at, ..open.clone() });
    }
    Ok(change)
}

fn within(what: &'static str, found: u64, min: u64, max: u64) -> Result<(), Refused> {
    if (min..=max).contains(&found) { Ok(()) } else { Err(Refused::OutOfBounds { what, min, max, found }) }
}

fn earlier(at: UnixSeconds, bound: Option<UnixSeconds>) -> UnixSeconds {
    bound.map_or(at, |bound| bound.min(at))
}

impl Family {
    /// The open rotation of `key`, whose overlap must be running.
    fn overlap(&self, key: &KeyId, command: &'static str, now: UnixSeconds) -> Result<&Rotation, Refused> {
        let rotation = self.rotation(key)?;
        rotation.need_stage(Stage::Overlap, command, "in its overlap")?;
        if rotation.is_over(now) { Err(Refused::RotationNotOpen(key.clone())) } else { Ok(rotation) }
    }
}

impl Rotation {
    /// Whether `key` is its old or its new key.
    pub fn touches(&self, key: &KeyId) -> bool {
        self.old == *key || self.new == *key
    }

    /// Whether its end has come, though nobody may have written it down yet.
    pub fn is_over(&self, now: UnixSeconds) -> bool {
        self.ends_at.is_some_and(|ends_at| ends_at <= now)
    }

    /// Whether the old key was quiet for long enough after the new one's first success.
    pub fn is_quiet(&self, old: &KeyRecord, new: &KeyRecord, now: UnixSeconds) -> bool {
        let since = new.first_used_at.map(|first| old.last_used_at.map_or(first, |last| last.max(first)));
        self.stage == Stage::Overlap && since.is_some_and(|since| now.since(since) >= self.quiet_seconds)
    }

    /// Whether the old key can be ended without anybody noticing: the new one works, and the old one was not used in the
    /// last hour.
    pub fn is_safe_to_finish(&self, old: &KeyRecord, new: &KeyRecord, now: UnixSeconds) -> bool {
        let quiet = old.last_used_at.is_none_or(|at| now.since(at) >= RECENT_SECONDS);
        self.stage == Stage::Overlap && new.first_used_at.is_some() && quiet
    }

    /// The state as callers see it.
    pub fn state(&self, old: &KeyRecord, new: &KeyRecord, now: UnixSeconds) -> &'static str {
        match self.stage {
            Stage::Overlap if self.is_over(now) => Stage::Done.as_str(),
            Stage::Overlap if self.is_quiet(old, new, now) => "drained",
            stage => stage.as_str(),
        }
    }

    /// Its overlap's start and end.
    pub(crate) fn bounds(&self) -> (UnixSeconds, UnixSeconds) {
        let started_at = self.started_at.unwrap_or(self.created_at);
        (started_at, self.ends_at.unwrap_or(started_at))
    }

    fn need_stage(&self, stage: Stage, command: &'static str, wanted: &'static str) -> Result<(), Refused> {
        let (key, found) = (self.old.clone(), self.stage.as_str());
        if self.stage == stage {
            Ok(())
        } else {
            Err(Refused::WrongStage { key, stage: found, command, wanted })
        }
    }
}

macro_rules! named {
    ($kind:ident, $what:literal, $($variant:ident = $name:literal),*) => {
        impl $kind {
            /// Its name in answers and the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        impl std::str::FromStr for $kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok(Self::$variant),)*
                    _ => Err(format!(concat!("{:?} is no ", $what), text)),
                }
            }
        }
    };
}
named!(
    Kind,
    "kind of rotation",
    Normal = "normal",
    Emergency = "emergency",
    OwnKey = "self",
    Policy = "policy"
);
named!(
    Stage,
    "stage of a rotation",
    Staged = "staged",
    Overlap = "overlap",
    Done = "done",
    RolledBack = "rolled_back"
);
