//! A world of one connector: a relay, a webhook and a registry that do what the test says, on paused time.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chancery_base::{Clock, Millis, Rng, Ulid, ed25519::SecretKey};
use chancery_connector::{
    Access, BoxFuture, Connector, ConnectorConfig, CredentialError, Credentials, Deliver, DeliverError, Delivery, Dial,
    DialError, Link, LinkEvent, PeerKeyError, PeerKeys, Peers, Ports, Store,
};
use chancery_identity::{
    AgentDid, Ait, VerifiedAit, ait,
    key_set::{KeySet, KeyStatus, RegistryKey},
    message::{self, SignedMessage},
};
use chancery_relay_wire::Frame;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, value::RawValue};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

pub(crate) const BASE: Millis = Millis(1_795_243_401_000);
pub(crate) const ISSUER: &str = "http://localhost:8788";

pub(crate) struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Millis {
        BASE.plus(i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

pub(crate) struct Seeded(Mutex<ChaCha8Rng>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }
}

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

// --- identities -----------------------------------------------------------------------------------------------------

pub(crate) fn registry_key() -> SecretKey {
    SecretKey::from_seed(&[200; 32])
}

/// An agent with a key and a token.
pub(crate) struct Agent {
    pub(crate) did: AgentDid,
    pub(crate) key: SecretKey,
    pub(crate) ait: String,
}

pub(crate) fn agent(n: u8) -> Agent {
    let authority = "localhost".parse().unwrap();
    let did = AgentDid::new(&authority, Ulid::from_bytes([n; 16]));
    let key = SecretKey::from_seed(&[n; 32]);
    let now = u32::try_from(BASE.secs()).unwrap();
    let claims = ait::Claims {
        iss: ISSUER.parse().unwrap(),
        sub: did.clone(),
        owner_did: chancery_identity::HumanDid::new(&authority, Ulid::from_bytes([n + 100; 16])),
        name: "agent".parse().unwrap(),
        framework: "openclaw".parse().unwrap(),
        description: None,
        cnf: key.public().into(),
        iat: now - 10,
        nbf: now - 10,
        exp: now + 30 * 86400,
        jti: Ulid::from_bytes([n + 50; 16]),
    };
    let ait = Ait::sign(&claims, "reg-key-1", &registry_key()).unwrap();
    Agent { did, key, ait }
}

// --- the relay ------------------------------------------------------------------------------------------------------

/// The relay's end of a connection.
pub(crate) struct Session {
    pub(crate) tx: mpsc::Sender<LinkEvent>,
    pub(crate) rx: mpsc::Receiver<String>,
    pub(crate) at: Instant,
}

impl Session {
    pub(crate) async fn say(&self, frame: Frame<'_>) {
        let text = frame.encode(fresh_id(), BASE).unwrap();
        self.tx.send(LinkEvent::Text(text)).await.unwrap();
    }

    pub(crate) async fn say_text(&self, text: &str) {
        self.tx.send(LinkEvent::Text(text.to_owned())).await.unwrap();
    }

    /// The next frame that is no heartbeat, within two minutes.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let frame = self.hear_any().await;
            if frame["type"] != "heartbeat" {
                return frame;
            }
            self.ack_heartbeat(&frame).await;
        }
    }

    pub(crate) async fn hear_any(&mut self) -> Value {
        let text = timeout(Duration::from_secs(120), self.rx.recv())
            .await
            .expect("no frame")
            .expect("closed");
        serde_json::from_str(&text).unwrap()
    }

    /// Nothing but heartbeats for this long.
    pub(crate) async fn hears_nothing(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(text) = tokio::time::timeout_at(end, self.rx.recv()).await {
            let frame: Value = serde_json::from_str(&text.expect("closed")).unwrap();
            assert_eq!(frame["type"], "heartbeat", "{frame}");
            self.ack_heartbeat(&frame).await;
        }
    }

    async fn ack_heartbeat(&self, frame: &Value) {
        self.say(Frame::HeartbeatAck { ack_id: id_of(frame) }).await;
    }

    pub(crate) async fn ack_enqueue(&self, frame: &Value) {
        self.enqueue_ack(id_of(frame), true, None, None).await;
    }

    pub(crate) async fn enqueue_ack(&self, ack_id: Ulid, accepted: bool, code: Option<&str>, retryable: Option<bool>) {
        let ack = chancery_relay_wire::frame::EnqueueAck {
            ack_id,
            accepted,
            reason: (!accepted).then(|| "said the relay".into()),
            code: code.map(Into::into),
            retryable,
        };
        // an acknowledgement to a connection that is gone is lost, as on any network
        let text = Frame::EnqueueAck(ack).encode(fresh_id(), BASE).unwrap();
        let _ = self.tx.send(LinkEvent::Text(text)).await;
    }
}

