//! Extension ff01: who is in a group, and up to where their identity logs were looked at.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use super::GroupError;
use crate::{identity::InboxId, proto::mls::message_contents as wire};

/// Who is in a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupMembership {
    /// The members, each with the sequence id up to which its identity log was looked at. Its installations at that state
    /// are the leaves of the group.
    pub members: BTreeMap<InboxId, u64>,
    /// Installations of members that could not be added, because they have no key package that can be used.
    pub failed_installations: BTreeSet<Vec<u8>>,
}

/// How one membership differs from another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MembershipDiff {
    /// Inboxes that are new.
    pub added: Vec<InboxId>,
    /// Inboxes that are gone.
    pub removed: Vec<InboxId>,
    /// Inboxes whose sequence id differs: from and to.
    pub updated: Vec<(InboxId, u64, u64)>,
}

impl GroupMembership {
    /// Reads the data of the extension.
    ///
    /// # Errors
    /// [`GroupError::Malformed`] or [`GroupError::InboxId`]. The reference keeps ids that are none, and fails when it looks
    /// for their identity.
    pub fn parse(extension: &[u8]) -> Result<Self, GroupError> {
        let wire = wire::GroupMembership::decode(extension).map_err(|_| GroupError::Malformed("membership"))?;
        let mut members = BTreeMap::new();
        for (id, sequence_id) in wire.members {
            members.insert(id.parse().map_err(|_| GroupError::InboxId("membership"))?, sequence_id);
        }
        Ok(Self {
            members,
            failed_installations: wire.failed_installations.into_iter().map(Into::into).collect(),
        })
    }

    /// The data of the extension.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let members = self
            .members
            .iter()
            .map(|(id, sequence_id)| (id.to_string(), *sequence_id));
        wire::GroupMembership {
            members: members.collect(),
            failed_installations: self.failed_installations.iter().cloned().map(Into::into).collect(),
        }
        .encode_to_vec()
    }

    /// How `newer` differs.
    #[must_use]
    pub fn diff(&self, newer: &Self) -> MembershipDiff {
        let mut diff = MembershipDiff::default();
        for (id, old) in &self.members {
            match newer.members.get(id) {
                None => diff.removed.push(*id),
                Some(new) if new != old => diff.updated.push((*id, *old, *new)),
                Some(_) => {}
            }
        }
        let added = newer.members.keys().filter(|id| !self.members.contains_key(id));
        diff.added.extend(added);
        diff
    }
}
