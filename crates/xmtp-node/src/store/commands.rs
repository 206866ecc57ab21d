//! The domain commands: one command, one atomic step. Each backend implements every one of them.

use std::sync::Arc;

use bytes::Bytes;

use super::model::{GroupMessage, Installation, Membership, NewCommitEntry, NewGroupMessage, NewWelcome, Welcome};

/// One atomic step: it does all that it says, or refuses and does nothing.
pub(crate) trait Step: Send + 'static {
    /// What it answers.
    type Done: Send + 'static;
    /// Why it may refuse.
    type Refusal: Send + 'static;

    /// Bytes that it holds, for the limits on the writer's queue and batches.
    fn weight(&self) -> usize;
}

/// For steps that refuse nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Never {}

/// Messages of groups get the next ids, in their order. One whose group and bytes are there already is left out: sending
/// again is no error. Answers with the new ones.
#[derive(Debug, Clone)]
pub(crate) struct AppendGroupMessages {
    pub(crate) messages: Vec<NewGroupMessage>,
    pub(crate) now_ns: u64,
}

/// The same with welcomes, told apart by installation and bytes.
#[derive(Debug, Clone)]
pub(crate) struct AppendWelcomes {
    pub(crate) welcomes: Vec<NewWelcome>,
    pub(crate) now_ns: u64,
}

/// The one key package of an installation; it takes the place of an older one. Refused when it is itself one that another
/// took the place of, which its init key tells.
#[derive(Debug, Clone)]
pub(crate) struct PutKeyPackage {
    pub(crate) installation: Installation,
    pub(crate) inbox: String,
    pub(crate) init_key: [u8; 32],
    pub(crate) key_package: Bytes,
    pub(crate) now_ns: u64,
}

/// The next update of an inbox, when `after` is still the last one: what was validated against a log is appended to that
/// log only. Answers with its sequence id.
#[derive(Debug, Clone)]
pub(crate) struct AppendIdentityUpdate {
    pub(crate) inbox: String,
    /// Sequence id of the last update that it was validated against; 0 for the first.
    pub(crate) after: u64,
    pub(crate) update: Bytes,
    pub(crate) membership: Membership,
    pub(crate) now_ns: u64,
}

/// Entries of commit logs, in their order.
#[derive(Debug, Clone)]
pub(crate) struct AppendCommitEntries {
    pub(crate) entries: Vec<NewCommitEntry>,
}

/// The installation has a newer key package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superseded;

/// Another update of the inbox came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overtaken;

/// What a command holds beside its payload.
const COMMAND_OVERHEAD: usize = 256;

impl Step for AppendGroupMessages {
    type Done = Vec<Arc<GroupMessage>>;
    type Refusal = Never;

    fn weight(&self) -> usize {
        let payload = |message: &NewGroupMessage| message.data.len() + COMMAND_OVERHEAD;
        self.messages.iter().map(payload).sum()
    }
}

impl Step for AppendWelcomes {
    type Done = Vec<Arc<Welcome>>;
    type Refusal = Never;

    fn weight(&self) -> usize {
        let payload = |welcome: &NewWelcome| welcome.data.len() + welcome.hpke_public_key.len() + COMMAND_OVERHEAD;
        self.welcomes.iter().map(payload).sum()
    }
}

impl Step for PutKeyPackage {
    type Done = ();
    type Refusal = Superseded;

    fn weight(&self) -> usize {
        self.key_package.len() + COMMAND_OVERHEAD
    }
}

impl Step for AppendIdentityUpdate {
    type Done = u64;
    type Refusal = Overtaken;

    fn weight(&self) -> usize {
        self.update.len() + COMMAND_OVERHEAD
    }
}

impl Step for AppendCommitEntries {
    type Done = ();
    type Refusal = Never;

    fn weight(&self) -> usize {
        let payload = |entry: &NewCommitEntry| entry.entry.len() + entry.signature.len() + COMMAND_OVERHEAD;
        self.entries.iter().map(payload).sum()
    }
}
