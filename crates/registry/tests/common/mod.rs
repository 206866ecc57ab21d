//! A registry in the test's process, on either store, with a clock that the test moves and randomness from a seed.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test kit: each test file uses its part, and stops at what it did not expect"
)]

mod call;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
};

use chancery_base::{Clock, Millis, Rng, digest, ed25519::SecretKey};
use chancery_identity::{HumanDid, Origin, registration::RegistrationProof};
use chancery_registry::{BootstrapService, Config, Registry, Secret, SigningKeys, Store};
use chancery_serve::{Edge, ServerConfig};
use serde_json::{Value, json};

pub use call::{Answer, Call};

pub const ISSUER: &str = "https://registry.example.test";
pub const PROXY: &str = "https://relay.example.test";
pub const BOOTSTRAP_SECRET: &str = "open sesame";
pub const SERVICE_ID: &str = "relay-one";
pub const SERVICE_SECRET: &str = "clw_srv_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
pub const START: i64 = 1_700_000_000_000;

/// A clock that stands still until it is moved.
pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes from a seed.
pub struct SeededRng {
    seed: u64,
    next: AtomicU64,
}

impl SeededRng {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            next: AtomicU64::new(0),
        }
    }
}

impl Rng for SeededRng {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            let block = digest::sha256(format!("{} {n}", self.seed));
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

/// A registry and what it stands on.
pub struct World {
    pub registry: Registry,
    pub edge: Edge,
    pub clock: Arc<TestClock>,
    pub rng: Arc<SeededRng>,
    addresses: AtomicU32,
}

pub fn signing_key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

pub fn config() -> Config {
    let mut config = Config::new(
        ISSUER.parse().unwrap(),
        PROXY.parse().unwrap(),
        SigningKeys::single(signing_key()),
    );
    config.bootstrap_secret = Some(Secret::new(BOOTSTRAP_SECRET));
    config.bootstrap_service = Some(BootstrapService {
        id: SERVICE_ID.to_owned(),
        secret: SERVICE_SECRET.parse().unwrap(),
    });
    config
}

pub fn issuer() -> Origin {
    ISSUER.parse().unwrap()
}

impl World {
    pub async fn memory() -> Self {
        Self::open(config(), Store::memory()).await
    }

    /// On a database that disappears with the test.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let world = Self::open(config(), Store::sqlite(folder.join("registry.db")).unwrap()).await;
        // the file stays open; its name need not stay
        std::fs::remove_dir_all(folder).unwrap();
        world
    }

    pub async fn open(config: Config, store: Store) -> Self {
        Self::open_at(config, store, START).await
    }

