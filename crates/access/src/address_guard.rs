//! Which addresses a webhook may connect to: those of the public internet, and what the operator named.
//!
//! Whoever may register a webhook chooses where this server connects to. Without this guard that would open the
//! operator's own network, and the cloud's metadata with its credentials, to every client. Ask it about each address
//! that a name resolves to, and connect to exactly the address that was asked about: a name may mean another one a
//! moment later.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::network::Network;

/// What an address is, when it is none of the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Inside {
    /// No address at all, `0.0.0.0` and `::`, or "this network".
    Unspecified,
    /// This very machine.
    Loopback,
    /// A private network: RFC 1918, or a unique local address of version 6.
    Private,
    /// Behind a carrier's translation, `100.64.0.0/10`.
    CarrierNat,
    /// One link only.
    LinkLocal,
    /// Where clouds tell their machines secrets.
    Metadata,
    /// Many machines at once, broadcast included.
    Multicast,
    /// Only for examples.
    Documentation,
    /// Set aside for protocols, tests or times to come.
    Reserved,
}

/// An address that must not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {inside}, which a webhook may not reach: use an address of the public internet")]
pub struct AddressRefused {
    /// The address.
    pub address: IpAddr,
    /// What it is.
    pub inside: Inside,
}

/// A text that names neither a host nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a host's name nor a network such as 10.1.0.0/16")]
pub struct MalformedAllowance(String);

/// What may be connected to: the public internet, and the hosts and networks of the operator's own that are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressGuard {
    hosts: BTreeSet<String>,
    networks: Vec<Network>,
}

