//! What a member does in a group.

use bytes::Bytes;
use chancery_base::Rng as _;
use chancery_xmtp_client::{group::GroupState, network::GroupEnvelope, storage::Tx};
use chancery_xmtp_wire::{
    content::{Content, Envelope},
    mls::CIPHERSUITE,
};
use openmls::{
    extensions::{ApplicationIdExtension, Extension, Extensions},
    group::{GroupId, MlsGroup, MlsGroupCreateConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY},
    prelude::{LeafNodeIndex, LeafNodeParameters, OpenMlsProvider as _},
};

use super::{super::Draft, Insider, Made, capabilities, storage};

impl Insider {
    /// A group with these settings, in which nobody else is.
    #[must_use]
    pub fn create(&self, state: &GroupState) -> GroupId {
        let name = ApplicationIdExtension::new(self.inbox().to_string().as_bytes());
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(CIPHERSUITE)
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .max_past_epochs(3)
            .capabilities(capabilities())
            .with_leaf_node_extensions(Extensions::single(Extension::ApplicationId(name)).unwrap())
            .unwrap()
            .with_group_context_extensions(state.extensions().unwrap())
            .build();
        let mut id = [0; 16];
        self.rng.fill(&mut id);
        let id = GroupId::from_slice(&id);
        storage(self.db.transaction(|tx| {
            let credential = self.installation.credential();
            MlsGroup::new_with_group_id(&tx.provider(), &self.installation, &config, id.clone(), credential).unwrap();
            Ok(())
        }));
        id
    }

    /// Looks at a group.
    pub fn look<T>(&self, group: &GroupId, look: impl FnOnce(&MlsGroup) -> T) -> T {
        self.with(group, |_, group| look(group))
    }

    pub(super) fn with<T>(&self, group: &GroupId, step: impl FnOnce(&Tx<'_>, &mut MlsGroup) -> T) -> T {
        storage(self.db.transaction(|tx| {
            let mut loaded = MlsGroup::load(tx.provider().storage(), group)?.unwrap();
            Ok(step(tx, &mut loaded))
        }))
    }

    /// Makes a commit. It is pending until [`Insider::merge`] or [`Insider::forget`].
    #[must_use]
    pub fn commit(&self, group: &GroupId, draft: Draft) -> Made {
        self.with(group, |tx, group| {
            let provider = tx.provider();
            let removed: Vec<LeafNodeIndex> = group
                .members()
                .filter(|member| {
                    draft
                        .removes
                        .iter()
                        .any(|key| key.as_bytes()[..] == member.signature_key)
                })
                .map(|member| member.index)
                .collect();
            assert_eq!(removed.len(), draft.removes.len(), "who is removed is a member");
            let mut leaf = LeafNodeParameters::builder();
            if let Some(credential) = draft.leaf {
                leaf = leaf.with_credential_with_key(credential);
            }
            let mut builder = group
                .commit_builder()
                .consume_proposal_store(false)
                .force_self_update(true)
                .propose_adds(draft.adds)
                .propose_removals(removed)
                .add_proposals(draft.proposals);
            if let Some(context) = draft.context {
                builder = builder.propose_group_context_extensions(context).unwrap();
            }
            let bundle = builder
                .leaf_node_parameters(leaf.build())
                .load_psks(provider.storage())
                .unwrap()
                .use_ratchet_tree_extension(!draft.without_tree)
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

    /// A text to a group, encrypted.
    #[must_use]
    pub fn say(&self, group: &GroupId, text: &str) -> Bytes {
        let content = Content::Text(text.into()).encode().unwrap().encode();
        let plaintext = Envelope::message(content.into(), text);
        self.with(group, |tx, group| {
            let message = group.create_message(&tx.provider(), &self.installation, &plaintext);
            message.unwrap().to_bytes().unwrap().into()
        })
    }

    /// Takes its own commit for done.
    pub fn merge(&self, group: &GroupId) {
        self.with(group, |tx, group| group.merge_pending_commit(&tx.provider()).unwrap());
    }

    /// Takes back its own commit.
    pub fn forget(&self, group: &GroupId) {
        self.with(group, |tx, group| {
            group.clear_pending_commit(tx.provider().storage()).unwrap();
        });
    }

    /// Sends to a group.
    pub async fn send(&self, message: Bytes) {
        self.node
            .send_group_messages(vec![(message, Bytes::from_static(&[0; 32]))])
            .await
            .unwrap();
    }

    /// The id of the last message of a group.
    pub async fn cursor(&self, group: &GroupId) -> u64 {
        self.messages(group, 0).await.last().map_or(0, |entry| entry.id)
    }

    /// The messages of a group after the id `after`.
    pub async fn messages(&self, group: &GroupId, after: u64) -> Vec<GroupEnvelope> {
        let (mut found, mut next) = (Vec::new(), Some(after));
        while let Some(after) = next {
            let page = self.node.group_messages(group, after).await.unwrap();
            found.extend(page.entries);
            next = page.next;
        }
        found
    }
}
