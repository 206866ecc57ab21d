//! Answers to requests.

use serde::{Deserialize, Serialize, ser::SerializeStruct as _};

use super::{Gap, MessageVisible, Sequenced};
use crate::{
    ConversationId, CredentialId, Failure, FailureBody, Json, MessageId, OperatorId, SealId, Timestamp, Uuid,
    record::chat::Member,
    shape::{ObjectOnly, given},
};

/// The answer to one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// It was done.
    Success {
        /// The request.
        request_id: String,
        /// What came of it.
        data: Json,
    },
    /// It was not.
    Failure {
        /// The request.
        request_id: String,
        /// Why.
        failure: Failure,
    },
}

impl Response {
    /// The request that it answers.
    #[must_use]
    pub fn request_id(&self) -> &str {
        match self {
            Self::Success { request_id, .. } | Self::Failure { request_id, .. } => request_id,
        }
    }
}

impl Serialize for Response {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Response", 3)?;
        match self {
            Self::Success { request_id, data } => {
                object.serialize_field("ok", &true)?;
                object.serialize_field("requestId", request_id)?;
                object.serialize_field("data", data)?;
            }
            Self::Failure { request_id, failure } => {
                object.serialize_field("ok", &false)?;
                object.serialize_field("requestId", request_id)?;
                object.serialize_field("error", &FailureBody::from(failure.clone()))?;
            }
        }
        object.end()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    ok: bool,
    request_id: String,
    #[serde(default, deserialize_with = "given")]
    data: Option<Json>,
    #[serde(default, deserialize_with = "given")]
    error: Option<FailureBody>,
}

impl<'de> Deserialize<'de> for Response {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(ObjectOnly(deserializer))?;
        let request_id = members.request_id;
        match (members.ok, members.data, members.error) {
            (true, Some(data), None) => Ok(Self::Success { request_id, data }),
            (false, None, Some(error)) => Ok(Self::Failure {
                request_id,
                failure: error.into(),
            }),
            _ => Err(serde::de::Error::custom("either data or an error")),
        }
    }
}

words! {
    /// What became of the check of a message's binding to a seal (signet spec 7.7).
    pub enum ProvenanceStatus {
        /// The signature is good, and the seal is the newest.
        Valid = "valid",
        /// The signature is good, and the seal an older one of the chain.
        Superseded = "superseded",
        /// The agent was revoked.
        Revoked = "revoked",
        /// There is no binding.
        Missing = "missing",
        /// There is one, and it does not verify.
        Invalid = "invalid",
    }
}

shape! {
    /// What binds a message to the seal that it was sent under.
    record Provenance {
        /// The credential.
        credential_id: CredentialId,
        /// Whose it is.
        operator_id: OperatorId,
        /// The seal.
        seal_ref: SealId,
        /// Signature over message and seal, in base64.
        seal_signature: String,
    }
}

shape! {
    /// A message went out.
    record SendResult {
        /// Its id.
        message_id: MessageId,
        /// Its chat.
        group_id: ConversationId,
        /// When.
        sent_at: Timestamp,
        /// What binds it to a seal.
        provenance|null: Provenance,
        /// Why nothing does.
        warning?: String,
    }
}

shape! {
    /// A message is held until the owner decides.
    record SendHeld {
        /// Always `true`.
        pending: bool,
        /// The action.
        action_id: Uuid,
    }
}

shape! {
    /// An action was taken back by who asked for it.
    record ActionDenied {
        /// Always `true`.
        denied: bool,
        /// The action.
        action_id: Uuid,
    }
}

shape! {
    /// A chat as a harness may know it: nothing of what the network calls it.
    record ConversationInfo {
        /// Its id.
        group_id: ConversationId,
        /// Its name.
        name: String,
        /// What it is about.
        description: String,
        /// Its picture.
        image_url?: String,
        /// Since when there is one.
        created_at: Timestamp,
        /// How many are in it; absent without the scope to see members.
        member_count?: u32,
    }
}

shape! {
    /// `list_conversations`: the chats that the credential covers.
    record ConversationList {
        /// Each.
        conversations: Vec<ConversationInfo>,
    }
}

shape! {
    /// `list_members`.
    record ConversationMembers {
        /// The chat.
        group_id: ConversationId,
        /// Who is in it.
        members: Vec<Member>,
    }
}

shape! {
    /// `read_history`: messages that the projection let through, the newest first.
    record History {
        /// The chat.
        group_id: ConversationId,
        /// The messages, all of them `historical` or `revealed`.
        messages: Vec<MessageVisible>,
        /// Whether there are older ones.
        has_more: bool,
    }
}

shape! {
    /// `events.poll`.
    record EventList {
        /// The events, in order.
        events: Vec<Sequenced>,
        /// The stream that their numbers are of.
        stream_epoch: String,
        /// What is lost between the number that was given and the first event.
        gap?: Gap,
    }
}