impl AddressGuard {
    /// The public internet, and what `allowed` names: hosts (in lower case or not), addresses, networks.
    ///
    /// # Errors
    /// One of them is neither.
    pub fn allowing<'a>(allowed: impl IntoIterator<Item = &'a str>) -> Result<Self, MalformedAllowance> {
        let mut guard = Self::default();
        for text in allowed {
            let text = text.trim();
            if let Ok(network) = text.parse() {
                guard.networks.push(network);
            } else if is_host(text) {
                guard.hosts.insert(text.to_ascii_lowercase());
            } else {
                return Err(MalformedAllowance(text.chars().take(80).collect()));
            }
        }
        Ok(guard)
    }

    /// Whether `host` may be reached at `address`.
    ///
    /// # Errors
    /// The address is inside, and neither it nor the host is allowed.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), AddressRefused> {
        match inside(address) {
            Some(inside) if !self.allows(host, address) => Err(AddressRefused { address, inside }),
            _ => Ok(()),
        }
    }

    /// Whether `host` may be spoken to without TLS: only what the operator named, by its name or as an address.
    pub fn allows_plain(&self, host: &str) -> bool {
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        self.names(host) || literal.is_ok_and(|address| self.holds(address))
    }

    fn allows(&self, host: &str, address: IpAddr) -> bool {
        self.names(host) || self.holds(address)
    }

    fn names(&self, host: &str) -> bool {
        self.hosts.contains(&host.to_ascii_lowercase())
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

/// What `address` is, when it is none of the public internet.
///
/// Of version 6 only what is handed out today, `2000::/3`, is public, and what carries an address of version 4 inside
/// (mapped, 6to4, NAT64) is judged by that one: the network would deliver it there.
pub fn inside(address: IpAddr) -> Option<Inside> {
    match address {
        IpAddr::V4(address) => inside_v4(address),
        IpAddr::V6(address) => inside_v6(address),
    }
}

/// The first that holds an address says what it is. After the registry of special-purpose addresses (RFC 6890) as it
/// stands, and metadata services by their makers' documents.
const V4: [([u8; 4], u32, Inside); 17] = [
    ([169, 254, 169, 254], 32, Inside::Metadata),
    ([169, 254, 170, 2], 32, Inside::Metadata),
    ([100, 100, 100, 200], 32, Inside::Metadata),
    ([168, 63, 129, 16], 32, Inside::Metadata),
    ([0, 0, 0, 0], 8, Inside::Unspecified),
    ([10, 0, 0, 0], 8, Inside::Private),
    ([100, 64, 0, 0], 10, Inside::CarrierNat),
    ([127, 0, 0, 0], 8, Inside::Loopback),
    ([169, 254, 0, 0], 16, Inside::LinkLocal),
    ([172, 16, 0, 0], 12, Inside::Private),
    ([192, 0, 0, 0], 24, Inside::Reserved),
    ([192, 0, 2, 0], 24, Inside::Documentation),
    ([192, 88, 99, 0], 24, Inside::Reserved),
    ([192, 168, 0, 0], 16, Inside::Private),
    ([198, 18, 0, 0], 15, Inside::Reserved),
    ([198, 51, 100, 0], 24, Inside::Documentation),
    ([203, 0, 113, 0], 24, Inside::Documentation),
];

fn inside_v4(address: Ipv4Addr) -> Option<Inside> {
    let bits = u32::from(address);
    let holds = |(first, length, _): &&([u8; 4], u32, Inside)| {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        bits & mask == u32::from(Ipv4Addr::from(*first))
    };
    let listed = V4.iter().find(holds).map(|(.., inside)| *inside);
    listed.or(match address.octets()[0] {
        224..=239 | 255 => Some(Inside::Multicast),
        240..=254 => Some(Inside::Reserved),
        _ => None,
    })
}

/// Where clouds tell their machines secrets over version 6.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

fn inside_v6(address: Ipv6Addr) -> Option<Inside> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b) {
        _ if METADATA_V6.contains(&address) => Some(Inside::Metadata),
        _ if address.is_unspecified() => Some(Inside::Unspecified),
        _ if address.is_loopback() => Some(Inside::Loopback),
        // Mapped, and the older form of the same.
        (0, 0) if (c, d, e) == (0, 0, 0) && matches!(f, 0 | 0xffff) => {
            inside_v4(v4(g, h)).or(if f == 0 { Some(Inside::Reserved) } else { None })
        }
        // NAT64 of the well-known prefix; a network's own prefix, 64:ff9b:1::/48, leads anywhere.
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => inside_v4(v4(g, h)),
        (0x2002, _) => inside_v4(v4(b, c)),
        // Protocols, Teredo and benchmarks among them.
        (0x2001, 0..=0x1ff) => Some(Inside::Reserved),
        (0x2001, 0xdb8) | (0x3fff, 0..=0xfff) => Some(Inside::Documentation),
        (0x2000..=0x3fff, _) => None,
        (0xfc00..=0xfdff, _) => Some(Inside::Private),
        (0xfe80..=0xfebf, _) => Some(Inside::LinkLocal),
        (0xfec0..=0xfeff, _) => Some(Inside::Private),
        (0xff00..=0xffff, _) => Some(Inside::Multicast),
        _ => Some(Inside::Reserved),
    }
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // An address with a slip in it is no host.
    let dotted = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (1..=253).contains(&text.len()) && text.split('.').all(label) && !dotted
}

impl FromStr for AddressGuard {
    type Err = MalformedAllowance;

