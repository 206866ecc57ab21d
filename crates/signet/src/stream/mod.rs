//! The way to harnesses: logs of inboxes become numbered events of credentials, which are kept and sent again.

pub(crate) mod audience;
pub(crate) mod feed;
pub(crate) mod frame;
pub(crate) mod hub;
pub(crate) mod ids;
pub(crate) mod ingest;
pub(crate) mod log;
pub(crate) mod mailbox;
pub(crate) mod news;
pub(crate) mod project;
pub(crate) mod release;
pub(crate) mod resume;
pub(crate) mod reveal;
pub(crate) mod standing;
pub(crate) mod watch;

/// The tables.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");
