//! Who is in an inbox after an update, and the rules by which updates change that.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, AssociationError, Identifier, InboxId, InstallationKey, MemberIdentifier, MemberKind, Nonce, ReplayKey,
    VerifiedSignature, VerifiedUpdate,
};

/// An inbox at one point of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationState {
    inbox_id: InboxId,
    members: BTreeMap<MemberIdentifier, Member>,
    recovery: Identifier,
    recovery_chain: Option<u64>,
    seen: BTreeSet<ReplayKey>,
}

/// How a member came to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who vouched for it; `None` for the one who opened the inbox.
    pub added_by: Option<MemberIdentifier>,
    /// The clock of who sent the update, nanoseconds since the Unix epoch; `None` for the one who opened the inbox.
    pub added_at_ns: Option<u64>,
    /// The chain of a contract; `None` for every other member.
    pub chain_id: Option<u64>,
}

/// What lies between two states.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MembershipDiff {
    /// In the later state only, in order.
    pub added: Vec<MemberIdentifier>,
    /// In the earlier state only, in order.
    pub removed: Vec<MemberIdentifier>,
}

impl AssociationState {
    /// The state after `update`, which follows upon `previous` (`None`: the inbox has no log yet). All of the update
    /// takes effect or nothing (IDENT-002).
    ///
    /// # Errors
    /// Any [`AssociationError`].
    pub fn apply(previous: Option<&Self>, update: &VerifiedUpdate) -> Result<Self, AssociationError> {
        Self::apply_checked(previous, update, |_, _| Ok(()))
    }

