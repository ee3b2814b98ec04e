//! Whence a key may be used, and how an address is told about without telling too much.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network: write it as 203.0.113.0/24, 2001:db8::/48 or a single address")]
pub struct MalformedNetwork(String);

/// The networks that a key may be used from; none means anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks(Vec<Network>);

impl Network {
    /// The network that an address is told as: a /24, or a /48 of version 6. An address of version 4 that is written
    /// as one of version 6 is of version 4.
    pub fn around(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self::new(address, if address.is_ipv4() { 24 } else { 48 })
    }

    /// Whether `address` is inside.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && Self::new(address, self.bits).first == self.first
    }

    fn new(address: IpAddr, bits: u8) -> Self {
        let first = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
            }
        };
        Self { first, bits }
    }
}

impl FromStr for Network {
    type Err = MalformedNetwork;

    fn from_str(text: &str) -> Result<Self, MalformedNetwork> {
        let error = || MalformedNetwork(text.chars().take(80).collect());
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(error)?,
            None => most,
        };
        let network = Self::new(address, bits);
        // 203.0.113.7/24 is a slip: nobody knows whether the address or the network was meant.
        if network.first == address { Ok(network) } else { Err(error()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl Networks {
    /// Whether a call from `address` is allowed; from an unknown address only where every address is.
    pub fn allow(&self, address: Option<IpAddr>) -> bool {
        self.0.is_empty() || address.is_some_and(|address| self.0.iter().any(|one| one.contains(address)))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Network> + '_ {
        self.0.iter().copied()
    }

    /// Whether calls may come from anywhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the database keeps them: with commas.
    pub fn join(&self) -> String {
        self.0.iter().map(Network::to_string).collect::<Vec<_>>().join(",")
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl FromStr for Networks {
    type Err = MalformedNetwork;

    /// Networks with commas between them; an empty text is anywhere.
    fn from_str(text: &str) -> Result<Self, MalformedNetwork> {
        text.split(',').filter(|part| !part.trim().is_empty()).map(|part| part.trim().parse()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_inside() {
        let cases = [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.0/24", "::ffff:203.0.113.9", true),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/48", "2001:db8:0:ffff::1", true),
            ("2001:db8::/48", "2001:db8:1::1", false),
            ("::/0", "::1", true),
        ];
        for (network, inside, expected) in cases {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address(inside)), expected, "{network} {inside}");
        }
    }

    #[test]
    fn what_is_no_network() {
        for text in
            ["", "x", "203.0.113.0/33", "203.0.113.7/24", "203.0.113.0/-1", "2001:db8::/129", "1.2.3/8"]
        {
            assert_eq!(text.parse::<Network>(), Err(MalformedNetwork(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_list_of_them() {
        let anywhere: Networks = "".parse().unwrap();
        assert!(anywhere.is_empty() && anywhere.allow(None) && anywhere.allow(Some(address("8.8.8.8"))));
        let two: Networks = "203.0.113.0/24, 2001:db8::/48".parse().unwrap();
        assert_eq!(two.join(), "203.0.113.0/24,2001:db8::/48");
        assert!(two.allow(Some(address("203.0.113.1"))) && two.allow(Some(address("2001:db8::1"))));
        assert!(!two.allow(Some(address("203.0.114.1"))) && !two.allow(None) && !two.is_empty());
        assert_eq!(two.iter().count(), 2);
        assert!("203.0.113.0/24,x".parse::<Networks>().is_err());
        assert_eq!(Network::around(address("203.0.113.77")).to_string(), "203.0.113.0/24");
        assert_eq!(Network::around(address("::ffff:203.0.113.77")).to_string(), "203.0.113.0/24");
        assert_eq!(Network::around(address("2001:db8:1:2::3")).to_string(), "2001:db8:1::/48");
    }
}
