//! The engine between a network in memory and harnesses, with a clock and randomness that are handed in.

mod client;
mod crash;
mod credentials;
mod held;
mod invites;
mod projection;
mod reveals;
mod sends;
mod streams;
mod watch;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use chancery_audit::Chain;
use chancery_base::{Clock, Millis, Rng, digest::sha256};
use chancery_policy::messaging::{Scope, ScopeSet};
use chancery_signet_wire::{
    BearerToken, ConversationId, CredentialId, InboxId, MessageId, OperatorId,
    frame::{Auth, Event, MessageVisible, Request, Response, Sequenced, ServerFrame},
};
use chancery_store::rusqlite::params;
use serde_json::{Value, json};
use tempfile::TempDir;
use zeroize::Zeroizing;

use client::*;

use crate::{
    Answering, Frame, HarnessLogin, HarnessSession, Outgoing, PeerUid, TrafficSettings,
    network::{Content, ConversationName, Details, Inbox, InboxKeys, MessageName, Network as _, memory::MemoryNetwork},
    outbound::rate::Rate,
    records::{Records, chats},
    seals::Unsealed,
    settings::CredentialSettings,
    store::{Problem, Step, Store, Tx},
    traffic::Traffic,
};

pub(super) const START: Millis = Millis(1_800_000_000_000);
/// What an agent in a chat usually has.
pub(super) const USUAL: [Scope; 5] = [
    Scope::Send,
    Scope::Reply,
    Scope::React,
    Scope::ReadMessages,
    Scope::StreamMessages,
];

#[derive(Debug)]
pub(super) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014), so that a run can be had again.
#[derive(Debug)]
pub(super) struct TestRng(AtomicU64);

impl TestRng {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(super) fn number(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&self, end: u64) -> u64 {
        self.number() % end
    }
}

impl Rng for TestRng {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.number().to_be_bytes()[..chunk.len()]);
        }
    }
}

/// A person and an agent on a network, and the signet between the agent's inbox and its harness.
pub(super) struct World {
    pub(super) clock: Arc<TestClock>,
    pub(super) rng: Arc<TestRng>,
    pub(super) network: MemoryNetwork,
    pub(super) human: Arc<dyn Inbox>,
    pub(super) settings: TrafficSettings,
    pub(super) traffic: Arc<Traffic>,
    folder: TempDir,
}

const AGENT: [u8; 8] = [0xa; 8];
const OPERATOR: [u8; 8] = [0xb; 8];

pub(super) fn agent_inbox() -> InboxId {
    InboxId::from_bytes(AGENT)
}

fn keys(of: u8) -> InboxKeys {
    InboxKeys {
        identity: Zeroizing::new([of; 32]),
        database: Zeroizing::new([of; 32]),
    }
}

/// Runs SQL.
pub(super) struct Sql(pub(super) String);

impl Step for Sql {
    type Done = ();

    fn run(self, tx: &Tx<'_>) -> Result<(), Problem> {
        Ok(tx.sql.execute_batch(&self.0)?)
    }
}

struct ChatOf(ConversationName);

impl Step for ChatOf {
    type Done = ConversationId;

    fn run(self, tx: &Tx<'_>) -> Result<ConversationId, Problem> {
        chats::minted(tx, &self.0)
    }
}

/// A credential as a test wants it.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) number: u8,
    pub(super) scopes: ScopeSet,
    pub(super) confirm: Vec<Scope>,
    pub(super) chats: Vec<ConversationId>,
    pub(super) types: Option<Vec<&'static str>>,
    pub(super) issued_at: Millis,
    pub(super) key: Option<Vec<u8>>,
    pub(super) uid: Option<u32>,
}

impl Issued {
    pub(super) fn new(number: u8, scopes: impl IntoIterator<Item = Scope>, chat: ConversationId) -> Self {
        Self {
            number,
            scopes: ScopeSet::allowing(scopes),
            confirm: Vec::new(),
            chats: vec![chat],
            types: None,
            issued_at: START,
            key: None,
            uid: None,
        }
    }

    pub(super) fn id(&self) -> CredentialId {
        CredentialId::from_bytes([self.number; 8])
    }

    pub(super) fn token(&self) -> BearerToken {
        BearerToken::new(format!("token {}", self.number))
    }
}

impl Step for Issued {
    type Done = ();

    fn run(self, tx: &Tx<'_>) -> Result<(), Problem> {
        tx.sql.execute(
            "INSERT INTO credentials (id, operator_id, allow, deny, effective, confirm, content_types, ttl_ms, harness_key,
             harness_uid, token_sha256, status, issued_by, issued_at, expires_at)
             VALUES (?1, ?2, ?11, ?12, ?3, ?4, ?5, 3600000, ?6, ?7, ?8, 'active', 'owner', ?9, ?10)",
            params![
                self.id().to_string(),
                OperatorId::from_bytes(OPERATOR).to_string(),
                text(&self.scopes),
                text(&self.confirm),
                self.types.as_ref().map(text),
                self.key,
                self.uid,
                sha256(self.token().reveal()).as_slice(),
                self.issued_at.0,
                self.issued_at.plus(3_600_000).0,
                text(&self.scopes.allow),
                text(&self.scopes.deny)
            ],
        )?;
        for chat in &self.chats {
            tx.sql.execute(
                "INSERT INTO credential_chats (credential_id, chat_id, inbox_id) VALUES (?1, ?2, ?3)",
                params![self.id().to_string(), chat.to_string(), agent_inbox().to_string()],
            )?;
        }
        Ok(())
    }
}

fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

impl World {
    pub(super) async fn new(seed: u64) -> Self {
        Self::with(seed, TrafficSettings::default()).await
    }

    pub(super) async fn with(seed: u64, settings: TrafficSettings) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START.0)));
        let rng = Arc::new(TestRng::new(seed));
        let network = MemoryNetwork::new(clock.clone());
        let human = network.open("human", keys(1)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = TrafficSettings {
            sends: Rate {
                per_minute: 60_000,
                burst: 10_000,
            },
            request_timeout: Duration::from_secs(3),
            ..settings
        };
        let store = open(&folder, &clock, &rng);
        let seed = format!(
            "INSERT INTO operators (id, label, role, scope_mode, provider, status, created_by, created_at)
             VALUES ('{}', 'agent', 'operator', 'shared', 'internal', 'active', 'owner', 0);
             INSERT INTO inboxes (id, created_by, created_at) VALUES ('{}', 'owner', 0);",
            OperatorId::from_bytes(OPERATOR),
            agent_inbox()
        );
        store.run(Sql(seed)).await.unwrap();
        let traffic = Traffic::start(records(store), Arc::new(Unsealed), clock.clone(), settings.clone());
        let world = Self {
            clock,
            rng,
            network,
            human,
            settings,
            traffic,
            folder,
        };
        world.follow().await;
        world
    }

    async fn follow(&self) {
        let inbox = self.network.open("agent", keys(2)).await.unwrap();
        self.traffic.follow(agent_inbox(), inbox);
        self.traffic.take_up().await.unwrap();
    }

    /// Ends the engine as a crash would, and starts it again on the same file and network.
    pub(super) async fn restart(&mut self) {
        self.traffic.store.die_after(0);
        self.traffic.stop().await;
        self.traffic.store.close().await;
        let store = open(&self.folder, &self.clock, &self.rng);
        self.traffic = Traffic::start(
            records(store),
            Arc::new(Unsealed),
            self.clock.clone(),
            self.settings.clone(),
        );
        self.follow().await;
    }

    pub(super) fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
        self.network.tick();
    }

    /// A group of the person and the agent.
    pub(super) async fn chat(&self) -> (ConversationName, ConversationId) {
        let agent = MemoryNetwork::name_of(&[2; 32]);
        let name = self.human.create_group(&[agent], &Details::default()).await.unwrap();
        let id = self.traffic.store.run(ChatOf(name.clone())).await.unwrap();
        (name, id)
    }

    pub(super) async fn issue(&self, issued: &Issued) {
        self.traffic.store.run(issued.clone()).await.unwrap();
        while self.traffic.tell().await.unwrap() > 0 {}
    }

    pub(super) async fn sql(&self, sql: impl Into<String>) {
        self.traffic.store.run(Sql(sql.into())).await.unwrap();
    }

    /// The person says something.
    pub(super) async fn say(&self, chat: &ConversationName, content_type: &str, body: Value) -> MessageName {
        let content = Content {
            content_type: content_type.to_owned(),
            body,
        };
        let key = self.rng.number().to_string();
        loop {
            // a network that loses things loses those of people, too
            if let Ok(sent) = self.human.send(chat, &content, &key).await {
                return sent.name;
            }
        }
    }

    pub(super) async fn say_text(&self, chat: &ConversationName, text: &str) -> MessageName {
        self.say(chat, "xmtp.org/text:1.0", json!({ "text": text })).await
    }

    pub(super) async fn connect(&self, issued: &Issued, last_seen: Option<u64>) -> HarnessSession {
        let login = login(issued, last_seen, None);
        self.traffic.authenticate(login).await.unwrap()
    }

    /// Waits until everything that the network has was taken.
    pub(super) async fn settle(&self) {
        let inbox = self.traffic.inbox(agent_inbox()).unwrap();
        let end = inbox.end().await.unwrap();
        for _ in 0..2000 {
            let cursor = self
                .traffic
                .store
                .read(|sql| crate::stream::ingest::cursor(sql, agent_inbox()));
            if cursor.await.unwrap() >= end {
                self.traffic.flushed().await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("the log is not read");
    }

    /// Texts that the person sees, in order.
    pub(super) async fn seen_by_human(&self, chat: &ConversationName) -> Vec<Content> {
        let messages = self.human.messages(crate::network::MessageQuery {
            conversation: chat,
            before: None,
            after: None,
            limit: 10_000,
        });
        messages
            .await
            .unwrap()
            .into_iter()
            .map(|message| message.content)
            .collect()
    }
}

fn open(folder: &TempDir, clock: &Arc<TestClock>, rng: &Arc<TestRng>) -> Store {
    let path = folder.path().join("signet.db");
    Store::open(&path, Chain::new(), clock.clone(), rng.clone()).unwrap()
}

fn records(store: Store) -> Records {
    Records {
        store,
        settings: Arc::new(CredentialSettings::default()),
    }
}
