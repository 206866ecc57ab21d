//! Hosts: what is granted, and what is connected to. Both are normalised as a browser does before they are compared.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use url::{Host, Url};

use super::{AddressClass, ValueError, address_class};

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// A granted host: `host[:port]`, `*.domain[:port]`, or an address or network in CIDR form, an IPv6 one with a port in
/// brackets. Without a port it stands for the scheme's own, 80 or 443 (safeclaw spec 5.4).
///
/// `*.domain` stands for every name below `domain`, at any depth, and not for `domain`. An address that is not of the
/// Internet is covered only by itself or by a network that holds nothing but its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPattern {
    host: Pattern,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Pattern {
    Name(String),
    /// The domain, without the star and its dot.
    Below(String),
    /// A single address is a network of full length.
    Network(IpNet),
}

/// Where a connection goes: scheme, normalised host, port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    host: Target,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Target {
    Name(String),
    Address(IpAddr),
}

impl Scheme {
    /// The port that is meant where none is written.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl HostPattern {
    /// Whether a connection to `endpoint` is meant. The scheme is the capability's to judge; here it only names the port.
    #[must_use]
    pub fn covers(&self, endpoint: &Endpoint) -> bool {
        let port = self.port.unwrap_or(endpoint.scheme.default_port());
        port == endpoint.port
            && match (&self.host, &endpoint.host) {
                (Pattern::Name(name), Target::Name(asked)) => name == asked,
                (Pattern::Below(domain), Target::Name(asked)) => is_below(asked, domain),
                (Pattern::Network(network), Target::Address(address)) => network_covers(network, *address),
                _ => false,
            }
    }

    /// Whether everything that this covers is covered by `other`, under either scheme.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self.port == other.port
            && match (&self.host, &other.host) {
                (Pattern::Name(name), Pattern::Name(wider)) => name == wider,
                (Pattern::Name(name), Pattern::Below(wider)) => is_below(name, wider),
                (Pattern::Below(domain), Pattern::Below(wider)) => domain == wider || is_below(domain, wider),
                (Pattern::Network(network), Pattern::Network(wider)) => {
                    let class = own_class(network);
                    wider.contains(network) && (class == AddressClass::Public || class == own_class(wider))
                }
                _ => false,
            }
    }

    /// Whether it is an address or a network: the one way to allow what is not of the Internet.
    #[must_use]
    pub fn is_address(&self) -> bool {
        matches!(self.host, Pattern::Network(_))
    }

    /// Whether `address` is granted by address, at any port. The broker asks it of what a name resolved to.
    #[must_use]
    pub fn covers_address(&self, address: IpAddr) -> bool {
        matches!(&self.host, Pattern::Network(network) if network_covers(network, address.to_canonical()))
    }

    /// In its one spelling under `scheme`: without the port that is meant anyway.
    pub(super) fn under(self, scheme: Scheme) -> Self {
        Self {
            host: self.host,
            port: self.port.filter(|port| *port != scheme.default_port()),
        }
    }

    /// Whether a grant without `hosts` stands for it, too.
    pub(super) fn is_ordinary(&self) -> bool {
        !matches!(&self.host, Pattern::Network(network) if own_class(network) != AddressClass::Public)
    }
}

/// Whether `network` covers `address`: it holds it, and an address that is not of the Internet only if nothing else.
fn network_covers(network: &IpNet, address: IpAddr) -> bool {
    let class = address_class(address);
    network.contains(&address) && (class == AddressClass::Public || class == own_class(network))
}

/// The class of all addresses of `network`, `Public` where they differ. Networks lie on their own boundaries, so the ends
/// of one that holds two ranges of one class are of another.
fn own_class(network: &IpNet) -> AddressClass {
    let (first, last) = (address_class(network.network()), address_class(network.broadcast()));
    if first == last { first } else { AddressClass::Public }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain)
        .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

