//! XMTP as the signet's network.
//!
//! Each inbox is one installation with a file of its own, `db/<env>/<local>.db3` below the data directory, and one task that
//! keeps the file up to date. The signet reads the file's log by a place of its own in it, so that neither connections nor
//! crashes lose or repeat anything.

pub mod codec;
mod error;
mod events;
mod held;
mod inbox;
mod invites;
mod network;
mod place;

pub use network::{Dial, XmtpNetwork};
