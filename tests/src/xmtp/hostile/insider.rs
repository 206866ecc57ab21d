//! A member who speaks MLS by itself.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chancery_base::{Clock as _, Millis, Rng, ed25519::SecretKey};
use chancery_serve::system::SystemClock;
use chancery_xmtp_client::{
    commit::{self, Accepted, CommitError},
    crypto::Crypto,
    group::GroupState,
    identity::{Directory, Installation, inbox_of, revocation},
    join::{JoinError, Joining, check_join, check_welcome},
    network::{GroupEnvelope, NodeApi, WelcomeBody, WelcomeToSend},
    storage::{InboxDb, SharedDb, StorageError, Tx},
    welcome::{Wrapped, open, seal},
};
use chancery_xmtp_wire::{
    content::{Content, Envelope},
    identity::{InboxId, InstallationKey, Nonce, WalletKey},
    mls::{CIPHERSUITE, ValidatedKeyPackage, key_package::WelcomeKey},
    proto::mls::message_contents::WelcomeWrapperAlgorithm,
};
use openmls::{
    credentials::CredentialType,
    extensions::{ApplicationIdExtension, Extension, ExtensionType, Extensions},
    framing::{MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, ProcessedMessageContent},
    group::{
        GroupContext, GroupId, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY,
        ProcessedWelcome, StagedCommit,
    },
    key_packages::KeyPackage,
    messages::{
        Welcome,
        proposals::{PreSharedKeyProposal, Proposal, ProposalType},
    },
    prelude::{
        Capabilities, LeafNodeIndex, LeafNodeParameters, OpenMlsProvider as _, ProtocolVersion, Sender,
        tls_codec::Deserialize as _,
    },
    schedule::PreSharedKeyId,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::Draft;

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(out);
    }
}

fn seeded(seed: u64) -> Arc<Seeded> {
    Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
}

/// An installation that the network knows, and nobody would suspect.
pub struct Insider {
    /// Its keys.
    pub installation: Installation,
    /// What it knows of others.
    pub directory: Directory,
    wallet: Arc<WalletKey>,
    db: SharedDb,
    rng: Arc<Seeded>,
    node: Arc<dyn NodeApi>,
}

/// A commit, made and not sent.
#[derive(Debug)]
pub struct Made {
    /// The `MLSMessage`.
    pub commit: Bytes,
    /// For those whom it adds.
    pub welcome: Option<Welcome>,
}

fn now() -> Millis {
    SystemClock.now()
}

fn storage<T>(result: Result<T, StorageError>) -> T {
    result.unwrap()
}

impl Insider {
    /// A new inbox with its first installation.
    pub async fn register(node: &Arc<dyn NodeApi>, seed: u64) -> Self {
        let rng = seeded(seed);
        let wallet = Arc::new(WalletKey::generate(&rng).unwrap());
        let new = Self::new(node, rng, wallet);
        let update = new.installation.registration(&new.wallet, Nonce(1), now()).unwrap();
        new.enter(&update).await;
        new
    }

    /// Another installation of the same inbox.
    pub async fn second(&self, seed: u64) -> Self {
        let rng = seeded(seed);
        let new = Self::new(&self.node, rng, Arc::clone(&self.wallet));
        let update = new.installation.addition(&new.wallet, now()).unwrap();
        new.enter(&update).await;
        new
    }

    fn new(node: &Arc<dyn NodeApi>, rng: Arc<Seeded>, wallet: Arc<WalletKey>) -> Self {
        let inbox = inbox_of(&wallet, Nonce(1));
        Self {
            installation: Installation::new(SecretKey::generate(&rng), inbox),
            directory: Directory::new(),
            wallet,
            db: SharedDb::new(InboxDb::in_memory(Crypto::new(rng.clone())).unwrap()),
            rng,
            node: Arc::clone(node),
        }
    }

    async fn enter(&self, update: &chancery_xmtp_wire::identity::IdentityUpdate) {
        let mine = self
            .db
            .transaction(|tx| self.installation.new_key_package(tx, now()))
            .unwrap();
        self.node.upload_key_package(mine).await.unwrap();
        self.node.publish_identity_update(update).await.unwrap();
    }

    /// Shuts an installation out of its inbox.
    pub async fn revoke(&self, installation: InstallationKey) {
        let update = revocation(&self.wallet, self.inbox(), &[installation], now()).unwrap();
        self.node.publish_identity_update(&update).await.unwrap();
    }

