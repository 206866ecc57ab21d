//! The signet's doors for those who administer it: JSON-RPC on a Unix socket, and HTTP (signet spec 5.7 to 5.9).
//!
//! Both are made from the one table of actions. Who is let in, and as whom:
//!
//! | who | proves it by | is |
//! |---|---|---|
//! | a process of the daemon's user | what the kernel says of the other end of the socket | an admin |
//! | anybody | a token that the admin key signed, at either door | an admin |
//! | a harness | its credential's token, over HTTP | its credential, for what is its own |
//! | the owner | a signature of the root key over one question, at the socket | the owner, for that call |
//!
//! **What this holds.** No process that can make itself an admin can decide in the owner's place. What waits for the owner
//! ([`keys::Operation`](chancery_keys::Operation)) is asked on the connection that wants it and kept there with the very call: the
//! answer is worth nothing on another connection, for another call, a second time, too late, or after a restart. Whoever holds a
//! token cannot make the next one with it.
//!
//! **What it does not.** Everything else an admin may, and every process of the daemon's user is one unless
//! `admin.peerCredentials` is off.

mod admin;
mod caller;
mod http;
mod keyring;
mod locked;
mod questions;
mod settings;
mod socket;
mod waits;

pub use admin::{Admin, Parts};
pub use locked::LockedParts;
pub use settings::Settings;
pub use socket::{AdminSocket, SocketError};
