//! Where a database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::StoreError;

/// A database's address: `sqlite://PATH`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST:PORT/NAME`.
///
/// `sqlite://PATH?max_page_count=N` keeps the file below N pages of 4,096 bytes. `{}` and `{:?}` hide passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct DbUrl(pub(crate) Location);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Memory,
    File { path: PathBuf, page_count_max: Option<u32> },
    Server { url: String },
}

impl DbUrl {
    /// The SQLite database in the file at `path`.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self(Location::File { path: path.as_ref().to_owned(), page_count_max: None })
    }

    /// The SQLite file's path; `None` for a database in memory or on a server.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Location::File { path, .. } => Some(path),
            Location::Memory | Location::Server { .. } => None,
        }
    }
}

impl FromStr for DbUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self(Location::Server { url: text.to_owned() }));
        }
        let bad = |why| StoreError::BadUrl { url: hide_passwords(text), why };
        let place = text.strip_prefix("sqlite:").ok_or_else(|| bad("it starts with neither"))?;
        if place == ":memory:" {
            return Ok(Self(Location::Memory));
        }
        let place = place.strip_prefix("//").unwrap_or(place);
        let (path, parameters) = place.split_once('?').unwrap_or((place, ""));
        if path.is_empty() {
            return Err(bad("the path is missing"));
        }
        let page_count_max = match parameters.split_once('=') {
            None if parameters.is_empty() => None,
            Some(("max_page_count", count)) => {
                Some(count.parse().map_err(|_| bad("max_page_count is a number of pages"))?)
            }
            _ => return Err(bad("after `?` only max_page_count=N is understood")),
        };
        Ok(Self(Location::File { path: path.into(), page_count_max }))
    }
}

impl fmt::Display for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Location::Memory => f.write_str("sqlite::memory:"),
            Location::File { path, .. } => write!(f, "sqlite://{}", path.display()),
            Location::Server { url } => f.write_str(&hide_passwords(url)),
        }
    }
}

impl fmt::Debug for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DbUrl({self})")
    }
}

/// `url` with `***` for the password, whether it stands before the host or among the parameters.
fn hide_passwords(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    // The last `@`: a password may hold one, or a `/`, that nobody escaped.
    let place = match place.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => place.to_owned(),
    };
    if parameters.is_empty() {
        return format!("{scheme}://{place}");
    }
    let parameters: Vec<String> = parameters
        .split('&')
        .map(|pair| if pair.starts_with("password=") { "password=***".to_owned() } else { pair.to_owned() })
        .collect();
    format!("{scheme}://{place}?{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_where_but_never_the_password() {
        let cases = [
            ("sqlite::memory:", "sqlite::memory:"),
            ("sqlite://accrual.db", "sqlite://accrual.db"),
            ("sqlite:accrual.db", "sqlite://accrual.db"),
            ("sqlite:///var/lib/a.db?max_page_count=10", "sqlite:///var/lib/a.db"),
            ("postgres://bob@host/db", "postgres://bob@host/db"),
            ("postgres://bob:hunter2@host:5432/db", "postgres://bob:***@host:5432/db"),
            ("postgresql://bob:hun@t/er2@host/db", "postgresql://bob:***@host/db"),
            ("postgres://host/db?user=bob&password=hunter2", "postgres://host/db?user=bob&password=***"),
        ];
        for (text, shown) in cases {
            let url: DbUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("DbUrl({shown})"));
        }
    }

    #[test]
    fn refuses_what_it_cannot_open() {
        for text in [
            "",
            "accrual.db",
            "mysql://bob:hunter2@host/db",
            "sqlite://",
            "sqlite://a?mode=ro",
            "sqlite://a?max_page_count=x",
        ] {
            let message = text.parse::<DbUrl>().unwrap_err().to_string();
            assert!(message.contains("sqlite://PATH"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
