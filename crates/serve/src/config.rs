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

/// Streams of one HTTP/2 connection at the same time: a program opens a handful, one that serves many opens connections.
const MAX_STREAMS: u32 = 512;
/// Bytes of one HTTP/2 connection or stream that may wait to be read by us. An upload over a long line still gets some
/// MiB/s, and a client that is not listened to costs no more than this.
const RECEIVE_WINDOW: u32 = 256 * 1024;
/// Bytes of one HTTP/2 stream that may wait to be read by the client, beyond the piece of the answer that is being sent.
const SEND_BUFFER: usize = 64 * 1024;
/// Silence after which an HTTP/2 client is asked whether it is still there. Below the minute after which many address
/// translators forget a connection.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// From accepting an HTTP/2 connection to the first whole request head.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What is spoken on a port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.1, with [`Edge`](crate::Edge) around every request.
    #[default]
    Http1,
    /// HTTP/2 alone, over TLS negotiated as `h2`, without it with prior knowledge. Requests reach the router as they are,
    /// with [`ClientAddr`](crate::ClientAddr), [`Peer`](crate::Peer) and [`Connection`](crate::Connection) as extensions;
    /// errors are of the router's making, because what speaks only HTTP/2 (gRPC) has a shape of its own for them.
    Http2(Http2),
}

/// Limits of HTTP/2.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Http2 {
    /// Streams of one connection at the same time.
    pub max_streams: u32,
    /// Bytes of one connection, and of one stream, that may wait to be read by us.
    pub receive_window: u32,
    /// Bytes of one stream that may wait to be read by the client.
    pub send_buffer: usize,
    /// Silence after which the client is asked whether it is still there.
    pub ping_interval: Duration,
    /// How long the client may take to answer; then the connection is closed.
    pub ping_timeout: Duration,
    /// How long the first request may take from the moment of accepting.
    pub first_request_timeout: Duration,
}

impl Default for Http2 {
    fn default() -> Self {
        Self {
            max_streams: MAX_STREAMS,
            receive_window: RECEIVE_WINDOW,
            send_buffer: SEND_BUFFER,
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
            first_request_timeout: FIRST_REQUEST_TIMEOUT,
        }
    }
}

/// Where and how a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What is spoken there.
    pub protocol: Protocol,
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
    /// Plain HTTP/1.1 on `listen`, with the default limits: 1 MiB bodies, 10 s to drain, 16,384 connections.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            protocol: Protocol::Http1,
            tls: None,
            insecure: false,
            trusted_proxies: Vec::new(),
            body_limit: BODY_LIMIT,
            drain: DRAIN,
            max_connections: MAX_CONNECTIONS,
        }
    }
}
