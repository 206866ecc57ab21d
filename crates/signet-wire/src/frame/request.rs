//! Requests of a harness.

use chancery_policy::messaging::{ContentTypeId, RevealRequest, Scopes};
use serde::Serialize;

use crate::{Failure, IdempotencyKey, Json, Positive, Reference, Refusal, Text, Uuid, limits, object::Members};

words! {
    /// Whether a reaction is put or taken away.
    pub enum ReactionAction {
        /// Put.
        Added = "added",
        /// Taken away.
        Removed = "removed",
    }
}

shape! {
    /// `send_message`.
    frame SendMessage {
        /// The chat.
        group_id: Reference,
        /// Of what type the content is.
        content_type: ContentTypeId,
        /// The content.
        content: Json,
        /// The same whenever this is sent again: the signet does it once.
        idempotency_key?: IdempotencyKey,
    }
}

shape! {
    /// `send_reaction`.
    frame SendReaction {
        /// The chat.
        group_id: Reference,
        /// The message that it is about.
        message_id: Reference,
        /// Put or taken away.
        action: ReactionAction,
        /// The reaction, such as an emoji.
        content: Text,
        /// The same whenever this is sent again.
        idempotency_key?: IdempotencyKey,
    }
}

shape! {
    /// `send_reply`.
    frame SendReply {
        /// The chat.
        group_id: Reference,
        /// The message that it is an answer to.
        message_id: Reference,
        /// Of what type the content is.
        content_type: ContentTypeId,
        /// The content.
        content: Json,
        /// The same whenever this is sent again.
        idempotency_key?: IdempotencyKey,
    }
}

shape! {
    /// `update_scopes`: a list that is absent stays as it is.
    frame UpdateScopes {
        /// What is to be allowed.
        allow?: Scopes,
        /// What is to be denied.
        deny?: Scopes,
    }
}

shape! {
    /// `reveal_content`.
    frame RevealContent {
        /// What is asked for. Who asks and under which id is the signet's to say, whatever stands here.
        reveal: RevealRequest,
    }
}

shape! {
    /// `confirm_action`.
    frame ConfirmAction {
        /// The action that is held.
        action_id: Uuid,
        /// Whether it is to be done.
        confirmed: bool,
    }
}

shape! {
    /// `heartbeat`.
    frame HeartbeatRequest {
        /// The credential that the connection is of.
        credential_id: Reference,
    }
}

shape! {
    /// `list_conversations`: needs the scope of that name.
    frame ListConversations {}
}

shape! {
    /// `get_conversation_info`.
    frame GetConversationInfo {
        /// The chat.
        group_id: Reference,
    }
}

shape! {
    /// `list_members`: needs the scope of that name.
    frame ListMembers {
        /// The chat.
        group_id: Reference,
    }
}

shape! {
    /// `read_history`: needs the scope of that name.
    frame ReadHistory {
        /// The chat.
        group_id: Reference,
        /// Only messages older than this one.
        before?: Reference,
        /// How many at most.
        limit: Positive,
    }
}

shape! {
    /// `ack`: everything up to this event has been dealt with.
    frame Ack {
        /// Number of the event.
        seq: u64,
    }
}

macro_rules! requests {
    ($($kind:ident($body:ident) = $word:literal,)+) => {
        words! {
            /// What a request asks for.
            pub enum RequestKind {
                $(
                    #[doc = concat!("`", $word, "`.")]
                    $kind = $word,
                )+
            }
        }

        /// A request: the seven of the first protocol, and those that came later.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Request {
            $(
                #[doc = concat!("`", $word, "`.")]
                $kind($body),
            )+
        }

        impl Request {
            /// What it asks for.
            #[must_use]
            pub const fn kind(&self) -> RequestKind {
                match self { $(Self::$kind(_) => RequestKind::$kind),+ }
            }

            fn read(kind: RequestKind, members: &Members<'_>) -> Result<Self, Refusal> {
                match kind { $(RequestKind::$kind => members.read().map(Self::$kind)),+ }
            }

            fn write(&self, request_id: &str) -> Result<String, serde_json::Error> {
                #[derive(Serialize)]
                struct Tagged<'a, T> {
                    r#type: RequestKind,
                    #[serde(rename = "requestId")]
                    request_id: &'a str,
                    #[serde(flatten)]
                    body: &'a T,
                }
                match self {
                    $(Self::$kind(body) => serde_json::to_string(&Tagged { r#type: self.kind(), request_id, body }),)+
                }
            }
        }
    };
}

requests! {
    SendMessage(SendMessage) = "send_message",
    SendReaction(SendReaction) = "send_reaction",
    SendReply(SendReply) = "send_reply",
    UpdateScopes(UpdateScopes) = "update_scopes",
    RevealContent(RevealContent) = "reveal_content",
    ConfirmAction(ConfirmAction) = "confirm_action",
    Heartbeat(HeartbeatRequest) = "heartbeat",
    ListConversations(ListConversations) = "list_conversations",
    GetConversationInfo(GetConversationInfo) = "get_conversation_info",
    ListMembers(ListMembers) = "list_members",
    ReadHistory(ReadHistory) = "read_history",
    Ack(Ack) = "ack",
}

/// Why a text is no request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RequestProblem {
    /// Nobody can be answered: the connection closes with 4009.
    #[error("not a request, and without an id that an answer could name")]
    Unanswerable,
    /// The request with this id is answered with a failure, and the connection goes on.
    #[error("request {request_id:?}: {failure}")]
    Refused {
        /// Id of the request.
        request_id: String,
        /// Why.
        failure: Failure,
    },
}

impl Request {
    /// Reads a request and its id, which is text of at most [`limits::MAX_REQUEST_ID_BYTES`].
    ///
    /// # Errors
    /// [`RequestProblem`].
    pub fn parse(text: &str) -> Result<(String, Self), RequestProblem> {
        let mut members = Members::parse(text).ok_or(RequestProblem::Unanswerable)?;
        let request_id = members
            .take_text("requestId")
            .filter(|id| id.len() <= limits::MAX_REQUEST_ID_BYTES)
            .ok_or(RequestProblem::Unanswerable)?
            .into_owned();
        let kind = members
            .take_text("type")
            .ok_or_else(|| Refusal::new("type", "expected the name of a request"))
            .and_then(|word| word.parse().map_err(|unknown| Refusal::new("type", unknown)));
        match kind.and_then(|kind| Self::read(kind, &members)) {
            Ok(request) => Ok((request_id, request)),
            Err(refusal) => Err(RequestProblem::Refused {
                request_id,
                failure: invalid(&refusal),
            }),
        }
    }

    /// The request as text under this id, for clients.
    ///
    /// # Errors
    /// None in practice: every member has a form in JSON.
    pub fn encode(&self, request_id: &str) -> Result<String, serde_json::Error> {
        self.write(request_id)
    }
}

/// The original's message, with the place in the context.
fn invalid(refusal: &Refusal) -> Failure {
    Failure {
        message: "Invalid request frame".to_owned(),
        ..refusal.clone().into()
    }
}
