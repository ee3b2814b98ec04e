//! Merkl's API, which our figures are held against: whether it answers, as the database was told last.
//!
//! It is a part of the service where the configuration names it and some campaign that has begun names Merkl's id. That it
//! is silent makes comparisons old and no figure of ours wrong, so the service itself is as well as without it.

use accrual_rewards::campaign::Campaign;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::readings;

use super::components::{Component, Seen, State};
use crate::app::Api;

/// It is asked this often at least before its silence counts: one question may go wrong.
const QUESTIONS: u64 = 2;

/// How it is; `None` where nobody asks it.
pub(super) async fn seen(api: &Api, now: UnixSeconds) -> Option<Seen> {
    let asked = api.settings().merkl.as_ref()?;
    let is_compared = |one: &&Campaign| one.merkl_campaign_id.is_some() && one.window.starts_at <= now;
    let campaigns: Vec<&Campaign> = api.book().campaigns().iter().filter(is_compared).collect();
    if campaigns.is_empty() {
        return None;
    }
    let Ok(answered) = readings::answered(api.db(), &asked.url).await else {
        return Some(Seen::unknown(Component::Merkl));
    };
    // The campaign that was answered for the longest ago says how late it is.
    let oldest: Option<Option<UnixSeconds>> =
        campaigns.iter().map(|campaign| answered.get(&campaign.id).copied()).min();
    let at = oldest.flatten();
    let (every, silent) = (asked.every_seconds, at.map(|at| now.since(at)));
    let reason = match silent {
        None => format!("it has not answered yet; it is asked each {every} s"),
        Some(silent) => format!("it has not answered for {silent} s; it is asked each {every} s"),
    };
    let is_late = silent.is_none_or(|silent| silent > every.saturating_mul(QUESTIONS));
    let state = if is_late { State::Degraded } else { State::Operational };
    Some(Seen {
        reason: is_late.then_some(reason),
        lag_seconds: silent,
        last_success_at: at,
        ..Seen::new(Component::Merkl, state)
    })
}
