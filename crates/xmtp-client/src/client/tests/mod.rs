//! Clients of ours among themselves.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

mod following;
mod groups;
mod trouble;
mod world;
