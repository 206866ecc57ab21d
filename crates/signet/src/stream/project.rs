//! What the network says, as a credential's harness is told it.

use chancery_policy::messaging::{self, ContentTypeId, Occasion, Projected, Visibility};
use chancery_signet_wire::{
    ConversationId, Json, MessageId,
    frame::{Event, MessageRevealed, MessageVisible},
};
use serde_json::Value;

use crate::network;

/// A message under local ids, with its types read.
pub(crate) struct Local {
    pub(crate) id: MessageId,
    pub(crate) chat: ConversationId,
    pub(crate) sender: String,
    pub(crate) content_type: ContentTypeId,
    nested: Option<ContentTypeId>,
    pub(crate) content: Json,
    pub(crate) sent_at: chancery_base::Millis,
    /// The message that it replies to, when that came by.
    pub(crate) thread: Option<MessageId>,
    texts: Texts,
}

/// Ids as projection compares them.
struct Texts {
    id: String,
    chat: String,
    reference: Option<String>,
}

impl Local {
    /// `message` under these ids. `reference` is the local id of what `find` gives for the network's. `None` when its content
    /// type is none: nothing is known to let it through.
    pub(crate) fn new(
        message: network::Message,
        (id, chat): (MessageId, ConversationId),
        thread: Option<MessageId>,
        reference: Option<MessageId>,
    ) -> Option<Self> {
        let content_type: ContentTypeId = message.content.content_type.parse().ok()?;
        let nested = content_type.is_reply().then(|| nested(&message.content.body)).flatten();
        let body = with_local_reference(message.content.body, reference);
        let thread = thread.filter(|_| content_type.is_reply());
        Some(Self {
            texts: Texts {
                id: id.to_string(),
                chat: chat.to_string(),
                reference: thread.or(reference).map(|id| id.to_string()),
            },
            id,
            chat,
            sender: message.sender.0,
            nested,
            content_type,
            content: Json::of(&body).ok()?,
            sent_at: message.sent_at,
            thread,
        })
    }

    /// As projection takes it.
    pub(crate) fn as_message(&self) -> messaging::Message<'_, Json> {
        messaging::Message {
            id: &self.texts.id,
            chat: &self.texts.chat,
            sender: &self.sender,
            message_type: messaging::MessageType {
                id: &self.content_type,
                nested: self.nested.as_ref(),
            },
            content: &self.content,
            sent_at: self.sent_at,
            reference: self.texts.reference.as_deref(),
            seal: None,
        }
    }

    /// `message.visible`, of what went through projection.
    pub(crate) fn visible(&self, seen: &Projected<'_, Json>) -> MessageVisible {
        MessageVisible {
            message_id: self.id,
            group_id: self.chat,
            sender_inbox_id: seen.sender().to_owned(),
            content_type: seen.content_type().clone(),
            content: seen.content().cloned().unwrap_or_else(Json::null),
            visibility: seen.visibility(),
            sent_at: seen.sent_at().into(),
            seal_id: None,
            thread_id: self.thread,
            provenance_status: None,
        }
    }

    /// `message.revealed`. `None` when there is no content to reveal.
    pub(crate) fn revealed(&self, seen: &Projected<'_, Json>, reveal: &str) -> Option<Event> {
        Some(Event::MessageRevealed(MessageRevealed {
            message_id: self.id,
            group_id: self.chat,
            content_type: seen.content_type().clone(),
            content: seen.content()?.clone(),
            reveal_id: reveal.to_owned(),
        }))
    }
}

/// The type of what a reply holds, as its content names it.
fn nested(body: &Value) -> Option<ContentTypeId> {
    body.get("content")?.get("type")?.as_str()?.parse().ok()
}

/// The content with our id for what it refers to. What did not come by stays without a name: the network's own never leave
/// the signet.
fn with_local_reference(mut body: Value, reference: Option<MessageId>) -> Value {
    if let Some(slot) = body.get_mut("reference").filter(|slot| slot.is_string()) {
        *slot = reference.map_or(Value::Null, |id| Value::String(id.to_string()));
    }
    body
}

/// The message that a content refers to, as the network names it: a reply names its parent, a reaction its object.
pub(crate) fn reference(message: &network::Message) -> Option<network::MessageName> {
    let named = || {
        let name = message.content.body.get("reference")?.as_str()?;
        Some(network::MessageName(name.to_owned()))
    };
    message.reply_to.clone().or_else(named)
}

/// How long ago a message may have been sent and still be news when it was read after a pause: shorter interruptions of the
/// network must not make an agent take a fresh word for history, and after longer ones answering would surprise.
pub(crate) const FRESH_MS: i64 = 60_000;

/// On what occasion a message is told that the log of an inbox brought.
///
/// What was sent while the signet was away is told as a frame is that a harness missed: it is tagged as history, and it takes
/// no `read-history`, since it would have been let through had the signet been there. A restart thus takes nothing from a
/// credential that was in force all the time. What was sent before the credential was issued is history by another rule, and
/// takes the scope. What the inbox itself said is told as history, too, for nobody answers themselves.
pub(crate) fn occasion(own: bool, late: bool) -> Occasion {
    match (own, late) {
        (true, _) => Occasion::Own,
        (false, true) => Occasion::Replay,
        (false, false) => Occasion::Live,
    }
}

/// The name of each form that a message is told in.
pub(crate) fn form(visibility: Visibility) -> &'static str {
    visibility.as_str()
}
