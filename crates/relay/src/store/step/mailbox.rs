//! Messages: accept, connect, claim, settle, defer, release.

use std::sync::Arc;

use bytes::Bytes;
use chancery_base::{Millis, Ulid, ed25519::Signature, jws};
use chancery_identity::AgentDid;
use chancery_relay_wire::{frame::tidy_reason, relay::DeliveryState};

use super::{Epoch, LaneId, NonceUse, Seq, Step};

/// A message as its sender wrote it.
#[derive(Debug)]
pub struct NewMessage {
    /// Sender.
    pub sender: AgentDid,
    /// Recipient.
    pub recipient: AgentDid,
    /// Chosen by the sender.
    pub message_id: String,
    /// Conversation; its lane.
    pub conversation: Option<String>,
    /// Media type of the payload.
    pub content_type: Option<String>,
    /// Where a receipt may be posted.
    pub reply_to: Option<String>,
    /// When it was sent, as the sender wrote it.
    pub sent_at: Option<String>,
    /// The sender's signature.
    pub sig: Option<Signature>,
    /// The payload, verbatim JSON.
    pub payload: Bytes,
    /// The sender's identity token, with which the relay knew it.
    pub sender_ait: Arc<SenderAit>,
}

/// An identity token as text, and its id.
#[derive(Debug, PartialEq, Eq)]
pub struct SenderAit {
    /// The compact token.
    pub token: String,
    /// Its id.
    pub jti: Ulid,
}

/// What every `deliver` frame has beside what its message brings, bytes: names of members, ids, times, numbers, signature.
/// It is some 600 with numbers of full length.
const FRAME_BYTES: usize = 1024;

impl NewMessage {
    /// No `deliver` frame of this message is longer, if the payload goes as it is.
    #[must_use]
    pub(crate) fn max_frame_bytes(&self) -> usize {
        let texts = [
            Some(&self.message_id),
            // once more as the lane
            self.conversation.as_ref(),
            self.conversation.as_ref(),
            self.content_type.as_ref(),
            self.reply_to.as_ref(),
            self.sent_at.as_ref(),
        ];
        // quotes and backslashes are written as two
        let texts: usize = texts.into_iter().flatten().map(|text| 2 * text.len()).sum();
        let names = self.sender.as_str().len() + self.recipient.as_str().len();
        // the token that is shown may be another than the one that it was sent with
        self.payload.len() + texts + names + jws::MAX_TOKEN_BYTES + FRAME_BYTES
    }

    /// What tells two messages under one id apart: BLAKE3 over the payload and everything else that the recipient reads.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let parts = [
            Some(self.recipient.as_str()),
            self.conversation.as_deref(),
            self.content_type.as_deref(),
            self.reply_to.as_deref(),
        ];
        let mut input = Vec::with_capacity(160);
        for part in parts {
            // no part can hold a zero byte: frames and headers refuse control characters
            input.extend_from_slice(part.unwrap_or_default().as_bytes());
            input.push(0);
        }
        chancery_base::digest::blake3([input.as_slice(), &self.payload])
    }
}

/// Puts a message into its recipient's mailbox, once.
pub struct Accept {
    /// The message.
    pub message: Arc<NewMessage>,
    /// Its [`NewMessage::hash`].
    pub hash: [u8; 32],
    /// The delivery id that it gets if it is new.
    pub delivery_id: Ulid,
    /// The nonce of the request, where it has one.
    pub nonce: Option<NonceUse>,
    /// The session that takes it at once, when there is one with room: the message is then claimed for it.
    pub claim: Option<Epoch>,
    /// Messages that may wait in the mailbox.
    pub max_messages: u64,
    /// Messages of one sender that may wait in the mailbox.
    pub max_per_sender: u64,
    /// Now.
    pub now: Millis,
}

/// Where an accepted message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Row.
    pub seq: Seq,
    /// Delivery id; the first one when this is a repeat.
    pub delivery_id: Ulid,
    /// Position in the mailbox, from 1, without gaps.
    pub position: i64,
    /// Lane.
    pub lane: LaneId,
    /// Position in the lane, from 1, without gaps. A lane of which the store had forgotten everything begins again above
    /// all numbers that were ever given in it.
    pub lane_seq: i64,
    /// State; `Queued` when it is new.
    pub state: DeliveryState,
    /// Whether the same message had been accepted before.
    pub repeat: bool,
    /// Whether it is claimed for the session that was named.
    pub claimed: bool,
    /// Messages waiting in the mailbox now.
    pub depth: u64,
}

impl Step for Accept {
    type Output = Accepted;

    fn weight(&self) -> usize {
        self.message.payload.len() + 256
    }

    fn needs_savepoint(&self) -> bool {
        // a nonce is spent, and an agent that writes to itself is noted, before the rest is judged
        self.nonce.is_some() || self.message.sender == self.message.recipient
    }

    fn on_message_path(&self) -> bool {
        true
    }
}

/// A connector has proved itself: its mailbox gets a new epoch, and claims of older ones are void.
pub struct Connect {
    /// Who.
    pub agent: AgentDid,
    /// Its identity token.
    pub ait: Arc<SenderAit>,
    /// The nonce of the request.
    pub nonce: NonceUse,
    /// Whether this very nonce may have been used by an earlier connect of this agent.
    pub allow_reuse: bool,
}

