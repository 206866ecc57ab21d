//! Clients of ours among themselves.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

mod entering;
mod following;
mod groups;
mod hostile;
mod key_packages;
mod keys;
mod log;
mod reading;
mod refused;
mod replacing;
mod trouble;
mod way;
mod world;
