//! Events that a harness is told of.

use chancery_policy::messaging::{ContentTypeId, ScopeSet, Visibility};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    ConversationId, CredentialId, Json, MessageId, OperatorId, Refusal, SealId, Timestamp, Uuid,
    frame::ProvenanceStatus, object::Members, record::held::Verdict,
};

shape! {
    /// `message.visible`: a message that the projection let through.
    record MessageVisible {
        /// Its id.
        message_id: MessageId,
        /// Its chat.
        group_id: ConversationId,
        /// Who sent it.
        sender_inbox_id: String,
        /// Of what type it is.
        content_type: ContentTypeId,
        /// What it says; `null` when that is redacted.
        content: Json,
        /// How much of it is seen, and as what.
        visibility: Visibility,
        /// When it was sent.
        sent_at: Timestamp,
        /// The seal that it was sent under, if a signet sent it.
        seal_id|null: SealId,
        /// The message that it replies to.
        thread_id|null: MessageId,
        /// What became of the check of that seal.
        provenance_status?: ProvenanceStatus,
    }
}

shape! {
    /// `message.revealed`: a message that was hidden until now.
    record MessageRevealed {
        /// Its id.
        message_id: MessageId,
        /// Its chat.
        group_id: ConversationId,
        /// Of what type it is.
        content_type: ContentTypeId,
        /// What it says.
        content: Json,
        /// The reveal that shows it.
        reveal_id: String,
    }
}

shape! {
    /// `seal.stamped`: what the chat is told of this credential changed.
    record SealStamped {
        /// The whole envelope, as it was signed.
        seal: Json,
    }
}

shape! {
    /// `credential.issued`.
    record CredentialIssued {
        /// The credential.
        credential_id: CredentialId,
        /// Whose it is.
        operator_id: OperatorId,
    }
}

shape! {
    /// `credential.expired`.
    record CredentialExpired {
        /// The credential.
        credential_id: CredentialId,
        /// Why.
        reason: String,
    }
}

shape! {
    /// `credential.reauthorization_required`: it is to allow more, which needs another token.
    record ReauthorizationRequired {
        /// The credential.
        credential_id: CredentialId,
        /// What changed.
        reason: String,
    }
}

shape! {
    /// `scopes.updated`: it allows less from now on.
    record ScopesUpdated {
        /// The credential.
        credential_id: CredentialId,
        /// What it allows and denies.
        permissions: ScopeSet,
    }
}

shape! {
    /// `agent.revoked`: the agent no longer speaks in a chat.
    record AgentRevoked {
        /// The revocation, as it was signed.
        revocation: Json,
    }
}

shape! {
    /// `action.confirmation_required`: an action is held until the owner decides.
    record ActionConfirmationRequired {
        /// The action.
        action_id: Uuid,
        /// The request that it came as.
        action_type: String,
        /// What the owner is shown.
        preview: Json,
    }
}

shape! {
    /// `action.resolved`: the owner decided.
    record ActionResolved {
        /// The action.
        action_id: Uuid,
        /// What was decided.
        verdict: Verdict,
        /// What came of doing it.
        data?: Json,
    }
}

shape! {
    /// `heartbeat`: the signet is there.
    record Heartbeat {
        /// The credential.
        credential_id: CredentialId,
        /// When.
        timestamp: Timestamp,
    }
}

shape! {
    /// Events that cannot be sent again.
    record Gap {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    }
}

shape! {
    /// `signet.recovery.complete`: everything that could be sent again has been.
    record RecoveryComplete {
        /// Until when.
        caught_up_through: Timestamp,
        /// What is lost.
        gap?: Gap,
        /// Whether the stream is another one: a client forgets the number that it came with.
        reset?: bool,
    }
}

