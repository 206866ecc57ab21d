//! Whether the permissions of a group let an actor make what a commit changes (xmtp spec 3.8, rules 5 and 6; libxmtp,
//! `groups/group_permissions.rs`, `evaluate_commit`).
//!
//! Pure: whoever asks has found out who acts and what changes. The permissions are those of the context before the commit,
//! and so are the roles.

use super::{
    DmMembers, SUPER_ADMIN_PREFIX,
    permissions::PolicySet,
    policy::{Grade as _, MemberRule, Role},
};
use crate::identity::InboxId;

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// The inbox.
    pub inbox_id: InboxId,
    /// What it is in the group before the commit.
    pub role: Role,
}

/// An inbox that a commit adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedInbox {
    /// The inbox.
    pub inbox_id: InboxId,
    /// Who proposed it: the committer, if nobody else did.
    pub by: Actor,
}

/// An inbox that a commit removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovedInbox {
    /// What it is in the group before the commit.
    pub role: Role,
    /// Who proposed it: the committer, if nobody else did.
    pub by: Actor,
}

/// What a commit changes, as far as permissions are concerned.
#[derive(Debug, Clone, Default)]
pub struct Changes<'a> {
    /// Inboxes that were no members.
    pub added: Vec<AddedInbox>,
    /// Inboxes that are no members any more.
    pub removed: Vec<RemovedInbox>,
    /// Fields of the metadata.
    pub fields: Vec<&'a str>,
    /// Somebody became an admin.
    pub admins_added: bool,
    /// Somebody is an admin no more.
    pub admins_removed: bool,
    /// Somebody became a super admin.
    pub super_admins_added: bool,
    /// Somebody is a super admin no more.
    pub super_admins_removed: bool,
    /// How many super admins there are after the commit.
    pub super_admins_left: usize,
    /// The permissions are others.
    pub permissions: bool,
}

/// What a commit changes that its actor must not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// Adding a member.
    AddMember,
    /// Removing a member.
    RemoveMember,
    /// Removing a super admin, which nobody may.
    RemoveSuperAdminMember,
    /// Changing this field of the metadata.
    Metadata(String),
    /// Making an admin.
    AddAdmin,
    /// Unmaking an admin.
    RemoveAdmin,
    /// Making a super admin.
    AddSuperAdmin,
    /// Unmaking a super admin.
    RemoveSuperAdmin,
    /// Leaving the group without a super admin.
    LastSuperAdmin,
    /// Changing permissions.
    Permissions,
}

impl PolicySet {
    /// Whether `committer` may make these changes. `dm_members` are those of the immutable metadata.
    ///
    /// # Errors
    /// The first change that it may not make.
    pub fn evaluate(
        &self,
        committer: &Actor,
        changes: &Changes<'_>,
        dm_members: Option<&DmMembers>,
    ) -> Result<(), Denied> {
        let unless = |denied: Denied, allowed: bool| if allowed { Ok(()) } else { Err(denied) };
        let may_add = changes.added.iter().all(|added| self.add_member.allows(added.by.role));
        unless(
            Denied::AddMember,
            may_add || adds_the_other(committer, changes, dm_members),
        )?;
        for removed in &changes.removed {
            unless(Denied::RemoveMember, self.remove_member.allows(removed.by.role))?;
            unless(Denied::RemoveSuperAdminMember, removed.role != Role::SuperAdmin)?;
        }
        let actor = committer.role;
        for field in &changes.fields {
            unless(Denied::Metadata((*field).to_owned()), self.may_change(actor, field))?;
        }
        let is_super = actor == Role::SuperAdmin;
        unless(Denied::AddAdmin, !changes.admins_added || self.add_admin.allows(actor))?;
        unless(
            Denied::RemoveAdmin,
            !changes.admins_removed || self.remove_admin.allows(actor),
        )?;
        unless(Denied::AddSuperAdmin, !changes.super_admins_added || is_super)?;
        unless(Denied::RemoveSuperAdmin, !changes.super_admins_removed || is_super)?;
        unless(
            Denied::LastSuperAdmin,
            !changes.super_admins_removed || changes.super_admins_left > 0,
        )?;
        unless(Denied::Permissions, !changes.permissions || is_super)
    }

    /// Whether an actor of this role may change this field of the metadata.
    #[must_use]
    pub fn may_change(&self, actor: Role, field: &str) -> bool {
        match self.update_metadata.get(field) {
            Some(policy) => policy.allows(actor),
            None if field.starts_with(SUPER_ADMIN_PREFIX) => MemberRule::SuperAdmins.allows(actor),
            None => MemberRule::Admins.allows(actor),
        }
    }
}

/// A DM forbids to add members, and yet its maker must be able to add the other one, and either the other who was lost:
/// alone, and never themselves.
fn adds_the_other(committer: &Actor, changes: &Changes<'_>, dm_members: Option<&DmMembers>) -> bool {
    match (dm_members, &changes.added[..]) {
        (Some(members), [added]) => members.contains(&added.inbox_id) && added.inbox_id != committer.inbox_id,
        _ => false,
    }
}