pub(crate) fn id_of(frame: &Value) -> Ulid {
    frame["id"].as_str().unwrap().parse().unwrap()
}

pub(crate) fn fresh_id() -> Ulid {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Ulid::from_bytes(bytes)
}

/// Answers dials as told; once nothing is told any more, with connections.
pub(crate) struct Relay {
    pub(crate) refusals: Mutex<VecDeque<DialError>>,
    pub(crate) dials: Mutex<Vec<Instant>>,
    sessions: mpsc::UnboundedSender<Session>,
    negotiates: bool,
}

impl Dial for Relay {
    fn dial(&self) -> BoxFuture<'_, Result<Link, DialError>> {
        self.dials.lock().unwrap().push(Instant::now());
        if let Some(error) = self.refusals.lock().unwrap().pop_front() {
            return Box::pin(async { Err(error) });
        }
        let (tx, outgoing) = mpsc::channel(64);
        let (incoming, rx) = mpsc::channel(64);
        let _ = self.sessions.send(Session {
            tx: incoming,
            rx: outgoing,
            at: Instant::now(),
        });
        Box::pin(async {
            Ok(Link {
                tx,
                rx,
                negotiated: self.negotiates,
            })
        })
    }
}

// --- tokens ---------------------------------------------------------------------------------------------------------

pub(crate) struct Tokens {
    pub(crate) current: Mutex<Access>,
    pub(crate) refreshes: Mutex<Vec<Instant>>,
    pub(crate) fails: Mutex<VecDeque<CredentialError>>,
    clock: Arc<dyn Clock>,
}

impl Credentials for Tokens {
    fn current(&self) -> Option<Access> {
        Some(self.current.lock().unwrap().clone())
    }

    fn refresh(&self) -> BoxFuture<'_, Result<Access, CredentialError>> {
        Box::pin(async {
            let count = {
                let mut refreshes = self.refreshes.lock().unwrap();
                refreshes.push(Instant::now());
                refreshes.len()
            };
            if let Some(error) = self.fails.lock().unwrap().pop_front() {
                return Err(error);
            }
            let access = Access {
                token: format!("clw_agt_{count}").parse().unwrap(),
                expires: self.clock.now().plus(900_000),
            };
            *self.current.lock().unwrap() = access.clone();
            Ok(access)
        })
    }
}

// --- the webhook ----------------------------------------------------------------------------------------------------

/// One attempt, and the way to answer it.
pub(crate) struct Attempt {
    pub(crate) delivery: Delivery,
    pub(crate) at: Instant,
    answer: oneshot::Sender<Result<(), DeliverError>>,
}

impl Attempt {
    pub(crate) fn ok(self) {
        self.answer.send(Ok(())).unwrap();
    }

    pub(crate) fn fail(self, retryable: bool) {
        self.answer
            .send(Err(DeliverError {
                retryable,
                reason: "the webhook said no".to_owned(),
            }))
            .unwrap();
    }
}

pub(crate) struct Hook {
    attempts: mpsc::UnboundedSender<Attempt>,
    deduplicates: bool,
}

