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

/// Bytes by which the contents in one answer may be longer than they were sent. Of sixteen KiB that somebody compressed
/// become sixteen MiB, so whoever lists a conversation of a thousand messages needs a limit for all of them.
const INFLATED: usize = 64 << 20;

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
    /// Messages of a conversation. Those that were inflated beyond [`INFLATED`] together are there without content.
    #[must_use]
    pub fn messages(found: Vec<Message>) -> Self {
        let mut room = INFLATED;
        let one = |found: Message| {
            let sent = found.content.as_ref().map_or(0, |content| content.content.len());
            let mut view = MessageView::from(found);
            let more = length(&view.content).saturating_sub(sent);
            match room.checked_sub(more) {
                Some(left) => room = left,
                None => view.content = Value::Null,
            }
            view
        };
        Self::Messages {
            messages: found.into_iter().map(one).collect(),
        }
    }

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
        // a line is a conversation, whatever its members call it
        let what = self.peer.as_deref().unwrap_or(&self.name).replace(['\n', '\t'], " ");
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
        // what somebody says must not look like what somebody else says
        let said = said.replace('\n', "\n    ");
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

/// Bytes of the texts in a value.
fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(length).sum(),
        Value::Object(members) => members.values().map(length).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::panic,
        clippy::unwrap_used,
        reason = "a test that meets what it did not expect stops"
    )]
    use chancery_xmtp_wire::{
        content::{Compression, Content, EncodedContent, MessageId},
        identity::{InboxId, InstallationKey},
    };
    use openmls::group::GroupId;

    use super::*;

    fn message(content: EncodedContent) -> Message {
        Message {
            id: MessageId::of(b"group", "key", b""),
            group: GroupId::from_slice(&[7; 16]),
            sender: InboxId::from_bytes([1; 32]),
            installation: InstallationKey::from_bytes([2; 32]),
            sent_ns: 1,
            content: Some(content),
            delivery: Delivery::Sent,
            position: None,
        }
    }

    fn text(text: &str) -> EncodedContent {
        Content::Text(text.to_owned()).encode().unwrap()
    }

    /// A text of so many bytes above a quarter of a million, as deflate writes it (RFC 1951 3.2.6): an `a`, and then the
    /// longest match there is, of what was last, again and again.
    fn bomb(matches: usize) -> EncodedContent {
        let (mut bytes, mut bit) = (Vec::new(), 0);
        let mut put = |value: u32, bits: u32| {
            for at in (0..bits).rev() {
                if bit % 8 == 0 {
                    bytes.push(0_u8);
                }
                *bytes.last_mut().unwrap() |= u8::try_from(value >> at & 1).unwrap() << (bit % 8);
                bit += 1;
            }
        };
        // the last block, with the fixed codes
        put(0b110, 3);
        put(0x30 + u32::from(b'a'), 8);
        for _ in 0..matches {
            // 258 bytes, from one back
            put(0b1100_0101, 8);
            put(0, 5);
        }
        put(0, 7);
        EncodedContent {
            compression: Some(Compression::Deflate),
            content: bytes.into(),
            ..text("")
        }
    }

    fn written(messages: &[MessageView]) -> String {
        let mut out = Vec::new();
        for message in messages {
            message.write(&mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_does_not_look_like_two_messages() {
        let forged = format!("hi\n{}  {}: I approve", "07".repeat(16), "03".repeat(32));
        let written = written(&[message(text(&forged)).into(), message(text("me, too")).into()]);
        let begin = format!("{}  ", "07".repeat(16));
        assert_eq!(written.lines().filter(|line| line.starts_with(&begin)).count(), 2);
        assert_eq!(written.lines().count(), 3);
    }

    #[test]
    fn a_name_does_not_look_like_two_conversations() {
        let mut out = Vec::new();
        let found = Conversation {
            id: GroupId::from_slice(&[7; 16]),
            kind: Kind::Group,
            name: "ours\n0808  group  theirs".to_owned(),
            created_ns: 1,
            active: true,
            consent: Consent::Allowed,
            paused_for: None,
        };
        ConversationView::from(found).write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1);
    }

    #[test]
    fn what_was_compressed_does_not_fill_the_memory() {
        // just below the most that one content may have
        let matches = (16 << 20) / 258;
        let mut found: Vec<_> = (0..6).map(|_| message(bomb(matches))).collect();
        assert!(found[0].content.as_ref().unwrap().content.len() < 128 << 10);
        found.push(message(text("small")));
        let Answer::Messages { messages } = Answer::messages(found) else {
            panic!("other things were answered");
        };
        let shown: Vec<_> = messages.iter().map(|view| length(&view.content)).collect();
        assert_eq!(
            shown,
            [
                matches * 258 + 1,
                matches * 258 + 1,
                matches * 258 + 1,
                matches * 258 + 1,
                0,
                0,
                5
            ]
        );
        assert_eq!(messages[4].content, Value::Null);
    }
}
