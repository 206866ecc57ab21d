//! What every server of Chancery shares: listening, TLS, draining, request ids, error envelopes, limits.
//!
//! [`Bound::bind`] takes the port, [`Bound::run`] serves an [`axum::Router`] until its token is cancelled. Every request
//! passes [`Edge`], which gives it a [`request_id::RequestId`], a [`ClientAddr`] and a [`Peer`] as extensions, and turns
//! whatever fails into one shape of answer: `{"error":{"code","message","requestId","details"?}}`.
//!
//! This crate knows no route. HTTP/1.1 only: what our peers speak, and what a WebSocket is upgraded from.

mod api_error;
mod arriving;
mod cidr;
mod client_addr;
mod config;
mod connection;
mod edge;
mod error;
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

pub use api_error::ApiError;
pub use cidr::{Cidr, ParseCidrError};
pub use client_addr::ClientAddr;
pub use config::{ServerConfig, TlsFiles};
pub use edge::Edge;
pub use error::{PortHolder, ServeError};
pub use peer::Peer;
pub use rate_limit::{RateLimit, RetryAfter};
pub use server::Bound;
pub use tls::install_crypto;
