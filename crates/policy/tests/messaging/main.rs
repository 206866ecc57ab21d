//! The messaging side, theme by theme as signet spec 13 lists them. What is expected comes from the spec's tables, written
//! out again here, and from `vectors/signet.json`.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod actions;
mod chats;
mod content_types;
mod materiality;
mod projection;
mod reveals;
mod scopes;
mod visibility;
mod windows;

use std::collections::BTreeSet;

use chancery_base::Millis;
use chancery_policy::messaging::{ContentTypeId, Message, MessageType, Scope, Scopes};

const CHAT: &str = "conv_00000000000000c1";
const OTHER_CHAT: &str = "conv_00000000000000c2";

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn scopes(texts: &[&str]) -> Scopes {
    texts.iter().copied().map(scope).collect()
}

fn id(text: &str) -> ContentTypeId {
    text.parse().unwrap()
}

fn ids(texts: &[&str]) -> BTreeSet<ContentTypeId> {
    texts.iter().copied().map(id).collect()
}

fn time(text: &str) -> Millis {
    Millis::parse_rfc3339(text).unwrap()
}

/// A text in `CHAT`, which the tests change where they need something else.
fn text_message<'a>(content_type: &'a ContentTypeId) -> Message<'a, str> {
    Message {
        id: "msg_0000000000000001",
        chat: CHAT,
        sender: "alice",
        message_type: MessageType::plain(content_type),
        content: "hi",
        sent_at: Millis(1000),
        reference: None,
        seal: None,
    }
}
