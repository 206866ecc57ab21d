//! What a commit proposes, and who.

use std::collections::{BTreeMap, BTreeSet};

use chancery_xmtp_wire::{
    identity::{InboxId, InstallationKey},
    proto::identity::MlsCredential,
};
use openmls::{
    credentials::{BasicCredential, Credential},
    group::{MlsGroup, StagedCommit},
    messages::proposals::Proposal,
    prelude::{LeafNodeIndex, Sender},
    treesync::LeafNode,
};
use prost::Message as _;

use super::Rule;

/// A leaf, by its credential and its key. The two need not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The inbox that its credential names.
    pub(crate) inbox: InboxId,
    /// Its signature key.
    pub(crate) installation: InstallationKey,
}

/// The proposals of a commit, as far as the rules look at them.
#[derive(Debug)]
pub(super) struct Proposed {
    /// Who made the commit.
    pub(super) actor: Leaf,
    /// Installations that are added.
    pub(super) added: BTreeSet<Vec<u8>>,
    /// Installations that are removed.
    pub(super) removed: BTreeSet<Vec<u8>>,
    /// New leaves of members who proposed to renew theirs.
    pub(super) renewed: Vec<Leaf>,
    /// Who proposed to add an installation of this inbox.
    pub(super) adders: BTreeMap<InboxId, InboxId>,
    /// Who proposed to remove one of this inbox.
    pub(super) removers: BTreeMap<InboxId, InboxId>,
    /// Who proposed the new context.
    pub(super) context_by: Option<InboxId>,
}

impl Proposed {
    /// Reads the proposals of a commit. `_sender` is not asked: the reference takes the committer's word, its new leaf, and
    /// verifies that.
    pub(super) fn of(group: &MlsGroup, commit: &StagedCommit, _sender: LeafNodeIndex) -> Result<Self, Rule> {
        let mut proposers: BTreeMap<LeafNodeIndex, Leaf> = BTreeMap::new();
        for proposal in commit.queued_proposals() {
            let Sender::Member(index) = proposal.sender() else {
                return Err(Rule::ProposerNotMember);
            };
            proposers.insert(*index, leaf_at(group, *index)?.ok_or(Rule::ProposerNotMember)?);
        }
        let actor = match (commit.update_path_leaf_node(), proposers.values().next()) {
            (Some(leaf), _) => leaf_of(leaf)?,
            (None, Some(only)) if proposers.len() == 1 => *only,
            _ => return Err(Rule::NoActor),
        };
        if commit.psk_proposals().next().is_some() {
            return Err(Rule::PreSharedKey);
        }
        let mut proposed = Self {
            actor,
            added: BTreeSet::new(),
            removed: BTreeSet::new(),
            renewed: Vec::new(),
            adders: BTreeMap::new(),
            removers: BTreeMap::new(),
            context_by: None,
        };
        for proposal in commit.queued_proposals() {
            let Sender::Member(index) = proposal.sender() else {
                return Err(Rule::ProposerNotMember);
            };
            let by = proposers.get(index).ok_or(Rule::ProposerNotMember)?.inbox;
            match proposal.proposal() {
                Proposal::Add(add) => {
                    let leaf = add.key_package().leaf_node();
                    proposed.adders.insert(inbox_of(leaf.credential())?, by);
                    proposed.added.insert(leaf.signature_key().as_slice().to_vec());
                }
                Proposal::Remove(remove) => {
                    let member = group.member_at(remove.removed()).ok_or(Rule::UnknownMember)?;
                    proposed.removers.insert(inbox_of(&member.credential)?, by);
                    proposed.removed.insert(member.signature_key);
                }
                Proposal::Update(update) => proposed.renewed.push(leaf_of(update.leaf_node())?),
                Proposal::GroupContextExtensions(_) => proposed.context_by = Some(by),
                // the reference passes over what else openmls lets through
                _ => {}
            }
        }
        Ok(proposed)
    }
}

fn leaf_at(group: &MlsGroup, index: LeafNodeIndex) -> Result<Option<Leaf>, Rule> {
    let Some(member) = group.member_at(index) else {
        return Ok(None);
    };
    leaf(&member.credential, &member.signature_key).map(Some)
}

fn leaf_of(node: &LeafNode) -> Result<Leaf, Rule> {
    leaf(node.credential(), node.signature_key().as_slice())
}

pub(crate) fn leaf(credential: &Credential, key: &[u8]) -> Result<Leaf, Rule> {
    Ok(Leaf {
        inbox: inbox_of(credential)?,
        // openmls takes no other key of the one ciphersuite
        installation: InstallationKey::from_bytes(key.try_into().map_err(|_| Rule::Credential)?),
    })
}

/// The inbox that a credential names.
pub(crate) fn inbox_of(credential: &Credential) -> Result<InboxId, Rule> {
    let basic = BasicCredential::try_from(credential.clone()).map_err(|_| Rule::Credential)?;
    let identity = MlsCredential::decode(basic.identity()).map_err(|_| Rule::Credential)?;
    identity.inbox_id.parse().map_err(|_| Rule::Credential)
}
