//! The engine against a relay, a webhook and a registry that do what the test says, on paused time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod inbound;
mod local_api;
mod outbound;
mod receipts;
mod relay_connection;
mod support;
