//! Time as an argument: the one place where the API learns what time it is.

use std::sync::Arc;

use accrual_rewards::unit::UnixSeconds;

/// Tells the time. Cheap to clone and to ask.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock that asks `now` each time, for whole seconds.
    pub fn new(now: impl Fn() -> UnixSeconds + Send + Sync + 'static) -> Self {
        Self::of_ms(move || now().0.saturating_mul(1_000))
    }

    /// A clock that asks `now_ms` each time, for milliseconds since 1970.
    pub fn of_ms(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// The present second.
    pub fn now(&self) -> UnixSeconds {
        UnixSeconds(self.now_ms() / 1_000)
    }

    /// The present millisecond since 1970.
    pub fn now_ms(&self) -> u64 {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
