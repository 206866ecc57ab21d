//! Keeping our keys in a group young (xmtp spec 3.7).
//!
//! Who joins a group has the keys of its key package there, whose private half lay in the file before and may lie there
//! after. Official clients therefore commit to new ones before the first thing that they say in a group that they were
//! welcomed to, and again when those are 30 days old and something is said. So do we: three attempts, and what is said is sent
//! whatever becomes of them. What we made ourselves has new keys from the beginning, and every other commit of ours renews
//! them as well. Beyond that, [`sync`](super::Client::sync) renews old keys in conversations that we want.

use openmls::group::GroupId;

use super::{ClientError, Consent, Inner, action::Action};
use crate::storage::{ConversationRow, Intent, Tx};

/// How old our keys in a group grow, in nanoseconds: 30 days, as official clients.
const KEYS_NS: u64 = 30 * 24 * 3_600 * 1_000_000_000;

/// What new keys are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Something is to be said: neither old ones nor those of a key package will do.
    ToSpeak,
    /// Nothing in particular: old ones will not do, where we mean to stay.
    ToStay,
}

impl Inner {
    /// Sees to it that what is said next is said with keys of our own that are not old. That costs a commit, once.
    ///
    /// # Errors
    /// Those of the file; [`ClientError::NotAMember`] or `Paused` when that turned out meanwhile. That the keys could not be
    /// renewed is none: nothing that is to be said waits for it.
    pub(super) async fn renew_keys_to_speak(&self, group: &GroupId) -> Result<(), ClientError> {
        if self.queue_renewal(group, Due::ToSpeak)? {
            let _ = self.finish(group).await;
            self.writable(group)?;
        }
        Ok(())
    }

    /// Queues that our keys are renewed if that is due. Whether it is.
    pub(super) fn queue_renewal(&self, group: &GroupId, due: Due) -> Result<bool, ClientError> {
        self.db.transaction(|tx| {
            let row = tx.conversation(group)?;
            if !row.is_some_and(|row| self.keys_of_are_due(&row, due)) {
                return Ok(false);
            }
            for intent in tx.intents(group)? {
                if Action::decode(&intent.body)? == Action::OldKeys {
                    return Ok(true);
                }
            }
            tx.queue_intent(group, &Action::OldKeys.encode()?)?;
            Ok(true)
        })
    }

    pub(super) fn keys_are_due(&self, group: &GroupId, due: Due) -> Result<bool, ClientError> {
        let row = self.db.transaction(|tx| tx.conversation(group))?;
        Ok(row.is_some_and(|row| self.keys_of_are_due(&row, due)))
    }

    fn keys_of_are_due(&self, row: &ConversationRow, due: Due) -> bool {
        if !row.active || row.paused_for.is_some() {
            return false;
        }
        // what comes from the future is not known to be young
        let young = self
            .now_ns()
            .checked_sub(row.keys.since_ns)
            .is_some_and(|age| age <= KEYS_NS);
        match due {
            Due::ToSpeak => !young || row.keys.of_key_package,
            // who adds us makes us do nothing
            Due::ToStay => !young && row.new.consent == Consent::Allowed,
        }
    }

    /// The group would not have our new keys: it is not asked with every message.
    pub(super) fn renewed_in_vain(&self, tx: &Tx<'_>, intent: &Intent) -> Result<(), ClientError> {
        if Action::decode(&intent.body)? == Action::OldKeys {
            tx.conversation_keys(&intent.group, self.now_ns())?;
        }
        Ok(())
    }
}
