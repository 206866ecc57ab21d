//! What a client answers, as JSON and as lines for people. Members have the names and values of the SDKs' objects where
//! those have one.

use std::io::{self, Write};

use chancery_xmtp_client::client::{Consent, Conversation, Debug, Delivery, Event, Kind, Member, Message, Synced};
use chancery_xmtp_wire::{
    content::{ContentTypeId, KnownType},
    group::Role,
};
use serde::Serialize;
use serde_json::Value;

use super::{content, request::COMMANDS};

/// What a client answers.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Answer {
    /// Who this is.
    Info {
        /// The inbox.
        inbox_id: String,
        /// This installation's key.
        installation_id: String,
        /// The address of the wallet beside the inbox, if it is there.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        /// The node.
        node: String,
        /// The inbox's file.
        db: String,
    },
    /// Keys of installations.
    Installations {
        /// They.
        installations: Vec<String>,
    },
    /// A conversation.
    Conversation {
        /// It.
        conversation: ConversationView,
    },
    /// Conversations.
    Conversations {
        /// They.
        conversations: Vec<ConversationView>,
    },
    /// Messages of a conversation.
    Messages {
        /// They, in the order of the group.
        messages: Vec<MessageView>,
    },
    /// Members of a conversation.
    Members {
        /// They.
        members: Vec<MemberView>,
    },
    /// A message that the network has.
    Sent {
        /// Its id.
        id: String,
    },
    /// How much was new.
    Synced {
        /// Conversations.
        new_conversations: usize,
        /// Messages.
        new_messages: usize,
    },
    /// Epoch and fork state.
    Debug(DebugView),
    /// Whether what comes in is printed.
    Streaming {
        /// It is.
        streaming: bool,
    },
    /// How the commands are used.
    Commands {
        /// They.
        commands: Vec<&'static str>,
    },
    /// It was done.
    Nothing {},
}

/// A conversation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    id: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    name: String,
    active: bool,
    consent: &'static str,
    created_ns: String,
    paused_for: Option<String>,
}

/// A message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    id: String,
    conversation: String,
    sender: String,
    installation: String,
    sent_ns: String,
    kind: &'static str,
    status: &'static str,
    #[serde(rename = "type")]
    content_type: Option<String>,
    fallback: Option<String>,
    content: Value,
}

/// A member.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    inbox_id: String,
    level: &'static str,
    installations: Vec<String>,
}

/// Epoch and fork state.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DebugView {
    epoch: u64,
    maybe_forked: bool,
    authenticator: String,
    cursor: u64,
    /// Inbox, and up to where its identity log was looked at.
    members: Vec<(String, u64)>,
    pending_intents: usize,
}

/// Something that came in.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum EventView {
    /// A conversation that was not there before.
    Conversation {
        /// It.
        conversation: ConversationView,
    },
    /// A message that was not there before.
    Message {
        /// It.
        message: MessageView,
    },
    /// Something went wrong.
    Error {
        /// Stable code.
        code: String,
        /// In words.
        error: String,
    },
    /// Nothing more comes.
    Ended {},
}

impl Answer {
    /// How the commands of the shell are used.
    #[must_use]
    pub fn commands() -> Self {
        Self::Commands {
            commands: COMMANDS.map(|(_, usage)| usage).to_vec(),
        }
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Info {
                inbox_id,
                installation_id,
                address,
                node,
                db,
            } => {
                writeln!(out, "inbox         {inbox_id}\ninstallation  {installation_id}")?;
                if let Some(address) = address {
                    writeln!(out, "address       {address}")?;
                }
                writeln!(out, "node          {node}\nfile          {db}")
            }
            Self::Installations { installations: lines } => lines.iter().try_for_each(|line| writeln!(out, "{line}")),
            Self::Conversation { conversation } => writeln!(out, "{}", conversation.id),
            Self::Conversations { conversations } => conversations.iter().try_for_each(|found| found.write(out)),
            Self::Messages { messages } => messages.iter().try_for_each(|message| message.write(out)),
            Self::Members { members } => members
                .iter()
                .try_for_each(|member| writeln!(out, "{}  {}", member.inbox_id, member.level)),
            Self::Sent { id } => writeln!(out, "{id}"),
            Self::Synced {
                new_conversations,
                new_messages,
            } => writeln!(
                out,
                "{new_conversations} new conversations, {new_messages} new messages"
            ),
            Self::Debug(debug) => writeln!(out, "epoch {}, forked {}", debug.epoch, debug.maybe_forked),
            Self::Commands { commands } => commands.iter().try_for_each(|usage| writeln!(out, "{usage}")),
            Self::Streaming { .. } | Self::Nothing {} => Ok(()),
        }
    }
}

