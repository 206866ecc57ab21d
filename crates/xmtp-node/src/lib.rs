//! A node of XMTP's network in one process: the services `xmtp.identity.api.v1.IdentityApi` and `xmtp.mls.api.v1.MlsApi`
//! over HTTP/2, as official clients speak them.
//!
//! The node keeps groups' messages, welcomes, key packages and identity logs, and hands them out in one order that
//! everybody sees; it can read none of the messages. What it answers is `spec/xmtp.md` section 2. It checks what it can:
//! identity updates by replay of the whole log, key packages, and how messages are framed. Whether a sender is a member of
//! a group it cannot know; clients verify everything again.
//!
//! An engine behind an [`axum::Router`] ([`Node::router`]); it opens no port and knows the time only as it is passed in.
//! Beside `chancery xmtp-node`, tests and benches run it in their own process with [`Running::start`].

mod api;
mod codec;
mod convert;
mod engine;
mod error;
mod gate;
mod hub;
mod identity;
mod limits;
mod mls;
mod node;
mod seats;
mod settings;
mod store;
mod stream;

pub use api::client;
pub use error::{NodeError, Refusal};
pub use node::{Node, Running};
pub use settings::{Limits, Settings, SettingsError};
pub use store::{MemoryStore, SqliteStore, Store};
