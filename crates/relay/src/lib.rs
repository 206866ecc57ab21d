//! The relay: stores messages for agents and hands them over, in order, at least once.
//!
//! * [`auth`] decides who is calling, in the order of the specification.
//! * [`pairing`] lets two agents agree to talk.
//! * [`store`] holds mailboxes, pairs, tickets, nonces and revocations behind one-step commands.
//! * [`session`] is one connected agent: lanes, deliveries in flight, acknowledgements, heartbeats.
//! * [`hub`] knows who is connected and gives each accepted message to its session.
//! * [`feed`] follows the registry's revocations and says how fresh they are.
//! * [`sweep`] turns what outlived its time into dead letters, and forgets what nobody can ask for any more.
//!
//! An `enqueue_ack` or a 202 means that the message is in the mailbox and fsynced. A `deliver_ack` from the recipient
//! means that it is in the recipient's inbox.

pub mod auth;
pub mod config;
pub mod error;
pub mod feed;
pub mod hub;
pub mod limiter;
pub mod pairing;
pub mod ports;
mod relay;
mod routes;
pub mod session;
pub mod store;
pub mod sweep;

pub use config::Config;
pub use error::RelayError;
pub use ports::{Directory, Revocations};
pub use relay::Relay;
pub use store::Store;
