//! The rules, in the order of the reference.

use std::collections::BTreeSet;

use chancery_xmtp_wire::{
    group::{
        IMMUTABLE_METADATA, ImmutableMetadata, MUTABLE_METADATA, MutableMetadata, PolicySet, ProtocolVersion,
        evaluate::{Actor, AddedInbox, Changes, RemovedInbox},
        field,
    },
    identity::InboxId,
};
use openmls::{
    extensions::Extensions,
    group::{GroupContext, MlsGroup, StagedCommit},
    prelude::LeafNodeIndex,
};

use super::{
    CommitError, Effect, Rule,
    installations::{self, Logs},
    proposals::Proposed,
};
use crate::{
    group::{GroupState, find},
    identity::Directory,
};

/// A commit that holds every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Who made it.
    pub actor: InboxId,
    /// What it changes.
    pub effect: Effect,
    /// The version that the group demands, when it is above ours. Then the commit must not take effect here, nor anything
    /// after it: the group pauses before it, and the cursor stays, until we can do what it demands.
    pub pause: Option<ProtocolVersion>,
}

/// Holds a commit that openmls has staged to every rule. `group` is as it was before the commit, `sender` who sent it by
/// the frame of the message, `ours` the version of the reference that we claim ([`CLAIMED`](super::CLAIMED)).
///
/// Who acts is whom the new leaf of the committer names, as the reference has it, and that leaf must be an installation of
/// that inbox; the frame's sender proves less. Nothing is changed here.
///
/// Where this is more lenient than it might be, the reference is (1.9.1 and 1.11.0-dev, as `tests/tests/xmtp_adversary.rs`
/// shows), and a refusal would part us from everybody else:
///
/// * Immutable metadata can be changed, by anybody. Whoever wants to know what a group is, and between whom, remembers what
///   it was when we entered it.
/// * The credential in an added leaf is compared with nothing; only its key must belong to somebody who comes. So a leaf may
///   name an inbox that is not its own: ask [`speaks_for`](super::speaks_for) before believing what comes from it.
/// * A committer may name another inbox of its own in its new leaf: what counts is that the leaf is genuine.
/// * Installations that should be added need not be; somebody adds them another time.
/// * A sequence id may go to where no entry is, if it passes none. Nobody can act or be removed as of such an id.
/// * The rest of the context (external senders, required capabilities) is free as far as MLS lets it.
///
/// 1.11.0-dev no longer looks at the committer's new leaf, and takes a name there that is not the committer's. 1.9.1 does
/// not, and what we claim lies between; so here the leaf must be genuine, until a release says otherwise.
///
/// # Errors
/// [`CommitError::Refused`] with the first rule that it breaks; [`CommitError::NeedsLog`] when that cannot be said yet.
pub fn check(
    group: &MlsGroup,
    commit: &StagedCommit,
    sender: LeafNodeIndex,
    directory: &Directory,
    ours: ProtocolVersion,
) -> Result<Accepted, CommitError> {
    let before = GroupState::of(group).map_err(|_| Rule::Context)?;
    let context = commit.group_context().extensions();
    read_immutable(context)?;
    let metadata = read_metadata(&before.metadata, group.extensions(), context)?;
    let fields = before.metadata.changes(&metadata);
    if fields.iter().any(|change| change.check_limit().is_err()) {
        return Err(Rule::FieldLength.into());
    }
    let permissions = read_permissions(context)?;
    let proposed = Proposed::of(group, commit, sender)?;
    let actor = Actor {
        inbox_id: proposed.actor.inbox,
        role: before.metadata.role(&proposed.actor.inbox),
    };

    let logs = Logs::new(directory);
    let membership = installations::membership(commit)?;
    let diff = installations::check(&before, &membership, group, &proposed, actor.role, &logs)?;

    let role = |inbox: &InboxId| before.metadata.role(inbox);
    let by = |proposer: Option<&InboxId>| {
        let inbox = proposer.or(proposed.context_by.as_ref());
        inbox.map_or(actor, |inbox_id| Actor {
            inbox_id: *inbox_id,
            role: role(inbox_id),
        })
    };
    let (admins_added, admins_removed) = differ(&before.metadata.admins, &metadata.admins);
    let (super_admins_added, super_admins_removed) = differ(&before.metadata.super_admins, &metadata.super_admins);
    let changes = Changes {
        added: diff
            .added
            .iter()
            .map(|inbox| AddedInbox {
                inbox_id: *inbox,
                by: by(proposed.adders.get(inbox)),
            })
            .collect(),
        removed: diff
            .removed
            .iter()
            .map(|inbox| RemovedInbox {
                role: role(inbox),
                by: by(proposed.removers.get(inbox)),
            })
            .collect(),
        fields: fields.iter().map(|change| change.field.as_str()).collect(),
        admins_added: !admins_added.is_empty(),
        admins_removed: !admins_removed.is_empty(),
        super_admins_added: !super_admins_added.is_empty(),
        super_admins_removed: !super_admins_removed.is_empty(),
        super_admins_left: metadata.super_admins.len(),
        permissions: permissions != before.permissions,
    };
    before
        .permissions
        .evaluate(&actor, &changes, before.immutable.dm_members.as_ref())
        .map_err(Rule::Denied)?;
    let pause = demanded(&metadata, &ours)?;
    let effect = Effect {
        actor: actor.inbox_id,
        permissions: changes.permissions,
        added: diff.added,
        removed: diff.removed,
        fields,
        admins_added,
        admins_removed,
        super_admins_added,
        super_admins_removed,
    };
    Ok(Accepted {
        actor: actor.inbox_id,
        effect,
        pause,
    })
}

