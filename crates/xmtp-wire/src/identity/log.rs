//! The log of one inbox: its updates under their sequence ids.

use super::{
    Action, AdmissionError, AssociationError, AssociationState, InboxId, MembershipDiff, Update, VerifiedUpdate,
    installation,
};

/// Updates of one inbox that a node takes. A full log can be read, and nothing can be added or revoked any more.
pub const MAX_UPDATES: usize = 256;

/// Installations that a node lets an inbox have at a time. Every member of a group carries a leaf for each.
pub const MAX_INSTALLATIONS: usize = 10;

/// Actions in one update that a node takes: enough to revoke every installation that a log can have added. Each costs
/// up to two signatures to verify.
pub const MAX_ACTIONS: usize = 256;

/// Actions in all updates of one inbox together that a node takes: four an update. Whoever reads the log verifies the
/// signatures of them all, and so does the node.
pub const MAX_LOG_ACTIONS: usize = 1024;

impl<S> Update<S> {
    /// Whether a node looks at this update at all; to be asked before its signatures are verified.
    ///
    /// # Errors
    /// [`AdmissionError::Empty`] or [`AdmissionError::TooManyActions`].
    pub fn within_limits(&self) -> Result<(), AdmissionError> {
        match self.actions.len() {
            0 => Err(AdmissionError::Empty),
            1..=MAX_ACTIONS => Ok(()),
            _ => Err(AdmissionError::TooManyActions),
        }
    }
}

/// The verified log of an inbox, from its first entry on.
#[derive(Debug, Clone)]
pub struct IdentityLog {
    inbox_id: InboxId,
    entries: Vec<(u64, VerifiedUpdate)>,
    state: Option<AssociationState>,
}

impl IdentityLog {
    /// A log without entries.
    #[must_use]
    pub const fn new(inbox_id: InboxId) -> Self {
        Self {
            inbox_id,
            entries: Vec::new(),
            state: None,
        }
    }

    /// Takes the next entry as it stands in the log, and returns the state after it. An entry that is refused changes
    /// nothing.
    ///
    /// # Errors
    /// [`AdmissionError::Association`], or [`AdmissionError::OutOfOrder`] unless `sequence_id` is above 0 and the last.
    pub fn append(&mut self, sequence_id: u64, update: VerifiedUpdate) -> Result<&AssociationState, AdmissionError> {
        if sequence_id <= self.last_sequence_id() {
            return Err(AdmissionError::OutOfOrder);
        }
        self.belongs(&update)?;
        let state = AssociationState::apply(self.state.as_ref(), &update)?;
        self.entries.push((sequence_id, update));
        Ok(self.state.insert(state))
    }

    /// Whether a node may let `update` in as the next entry; the state after it. Beyond what readers check: it does
    /// something, adds nobody who is there already and no weak key, and keeps within the limits. Nothing is changed.
    ///
    /// # Errors
    /// Any [`AdmissionError`] but `OutOfOrder`.
    pub fn admit(&self, update: &VerifiedUpdate) -> Result<AssociationState, AdmissionError> {
        update.update().within_limits()?;
        let actions: usize = self.entries.iter().map(|(_, entry)| entry.update().actions.len()).sum();
        if self.entries.len() >= MAX_UPDATES || actions.saturating_add(update.update().actions.len()) > MAX_LOG_ACTIONS
        {
            return Err(AdmissionError::LogFull);
        }
        self.belongs(update)?;
        let state = AssociationState::apply_checked(self.state.as_ref(), update, |state, action| match action {
            Action::Add { member, existing, .. } if existing.signer() != member && state.member(member).is_some() => {
                Err(AdmissionError::AlreadyMember(member.clone()))
            }
            Action::Add { member, .. } if member.installation().is_some_and(installation::is_weak) => {
                Err(AdmissionError::WeakKey)
            }
            _ => Ok(()),
        })?;
        let before = self.state.as_ref().map_or(0, |state| state.installations().count());
        let after = state.installations().count();
        // a log from elsewhere may be above the limit: it must still be possible to revoke
        if after > MAX_INSTALLATIONS && after > before {
            return Err(AdmissionError::TooManyInstallations);
        }
        Ok(state)
    }

    /// The state after the last entry; `None` without entries.
    #[must_use]
    pub const fn state(&self) -> Option<&AssociationState> {
        self.state.as_ref()
    }

    /// The state after the entry `sequence_id`; `None` if there is no such entry: an id that no update carries names no
    /// state (IDENT-070).
    #[must_use]
    pub fn state_at(&self, sequence_id: u64) -> Option<AssociationState> {
        let index = self.entries.binary_search_by_key(&sequence_id, |(id, _)| *id).ok()?;
        self.entries
            .get(..=index)?
            .iter()
            .try_fold(None, |state, (_, update)| {
                AssociationState::apply(state.as_ref(), update).map(Some)
            })
            .ok()?
    }

    /// What changed between two entries; `None` if either is missing. `from` 0 is the inbox before its log.
    #[must_use]
    pub fn diff(&self, from: u64, to: u64) -> Option<MembershipDiff> {
        let to = self.state_at(to)?;
        if from == 0 {
            return Some(MembershipDiff {
                added: to.members().map(|(member, _)| member.clone()).collect(),
                removed: Vec::new(),
            });
        }
        Some(self.state_at(from)?.diff(&to))
    }

    /// The inbox.
    #[must_use]
    pub const fn inbox_id(&self) -> InboxId {
        self.inbox_id
    }

    /// The sequence id of the last entry; 0 without entries.
    #[must_use]
    pub fn last_sequence_id(&self) -> u64 {
        self.entries.last().map_or(0, |(id, _)| *id)
    }

    /// Number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn belongs(&self, update: &VerifiedUpdate) -> Result<(), AssociationError> {
        if update.inbox_id() == self.inbox_id {
            Ok(())
        } else {
            Err(AssociationError::WrongInbox {
                named: update.inbox_id(),
                actual: self.inbox_id,
            })
        }
    }
}
