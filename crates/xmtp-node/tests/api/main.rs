//! The node through its gRPC surface, in this process: what it answers, what it refuses, and how it bears clients that
//! mean no good.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
#![allow(clippy::panic, reason = "a test that meets what it did not expect stops")]

mod any_bytes;
mod commit_log;
mod groups;
mod hostile;
mod identity;
mod key_packages;
mod limits;
mod made;
mod node;
mod streams;
mod welcomes;
