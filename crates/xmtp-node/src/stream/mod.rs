//! Streams: everything after a cursor, then what comes, each row of a topic once and in order.
//!
//! A row that is live is encoded once, however many streams it goes to, and they share the bytes. So streams are answered
//! here rather than by the generated service, which encodes for each and keeps a buffer for each.

mod body;
pub(crate) mod feed;
mod reading;
mod routes;

pub(crate) use routes::{subscribe_group_messages, subscribe_welcome_messages};
