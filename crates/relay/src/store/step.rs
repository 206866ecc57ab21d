//! The steps that a store can take, and what it answers.

use std::sync::Arc;

use bytes::Bytes;
use chancery_base::{
    Millis, Ulid,
    ed25519::{PublicKey, Signature},
};
use chancery_identity::{AgentDid, revocation::Scope};
use chancery_relay_wire::{
    frame::{ReceiptStatus, tidy_reason},
    relay::{DeliveryState, Profile},
};
use chancery_store::StoreError;

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

impl NewMessage {
    /// What tells two messages under one id apart: SHA-256 over the payload and everything else that the recipient reads.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let payload = chancery_base::digest::sha256(&self.payload);
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
        input.extend_from_slice(&payload);
        chancery_base::digest::sha256(input)
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
    /// Position in the lane, from 1, without gaps.
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

    fn needs_savepoint(&self) -> bool {
        false
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
    /// Attempts that it may have.
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
        let reason = format!("refused {attempts} times, at last: {}", self.reason);
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

/// How a receipt names its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageRef {
    /// By the id that its sender chose.
    Message(String),
    /// By either id: old clients know only the relay's.
    Either(String),
}

/// The recipient says what became of a message.
pub struct RecordReceipt {
    /// Recipient of the message, who says it.
    pub recipient: AgentDid,
    /// Sender of the message.
    pub sender: AgentDid,
    /// Which message.
    pub message: MessageRef,
    /// What became of it.
    pub status: ReceiptStatus,
    /// Why it was given up.
    pub reason: Option<String>,
    /// When, as the recipient wrote it.
    pub at: String,
    /// The recipient's signature.
    pub sig: Option<Signature>,
    /// The nonce of the request, where it has one.
    pub nonce: Option<NonceUse>,
    /// Now.
    pub now: Millis,
}

impl Step for RecordReceipt {
    /// The receipt as the sender is to be told, when the message is known and its state changed.
    type Output = Option<ReceiptRow>;
}

/// A delivery and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRow {
    /// Row.
    pub seq: Seq,
    /// Chosen by the sender.
    pub message_id: String,
    /// The relay's id.
    pub delivery_id: Ulid,
    /// Sender.
    pub sender: AgentDid,
    /// Recipient.
    pub recipient: AgentDid,
    /// Where the message is.
    pub state: DeliveryState,
    /// Why it was given up.
    pub reason: Option<String>,
    /// When the recipient said so, as it wrote it.
    pub at: Option<String>,
    /// The recipient's signature.
    pub sig: Option<Signature>,
    /// When the relay last changed it.
    pub updated_at: Millis,
}

/// Read: a receipt, for the sender.
pub struct FindReceipt {
    /// Who asks.
    pub sender: AgentDid,
    /// Recipient of the message.
    pub recipient: AgentDid,
    /// Message id or delivery id.
    pub id: String,
}

impl Step for FindReceipt {
    type Output = Option<ReceiptRow>;
}

/// Read: receipts that the sender's connector has not acknowledged.
pub struct PendingReceipts {
    /// Who is to be told.
    pub sender: AgentDid,
    /// Only rows after this one.
    pub after: Seq,
    /// At most so many.
    pub limit: usize,
}

impl Step for PendingReceipts {
    type Output = Vec<ReceiptRow>;
}

/// The sender's connector has a receipt.
pub struct ReceiptSeen {
    /// Who was told.
    pub sender: AgentDid,
    /// Row.
    pub seq: Seq,
}

impl Step for ReceiptSeen {
    type Output = ();

    fn needs_savepoint(&self) -> bool {
        false
    }
}

/// A ticket is issued.
pub struct CreateTicket {
    /// Its id.
    pub kid: Ulid,
    /// Its text.
    pub text: String,
    /// The key it verifies with.
    pub key: PublicKey,
    /// Who starts the pairing.
    pub initiator: AgentDid,
    /// How the initiator presents itself.
    pub profile: Profile,
    /// Who alone may confirm.
    pub only_responder: Option<AgentDid>,
    /// When it expires.
    pub expires_at: Millis,
    /// The nonce of the request.
    pub nonce: NonceUse,
}

impl Step for CreateTicket {
    type Output = ();
}

/// A ticket and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    /// Its text.
    pub text: String,
    /// The key it verifies with.
    pub key: PublicKey,
    /// Who started the pairing.
    pub initiator: AgentDid,
    /// How the initiator presents itself.
    pub initiator_profile: Profile,
    /// Who alone may confirm.
    pub only_responder: Option<AgentDid>,
    /// When it expires.
    pub expires_at: Millis,
    /// Who confirmed, how it presents itself, and when.
    pub confirmed: Option<(AgentDid, Profile, Millis)>,
    /// The initiator's signed statement, JSON.
    pub initiator_statement: Option<String>,
    /// The responder's signed statement, JSON.
    pub responder_statement: Option<String>,
}

