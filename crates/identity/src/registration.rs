//! Proof that who registers an agent holds its private key.

use chancery_base::{Ulid, ed25519::PublicKey};

use crate::did::HumanDid;

/// How long a challenge may be answered, in milliseconds.
pub const CHALLENGE_TTL_MS: i64 = 5 * 60 * 1000;

/// What `messageTemplate` of a challenge shows: the text to sign with its blanks.
pub const TEMPLATE: &str = "clawdentity.register.v1\nchallengeId:{challengeId}\nnonce:{nonce}\nownerDid:{ownerDid}\n\
                            publicKey:{publicKey}\nname:{name}\nframework:{framework}\nttlDays:{ttlDays}";

/// What the agent's key signs. Members that the request leaves out are empty in the text.
#[derive(Debug, Clone, Copy)]
pub struct RegistrationProof<'a> {
    /// From the challenge.
    pub challenge_id: Ulid,
    /// From the challenge.
    pub nonce: &'a str,
    /// From the challenge.
    pub owner: &'a HumanDid,
    /// The key that is being registered.
    pub public_key: &'a PublicKey,
    /// Name as requested.
    pub name: &'a str,
    /// Framework as requested, when it was.
    pub framework: Option<&'a str>,
    /// Life of the identity token in days as requested, when it was.
    pub ttl_days: Option<u32>,
}

impl RegistrationProof<'_> {
    /// The text that is signed: eight lines without a newline at the end.
    #[must_use]
    pub fn canonical(&self) -> String {
        let Self {
            challenge_id,
            nonce,
            owner,
            public_key,
            name,
            ..
        } = self;
        let framework = self.framework.unwrap_or_default();
        let ttl_days = self.ttl_days.map(|days| days.to_string()).unwrap_or_default();
        let key = public_key.to_b64();
        format!(
            "clawdentity.register.v1\nchallengeId:{challenge_id}\nnonce:{nonce}\nownerDid:{owner}\npublicKey:{key}\n\
             name:{name}\nframework:{framework}\nttlDays:{ttl_days}"
        )
    }
}
