//! What answers say of limits: `RateLimit-Policy` and `RateLimit`, structured-field lists with two policies, `minute` and
//! `month` (`facts/api.md` section 2).

/// A client's limits and what is left of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Calls a minute.
    pub minute_quota: u32,
    /// Calls that would be served now.
    pub minute_remaining: u32,
    /// Seconds until there is one more.
    pub minute_seconds: u64,
    /// Calls that the month includes and what is left of them, and seconds until the next month; `None` where somebody
    /// else counts the month.
    pub month: Option<(u64, u64, u64)>,
}

impl Figures {
    /// The value of `RateLimit-Policy`.
    pub fn policy(&self) -> String {
        let quota = self.minute_quota;
        match self.month {
            Some((month, ..)) => format!("\"minute\";q={quota};w=60, \"month\";q={month}"),
            None => format!("\"minute\";q={quota};w=60"),
        }
    }

    /// The value of `RateLimit`.
    pub fn rest(&self) -> String {
        let (left, wait) = (self.minute_remaining, self.minute_seconds);
        match self.month {
            Some((_, month, end)) => format!("\"minute\";r={left};t={wait}, \"month\";r={month};t={end}"),
            None => format!("\"minute\";r={left};t={wait}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_published() {
        let month = Some((5_000, 4_987, 1_209_600));
        let figures = Figures { minute_quota: 20, minute_remaining: 19, minute_seconds: 3, month };
        assert_eq!(figures.policy(), r#""minute";q=20;w=60, "month";q=5000"#);
        assert_eq!(figures.rest(), r#""minute";r=19;t=3, "month";r=4987;t=1209600"#);
        let alone = Figures { month: None, ..figures };
        assert_eq!(
            (alone.policy().as_str(), alone.rest().as_str()),
            (r#""minute";q=20;w=60"#, r#""minute";r=19;t=3"#)
        );
    }
}
