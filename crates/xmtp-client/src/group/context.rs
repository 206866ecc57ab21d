//! A group context, read.

use chancery_xmtp_wire::{
    group::{
        ConversationType, DmMembers, GROUP_MEMBERSHIP, GROUP_PERMISSIONS, GroupMembership, IMMUTABLE_METADATA,
        ImmutableMetadata, MUTABLE_METADATA, MutableMetadata, PolicySet,
    },
    identity::InboxId,
};
use openmls::{
    extensions::Extensions,
    group::{GroupContext, MlsGroup},
};

use super::GroupError;

/// What a group's context says.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupState {
    /// What the group is.
    pub immutable: ImmutableMetadata,
    /// What it is called, and who are its admins.
    pub metadata: MutableMetadata,
    /// Who is in it.
    pub membership: GroupMembership,
    /// Who may do what.
    pub permissions: PolicySet,
}

impl GroupState {
    /// Reads the extensions of a group context.
    ///
    /// # Errors
    /// [`GroupError::Missing`] or [`GroupError::Part`].
    pub fn parse(extensions: &Extensions<GroupContext>) -> Result<Self, GroupError> {
        let part = |number, name| find(extensions, number).ok_or(GroupError::Missing(name));
        Ok(Self {
            immutable: ImmutableMetadata::parse(part(IMMUTABLE_METADATA, "immutable metadata")?)?,
            metadata: MutableMetadata::parse(part(MUTABLE_METADATA, "mutable metadata")?)?,
            membership: GroupMembership::parse(part(GROUP_MEMBERSHIP, "membership")?)?,
            permissions: PolicySet::parse(part(GROUP_PERMISSIONS, "permissions")?)?,
        })
    }

    /// Reads the context of a group as it is now.
    ///
    /// # Errors
    /// Those of [`GroupState::parse`].
    pub fn of(group: &MlsGroup) -> Result<Self, GroupError> {
        Self::parse(group.extensions())
    }

    /// What a new group of `creator`'s says before anybody else is in it. Its membership names entry 0 of the creator's log,
    /// as official clients do: the first commit names the real one, and with that adds the creator's other installations.
    #[must_use]
    pub fn new_group(creator: InboxId, permissions: PolicySet) -> Self {
        Self {
            immutable: ImmutableMetadata {
                conversation_type: ConversationType::Group,
                creator: creator.to_string(),
                dm_members: None,
                oneshot: None,
            },
            metadata: MutableMetadata::new_group(&creator),
            membership: alone(creator),
            permissions,
        }
    }

    /// What a new DM between `creator` and `peer` says before the peer is in it. See [`GroupState::new_group`].
    #[must_use]
    pub fn new_dm(creator: InboxId, peer: InboxId) -> Self {
        Self {
            immutable: ImmutableMetadata {
                conversation_type: ConversationType::Dm,
                creator: creator.to_string(),
                dm_members: Some(DmMembers {
                    one: creator,
                    two: peer,
                }),
                oneshot: None,
            },
            metadata: MutableMetadata::new_dm(),
            membership: alone(creator),
            permissions: PolicySet::dm(),
        }
    }
}

fn alone(creator: InboxId) -> GroupMembership {
    GroupMembership {
        members: [(creator, 0)].into(),
        failed_installations: Default::default(),
    }
}

/// The data of the extension of this number.
pub(crate) fn find(extensions: &Extensions<GroupContext>, number: u16) -> Option<&[u8]> {
    Some(&extensions.unknown(number)?.0)
}
