//! What an intent is to do, as it is kept.

use chancery_xmtp_wire::{
    group::{MutableMetadata, PolicySet},
    identity::InboxId,
    mls::{ValidatedKeyPackage, key_package::WelcomeKey},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{AdminChange, ClientError, PolicyChange};
use crate::storage::{StorageError, codec};

/// Something that we do to a group. What is kept in a file stays readable: variants are named, and none changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Action {
    /// Say what the outbox holds under this intent.
    Say,
    /// Bring the members' installations up to date, and before that add and remove inboxes.
    Members { add: Vec<[u8; 32]>, remove: Vec<[u8; 32]> },
    /// Set a field of the metadata.
    Field { name: String, value: String },
    /// Change what a member is.
    Admin { inbox: [u8; 32], change: AdminChange },
    /// Change a policy: `part` says which of `set`.
    Policy { part: PolicyPart, set: Vec<u8> },
    /// Renew our keys.
    Keys,
    /// Renew our keys, unless that has been done since.
    OldKeys,
}

/// Which policy of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PolicyPart {
    AddMember,
    RemoveMember,
    Metadata(String),
    AddAdmin,
    RemoveAdmin,
    All,
}

impl Action {
    pub(super) fn members(add: &[InboxId], remove: &[InboxId]) -> Self {
        let ids = |inboxes: &[InboxId]| inboxes.iter().map(|inbox| inbox.to_bytes()).collect();
        Self::Members {
            add: ids(add),
            remove: ids(remove),
        }
    }

    pub(super) fn policy(change: PolicyChange) -> Self {
        let mut set = PolicySet::all_members();
        let part = match change {
            PolicyChange::AddMember(policy) => {
                set.add_member = policy;
                PolicyPart::AddMember
            }
            PolicyChange::RemoveMember(policy) => {
                set.remove_member = policy;
                PolicyPart::RemoveMember
            }
            PolicyChange::Metadata { field, policy } => {
                set.update_metadata.insert(field.clone(), policy);
                PolicyPart::Metadata(field)
            }
            PolicyChange::AddAdmin(policy) => {
                set.add_admin = policy;
                PolicyPart::AddAdmin
            }
            PolicyChange::RemoveAdmin(policy) => {
                set.remove_admin = policy;
                PolicyPart::RemoveAdmin
            }
            PolicyChange::All(all) => {
                set = all;
                PolicyPart::All
            }
        };
        Self::Policy {
            part,
            set: set.encode(),
        }
    }

    /// Whether it takes effect by a commit.
    pub(super) fn is_commit(&self) -> bool {
        *self != Self::Say
    }

    /// How often its commit is made before others are taken to be always faster.
    pub(super) fn attempts(&self) -> u32 {
        match self {
            // what is said waits for it: as official clients
            Self::OldKeys => 3,
            _ => 16,
        }
    }

    pub(super) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, StorageError> {
        codec::encode(self)
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, StorageError> {
        codec::decode(body)
    }
}

impl PolicyPart {
    /// Puts this part of `from` into `into`.
    pub(super) fn apply(&self, from: PolicySet, into: &mut PolicySet) {
        match self {
            Self::AddMember => into.add_member = from.add_member,
            Self::RemoveMember => into.remove_member = from.remove_member,
            Self::Metadata(field) => {
                if let Some(policy) = from.update_metadata.get(field) {
                    into.update_metadata.insert(field.clone(), policy.clone());
                }
            }
            Self::AddAdmin => into.add_admin = from.add_admin,
            Self::RemoveAdmin => into.remove_admin = from.remove_admin,
            Self::All => *into = from,
        }
    }
}

/// Puts a change of who is an admin into the metadata.
pub(super) fn apply_admin(inbox: InboxId, change: AdminChange, metadata: &mut MutableMetadata) {
    let id = inbox.to_string();
    let list = match change {
        AdminChange::AddAdmin | AdminChange::RemoveAdmin => &mut metadata.admins,
        AdminChange::AddSuperAdmin | AdminChange::RemoveSuperAdmin => &mut metadata.super_admins,
    };
    match change {
        AdminChange::AddAdmin | AdminChange::AddSuperAdmin => {
            if !list.contains(&id) {
                list.push(id);
            }
        }
        AdminChange::RemoveAdmin | AdminChange::RemoveSuperAdmin => list.retain(|other| *other != id),
    }
}

/// What a commit of ours brings about once it has taken effect: the welcome, and whom it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(super) struct After {
    /// An `MLSMessage`; empty when nobody joins.
    pub(super) welcome: Vec<u8>,
    pub(super) joining: Vec<Joining>,
}

/// An installation that is to be welcomed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Joining {
    pub(super) installation: [u8; 32],
    xwing: bool,
    key: Vec<u8>,
    pointers: bool,
}

impl Joining {
    pub(super) fn of(key_package: &ValidatedKeyPackage) -> Self {
        let key = key_package.welcome_key();
        Self {
            installation: key_package.installation().to_bytes(),
            xwing: matches!(key, WelcomeKey::XWing(_)),
            key: key.as_bytes().to_vec(),
            pointers: key_package.follows_pointers(),
        }
    }

    pub(super) fn key(&self) -> Result<WelcomeKey, ClientError> {
        let key = self.key.as_slice();
        let key = if self.xwing {
            key.try_into().ok().map(|key| WelcomeKey::XWing(Box::new(key)))
        } else {
            key.try_into().ok().map(WelcomeKey::Curve25519)
        };
        Ok(key.ok_or(StorageError::Format)?)
    }

    /// Whether it can be sent a pointer, which is always wrapped by X-Wing.
    pub(super) fn follows_pointers(&self) -> bool {
        self.pointers && self.xwing
    }
}

impl After {
    pub(super) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, StorageError> {
        codec::encode(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StorageError> {
        codec::decode(bytes)
    }
}
