//! Proposals that stand alone, and commits that name them.

use bytes::Bytes;
use chancery_xmtp_client::storage::{MlsStorage, Tx};
use chancery_xmtp_wire::identity::InstallationKey;
use openmls::{
    framing::{MlsMessageBodyIn, MlsMessageIn, ProcessedMessageContent},
    group::{GroupId, MlsGroup, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, Propose},
    messages::{external_proposals::JoinProposal, proposals::ProposalOrRefType},
    prelude::{LeafNodeParameters, OpenMlsProvider as _, tls_codec::Deserialize as _},
};

use super::{Insider, Made, capabilities, storage};

impl Insider {
    /// Proposes something, by a message that stands alone.
    #[must_use]
    pub fn moves(&self, group: &GroupId, what: Propose) -> Bytes {
        self.with(group, |tx, group| {
            let (message, _) = group
                .propose(&tx.provider(), &self.installation, what, ProposalOrRefType::Reference)
                .unwrap();
            message.to_bytes().unwrap().into()
        })
    }

    /// To propose that an installation goes.
    #[must_use]
    pub fn removal(&self, group: &GroupId, installation: InstallationKey) -> Propose {
        self.look(group, |group| {
            let mut members = group.members();
            let member = members.find(|member| member.signature_key == installation.as_bytes());
            Propose::Remove(member.unwrap().index.u32())
        })
    }

    /// Asks to be added to a group in which it is not.
    #[must_use]
    pub fn asks_to_join(&self, group: &GroupId, epoch: u64) -> Bytes {
        let message =
            JoinProposal::new::<MlsStorage<'_>>(self.key_package(), group.clone(), epoch.into(), &self.installation);
        message.unwrap().to_bytes().unwrap().into()
    }

    /// Keeps the proposals of others, so that a commit can name them.
    pub fn hear(&self, group: &GroupId, proposals: &[Bytes]) {
        self.with(group, |tx, group| hear(tx, group, proposals));
    }

    /// Makes a commit that names all proposals that it made or heard. Without `path` it renews no keys.
    #[must_use]
    pub fn commit_heard(&self, group: &GroupId, path: bool) -> Made {
        self.with(group, |tx, group| {
            let provider = tx.provider();
            let bundle = group
                .commit_builder()
                .consume_proposal_store(true)
                .force_self_update(path)
                .load_psks(provider.storage())
                .unwrap()
                .build(provider.rand(), provider.crypto(), &self.installation, |_| true)
                .unwrap()
                .stage_commit(&provider)
                .unwrap();
            let (commit, welcome, _) = bundle.into_contents();
            Made {
                commit: commit.to_bytes().unwrap().into(),
                welcome,
            }
        })
    }

    /// Takes back its own commit, and forgets all proposals.
    pub fn forget_heard(&self, group: &GroupId) {
        self.with(group, |tx, group| {
            let provider = tx.provider();
            group.clear_pending_commit(provider.storage()).unwrap();
            group.clear_pending_proposals(provider.storage()).unwrap();
        });
    }

    /// What somebody who enters a group by itself must know of it.
    #[must_use]
    pub fn group_info(&self, group: &GroupId) -> Bytes {
        self.with(group, |tx, group| {
            let info = group.export_group_info(tx.provider().crypto(), &self.installation, true);
            info.unwrap().to_bytes().unwrap().into()
        })
    }

    /// A commit by which it enters a group by itself.
    #[must_use]
    pub fn enters(&self, info: &Bytes) -> Bytes {
        let message = MlsMessageIn::tls_deserialize(&mut &info[..]).unwrap();
        let MlsMessageBodyIn::GroupInfo(info) = message.extract() else {
            panic!("no group info")
        };
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .build();
        storage(self.db.transaction(|tx| {
            let provider = tx.provider();
            let (_, bundle) = MlsGroup::external_commit_builder()
                .with_config(config)
                .build_group(&provider, info, self.installation.credential())
                .unwrap()
                .leaf_node_parameters(LeafNodeParameters::builder().with_capabilities(capabilities()).build())
                .load_psks(provider.storage())
                .unwrap()
                .build(provider.rand(), provider.crypto(), &self.installation, |_| true)
                .unwrap()
                .finalize(&provider)
                .unwrap();
            Ok(bundle.into_commit().to_bytes().unwrap().into())
        }))
    }
}

/// Keeps proposals in a group.
pub(super) fn hear(tx: &Tx<'_>, group: &mut MlsGroup, proposals: &[Bytes]) {
    for proposal in proposals {
        let message = MlsMessageIn::tls_deserialize(&mut &proposal[..]).unwrap();
        let message = message.try_into_protocol_message().unwrap();
        let processed = group.process_message(&tx.provider(), message).unwrap();
        let (ProcessedMessageContent::ProposalMessage(proposal)
        | ProcessedMessageContent::ExternalJoinProposalMessage(proposal)) = processed.into_content()
        else {
            panic!("no proposal")
        };
        group
            .store_pending_proposal(tx.provider().storage(), *proposal)
            .unwrap();
    }
}
