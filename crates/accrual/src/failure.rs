//! Why a command ended without doing what was asked, and the exit code that says so.

use std::fmt;

use crate::config::ConfigError;

/// Exit 1: failed at run time. Exit 2: wrong usage or configuration. Exit 3: done, and the figures are too far apart.
/// Exit 4: what was checked is not what it should be.
#[derive(Debug)]
pub(crate) enum Failure {
    AtRunTime(anyhow::Error),
    Usage(String),
    Beyond(String),
    Differs(String),
}

pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::AtRunTime(_) => 1,
            Self::Usage(_) => 2,
            Self::Beyond(_) => 3,
            Self::Differs(_) => 4,
        }
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::Usage(what.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtRunTime(error) => write!(f, "{error:#}"),
            Self::Usage(what) | Self::Beyond(what) | Self::Differs(what) => f.write_str(what),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: anyhow::Error = error.into();
        match error.downcast::<ConfigError>() {
            Ok(error) => Self::Usage(error.to_string()),
            Err(error) => Self::AtRunTime(error),
        }
    }
}
