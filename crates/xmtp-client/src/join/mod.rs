//! Whether a group that we were welcomed to is one to be in (xmtp spec 3.4).
//!
//! Nobody asks us whether we want to be added, and the welcome is the word of whoever added us. [`check_join`] holds the
//! group as it is at that moment to the identity logs: every leaf is an installation of the inbox that it names, and none is
//! missing; and a DM is one between the two of us. From then on [`commit`](crate::commit) keeps it so.

mod check;
mod error;

pub use check::{Joining, check_join, check_welcome};
pub use error::{JoinError, JoinRule};
