//! A member who speaks MLS by itself.

mod group;
mod joining;
mod judging;
mod proposing;

pub(super) use joining::welcome_bytes;
pub use joining::{NO_WELCOME, OPENMLS};

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chancery_base::{Clock as _, Millis, Rng, ed25519::SecretKey};
use chancery_serve::system::SystemClock;
use chancery_xmtp_client::{
    crypto::Crypto,
    identity::{Directory, Installation, inbox_of, revocation},
    network::{LoggedUpdate, NodeApi},
    storage::{InboxDb, SharedDb, StorageError},
};
use chancery_xmtp_wire::{
    identity::{IdentityUpdate, InboxId, InstallationKey, Nonce, WalletKey},
    mls::{CIPHERSUITE, ValidatedKeyPackage},
};
use openmls::{
    credentials::{BasicCredential, CredentialType, CredentialWithKey},
    extensions::ExtensionType,
    key_packages::KeyPackage,
    messages::{Welcome, proposals::ProposalType},
    prelude::{Capabilities, ProtocolVersion},
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::Burglary;

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

/// What the leaves of all clients can do.
fn capabilities() -> Capabilities {
    let unknown = [0xff00, 0xff01, 0xff02, 0xff03, 0xff04, 0xf000].map(ExtensionType::Unknown);
    let extensions = unknown
        .into_iter()
        .chain([ExtensionType::LastResort, ExtensionType::ApplicationId]);
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[CIPHERSUITE]),
        Some(&extensions.collect::<Vec<_>>()),
        Some(&[ProposalType::GroupContextExtensions]),
        Some(&[CredentialType::Basic]),
    )
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

    /// Another installation that says it is of the same inbox, whose log does not know it.
    #[must_use]
    pub fn unknown(&self, seed: u64) -> Self {
        Self::new(&self.node, seeded(seed), Arc::clone(&self.wallet))
    }

    /// What it takes to bring `intruder` into its inbox, in which `stranger` has no say.
    #[must_use]
    pub fn burglary<'a>(&'a self, intruder: &'a Self, stranger: &'a Self) -> Burglary<'a> {
        Burglary {
            inbox: self.inbox(),
            owner: &self.wallet,
            installation: self.installation.key(),
            intruder: intruder.installation.key(),
            stranger: &stranger.wallet,
            elsewhere: stranger.inbox(),
        }
    }

    /// What its log says, entry by entry.
    pub async fn log(&self) -> Vec<LoggedUpdate> {
        self.node
            .identity_updates(&[(self.inbox(), 0)])
            .await
            .unwrap()
            .remove(0)
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

    async fn enter(&self, update: &IdentityUpdate) {
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

    /// A key package of its own whose credential is these bytes, which may name nobody. It is none that a node takes.
    #[must_use]
    pub fn key_package_naming(&self, identity: Vec<u8>) -> KeyPackage {
        let credential = CredentialWithKey {
            credential: BasicCredential::new(identity).into(),
            signature_key: self.key().as_bytes().as_slice().into(),
        };
        let bundle = storage(self.db.transaction(|tx| {
            let builder = KeyPackage::builder().leaf_node_capabilities(capabilities());
            Ok(builder
                .build(CIPHERSUITE, &tx.provider(), &self.installation, credential)
                .unwrap())
        }));
        bundle.key_package().clone()
    }

    /// The key package that the network hands out for an installation.
    pub async fn fetch(&self, installation: InstallationKey) -> KeyPackage {
        let found = self.node.key_packages(&[installation]).await.unwrap().remove(0);
        ValidatedKeyPackage::parse(&found.unwrap(), now())
            .unwrap()
            .into_key_package()
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
}
