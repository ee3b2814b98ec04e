//! What a key may do: one scope for each kind of harm, so that a key can be given the least.

use std::fmt;
use std::str::FromStr;

/// One thing that a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Campaigns, accruals and pools.
    ReadPublic,
    /// What one account holds and earns.
    ReadWallet,
    /// Our figures against Merkl's.
    ReadReconciliation,
    /// Whole tables at once.
    Export,
    /// Live streams.
    Stream,
    /// The client's own webhooks.
    Webhooks,
    /// Exchanging this very key for a new one.
    RotateSelf,
    /// All clients' keys, plans and the audit.
    Admin,
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope; scopes are {names}", names = names(&Scope::ALL))]
pub struct UnknownScope(String);

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Scopes(u8);

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 8] = [
        Self::ReadPublic,
        Self::ReadWallet,
        Self::ReadReconciliation,
        Self::Export,
        Self::Stream,
        Self::Webhooks,
        Self::RotateSelf,
        Self::Admin,
    ];

    /// Its name in requests, answers and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadPublic => "read:public",
            Self::ReadWallet => "read:wallet",
            Self::ReadReconciliation => "read:reconciliation",
            Self::Export => "export",
            Self::Stream => "stream",
            Self::Webhooks => "webhooks",
            Self::RotateSelf => "keys:rotate_self",
            Self::Admin => "admin",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::ReadPublic => 1,
            Self::ReadWallet => 2,
            Self::ReadReconciliation => 4,
            Self::Export => 8,
            Self::Stream => 16,
            Self::Webhooks => 32,
            Self::RotateSelf => 64,
            Self::Admin => 128,
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| UnknownScope(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Scopes {
    /// No scope at all.
    pub const NONE: Self = Self(0);

    /// Whether `scope` is one of them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether each of these is one of `other`.
    pub fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, always in the same order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// Their names, with commas: as the database keeps them.
    pub fn join(self) -> String {
        self.iter().map(Scope::as_str).collect::<Vec<_>>().join(",")
    }

    /// The scopes that the database names. One that this release does not know allows nothing here.
    pub fn split(text: &str) -> Self {
        text.split(',').filter_map(|name| name.parse::<Scope>().ok()).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

fn names(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sets() {
        for scope in Scope::ALL {
            assert_eq!((scope.as_str().parse(), scope.to_string()), (Ok(scope), scope.as_str().to_owned()));
            let alone: Scopes = [scope].into_iter().collect();
            let others = Scope::ALL.into_iter().filter(|other| alone.contains(*other));
            assert_eq!(others.collect::<Vec<_>>(), [scope], "each scope is its own bit");
            assert_eq!(Scopes::split(scope.as_str()), alone);
            assert_eq!([scope, scope].into_iter().collect::<Scopes>(), alone, "asked for twice, it is there");
        }
        let all: Scopes = Scope::ALL.into_iter().collect();
        assert_eq!(Scopes::split(&all.join()), all);
        assert_eq!(Scopes::split("read:public,read:tomorrow").join(), "read:public");
        assert!(Scopes::NONE.is_empty() && !all.is_empty() && Scopes::split("").is_empty());
        assert!(Scopes::split("export").is_within(all) && !all.is_within(Scopes::split("export")));
        let error = "reads".parse::<Scope>().unwrap_err().to_string();
        assert!(error.starts_with("\"reads\" is no scope; scopes are read:public, read:wallet,"), "{error}");
    }
}
