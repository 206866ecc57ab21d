//! The registry as the relay sees it, played by the test.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use chancery_base::{Ulid, ed25519::SecretKey};
use chancery_identity::{
    AgentDid, HumanDid, Origin,
    key_set::{KeySet, KeyStatus, RegistryKey},
    revocation::{self, Entry, Scope},
};
use chancery_relay::{
    Directory, Revocations,
    ports::{AccessError, Ownership, OwnershipError, Unavailable},
};
use chancery_relay_wire::registry::{FeedEvent, Status};
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio::sync::mpsc;

pub(crate) const ISSUER: &str = "https://registry.example.test";
pub(crate) const KID: &str = "key-1";

pub(crate) fn issuer() -> Origin {
    ISSUER.parse().unwrap()
}

pub(crate) fn registry_key() -> SecretKey {
    SecretKey::from_seed(&[200; 32])
}

/// What is asked of a registry, and what it was asked.
pub(crate) struct Registry {
    issuer: Origin,
    cached: Mutex<Arc<KeySet>>,
    published: Mutex<Arc<KeySet>>,
    pub(crate) fetches: AtomicU32,
    pub(crate) keys_down: AtomicBool,
    pub(crate) tokens: Mutex<BTreeMap<AgentDid, String>>,
    pub(crate) validations: AtomicU32,
    pub(crate) access_down: AtomicBool,
    pub(crate) ownership: Mutex<Result<Ownership, OwnershipError>>,
    pub(crate) log: Mutex<Vec<String>>,
    pub(crate) silent: AtomicBool,
    /// Positions that the feed was opened after.
    pub(crate) opened: Mutex<Vec<u64>>,
    reader: Mutex<Option<mpsc::UnboundedSender<FeedEvent>>>,
}

impl Registry {
    pub(crate) fn new() -> Arc<Self> {
        let key = RegistryKey::new(KID, registry_key().public(), KeyStatus::Active);
        let keys = Arc::new(KeySet { keys: vec![key] });
        Arc::new(Self {
            issuer: issuer(),
            cached: Mutex::new(Arc::clone(&keys)),
            published: Mutex::new(keys),
            fetches: AtomicU32::new(0),
            keys_down: AtomicBool::new(false),
            tokens: Mutex::default(),
            validations: AtomicU32::new(0),
            access_down: AtomicBool::new(false),
            ownership: Mutex::new(Ok(Ownership {
                owns_agent: true,
                agent_status: Some(Status::Active),
            })),
            log: Mutex::default(),
            silent: AtomicBool::new(false),
            opened: Mutex::default(),
            reader: Mutex::default(),
        })
    }

    /// Publishes another key; caches do not know it yet.
    pub(crate) fn publish(&self, kid: &str, key: &SecretKey) {
        let mut published = self.published.lock().unwrap();
        let mut keys = KeySet::clone(&published);
        keys.keys.push(RegistryKey::new(kid, key.public(), KeyStatus::Active));
        *published = Arc::new(keys);
    }

    pub(crate) fn entry(&self, seq: u64, agent: &AgentDid, jti: Ulid, scope: Scope) -> String {
        let entry = Entry {
            iss: issuer(),
            seq,
            agent_did: agent.clone(),
            jti,
            scope,
            reason: None,
            revoked_at: 1_700_000_000,
        };
        revocation::sign(&entry, KID, &registry_key()).unwrap()
    }

    /// Takes something back: the next entry of the feed.
    pub(crate) fn revoke(&self, agent: &AgentDid, jti: Ulid, scope: Scope) {
        let mut log = self.log.lock().unwrap();
        let token = self.entry(log.len() as u64 + 1, agent, jti, scope);
        log.push(token.clone());
        drop(log);
        self.say(FeedEvent::Entry { token });
    }

    /// Says anything on the feed.
    pub(crate) fn say(&self, event: FeedEvent) {
        if let Some(reader) = &*self.reader.lock().unwrap() {
            let _ = reader.send(event);
        }
    }
}

impl Directory for Registry {
    fn issuer(&self) -> &Origin {
        &self.issuer
    }

    fn keys(&self, fresh: bool) -> BoxFuture<'_, Result<Arc<KeySet>, Unavailable>> {
        async move {
            if self.keys_down.load(SeqCst) {
                return Err(Unavailable("no keys".to_owned()));
            }
            if fresh {
                self.fetches.fetch_add(1, SeqCst);
                *self.cached.lock().unwrap() = Arc::clone(&self.published.lock().unwrap());
            }
            Ok(Arc::clone(&self.cached.lock().unwrap()))
        }
        .boxed()
    }

    fn validate<'a>(
        &'a self,
        agent: &'a AgentDid,
        _: Ulid,
        access_token: &'a str,
    ) -> BoxFuture<'a, Result<(), AccessError>> {
        async move {
            self.validations.fetch_add(1, SeqCst);
            if self.access_down.load(SeqCst) {
                return Err(Unavailable("down".to_owned()).into());
            }
            let tokens = self.tokens.lock().unwrap();
            let good = tokens.get(agent).is_some_and(|token| token == access_token);
            if good { Ok(()) } else { Err(AccessError::Invalid) }
        }
        .boxed()
    }

    fn ownership<'a>(&'a self, _: &'a HumanDid, _: &'a AgentDid) -> BoxFuture<'a, Result<Ownership, OwnershipError>> {
        async move { self.ownership.lock().unwrap().clone() }.boxed()
    }
}

impl Revocations for Registry {
    fn follow(&self, after: u64) -> BoxFuture<'_, Result<BoxStream<'static, FeedEvent>, Unavailable>> {
        async move {
            self.opened.lock().unwrap().push(after);
            let (tx, mut rx) = mpsc::unbounded_channel();
            let log = self.log.lock().unwrap().clone();
            let head = log.len() as u64;
            if after > head {
                tx.send(FeedEvent::Reset { seq: head }).unwrap();
            }
            for token in log.into_iter().skip(usize::try_from(after).unwrap()) {
                tx.send(FeedEvent::Entry { token }).unwrap();
            }
            *self.reader.lock().unwrap() = Some(tx);
            Ok(stream::poll_fn(move |cx| rx.poll_recv(cx)).boxed())
        }
        .boxed()
    }
}

/// Heartbeats, as long as the registry is not silent.
pub(crate) async fn beat(registry: Arc<Registry>) {
    loop {
        if !registry.silent.load(SeqCst) {
            let seq = registry.log.lock().unwrap().len() as u64;
            registry.say(FeedEvent::Heartbeat { seq });
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
