//! From XMTP's bytes to JSON.

use chancery_base::{b64, json};
use chancery_policy::messaging::{ContentTypeId, WellKnown};
use chancery_signet::network::Content;
use chancery_xmtp_wire::{
    content::{Content as Wire, EncodedContent, GroupUpdated},
    convos::ProfileMessage,
    proto::mls::message_contents::group_updated::{Inbox, MetadataFieldChange},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{DEPTH, UNREADABLE, shapes};

/// What content says.
#[must_use]
pub fn read(encoded: &EncodedContent) -> Content {
    at_depth(encoded, DEPTH)
}

/// What stands for content that cannot be read, or is not there any more.
#[must_use]
pub fn unreadable() -> Content {
    without_content(UNREADABLE, None)
}

fn at_depth(encoded: &EncodedContent, depth: usize) -> Content {
    let id = &encoded.content_type;
    let fallback = encoded.fallback.as_deref();
    let Ok(named) = ContentTypeId::from_network(&id.authority, &id.name, id.major, id.minor) else {
        return without_content(UNREADABLE, fallback);
    };
    let body = match named.known() {
        Some(
            WellKnown::AgentSeal
            | WellKnown::AgentRevocation
            | WellKnown::AgentLiveness
            | WellKnown::VerificationRequest
            | WellKnown::VerificationStatement
            | WellKnown::JoinRequest
            | WellKnown::InviteJoinError,
        ) => object(encoded),
        Some(WellKnown::ProfileUpdate | WellKnown::ProfileSnapshot) => profiles(encoded),
        _ if id.known().is_some() => Wire::decode(encoded).ok().and_then(|wire| shared(wire, depth)),
        _ => return without_content(named.as_str(), fallback),
    };
    match body {
        Some(body) => Content {
            content_type: named.as_str().to_owned(),
            body,
        },
        None => without_content(UNREADABLE, fallback),
    }
}

fn without_content(content_type: &str, fallback: Option<&str>) -> Content {
    let mut body = Map::new();
    if let Some(fallback) = fallback {
        body.insert("fallback".to_owned(), fallback.into());
    }
    Content {
        content_type: content_type.to_owned(),
        body: body.into(),
    }
}

/// A type whose content is a JSON object, or a JSON string that holds one, as some write it.
fn object(encoded: &EncodedContent) -> Option<Value> {
    let bytes = encoded.inflated().ok()?;
    match json::from_slice_strict(&bytes).ok()? {
        object @ Value::Object(_) => Some(object),
        Value::String(text) => json::from_slice_strict(text.as_bytes()).ok().filter(Value::is_object),
        _ => None,
    }
}

fn profiles(encoded: &EncodedContent) -> Option<Value> {
    match ProfileMessage::decode(encoded).ok()? {
        ProfileMessage::Update(profile) => value(&shapes::MemberProfile::from(profile)),
        ProfileMessage::Snapshot(profiles) => value(&shapes::Profiles {
            profiles: profiles
                .into_iter()
                .map(|(inbox, profile)| (inbox.to_string(), profile.into()))
                .collect(),
        }),
    }
}

fn shared(wire: Wire, depth: usize) -> Option<Value> {
    match wire {
        Wire::Text(text) | Wire::Markdown(text) => value(&shapes::Text { text }),
        Wire::Reaction(reaction) => value(&shapes::Reaction::from(reaction)),
        Wire::Reply(reply) => {
            let nested = at_depth(&reply.content, depth.checked_sub(1)?);
            value(&shapes::Reply {
                reference: reply.reference,
                reference_inbox_id: reply.reference_inbox_id,
                content: shapes::Nested {
                    content_type: nested.content_type,
                    payload: nested.body,
                },
            })
        }
        Wire::ReadReceipt | Wire::LeaveRequest { .. } => value(&shapes::Nothing {}),
        Wire::Attachment(file) => value(&shapes::Attachment {
            filename: file.filename,
            mime_type: file.mime_type,
            data: b64::encode_standard(&file.content),
        }),
        Wire::RemoteAttachment(file) => value(&shapes::RemoteAttachment::from(file)),
        Wire::MultiRemoteAttachment(files) => value(&shapes::RemoteAttachments {
            attachments: files.into_iter().map(Into::into).collect(),
        }),
        Wire::TransactionReference(reference) => value(&reference),
        Wire::WalletSendCalls(calls) => value(&calls),
        Wire::GroupUpdated(updated) => Some(group_updated(&updated)),
    }
}

fn value(shape: &impl Serialize) -> Option<Value> {
    serde_json::to_value(shape).ok()
}

/// The four fields that the signet has always, and what else changed where something did.
fn group_updated(updated: &GroupUpdated) -> Value {
    let change = |change: &MetadataFieldChange| {
        json!({
            "fieldName": change.field_name,
            "oldValue": change.old_value,
            "newValue": change.new_value,
        })
    };
    let mut body = json!({
        "initiatedByInboxId": updated.initiated_by_inbox_id,
        "addedInboxes": inboxes(&updated.added_inboxes),
        "removedInboxes": inboxes(&updated.removed_inboxes),
        "metadataFieldsChanged": updated.metadata_field_changes.iter().map(change).collect::<Value>(),
    });
    let more = [
        ("leftInboxes", &updated.left_inboxes),
        ("addedAdminInboxes", &updated.added_admin_inboxes),
        ("removedAdminInboxes", &updated.removed_admin_inboxes),
        ("addedSuperAdminInboxes", &updated.added_super_admin_inboxes),
        ("removedSuperAdminInboxes", &updated.removed_super_admin_inboxes),
    ];
    if let Some(body) = body.as_object_mut() {
        for (name, list) in more.into_iter().filter(|(_, list)| !list.is_empty()) {
            body.insert(name.to_owned(), inboxes(list));
        }
    }
    body
}

fn inboxes(inboxes: &[Inbox]) -> Value {
    let one = |inbox: &Inbox| json!({ "inboxId": inbox.inbox_id });
    inboxes.iter().map(one).collect()
}
