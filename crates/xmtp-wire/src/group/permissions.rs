//! Extension ff02: who may do what in a group.

use std::collections::BTreeMap;

use prost::Message as _;

use super::{
    GroupError, field,
    policy::{MemberRule, PermissionRule, Policy},
};
use crate::proto::mls::message_contents as wire;

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySet {
    /// Who may add members.
    pub add_member: Policy<MemberRule>,
    /// Who may remove members.
    pub remove_member: Policy<MemberRule>,
    /// Who may change which field of the metadata. Fields that are not here are for admins, or for super admins if their
    /// name begins with [`SUPER_ADMIN_PREFIX`](super::SUPER_ADMIN_PREFIX).
    pub update_metadata: BTreeMap<String, Policy<MemberRule>>,
    /// Who may make admins.
    pub add_admin: Policy<PermissionRule>,
    /// Who may unmake admins.
    pub remove_admin: Policy<PermissionRule>,
    /// Who may change permissions. The reference writes and reads it, and lets super admins change them whatever it says.
    pub update_permissions: Policy<PermissionRule>,
}

impl PolicySet {
    /// What a new group has unless its maker asks for something else: everybody adds and renames, admins remove and set
    /// when messages disappear, super admins do the rest.
    #[must_use]
    pub fn all_members() -> Self {
        Self::new_group(MemberRule::Everybody)
    }

    /// The reference's other preset: only admins add, remove and rename.
    #[must_use]
    pub fn admins_only() -> Self {
        Self::new_group(MemberRule::Admins)
    }

    fn new_group(usual: MemberRule) -> Self {
        let rule = |name: &str| match name {
            field::MESSAGE_DISAPPEAR_FROM_NS | field::MESSAGE_DISAPPEAR_IN_NS => MemberRule::Admins,
            field::MINIMUM_SUPPORTED_PROTOCOL_VERSION => MemberRule::SuperAdmins,
            _ => usual,
        };
        Self {
            add_member: Policy::Rule(usual),
            remove_member: Policy::Rule(MemberRule::Admins),
            update_metadata: metadata(rule),
            add_admin: Policy::Rule(PermissionRule::SuperAdmins),
            remove_admin: Policy::Rule(PermissionRule::SuperAdmins),
            update_permissions: Policy::Rule(PermissionRule::SuperAdmins),
        }
    }

    /// What every DM has: both change every field, and nobody anything else.
    #[must_use]
    pub fn dm() -> Self {
        Self {
            add_member: Policy::Rule(MemberRule::Nobody),
            remove_member: Policy::Rule(MemberRule::Nobody),
            update_metadata: metadata(|_| MemberRule::Everybody),
            add_admin: Policy::Rule(PermissionRule::Nobody),
            remove_admin: Policy::Rule(PermissionRule::Nobody),
            update_permissions: Policy::Rule(PermissionRule::Nobody),
        }
    }

    /// Reads the data of the extension.
    ///
    /// # Errors
    /// [`GroupError::Malformed`], `MissingPolicy` or `UnknownPolicy`: like the reference, this reads all of it or nothing.
    pub fn parse(extension: &[u8]) -> Result<Self, GroupError> {
        let set = wire::GroupMutablePermissionsV1::decode(extension)
            .map_err(|_| GroupError::Malformed("permissions"))?
            .policies
            .ok_or(GroupError::MissingPolicy("anything"))?;
        let mut update_metadata = BTreeMap::new();
        for (name, policy) in set.update_metadata_policy {
            let policy = read_metadata(policy).ok_or(GroupError::UnknownPolicy("metadata"))?;
            update_metadata.insert(name, policy);
        }
        Ok(Self {
            add_member: required(set.add_member_policy, "adding members", read_membership)?,
            remove_member: required(set.remove_member_policy, "removing members", read_membership)?,
            update_metadata,
            add_admin: required(set.add_admin_policy, "adding admins", read_permissions)?,
            remove_admin: required(set.remove_admin_policy, "removing admins", read_permissions)?,
            update_permissions: required(set.update_permissions_policy, "permissions", read_permissions)?,
        })
    }

