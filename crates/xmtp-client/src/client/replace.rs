//! Whether a welcome takes the place of a group that we are in (xmtp spec 3.4).
//!
//! Official clients let any welcome for a later epoch do so. Whoever has our key package and the group's id, the node's
//! operator among them, could put us among strangers that way. So what we have gives way only when three things are seen:
//! somebody is in an epoch that we cannot follow to; the welcome is for a later epoch than ours; and its sender is a member,
//! as we know the group, who may remove and add us. Such a member has that power anyway: removed by it, we would follow its
//! next welcome wherever it leads. That is how official super admins bring back a member that has parted from them. A DM
//! lets nobody remove, and stays as it is.

use chancery_xmtp_wire::{
    group::Role,
    identity::{InboxId, InstallationKey},
};
use openmls::{
    group::{MlsGroup, StagedWelcome},
    prelude::OpenMlsProvider as _,
};

use super::{ClientError, Inner, inbox_of};
use crate::{
    group::GroupState,
    storage::{ConversationRow, IntentState, Topic, Tx},
};

impl Inner {
    /// Whether `staged`, which brings `state`, takes the place of the group of `row`, in which we are.
    pub(super) fn may_replace(
        &self,
        tx: &Tx<'_>,
        row: &ConversationRow,
        staged: &StagedWelcome,
        state: &GroupState,
    ) -> Result<bool, ClientError> {
        let ours = self.load(tx, &row.new.group)?;
        if !row.maybe_forked || staged.group_context().epoch() <= ours.epoch() {
            return Ok(false);
        }
        let known = GroupState::of(&ours)?;
        Ok(known.immutable == state.immutable && self.may_bring_us_back(&ours, &known, staged))
    }

    /// Whether the sender of a welcome may remove and add us in the group as we know it.
    fn may_bring_us_back(&self, ours: &MlsGroup, known: &GroupState, staged: &StagedWelcome) -> bool {
        let Ok(sender) = staged.welcome_sender() else {
            return false;
        };
        let Ok(key) = InstallationKey::try_from(sender.signature_key().as_slice()) else {
            return false;
        };
        let Some((_, Some(inbox))) = self.leaves(ours).remove(&key) else {
            return false;
        };
        let role = known.metadata.role(&inbox);
        let policies = &known.permissions;
        inbox_of(sender.credential()) == Some(inbox)
            && known.membership.members.contains_key(&inbox)
            && known.metadata.role(&self.installation.inbox()) != Role::SuperAdmin
            && policies.remove_member.allows(role)
            && policies.add_member.allows(role)
    }

    /// What we meant to do to a group is done to the one that took its place; and its messages are read from `from` on, for
    /// those that we passed over may be of it.
    pub(super) fn begin_anew(&self, tx: &Tx<'_>, row: &ConversationRow, from: u64) -> Result<(), ClientError> {
        let group = &row.new.group;
        for intent in tx.intents(group)? {
            if matches!(intent.state, IntentState::Made { .. }) {
                tx.intent_lost(intent.id)?;
                self.forget_unsent(intent.id);
            }
        }
        tx.rewind(Topic::Group(group), from)?;
        Ok(())
    }
}

/// Whether `staged` leads back to the group of `row`, in which we are no more. One from before we left, told once more,
/// does not; nor one to what is another kind of conversation.
pub(super) fn may_come_back(
    tx: &Tx<'_>,
    row: &ConversationRow,
    staged: &StagedWelcome,
    peer: Option<InboxId>,
) -> Result<bool, ClientError> {
    let ours = MlsGroup::load(tx.provider().storage(), &row.new.group)?;
    // the commit that removed us may have added us, too
    let later = ours.is_none_or(|ours| staged.group_context().epoch() >= ours.epoch());
    Ok(later && row.new.peer == peer)
}
