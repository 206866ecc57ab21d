//! Making commits: from what is to be done to bytes that can be sent (xmtp spec 3.7).

use std::collections::{BTreeMap, BTreeSet};

use chancery_base::digest::sha256;
use chancery_xmtp_wire::{
    group::{ConversationType, FieldChange, GroupMembership, PolicySet},
    identity::{InboxId, InstallationKey},
    mls::ValidatedKeyPackage,
};
use openmls::{
    extensions::Extensions,
    group::{GroupContext, GroupId, MlsGroup},
    key_packages::KeyPackage,
    prelude::{LeafNodeIndex, OpenMlsProvider as _, tls_codec::Serialize as _},
};

use super::{
    ClientError, Inner,
    action::{Action, After, Joining, apply_admin},
    receive::Stop,
    renew::Due,
};
use crate::{
    commit::{Accepted, CLAIMED, CommitError, check},
    group::{GroupState, with_membership, with_metadata, with_permissions},
    identity::DirectoryError,
    storage::{Intent, Tx},
};

/// Key packages that are fetched at once: with 64 KiB each they fit into an answer of 25 MiB.
const AT_ONCE: usize = 256;

/// What a commit is to contain, worked out for one epoch.
struct Plan {
    epoch: u64,
    context: Option<Extensions<GroupContext>>,
    add: Vec<ValidatedKeyPackage>,
    remove: Vec<LeafNodeIndex>,
}

/// Who comes and goes.
struct Members<'a> {
    add: &'a [InboxId],
    remove: &'a [InboxId],
    unfit: &'a BTreeSet<InstallationKey>,
}

/// How making a commit ended.
pub(super) enum Making {
    /// It is made, and waits to be sent.
    Made,
    /// There is nothing to be done.
    Nothing,
    /// The group has moved on meanwhile: look again.
    Moved,
}

impl Inner {
    /// Makes the commit of a queued intent, and keeps it with all that its effect brings about.
    ///
    /// # Errors
    /// [`ClientError::Denied`] when the group's rules would refuse it: nobody is sent what all would pass over. Others when it
    /// cannot be made.
    pub(super) async fn make_commit(&self, intent: &Intent, action: &Action) -> Result<Making, ClientError> {
        let Some(plan) = self.plan(&intent.group, action, &BTreeSet::new()).await? else {
            return Ok(Making::Nothing);
        };
        let adds: Vec<_> = plan.add.iter().map(|one| one.key_package().clone()).collect();
        match self.carry_out(intent, plan).await {
            Err(error @ ClientError::Mls { .. }) if !adds.is_empty() => {
                let unfit = self.unfit(&intent.group, &adds)?;
                if unfit.is_empty() {
                    return Err(error);
                }
                match self.plan(&intent.group, action, &unfit).await? {
                    Some(plan) => self.carry_out(intent, plan).await,
                    None => Ok(Making::Nothing),
                }
            }
            made => made,
        }
    }

    /// The installations whose key packages the group cannot take, valid as they are: they lack what it demands of members,
    /// or hold a key that is in it already. Whoever publishes one keeps nobody else out by that.
    fn unfit(&self, group: &GroupId, adds: &[KeyPackage]) -> Result<BTreeSet<InstallationKey>, ClientError> {
        self.db.transaction(|tx| {
            let mut group = self.member_of(tx, group)?;
            let provider = tx.provider();
            let (mut unfit, mut leaf_keys, mut init_keys) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for one in adds {
                let builder = group.commit_builder().consume_proposal_store(false);
                let alone = builder.propose_adds([one.clone()]).force_self_update(true);
                let fits = alone.load_psks(provider.storage()).is_ok_and(|builder| {
                    let built = builder.build(provider.rand(), provider.crypto(), &self.installation, |_| true);
                    built.is_ok()
                });
                let leaf = one.leaf_node();
                let leaf_key = leaf.encryption_key().tls_serialize_detached();
                let new = leaf_key.is_ok_and(|key| leaf_keys.insert(key))
                    && init_keys.insert(one.hpke_init_key().as_slice().to_vec());
                if !(fits && new) {
                    let key = leaf.signature_key().as_slice();
                    unfit.extend(InstallationKey::try_from(key).ok());
                }
            }
            Ok(unfit)
        })
    }

