//! A relay in the test's process, with a clock that follows tokio's and can be moved.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::http::HeaderMap;
use chancery_base::{Clock, Millis, Rng, digest};
use chancery_identity::AgentDid;
use chancery_relay::{Config, Relay, Store, feed::FeedState, store};
use chancery_serve::{ClientAddr, Edge, ServerConfig};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    agent::{Agent, Call},
    registry::{Registry, beat},
};

/// Half a second into a second, so that a test of a few milliseconds stays in it.
pub(crate) const START: i64 = 1_700_000_000_250;
pub(crate) const ORIGIN: &str = "https://relay.example.test";

pub(crate) struct TestClock {
    base: AtomicI64,
    started: Instant,
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap();
        Millis(self.base.load(SeqCst) + elapsed)
    }
}

pub(crate) struct CountingRng(AtomicU64);

impl Rng for CountingRng {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let n = self.0.fetch_add(1, SeqCst);
            chunk.copy_from_slice(&digest::sha256(n.to_string())[..chunk.len()]);
        }
    }
}

pub(crate) struct World {
    pub(crate) relay: Relay,
    pub(crate) store: Store,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clock: Arc<TestClock>,
    rng: Arc<CountingRng>,
    config: Config,
    edge: Edge,
    next: AtomicU64,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        let got = self
            .body
            .pointer("/error/code")
            .and_then(Value::as_str)
            .unwrap_or_default();
        assert_eq!((self.status, got), (status, code), "{}", self.body);
    }

    #[track_caller]
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// Generous rates, so that only the tests of rates meet them.
pub(crate) fn config() -> Config {
    let mut config = Config::new(ORIGIN.parse().unwrap());
    config.rates.agent_requests = 100_000;
    config.rates.public_requests = 100_000;
    config.rates.public_pair_requests = 100_000;
    config.rates.public_receipt_requests = 100_000;
    config.rates.public_unknown_requests = 100_000;
    config
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self::over(config, Store::memory()).await
    }

    pub(crate) async fn on_disk(path: &Path) -> Self {
        Self::over(config(), Store::sqlite(path).unwrap()).await
    }

    pub(crate) async fn over(config: Config, store: Store) -> Self {
        let registry = Registry::new();
        tokio::spawn(beat(Arc::clone(&registry)));
        let clock = Arc::new(TestClock {
            base: AtomicI64::new(START),
            started: Instant::now(),
        });
        let rng = Arc::new(CountingRng(AtomicU64::new(1)));
        let world = Self::start(config, store, registry, clock, rng).await;
        world
            .until("the feed is heard of", || !world.relay.hub().is_paused())
            .await;
        world
    }

    async fn start(
        config: Config,
        store: Store,
        registry: Arc<Registry>,
        clock: Arc<TestClock>,
        rng: Arc<CountingRng>,
    ) -> Self {
        let relay = Relay::start(
            config.clone(),
            store.clone(),
            registry.clone(),
            registry.clone(),
            clock.clone(),
            rng.clone(),
        )
        .await
        .unwrap();
        let edge = Edge::new(relay.router(), &ServerConfig::new("127.0.0.1:0".parse().unwrap()));
        Self {
            relay,
            store,
            registry,
            clock,
            rng,
            config,
            edge,
            next: AtomicU64::new(1),
        }
    }

    /// The relay is stopped, and started anew over what `store` holds.
    pub(crate) async fn restart(self, store: impl FnOnce() -> Store) -> Self {
        self.relay.shutdown().await;
        let Self {
            relay,
            store: old,
            registry,
            clock,
            rng,
            config,
            edge,
            next,
        } = self;
        drop((relay, old, edge));
        let world = Self::start(config, store(), registry, clock, rng).await;
        let world = Self { next, ..world };
        world
            .until("the feed is heard of", || !world.relay.hub().is_paused())
            .await;
        world
    }

    /// The same without waiting for the feed.
    pub(crate) async fn restart_unheard(self, store: Store) -> Self {
        self.relay.shutdown().await;
        let Self {
            registry,
            clock,
            rng,
            config,
            ..
        } = self;
        Self::start(config, store, registry, clock, rng).await
    }

    pub(crate) fn router(&self) -> axum::Router {
        self.relay.router()
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(crate) fn move_clock(&self, ms: i64) {
        self.clock.base.fetch_add(ms, SeqCst);
    }

    /// Waits for a condition, not for a time: with a paused clock it costs none.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        for _ in 0..20_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it never came to be that {what}");
    }

    pub(crate) async fn until_state(&self, state: FeedState) {
        let reached =
            || self.relay.feed_state() == state && self.relay.hub().is_paused() == (state == FeedState::Stale);
        for _ in 0..100 {
            if reached() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("the feed is {:?} and not {state:?}", self.relay.feed_state());
    }

    pub(crate) fn fresh(&self) -> u64 {
        self.next.fetch_add(1, SeqCst)
    }

    pub(crate) fn ulid(&self) -> chancery_base::Ulid {
        chancery_base::Ulid::generate(self.now(), &*self.rng)
    }

    /// An agent that the registry knows.
    pub(crate) fn agent(&self, n: u8) -> Agent {
        let agent = Agent::new(n, START / 1000 - 3600);
        let mut tokens = self.registry.tokens.lock().unwrap();
        tokens.insert(agent.did.clone(), agent.access.clone());
        agent
    }

    pub(crate) fn call(&self, agent: &Agent, method: &str, path: &str, body: &str) -> Call {
        self.call_at(agent, method, path, body, self.now())
    }

    pub(crate) fn call_at(&self, agent: &Agent, method: &str, path: &str, body: &str, at: Millis) -> Call {
        let nonce = format!("nonce-{}", self.fresh());
        Call::signed(agent, method, path, body.as_bytes(), at, &nonce)
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        self.send_from(call, Ipv4Addr::LOCALHOST.into()).await
    }

    pub(crate) async fn send_from(&self, call: Call, from: IpAddr) -> Answer {
        let mut request = call.request();
        request.extensions_mut().insert(ClientAddr(from));
        let response = self.edge.answer(request, None).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    pub(crate) async fn post(&self, agent: &Agent, path: &str, body: Value) -> Answer {
        self.send(self.call(agent, "POST", path, &body.to_string())).await
    }

    pub(crate) async fn get(&self, agent: &Agent, path: &str) -> Answer {
        self.send(self.call(agent, "GET", path, "")).await
    }

    pub(crate) async fn ticket(&self, agent: &Agent) -> String {
        let answer = self
            .post(agent, "/pair/start", json!({"initiatorProfile": profile()}))
            .await;
        answer.ok(200)["ticket"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn confirm(&self, agent: &Agent, ticket: &str) -> Answer {
        let body = json!({"ticket": ticket, "responderProfile": profile()});
        self.post(agent, "/pair/confirm", body).await
    }

    pub(crate) async fn pair(&self, a: &Agent, b: &Agent) -> String {
        let ticket = self.ticket(a).await;
        self.confirm(b, &ticket).await.ok(201);
        ticket
    }

    pub(crate) fn hook_call(&self, from: &Agent, to: &AgentDid, body: &str) -> Call {
        self.call(from, "POST", "/hooks/agent", body)
            .with("x-claw-recipient-agent-did", to.as_str())
    }

    pub(crate) async fn hook(&self, from: &Agent, to: &AgentDid, body: &str) -> Answer {
        self.send(self.hook_call(from, to, body)).await
    }

    /// What the store lets read of these agents, with what became of the messages `m0` to `m9` among them: to see that
    /// nothing has changed.
    pub(crate) async fn state(&self, agents: &[&Agent]) -> String {
        let mut out = String::new();
        for agent in agents {
            let did = || agent.did.clone();
            let pairs = self.store.read(store::ListPairs { agent: did() }).await.unwrap();
            let receipts = store::PendingReceipts {
                sender: did(),
                after: 0,
                limit: 1000,
            };
            let receipts = self.store.read(receipts).await.unwrap();
            out += &format!("{} {pairs:?} {receipts:?}\n", agent.did);
            for peer in agents {
                for n in 0..10 {
                    out += &format!("{:?}\n", self.receipt(agent, peer, &format!("m{n}")).await);
                }
            }
        }
        out + &format!("{:?}", self.store.read(store::LoadRevocations).await.unwrap())
    }

    /// Where a message is.
    pub(crate) async fn receipt(&self, from: &Agent, to: &Agent, id: &str) -> Option<store::ReceiptRow> {
        let step = store::FindReceipt {
            sender: from.did.clone(),
            recipient: to.did.clone(),
            id: id.to_owned(),
        };
        self.store.read(step).await.unwrap()
    }
}

pub(crate) fn profile() -> Value {
    json!({"agentName": "alpha", "humanName": "Alice", "proxyOrigin": ORIGIN})
}
