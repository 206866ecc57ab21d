//! Letting others into chats by links, and how members show themselves (signet spec 10).
//!
//! A link is made for a chat and noted under its tag. Whoever holds it asks the inbox that made it, in a direct
//! conversation; that request is taken from the inbox's log in the step that reads it, and answered by a task of the inbox,
//! in order, whatever dies in between. What a link says of itself is never enough: what is noted decides, and whether whoever
//! made the link might still let somebody in.

pub(crate) mod door;
pub(crate) mod profiles;
pub(crate) mod requests;
pub(crate) mod rows;

/// The tables.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");