    async fn carry_out(&self, intent: &Intent, plan: Plan) -> Result<Making, ClientError> {
        let made = self.db.transaction(|tx| {
            let mut group = self.member_of(tx, &intent.group)?;
            if group.epoch().as_u64() != plan.epoch {
                return Ok(Making::Moved);
            }
            let provider = tx.provider();
            let after = After {
                welcome: Vec::new(),
                joining: plan.add.iter().map(Joining::of).collect(),
            };
            let adds: Vec<_> = plan
                .add
                .into_iter()
                .map(ValidatedKeyPackage::into_key_package)
                .collect();
            let doing = "make a commit";
            let mut builder = group
                .commit_builder()
                .consume_proposal_store(false)
                .propose_adds(adds)
                .propose_removals(plan.remove);
            if let Some(context) = plan.context {
                builder = builder
                    .propose_group_context_extensions(context)
                    .map_err(ClientError::mls(doing))?;
            }
            // XMTP's members expect a new leaf of every committer
            let bundle = builder
                .force_self_update(true)
                .load_psks(provider.storage())
                .map_err(ClientError::mls(doing))?
                .build(provider.rand(), provider.crypto(), &self.installation, |_| true)
                .map_err(ClientError::mls(doing))?
                .stage_commit(&provider)
                .map_err(ClientError::mls(doing))?;
            let welcome = bundle.to_welcome_msg();
            let payload = bundle.into_commit().to_bytes().map_err(ClientError::mls(doing))?;
            let after = After {
                welcome: match welcome {
                    Some(welcome) => welcome.to_bytes().map_err(ClientError::mls(doing))?,
                    None => Vec::new(),
                },
                ..after
            };
            self.allowed(&group)?;
            tx.intent_made(intent.id, &sha256(&payload), plan.epoch)?;
            tx.keep_payload(intent.id, &payload, &after.encode()?)?;
            Ok(Making::Made)
        });
        match made {
            Ok(made) => Ok(made),
            Err(Stop::NeedsLog(wanted)) => {
                self.directory.at_least(&*self.node, &self.db, &wanted).await?;
                Ok(Making::Moved)
            }
            Err(Stop::Paused(version)) => Err(ClientError::Paused(version.to_string())),
            Err(Stop::Ahead) => Ok(Making::Moved),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Holds our own pending commit to the rules that everybody else will hold it to.
    fn allowed(&self, group: &MlsGroup) -> Result<(), Stop> {
        let Some(pending) = group.pending_commit() else {
            return Ok(());
        };
        match check(group, pending, group.own_leaf_index(), &self.directory, CLAIMED) {
            // we would shut ourselves out
            Ok(Accepted {
                pause: Some(version), ..
            }) => Err(Stop::Paused(version)),
            Ok(_) => Ok(()),
            Err(CommitError::Refused(rule)) => Err(Stop::Failed(ClientError::Refused(rule))),
            Err(CommitError::NeedsLog(wanted)) => Err(Stop::NeedsLog(wanted)),
        }
    }

    /// Works out what `action` takes now. Installations that are `unfit` are not added.
    async fn plan(
        &self,
        group: &GroupId,
        action: &Action,
        unfit: &BTreeSet<InstallationKey>,
    ) -> Result<Option<Plan>, ClientError> {
        let (epoch, state, extensions, leaves) = self.db.transaction(|tx| {
            let group = self.member_of(tx, group)?;
            let state = GroupState::of(&group)?;
            Ok::<_, ClientError>((
                group.epoch().as_u64(),
                state,
                group.extensions().clone(),
                self.leaves(&group),
            ))
        })?;
        let mut plan = Plan {
            epoch,
            context: None,
            add: Vec::new(),
            remove: Vec::new(),
        };
        let is_dm = state.immutable.conversation_type == ConversationType::Dm;
        match action {
            Action::Say => return Ok(None),
            Action::Keys => {}
            Action::OldKeys if !self.keys_are_due(group, Due::ToSpeak)? => return Ok(None),
            Action::OldKeys => {}
            Action::Field { name, value } => {
                let mut metadata = state.metadata.clone();
                let old = metadata.attributes.insert(name.clone(), value.clone());
                let change = FieldChange {
                    field: name.clone(),
                    old,
                    new: Some(value.clone()),
                };
                change.check_limit()?;
                if change.old == change.new {
                    return Ok(None);
                }
                plan.context = Some(with_metadata(&extensions, &metadata)?);
            }
            Action::Admin { inbox, change } => {
                let inbox = InboxId::from_bytes(*inbox);
                if is_dm {
                    return Err(ClientError::WrongKind);
                }
                if !state.membership.members.contains_key(&inbox) {
                    return Err(ClientError::NoSuchMember(inbox));
                }
                let mut metadata = state.metadata.clone();
                apply_admin(inbox, *change, &mut metadata);
                if metadata == state.metadata {
                    return Ok(None);
                }
                plan.context = Some(with_metadata(&extensions, &metadata)?);
            }
            Action::Policy { part, set } => {
                if is_dm {
                    return Err(ClientError::WrongKind);
                }
                let mut policies = state.permissions.clone();
                part.apply(PolicySet::parse(set)?, &mut policies);
                if policies == state.permissions {
                    return Ok(None);
                }
                plan.context = Some(with_permissions(&extensions, &policies)?);
            }
            Action::Members { add, remove } => {
                let add: Vec<_> = add.iter().copied().map(InboxId::from_bytes).collect();
                let remove: Vec<_> = remove.iter().copied().map(InboxId::from_bytes).collect();
                let members = Members {
                    add: &add,
                    remove: &remove,
                    unfit,
                };
                let Some(membership) = self.plan_members(&state, &leaves, &members, &mut plan).await? else {
                    return Ok(None);
                };
                plan.context = Some(with_membership(&extensions, &membership)?);
            }
        }
        Ok(Some(plan))
    }

    /// Works out who is in the group when these inboxes are added and removed and everybody's installations are those of
    /// today (xmtp spec 3.7, 3.8.3).
    async fn plan_members(
        &self,
        state: &GroupState,
        leaves: &BTreeMap<InstallationKey, (LeafNodeIndex, Option<InboxId>)>,
        members: &Members<'_>,
        plan: &mut Plan,
    ) -> Result<Option<GroupMembership>, ClientError> {
        let Members { add, remove, unfit } = members;
        let old = &state.membership;
        let removed: BTreeSet<_> = remove
            .iter()
            .filter(|inbox| old.members.contains_key(inbox))
            .copied()
            .collect();
        let kept = old.members.keys().filter(|inbox| !removed.contains(inbox));
        let target: BTreeSet<_> = kept.chain(*add).copied().collect();
        let asked: Vec<_> = target.iter().copied().collect();
        match self.directory.refresh(&*self.node, &self.db, &asked).await {
            // who is a member stays as its log was when it could be verified; the others do not wait for it
            Err(
                DirectoryError::Unverifiable(inbox) | DirectoryError::Rewritten(inbox) | DirectoryError::Shorter(inbox),
            ) if !add.contains(&inbox) => self.directory.refresh(&*self.node, &self.db, add).await?,
            read => read?,
        }
        // where the group is now: the rules compare with it
        let known: Vec<_> = old
            .members
            .iter()
            .map(|(inbox, id)| (*inbox, *id))
            .filter(|(_, id)| *id > 0)
            .collect();
        self.directory.at_least(&*self.node, &self.db, &known).await?;

        let mut new = GroupMembership {
            members: BTreeMap::new(),
            failed_installations: old.failed_installations.clone(),
        };
        let (mut joining, mut leaving) = (BTreeSet::new(), BTreeSet::new());
        for inbox in &target {
            let before = old.members.get(inbox).copied();
            let Some(latest) = self.directory.latest(*inbox) else {
                return Err(ClientError::NoInbox(*inbox));
            };
            // a sequence id never goes back, even when the node forgets
            let latest = latest.max(before.unwrap_or(0));
            new.members.insert(*inbox, latest);
            if before == Some(latest) {
                continue;
            }
            let diff = self
                .directory
                .diff(*inbox, before.filter(|id| *id > 0), latest)
                .ok_or(ClientError::NoInbox(*inbox))?;
            joining.extend(diff.added_installations().map(|key| (*inbox, key)));
            leaving.extend(diff.removed_installations());
        }
        joining.retain(|(_, key)| !leaves.contains_key(key));
        plan.remove = leaves
            .iter()
            .filter(|(key, (_, inbox))| leaving.contains(key) || inbox.is_some_and(|inbox| removed.contains(&inbox)))
            .map(|(_, (leaf, _))| *leaf)
            .collect();

        let keys: Vec<_> = joining.iter().map(|(_, key)| *key).collect();
        let mut found = Vec::with_capacity(keys.len());
        for some in keys.chunks(AT_ONCE) {
            found.extend(self.node.key_packages(some).await?);
        }
        for ((inbox, key), bytes) in joining.iter().zip(found) {
            let usable = bytes
                .and_then(|bytes| ValidatedKeyPackage::parse(&bytes, self.clock.now()).ok())
                .filter(|package| package.installation() == *key && package.inbox_id() == *inbox)
                .filter(|_| !unfit.contains(key));
            match usable {
                Some(package) => plan.add.push(package),
                // official clients write it down and go on, so that one broken installation keeps nobody out
                None => {
                    new.failed_installations.insert(key.as_bytes().to_vec());
                }
            }
        }
        Ok((new != *old).then_some(new))
    }

    /// The leaves of a group, by installation.
    pub(super) fn leaves(&self, group: &MlsGroup) -> BTreeMap<InstallationKey, (LeafNodeIndex, Option<InboxId>)> {
        group
            .members()
            .filter_map(|member| {
                let key = InstallationKey::try_from(member.signature_key.as_slice()).ok()?;
                Some((key, (member.index, super::inbox_of(&member.credential))))
            })
            .collect()
    }

    /// The group as it is in this transaction, in which we must be still: what was read last may have removed us.
    fn member_of(&self, tx: &Tx<'_>, group: &GroupId) -> Result<MlsGroup, ClientError> {
        let group = self.load(tx, group)?;
        if group.is_active() {
            Ok(group)
        } else {
            Err(ClientError::NotAMember)
        }
    }

    /// The group as it is in this transaction.
    pub(super) fn load(&self, tx: &Tx<'_>, group: &GroupId) -> Result<MlsGroup, ClientError> {
        MlsGroup::load(tx.provider().storage(), group)?.ok_or(ClientError::NoConversation)
    }
}
