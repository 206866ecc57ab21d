//! What every server is told about its port.

use std::{net::SocketAddr, path::PathBuf};

use chancery_identity::Origin;
use chancery_serve::{Cidr, ServerConfig, TlsFiles};
use clap::Args;

/// Where and how a server listens.
#[derive(Debug, Clone, Args)]
pub struct Listen {
    /// Certificate chain, PEM; read again at SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Allow plain HTTP on an address that other machines reach
    #[arg(long)]
    pub insecure: bool,
    /// Reverse proxy whose X-Forwarded-For is believed; may be repeated
    #[arg(long = "trusted-proxy", value_name = "CIDR")]
    pub trusted_proxies: Vec<Cidr>,
}

impl Listen {
    /// The settings of the server at `listen`, which clients know as `public`, when that was said.
    #[must_use]
    pub fn config(&self, listen: SocketAddr, public: Option<&Origin>) -> ServerConfig {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        // a trusted proxy in front of an https origin does the TLS
        let behind_tls = !self.trusted_proxies.is_empty() && public.is_some_and(Origin::is_https);
        ServerConfig {
            tls: tls.map(|(cert, key)| TlsFiles { cert, key }),
            insecure: self.insecure || behind_tls,
            trusted_proxies: self.trusted_proxies.clone(),
            ..ServerConfig::new(listen)
        }
    }
}

/// Reads an address such as `127.0.0.1:4000`, `[::1]:4000` or `localhost:4000`.
///
/// # Errors
/// What is expected instead.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let text = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse()
        .map_err(|_| "expected an address and a port, such as 127.0.0.1:4000".to_owned())
}

/// The origin of a server at `address`; `None` for an address that stands for every interface.
#[must_use]
pub fn origin_of(address: SocketAddr, tls: bool) -> Option<Origin> {
    if address.ip().is_unspecified() {
        return None;
    }
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}").parse().ok()
}

/// What the server at `address` may be called beside its origin: on loopback both of its usual names.
#[must_use]
pub fn other_names(address: SocketAddr) -> Vec<String> {
    let local = address.ip().to_canonical();
    if !local.is_loopback() && !local.is_unspecified() {
        return Vec::new();
    }
    let port = address.port();
    vec![format!("localhost:{port}"), format!("127.0.0.1:{port}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_an_address_too() {
        assert_eq!(parse_address("localhost:4000"), Ok("127.0.0.1:4000".parse().unwrap()));
        assert_eq!(parse_address("[::1]:4000"), Ok("[::1]:4000".parse().unwrap()));
        assert!(parse_address("4000").is_err());
        assert!(parse_address("relay.example:4000").is_err());
    }

    #[test]
    fn a_server_on_every_interface_has_no_origin_of_its_own() {
        assert_eq!(origin_of("0.0.0.0:4000".parse().unwrap(), false), None);
        let origin = origin_of("127.0.0.1:4000".parse().unwrap(), true).unwrap();
        assert_eq!(origin.as_str(), "https://127.0.0.1:4000");
        assert_eq!(other_names("192.0.2.1:4000".parse().unwrap()), Vec::<String>::new());
        assert_eq!(
            other_names("127.0.0.1:4000".parse().unwrap()),
            ["localhost:4000", "127.0.0.1:4000"]
        );
    }
}
