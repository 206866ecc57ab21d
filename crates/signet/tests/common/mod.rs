//! A signet in the test's process: its network, its keys, its clock and its randomness are doubles that the test holds.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test kit: each test file uses its part, and stops at what it did not expect"
)]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use chancery_audit::Chain;
use chancery_base::{Clock, Millis, Rng, digest};
use chancery_signet::{
    About, Parts, Principal, Signet, StartError, TrafficSettings,
    keys::{Answer, Keys},
    network::{Inbox, InboxKeys, Network as _, memory::MemoryNetwork},
    seals::Unsealed,
    settings::CredentialSettings,
};
use chancery_signet_wire::{
    Category, Failure, OperatorId,
    action::Call,
    record::status::{IdentityMode, XmtpEnv},
};
use futures_util::future::FutureExt as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub const START: i64 = 1_800_000_000_000;

/// A clock that stands until it is moved.
pub struct Hand(AtomicI64);

impl Hand {
    pub fn advance(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes that never come twice.
pub struct Counted(AtomicU64);

impl Rng for Counted {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let n = self.0.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(digest::sha256(n.to_be_bytes()).get(..chunk.len()).unwrap());
        }
    }
}

/// Keys that follow from the inbox's name.
pub struct NamedKeys;

pub fn keys_of(local: &str) -> InboxKeys {
    InboxKeys {
        identity: Zeroizing::new(digest::sha256(format!("identity {local}"))),
        database: Zeroizing::new(digest::sha256(format!("database {local}"))),
    }
}

impl Keys for NamedKeys {
    fn inbox(&self, local: &str, _: Option<OperatorId>) -> Answer<'_, InboxKeys> {
        let keys = keys_of(local);
        async move { Ok(keys) }.boxed()
    }

    fn forget(&self, _: &str) -> Answer<'_, ()> {
        async { Ok(()) }.boxed()
    }
}

/// A signet and what it stands on.
pub struct Desk {
    pub folder: tempfile::TempDir,
    pub database: PathBuf,
    pub clock: Arc<Hand>,
    pub rng: Arc<Counted>,
    pub network: MemoryNetwork,
    pub settings: CredentialSettings,
    pub signet: Signet,
}

pub fn parts(database: PathBuf, network: &MemoryNetwork, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Parts {
    Parts {
        database,
        network: Arc::new(network.clone()),
        keys: Arc::new(NamedKeys),
        clock,
        rng,
        chain: Chain::new(),
        credentials: CredentialSettings::default(),
        about: About {
            env: XmtpEnv::Local,
            identity_mode: IdentityMode::PerGroup,
            version: "0.0.0-test".to_owned(),
            warnings: Vec::new(),
            config: json!({}),
        },
        seals: Arc::new(Unsealed),
        traffic: TrafficSettings::default(),
    }
}

impl Desk {
    pub async fn new() -> Self {
        Self::with(CredentialSettings::default()).await
    }

    pub async fn with(settings: CredentialSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("signet.db");
        let clock = Arc::new(Hand(AtomicI64::new(START)));
        let network = MemoryNetwork::new(clock.clone());
        let rng = Arc::new(Counted(AtomicU64::new(0)));
        let parts = Parts {
            credentials: settings.clone(),
            ..parts(database.clone(), &network, clock.clone(), rng.clone())
        };
        Self {
            signet: Signet::start(parts).await.unwrap(),
            folder,
            database,
            clock,
            rng,
            network,
            settings,
        }
    }

    /// A second signet on the same database.
    pub async fn another(&self) -> Result<Signet, StartError> {
        let parts = Parts {
            credentials: self.settings.clone(),
            ..parts(
                self.database.clone(),
                &self.network,
                self.clock.clone(),
                self.rng.clone(),
            )
        };
        Signet::start(parts).await
    }

    /// Ends it and begins again.
    pub async fn restart(&mut self) {
        self.signet.shutdown().await;
        self.signet = self.another().await.unwrap();
        self.settled().await;
    }

    /// Begins on what was on the disk at this moment, as after a `kill -9`.
    pub async fn crash(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("signet.db");
        for suffix in ["", "-wal"] {
            let name = |path: &PathBuf| PathBuf::from(format!("{}{suffix}", path.display()));
            if name(&self.database).exists() {
                std::fs::copy(name(&self.database), name(&database)).unwrap();
            }
        }
        self.signet.shutdown().await;
        (self.folder, self.database) = (folder, database);
        self.signet = self.another().await.unwrap();
        self.settled().await;
    }

    /// Waits until all inboxes are open.
    pub async fn settled(&self) {
        for _ in 0..500 {
            let status = self.owner("signet.status", json!({})).await.unwrap();
            let connected = status["connectedInboxIds"].as_array().unwrap().len();
            if status["identityCount"] == connected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the inboxes do not open");
    }

    pub async fn call(&self, who: Principal, id: &str, input: Value) -> Result<Value, Failure> {
        let call = Call::parse(id, &input.to_string())?;
        let answer = self.signet.dispatch(who, call).await?;
        Ok(answer.read().unwrap())
    }

    /// As the owner, asked in person.
    pub async fn owner(&self, id: &str, input: Value) -> Result<Value, Failure> {
        self.call(Principal::Owner, id, input).await
    }

    /// As the owner, and it works.
    pub async fn done(&self, id: &str, input: Value) -> Value {
        match self.owner(id, input).await {
            Ok(answer) => answer,
            Err(failure) => panic!("{id}: {failure:?}"),
        }
    }

    /// As the owner, and it is refused.
    pub async fn refused(&self, id: &str, input: Value) -> Failure {
        match self.owner(id, input).await {
            Ok(answer) => panic!("{id}: {answer}"),
            Err(failure) => failure,
        }
    }

    /// An operator; its id.
    pub async fn operator(&self, label: &str, mode: &str) -> String {
        let input = json!({"label": label, "role": "operator", "scopeMode": mode});
        text(&self.done("operator.create", input).await["id"])
    }

    /// A chat of an operator, with nobody else in it; its id.
    pub async fn chat(&self, operator: &str) -> String {
        let input = json!({"memberInboxIds": [], "name": "A room", "operatorId": operator});
        text(&self.done("chat.create", input).await["chatId"])
    }

    /// A credential of `operator` in `chat` that allows `allow`; the answer.
    pub async fn credential(&self, operator: &str, chat: &str, allow: Value) -> Value {
        let input = json!({"operatorId": operator, "chatIds": [chat], "allow": allow});
        self.done("credential.issue", input).await
    }

    /// Somebody else on the network.
    pub async fn person(&self, name: &str) -> Arc<dyn Inbox> {
        self.network.open(name, keys_of(name)).await.unwrap()
    }

    /// What the audit log says was done, in order.
    pub async fn log(&self) -> Vec<String> {
        let entries = self.done("admin.logs", json!({"limit": 2000})).await;
        let entries = entries.as_array().unwrap();
        entries.iter().map(|entry| text(&entry["action"])).collect()
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The category and what the context says of `key`.
pub fn context(failure: &Failure, key: &str) -> (Category, Value) {
    let value = failure.context.as_ref().and_then(|context| context.get(key)).cloned();
    (failure.kind(), value.unwrap_or(Value::Null))
}
