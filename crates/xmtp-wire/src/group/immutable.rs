//! Extension f000: what a group is. Set when it is made, and never again.

use std::fmt;

use prost::Message as _;

use super::GroupError;
use crate::{
    identity::InboxId,
    mls::tls::{Reader, write_vector},
    proto::mls::message_contents as wire,
};

/// What kind of conversation a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationType {
    /// Any number of members, under permissions of its own.
    Group,
    /// Two members; several groups may stand for one DM.
    Dm,
    /// Between the installations of one inbox.
    Sync,
    /// A single message to those who are welcomed.
    Oneshot,
}

/// The two members of a DM, in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DmMembers {
    /// One.
    pub one: InboxId,
    /// The other.
    pub two: InboxId,
}

/// What a group is.
#[derive(Debug, Clone, PartialEq)]
pub struct ImmutableMetadata {
    /// Its kind.
    pub conversation_type: ConversationType,
    /// The inbox id of who made it, they say. A string: a commit may write there what is no inbox id, and all others take it.
    pub creator: String,
    /// Between whom it is; a DM always says so. The reference reads them in other groups, too. `None` also where what is
    /// written there are no inbox ids, which nobody has.
    pub dm_members: Option<DmMembers>,
    /// The message of a one-shot group.
    pub oneshot: Option<wire::OneshotMessage>,
}

impl DmMembers {
    /// Whether `inbox_id` is one of the two.
    #[must_use]
    pub fn contains(&self, inbox_id: &InboxId) -> bool {
        self.one == *inbox_id || self.two == *inbox_id
    }
}

/// The key under which all groups of one DM are stitched together: `dm:`, the lesser id, `:`, the greater.
impl fmt::Display for DmMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = if self.one <= self.two {
            (self.one, self.two)
        } else {
            (self.two, self.one)
        };
        write!(f, "dm:{low}:{high}")
    }
}

impl ImmutableMetadata {
    const NAME: &str = "immutable metadata";

    /// Reads the data of the extension: a TLS vector in which the protobuf message is.
    ///
    /// # Errors
    /// [`GroupError::Framing`], `Malformed`, `ConversationType` or `DmMembers`.
    pub fn parse(extension: &[u8]) -> Result<Self, GroupError> {
        let mut reader = Reader::new(extension);
        let message = reader.vector()?;
        reader.finish()?;
        let wire = wire::GroupMetadataV1::decode(message).map_err(|_| GroupError::Malformed(Self::NAME))?;
        let conversation_type = match wire::ConversationType::try_from(wire.conversation_type) {
            Ok(wire::ConversationType::Group) => ConversationType::Group,
            Ok(wire::ConversationType::Dm) => ConversationType::Dm,
            Ok(wire::ConversationType::Sync) => ConversationType::Sync,
            Ok(wire::ConversationType::Oneshot) => ConversationType::Oneshot,
            _ => return Err(GroupError::ConversationType(wire.conversation_type)),
        };
        let pair = |one: &wire::Inbox, two: &wire::Inbox| {
            Some(DmMembers {
                one: one.inbox_id.parse().ok()?,
                two: two.inbox_id.parse().ok()?,
            })
        };
        let dm_members = match wire.dm_members {
            Some(wire::DmMembers {
                dm_member_one: Some(one),
                dm_member_two: Some(two),
            }) => pair(&one, &two),
            None if conversation_type != ConversationType::Dm => None,
            _ => return Err(GroupError::DmMembers),
        };
        Ok(Self {
            conversation_type,
            creator: wire.creator_inbox_id,
            dm_members,
            oneshot: wire.oneshot_message,
        })
    }

    /// The data of the extension.
    ///
    /// # Errors
    /// [`GroupError::Framing`] if the one-shot message is 1 GiB or more.
    pub fn encode(&self) -> Result<Vec<u8>, GroupError> {
        let inbox = |id: InboxId| {
            Some(wire::Inbox {
                inbox_id: id.to_string(),
            })
        };
        let message = wire::GroupMetadataV1 {
            conversation_type: match self.conversation_type {
                ConversationType::Group => wire::ConversationType::Group,
                ConversationType::Dm => wire::ConversationType::Dm,
                ConversationType::Sync => wire::ConversationType::Sync,
                ConversationType::Oneshot => wire::ConversationType::Oneshot,
            }
            .into(),
            creator_account_address: String::new(),
            creator_inbox_id: self.creator.clone(),
            dm_members: self.dm_members.map(|members| wire::DmMembers {
                dm_member_one: inbox(members.one),
                dm_member_two: inbox(members.two),
            }),
            oneshot_message: self.oneshot.clone(),
        };
        let mut out = Vec::new();
        write_vector(&message.encode_to_vec(), &mut out)?;
        Ok(out)
    }
}
