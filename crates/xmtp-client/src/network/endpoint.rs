//! Where the node is.

use std::{fmt, str::FromStr};

use chancery_base::{Category, ErrorCode};
use url::{Host, Url};

/// A node's address: `local`, `dev`, `production`, or a URL of scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why something is no address of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Neither a name that is known nor such a URL.
    #[error("not local, dev, production or a URL such as https://HOST:PORT")]
    Malformed,
    /// Plain HTTP to another machine, where everybody on the way sees who talks to whom.
    #[error("http:// reaches only this machine: use https://")]
    Insecure,
}

impl ErrorCode for EndpointError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "XMTP_CLIENT_ENDPOINT_MALFORMED",
            Self::Insecure => "XMTP_CLIENT_ENDPOINT_INSECURE",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}

impl Endpoint {
    /// Whether the way there is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host's name or address, as a certificate names it.
    #[must_use]
    pub fn host(&self) -> String {
        match self.0.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            // none is parsed without one
            None => String::new(),
        }
    }

    /// The URL, without a path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = match text {
            "local" => "http://localhost:5556",
            "dev" => "https://grpc.dev.xmtp.network:443",
            "production" => "https://grpc.production.xmtp.network:443",
            other => other,
        };
        let url = Url::parse(text).map_err(|_| EndpointError::Malformed)?;
        let bare = url.path().trim_matches('/').is_empty()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let this_machine = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(EndpointError::Malformed),
        };
        match url.scheme() {
            "https" | "http" if !bare => Err(EndpointError::Malformed),
            "https" => Ok(Self(url)),
            "http" if this_machine => Ok(Self(url)),
            "http" => Err(EndpointError::Insecure),
            _ => Err(EndpointError::Malformed),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
    use super::*;

    #[test]
    fn names_stand_for_the_networks() {
        let of = |text: &str| text.parse::<Endpoint>().map(|found| found.to_string());
        assert_eq!(of("local").unwrap(), "http://localhost:5556");
        assert_eq!(of("dev").unwrap(), "https://grpc.dev.xmtp.network");
        assert_eq!(of("production").unwrap(), "https://grpc.production.xmtp.network");
        assert_eq!(of("http://127.0.0.1:7").unwrap(), "http://127.0.0.1:7");
        assert_eq!(of("http://[::1]:7/").unwrap(), "http://[::1]:7");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for text in [
            "http://example.org",
            "http://10.0.0.1:5556",
            "http://localhost.example.org:1",
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError::Insecure), "{text}");
        }
        assert!("https://example.org".parse::<Endpoint>().unwrap().is_tls());
    }

    #[test]
    fn anything_else_is_no_address() {
        for text in [
            "",
            "dev ",
            "ftp://example.org",
            "https://example.org/path",
            "https://u:p@example.org",
            "https://e.org?x",
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError::Malformed), "{text}");
        }
    }
}
