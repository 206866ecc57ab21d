//! What harnesses ask to be said: checked, held for the owner where the policy says so, written down before the network
//! sees anything, and settled after it answered.

pub(crate) mod ask;
pub(crate) mod draft;
pub(crate) mod hold;
pub(crate) mod owner;
pub(crate) mod post;
pub(crate) mod rate;
pub(crate) mod rows;

/// The tables.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");