    /// Its inbox.
    #[must_use]
    pub fn inbox(&self) -> InboxId {
        self.installation.inbox()
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> InstallationKey {
        self.installation.public()
    }

    /// A key package of its own that nobody has used, which says that it is of `inbox`.
    #[must_use]
    pub fn key_package_as(&self, inbox: InboxId) -> KeyPackage {
        let installation = Installation::new(self.installation.key().clone(), inbox);
        let bytes = self
            .db
            .transaction(|tx| installation.new_key_package(tx, now()))
            .unwrap();
        ValidatedKeyPackage::parse(&bytes, now()).unwrap().into_key_package()
    }

    /// A key package of its own that nobody has used.
    #[must_use]
    pub fn key_package(&self) -> KeyPackage {
        self.key_package_as(self.inbox())
    }

    /// A group with these settings, in which nobody else is.
    #[must_use]
    pub fn create(&self, state: &GroupState) -> GroupId {
        let unknown = [0xff00, 0xff01, 0xff02, 0xff03, 0xff04, 0xf000].map(ExtensionType::Unknown);
        let extensions = unknown
            .into_iter()
            .chain([ExtensionType::LastResort, ExtensionType::ApplicationId]);
        let capabilities = Capabilities::new(
            Some(&[ProtocolVersion::Mls10]),
            Some(&[CIPHERSUITE]),
            Some(&extensions.collect::<Vec<_>>()),
            Some(&[ProposalType::GroupContextExtensions]),
            Some(&[CredentialType::Basic]),
        );
        let name = ApplicationIdExtension::new(self.inbox().to_string().as_bytes());
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(CIPHERSUITE)
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .max_past_epochs(3)
            .capabilities(capabilities)
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

    fn with<T>(&self, group: &GroupId, step: impl FnOnce(&Tx<'_>, &mut MlsGroup) -> T) -> T {
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

    /// Proposes another context, and makes a commit that names the proposal rather than has it: first the one is to be sent,
    /// then the other. The commit is pending, as any.
    #[must_use]
    pub fn propose(&self, group: &GroupId, context: Extensions<GroupContext>) -> (Bytes, Bytes) {
        self.with(group, |tx, group| {
            let provider = tx.provider();
            let (proposal, _) = group
                .propose_group_context_extensions(&provider, context, &self.installation)
                .unwrap();
            let (commit, _, _) = group
                .commit_to_pending_proposals(&provider, &self.installation)
                .unwrap();
            let bytes = |message: MlsMessageOut| message.to_bytes().unwrap().into();
            (bytes(proposal), bytes(commit))
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

    /// Sends a welcome to those of whom `key_packages` are; whatever came to the group up to `cursor` is before their time.
    pub async fn welcome(&self, welcome: Welcome, key_packages: &[KeyPackage], cursor: u64) {
        use openmls::prelude::tls_codec::Serialize as _;
        let welcome = MlsMessageOut::from_welcome(welcome, ProtocolVersion::Mls10);
        let welcome = welcome.tls_serialize_detached().unwrap();
        let mut out = Vec::new();
        for key_package in key_packages {
            let bytes = key_package.tls_serialize_detached().unwrap();
            let read = ValidatedKeyPackage::parse(&bytes, now()).unwrap();
            let sealed = seal(read.welcome_key(), &welcome, cursor, &*self.rng).unwrap();
            out.push(WelcomeToSend {
                destination: *read.installation().as_bytes(),
                body: WelcomeBody::Welcome {
                    data: sealed.data,
                    hpke_public_key: Bytes::copy_from_slice(read.welcome_key().as_bytes()),
                    algorithm: match read.welcome_key() {
                        WelcomeKey::XWing(_) => WelcomeWrapperAlgorithm::XwingMlkem768Draft6,
                        WelcomeKey::Curve25519(_) => WelcomeWrapperAlgorithm::Curve25519,
                    },
                    metadata: sealed.metadata,
                },
            });
        }
        self.node.send_welcomes(out).await.unwrap();
    }

    /// The key package that the network hands out for an installation.
    pub async fn fetch(&self, installation: InstallationKey) -> KeyPackage {
        let found = self.node.key_packages(&[installation]).await.unwrap().remove(0);
        ValidatedKeyPackage::parse(&found.unwrap(), now())
            .unwrap()
            .into_key_package()
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

    /// Reads what is new in the logs of these inboxes.
    pub async fn read(&self, inboxes: &[InboxId]) {
        self.directory.refresh(&*self.node, &self.db, inboxes).await.unwrap();
    }

    /// The entries of an inbox's log.
    pub async fn entries(&self, inbox: InboxId) -> Vec<u64> {
        let found = self.node.identity_updates(&[(inbox, 0)]).await.unwrap().remove(0);
        found.iter().map(|entry| entry.sequence_id).collect()
    }

    /// Enters every group to which it was welcomed, whatever they are.
    pub async fn join(&self) {
        for (data, wrapped) in self.welcomes().await {
            storage(self.db.transaction(|tx| {
                let processed = self.process(tx, &data, wrapped);
                let staged = processed.into_staged_welcome(&tx.provider(), None).unwrap();
                staged.into_group(&tx.provider()).unwrap();
                Ok(())
            }));
        }
    }

    /// Judges the last welcome by our rules, reading what logs it takes. No group is entered.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn consider(&self) -> Result<Joining, JoinError> {
        let (key, wrapped) = self.welcomes().await.pop().unwrap();
        loop {
            let mut judged = None;
            let _ = self.db.transaction(|tx| {
                let processed = self.process(tx, &key, wrapped.clone());
                judged = Some(match check_welcome(&processed) {
                    Err(rule) => Err(rule.into()),
                    Ok(()) => {
                        let staged = processed.into_staged_welcome(&tx.provider(), None).unwrap();
                        check_join(&staged, self.inbox(), &self.directory, &commit::CLAIMED)
                    }
                });
                // undoes it
                Err::<(), _>(StorageError::Format)
            });
            match judged.unwrap() {
                Err(JoinError::NeedsLog(wanted)) => {
                    self.directory.at_least(&*self.node, &self.db, &wanted).await.unwrap();
                }
                judged => return judged,
            }
        }
    }

    async fn welcomes(&self) -> Vec<(Bytes, Wrapped)> {
        let page = self.node.welcomes(*self.key().as_bytes(), 0).await.unwrap();
        let classic = page.entries.into_iter().map(|envelope| match envelope.body {
            WelcomeBody::Welcome {
                data,
                hpke_public_key,
                metadata,
                ..
            } => (hpke_public_key, Wrapped { data, metadata }),
            WelcomeBody::Pointer { .. } => panic!("a pointer"),
        });
        classic.collect()
    }

    fn process(&self, tx: &Tx<'_>, key: &[u8], wrapped: Wrapped) -> ProcessedWelcome {
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .max_past_epochs(3)
            .build();
        let secret = tx.welcome_secret(key).unwrap().unwrap();
        let opened = open(&secret, &wrapped).unwrap();
        let message = MlsMessageIn::tls_deserialize(&mut &opened.welcome[..]).unwrap();
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
            panic!("no welcome")
        };
        ProcessedWelcome::new_from_welcome(&tx.provider(), &config, welcome).unwrap()
    }

    /// Learns a pre-shared key, and names it in a proposal.
    #[must_use]
    pub fn pre_shared_key(&self) -> Proposal {
        let id = PreSharedKeyId::external(b"key".to_vec(), vec![7; 32]);
        storage(self.db.transaction(|tx| {
            id.store(&tx.provider(), b"secret").unwrap();
            Ok(())
        }));
        Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(id)))
    }

    /// Judges a commit by our rules, reading what logs it takes. The group is as before.
    ///
    /// # Errors
    /// Why it is refused; `None` when openmls does not even stage it.
    pub async fn judge(&self, group: &GroupId, commit: &Bytes) -> Result<Accepted, Option<CommitError>> {
        loop {
            let judged = self.staged(group, commit, |_, group, staged, sender| {
                commit::check(group, &staged, sender, &self.directory, commit::CLAIMED)
            });
            match judged.ok_or(None)? {
                Err(CommitError::NeedsLog(wanted)) => {
                    self.directory.at_least(&*self.node, &self.db, &wanted).await.unwrap();
                }
                judged => return judged.map_err(Some),
            }
        }
    }

    /// Takes every commit of others' after the id `after`, whatever it is.
    pub async fn catch_up(&self, group: &GroupId, after: u64) {
        for message in self.messages(group, after).await {
            self.with_staged(group, &message.data, true, |tx, group, staged, _| {
                group.merge_staged_commit(&tx.provider(), staged).unwrap();
            });
        }
    }

    fn staged<T>(
        &self,
        group: &GroupId,
        commit: &Bytes,
        step: impl FnOnce(&Tx<'_>, &mut MlsGroup, StagedCommit, LeafNodeIndex) -> T,
    ) -> Option<T> {
        self.with_staged(group, commit, false, step)
    }

    /// Stages a commit, and keeps what `step` does of it only if `keep`.
    fn with_staged<T>(
        &self,
        group: &GroupId,
        commit: &Bytes,
        keep: bool,
        step: impl FnOnce(&Tx<'_>, &mut MlsGroup, StagedCommit, LeafNodeIndex) -> T,
    ) -> Option<T> {
        let mut out = None;
        let result = self.db.transaction(|tx| {
            let mut group = MlsGroup::load(tx.provider().storage(), group)?.unwrap();
            let message = MlsMessageIn::tls_deserialize(&mut &commit[..]).unwrap();
            let message = message.try_into_protocol_message().unwrap();
            if let Ok(processed) = group.process_message(&tx.provider(), message) {
                let Sender::Member(sender) = *processed.sender() else {
                    panic!("not from a member")
                };
                if let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() {
                    out = Some(step(tx, &mut group, *staged, sender));
                }
            }
            // anything but `Ok` undoes it
            if keep { Ok(()) } else { Err(StorageError::Format) }
        });
        assert_eq!(result.is_ok(), keep);
        out
    }
}
