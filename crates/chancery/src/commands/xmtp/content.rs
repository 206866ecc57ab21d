//! What a message says, as JSON: text as text, other shared types as objects of the SDKs' shapes, and the rest not at all:
//! whoever wrote it says in `fallback` what to show instead.

use chancery_xmtp_wire::{
    content::{
        Content, EncodedContent, GroupUpdated, Reaction, ReactionAction, ReactionSchema, RemoteAttachment, Reply,
    },
    proto::mls::message_contents::group_updated::{Inbox, MetadataFieldChange},
};
use serde_json::{Value, json};

/// How deep replies to replies are shown.
const DEPTH: usize = 4;

/// Type and content; the content is null when the type is unknown, or the content not what its type demands.
#[must_use]
pub fn shown(encoded: &EncodedContent) -> Value {
    at_depth(encoded, DEPTH)
}

fn at_depth(encoded: &EncodedContent, depth: usize) -> Value {
    let Ok(content) = Content::decode(encoded) else {
        return Value::Null;
    };
    match content {
        Content::Text(text) | Content::Markdown(text) => json!(text),
        Content::Reaction(reaction) => self::reaction(&reaction),
        Content::Reply(reply) => self::reply(&reply, depth),
        Content::ReadReceipt | Content::LeaveRequest { .. } => json!({}),
        Content::Attachment(file) => json!({
            "filename": file.filename,
            "mimeType": file.mime_type,
            "contentLength": file.content.len(),
        }),
        Content::RemoteAttachment(file) => remote(&file),
        Content::MultiRemoteAttachment(files) => {
            json!({ "attachments": files.iter().map(remote).collect::<Vec<_>>() })
        }
        Content::TransactionReference(reference) => serde_json::to_value(reference).unwrap_or_default(),
        Content::WalletSendCalls(calls) => serde_json::to_value(calls).unwrap_or_default(),
        Content::GroupUpdated(updated) => group_updated(&updated),
    }
}

fn reaction(reaction: &Reaction) -> Value {
    let action = match reaction.action {
        ReactionAction::Added => "added",
        ReactionAction::Removed => "removed",
    };
    let schema = match reaction.schema {
        ReactionSchema::Unicode => "unicode",
        ReactionSchema::Shortcode => "shortcode",
        ReactionSchema::Custom => "custom",
    };
    json!({
        "reference": reaction.reference,
        "referenceInboxId": reaction.reference_inbox_id,
        "action": action,
        "content": reaction.content,
        "schema": schema,
    })
}

fn reply(reply: &Reply, depth: usize) -> Value {
    let content = match depth.checked_sub(1) {
        Some(depth) => at_depth(&reply.content, depth),
        None => Value::Null,
    };
    json!({
        "reference": reply.reference,
        "referenceInboxId": reply.reference_inbox_id,
        "type": reply.content.content_type.to_string(),
        "content": content,
    })
}

/// Without the secret, which opens the file.
fn remote(file: &RemoteAttachment) -> Value {
    json!({
        "url": file.url,
        "filename": file.filename,
        "contentLength": file.content_length,
    })
}

fn group_updated(updated: &GroupUpdated) -> Value {
    let inboxes = |inboxes: &[Inbox]| -> Value {
        let one = |inbox: &Inbox| json!({ "inboxId": inbox.inbox_id });
        inboxes.iter().map(one).collect()
    };
    let change = |change: &MetadataFieldChange| {
        json!({
            "fieldName": change.field_name,
            "oldValue": change.old_value,
            "newValue": change.new_value,
        })
    };
    json!({
        "initiatedByInboxId": updated.initiated_by_inbox_id,
        "addedInboxes": inboxes(&updated.added_inboxes),
        "removedInboxes": inboxes(&updated.removed_inboxes),
        "leftInboxes": inboxes(&updated.left_inboxes),
        "metadataFieldChanges": updated.metadata_field_changes.iter().map(change).collect::<Value>(),
        "addedAdminInboxes": inboxes(&updated.added_admin_inboxes),
        "removedAdminInboxes": inboxes(&updated.removed_admin_inboxes),
        "addedSuperAdminInboxes": inboxes(&updated.added_super_admin_inboxes),
        "removedSuperAdminInboxes": inboxes(&updated.removed_super_admin_inboxes),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]
    use super::*;

    fn text(text: &str) -> EncodedContent {
        Content::Text(text.to_owned()).encode().unwrap()
    }

    fn reply_to(content: EncodedContent) -> EncodedContent {
        let reply = Reply {
            reference: "ab".repeat(32),
            reference_inbox_id: None,
            content: Box::new(content),
        };
        Content::Reply(reply).encode().unwrap()
    }

    #[test]
    fn text_is_text_and_a_reply_shows_what_it_says() {
        assert_eq!(shown(&text("hello")), json!("hello"));
        let reply = shown(&reply_to(text("re")));
        assert_eq!(
            (&reply["type"], &reply["content"]),
            (&json!("xmtp.org/text:1.0"), &json!("re"))
        );
        assert_eq!(reply["reference"], "ab".repeat(32));
    }

    #[test]
    fn replies_to_replies_end_somewhere() {
        let mut content = text("deep");
        for _ in 0..100 {
            content = reply_to(content);
        }
        let mut shown = shown(&content);
        let mut depth = 0;
        while shown.is_object() {
            shown = shown["content"].take();
            depth += 1;
        }
        assert_eq!((shown, depth), (Value::Null, DEPTH + 1));
    }

    #[test]
    fn what_is_unknown_or_broken_is_null() {
        let unknown = EncodedContent::new("example.org/thing:1.0".parse().unwrap(), "bytes");
        assert_eq!(shown(&unknown), Value::Null);
        let broken = EncodedContent::new(text("").content_type, vec![0xff]);
        assert_eq!(shown(&broken), Value::Null);
    }

    #[test]
    fn the_key_of_a_file_is_not_shown() {
        let file = RemoteAttachment {
            url: "https://example.org/a".to_owned(),
            content_digest: [1; 32],
            secret: [0xab; 32],
            salt: [3; 32],
            nonce: [4; 12],
            scheme: "https://".to_owned(),
            content_length: Some(5),
            filename: Some("a.txt".to_owned()),
        };
        let shown = shown(&Content::RemoteAttachment(file).encode().unwrap());
        assert_eq!(
            shown,
            json!({ "url": "https://example.org/a", "filename": "a.txt", "contentLength": 5 })
        );
    }
}
