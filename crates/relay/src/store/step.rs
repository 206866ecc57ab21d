//! The steps that a store can take, and what it answers.

mod mailbox;
mod pairs;
mod receipts;
mod revocations;

use chancery_base::Millis;
use chancery_identity::AgentDid;
use chancery_store::StoreError;

pub use mailbox::*;
pub use pairs::*;
pub use receipts::*;
pub use revocations::*;

/// A domain command: one atomic change, or one consistent read.
pub trait Step: Send + 'static {
    /// What it answers.
    type Output: Send + 'static;

    /// Bytes it holds, for the limit of a batch.
    fn weight(&self) -> usize {
        64
    }

    /// Whether it may refuse after it has written something. Steps of the message path do not: a savepoint for each would
    /// cost as much as their work.
    fn needs_savepoint(&self) -> bool {
        true
    }

    /// Whether it is one of the steps that every message takes. A backend may write what they change later, together, so
    /// long as it is part of their commit; before any other step it has.
    fn on_message_path(&self) -> bool {
        false
    }
}

/// Steps that came together, carried out in order, each judged by itself: one trip to the writer, one answer, one waking of
/// whoever waits for it. Only for steps that need no savepoint.
pub struct Together<S>(pub Vec<S>);

impl<S: Step> Step for Together<S> {
    /// What became of each, in their order.
    type Output = Vec<Result<S::Output, Refusal>>;

    fn weight(&self) -> usize {
        self.0.iter().map(S::weight).fold(0, usize::saturating_add)
    }

    fn needs_savepoint(&self) -> bool {
        // a savepoint could not tell them apart: one that writes and then refuses fails them all
        false
    }

    fn on_message_path(&self) -> bool {
        self.0.iter().all(S::on_message_path)
    }
}

/// Why a store refuses a step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The two agents are not paired.
    #[error("the two agents are not paired")]
    NotPaired,
    /// The recipient has blocked the sender.
    #[error("the recipient has blocked the sender")]
    Blocked,
    /// The nonce was used before.
    #[error("the nonce was used before")]
    Replay,
    /// The sender was revoked.
    #[error("the sender was revoked")]
    SenderRevoked,
    /// The recipient was revoked.
    #[error("the recipient was revoked")]
    RecipientRevoked,
    /// The message id was used for another message.
    #[error("the message id was used for another message")]
    Conflict,
    /// The mailbox holds as many messages as it may.
    #[error("the mailbox is full")]
    MailboxFull,
    /// The sender has as many messages in the mailbox as it may.
    #[error("the sender's share of the mailbox is full")]
    SenderShareFull,
    /// No such ticket.
    #[error("no such ticket")]
    TicketNotFound,
    /// The ticket's time is over.
    #[error("the ticket has expired")]
    TicketExpired,
    /// Confirmed already.
    #[error("the ticket was confirmed already")]
    TicketAlreadyConfirmed,
    /// Another text than the one issued.
    #[error("the ticket is not the one that was issued")]
    TicketMismatch,
    /// Not confirmed yet.
    #[error("the ticket is not confirmed yet")]
    TicketNotConfirmed,
    /// An agent with itself.
    #[error("an agent cannot be paired with itself")]
    SelfPairing,
    /// Another responder is meant.
    #[error("the ticket is for another responder")]
    ResponderForbidden,
    /// Neither initiator nor responder.
    #[error("not one of the two agents of this pairing")]
    NotParticipant,
    /// No such pair.
    #[error("no such pair")]
    PairNotFound,
    /// The backend failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// A failure of the backend once more, for the next of those that failed as a whole.
    pub(crate) fn again(&self) -> Self {
        Self::Store(match self {
            Self::Store(error) => error.again(),
            _ => StoreError::BatchLost,
        })
    }
}

/// A row's number; unique while the row is there.
pub type Seq = i64;
/// A lane's number.
pub type LaneId = i64;
/// How often a mailbox was connected to; a number that is not the current one changes nothing.
pub type Epoch = i64;

/// A nonce, spent in the commit of what it authorises.
#[derive(Debug, Clone)]
pub struct NonceUse {
    /// Whose.
    pub agent: AgentDid,
    /// The nonce.
    pub nonce: String,
    /// Until when it must be remembered.
    pub remember_until: Millis,
}

/// Spends a nonce for a request that changes nothing else.
pub struct UseNonce(pub NonceUse);

impl Step for UseNonce {
    type Output = ();
}

/// Read: was this nonce used?
pub struct NonceSeen {
    /// Whose.
    pub agent: AgentDid,
    /// The nonce.
    pub nonce: String,
}

impl Step for NonceSeen {
    type Output = bool;
}

/// Reasons of dead letters that the relay makes itself.
pub mod reason {
    /// It waited too long.
    pub const EXPIRED: &str = "expired in the mailbox";
    /// One of the two agents was revoked.
    pub const REVOKED: &str = "an agent was revoked";
    /// The pair was ended.
    pub const UNPAIRED: &str = "the pair was ended";
    /// The recipient's client negotiated nothing and would drop its connection over it.
    pub const UNREADABLE: &str = "the recipient's client cannot read this JSON: nested too deep, a number out of range, \
                                  or text that is not Unicode";
    /// With what the relay has to add it is longer than a connector takes.
    pub const TOO_LONG: &str = "too long for a frame to the recipient's client";
}
