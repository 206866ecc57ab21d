//! How members of a group show themselves (signet spec 10.6).

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use super::{ConvosError, wire};
use crate::{
    content::{ContentTypeId, EncodedContent},
    identity::InboxId,
};

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// An agent.
    Agent,
}

/// A picture that lies elsewhere, encrypted. One that is not encrypted has no place in a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedImage {
    /// Where it lies.
    pub url: String,
    /// The salt of its key.
    pub salt: Vec<u8>,
    /// The nonce under which it is encrypted.
    pub nonce: Vec<u8>,
}

/// A value that an app attached.
#[derive(Debug, Clone, PartialEq)]
pub enum MetadataValue {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
}

/// How a member shows itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    /// Its name.
    pub name: Option<String>,
    /// Its picture.
    pub image: Option<EncryptedImage>,
    /// What it is, if it says so.
    pub kind: Option<MemberKind>,
    /// What apps attached.
    pub metadata: BTreeMap<String, MetadataValue>,
}

/// A message about profiles.
#[derive(Debug, Clone, PartialEq)]
pub enum ProfileMessage {
    /// The sender's own.
    Update(Profile),
    /// Those of all members, for somebody new.
    Snapshot(Vec<(InboxId, Profile)>),
}

fn id(name: &str) -> ContentTypeId {
    ContentTypeId {
        authority: "convos.org".to_owned(),
        name: name.to_owned(),
        major: 1,
        minor: 0,
    }
}

const UPDATE: &str = "profile_update";
const SNAPSHOT: &str = "profile_snapshot";

impl ProfileMessage {
    /// Whether content of this type is about profiles.
    #[must_use]
    pub fn is_type(id: &ContentTypeId) -> bool {
        id.authority == "convos.org" && id.major == 1 && [UPDATE, SNAPSHOT].contains(&id.name.as_str())
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> EncodedContent {
        match self {
            Self::Update(profile) => {
                let profile = profile.clone().into_wire();
                EncodedContent::new(id(UPDATE), profile.encode_to_vec())
            }
            Self::Snapshot(profiles) => {
                let profiles = profiles.iter().map(|(inbox_id, profile)| {
                    let wire = profile.clone().into_wire();
                    wire::MemberProfile {
                        inbox_id: inbox_id.to_bytes().to_vec(),
                        name: wire.name,
                        encrypted_image: wire.encrypted_image,
                        member_kind: wire.member_kind,
                        metadata: wire.metadata,
                    }
                });
                let snapshot = wire::ProfileSnapshot {
                    profiles: profiles.collect(),
                };
                EncodedContent::new(id(SNAPSHOT), snapshot.encode_to_vec())
            }
        }
    }

    /// Reads it. Entries of a snapshot whose inbox cannot be are passed over.
    ///
    /// # Errors
    /// [`ConvosError::Malformed`], also for another type.
    pub fn decode(encoded: &EncodedContent) -> Result<Self, ConvosError> {
        let error = ConvosError::Malformed("profile");
        if !Self::is_type(&encoded.content_type) {
            return Err(error);
        }
        let content = encoded.inflated().map_err(|_| error)?;
        if encoded.content_type.name == UPDATE {
            let update = wire::ProfileUpdate::decode(content).map_err(|_| error)?;
            return Ok(Self::Update(Profile::from_wire(update)));
        }
        let snapshot = wire::ProfileSnapshot::decode(content).map_err(|_| error)?;
        let each = snapshot.profiles.into_iter().filter_map(|member| {
            let inbox_id = InboxId::from_bytes(member.inbox_id.try_into().ok()?);
            let profile = Profile::from_wire(wire::ProfileUpdate {
                name: member.name,
                encrypted_image: member.encrypted_image,
                member_kind: member.member_kind,
                metadata: member.metadata,
            });
            Some((inbox_id, profile))
        });
        Ok(Self::Snapshot(each.collect()))
    }
}

impl Profile {
    fn into_wire(self) -> wire::ProfileUpdate {
        let value = |value| match value {
            MetadataValue::Text(text) => wire::Value::Text(text),
            MetadataValue::Number(number) => wire::Value::Number(number),
            MetadataValue::Flag(flag) => wire::Value::Flag(flag),
        };
        let metadata = self.metadata.into_iter().map(|(name, held)| {
            let held = wire::MetadataValue {
                value: Some(value(held)),
            };
            (name, held)
        });
        wire::ProfileUpdate {
            name: self.name,
            encrypted_image: self.image.map(|image| wire::EncryptedImage {
                url: image.url,
                salt: image.salt,
                nonce: image.nonce,
            }),
            member_kind: self.kind.map(|MemberKind::Agent| 1),
            metadata: metadata.collect(),
        }
    }

    fn from_wire(wire: wire::ProfileUpdate) -> Self {
        let value = |value| match value {
            wire::Value::Text(text) => MetadataValue::Text(text),
            wire::Value::Number(number) => MetadataValue::Number(number),
            wire::Value::Flag(flag) => MetadataValue::Flag(flag),
        };
        let metadata = wire.metadata.into_iter();
        Self {
            name: wire.name.filter(|name| !name.is_empty()),
            image: wire.encrypted_image.map(|image| EncryptedImage {
                url: image.url,
                salt: image.salt,
                nonce: image.nonce,
            }),
            kind: wire.member_kind.filter(|kind| *kind == 1).map(|_| MemberKind::Agent),
            metadata: metadata
                .filter_map(|(name, held)| Some((name, value(held.value?))))
                .collect(),
        }
    }
}

/// How each member shows itself, by the messages about it in the order in which they were sent, each with its sender.
///
/// What members say of themselves counts before what somebody's snapshot says of them, however new that is: a snapshot is
/// a claim about others. Among the one and among the other, the newest counts.
#[must_use]
pub fn resolve(messages: impl IntoIterator<Item = (InboxId, ProfileMessage)>) -> BTreeMap<InboxId, Profile> {
    let mut profiles = BTreeMap::new();
    let mut own = BTreeSet::new();
    for (sender, message) in messages {
        match message {
            ProfileMessage::Update(profile) => {
                own.insert(sender);
                profiles.insert(sender, profile);
            }
            ProfileMessage::Snapshot(others) => {
                for (inbox_id, profile) in others {
                    if !own.contains(&inbox_id) {
                        profiles.insert(inbox_id, profile);
                    }
                }
            }
        }
    }
    profiles
}
