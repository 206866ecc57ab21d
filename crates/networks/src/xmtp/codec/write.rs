//! From JSON to XMTP's bytes.

use chancery_base::{b64, json};
use chancery_policy::messaging::{ContentTypeId, WellKnown};
use chancery_signet::network::{Content, NetworkError};
use chancery_xmtp_wire::{
    content::{
        Attachment, Content as Wire, ContentTypeId as WireId, EncodedContent, KnownType, RemoteAttachment, Reply,
    },
    convos::{Profile, ProfileMessage},
    identity::InboxId,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{DEPTH, MAX_CONTENT, shapes};

/// Content as it is sent, with what to show where it cannot be.
///
/// # Errors
/// [`NetworkError::Invalid`] when the type is not known here, is never sent, or the body is not what it demands; when it is
/// larger than [`MAX_CONTENT`].
pub fn write(content: &Content) -> Result<EncodedContent, NetworkError> {
    let encoded = at_depth(&content.content_type, &content.body, DEPTH)?;
    if encoded.encode().len() > MAX_CONTENT {
        return Err(invalid(format!("content of more than {MAX_CONTENT} bytes")));
    }
    Ok(encoded)
}

fn at_depth(content_type: &str, body: &Value, depth: usize) -> Result<EncodedContent, NetworkError> {
    let id: ContentTypeId = content_type
        .parse()
        .map_err(|_| invalid(format!("{content_type} is no content type")))?;
    let named = id.as_str();
    let Some(known) = id.known() else {
        return other(named, body);
    };
    let wire = match known {
        WellKnown::Text => Wire::Text(text(named, body)?),
        WellKnown::Reaction => Wire::Reaction(shape::<shapes::Reaction>(named, body)?.into()),
        WellKnown::Reply => Wire::Reply(reply(named, body, depth)?),
        WellKnown::ReadReceipt => {
            shape::<shapes::Nothing>(named, body)?;
            Wire::ReadReceipt
        }
        WellKnown::GroupUpdated => return Err(invalid(format!("{named} is made of changes and never sent"))),
        WellKnown::AgentSeal => return object(named, body, Some("The seal of an agent")),
        WellKnown::AgentRevocation => return object(named, body, Some("The seal of an agent was revoked")),
        WellKnown::AgentLiveness => return object(named, body, None),
        WellKnown::VerificationRequest => return object(named, body, Some("A seal is to be verified")),
        WellKnown::VerificationStatement => return object(named, body, Some("A seal was looked at")),
        WellKnown::JoinRequest => {
            let slug = body.get("inviteSlug").and_then(Value::as_str);
            return object(named, body, slug);
        }
        WellKnown::InviteJoinError => return object(named, body, None),
        WellKnown::ProfileUpdate => {
            let profile = profile(named, shape(named, body)?)?;
            return Ok(ProfileMessage::Update(profile).encode());
        }
        WellKnown::ProfileSnapshot => return snapshot(named, body),
    };
    encode(named, &wire)
}

/// The shared types that the signet has no name of its own for.
fn other(named: &str, body: &Value) -> Result<EncodedContent, NetworkError> {
    let known = named.parse::<WireId>().ok().and_then(|id| id.known());
    let wire = match known {
        Some(KnownType::Markdown) => Wire::Markdown(text(named, body)?),
        Some(KnownType::Attachment) => {
            let file: shapes::Attachment = shape(named, body)?;
            Wire::Attachment(Attachment {
                filename: file.filename,
                mime_type: file.mime_type,
                content: b64::decode_standard(&file.data)
                    .map_err(|_| invalid(format!("{named}: data is no base64")))?
                    .into(),
            })
        }
        Some(KnownType::RemoteAttachment) => Wire::RemoteAttachment(remote(named, shape(named, body)?)?),
        Some(KnownType::MultiRemoteAttachment) => {
            let files: shapes::RemoteAttachments = shape(named, body)?;
            let files = files.attachments.into_iter().map(|file| remote(named, file));
            Wire::MultiRemoteAttachment(files.collect::<Result<_, _>>()?)
        }
        Some(KnownType::TransactionReference) => Wire::TransactionReference(shape(named, body)?),
        Some(KnownType::WalletSendCalls) => Wire::WalletSendCalls(shape(named, body)?),
        _ => return Err(invalid(format!("{named} cannot be written"))),
    };
    encode(named, &wire)
}

fn encode(named: &str, wire: &Wire) -> Result<EncodedContent, NetworkError> {
    wire.encode().map_err(|error| invalid(format!("{named}: {error}")))
}

fn text(named: &str, body: &Value) -> Result<String, NetworkError> {
    let shapes::Text { text } = shape(named, body)?;
    if text.is_empty() {
        return Err(invalid(format!("{named}: there is no text")));
    }
    Ok(text)
}

fn reply(named: &str, body: &Value, depth: usize) -> Result<Reply, NetworkError> {
    let reply: shapes::Reply = shape(named, body)?;
    let depth = depth
        .checked_sub(1)
        .ok_or_else(|| invalid(format!("{named}: too many replies in each other")))?;
    Ok(Reply {
        reference: reply.reference,
        reference_inbox_id: reply.reference_inbox_id,
        content: Box::new(at_depth(&reply.content.content_type, &reply.content.payload, depth)?),
    })
}

fn remote(named: &str, file: shapes::RemoteAttachment) -> Result<RemoteAttachment, NetworkError> {
    file.try_into().map_err(|error| invalid(format!("{named}: {error}")))
}

fn profile(named: &str, profile: shapes::MemberProfile) -> Result<Profile, NetworkError> {
    profile.try_into().map_err(|error| invalid(format!("{named}: {error}")))
}

fn snapshot(named: &str, body: &Value) -> Result<EncodedContent, NetworkError> {
    let shapes::Profiles { profiles } = shape(named, body)?;
    let mut written = Vec::with_capacity(profiles.len());
    for (inbox, of) in profiles {
        let inbox: InboxId = inbox
            .parse()
            .map_err(|_| invalid(format!("{named}: {inbox} is no inbox")))?;
        written.push((inbox, profile(named, of)?));
    }
    Ok(ProfileMessage::Snapshot(written).encode())
}

/// A type whose content is a JSON object: canonically, so that it is the same bytes each time.
fn object(named: &str, body: &Value, fallback: Option<&str>) -> Result<EncodedContent, NetworkError> {
    let id: WireId = named
        .parse()
        .map_err(|_| invalid(format!("{named} is no content type")))?;
    if !body.is_object() {
        return Err(invalid(format!("{named}: the content is no object")));
    }
    let bytes = json::canonical(body).map_err(|error| invalid(format!("{named}: {error}")))?;
    Ok(EncodedContent {
        fallback: fallback.map(str::to_owned),
        ..EncodedContent::new(id, bytes)
    })
}

fn shape<T: DeserializeOwned>(named: &str, body: &Value) -> Result<T, NetworkError> {
    T::deserialize(body).map_err(|error| invalid(format!("{named}: {error}")))
}

fn invalid(what: String) -> NetworkError {
    NetworkError::Invalid(what)
}
