//! The same steps of groups over openmls' own storage in memory and over ours.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

mod disk;
mod file;
mod key;
mod kills;
mod parity;
mod steps;
mod story;