    /// The data of the extension.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let metadata = self.update_metadata.iter();
        wire::GroupMutablePermissionsV1 {
            policies: Some(wire::PolicySet {
                add_member_policy: Some(write_membership(&self.add_member)),
                remove_member_policy: Some(write_membership(&self.remove_member)),
                update_metadata_policy: metadata
                    .map(|(name, policy)| (name.clone(), write_metadata(policy)))
                    .collect(),
                add_admin_policy: Some(write_permissions(&self.add_admin)),
                remove_admin_policy: Some(write_permissions(&self.remove_admin)),
                update_permissions_policy: Some(write_permissions(&self.update_permissions)),
            }),
        }
        .encode_to_vec()
    }
}

fn metadata(rule: impl Fn(&str) -> MemberRule) -> BTreeMap<String, Policy<MemberRule>> {
    field::WITH_POLICY
        .map(|name| (name.to_owned(), Policy::Rule(rule(name))))
        .into()
}

fn required<W, R>(
    policy: Option<W>,
    name: &'static str,
    read: impl FnOnce(W) -> Option<Policy<R>>,
) -> Result<Policy<R>, GroupError> {
    read(policy.ok_or(GroupError::MissingPolicy(name))?).ok_or(GroupError::UnknownPolicy(name))
}

/// Reader and writer of one of the three kinds of policy on the wire, which differ in their names only.
macro_rules! policy_on_the_wire {
    ($read:ident, $write:ident, $message:ident, $module:ident, $base:ident, $rule:ident { $($wire:ident = $ours:ident),+ }) => {
        // the depth is that of the message, which the decoder bounds at 100
        fn $read(policy: wire::$message) -> Option<Policy<$rule>> {
            use wire::$module::{$base, Kind};
            let each = |policies: Vec<wire::$message>| -> Option<Vec<_>> {
                if policies.is_empty() {
                    return None;
                }
                policies.into_iter().map($read).collect()
            };
            Some(match policy.kind? {
                Kind::Base(base) => Policy::Rule(match $base::try_from(base).ok()? {
                    $($base::$wire => $rule::$ours,)+
                    $base::Unspecified => return None,
                }),
                Kind::AndCondition(all) => Policy::All(each(all.policies)?),
                Kind::AnyCondition(any) => Policy::Any(each(any.policies)?),
            })
        }

        fn $write(policy: &Policy<$rule>) -> wire::$message {
            use wire::$module::{$base, AndCondition, AnyCondition, Kind};
            let each = |policies: &[Policy<$rule>]| policies.iter().map($write).collect();
            wire::$message {
                kind: Some(match policy {
                    Policy::Rule(rule) => Kind::Base(match rule {
                        $($rule::$ours => $base::$wire,)+
                    } as i32),
                    Policy::All(all) => Kind::AndCondition(AndCondition { policies: each(all) }),
                    Policy::Any(any) => Kind::AnyCondition(AnyCondition { policies: each(any) }),
                }),
            }
        }
    };
}

policy_on_the_wire!(
    read_membership, write_membership, MembershipPolicy, membership_policy, BasePolicy,
    MemberRule { Allow = Everybody, Deny = Nobody, AllowIfAdminOrSuperAdmin = Admins, AllowIfSuperAdmin = SuperAdmins }
);
policy_on_the_wire!(
    read_metadata, write_metadata, MetadataPolicy, metadata_policy, MetadataBasePolicy,
    MemberRule { Allow = Everybody, Deny = Nobody, AllowIfAdmin = Admins, AllowIfSuperAdmin = SuperAdmins }
);
policy_on_the_wire!(
    read_permissions, write_permissions, PermissionsUpdatePolicy, permissions_update_policy, PermissionsBasePolicy,
    PermissionRule { Deny = Nobody, AllowIfAdmin = Admins, AllowIfSuperAdmin = SuperAdmins }
);
