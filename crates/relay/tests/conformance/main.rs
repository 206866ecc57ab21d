//! One suite over both stores: each rule of each step by name, and random sequences in which memory is the oracle.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit stops at what it did not expect"
)]

#[macro_use]
mod kit;
mod mailbox;
mod pairs;
mod receipts;
mod revocations;
mod sequences;
mod sweep;
