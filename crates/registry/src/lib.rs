//! The registry: people, agents, their tokens, and what was taken back.
//!
//! An engine behind an [`axum::Router`] ([`Registry::router`]); it opens no port, starts no thread and knows the time and
//! randomness only as they are passed in. What it answers is `spec/clawdentity.md` section 4, with the changes that are
//! marked FIX there. What it keeps it keeps in a [`Store`]; every change is one command, acknowledged after its commit.
//!
//! What a thief of the database gets: hashes of tokens, of invite codes and of service secrets, and the tokens of the
//! latest refresh of each agent encrypted under the refresh token before it. None of it authenticates anybody.

mod auth;
mod config;
mod crl;
mod engine;
pub mod error;
mod feed;
mod keys;
mod limits;
mod registry;
mod routes;
mod session;
mod store;

pub use config::{BootstrapService, Config, ConfigError, Environment, Generated, Secret, variable};
pub use error::RegistryError;
pub use keys::{KeysError, SigningKeys};
pub use limits::{Limits, PerMinute};
pub use registry::Registry;
pub use store::{MemoryStore, SqliteStore, Store};
