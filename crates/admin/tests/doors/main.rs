//! The doors of a signet for those who administer it, from outside: over a real Unix socket and over real TCP.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod common;
mod door;
mod events;
mod http;
mod http_hostile;
mod locked;
mod matrix;
mod owner;
mod rpc;
