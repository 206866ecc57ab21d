//! The relay through its router and its connections, with a registry that the test plays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit stops at what it did not expect"
)]

mod agent;
mod auth;
mod feed;
mod hooks;
mod link;
mod messages;
mod pairing;
mod payloads;
mod receipts;
mod registry;
mod session;
mod socket;
mod world;
