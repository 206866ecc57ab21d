//! The agents of the bench: known to both processes by their numbers.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use chancery_base::{Millis, Rng, Ulid, ed25519::SecretKey};
use chancery_identity::{
    AgentDid, Ait, Authority, HumanDid, Origin,
    ait::Claims,
    key_set::{KeySet, KeyStatus, RegistryKey},
};

/// Issuer of all tokens of the bench.
pub(crate) fn issuer() -> anyhow::Result<Origin> {
    Ok("https://registry.bench.test".parse()?)
}

const KID: &str = "bench";

fn registry_key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

pub(crate) fn keys() -> KeySet {
    KeySet {
        keys: vec![RegistryKey::new(KID, registry_key().public(), KeyStatus::Active)],
    }
}

/// Agent number `number`.
pub(crate) struct Agent {
    pub(crate) did: AgentDid,
    pub(crate) key: SecretKey,
    pub(crate) ait: String,
    pub(crate) jti: Ulid,
}

pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn id(kind: u8, number: usize) -> Ulid {
    let mut bytes = [0; 16];
    bytes[6] = kind;
    bytes[8..].copy_from_slice(&(number as u64).to_be_bytes());
    Ulid::from_bytes(bytes)
}

pub(crate) fn agent(number: usize) -> anyhow::Result<Agent> {
    let authority: Authority = "registry.bench.test".parse()?;
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let key = SecretKey::from_seed(&seed);
    let did = AgentDid::new(&authority, id(1, number));
    let iat = u32::try_from(now().secs() - 60)?;
    let claims = Claims {
        iss: issuer()?,
        sub: did.clone(),
        owner_did: HumanDid::new(&authority, id(2, number)),
        name: format!("agent-{number}").parse()?,
        framework: "bench".parse()?,
        description: None,
        cnf: key.public().into(),
        iat,
        nbf: iat,
        exp: iat + 86_400,
        jti: id(3, number),
    };
    let ait = Ait::sign(&claims, KID, &registry_key())?;
    Ok(Agent {
        did,
        key,
        ait,
        jti: claims.jti,
    })
}

/// The sender of channel `channel`.
pub(crate) fn sender(channel: usize) -> anyhow::Result<Agent> {
    agent(channel * 2)
}

/// The recipient of channel `channel`.
pub(crate) fn recipient(channel: usize) -> anyhow::Result<Agent> {
    agent(channel * 2 + 1)
}

/// A fast source of distinct bytes: nothing in a bench is secret.
pub(crate) struct Counter(Mutex<u64>);

impl Counter {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        Self(Mutex::new(
            (now().0.unsigned_abs() << 20) ^ (MADE.fetch_add(1, Relaxed) << 50),
        ))
    }
}

impl Rng for Counter {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in out.chunks_mut(8) {
            // splitmix64
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let bytes = (word ^ (word >> 31)).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