impl Deliver for Hook {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), DeliverError>> {
        let (answer, answered) = oneshot::channel();
        let _ = self.attempts.send(Attempt {
            delivery,
            at: Instant::now(),
            answer,
        });
        Box::pin(async {
            // a test that drops an attempt has a webhook that never answers
            match answered.await {
                Ok(answer) => answer,
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn deduplicates(&self) -> bool {
        self.deduplicates
    }

    fn target(&self) -> Option<String> {
        Some("http://127.0.0.1:18789/hooks/agent".to_owned())
    }
}

// --- peers ----------------------------------------------------------------------------------------------------------

pub(crate) struct Registry(Arc<dyn Clock>);

impl PeerKeys for Registry {
    fn verify_ait<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<VerifiedAit, PeerKeyError>> {
        Box::pin(async {
            let keys = KeySet {
                keys: vec![RegistryKey::new(
                    "reg-key-1",
                    registry_key().public(),
                    KeyStatus::Active,
                )],
            };
            Ait::verify(token, &keys, &ISSUER.parse().unwrap(), self.0.now())
                .map_err(|error| PeerKeyError::Invalid(error.to_string()))
        })
    }
}

pub(crate) struct Names;

impl Peers for Names {
    fn resolve<'a>(&'a self, alias: &'a str) -> BoxFuture<'a, Option<AgentDid>> {
        Box::pin(async move { (alias == "beta").then(|| agent(2).did) })
    }
}

// --- the world ------------------------------------------------------------------------------------------------------

pub(crate) struct World {
    pub(crate) connector: Option<Connector>,
    pub(crate) config: ConnectorConfig,
    pub(crate) store: Store,
    pub(crate) relay: Arc<Relay>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) sessions: mpsc::UnboundedReceiver<Session>,
    pub(crate) attempts: mpsc::UnboundedReceiver<Attempt>,
    ports: Ports,
    clock: Arc<dyn Clock>,
    seed: u64,
}

/// What a world is made of.
pub(crate) struct Setup {
    pub(crate) negotiates: bool,
    pub(crate) deduplicates: bool,
    pub(crate) refusals: Vec<DialError>,
    pub(crate) change: fn(&mut ConnectorConfig),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            negotiates: true,
            deduplicates: true,
            refusals: Vec::new(),
            change: |_| {},
        }
    }
}

impl World {
    /// Agent 1 with its connector started.
    pub(crate) fn new(setup: Setup) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock(Instant::now()));
        let (sessions_tx, sessions) = mpsc::unbounded_channel();
        let (attempts_tx, attempts) = mpsc::unbounded_channel();
        let relay = Arc::new(Relay {
            refusals: Mutex::new(setup.refusals.into()),
            dials: Mutex::default(),
            sessions: sessions_tx,
            negotiates: setup.negotiates,
        });
        let tokens = Arc::new(Tokens {
            current: Mutex::new(Access {
                token: "clw_agt_0".parse().unwrap(),
                expires: BASE.plus(900_000),
            }),
            refreshes: Mutex::default(),
            fails: Mutex::default(),
            clock: Arc::clone(&clock),
        });
        let me = agent(1);
        let mut config = ConnectorConfig::new(me.did, me.key);
        (setup.change)(&mut config);
        let ports = Ports {
            dial: relay.clone(),
            credentials: tokens.clone(),
            deliver: Arc::new(Hook {
                attempts: attempts_tx,
                deduplicates: setup.deduplicates,
            }),
            peer_keys: Arc::new(Registry(Arc::clone(&clock))),
            peers: Arc::new(Names),
        };
        let mut world = Self {
            connector: None,
            config,
            store: Store::memory(),
            relay,
            tokens,
            sessions,
            attempts,
            ports,
            clock,
            seed: 0,
        };
        world.start();
        world
    }

    /// Starts a connector on what the last one left behind.
    pub(crate) fn start(&mut self) {
        self.seed += 1;
        self.connector = Some(Connector::start(
            self.config.clone(),
            self.ports.clone(),
            self.store.clone(),
            Arc::clone(&self.clock),
            Arc::new(Seeded::new(self.seed)),
        ));
    }

    /// Ends the connector as `kill -9` would.
    pub(crate) fn crash(&mut self) {
        self.connector = None;
        while self.sessions.try_recv().is_ok() {}
        while self.attempts.try_recv().is_ok() {}
    }

    pub(crate) fn connector(&self) -> &Connector {
        self.connector.as_ref().unwrap()
    }

    /// The next connection, within two minutes.
    pub(crate) async fn session(&mut self) -> Session {
        timeout(Duration::from_secs(120), self.sessions.recv())
            .await
            .expect("no connection")
            .unwrap()
    }

    /// The connection that is there now; those before it ended while the test did not look.
    pub(crate) async fn last_session(&mut self) -> Session {
        loop {
            let session = self.session().await;
            if !session.tx.is_closed() {
                return session;
            }
        }
    }

    /// The next attempt at the webhook, within two hours.
    pub(crate) async fn attempt(&mut self) -> Attempt {
        timeout(Duration::from_secs(7200), self.attempts.recv())
            .await
            .expect("no attempt")
            .unwrap()
    }

    pub(crate) async fn no_attempt(&mut self, time: Duration) {
        if let Ok(Some(attempt)) = timeout(time, self.attempts.recv()).await {
            panic!("attempt {} of {}", attempt.delivery.attempt, attempt.delivery.id);
        }
    }

    pub(crate) async fn status(&self) -> Value {
        settle().await;
        serde_json::to_value(self.connector().status().await.unwrap()).unwrap()
    }
}

