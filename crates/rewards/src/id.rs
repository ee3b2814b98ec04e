//! Names: of venues, pools, positions and campaigns, with the text forms that cross every border.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::checksum::Checksummed;
use crate::unit::{ParseUnitError, Tick, TickRange};

/// The kind of contract that holds the liquidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Venue {
    /// Uniswap v3: ranges of ticks, positions as NFTs or straight in the pool.
    UniswapV3,
    /// Aerodrome Slipstream: as Uniswap v3, with fees that move and gauges that take NFTs.
    AerodromeCl,
    /// An Aerodrome pool of two reserves, volatile or stable, whose shares are a token.
    AerodromeBasic,
    /// A weighted pool of Balancer's second Vault, whose shares are a token.
    BalancerV2,
    /// A weighted pool of Balancer's third Vault, which keeps balances and shares.
    BalancerV3,
    /// Any token, paid by balance; it has neither price nor reserves.
    Erc20,
}

impl Venue {
    /// Every venue.
    pub const ALL: [Self; 6] = [
        Self::UniswapV3,
        Self::AerodromeCl,
        Self::AerodromeBasic,
        Self::BalancerV2,
        Self::BalancerV3,
        Self::Erc20,
    ];

    /// The name used in configuration, JSON and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UniswapV3 => "uniswap_v3",
            Self::AerodromeCl => "aerodrome_cl",
            Self::AerodromeBasic => "aerodrome_basic",
            Self::BalancerV2 => "balancer_v2",
            Self::BalancerV3 => "balancer_v3",
            Self::Erc20 => "erc20",
        }
    }

    /// Whether liquidity lies in ranges of ticks; otherwise shares are a token that moves by transfers.
    pub fn is_concentrated(self) -> bool {
        matches!(self, Self::UniswapV3 | Self::AerodromeCl)
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
        let known = "a venue (uniswap_v3, aerodrome_cl, aerodrome_basic, balancer_v2, balancer_v3 or erc20)";
        let found = Self::ALL.into_iter().find(|venue| venue.as_str() == text);
        found.ok_or_else(|| ParseUnitError::new(text, known))
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
        #[serde(with = "crate::compact")]
        id: U256,
    },
    /// A position that an address holds straight in the pool, keyed as the pool keys it.
    Own {
        /// The holder, as the pool's `Mint` names it.
        owner: Address,
        /// Its range.
        range: TickRange,
    },
    /// A balance of a pool's share token.
    Share {
        /// The holder, as the token's transfers name it.
        owner: Address,
    },
}

/// One position of one pool: `uniswap_v3:0xPOOL:nft:0xMANAGER:123`, `uniswap_v3:0xPOOL:own:0xOWNER:LOWER:UPPER`, or of a
/// pool with a share token `balancer_v2:0xPOOL:own:0xOWNER`.
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
        write!(f, "{}:", self.venue)?;
        address(f, self.pool)?;
        match self.holding {
            Holding::Nft { manager, id } => {
                f.write_str(":nft:")?;
                address(f, manager)?;
                write!(f, ":{id}")
            }
            Holding::Own { owner, range } => {
                f.write_str(":own:")?;
                address(f, owner)?;
                write!(f, ":{}:{}", range.lower, range.upper)
            }
            Holding::Share { owner } => {
                f.write_str(":own:")?;
                address(f, owner)
            }
        }
    }
}

/// As EIP-55 writes it, or in lower case.
fn address(f: &mut fmt::Formatter<'_>, address: Address) -> fmt::Result {
    if f.alternate() { write!(f, "{address:#x}") } else { write!(f, "{}", Checksummed(address)) }
}

impl FromStr for PositionKey {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let error = || {
            ParseUnitError::new(
                text,
                "a position key (VENUE:0xPOOL:nft:0xMANAGER:ID, VENUE:0xPOOL:own:0xOWNER:LOWER:UPPER or VENUE:0xPOOL:own:0xOWNER)",
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
            ["own", owner] => Holding::Share { owner: address(owner)? },
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