/// A connected mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// Its epoch.
    pub epoch: Epoch,
    /// Messages waiting.
    pub depth: u64,
}

impl Step for Connect {
    type Output = Connected;
}

/// How much more a session takes of a lane that it holds messages of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneHold {
    /// The lane.
    pub lane: LaneId,
    /// How many more it takes.
    pub room: usize,
}

/// Gives waiting messages to a session, lane by lane, each lane in order.
pub struct Claim {
    /// Whose mailbox.
    pub recipient: AgentDid,
    /// The session's epoch.
    pub epoch: Epoch,
    /// Lanes that the session holds messages of.
    pub holds: Vec<LaneHold>,
    /// Messages a lane that is not among `holds`.
    pub per_lane: usize,
    /// The lane after which to look first, so that all get their turn.
    pub from_lane: LaneId,
    /// Messages at most.
    pub max_messages: usize,
    /// Payload bytes at most; one message is always given.
    pub max_bytes: usize,
    /// What was accepted at or before this time is left to the next sweep.
    pub expired_before: Millis,
}

/// What a session is given.
#[derive(Debug, Default)]
pub struct Claimed {
    /// Messages, in order within each lane.
    pub items: Vec<Item>,
    /// Lane to go on from.
    pub next_lane: LaneId,
    /// Lanes that were looked at and have more than was given.
    pub left: Vec<LaneId>,
    /// Whether all lanes were looked at.
    pub complete: bool,
}

impl Claimed {
    /// The answer to an epoch that is not current: there is nothing for it, now and later.
    #[must_use]
    pub(crate) fn nothing() -> Self {
        Self {
            complete: true,
            ..Self::default()
        }
    }
}

/// A message held by a session.
#[derive(Debug, Clone)]
pub struct Item {
    /// Row.
    pub seq: Seq,
    /// Delivery id.
    pub delivery_id: Ulid,
    /// Lane.
    pub lane: LaneId,
    /// Position in the lane.
    pub lane_seq: i64,
    /// Position in the mailbox.
    pub position: i64,
    /// Number of the attempt that is made with it.
    pub attempt: u32,
    /// When it was accepted.
    pub accepted_at: Millis,
    /// The message.
    pub message: Arc<NewMessage>,
}

impl Step for Claim {
    type Output = Claimed;

    fn needs_savepoint(&self) -> bool {
        false
    }
}

/// The recipient has a message: it leaves the mailbox.
pub struct Settle {
    /// Whose mailbox.
    pub recipient: AgentDid,
    /// The session's epoch.
    pub epoch: Epoch,
    /// Row.
    pub seq: Seq,
    /// Delivery id of the row.
    pub delivery_id: Ulid,
    /// Now.
    pub now: Millis,
}

impl Step for Settle {
    /// Whether anything changed.
    type Output = bool;

    fn weight(&self) -> usize {
        // what it costs a commit, not what it holds: as much as a short message
        512
    }

    fn needs_savepoint(&self) -> bool {
        false
    }

    fn on_message_path(&self) -> bool {
        true
    }
}

/// The recipient has refused a message: it is tried again, or given up after too many attempts.
pub struct Defer {
    /// Whose mailbox.
    pub recipient: AgentDid,
    /// The session's epoch.
    pub epoch: Epoch,
    /// Row.
    pub seq: Seq,
    /// Delivery id of the row.
    pub delivery_id: Ulid,
    /// Attempts that it may have. With 0 it is given up now, for the reason as it stands.
    pub max_attempts: u32,
    /// Why it was refused.
    pub reason: String,
    /// Now.
    pub now: Millis,
}

/// What a refusal led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferred {
    /// It is tried again, as attempt number `attempt`.
    Again {
        /// Number of the next attempt.
        attempt: u32,
    },
    /// It is a dead letter.
    Dead,
    /// The epoch or the row is not current: nothing changed.
    Stale,
}

impl Defer {
    /// Why the message is given up after `attempts`; short enough for a receipt.
    pub(crate) fn last_words(&self, attempts: u32) -> String {
        let reason = match self.max_attempts {
            0 => self.reason.clone(),
            _ => format!("refused {attempts} times, at last: {}", self.reason),
        };
        tidy_reason(&reason).unwrap_or_default().into_owned()
    }
}

impl Step for Defer {
    type Output = Deferred;

    fn needs_savepoint(&self) -> bool {
        false
    }
}

/// A session gives back messages that it holds and has not sent: the attempts that were counted for them are taken back.
/// Unlike the other steps of a session it may come after the next connect: what that one has not claimed yet is still held
/// by this epoch, and nothing else is touched.
pub struct Release {
    /// Whose mailbox.
    pub recipient: AgentDid,
    /// The session's epoch.
    pub epoch: Epoch,
    /// Rows.
    pub seqs: Vec<Seq>,
}

impl Step for Release {
    type Output = ();

    fn needs_savepoint(&self) -> bool {
        false
    }
}