    pub async fn open_at(config: Config, store: Store, now: i64) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(now)));
        let rng = Arc::new(SeededRng::new(now.unsigned_abs()));
        let registry = Registry::open(config, store, clock.clone(), rng.clone()).await.unwrap();
        let server = ServerConfig::new("127.0.0.1:0".parse().unwrap());
        let edge = Edge::new(registry.router(), &server);
        Self {
            registry,
            edge,
            clock,
            rng,
            addresses: AtomicU32::new(0),
        }
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    pub fn advance_ms(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn advance_secs(&self, secs: i64) {
        self.advance_ms(secs * 1000);
    }

    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        let n = self.addresses.fetch_add(1, Ordering::SeqCst);
        Call {
            world: self,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            client: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n)),
        }
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.call("GET", path)
    }

    pub fn post(&self, path: &str) -> Call<'_> {
        self.call("POST", path)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call("DELETE", path)
    }

    /// The administrator's API key.
    pub async fn bootstrap(&self) -> String {
        let call = self
            .post("/v1/admin/bootstrap")
            .header("x-bootstrap-secret", BOOTSTRAP_SECRET);
        let answer = call.json(json!({})).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.text("/apiKey/token")
    }

    pub async fn invite(&self, admin: &str) -> String {
        let answer = self.post("/v1/invites").bearer(admin).json(json!({})).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.text("/invite/code")
    }

    pub async fn redeem(&self, code: &str, name: &str) -> Human {
        let answer = self
            .post("/v1/invites/redeem")
            .json(json!({"code": code, "displayName": name}))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Human {
            id: answer.text("/human/id"),
            did: answer.text("/human/did"),
            key: answer.text("/apiKey/token"),
        }
    }

    /// A person who is no administrator, and the administrator's key.
    pub async fn human(&self) -> (Human, String) {
        let admin = self.bootstrap().await;
        let code = self.invite(&admin).await;
        (self.redeem(&code, "Alice").await, admin)
    }

    pub async fn another_human(&self, admin: &str) -> Human {
        let code = self.invite(admin).await;
        self.redeem(&code, "Mallory").await
    }

    /// A challenge for `key`, answered: the body of `POST /v1/agents`.
    pub async fn registration(&self, human: &Human, key: &SecretKey, name: &str) -> Value {
        let body = json!({"publicKey": key.public().to_b64()});
        let challenge = self.post("/v1/agents/challenge").bearer(&human.key).json(body).await;
        assert_eq!(challenge.status, 201, "{}", challenge.body);
        let owner: HumanDid = human.did.parse().unwrap();
        let nonce = challenge.text("/nonce");
        let proof = RegistrationProof {
            challenge_id: challenge.text("/challengeId").parse().unwrap(),
            nonce: &nonce,
            owner: &owner,
            public_key: &key.public(),
            name,
            framework: None,
            ttl_days: None,
        };
        json!({
            "challengeId": challenge.text("/challengeId"),
            "challengeSignature": key.sign(proof.canonical().as_bytes()).to_b64(),
            "name": name,
            "publicKey": key.public().to_b64(),
        })
    }

    pub async fn agent(&self, human: &Human, name: &str) -> Agent {
        let key = SecretKey::generate(&*self.rng);
        let body = self.registration(human, &key, name).await;
        let answer = self.post("/v1/agents").bearer(&human.key).json(body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Agent {
            id: answer.text("/agent/id"),
            did: answer.text("/agent/did"),
            jti: answer.text("/agent/currentJti"),
            ait: answer.text("/ait"),
            access: answer.text("/agentAuth/accessToken"),
            refresh: answer.text("/agentAuth/refreshToken"),
            key,
        }
    }

    /// A refresh with a fresh proof.
    pub fn refresh(&self, agent: &Agent, token: &str) -> Call<'_> {
        let body = json!({ "refreshToken": token }).to_string();
        self.post("/v1/agents/auth/refresh").proven(agent, body.into_bytes())
    }

    pub fn validate(&self, agent: &Agent, access: &str) -> Call<'_> {
        let body = json!({"agentDid": agent.did, "aitJti": agent.jti}).to_string();
        self.post("/v1/agents/auth/validate")
            .header("x-claw-agent-access", access)
            .body(body.into_bytes())
    }

    pub fn as_service(&self, method: &str, path: &str) -> Call<'_> {
        self.call(method, path)
            .header("x-claw-service-id", SERVICE_ID)
            .header("x-claw-service-secret", SERVICE_SECRET)
    }
}

#[derive(Debug, Clone)]
pub struct Human {
    pub id: String,
    pub did: String,
    pub key: String,
}

pub struct Agent {
    pub id: String,
    pub did: String,
    pub jti: String,
    pub ait: String,
    pub access: String,
    pub refresh: String,
    pub key: SecretKey,
}

/// Each scenario on both stores.
#[macro_export]
macro_rules! scenarios {
    ($($(#[$attribute:meta])* async fn $name:ident($world:ident: World) $body:block)*) => {
        $(
            mod $name {
                use super::*;

                async fn run($world: World) $body

                $(#[$attribute])*
                #[tokio::test]
                async fn memory() {
                    run(World::memory().await).await;
                }

                $(#[$attribute])*
                #[tokio::test]
                async fn sqlite() {
                    run(World::sqlite().await).await;
                }
            }
        )*
    };
}
