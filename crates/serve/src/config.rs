//! What a server is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::cidr::Cidr;

/// Largest request body that extractors accept: what the originals accept, 1 MiB.
const BODY_LIMIT: usize = 1 << 20;
/// How long requests may go on once the server is asked to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// Open connections, WebSockets included: each costs a descriptor and some ten KiB.
const MAX_CONNECTIONS: usize = 16_384;

/// Certificate chain and private key, both PEM, read again at SIGHUP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub cert: PathBuf,
    /// The private key: PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// Where and how a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// TLS, or `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Allows plain HTTP on an address that is not loopback.
    pub insecure: bool,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Largest request body in bytes; a route can set its own with [`axum::extract::DefaultBodyLimit`].
    pub body_limit: usize,
    /// How long requests may go on once the server is asked to stop; then their connections are cut.
    pub drain: Duration,
    /// Most connections at the same time, upgraded ones included; further ones wait in the kernel's queue.
    pub max_connections: usize,
}

impl ServerConfig {
    /// Plain HTTP on `listen`, with the default limits: 1 MiB bodies, 10 s to drain, 16,384 connections.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            insecure: false,
            trusted_proxies: Vec::new(),
            body_limit: BODY_LIMIT,
            drain: DRAIN,
            max_connections: MAX_CONNECTIONS,
        }
    }
}
