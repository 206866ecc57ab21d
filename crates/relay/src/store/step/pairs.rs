//! Tickets and pairs.

use chancery_base::{Millis, Ulid, ed25519::PublicKey};
use chancery_identity::AgentDid;
use chancery_relay_wire::relay::Profile;

use super::{NonceUse, Refusal, Step};

/// How long a confirmed ticket is remembered after its confirmation, so that an initiator who asks late still learns its
/// peer: a day, in milliseconds.
pub const CONFIRMED_TICKET_RETENTION_MS: i64 = 24 * 60 * 60 * 1000;

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
