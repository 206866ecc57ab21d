//! What a harness asks to be said, checked and ready to be kept.

use chancery_base::short_id;
use chancery_policy::messaging::{ContentTypeId, MessageType, WellKnown};
use chancery_signet_wire::{
    ConversationId, Failure, Json, MessageId, Reference, ResourceKind,
    frame::{SendMessage, SendReaction, SendReply},
};
use chancery_store::rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    network::Content,
    store::{Problem, column::parsed},
    stream::{ids, standing::Standing},
};

/// A content on its way to a chat. What it refers to has our id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) content_type: ContentTypeId,
    nested: Option<ContentTypeId>,
    pub(crate) body: Value,
    /// What a reply answers, or a reaction is about.
    reference: Option<Reference>,
}

impl Draft {
    /// The content of `send_message`.
    pub(crate) fn message(request: &SendMessage) -> Result<Self, Failure> {
        Self::new(request.content_type.clone(), value(&request.content, "content")?)
    }

    /// The content of `send_reply`.
    pub(crate) fn reply(request: &SendReply) -> Result<Self, Failure> {
        let payload = checked(&request.content_type, value(&request.content, "content")?)?;
        let body = json!({
            "reference": request.message_id,
            "content": {"type": request.content_type, "payload": payload},
        });
        Self::new(WellKnown::Reply.into(), body)
    }

    /// The content of `send_reaction`.
    pub(crate) fn reaction(request: &SendReaction) -> Result<Self, Failure> {
        let body = json!({
            "reference": request.message_id,
            "action": request.action,
            "content": request.content,
            "schema": "unicode",
        });
        Self::new(WellKnown::Reaction.into(), body)
    }

    fn new(content_type: ContentTypeId, body: Value) -> Result<Self, Failure> {
        let body = checked(&content_type, body)?;
        let refers = content_type.is_reply() || content_type.as_str().starts_with("xmtp.org/reaction:");
        let reference = match body.get("reference") {
            Some(Value::String(text)) if refers => Some(
                text.parse()
                    .map_err(|error: chancery_signet_wire::TextError| invalid("content.reference", error))?,
            ),
            _ if refers => return Err(invalid("content.reference", "expected the id of a message")),
            _ => None,
        };
        let nested = match content_type.is_reply() {
            true => body.pointer("/content/type").and_then(Value::as_str),
            false => None,
        };
        Ok(Self {
            nested: nested.and_then(|text| text.parse().ok()),
            content_type,
            body,
            reference,
        })
    }

    /// As the policy asks about it.
    pub(crate) fn message_type(&self) -> MessageType<'_> {
        MessageType {
            id: &self.content_type,
            nested: self.nested.as_ref(),
        }
    }

    /// As the network takes it, with the network's name for what it refers to. Only what is of `chat` can be referred to:
    /// whatever else an id names is not found.
    pub(crate) fn resolved(&self, sql: &Connection, chat: ConversationId) -> Result<Result<Content, Failure>, Problem> {
        let mut body = self.body.clone();
        if let Some(reference) = &self.reference {
            let Some(name) = referred(sql, reference, chat)? else {
                return Ok(Err(Failure::not_found("message", reference.as_str())));
            };
            if let Some(slot) = body.get_mut("reference") {
                *slot = Value::String(name.0);
            }
        }
        Ok(Ok(Content {
            content_type: self.content_type.to_string(),
            body,
        }))
    }
}

fn referred(
    sql: &Connection,
    reference: &Reference,
    chat: ConversationId,
) -> Result<Option<crate::network::MessageName>, Problem> {
    let Some(id) = message_of(sql, reference, chat)? else {
        return Ok(None);
    };
    Ok(ids::message_in(sql, id, chat)?.map(|(name, _)| name))
}

/// The message of `chat` that `reference` names, in full or by its beginning.
pub(crate) fn message_of(
    sql: &Connection,
    reference: &Reference,
    chat: ConversationId,
) -> Result<Option<MessageId>, Problem> {
    if let Ok(id) = reference.as_str().parse() {
        return Ok(Some(id));
    }
    let prefix = ResourceKind::Message.prefix();
    let digits = reference.as_str().strip_prefix(prefix).unwrap_or(reference.as_str());
    if !short_id::is_digits(digits) {
        return Ok(None);
    }
    let found = sql
        .prepare_cached("SELECT id FROM messages WHERE id >= ?1 AND id < ?1 || 'g' AND chat_id = ?2 LIMIT 2")?
        .query_map([format!("{prefix}{digits}"), chat.to_string()], |row| parsed(row, 0))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(match found.as_slice() {
        [one] => Some(*one),
        _ => None,
    })
}

/// The chat that `reference` names, in full or by its beginning. One that is not covered is told by what was asked for.
pub(crate) fn chat_of(standing: &Standing, reference: &Reference) -> Result<ConversationId, Failure> {
    let outside = || Failure::from(chancery_policy::messaging::Refusal::Chat(reference.to_string()));
    if let Ok(id) = reference.as_str().parse() {
        return Ok(id);
    }
    let texts: Vec<String> = standing.inboxes.iter().map(|(chat, _)| chat.to_string()).collect();
    let prefixes = [ResourceKind::Conversation.prefix()];
    let found = short_id::resolve(reference.as_str(), &prefixes, texts.iter().map(String::as_str));
    found.ok().and_then(|id| id.parse().ok()).ok_or_else(outside)
}

fn value(content: &Json, field: &str) -> Result<Value, Failure> {
    content.read().map_err(|error| invalid(field, error))
}

/// `body` in the shape that its type has, as far as that is known (signet spec 3).
fn checked(content_type: &ContentTypeId, body: Value) -> Result<Value, Failure> {
    match content_type.known() {
        Some(WellKnown::Text) => match &body {
            // what has nothing but a text is also written as one
            Value::String(text) if !text.is_empty() => Ok(json!({ "text": text })),
            Value::Object(members)
                if members
                    .get("text")
                    .and_then(Value::as_str)
                    .is_some_and(|t| !t.is_empty()) =>
            {
                Ok(body)
            }
            _ => Err(invalid("content.text", "expected text of at least one character")),
        },
        Some(WellKnown::Reaction) => {
            let word = |name: &str, words: &[&str]| {
                let found = body.get(name).and_then(Value::as_str);
                found.is_some_and(|word| words.is_empty() || words.contains(&word))
            };
            let well = word("action", &["added", "removed"])
                && word("schema", &["unicode", "shortcode", "custom"])
                && word("content", &[]);
            well.then_some(body)
                .ok_or_else(|| invalid("content", "expected reference, action, content and schema"))
        }
        Some(WellKnown::Reply) => {
            let payload = body.pointer("/content/payload").is_some();
            let typed = body.pointer("/content/type").is_some_and(Value::is_string);
            (payload && typed)
                .then_some(body)
                .ok_or_else(|| invalid("content", "expected reference and content with type and payload"))
        }
        _ => Ok(body),
    }
}

fn invalid(field: &str, reason: impl std::fmt::Display) -> Failure {
    Failure::validation(field, &reason.to_string())
}