/// Read: a ticket.
pub struct FindTicket {
    /// Its id.
    pub kid: Ulid,
}

impl Step for FindTicket {
    type Output = Option<TicketRow>;
}

/// A ticket is confirmed: the two agents are paired.
pub struct ConfirmTicket {
    /// Its id.
    pub kid: Ulid,
    /// Its text, which must be the one that was issued.
    pub text: String,
    /// Who confirms.
    pub responder: AgentDid,
    /// How the responder presents itself.
    pub profile: Profile,
    /// The nonce of the request.
    pub nonce: NonceUse,
    /// Now.
    pub now: Millis,
}

impl Step for ConfirmTicket {
    type Output = TicketRow;
}

/// One side's half of the pair document, already verified.
pub struct AddStatement {
    /// The ticket's id.
    pub kid: Ulid,
    /// Whose statement.
    pub agent: AgentDid,
    /// The signed statement, JSON.
    pub statement: String,
    /// The nonce of the request.
    pub nonce: NonceUse,
}

impl Step for AddStatement {
    type Output = TicketRow;
}

/// Read: the pairs of an agent.
pub struct ListPairs {
    /// Whose.
    pub agent: AgentDid,
}

/// One pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRow {
    /// The other side.
    pub peer: AgentDid,
    /// Since when.
    pub since: Millis,
    /// Both signed statements as JSON: initiator's, responder's.
    pub document: Option<(String, String)>,
}

impl Step for ListPairs {
    type Output = Vec<PairRow>;
}

/// Either side ends a pair; what waits between the two becomes dead letters.
pub struct RemovePair {
    /// Who ends it.
    pub agent: AgentDid,
    /// The other side.
    pub peer: AgentDid,
    /// The nonce of the request.
    pub nonce: NonceUse,
    /// Now.
    pub now: Millis,
}

impl Step for RemovePair {
    type Output = ();
}

/// The owner of a mailbox blocks or mutes a peer, or takes it back. A blocked peer is refused; a muted one's messages wait.
pub struct MarkPeer {
    /// Owner of the mailbox.
    pub agent: AgentDid,
    /// The peer.
    pub peer: AgentDid,
    /// Refuse its messages.
    pub blocked: bool,
    /// Keep its messages waiting.
    pub muted: bool,
    /// The nonce of the request.
    pub nonce: NonceUse,
}

impl Step for MarkPeer {
    type Output = ();
}

/// Read: has the agent any peer?
pub struct IsKnown {
    /// Who.
    pub agent: AgentDid,
}

impl Step for IsKnown {
    type Output = bool;
}

/// Read: are the two paired (or one and the same)?
pub struct IsTrusted {
    /// One.
    pub a: AgentDid,
    /// The other.
    pub b: AgentDid,
}

impl Step for IsTrusted {
    type Output = bool;
}

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
    /// How many messages became dead letters.
    type Output = u64;
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

/// Gives up what has waited too long, and forgets what is over. One call looks at `limit` rows.
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
    pub expired: u64,
    /// Rows forgotten.
    pub forgotten: u64,
    /// Where to go on; `None` when there is nothing older than the limit left.
    pub next: Option<Seq>,
}

impl Step for Sweep {
    type Output = Swept;
}

/// How long a confirmed ticket is remembered after its confirmation, so that an initiator who asks late still learns its
/// peer: a day, in milliseconds.
pub const CONFIRMED_TICKET_RETENTION_MS: i64 = 24 * 60 * 60 * 1000;

/// Reasons of dead letters that the relay makes itself.
pub mod reason {
    /// It waited too long.
    pub const EXPIRED: &str = "expired in the mailbox";
    /// One of the two agents was revoked.
    pub const REVOKED: &str = "an agent was revoked";
    /// The pair was ended.
    pub const UNPAIRED: &str = "the pair was ended";
}

impl TicketRow {
    /// Whether `responder` may confirm this ticket with `text` at `now`; the rules in the order of the specification.
    ///
    /// # Errors
    /// The first rule that fails.
    pub fn may_confirm(&self, text: &str, responder: &AgentDid, now: Millis) -> Result<(), Refusal> {
        if self.confirmed.is_some() {
            return Err(Refusal::TicketAlreadyConfirmed);
        }
        if self.text != text {
            return Err(Refusal::TicketMismatch);
        }
        if now >= self.expires_at {
            return Err(Refusal::TicketExpired);
        }
        if self.only_responder.as_ref().is_some_and(|only| only != responder) {
            return Err(Refusal::ResponderForbidden);
        }
        if self.initiator == *responder {
            return Err(Refusal::SelfPairing);
        }
        Ok(())
    }
}
