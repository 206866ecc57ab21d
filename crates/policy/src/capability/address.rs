//! What kind of address this is, so that a name that resolves to somebody's own machine is not taken for the Internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for. Everything but `Public` is refused unless granted by address (safeclaw spec 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressClass {
    /// Of the Internet.
    Public,
    /// 127.0.0.0/8, `::1`.
    Loopback,
    /// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918), fc00::/7 (RFC 4193), fec0::/10 (RFC 3879).
    Private,
    /// 169.254.0.0/16 (RFC 3927), fe80::/10.
    LinkLocal,
    /// 100.64.0.0/10 (RFC 6598), between a provider's translator and its customers.
    CarrierNat,
    /// 224.0.0.0/4, ff00::/8.
    Multicast,
    /// 0.0.0.0/8, `::`: this host.
    Unspecified,
    /// Where clouds hand a machine its credentials.
    Metadata,
    /// Documentation, benchmarks, future use, broadcast and what else nobody on the Internet has (RFC 6890).
    Reserved,
}

/// Credentials for whoever asks. Amazon, Google, Azure, Oracle, DigitalOcean and OpenStack (169.254.169.254), Amazon's
/// containers (169.254.170.2 and .23), Alibaba (100.100.100.200), Oracle (192.0.0.192), Azure's agent (168.63.129.16).
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// Amazon's, of machines and of containers, and Google's.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// What `address` is for. An IPv6 address that stands for an IPv4 address (mapped, compatible, translated by NAT64 or 6to4)
/// is of its class, where that is not `Public`.
#[must_use]
pub fn address_class(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => class_v6(v6),
    }
}

fn class_v4(v4: Ipv4Addr) -> AddressClass {
    let [a, b, c, _] = v4.octets();
    if METADATA_V4.contains(&v4) {
        return AddressClass::Metadata;
    }
    match (a, b, c) {
        (0, ..) => AddressClass::Unspecified,
        (127, ..) => AddressClass::Loopback,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => AddressClass::Private,
        (169, 254, _) => AddressClass::LinkLocal,
        (100, 64..=127, _) => AddressClass::CarrierNat,
        (224..=239, ..) => AddressClass::Multicast,
        // IETF protocols, three of documentation, 6to4 anycast, benchmarks, future use with broadcast
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) | (198, 18..=19, _) | (240..=255, ..) => {
            AddressClass::Reserved
        }
        _ => AddressClass::Public,
    }
}

fn class_v6(v6: Ipv6Addr) -> AddressClass {
    if METADATA_V6.contains(&v6) {
        return AddressClass::Metadata;
    }
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // compatible (RFC 4291 2.5.5.1), mapped, translated (RFC 2765)
        [0, 0, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            class_v4(embedded(high, low))
        }
        // NAT64 (RFC 6052), 6to4 (RFC 3056)
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => class_v4(embedded(high, low)),
        // NAT64 of one's own network (RFC 8215)
        [0x64, 0xff9b, 1, ..] => AddressClass::Private,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => AddressClass::Private,
        // Teredo and other protocols of the IETF, documentation (RFC 3849, RFC 9637), what is not 2000::/3
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressClass::Reserved,
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}
