//! The WebSocket of harnesses, from outside: a real port, a client of another make, and the engine on a network in memory
//! (signet spec 5.1 to 5.6, 13 "ws" and "sessions").
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod client;
mod endings;
mod hostile;
mod limits;
mod login;
mod logs;
mod requests;
mod slow;
mod streams;
mod world;
