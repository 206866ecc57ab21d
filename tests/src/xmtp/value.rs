//! What the SDK tells, in the shapes of `tests/xmtp/shapes.mjs`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A conversation, without its members and messages.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// Group id, hex.
    pub id: String,
    /// `group` or `dm`.
    pub kind: String,
    /// Whether this installation is a member.
    pub active: bool,
    /// Inbox id of who made it.
    pub creator: String,
    /// Inbox id of who added this client.
    pub added_by: String,
    /// `unknown`, `allowed` or `denied`.
    pub consent: String,
    /// The version of libxmtp that the client waits for.
    pub paused_for: Option<String>,
    /// The other inbox of a DM.
    pub peer: Option<String>,
    /// Name of a group.
    #[serde(default)]
    pub name: String,
    /// Description of a group.
    #[serde(default)]
    pub description: String,
    /// Image of a group.
    #[serde(default)]
    pub image_url: String,
    /// What an application keeps in a group.
    #[serde(default)]
    pub app_data: String,
    /// Inbox ids, sorted.
    #[serde(default)]
    pub admins: Vec<String>,
    /// Inbox ids, sorted.
    #[serde(default)]
    pub super_admins: Vec<String>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Hash of group, idempotency key and content, hex.
    pub id: String,
    /// Group id, hex.
    pub conversation: String,
    /// Inbox id.
    pub sender: String,
    /// Nanoseconds since 1970, decimal: the node's time once it is published. Generation 4 rounds it.
    pub sent_ns: String,
    /// `application`, or `membership` for what the SDK made of a commit.
    pub kind: String,
    /// `published`, `unpublished` or `failed`.
    pub status: String,
    /// `xmtp.org/text:1.0` and so on.
    #[serde(rename = "type")]
    pub content_type: Option<String>,
    /// A string for text and markdown, else the SDK's own shape; bytes as `{"hex"}`.
    pub content: Value,
    /// Reactions to it (5 and 6; 4 lists them as messages).
    pub reactions: Vec<Message>,
}

impl Message {
    /// Its text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let is_text = self.content_type.as_deref() == Some("xmtp.org/text:1.0");
        self.content.as_str().filter(|_| is_text)
    }
}

/// A member of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Inbox id.
    pub inbox_id: String,
    /// Its installations in the group, hex, sorted.
    pub installations: Vec<String>,
    /// `member`, `admin` or `superAdmin`.
    pub level: String,
    /// Its addresses, sorted.
    pub addresses: Vec<String>,
    /// `unknown`, `allowed` or `denied`.
    pub consent: String,
}

/// An inbox, as the identity log tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inbox {
    /// Inbox id.
    pub inbox_id: String,
    /// The address that may revoke.
    pub recovery: String,
    /// Addresses, sorted.
    pub addresses: Vec<String>,
    /// Installations, hex, sorted.
    pub installations: Vec<String>,
}

/// What a client knows about forks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Debug {
    /// MLS epoch.
    pub epoch: u64,
    /// The SDK's own suspicion.
    pub maybe_forked: bool,
    /// Why.
    pub fork_details: String,
    /// What a comparison of commit logs said, once there was one.
    pub commit_log_forked: Option<bool>,
    /// The first six digits of the epoch authenticator (RFC 9420, 8.7) of each epoch that the client went through.
    pub authenticators: BTreeMap<u64, String>,
    /// The node's id of the commit that brought each epoch.
    pub applied: BTreeMap<u64, u64>,
    /// The client's own log of commits, in the SDK's words.
    pub local_commit_log: String,
    /// What it read of the network's, in the SDK's words.
    pub remote_commit_log: String,
}

/// What a stream yields.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A message.
    Message(Box<Message>),
    /// A conversation that is new to the client.
    Conversation(Box<Conversation>),
    /// Decisions about consent, the SDK's own shape.
    Consent(Value),
    /// Preferences from another installation, the SDK's own shape.
    Preferences(Value),
    /// The stream broke; the SDK tries again.
    Failed,
    /// It is open again.
    Restarted,
    /// It ended for good.
    Ended,
    /// Something went wrong, in the SDK's words.
    Error(String),
}

impl Event {
    pub(super) fn of(name: &str, value: Value) -> Self {
        let shape = |error: serde_json::Error| Self::Error(format!("{name} of another shape: {error}"));
        match name {
            "message" => serde_json::from_value(value).map_or_else(shape, Self::Message),
            "conversation" => serde_json::from_value(value).map_or_else(shape, Self::Conversation),
            "consent" => Self::Consent(value),
            "preferences" => Self::Preferences(value),
            "failed" => Self::Failed,
            "restarted" => Self::Restarted,
            "ended" => Self::Ended,
            _ => Self::Error(value.as_str().unwrap_or_default().to_owned()),
        }
    }

    /// The message, if it is one.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            _ => None,
        }
    }

    /// The conversation, if it is one.
    #[must_use]
    pub fn conversation(&self) -> Option<&Conversation> {
        match self {
            Self::Conversation(conversation) => Some(conversation),
            _ => None,
        }
    }
}