impl FromStr for HostPattern {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some(network) = network(text)? {
            return Ok(Self {
                host: Pattern::Network(network),
                port: None,
            });
        }
        let (host, port) = split_port(text)?;
        let host = match host.strip_prefix("*.") {
            Some(domain) => match target(domain)? {
                Target::Name(domain) => Pattern::Below(domain),
                Target::Address(_) => return Err(ValueError("a star before an address")),
            },
            None => match target(host)? {
                Target::Name(name) => Pattern::Name(name),
                Target::Address(address) => Pattern::Network(IpNet::from(address)),
            },
        };
        if let Pattern::Below(domain) = &host {
            if !domain.contains('.') {
                return Err(ValueError("a star needs a domain of at least two labels"));
            }
            if psl::suffix_str(domain) == Some(domain) {
                return Err(ValueError("a star on a public suffix, where everybody may have a name"));
            }
        }
        Ok(Self { host, port })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Pattern::Name(name) => f.write_str(name)?,
            Pattern::Below(domain) => write!(f, "*.{domain}")?,
            Pattern::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                match (network.addr(), self.port) {
                    (IpAddr::V6(address), Some(_)) => write!(f, "[{address}]")?,
                    (address, _) => write!(f, "{address}")?,
                }
            }
            Pattern::Network(network) => write!(f, "{network}")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl Endpoint {
    /// Reads `host[:port]`, as the host of a context is written.
    ///
    /// # Errors
    /// [`ValueError`] when it is not a host.
    pub fn parse(scheme: Scheme, text: &str) -> Result<Self, ValueError> {
        let (host, port) = split_port(text)?;
        Ok(Self {
            scheme,
            host: target(host)?,
            port: port.unwrap_or(scheme.default_port()),
        })
    }

    /// The endpoint of an absolute URL. A URL with a user or password is refused: `https://api.github.com@evil.example/`
    /// is made to be misread.
    ///
    /// # Errors
    /// [`ValueError`] when it is not an `http` or `https` URL, or carries a user.
    pub fn of_url(text: &str) -> Result<Self, ValueError> {
        // a URL parser leaves these out, and another reader may not
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ValueError("a URL with white space or a control character"));
        }
        let url = Url::parse(text).map_err(|_| ValueError("not a URL"))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(ValueError("neither an http nor an https URL")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ValueError("a URL with a user or password"));
        }
        if url.port() == Some(0) {
            return Err(ValueError("port 0"));
        }
        let host = url.host().ok_or(ValueError("a URL without a host"))?;
        Ok(Self {
            scheme,
            host: normalised(host)?,
            port: url.port().unwrap_or(scheme.default_port()),
        })
    }

    /// How the request travels.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The normalised host; an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.host {
            Target::Name(name) => name.clone(),
            Target::Address(address) => address.to_string(),
        }
    }

    /// The address, where the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Target::Address(address) => Some(address),
            Target::Name(_) => None,
        }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_ordinary(&self) -> bool {
        self.address()
            .is_none_or(|address| address_class(address) == AddressClass::Public)
    }
}

impl fmt::Display for Endpoint {
    /// `host` with the port where it is not the scheme's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Target::Name(name) => f.write_str(name)?,
            Target::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Target::Address(address) => write!(f, "{address}")?,
        }
        if self.port == self.scheme.default_port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// `text` as a network with its length, or an IPv6 address without brackets.
fn network(text: &str) -> Result<Option<IpNet>, ValueError> {
    if let Some((address, length)) = text.split_once('/') {
        let address: IpAddr = address
            .parse()
            .map_err(|_| ValueError("neither a host nor a network"))?;
        let all_digits = length.bytes().all(|b| b.is_ascii_digit()) && !(length.len() > 1 && length.starts_with('0'));
        let length: u8 = length.parse().map_err(|_| ValueError("a network without a length"))?;
        let network = IpNet::new(address, length).map_err(|_| ValueError("a network with too great a length"))?;
        if network.addr() != network.network() || !all_digits {
            return Err(ValueError("a network whose address has bits behind its length"));
        }
        return canonical_network(network).map(Some);
    }
    match text.parse::<IpAddr>() {
        Ok(address @ IpAddr::V6(_)) => Ok(Some(IpNet::from(address.to_canonical()))),
        _ => Ok(None),
    }
}

/// A network of mapped addresses is one of IPv4: addresses are compared as IPv4 wherever they can be.
fn canonical_network(network: IpNet) -> Result<IpNet, ValueError> {
    match (network.addr().to_canonical(), network) {
        (IpAddr::V4(address), IpNet::V6(network)) => network
            .prefix_len()
            .checked_sub(96)
            .and_then(|length| IpNet::new(IpAddr::V4(address), length).ok())
            .ok_or(ValueError("a network that mixes IPv4 and IPv6")),
        _ => Ok(network),
    }
}

/// Host and port of `host[:port]`; the host may be an IPv6 address in brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), ValueError> {
    let (host, port) = if text.starts_with('[') {
        let end = text.find(']').ok_or(ValueError("a bracket that is not closed"))?;
        let (host, rest) = text.split_at(end + 1);
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(ValueError("something behind the bracket that is no port")),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = port.map(|digits| {
        let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        match digits.parse::<u16>() {
            Ok(port) if canonical => Ok(port),
            _ => Err(ValueError("not a port from 1 to 65535")),
        }
    });
    Ok((host, port.transpose()?))
}

/// A host as a URL would hold it, and nothing else: no escapes, no user, no path.
fn target(text: &str) -> Result<Target, ValueError> {
    if text.is_empty()
        || text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "%*/\\?#@".contains(c))
    {
        return Err(ValueError("not a host name"));
    }
    let host = Host::parse(text).map_err(|_| ValueError("not a host name"))?;
    normalised(match &host {
        Host::Domain(name) => Host::Domain(name.as_str()),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(address) => Host::Ipv6(*address),
    })
}

/// A parsed host without the dot at its end, which `url` keeps, and an address in its IPv4 form where it has one.
fn normalised(host: Host<&str>) -> Result<Target, ValueError> {
    let name = match host {
        Host::Domain(name) => name.strip_suffix('.').unwrap_or(name),
        Host::Ipv4(address) => return Ok(Target::Address(address.into())),
        Host::Ipv6(address) => return Ok(Target::Address(IpAddr::V6(address).to_canonical())),
    };
    // a URL may hold more (`a*b`, `a;b`), a name that somebody has does not
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let labels_fit = name
        .split('.')
        .all(|label| (1..=63).contains(&label.len()) && label.bytes().all(known));
    if labels_fit && name.len() <= 253 {
        Ok(Target::Name(name.to_owned()))
    } else {
        Err(ValueError(
            "a host name with an empty or too long label, or other characters than letters, digits, '-' and '_'",
        ))
    }
}