/// Lets everything that can happen now happen.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

/// A message from agent 2 to agent 1 as the relay delivers it.
pub(crate) struct Incoming {
    pub(crate) id: Ulid,
    pub(crate) message_id: String,
    pub(crate) lane: Option<&'static str>,
    pub(crate) payload: String,
    pub(crate) signed: bool,
    pub(crate) with_ait: bool,
    pub(crate) attempt: u32,
}

impl Incoming {
    pub(crate) fn new(payload: &str) -> Self {
        let id = fresh_id();
        Self {
            id,
            message_id: format!("m-{id}"),
            lane: None,
            payload: payload.to_owned(),
            signed: true,
            with_ait: true,
            attempt: 1,
        }
    }

    pub(crate) fn in_lane(payload: &str, lane: &'static str) -> Self {
        Self {
            lane: Some(lane),
            ..Self::new(payload)
        }
    }

    /// The frame; `tamper` changes the payload after signing.
    pub(crate) fn text(&self, tamper: impl FnOnce(String) -> String) -> String {
        let (from, to) = (agent(2), agent(1));
        let sent_at = BASE.to_rfc3339();
        let sig = message::sign(
            &SignedMessage {
                message_id: &self.message_id,
                from: &from.did,
                to: &to.did,
                lane: self.lane.unwrap_or_default(),
                content_type: "",
                sent_at: &sent_at,
                payload: self.payload.as_bytes(),
            },
            &from.key,
        );
        let payload = raw(&tamper(self.payload.clone()));
        let frame = Frame::Deliver(chancery_relay_wire::frame::Deliver {
            id: self.id,
            from: from.did,
            to: to.did,
            payload: &*payload,
            content_type: None,
            conversation_id: self.lane.map(Into::into),
            reply_to: None,
            extra: Some(chancery_relay_wire::frame::DeliverExtra {
                message_id: self.message_id.as_str().into(),
                lane_seq: 1,
                attempt: self.attempt,
                sent_at: Some(sent_at.into()),
                sig: self.signed.then_some(sig),
                from_ait: self.with_ait.then(|| from.ait.into()),
            }),
        });
        frame.encode(self.id, BASE).unwrap()
    }
}

impl Session {
    /// Delivers `incoming` and returns the acknowledgement.
    pub(crate) async fn deliver(&mut self, incoming: &Incoming) -> Value {
        self.say_text(&incoming.text(|payload| payload)).await;
        loop {
            let frame = self.hear().await;
            match frame["type"].as_str().unwrap() {
                "receipt" => self.say(Frame::ReceiptAck { ack_id: id_of(&frame) }).await,
                "deliver_ack" if frame["ackId"] == incoming.id.to_string() => return frame,
                _ => panic!("{frame}"),
            }
        }
    }
}
