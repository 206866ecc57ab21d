//! The body of a delivery.
//!
//! One body for all receivers: the payload's own members when it is an object (OpenClaw reads `message`, `sessionId` and so
//! on from there), `message` in any case, because no OpenClaw takes a delivery without it, and beside them what the
//! original's connector sends (`content`, `senderDid`, `recipientDid`, `requestId`, `metadata`). Receivers ignore what they
//! do not know.

use chancery_connector::{Delivery, Verified};
use chancery_identity::block;
use serde_json::{Map, Value, json};

/// Members that only we may set: a sender must not write them into its payload and be believed.
const OURS: [&str; 7] = [
    "content",
    "senderDid",
    "recipientDid",
    "requestId",
    "metadata",
    "verified",
    "attempt",
];
/// Members by which a caller of OpenClaw's hook chooses session, model and where the answer goes. The owner's configuration
/// decides that, and no peer. The whole payload is in `metadata` all the same.
const ROUTING: [&str; 10] = [
    "agentId",
    "allowUnsafeExternalContent",
    "channel",
    "deliver",
    "model",
    "sessionKey",
    "thinking",
    "timeoutSeconds",
    "to",
    "wakeMode",
];

/// Writes the body of `delivery`; with the sender's identity above the text when `identity_block` is set and the identity
/// is known, and without what would route OpenClaw's answer when `openclaw` is set.
pub(crate) fn render(delivery: &Delivery, identity_block: bool, openclaw: bool) -> Value {
    let payload: Value = serde_json::from_str(delivery.payload.get()).unwrap_or(Value::Null);
    let text = text_of(&payload, delivery.payload.get());
    let message = match &delivery.identity {
        Some(identity) if identity_block => block::prepend(identity, &text),
        _ => text.clone(),
    };
    let mut body = match &payload {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !is_ours(name, openclaw))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        _ => Map::new(),
    };
    let content = match payload.get("content") {
        Some(Value::String(content)) => content.clone(),
        _ => text,
    };
    body.insert("message".to_owned(), message.into());
    body.insert("content".to_owned(), content.into());
    body.insert("senderDid".to_owned(), delivery.from.as_str().into());
    body.insert("recipientDid".to_owned(), delivery.to.as_str().into());
    body.insert("requestId".to_owned(), delivery.id.to_string().into());
    body.insert("metadata".to_owned(), metadata(delivery, payload));
    Value::Object(body)
}

/// Whether a member of the payload must not stand in the body by its own name.
fn is_ours(name: &str, openclaw: bool) -> bool {
    OURS.contains(&name) || (openclaw && ROUTING.contains(&name))
}

fn metadata(delivery: &Delivery, payload: Value) -> Value {
    json!({
        "conversationId": delivery.conversation_id,
        "replyTo": delivery.reply_to,
        "payload": payload,
        "messageId": delivery.message_id,
        "contentType": delivery.content_type,
        "sentAt": delivery.sent_at,
        "verified": delivery.verified.as_str(),
        "endToEnd": delivery.verified == Verified::EndToEnd,
        "attempt": delivery.attempt,
    })
}

/// What an agent reads: `message`, else `content`, else the text that the payload is, else its JSON.
fn text_of(payload: &Value, raw: &str) -> String {
    let member = |name| {
        payload
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
    };
    if let Some(text) = member("message").or_else(|| member("content")) {
        return text.to_owned();
    }
    match payload {
        Value::String(text) if !text.trim().is_empty() => text.clone(),
        _ => raw.to_owned(),
    }
}
