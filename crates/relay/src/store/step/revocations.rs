//! Taking back, giving up and forgetting.

use std::collections::BTreeSet;

use chancery_base::{Millis, Ulid};
use chancery_identity::{AgentDid, revocation::Scope};

use super::{Seq, Step};

/// An entry of the registry's feed takes effect. For [`Scope::Agent`]: pairs are dropped, and what waits in its mailbox or
/// was sent by it and waits elsewhere becomes dead letters.
pub struct ApplyRevocation {
    /// Position in the feed; the new cursor.
    pub seq: u64,
    /// The agent.
    pub agent: AgentDid,
    /// The identity token.
    pub jti: Ulid,
    /// What is taken back.
    pub scope: Scope,
    /// Now.
    pub now: Millis,
}

impl Step for ApplyRevocation {
    type Output = Buried;
}

/// Messages that became dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buried {
    /// How many.
    pub count: u64,
    /// Whose they were: who is to be told.
    pub senders: BTreeSet<AgentDid>,
}

impl Buried {
    /// These, and those.
    pub(crate) fn add(&mut self, more: Self) {
        self.count += more.count;
        self.senders.extend(more.senders);
    }
}

/// The feed begins anew: its cursor goes to zero. What was revoked stays revoked.
pub struct ResetFeed;

impl Step for ResetFeed {
    type Output = ();
}

/// Read: all that is revoked.
pub struct LoadRevocations;

/// All that is revoked, and how far the feed was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Last position read.
    pub cursor: u64,
    /// Agents.
    pub agents: Vec<AgentDid>,
    /// Identity tokens.
    pub tokens: Vec<Ulid>,
}

impl Step for LoadRevocations {
    type Output = Revoked;
}

/// Gives up what has waited too long, and forgets what is over: messages, and lanes with their last message. One call looks
/// at `limit` messages.
pub struct Sweep {
    /// Now.
    pub now: Millis,
    /// How long a message may wait, milliseconds; what is final is kept as long again.
    pub ttl_ms: i64,
    /// Go on after this row.
    pub after: Seq,
    /// Rows to look at.
    pub limit: usize,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Messages that became dead letters.
    pub expired: Buried,
    /// Rows forgotten.
    pub forgotten: u64,
    /// Lanes forgotten with the last of their messages.
    pub lanes: u64,
    /// Where to go on; `None` when there is nothing older than the limit left.
    pub next: Option<Seq>,
}

impl Step for Sweep {
    type Output = Swept;
}
