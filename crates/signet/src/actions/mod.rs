//! Actions that reach beyond the database: inboxes, chats, invites, messages, consent, keys, what waits for the owner, and how it all fares.

pub(crate) mod audit;
pub(crate) mod chats;
pub(crate) mod consent;
pub(crate) mod guarded;
pub(crate) mod held;
pub(crate) mod inboxes;
pub(crate) mod invites;
pub(crate) mod join;
pub(crate) mod keys;
pub(crate) mod members;
pub(crate) mod messages;
pub(crate) mod status;
