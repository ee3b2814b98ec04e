//! Reading from a standby of the PostgreSQL server, for as long as it is known how far behind it is.
//!
//! A standby answers from the past. It is used while the primary's state of at most so many seconds ago is in it; else, and
//! while it does not answer, everything is read from the primary. How far it is behind is measured in the server's own
//! journal: where the primary's stood at an instant, and when the standby had replayed it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Db, DbUrl, Mode, StoreError};

/// How often it is looked how far a standby is.
pub const LOOK: Duration = Duration::from_millis(500);

/// A database to read from: the primary, or its standby while that is fresh.
#[derive(Debug, Clone)]
pub struct Reading {
    primary: Db,
    standby: Option<Arc<Standby>>,
}

/// How a standby stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Everything that the primary held so long ago is in it; `None` while that is not known.
    pub behind: Option<Duration>,
    /// Whether it is read from.
    pub is_used: bool,
}

#[derive(Debug)]
struct Standby {
    db: Db,
    lag_max: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// Where the primary's journal stood, and when; what the standby has replayed is dropped.
    marks: VecDeque<(Instant, u64)>,
    /// The newest instant whose state the standby holds.
    holds: Option<Instant>,
    is_used: bool,
}

impl From<Db> for Reading {
    /// Everything from one database.
    fn from(primary: Db) -> Self {
        Self { primary, standby: None }
    }
}

impl Reading {
    /// Reads from the standby at `url` while it is at most `lag_max` behind `primary`.
    ///
    /// # Errors
    /// [`StoreError::NotAStandby`] when it is none of this primary; the database's own. A standby that does not answer at
    /// the start is an error, later it is not.
    pub async fn with_standby(primary: Db, url: &DbUrl, lag_max: Duration) -> Result<Self, StoreError> {
        let none = |why| StoreError::NotAStandby { at: url.to_string(), why };
        if !matches!(primary, Db::Postgres(_)) {
            return Err(none("the database is SQLite, which has none"));
        }
        let db = Db::open(url, Mode::Read).await?;
        if !matches!(db, Db::Postgres(_)) {
            return Err(none("it is no PostgreSQL server"));
        }
        if replayed(&db).await?.is_none() {
            return Err(none("it is not in recovery"));
        }
        if origin(&db).await? != origin(&primary).await? {
            return Err(none("it is a copy of another server or another database"));
        }
        let seen = Mutex::new(Seen { marks: VecDeque::new(), holds: None, is_used: false });
        let reading = Self { primary, standby: Some(Arc::new(Standby { db, lag_max, seen })) };
        reading.look().await;
        Ok(reading)
    }

    /// What to read from now. One piece of work reads from one handle, and not from two that may differ.
    pub fn db(&self) -> &Db {
        match &self.standby {
            Some(standby) if standby.seen().may_be_used(standby.lag_max) => &standby.db,
            _ => &self.primary,
        }
    }

    /// The primary, which has everything.
    pub fn primary(&self) -> &Db {
        &self.primary
    }

    /// How the standby stands; `None` where there is none.
    pub fn lag(&self) -> Option<Lag> {
        let seen = self.standby.as_ref()?.seen();
        let lag_max = self.standby.as_ref()?.lag_max;
        Some(Lag { behind: seen.holds.map(|at| at.elapsed()), is_used: seen.may_be_used(lag_max) })
    }

    /// Whether there is a standby to look at.
    pub fn has_standby(&self) -> bool {
        self.standby.is_some()
    }

    /// Looks how far the standby is, and whether it is read from until the next look. It cannot fail: what does not answer
    /// is not read from.
    pub async fn look(&self) {
        let Some(standby) = &self.standby else { return };
        let at = Instant::now();
        let both =
            async { Ok::<_, StoreError>((written(&self.primary).await?, replayed(&standby.db).await?)) };
        let looked = tokio::time::timeout(standby.lag_max, both).await;
        let mut seen = standby.seen();
        let is_used = match looked {
            Ok(Ok((written, Some(replayed)))) => {
                seen.marks.push_back((at, written));
                while let Some((at, _)) = seen.marks.front().copied().filter(|(_, mark)| *mark <= replayed) {
                    seen.holds = Some(at);
                    seen.marks.pop_front();
                }
                seen.holds.is_some_and(|at| at.elapsed() <= standby.lag_max)
            }
            Ok(Ok((_, None))) => {
                // It became a primary of its own, and has nothing to do with this one any longer.
                seen.marks.clear();
                seen.holds = None;
                false
            }
            // Without the primary nobody knows how old the standby is.
            _ => false,
        };
        seen.is_used = is_used;
        drop(seen);
        self.count();
    }

    fn count(&self) {
        let Some(lag) = self.lag() else { return };
        metrics::gauge!("accrual_db_standby_used").set(f64::from(u8::from(lag.is_used)));
        if let Some(behind) = lag.behind {
            metrics::gauge!("accrual_db_standby_behind_seconds").set(behind.as_secs_f64());
        }
    }
}

impl Seen {
    /// Also when nobody has looked for a while.
    fn may_be_used(&self, lag_max: Duration) -> bool {
        self.is_used && self.holds.is_some_and(|at| at.elapsed() <= lag_max + LOOK)
    }
}

impl Standby {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// What follows exists on PostgreSQL alone.

async fn written(primary: &Db) -> Result<u64, StoreError> {
    const WRITTEN: &str = "select pg_current_wal_lsn()::text";
    let place: Option<String> = scalar(primary, WRITTEN).await?;
    Ok(place.as_deref().and_then(journal_place).unwrap_or(u64::MAX))
}

/// How far the journal is replayed; `None` on a server that replays none.
async fn replayed(standby: &Db) -> Result<Option<u64>, StoreError> {
    const REPLAYED: &str = "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()::text end";
    let place: Option<String> = scalar(standby, REPLAYED).await?;
    Ok(place.as_deref().and_then(journal_place))
}

/// Which cluster and which database in it: a standby has its primary's.
async fn origin(db: &Db) -> Result<Option<String>, StoreError> {
    const ORIGIN: &str =
        "select system_identifier::text || ' ' || current_database() from pg_control_system()";
    scalar(db, ORIGIN).await
}

async fn scalar(db: &Db, text: &'static str) -> Result<Option<String>, StoreError> {
    let Db::Postgres(pools) = db else { unreachable!("only servers are asked") };
    sqlx::query_scalar(text).fetch_one(&pools.reader).await.map_err(|error| db.explain(error))
}

/// `16/B374D848` as a number: the higher and the lower half of a place in the journal.
fn journal_place(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let half = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
    Some((half(high)? << 32) | half(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_journal_are_in_order() {
        let cases = [
            ("0/0", Some(0)),
            ("0/FFFFFFFF", Some(0xFFFF_FFFF)),
            ("1/0", Some(1 << 32)),
            ("16/B374D848", Some(0x16_B374_D848)),
        ];
        for (text, place) in cases {
            assert_eq!(journal_place(text), place, "{text}");
        }
        assert!(["", "1", "x/0", "1/"].into_iter().all(|text| journal_place(text).is_none()));
    }
}
