//! Whether the leaves that a commit adds and removes are those that the membership and the identity logs call for.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chancery_xmtp_wire::{
    group::{GROUP_MEMBERSHIP, GroupMembership, MembershipDiff, Role},
    identity::{AssociationState, InboxId, InstallationKey},
};
use openmls::{
    group::{MlsGroup, StagedCommit},
    messages::proposals::Proposal,
    prelude::LeafNodeIndex,
};

use super::{
    CommitError, Rule,
    proposals::{Leaf, Proposed, leaf},
};
use crate::{
    group::{GroupState, find},
    identity::{Directory, Entry},
};

/// The identity logs, and which of them are missing.
pub(super) struct Logs<'a> {
    directory: &'a Directory,
    /// What the directory said: it says once only that an entry is absent.
    said: RefCell<BTreeMap<(InboxId, u64), Entry>>,
}

impl<'a> Logs<'a> {
    pub(super) fn new(directory: &'a Directory) -> Self {
        Self {
            directory,
            said: RefCell::default(),
        }
    }

    fn entry(&self, inbox: InboxId, sequence_id: u64) -> Entry {
        let mut said = self.said.borrow_mut();
        let entry = said.entry((inbox, sequence_id));
        entry
            .or_insert_with(|| self.directory.entry(inbox, sequence_id))
            .clone()
    }

    /// The inbox after this entry; `None` when it must be read first.
    fn state(&self, inbox: InboxId, sequence_id: u64) -> Result<Option<Arc<AssociationState>>, Rule> {
        match self.entry(inbox, sequence_id) {
            Entry::State(state) => Ok(Some(state)),
            Entry::Absent => Err(Rule::SequenceUnknown),
            Entry::Broken => Err(Rule::IdentityLog),
            Entry::Unread => Ok(None),
        }
    }

    /// Nothing, when nothing was missing.
    fn complete(&self) -> Result<(), CommitError> {
        let said = self.said.borrow();
        let missing = said.iter().filter(|(_, entry)| **entry == Entry::Unread);
        let missing: Vec<_> = missing.map(|(wanted, _)| *wanted).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(CommitError::NeedsLog(missing))
        }
    }
}

/// The membership after the commit.
pub(super) fn membership(commit: &StagedCommit) -> Result<GroupMembership, Rule> {
    let proposed = commit
        .queued_proposals()
        .find_map(|proposal| match proposal.proposal() {
            Proposal::GroupContextExtensions(context) => Some(context.extensions()),
            _ => None,
        });
    let extensions = proposed.unwrap_or_else(|| commit.group_context().extensions());
    GroupMembership::parse(find(extensions, GROUP_MEMBERSHIP).ok_or(Rule::Context)?).map_err(|_| Rule::Context)
}

/// Holds the installations that come and go to what the memberships say, and the actors to their inboxes. Returns which
/// inboxes come and go.
pub(super) fn check(
    before: &GroupState,
    after: &GroupMembership,
    group: &MlsGroup,
    proposed: &Proposed,
    role: Role,
    logs: &Logs<'_>,
) -> Result<MembershipDiff, CommitError> {
    let diff = before.membership.diff(after);
    if diff.updated.iter().any(|(_, from, to)| to < from) {
        return Err(Rule::SequenceDecreased.into());
    }
    let expected = expected(before, after, &diff, logs)?;
    let actors: Vec<_> = proposed.renewed.iter().chain([&proposed.actor]).collect();
    let states = actors
        .iter()
        .map(|leaf| match after.members.get(&leaf.inbox) {
            Some(sequence_id) => logs.state(leaf.inbox, *sequence_id),
            None => Ok(None),
        })
        .collect::<Vec<_>>();
    logs.complete()?;

    account_for(expected, after, group, proposed, role)?;
    for (leaf, state) in actors.into_iter().zip(states) {
        belongs(leaf, after, state?)?;
    }
    Ok(diff)
}

/// Installations that come and go, by the logs.
#[derive(Debug, Default)]
struct Expected {
    added: BTreeSet<InstallationKey>,
    removed: BTreeSet<InstallationKey>,
}