    /// Hosts and networks with commas between them; an empty text allows none.
    fn from_str(text: &str) -> Result<Self, MalformedAllowance> {
        Self::allowing(text.split(',').filter(|part| !part.trim().is_empty()))
    }
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "no machine's address",
            Self::Loopback => "this machine itself",
            Self::Private => "a private network's address",
            Self::CarrierNat => "an address inside a carrier's network",
            Self::LinkLocal => "an address of one link",
            Self::Metadata => "a cloud's metadata service",
            Self::Multicast => "an address of many machines",
            Self::Documentation => "an address for examples",
            Self::Reserved => "a reserved address",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn what_is_inside() {
        use Inside::{
            CarrierNat, Documentation, LinkLocal, Loopback, Metadata, Multicast, Private, Reserved,
            Unspecified,
        };
        let cases = [
            ("0.0.0.0", Unspecified),
            ("0.255.255.255", Unspecified),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("100.64.0.0", CarrierNat),
            ("100.127.255.255", CarrierNat),
            ("100.100.100.200", Metadata),
            ("127.0.0.1", Loopback),
            ("127.255.255.255", Loopback),
            ("168.63.129.16", Metadata),
            ("169.254.0.1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("192.0.0.192", Reserved),
            ("192.0.2.1", Documentation),
            ("192.88.99.1", Reserved),
            ("192.168.0.0", Private),
            ("192.168.255.255", Private),
            ("198.18.0.0", Reserved),
            ("198.19.255.255", Reserved),
            ("198.51.100.7", Documentation),
            ("203.0.113.7", Documentation),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.1", Reserved),
            ("255.255.255.255", Multicast),
            ("::", Unspecified),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:10.1.2.3", Private),
            ("::ffff:169.254.169.254", Metadata),
            ("::127.0.0.1", Loopback),
            ("::8.8.8.8", Reserved),
            ("64:ff9b::10.0.0.1", Private),
            ("64:ff9b::169.254.169.254", Metadata),
            ("64:ff9b:1::8.8.8.8", Reserved),
            ("100::1", Reserved),
            ("2001::1", Reserved),
            ("2001:10::1", Reserved),
            ("2001:db8::1", Documentation),
            ("2002:7f00:1::1", Loopback),
            ("2002:a9fe:a9fe::1", Metadata),
            ("2002:c0a8:1::", Private),
            ("3fff:fff:ffff::1", Documentation),
            ("4000::1", Reserved),
            ("5f00::1", Reserved),
            ("fc00::1", Private),
            ("fd00:ec2::254", Metadata),
            ("fd20:ce::254", Metadata),
            ("fdff::1", Private),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", Private),
            ("ff02::1", Multicast),
        ];
        for (text, expected) in cases {
            assert_eq!(inside(address(text)), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_public() {
        let cases = [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "3ffe:ffff::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ];
        for text in cases {
            assert_eq!(inside(address(text)), None, "{text}");
        }
    }

    #[test]
    fn what_the_operator_named_may_be_reached() {
        let guard = AddressGuard::allowing(["Vault.internal", "10.1.0.0/16", "::1"]).unwrap();
        let cases = [
            // host, address, allowed
            ("hooks.example", "8.8.8.8", true),
            ("hooks.example", "10.1.2.3", true),
            ("hooks.example", "::ffff:10.1.2.3", true),
            ("hooks.example", "10.2.0.1", false),
            ("hooks.example", "127.0.0.1", false),
            ("hooks.example", "::1", true),
            ("vault.internal", "192.168.7.7", true),
            ("VAULT.INTERNAL", "192.168.7.7", true),
            ("not-vault.internal", "192.168.7.7", false),
        ];
        for (host, at, allowed) in cases {
            assert_eq!(guard.check(host, address(at)).is_ok(), allowed, "{host} {at}");
            let strict = AddressGuard::default().check(host, address(at));
            assert_eq!(strict.is_ok(), at == "8.8.8.8", "{host} {at} where nothing is allowed");
        }
        let plain = [
            ("vault.internal", true),
            ("10.1.9.9", true),
            ("[::1]", true),
            ("10.2.0.1", false),
            ("hooks.example", false),
            ("8.8.8.8", false),
        ];
        for (host, allowed) in plain {
            assert_eq!(guard.allows_plain(host), allowed, "{host}");
        }
        let error = AddressGuard::default().check("x", address("127.0.0.1")).unwrap_err().to_string();
        assert!(
            error.starts_with("127.0.0.1 is this machine itself, which a webhook may not reach"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_allowed() {
        for text in ["", "10.0.0.0/33", "10.0.0.300", "a b", "http://x", "x/y", "a..b"] {
            let found = AddressGuard::allowing([text]);
            assert_eq!(found, Err(MalformedAllowance(text.to_owned())), "{text}");
        }
        assert_eq!("".parse(), Ok(AddressGuard::default()));
        let two: AddressGuard = "vault.internal, 10.0.0.0/8".parse().unwrap();
        assert!(two.allows_plain("vault.internal") && two.allows_plain("10.7.7.7"));
    }
}
