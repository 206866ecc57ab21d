//! The rules for joining (libxmtp, `groups/welcomes/validated_membership.rs` and `groups/mod.rs`).

use std::collections::{BTreeMap, BTreeSet};

use chancery_xmtp_wire::{
    group::{ConversationType, PolicySet, ProtocolVersion},
    identity::{InboxId, InstallationKey},
};
use openmls::group::{ProcessedWelcome, StagedWelcome};

use super::{JoinError, JoinRule};
use crate::{
    commit::{demanded, inbox_of, leaf},
    group::GroupState,
    identity::{Directory, Entry},
};

/// A group that may be joined.
#[derive(Debug, Clone, PartialEq)]
pub struct Joining {
    /// What its context says.
    pub state: GroupState,
    /// Who added us: whose leaf signed the group info.
    pub added_by: InboxId,
    /// The version that the group demands, when it is above ours: it is joined, and pauses at once.
    pub pause: Option<ProtocolVersion>,
}

/// Whether a welcome may be staged at all: one with pre-shared keys must not.
///
/// # Errors
/// [`JoinRule::PreSharedKey`].
pub fn check_welcome(welcome: &ProcessedWelcome) -> Result<(), JoinRule> {
    if welcome.psks().is_empty() {
        Ok(())
    } else {
        Err(JoinRule::PreSharedKey)
    }
}

/// Holds a welcome that openmls has staged to every rule. `us` is our inbox, `ours` the version of the reference that we
/// claim ([`CLAIMED`](crate::commit::CLAIMED)). Whether [`check_welcome`] was asked cannot be seen any more here.
///
/// Nobody else can tell whether we joined, so this is stricter than the reference where that costs nobody anything: a DM has
/// no third member, and the permissions of a DM in all that decides about members; and permissions can be read
/// (`tests/tests/xmtp_adversary_welcomes.rs` has what official clients join).
///
/// # Errors
/// [`JoinError::Refused`] with the first rule that it breaks; [`JoinError::NeedsLog`] when that cannot be said yet.
pub fn check_join(
    welcome: &StagedWelcome,
    us: InboxId,
    directory: &Directory,
    ours: &ProtocolVersion,
) -> Result<Joining, JoinError> {
    let state = GroupState::parse(welcome.group_context().extensions()).map_err(|_| JoinRule::Context)?;
    let sender = welcome.welcome_sender().map_err(|_| JoinRule::Credential)?;
    let added_by = inbox_of(sender.credential()).map_err(|_| JoinRule::Credential)?;
    let mut missing = expected(&state, directory)?;
    for member in welcome.members() {
        let leaf = leaf(&member.credential, &member.signature_key).map_err(|_| JoinRule::Credential)?;
        let installations = missing.get_mut(&leaf.inbox).ok_or(JoinRule::NotInMembership)?;
        // also when it is there twice, which openmls does not let through
        if !installations.remove(&leaf.installation) {
            return Err(JoinRule::NotAnInstallation.into());
        }
    }
    let failed = &state.membership.failed_installations;
    let mut missing = missing.values().flatten();
    if !missing.all(|key| failed.contains(key.to_bytes().as_slice())) {
        return Err(JoinRule::Missing.into());
    }
    if state.immutable.conversation_type == ConversationType::Dm {
        check_dm(&state, us, added_by)?;
    }
    // a demand that is no version demands nothing: the reference joins such a group
    let pause = demanded(&state.metadata, ours).unwrap_or_default();
    Ok(Joining { state, added_by, pause })
}

/// The installations that the membership calls for.
fn expected(
    state: &GroupState,
    directory: &Directory,
) -> Result<BTreeMap<InboxId, BTreeSet<InstallationKey>>, JoinError> {
    let (mut expected, mut unread) = (BTreeMap::new(), Vec::new());
    for (inbox, sequence_id) in &state.membership.members {
        match directory.entry(*inbox, *sequence_id) {
            Entry::State(state) => {
                expected.insert(*inbox, state.installations().collect());
            }
            Entry::Absent => return Err(JoinRule::SequenceUnknown.into()),
            Entry::Broken => return Err(JoinRule::IdentityLog.into()),
            Entry::Unread => unread.push((*inbox, *sequence_id)),
        }
    }
    if unread.is_empty() {
        Ok(expected)
    } else {
        Err(JoinError::NeedsLog(unread))
    }
}

fn check_dm(state: &GroupState, us: InboxId, added_by: InboxId) -> Result<(), JoinRule> {
    let members = state.immutable.dm_members.ok_or(JoinRule::DmMembers)?;
    if !members.contains(&us) || !state.membership.members.keys().all(|inbox| members.contains(inbox)) {
        return Err(JoinRule::DmMembers);
    }
    // by another installation of ours: what we made ourselves needs no suspicion
    if added_by == us {
        return Ok(());
    }
    if !members.contains(&added_by) {
        return Err(JoinRule::DmMembers);
    }
    if !state.metadata.admins.is_empty() || !state.metadata.super_admins.is_empty() {
        return Err(JoinRule::DmAdmins);
    }
    let (found, dm) = (&state.permissions, PolicySet::dm());
    let same = found.add_member == dm.add_member
        && found.remove_member == dm.remove_member
        && found.add_admin == dm.add_admin
        && found.remove_admin == dm.remove_admin
        && found.update_permissions == dm.update_permissions;
    if same { Ok(()) } else { Err(JoinRule::DmPermissions) }
}