/// The installations that come and go when one membership follows another. What a log that must be read first would add
/// is left out: `logs` remembers that it must.
fn expected(
    before: &GroupState,
    after: &GroupMembership,
    diff: &MembershipDiff,
    logs: &Logs<'_>,
) -> Result<Expected, Rule> {
    let mut expected = Expected::default();
    let new = diff
        .added
        .iter()
        .filter_map(|inbox| Some((*inbox, *after.members.get(inbox)?)));
    // 0: the maker of a group writes itself down so, and every installation of it comes with its first commit
    let first = diff.updated.iter().filter(|(_, from, _)| *from == 0);
    for (inbox, sequence_id) in new.chain(first.map(|(inbox, _, to)| (*inbox, *to))) {
        if let Some(state) = logs.state(inbox, sequence_id)? {
            expected.added.extend(state.installations());
        }
    }
    for (inbox, from, to) in diff.updated.iter().filter(|(_, from, _)| *from != 0) {
        let (old, new) = (logs.state(*inbox, *from)?, logs.entry(*inbox, *to));
        match (old, new) {
            (Some(old), Entry::State(new)) => {
                let diff = old.diff(&new);
                expected.added.extend(diff.added_installations());
                expected.removed.extend(diff.removed_installations());
            }
            // a step onto an entry that is none, and over none: the reference finds nothing that changes, and takes it
            (Some(_), Entry::Absent) if !logs.directory.has_entries(*inbox, *from, *to) => {}
            (_, Entry::Absent) => return Err(Rule::SequenceUnknown),
            (_, Entry::Broken) => return Err(Rule::IdentityLog),
            (None, Entry::State(_)) | (_, Entry::Unread) => {}
        }
    }
    for inbox in &diff.removed {
        if let Some(sequence_id) = before.membership.members.get(inbox)
            && let Some(state) = logs.state(*inbox, *sequence_id)?
        {
            expected.removed.extend(state.installations());
        }
    }
    Ok(expected)
}

/// Every added installation is one that comes, or is a leaf already; those removed are exactly those that go, but for
/// those that could not be added in the first place. Super admins may also remove installations and add them again, to
/// mend one that has forked.
fn account_for(
    expected: Expected,
    after: &GroupMembership,
    group: &MlsGroup,
    proposed: &Proposed,
    role: Role,
) -> Result<(), Rule> {
    let (mut added, mut removed) = (proposed.added.clone(), proposed.removed.clone());
    let mut failed = after.failed_installations.clone();
    if role == Role::SuperAdmin {
        for again in proposed.added.intersection(&proposed.removed) {
            added.remove(again);
            removed.remove(again);
        }
        let gone: Vec<_> = failed.intersection(&removed).cloned().collect();
        for gone in gone {
            failed.remove(&gone);
            removed.remove(&gone);
        }
    }
    let bytes = |keys: BTreeSet<InstallationKey>| keys.into_iter().map(|key| key.to_bytes().to_vec());
    let may_come: BTreeSet<Vec<u8>> = bytes(expected.added).collect();
    let leaves: BTreeSet<Vec<u8>> = group.members().map(|member| member.signature_key).collect();
    if !added.iter().all(|key| may_come.contains(key) || leaves.contains(key)) {
        return Err(Rule::UnexpectedAdd);
    }
    let must_go: BTreeSet<Vec<u8>> = bytes(expected.removed).filter(|key| !failed.contains(key)).collect();
    if removed == must_go {
        Ok(())
    } else {
        Err(Rule::UnexpectedRemove)
    }
}

/// The leaf is an installation of the inbox that it names, in the state that the membership names.
fn belongs(leaf: &Leaf, after: &GroupMembership, state: Option<Arc<AssociationState>>) -> Result<(), Rule> {
    if !after.members.contains_key(&leaf.inbox) {
        return Err(Rule::NotInMembership);
    }
    match state {
        Some(state) if state.has_installation(leaf.installation) => Ok(()),
        _ => Err(Rule::NotAnInstallation),
    }
}

/// Whether the leaf at `index` is an installation of the inbox that it names, as of the group's membership: whether what it
/// says comes from there. The reference does not ask; nobody can tell what we believe.
///
/// # Errors
/// [`CommitError::NeedsLog`]; [`Rule::Context`] when the membership cannot be read.
pub fn speaks_for(group: &MlsGroup, index: LeafNodeIndex, directory: &Directory) -> Result<bool, CommitError> {
    let Some(member) = group.member_at(index) else {
        return Ok(false);
    };
    let Ok(leaf) = leaf(&member.credential, &member.signature_key) else {
        return Ok(false);
    };
    let membership = find(group.extensions(), GROUP_MEMBERSHIP).ok_or(Rule::Context)?;
    let membership = GroupMembership::parse(membership).map_err(|_| Rule::Context)?;
    let Some(sequence_id) = membership.members.get(&leaf.inbox) else {
        return Ok(false);
    };
    match directory.entry(leaf.inbox, *sequence_id) {
        Entry::State(state) => Ok(state.has_installation(leaf.installation)),
        Entry::Absent | Entry::Broken => Ok(false),
        Entry::Unread => Err(CommitError::NeedsLog(vec![(leaf.inbox, *sequence_id)])),
    }
}
