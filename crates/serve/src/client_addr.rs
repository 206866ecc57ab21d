//! Who is asking, as an address.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header::HeaderName};

use crate::cidr::Cidr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: of the socket's other end, or, when that is a trusted proxy, the right-most hop in
/// `X-Forwarded-For` that is none. Rate limits are keyed by its [`network`](Self::network). A request extension, and an
/// extractor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub IpAddr);

impl ClientAddr {
    pub(crate) fn of(peer: SocketAddr, headers: &HeaderMap, trusted: &[Cidr]) -> Self {
        let is_trusted = |address| trusted.iter().any(|block| block.contains(address));
        let mut address = peer.ip().to_canonical();
        if trusted.is_empty() || !is_trusted(address) {
            return Self(address);
        }
        // Each proxy appends whom it heard from, so the truth is on the right; from the first hop that we do not trust
        // on, everything to the left is what a stranger wrote.
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        for line in lines.into_iter().rev() {
            let Ok(line) = line.to_str() else { break };
            for hop in line.rsplit(',') {
                let Some(hop) = parse_hop(hop.trim()) else {
                    return Self(address);
                };
                address = hop.to_canonical();
                if !is_trusted(address) {
                    return Self(address);
                }
            }
        }
        Self(address)
    }

    /// What rate limits count as one client: an IPv4 address, or the /64 that an IPv6 address is in. Whoever has one address
    /// of a /64 has all of them (RFC 6177: an end site gets at least one).
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            address => address,
        }
    }
}

/// An address, which some proxies write with a port or in brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|hop| hop.ip()))
        .or_else(|| {
            let inner = text.strip_prefix('[')?.strip_suffix(']')?;
            inner.parse().ok()
        })
}

impl<S: Sync> FromRequestParts<S> for ClientAddr {
    type Rejection = Infallible;

    /// The client's address; the unspecified address (one shared key) when no server set it.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts
            .extensions
            .get()
            .copied()
            .unwrap_or(Self(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted: Vec<Cidr> = trusted.iter().map(|block| block.parse().unwrap()).collect();
        ClientAddr::of(peer.parse().unwrap(), &headers, &trusted).0.to_string()
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_a_64_of_ipv6() {
        let network = |text: &str| ClientAddr(text.parse().unwrap()).network().to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:2:ffff::"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:3::1"), "2001:db8:1:3::");
        assert_eq!(network("::1"), "::");
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1:1", &["203.0.113.9"], &[]), "192.0.2.1");
        assert_eq!(client("192.0.2.1:1", &["203.0.113.9"], &["10.0.0.0/8"]), "192.0.2.1");
    }

    #[test]
    fn behind_a_trusted_proxy_the_right_most_untrusted_hop_counts() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1:1", &["203.0.113.9"], trusted), "203.0.113.9");
        assert_eq!(
            client("10.0.0.1:1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"], trusted),
            "203.0.113.9"
        );
        assert_eq!(
            client("10.0.0.1:1", &["1.1.1.1", "203.0.113.9"], trusted),
            "203.0.113.9"
        );
        assert_eq!(
            client("[::ffff:10.0.0.1]:1", &["203.0.113.9:4711"], trusted),
            "203.0.113.9"
        );
        assert_eq!(client("10.0.0.1:1", &["[2001:db8::1]"], trusted), "2001:db8::1");
    }

    #[test]
    fn what_cannot_be_read_ends_the_search() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1:1", &[], trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1:1", &["203.0.113.9, unknown"], trusted), "10.0.0.1");
        assert_eq!(
            client("10.0.0.1:1", &["203.0.113.9, unknown, 10.0.0.3"], trusted),
            "10.0.0.3"
        );
        assert_eq!(client("10.0.0.1:1", &["10.0.0.4"], trusted), "10.0.0.4");
    }
}
