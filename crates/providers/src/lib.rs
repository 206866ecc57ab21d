//! How messages get into the agent platforms that people run.
//!
//! [`webhook`] is the way in that all of them share: a POST to an address on this machine.

pub mod webhook;
