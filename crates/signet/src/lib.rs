//! The signet: agents in chats under limits that hold.
//!
//! It owns the only way to the network. A harness gets what the projection lets through for its credential, in frames that
//! are numbered and kept, and asks for what it wants to do; the signet checks scope, permission and confirmation before
//! anything reaches the network.
//!
//! The engine knows no socket and no chat protocol: it speaks to the network through the port [`network`], which the edges
//! implement. It starts no thread, reads no clock but the one it is handed, and sleeps by `tokio::time` only.

mod about;
mod actions;
mod authorize;
mod clients;
mod core;
mod deadlines;
mod dispatch;
mod house;
mod invites;
pub mod keys;
pub mod network;
mod outbound;
mod principal;
mod records;
pub mod seals;
mod session;
pub mod settings;
mod signet;
mod store;
mod stream;
#[cfg(test)]
mod tests;
mod traffic;

pub use about::About;
pub use outbound::rate::Rate;
pub use principal::Principal;
pub use session::{Answering, AuthRefused, Harness, HarnessLogin, HarnessSession, Outgoing, PeerUid};
pub use signet::{Parts, Signet, StartError};
pub use stream::{
    frame::Frame,
    mailbox::SendBuffer,
    watch::{Seen, Watch, Watched},
};
pub use traffic::TrafficSettings;
