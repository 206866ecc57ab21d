//! The connector: one agent's outbox, inbox and local API.
//!
//! ```text
//! platform ── POST /v1/outbound ──> outbox ── enqueue ──> relay ── deliver ──> inbox ── webhook ──> platform
//!                 202: durable        enqueue_ack: durable    deliver_ack: durable   2xx: receipt back
//! ```
//!
//! What is taken is durable before it is acknowledged, stays until the next one acknowledges it, and goes again with the
//! same id until then. What cannot be delivered is listed as a dead letter with its reason. Messages and receipts are signed
//! by the agent's key, and verified on arrival.
//!
//! The engine knows no WebSocket, no HTTP client and no provider: it speaks through the ports in [`Ports`], which the
//! edges implement. It starts no thread, reads no clock but the one it is handed, and sleeps by `tokio::time` only, so
//! that a simulation can run it from a seed. A [`Connector`] that is dropped stops as in a crash; another one on the same
//! [`Store`] goes on.

mod backoff;
mod config;
mod connector;
mod conversation;
mod core;
mod credentials;
mod delivery;
mod error;
mod inbox;
mod lanes;
mod local_api;
mod outbox;
mod ports;
mod receipts;
mod revoked;
mod session;
mod status;
mod store;
mod upkeep;

pub use config::{ConnectorConfig, Limits, Timing};
pub use connector::Connector;
pub use error::{ConnectorError, SendError};
pub use outbox::{OutboundRequest, Recipient};
pub use ports::*;
pub use status::*;
pub use store::{InboundState, InboundView, OutboundState, OutboundView, Store};
