//! Extension ff00: what a group is called and shows, and who are its admins.

use std::collections::BTreeMap;

use prost::Message as _;

use super::{GroupError, policy::Role};
use crate::{identity::InboxId, proto::mls::message_contents as wire};

/// Names of the fields that clients know. Others are kept and shown to whoever asks for them.
pub mod field {
    /// Its name.
    pub const GROUP_NAME: &str = "group_name";
    /// What it is about.
    pub const DESCRIPTION: &str = "description";
    /// A square picture.
    pub const GROUP_IMAGE_URL_SQUARE: &str = "group_image_url_square";
    /// Whatever the app keeps there.
    pub const APP_DATA: &str = "app_data";
    /// Messages from this time on disappear: decimal nanoseconds since the epoch.
    pub const MESSAGE_DISAPPEAR_FROM_NS: &str = "message_disappear_from_ns";
    /// After this long: decimal nanoseconds.
    pub const MESSAGE_DISAPPEAR_IN_NS: &str = "message_disappear_in_ns";
    /// Clients below this version of the reference pause ([`ProtocolVersion`](super::super::ProtocolVersion)).
    pub const MINIMUM_SUPPORTED_PROTOCOL_VERSION: &str = "minimum_supported_protocol_version";

    /// The fields that have a policy in a new group, in the reference's order.
    pub const WITH_POLICY: [&str; 7] = [
        GROUP_NAME,
        DESCRIPTION,
        GROUP_IMAGE_URL_SQUARE,
        MESSAGE_DISAPPEAR_FROM_NS,
        MESSAGE_DISAPPEAR_IN_NS,
        MINIMUM_SUPPORTED_PROTOCOL_VERSION,
        APP_DATA,
    ];

    /// The fields that have a limit, and how many bytes of UTF-8 that is. A commit that sets a longer value is refused by
    /// all (libxmtp, `groups/validated_commit.rs`), so a client must not make one.
    pub const LIMITS: [(&str, usize); 4] = [
        (GROUP_NAME, 100),
        (DESCRIPTION, 1000),
        (GROUP_IMAGE_URL_SQUARE, 2048),
        (APP_DATA, 8192),
    ];
}

/// A field whose name begins with this is for super admins, if no policy says otherwise.
pub const SUPER_ADMIN_PREFIX: char = '_';

/// What a group is called and shows, and who are its admins.
///
/// Admins are strings: a super admin may write there what is no inbox id, and all others take such a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MutableMetadata {
    /// The fields.
    pub attributes: BTreeMap<String, String>,
    /// The inbox ids of the admins.
    pub admins: Vec<String>,
    /// The inbox ids of the super admins. A DM has none.
    pub super_admins: Vec<String>,
}

/// A field that differs between two versions of the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What it was, if it was there.
    pub old: Option<String>,
    /// What it is, if it is there still.
    pub new: Option<String>,
}

/// From when messages disappear, and after how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disappearing {
    /// Nanoseconds since the epoch.
    pub from_ns: i64,
    /// Nanoseconds.
    pub in_ns: i64,
}

impl MutableMetadata {
    /// That of a new group: empty fields, and its creator as the only super admin.
    #[must_use]
    pub fn new_group(creator: &InboxId) -> Self {
        let mut new = Self::new_dm();
        new.attributes.insert(field::APP_DATA.to_owned(), String::new());
        new.super_admins.push(creator.to_string());
        new
    }

    /// That of a new DM: empty fields, and nobody above the other.
    #[must_use]
    pub fn new_dm() -> Self {
        let empty = [field::GROUP_NAME, field::DESCRIPTION, field::GROUP_IMAGE_URL_SQUARE];
        Self {
            attributes: empty.map(|name| (name.to_owned(), String::new())).into(),
            admins: Vec::new(),
            super_admins: Vec::new(),
        }
    }

    /// Reads the data of the extension.
    ///
    /// # Errors
    /// [`GroupError::Malformed`], or [`GroupError::AdminLists`] if a list is missing (an empty one is not).
    pub fn parse(extension: &[u8]) -> Result<Self, GroupError> {
        let wire =
            wire::GroupMutableMetadataV1::decode(extension).map_err(|_| GroupError::Malformed("mutable metadata"))?;
        let list = |list: Option<wire::Inboxes>| list.map(|list| list.inbox_ids).ok_or(GroupError::AdminLists);
        Ok(Self {
            attributes: wire.attributes,
            admins: list(wire.admin_list)?,
            super_admins: list(wire.super_admin_list)?,
        })
    }

    /// The data of the extension.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let list = |inbox_ids: &[String]| {
            Some(wire::Inboxes {
                inbox_ids: inbox_ids.to_vec(),
            })
        };
        wire::GroupMutableMetadataV1 {
            attributes: self.attributes.clone(),
            admin_list: list(&self.admins),
            super_admin_list: list(&self.super_admins),
        }
        .encode_to_vec()
    }

    /// What `inbox_id` is here: one that is in both lists is a super admin.
    #[must_use]
    pub fn role(&self, inbox_id: &InboxId) -> Role {
        let id = inbox_id.to_string();
        if self.super_admins.contains(&id) {
            Role::SuperAdmin
        } else if self.admins.contains(&id) {
            Role::Admin
        } else {
            Role::Member
        }
    }

    /// The fields in which `newer` differs: set, changed or gone. In the order of their names.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<FieldChange> {
        let mut names: Vec<_> = self.attributes.keys().chain(newer.attributes.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .map(|name| FieldChange {
                field: name.clone(),
                old: self.attributes.get(name).cloned(),
                new: newer.attributes.get(name).cloned(),
            })
            .filter(|change| change.old != change.new)
            .collect()
    }

    /// From when and after how long messages disappear; `None` unless both are there and positive.
    #[must_use]
    pub fn disappearing(&self) -> Option<Disappearing> {
        let number = |name| self.attributes.get(name)?.parse().ok().filter(|number| *number > 0);
        Some(Disappearing {
            from_ns: number(field::MESSAGE_DISAPPEAR_FROM_NS)?,
            in_ns: number(field::MESSAGE_DISAPPEAR_IN_NS)?,
        })
    }
}

impl FieldChange {
    /// Holds the new value to its limit. Only changes are held to it: what is there already stays.
    ///
    /// # Errors
    /// [`GroupError::FieldTooLong`].
    pub fn check_limit(&self) -> Result<(), GroupError> {
        let length = self.new.as_ref().map_or(0, String::len);
        match field::LIMITS.iter().find(|(name, _)| *name == self.field) {
            Some((field, limit)) if length > *limit => Err(GroupError::FieldTooLong { field, limit: *limit }),
            _ => Ok(()),
        }
    }
}