shape! {
    /// `signet.shutdown`: the daemon ends; the credential does not.
    record SignetShutdown {
        /// Why.
        reason: String,
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $kind:ident($body:ident) = $word:literal,)+) => {
        words! {
            /// What an event tells.
            pub enum EventKind {
                $(
                    #[doc = concat!("`", $word, "`.")]
                    $kind = $word,
                )+
            }
        }

        /// An event: the eleven of the first protocol, and those that came later.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $(
                #[doc = concat!("`", $word, "`.")]
                $kind($body),
            )+
        }

        impl Event {
            /// What it tells.
            #[must_use]
            pub const fn kind(&self) -> EventKind {
                match self { $(Self::$kind(_) => EventKind::$kind),+ }
            }

            fn read(kind: EventKind, members: &Members<'_>) -> Result<Self, Refusal> {
                match kind { $(EventKind::$kind => members.read().map(Self::$kind)),+ }
            }
        }

        impl Serialize for Event {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                #[derive(Serialize)]
                struct Tagged<'a, T> {
                    r#type: EventKind,
                    #[serde(flatten)]
                    body: &'a T,
                }
                match self {
                    $(Self::$kind(body) => Tagged { r#type: self.kind(), body }.serialize(serializer),)+
                }
            }
        }
    };
}

events! {
    MessageVisible(MessageVisible) = "message.visible",
    MessageRevealed(MessageRevealed) = "message.revealed",
    SealStamped(SealStamped) = "seal.stamped",
    CredentialIssued(CredentialIssued) = "credential.issued",
    CredentialExpired(CredentialExpired) = "credential.expired",
    ReauthorizationRequired(ReauthorizationRequired) = "credential.reauthorization_required",
    ScopesUpdated(ScopesUpdated) = "scopes.updated",
    AgentRevoked(AgentRevoked) = "agent.revoked",
    ActionConfirmationRequired(ActionConfirmationRequired) = "action.confirmation_required",
    Heartbeat(Heartbeat) = "heartbeat",
    RecoveryComplete(RecoveryComplete) = "signet.recovery.complete",
    ActionResolved(ActionResolved) = "action.resolved",
    SignetShutdown(SignetShutdown) = "signet.shutdown",
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Self::parse(json.get()).map_err(de::Error::custom)
    }
}

/// Why a text is no event that this reader understands.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EventError {
    /// Not an object with a `type`.
    #[error("not an event")]
    NotAnEvent,
    /// Of a type that came later. Clients pass over it.
    #[error("events of type {0:?} are not known")]
    Unknown(String),
    /// A member is missing or malformed.
    #[error("{kind}: {refusal}")]
    Member {
        /// The event.
        kind: EventKind,
        /// Which member, and what is wrong.
        refusal: Refusal,
    },
}

impl Event {
    /// The eleven of the first protocol.
    pub const FIRST: [EventKind; 11] = [
        EventKind::MessageVisible,
        EventKind::MessageRevealed,
        EventKind::SealStamped,
        EventKind::CredentialIssued,
        EventKind::CredentialExpired,
        EventKind::ReauthorizationRequired,
        EventKind::ScopesUpdated,
        EventKind::AgentRevoked,
        EventKind::ActionConfirmationRequired,
        EventKind::Heartbeat,
        EventKind::RecoveryComplete,
    ];

    /// Reads an event. Members that are not known are passed over.
    ///
    /// # Errors
    /// [`EventError`].
    pub fn parse(text: &str) -> Result<Self, EventError> {
        let mut members = Members::parse(text).ok_or(EventError::NotAnEvent)?;
        let word = members.take_text("type").ok_or(EventError::NotAnEvent)?;
        let kind: EventKind = word
            .parse()
            .map_err(|_| EventError::Unknown(word.chars().take(64).collect()))?;
        Self::read(kind, &members).map_err(|refusal| EventError::Member { kind, refusal })
    }

    /// The same as it is told when it is sent again: a message that was fresh is history now (signet spec 4).
    #[must_use]
    pub fn replayed(mut self) -> Self {
        if let Self::MessageVisible(message) = &mut self {
            message.visibility = message.visibility.replayed();
        }
        self
    }
}
