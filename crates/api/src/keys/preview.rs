//! Who uses a key: whoever would have to move, before it is exchanged, and whoever has not moved, after.

use accrual_access::key::KeyId;
use accrual_rewards::unit::UnixSeconds;
use accrual_store::usage::{self, CallerRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Keys, KeysError};
use crate::view::Rfc3339;

const WEEK_SECONDS: u64 = 7 * 86_400;

/// Somebody who uses a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallerView {
    /// From where: a /24 of IPv4, a /48 of IPv6.
    pub network: String,
    /// What its User-Agent header said.
    pub agent: String,
    /// What was called: method and path.
    pub endpoint: String,
    /// When it was first seen.
    pub first_at: Rfc3339,
    /// When it was last seen.
    pub last_at: Rfc3339,
    /// How many calls it made.
    pub calls: u64,
}

impl Keys {
    /// Who used the key in the last seven days, the last first.
    ///
    /// # Errors
    /// The database's own.
    pub async fn preview(&self, id: &KeyId) -> Result<Vec<CallerView>, KeysError> {
        let since = UnixSeconds(self.0.clock.now().0.saturating_sub(WEEK_SECONDS));
        let callers = usage::callers(&self.0.db, id.as_str(), since).await?;
        Ok(callers.into_iter().map(CallerView::of).collect())
    }
}

impl CallerView {
    fn of(row: CallerRow) -> Self {
        Self {
            network: row.network,
            agent: row.agent,
            endpoint: row.endpoint,
            first_at: Rfc3339(row.first_at),
            last_at: Rfc3339(row.last_at),
            calls: row.calls,
        }
    }
}
