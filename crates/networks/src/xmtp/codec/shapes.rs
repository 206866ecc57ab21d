//! The JSON of the types, read strictly: what a writer put in and nobody would send is an error, not lost.

use std::collections::BTreeMap;

use chancery_base::{b64, hex};
use chancery_xmtp_wire::{
    content::{self, ReactionAction, ReactionSchema},
    convos::{EncryptedImage, MemberKind, MetadataValue, Profile},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Text and Markdown.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    pub(super) text: String,
}

/// What has nothing to say.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Reaction {
    pub(super) reference: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) reference_inbox_id: String,
    pub(super) action: Action,
    pub(super) content: String,
    pub(super) schema: Schema,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Added,
    Removed,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Schema {
    Unicode,
    Shortcode,
    Custom,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) reference: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reference_inbox_id: Option<String>,
    pub(super) content: Nested,
}

/// What a reply says: content of any type.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nested {
    #[serde(rename = "type")]
    pub(super) content_type: String,
    pub(super) payload: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Attachment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) filename: Option<String>,
    pub(super) mime_type: String,
    /// Base64.
    pub(super) data: String,
}

/// A file that lies elsewhere, with what opens it: in hex.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RemoteAttachment {
    url: String,
    content_digest: String,
    secret: String,
    salt: String,
    nonce: String,
    scheme: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_length: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RemoteAttachments {
    pub(super) attachments: Vec<RemoteAttachment>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MemberProfile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encrypted_image: Option<Image>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member_kind: Option<Kind>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, Metadata>,
}

/// A picture; the bytes in base64.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    url: String,
    salt: String,
    nonce: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Agent,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Metadata {
    Flag(bool),
    Number(f64),
    Text(String),
}

/// The profiles of all members, by inbox.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profiles {
    pub(super) profiles: BTreeMap<String, MemberProfile>,
}

impl From<content::Reaction> for Reaction {
    fn from(reaction: content::Reaction) -> Self {
        Self {
            reference: reaction.reference,
            reference_inbox_id: reaction.reference_inbox_id,
            action: match reaction.action {
                ReactionAction::Added => Action::Added,
                ReactionAction::Removed => Action::Removed,
            },
            content: reaction.content,
            schema: match reaction.schema {
                ReactionSchema::Unicode => Schema::Unicode,
                ReactionSchema::Shortcode => Schema::Shortcode,
                ReactionSchema::Custom => Schema::Custom,
            },
        }
    }
}

impl From<Reaction> for content::Reaction {
    fn from(reaction: Reaction) -> Self {
        Self {
            reference: reaction.reference,
            reference_inbox_id: reaction.reference_inbox_id,
            action: match reaction.action {
                Action::Added => ReactionAction::Added,
                Action::Removed => ReactionAction::Removed,
            },
            content: reaction.content,
            schema: match reaction.schema {
                Schema::Unicode => ReactionSchema::Unicode,
                Schema::Shortcode => ReactionSchema::Shortcode,
                Schema::Custom => ReactionSchema::Custom,
            },
        }
    }
}

impl From<content::RemoteAttachment> for RemoteAttachment {
    fn from(file: content::RemoteAttachment) -> Self {
        Self {
            url: file.url,
            content_digest: hex::encode(file.content_digest),
            secret: hex::encode(file.secret),
            salt: hex::encode(file.salt),
            nonce: hex::encode(file.nonce),
            scheme: file.scheme,
            content_length: file.content_length,
            filename: file.filename,
        }
    }
}

impl TryFrom<RemoteAttachment> for content::RemoteAttachment {
    type Error = hex::HexError;

    fn try_from(file: RemoteAttachment) -> Result<Self, hex::HexError> {
        Ok(Self {
            content_digest: hex::decode_array(&file.content_digest)?,
            secret: hex::decode_array(&file.secret)?,
            salt: hex::decode_array(&file.salt)?,
            nonce: hex::decode_array(&file.nonce)?,
            url: file.url,
            scheme: file.scheme,
            content_length: file.content_length,
            filename: file.filename,
        })
    }
}

impl From<Profile> for MemberProfile {
    fn from(profile: Profile) -> Self {
        let value = |value| match value {
            MetadataValue::Text(text) => Metadata::Text(text),
            MetadataValue::Number(number) => Metadata::Number(number),
            MetadataValue::Flag(flag) => Metadata::Flag(flag),
        };
        Self {
            name: profile.name,
            encrypted_image: profile.image.map(|image| Image {
                url: image.url,
                salt: b64::encode_standard(image.salt),
                nonce: b64::encode_standard(image.nonce),
            }),
            member_kind: profile.kind.map(|MemberKind::Agent| Kind::Agent),
            metadata: profile
                .metadata
                .into_iter()
                .map(|(name, held)| (name, value(held)))
                .collect(),
        }
    }
}

impl TryFrom<MemberProfile> for Profile {
    type Error = b64::DecodeError;

    fn try_from(profile: MemberProfile) -> Result<Self, b64::DecodeError> {
        let value = |value| match value {
            Metadata::Text(text) => MetadataValue::Text(text),
            Metadata::Number(number) => MetadataValue::Number(number),
            Metadata::Flag(flag) => MetadataValue::Flag(flag),
        };
        let image = match profile.encrypted_image {
            None => None,
            Some(image) => Some(EncryptedImage {
                salt: b64::decode_standard(&image.salt)?,
                nonce: b64::decode_standard(&image.nonce)?,
                url: image.url,
            }),
        };
        Ok(Self {
            name: profile.name,
            image,
            kind: profile.member_kind.map(|Kind::Agent| MemberKind::Agent),
            metadata: profile
                .metadata
                .into_iter()
                .map(|(name, held)| (name, value(held)))
                .collect(),
        })
    }
}
