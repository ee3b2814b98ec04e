//! How far back a caller's plan reaches.

use accrual_rewards::unit::UnixSeconds;
use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;

use crate::app::Api;
use crate::auth::ActiveKey;
use crate::error::ApiError;
use crate::view::Rfc3339;

/// The earliest instant that the caller may be told of; `None` for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Horizon(pub(crate) Option<UnixSeconds>);

impl FromRequestParts<Api> for Horizon {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        // Who reads the database itself has no key and no plan.
        if let Some(given) = parts.extensions.get::<Self>() {
            return Ok(*given);
        }
        let key = ActiveKey::from_request_parts(parts, api).await?;
        let now = api.settings().clock.now();
        let plan = key.plan(api, now).ok_or_else(|| ApiError::PlanFeature(key.client.plan.clone()))?;
        Ok(Self(plan.history.starts_at(now)))
    }
}

impl Horizon {
    /// Where the plan begins of whoever makes a call that the guard has let through.
    pub(crate) fn of(api: &Api, call: &Extensions) -> Option<UnixSeconds> {
        let now = api.settings().clock.now();
        call.get::<ActiveKey>()?.plan(api, now)?.history.starts_at(now)
    }

    /// `from`, or where the plan begins when that is later; and whether it is.
    ///
    /// # Errors
    /// [`ApiError::PlanHistory`] when all up to `to` lies before the plan's beginning.
    pub(crate) fn cut(self, from: UnixSeconds, to: UnixSeconds) -> Result<(UnixSeconds, bool), ApiError> {
        match self.0 {
            Some(start) if to < start => Err(ApiError::PlanHistory(Rfc3339(start))),
            Some(start) if from < start => Ok((start, true)),
            _ => Ok((from, false)),
        }
    }

    /// Refuses an instant before the plan's beginning.
    ///
    /// # Errors
    /// [`ApiError::PlanHistory`].
    pub(crate) fn admit(self, at: UnixSeconds) -> Result<(), ApiError> {
        self.cut(at, at).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_begins_somewhere() {
        let at = UnixSeconds;
        let plan = Horizon(Some(at(100)));
        assert_eq!(plan.cut(at(50), at(150)).unwrap(), (at(100), true));
        assert_eq!(plan.cut(at(50), at(100)).unwrap(), (at(100), true));
        assert_eq!(plan.cut(at(100), at(150)).unwrap(), (at(100), false));
        assert!(
            plan.cut(at(50), at(99)).is_err() && plan.admit(at(99)).is_err() && plan.admit(at(100)).is_ok()
        );
        assert_eq!(Horizon(None).cut(at(0), at(1)).unwrap(), (at(0), false));
    }
}
