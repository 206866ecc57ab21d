//! What every server of Chancery shares: listening, TLS, draining, request ids, error envelopes, limits.
//!
//! [`Bound::bind`] takes the port, [`Bound::run`] serves an [`axum::Router`] until its token is cancelled. Every request
//! passes [`Edge`], which gives it a [`request_id::RequestId`], a [`ClientAddr`] and a [`Peer`] as extensions, and turns
//! whatever fails into one shape of answer: `{"error":{"code","message","requestId","details"?}}`.
//!
//! This crate knows no route. HTTP/1.1 unless the configuration says HTTP/2: the one is what most of our peers speak and
//! what a WebSocket is upgraded from, the other what gRPC needs.

mod api_error;
mod arriving;
mod cidr;
mod client_addr;
mod config;
mod connection;
mod edge;
mod error;
mod http2;
pub mod loopback;
mod peer;
mod rate_limit;
pub mod request_id;
mod server;
pub mod shutdown;
mod socket;
mod socket_table;
pub mod system;
mod tls;
mod together;

pub use api_error::ApiError;
pub use cidr::{Cidr, ParseCidrError};
pub use client_addr::ClientAddr;
pub use config::{Http2, Protocol, ServerConfig, TlsFiles};
pub use edge::Edge;
pub use error::{PortHolder, ServeError};
pub use http2::Connection;
pub use peer::Peer;
pub use rate_limit::{RateLimit, RetryAfter};
pub use server::Bound;
pub use tls::install_crypto;
