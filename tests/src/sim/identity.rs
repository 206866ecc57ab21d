//! Who takes part: agents with their keys, their names and their identity tokens.

use chancery_base::{Ulid, ed25519::SecretKey};
use chancery_identity::{AgentDid, Ait, HumanDid, Origin, ait::Claims};

use super::clock::BASE;

/// The registry's name.
pub(super) const ISSUER: &str = "https://registry.example.test";
/// The relay's name.
pub(super) const RELAY: &str = "https://relay.example.test";
/// Name of the registry's key.
pub(super) const KID: &str = "reg-key-1";

pub(super) fn issuer() -> Origin {
    ISSUER.parse().expect("an origin")
}

pub(super) fn registry_key() -> SecretKey {
    SecretKey::from_seed(&[200; 32])
}

/// An agent's name and key.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) did: AgentDid,
    pub(super) key: SecretKey,
    owner: HumanDid,
    number: u8,
}

impl Identity {
    pub(super) fn new(index: usize) -> Self {
        let number = u8::try_from(index + 1).expect("few agents");
        let authority = issuer().authority().expect("a host that can issue DIDs");
        Self {
            did: AgentDid::new(&authority, Ulid::from_bytes([number; 16])),
            key: SecretKey::from_seed(&[number; 32]),
            owner: HumanDid::new(&authority, Ulid::from_bytes([number + 100; 16])),
            number,
        }
    }

    /// Id of the agent's `generation`th identity token.
    pub(super) fn jti(&self, generation: u8) -> Ulid {
        let mut bytes = [self.number + 50; 16];
        bytes[15] = generation;
        Ulid::from_bytes(bytes)
    }

    /// The agent's `generation`th identity token.
    pub(super) fn token(&self, generation: u8) -> String {
        let now = u32::try_from(BASE.secs()).expect("this century");
        let claims = Claims {
            iss: issuer(),
            sub: self.did.clone(),
            owner_did: self.owner.clone(),
            name: "agent".parse().expect("a name"),
            framework: "generic".parse().expect("a framework"),
            description: None,
            cnf: self.key.public().into(),
            iat: now - 3600,
            nbf: now - 3600,
            exp: now + 30 * 86_400,
            jti: self.jti(generation),
        };
        Ait::sign(&claims, KID, &registry_key()).expect("good claims")
    }
}
