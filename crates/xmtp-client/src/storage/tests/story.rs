//! Two members and what they do, one step at a time, so that each can run over any storage.

use std::sync::{Arc, Mutex};

use chancery_base::Rng;
use chancery_xmtp_wire::mls::CIPHERSUITE;
use openmls::{
    credentials::{BasicCredential, CredentialWithKey},
    group::{
        GroupId, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, StagedWelcome,
    },
    key_packages::{KeyPackage, KeyPackageIn, Lifetime},
    prelude::{
        LeafNodeIndex, LeafNodeParameters, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, OpenMlsProvider,
        ProcessedMessageContent, ProtocolVersion, SignatureScheme,
        tls_codec::{Deserialize as _, Serialize as _},
    },
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::MemoryStorage;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::crypto::Crypto;

/// A random source that can be set to begin anew.
pub(super) struct Seeded(Mutex<ChaCha20Rng>);

impl Seeded {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(ChaCha20Rng::seed_from_u64(0))))
    }

    pub(super) fn reseed(&self, seed: u64) {
        *self.0.lock().unwrap() = ChaCha20Rng::seed_from_u64(seed);
    }
}

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

/// openmls' own storage, with our cryptography.
pub(super) struct Memory {
    pub(super) storage: MemoryStorage,
    pub(super) crypto: Crypto,
}

impl OpenMlsProvider for Memory {
    type CryptoProvider = Crypto;
    type RandProvider = Crypto;
    type StorageProvider = MemoryStorage;

    fn storage(&self) -> &MemoryStorage {
        &self.storage
    }

    fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    fn rand(&self) -> &Crypto {
        &self.crypto
    }
}

/// One step of one member.
#[derive(Debug, Clone)]
pub(super) enum Op {
    KeyPackage,
    Create,
    Add(Vec<u8>),
    Join(Vec<u8>),
    Say(&'static str),
    Hear(Vec<u8>),
    /// A commit that only renews the own keys; it is pending until it is confirmed or dropped.
    Update,
    Remove(u32),
    /// The pending commit won.
    Confirm,
    /// The pending commit lost.
    Drop,
    /// A proposal to renew the own keys.
    Propose,
    ForgetProposals,
    Delete,
}

/// What there is to see of a group after a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// What the step yields to be sent.
    pub(super) out: Vec<Vec<u8>>,
    /// What it decrypted.
    pub(super) plain: Option<Vec<u8>>,
    pub(super) group: Option<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    epoch: u64,
    /// Differs when any secret of the epoch does.
    authenticator: Vec<u8>,
    tree: Vec<u8>,
    proposals: usize,
    pending: bool,
}

/// A member: its name tells its keys.
#[derive(Clone)]
pub(super) struct Person {
    name: &'static str,
    pub(super) group: GroupId,
}

impl Person {
    pub(super) fn new(name: &'static str, group: &[u8]) -> Self {
        Self {
            name,
            group: GroupId::from_slice(group),
        }
    }

    fn signer(&self) -> SignatureKeyPair {
        let seed = chancery_base::digest::sha256(self.name);
        let public = chancery_base::ed25519::SecretKey::from_seed(&seed).public().to_bytes();
        SignatureKeyPair::from_raw(SignatureScheme::ED25519, seed.to_vec(), public.to_vec())
    }

    fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.name.into()).into(),
            signature_key: self.signer().public().into(),
        }
    }

    /// What there is to see of the group now.
    pub(super) fn look<P: OpenMlsProvider>(&self, provider: &P) -> Option<Group> {
        let group = MlsGroup::load(provider.storage(), &self.group).unwrap()?;
        Some(Group {
            epoch: group.epoch().as_u64(),
            authenticator: group.epoch_authenticator().as_slice().to_vec(),
            tree: group.export_ratchet_tree().tls_serialize_detached().unwrap(),
            proposals: group.pending_proposals().count(),
            pending: group.pending_commit().is_some(),
        })
    }

    /// Does `op`, with the group as the storage has it.
    pub(super) fn perform<P: OpenMlsProvider>(&self, op: &Op, provider: &P) -> Seen {
        let mut plain = None;
        let out = match op {
            Op::KeyPackage => vec![self.key_package(provider)],
            Op::Create => {
                let config = MlsGroupCreateConfig::builder()
                    .ciphersuite(CIPHERSUITE)
                    .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
                    .lifetime(lifetime())
                    .use_ratchet_tree_extension(true)
                    .max_past_epochs(3)
                    .build();
                let (id, credential) = (self.group.clone(), self.credential());
                MlsGroup::new_with_group_id(provider, &self.signer(), &config, id, credential).unwrap();
                Vec::new()
            }
            Op::Join(welcome) => {
                let MlsMessageBodyIn::Welcome(welcome) = message(welcome).extract() else {
                    panic!("no welcome")
                };
                let config = MlsGroupJoinConfig::builder()
                    .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
                    .use_ratchet_tree_extension(true)
                    .max_past_epochs(3)
                    .build();
                let staged = StagedWelcome::new_from_welcome(provider, &config, welcome, None).unwrap();
                staged.into_group(provider).unwrap();
                Vec::new()
            }
            op => {
                let mut group = MlsGroup::load(provider.storage(), &self.group).unwrap().unwrap();
                self.act(op, &mut group, provider, &mut plain)
            }
        };
        Seen {
            out,
            plain,
            group: self.look(provider),
        }
    }

    fn act<P: OpenMlsProvider>(
        &self,
        op: &Op,
        group: &mut MlsGroup,
        provider: &P,
        plain: &mut Option<Vec<u8>>,
    ) -> Vec<Vec<u8>> {
        let signer = &self.signer();
        match op {
            Op::Add(key_package) => {
                let key_package = KeyPackageIn::tls_deserialize(&mut key_package.as_slice())
                    .unwrap()
                    .validate(provider.crypto(), ProtocolVersion::Mls10)
                    .unwrap();
                let (commit, welcome, _) = group.add_members(provider, signer, &[key_package]).unwrap();
                vec![bytes(commit), bytes(welcome)]
            }
            Op::Say(text) => vec![bytes(group.create_message(provider, signer, text.as_bytes()).unwrap())],
            Op::Hear(heard) => {
                let heard = message(heard).try_into_protocol_message().unwrap();
                match group.process_message(provider, heard).unwrap().into_content() {
                    ProcessedMessageContent::ApplicationMessage(said) => *plain = Some(said.into_bytes()),
                    ProcessedMessageContent::ProposalMessage(proposal) => {
                        group.store_pending_proposal(provider.storage(), *proposal).unwrap();
                    }
                    ProcessedMessageContent::StagedCommitMessage(commit) => {
                        group.merge_staged_commit(provider, *commit).unwrap();
                    }
                    other => panic!("{other:?}"),
                }
                Vec::new()
            }
            Op::Update => {
                let commit = group
                    .self_update(provider, signer, LeafNodeParameters::default())
                    .unwrap();
                vec![bytes(commit.into_commit())]
            }
            Op::Remove(leaf) => {
                let removed = [LeafNodeIndex::new(*leaf)];
                let (commit, _, _) = group.remove_members(provider, signer, &removed).unwrap();
                vec![bytes(commit)]
            }
            Op::Propose => {
                let parameters = LeafNodeParameters::default();
                let (proposal, _) = group.propose_self_update(provider, signer, parameters).unwrap();
                vec![bytes(proposal)]
            }
            Op::Confirm => {
                group.merge_pending_commit(provider).unwrap();
                Vec::new()
            }
            Op::Drop => {
                group.clear_pending_commit(provider.storage()).unwrap();
                Vec::new()
            }
            Op::ForgetProposals => {
                group.clear_pending_proposals(provider.storage()).unwrap();
                Vec::new()
            }
            Op::Delete => {
                group.delete(provider.storage()).unwrap();
                Vec::new()
            }
            Op::KeyPackage | Op::Create | Op::Join(_) => unreachable!(),
        }
    }

    fn key_package<P: OpenMlsProvider>(&self, provider: &P) -> Vec<u8> {
        let bundle = KeyPackage::builder()
            .key_package_lifetime(lifetime())
            .build(CIPHERSUITE, provider, &self.signer(), self.credential())
            .unwrap();
        bundle.key_package().tls_serialize_detached().unwrap()
    }
}

