//! Names: of venues, pools, positions and campaigns, with the text forms that cross every border.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::unit::{ParseUnitError, Tick, TickRange};

/// The kind of contract that holds the liquidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Venue {
    /// Uniswap v3: ranges of ticks, positions as NFTs or straight in the pool.
    UniswapV3,
}

impl Venue {
    /// The name used in configuration, JSON and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UniswapV3 => "uniswap_v3",
        }
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Venue {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        match text {
            "uniswap_v3" => Ok(Self::UniswapV3),
            _ => Err(ParseUnitError::new(text, "a venue that accrual follows (uniswap_v3)")),
        }
    }
}

/// One way of holding liquidity in a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holding {
    /// A position manager's NFT.
    Nft {
        /// The position manager.
        manager: Address,
        /// The token id.
        id: U256,
    },
    /// A position that an address holds straight in the pool, keyed as the pool keys it.
    Own {
        /// The holder, as the pool's `Mint` names it.
        owner: Address,
        /// Its range.
        range: TickRange,
    },
}

/// One position of one pool: `uniswap_v3:0xPOOL:nft:0xMANAGER:123` or `uniswap_v3:0xPOOL:own:0xOWNER:LOWER:UPPER`.
///
/// `{}` writes addresses in EIP-55, for people and JSON; `{:#}` in lower case, for the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PositionKey {
    /// The pool's venue.
    pub venue: Venue,
    /// The pool's address.
    pub pool: Address,
    /// Who or what holds it there.
    pub holding: Holding,
}

impl fmt::Display for PositionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower_case = f.alternate();
        let text = |address: Address| {
            if lower_case { format!("{address:#x}") } else { address.to_checksum(None) }
        };
        write!(f, "{}:{}:", self.venue, text(self.pool))?;
        match self.holding {
            Holding::Nft { manager, id } => write!(f, "nft:{}:{id}", text(manager)),
            Holding::Own { owner, range } => {
                write!(f, "own:{}:{}:{}", text(owner), range.lower, range.upper)
            }
        }
    }
}

impl FromStr for PositionKey {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let error = || {
            ParseUnitError::new(
                text,
                "a position key (VENUE:0xPOOL:nft:0xMANAGER:ID or VENUE:0xPOOL:own:0xOWNER:LOWER:UPPER)",
            )
        };
        let parts: Vec<&str> = text.split(':').collect();
        let address = |part: &str| part.parse::<Address>().map_err(|_| error());
        let tick = |part: &str| part.parse().map(Tick).map_err(|_| error());
        let (venue, pool, rest) = match parts.as_slice() {
            [venue, pool, rest @ ..] => (venue.parse().map_err(|_| error())?, address(pool)?, rest),
            _ => return Err(error()),
        };
        let holding = match *rest {
            ["nft", manager, id] => Holding::Nft {
                manager: address(manager)?,
                id: U256::from_str_radix(id, 10).map_err(|_| error())?,
            },
            ["own", owner, lower, upper] => Holding::Own {
                owner: address(owner)?,
                range: TickRange { lower: tick(lower)?, upper: tick(upper)? },
            },
            _ => return Err(error()),
        };
        Ok(Self { venue, pool, holding })
    }
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseUnitError;

            fn from_str(text: &str) -> Result<Self, ParseUnitError> {
                let good = (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
                if good { Ok(Self(text.to_owned())) } else { Err(ParseUnitError::new(text, $what)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseUnitError;

            fn try_from(text: String) -> Result<Self, ParseUnitError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}
slug!(
    /// A pool's short name, chosen in the configuration.
    PoolId, "a pool id: 1 to 64 of letters, digits, '-', '_' and '.'"
);
slug!(
    /// A campaign's short name, chosen in the configuration.
    CampaignId, "a campaign id: 1 to 64 of letters, digits, '-', '_' and '.'"
);