/// The reference takes a commit after which nobody can say what the group is, and then cannot open the group any more. Who
/// passes over it goes on with all who do the same, and parts from nobody who could still speak.
fn read_immutable(context: &Extensions<GroupContext>) -> Result<(), Rule> {
    let bytes = find(context, IMMUTABLE_METADATA).ok_or(Rule::Context)?;
    ImmutableMetadata::parse(bytes).map(|_| ()).map_err(|_| Rule::Context)
}

/// The metadata after the commit. The same bytes are not read again: what could be read before cannot break a commit now.
fn read_metadata(
    before: &MutableMetadata,
    old: &Extensions<GroupContext>,
    new: &Extensions<GroupContext>,
) -> Result<MutableMetadata, Rule> {
    let bytes = find(new, MUTABLE_METADATA).ok_or(Rule::Context)?;
    if find(old, MUTABLE_METADATA) == Some(bytes) {
        return Ok(before.clone());
    }
    MutableMetadata::parse(bytes).map_err(|_| Rule::Context)
}

fn read_permissions(context: &Extensions<GroupContext>) -> Result<PolicySet, Rule> {
    let bytes = find(context, chancery_xmtp_wire::group::GROUP_PERMISSIONS).ok_or(Rule::Context)?;
    PolicySet::parse(bytes).map_err(|_| Rule::Context)
}

/// The version that the group demands after the commit, if it is above ours.
pub(crate) fn demanded(metadata: &MutableMetadata, ours: &ProtocolVersion) -> Result<Option<ProtocolVersion>, Rule> {
    let Some(text) = metadata.attributes.get(field::MINIMUM_SUPPORTED_PROTOCOL_VERSION) else {
        return Ok(None);
    };
    let demanded: ProtocolVersion = text.parse().map_err(|_| Rule::Version)?;
    Ok((demanded > *ours).then_some(demanded))
}

/// Who is in the newer list only, and who in the older only.
fn differ(older: &[String], newer: &[String]) -> (Vec<String>, Vec<String>) {
    let only = |one: &[String], other: &[String]| {
        let mut only: Vec<_> = one.iter().filter(|id| !other.contains(id)).cloned().collect();
        // the lists keep the order in which they were made; a name may be in one twice
        let mut seen = BTreeSet::new();
        only.retain(|id| seen.insert(id.clone()));
        only
    };
    (only(newer, older), only(older, newer))
}