/// The same in every run, so that the bytes are, and good for as long as these tests run.
fn lifetime() -> Lifetime {
    Lifetime::init(0, 1 << 40)
}

fn message(bytes: &[u8]) -> MlsMessageIn {
    MlsMessageIn::tls_deserialize(&mut &*bytes).unwrap()
}

fn bytes(message: MlsMessageOut) -> Vec<u8> {
    message.to_bytes().unwrap()
}

/// What somebody did, and what there was to see after it.
pub(super) type Script = Vec<(Op, Seen)>;

/// Alice and Bob over openmls' storage; every step of each with a seed of its own.
struct Stage {
    people: [(Person, Memory, Script); 2],
    rng: Arc<Seeded>,
}

impl Stage {
    fn does(&mut self, who: usize, op: Op) -> Seen {
        let (person, memory, script) = &mut self.people[who];
        self.rng.reseed(seed(who, script.len()));
        let seen = person.perform(&op, memory);
        script.push((op, seen.clone()));
        seen
    }
}

/// The seed of a step.
pub(super) fn seed(who: usize, step: usize) -> u64 {
    (who as u64) << 32 | step as u64
}

/// The scripts of Alice and Bob: every kind of step, for both sides of it.
pub(super) fn scripts(group: &[u8]) -> [Script; 2] {
    const ALICE: usize = 0;
    const BOB: usize = 1;
    let rng = Seeded::new();
    let person = |name| {
        let memory = Memory {
            storage: MemoryStorage::default(),
            crypto: Crypto::new(rng.clone()),
        };
        (Person::new(name, group), memory, Script::new())
    };
    let mut stage = Stage {
        people: [person("alice"), person("bob")],
        rng: Arc::clone(&rng),
    };
    let one = |seen: Seen| seen.out.into_iter().next().unwrap();

    stage.does(ALICE, Op::Create);
    let key_package = one(stage.does(BOB, Op::KeyPackage));
    let welcome = stage.does(ALICE, Op::Add(key_package)).out.remove(1);
    stage.does(ALICE, Op::Confirm);
    stage.does(BOB, Op::Join(welcome));

    let said = one(stage.does(ALICE, Op::Say("one")));
    let held_back = one(stage.does(BOB, Op::Say("late")));
    stage.does(BOB, Op::Hear(said));
    let said = one(stage.does(BOB, Op::Say("two")));
    stage.does(ALICE, Op::Hear(said));

    // a lost race
    stage.does(ALICE, Op::Update);
    let commit = one(stage.does(BOB, Op::Update));
    stage.does(ALICE, Op::Drop);
    stage.does(ALICE, Op::Hear(commit));
    stage.does(BOB, Op::Confirm);
    // sent in an epoch that is over
    stage.does(ALICE, Op::Hear(held_back));

    let proposal = one(stage.does(BOB, Op::Propose));
    stage.does(ALICE, Op::Hear(proposal));
    stage.does(ALICE, Op::ForgetProposals);
    let proposal = one(stage.does(BOB, Op::Propose));
    stage.does(ALICE, Op::Hear(proposal));
    let commit = one(stage.does(ALICE, Op::Update));
    stage.does(ALICE, Op::Confirm);
    stage.does(BOB, Op::Hear(commit));

    let said = one(stage.does(BOB, Op::Say("three")));
    stage.does(ALICE, Op::Hear(said));
    let said = one(stage.does(ALICE, Op::Say("four")));
    stage.does(BOB, Op::Hear(said));
    let commit = one(stage.does(ALICE, Op::Remove(1)));
    stage.does(ALICE, Op::Confirm);
    stage.does(BOB, Op::Hear(commit));
    stage.does(ALICE, Op::Say("alone"));
    stage.does(ALICE, Op::Delete);
    stage.does(BOB, Op::Delete);
    stage.people.map(|(_, _, script)| script)
}