    /// The same, where `check` looks at each action and at the state that it would change.
    pub(super) fn apply_checked<E: From<AssociationError>>(
        previous: Option<&Self>,
        update: &VerifiedUpdate,
        mut check: impl FnMut(&Self, &Action<VerifiedSignature>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let update = update.update();
        let mut state = previous.cloned();
        for action in &update.actions {
            state = Some(match (state, action) {
                (
                    None,
                    Action::CreateInbox {
                        owner,
                        nonce,
                        signature,
                    },
                ) => Self::create(owner, *nonce, signature)?,
                (None, _) => return Err(AssociationError::NotCreated.into()),
                (Some(state), action) => {
                    check(&state, action)?;
                    state.step(action, update.client_timestamp_ns)?
                }
            });
        }
        let mut state = state.ok_or(AssociationError::NotCreated)?;
        if state.inbox_id != update.inbox_id {
            return Err(AssociationError::WrongInbox {
                named: update.inbox_id,
                actual: state.inbox_id,
            }
            .into());
        }
        // only now: one signature of a wallet opens the inbox and adds the first installation
        state
            .seen
            .extend(update.signatures().map(VerifiedSignature::replay_key));
        Ok(state)
    }

    fn create(owner: &Identifier, nonce: Nonce, signature: &VerifiedSignature) -> Result<Self, AssociationError> {
        if !signature.signer().is(owner) {
            return Err(AssociationError::NotOwner(owner.clone()));
        }
        let member = Member {
            added_by: None,
            added_at_ns: None,
            chain_id: signature.chain_id(),
        };
        Ok(Self {
            inbox_id: InboxId::derive(owner, nonce),
            members: BTreeMap::from([(owner.clone().into(), member)]),
            recovery: owner.clone(),
            recovery_chain: signature.chain_id(),
            seen: BTreeSet::new(),
        })
    }

    fn step(mut self, action: &Action<VerifiedSignature>, timestamp_ns: u64) -> Result<Self, AssociationError> {
        match action {
            Action::CreateInbox { .. } => return Err(AssociationError::AlreadyCreated),
            Action::Add { member, existing, new } => {
                self.unused(existing)?;
                self.unused(new)?;
                if new.signer() != member {
                    return Err(AssociationError::NewMemberMismatch(member.clone()));
                }
                if existing.signer() == member {
                    return Err(AssociationError::AddsItself(member.clone()));
                }
                let known = match self.members.get(existing.signer()) {
                    Some(adder) => adder.chain_id,
                    None if existing.signer().is(&self.recovery) => self.recovery_chain,
                    None => return Err(AssociationError::NotAMember(existing.signer().clone())),
                };
                same_chain(known, existing)?;
                if existing.signer().kind() == MemberKind::Installation && member.kind() == MemberKind::Installation {
                    return Err(AssociationError::InstallationAddsInstallation);
                }
                let entry = Member {
                    added_by: Some(existing.signer().clone()),
                    added_at_ns: Some(timestamp_ns),
                    chain_id: new.chain_id(),
                };
                self.members.insert(member.clone(), entry);
            }
            Action::Revoke { member, signature } => {
                self.by_recovery(signature)?;
                self.members.remove(member);
                // wallets that it added stay; what it let in on its own behalf goes with it
                self.members.retain(|child, entry| {
                    child.kind() != MemberKind::Installation || entry.added_by.as_ref() != Some(member)
                });
            }
            Action::ChangeRecovery { identifier, signature } => {
                self.by_recovery(signature)?;
                self.recovery_chain = self
                    .members
                    .get(&identifier.clone().into())
                    .and_then(|member| member.chain_id);
                self.recovery = identifier.clone();
            }
        }
        Ok(self)
    }

    fn unused(&self, signature: &VerifiedSignature) -> Result<(), AssociationError> {
        if self.seen.contains(&signature.replay_key()) {
            Err(AssociationError::Replay)
        } else {
            Ok(())
        }
    }

    fn by_recovery(&self, signature: &VerifiedSignature) -> Result<(), AssociationError> {
        self.unused(signature)?;
        if !signature.signer().is(&self.recovery) {
            return Err(AssociationError::NotRecovery(signature.signer().clone()));
        }
        same_chain(self.recovery_chain, signature)
    }

    /// The inbox.
    #[must_use]
    pub const fn inbox_id(&self) -> InboxId {
        self.inbox_id
    }

    /// Who may revoke. Need not be a member.
    #[must_use]
    pub const fn recovery(&self) -> &Identifier {
        &self.recovery
    }

    /// How `identifier` came to be a member; `None` if it is none.
    #[must_use]
    pub fn member(&self, identifier: &MemberIdentifier) -> Option<&Member> {
        self.members.get(identifier)
    }

    /// All members, in the order of their identifiers.
    pub fn members(&self) -> impl Iterator<Item = (&MemberIdentifier, &Member)> {
        self.members.iter()
    }

    /// The installations, in the order of their keys.
    pub fn installations(&self) -> impl Iterator<Item = InstallationKey> {
        self.members.keys().filter_map(MemberIdentifier::installation)
    }

    /// Whether `key` is an installation of this inbox.
    #[must_use]
    pub fn has_installation(&self, key: InstallationKey) -> bool {
        self.members.contains_key(&key.into())
    }

    /// What lies between this state and `later`.
    #[must_use]
    pub fn diff(&self, later: &Self) -> MembershipDiff {
        let only = |one: &Self, other: &Self| {
            let mut members = one.members.keys().cloned().collect::<Vec<_>>();
            members.retain(|member| !other.members.contains_key(member));
            members
        };
        MembershipDiff {
            added: only(later, self),
            removed: only(self, later),
        }
    }
}

impl MembershipDiff {
    /// The installations that came.
    pub fn added_installations(&self) -> impl Iterator<Item = InstallationKey> {
        self.added.iter().filter_map(MemberIdentifier::installation)
    }

    /// The installations that went.
    pub fn removed_installations(&self) -> impl Iterator<Item = InstallationKey> {
        self.removed.iter().filter_map(MemberIdentifier::installation)
    }
}

/// A contract at the same address on another chain is somebody else (IDENT-046).
fn same_chain(known: Option<u64>, signature: &VerifiedSignature) -> Result<(), AssociationError> {
    if signature.chain_id() == known {
        Ok(())
    } else {
        Err(AssociationError::ChainMismatch {
            known,
            signed: signature.chain_id(),
        })
    }
}