impl EventView {
    /// Writes it for people.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Conversation { conversation } => conversation.write(out),
            Self::Message { message } => message.write(out),
            Self::Error { code, error } => writeln!(out, "{code}: {error}"),
            Self::Ended {} => Ok(()),
        }
    }
}

impl ConversationView {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let what = self.peer.as_deref().unwrap_or(&self.name);
        let left = if self.active { "" } else { "  (not a member)" };
        writeln!(out, "{}  {}  {what}{left}", self.id, self.kind)
    }
}

impl MessageView {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let said = match (&self.content, &self.fallback) {
            (Value::String(text), _) => text.clone(),
            (Value::Null, Some(fallback)) => fallback.clone(),
            (Value::Null, None) => format!(
                "({})",
                self.content_type.as_deref().unwrap_or("nothing that can be read")
            ),
            (content, _) => content.to_string(),
        };
        writeln!(out, "{}  {}: {said}", self.conversation, self.sender)
    }
}

impl From<Conversation> for ConversationView {
    fn from(found: Conversation) -> Self {
        let (kind, peer) = match found.kind {
            Kind::Group => ("group", None),
            Kind::Dm { peer } => ("dm", Some(peer.to_string())),
        };
        Self {
            id: hex(found.id.as_slice()),
            kind,
            peer,
            name: found.name,
            active: found.active,
            consent: match found.consent {
                Consent::Unknown => "unknown",
                Consent::Allowed => "allowed",
                Consent::Denied => "denied",
            },
            created_ns: found.created_ns.to_string(),
            paused_for: found.paused_for,
        }
    }
}

impl From<Message> for MessageView {
    fn from(found: Message) -> Self {
        let content_type = found.content.as_ref().map(|content| &content.content_type);
        let is_change = content_type.and_then(ContentTypeId::known) == Some(KnownType::GroupUpdated);
        Self {
            id: found.id.to_string(),
            conversation: hex(found.group.as_slice()),
            sender: found.sender.to_string(),
            installation: found.installation.to_string(),
            sent_ns: found.sent_ns.to_string(),
            kind: if is_change { "membership" } else { "application" },
            status: match found.delivery {
                Delivery::Sent => "published",
                Delivery::Pending => "unpublished",
                Delivery::Failed => "failed",
            },
            content_type: content_type.map(ToString::to_string),
            content: found.content.as_ref().map_or(Value::Null, content::shown),
            fallback: found.content.and_then(|content| content.fallback),
        }
    }
}

impl From<Member> for MemberView {
    fn from(found: Member) -> Self {
        let mut installations: Vec<String> = found.installations.iter().map(ToString::to_string).collect();
        installations.sort_unstable();
        Self {
            inbox_id: found.inbox.to_string(),
            level: match found.role {
                Role::Member => "member",
                Role::Admin => "admin",
                Role::SuperAdmin => "superAdmin",
            },
            installations,
        }
    }
}

impl From<Debug> for DebugView {
    fn from(found: Debug) -> Self {
        let member = |(inbox, sequence): (_, u64)| (ToString::to_string(&inbox), sequence);
        Self {
            epoch: found.epoch,
            maybe_forked: found.maybe_forked,
            authenticator: found.epoch_authenticator,
            cursor: found.cursor,
            members: found.members.into_iter().map(member).collect(),
            pending_intents: found.intents.len(),
        }
    }
}

impl From<Synced> for Answer {
    fn from(found: Synced) -> Self {
        Self::Synced {
            new_conversations: found.conversations,
            new_messages: found.messages,
        }
    }
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        match event {
            Event::Conversation(found) => Self::Conversation {
                conversation: found.into(),
            },
            Event::Message(found) => Self::Message { message: found.into() },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
