//! Keys that do what they never did: told by webhook, a network once, a rate and a share of refusals once an hour.

use accrual_access::habit::{
    HABIT_SECONDS, Share, has_habit, is_rate_unusual, is_share_unusual, new_networks,
};
use accrual_access::notice::{Happening, Notice};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::{NoticeRow, notices, usage};

use super::{Keys, KeysError};

const HOUR: u64 = 3_600;

impl Keys {
    /// Holds this hour's calls of every key against its last week.
    ///
    /// # Errors
    /// The database's own.
    pub(super) async fn watch_habits(&self) -> Result<(), KeysError> {
        let now = self.0.clock.now();
        let hour = UnixSeconds(now.0 / HOUR * HOUR);
        let mut rows: Vec<NoticeRow> = Vec::new();
        for (key_id, client) in usage::busy(&self.0.db, hour).await? {
            for (rule, detail) in self.unusual(&key_id, hour).await? {
                let (client, key_id) = (client.clone(), key_id.clone());
                let happening =
                    Happening::KeyUnusual { client, key_id, rule: rule.to_owned(), detail, since_at: hour };
                rows.push(Notice::new(&happening, now).into());
            }
        }
        Ok(notices::post_now(&self.0.db, &rows).await.map(|_| ())?)
    }

    async fn unusual(
        &self,
        key_id: &str,
        hour: UnixSeconds,
    ) -> Result<Vec<(&'static str, String)>, KeysError> {
        // Calls that a marketplace vouches for belong to no key.
        let Some(key) = accrual_store::keys::by_id(&self.0.db, key_id).await? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let since = UnixSeconds(hour.0.saturating_sub(HABIT_SECONDS));
        let all = usage::of_key(&self.0.db, key_id, since).await?;
        let refused = usage::refused_of_key(&self.0.db, key_id, since).await?;
        let before: Vec<u64> = all.iter().filter(|(at, _)| *at < hour).map(|(_, calls)| *calls).collect();
        let now = Share { calls: sum(&all, |at| at == hour), refused: sum(&refused, |at| at == hour) };
        let week = Share { calls: sum(&all, |at| at < hour), refused: sum(&refused, |at| at < hour) };
        if has_habit(key.first_used_at, hour) {
            if is_rate_unusual(now.calls, &before) {
                found.push(("rate", format!("{} calls this hour", now.calls)));
            }
            if is_share_unusual(now, week) {
                found.push(("refusals", format!("{} of {} calls this hour", now.refused, now.calls)));
            }
        }
        let callers = usage::callers(&self.0.db, key_id, UnixSeconds(0)).await?;
        let seen = callers.iter().map(|row| (row.network.as_str(), row.first_at));
        let fresh = new_networks(key.first_used_at, seen, hour);
        found.extend(fresh.into_iter().map(|network| ("new_network", network.to_owned())));
        Ok(found)
    }
}

/// The calls of those hours.
fn sum(hours: &[(UnixSeconds, u64)], wanted: impl Fn(UnixSeconds) -> bool) -> u64 {
    let calls = hours.iter().filter(|(at, _)| wanted(*at)).map(|(_, calls)| *calls);
    calls.fold(0, u64::saturating_add)
}
