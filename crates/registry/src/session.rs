//! Session tokens: making them, and sealing them under the refresh token that they replace.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _,
    aead::{Aead as _, Payload},
};
use chancery_base::{Millis, Rng, Ulid, digest};
use chancery_identity::token::{AgentAccess, AgentRefresh, Token};
use chancery_relay_wire::registry::AgentAuth;
use zeroize::Zeroizing;

use crate::{
    limits::{ACCESS_TTL_MS, REFRESH_TTL_MS},
    store::model::SessionTokens,
};

/// First line of what the sealing key is derived from. The database holds SHA-256 of the bare token, which is another
/// hash.
const SEAL_DOMAIN: &[u8] = b"CHANCERY-REFRESH-SEAL-V1\n";
const NONCE_BYTES: usize = 12;

/// The two tokens of a session, at one of the two moments when their text is known.
pub(crate) struct SessionSecrets {
    access: Token<AgentAccess>,
    refresh: Token<AgentRefresh>,
}

impl SessionSecrets {
    /// New tokens, and what to keep of them.
    pub(crate) fn generate(now: Millis, rng: &dyn Rng) -> (Self, SessionTokens) {
        let secrets = Self {
            access: Token::generate(&rng),
            refresh: Token::generate(&rng),
        };
        let stored = SessionTokens {
            refresh: secrets.refresh.stored(),
            access: secrets.access.stored(),
            issued_at: now,
            refresh_expires_at: now.plus(REFRESH_TTL_MS),
            access_expires_at: now.plus(ACCESS_TTL_MS),
        };
        (secrets, stored)
    }

    /// As the wire shows them.
    pub(crate) fn bundle(&self, stored: &SessionTokens) -> AgentAuth {
        AgentAuth {
            token_type: "Bearer".to_owned(),
            access_token: self.access.expose().to_owned(),
            access_expires_at: stored.access_expires_at.to_rfc3339(),
            refresh_token: self.refresh.expose().to_owned(),
            refresh_expires_at: stored.refresh_expires_at.to_rfc3339(),
        }
    }

    /// Both tokens, encrypted (ChaCha20-Poly1305, RFC 8439) under a key that only `presented`, the refresh token that
    /// they replace, yields. `None` never happens for texts this short.
    pub(crate) fn seal(&self, presented: &str, agent: Ulid, rng: &dyn Rng) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill(&mut nonce);
        let text = Zeroizing::new(format!("{}\n{}", self.access.expose(), self.refresh.expose()));
        let payload = Payload {
            msg: text.as_bytes(),
            aad: &agent.to_bytes(),
        };
        let sealed = cipher(presented).encrypt(&nonce.into(), payload).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// What [`Self::seal`] sealed.
    pub(crate) fn open(sealed: &[u8], presented: &str, agent: Ulid) -> Option<Self> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: sealed,
            aad: &agent.to_bytes(),
        };
        let text = Zeroizing::new(cipher(presented).decrypt(&(*nonce).into(), payload).ok()?);
        let (access, refresh) = std::str::from_utf8(&text).ok()?.split_once('\n')?;
        Some(Self {
            access: access.parse().ok()?,
            refresh: refresh.parse().ok()?,
        })
    }
}

fn cipher(presented: &str) -> ChaCha20Poly1305 {
    let material = Zeroizing::new([SEAL_DOMAIN, presented.as_bytes()].concat());
    let key = Zeroizing::new(digest::sha256(&*material));
    ChaCha20Poly1305::new((&*key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Rng for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    #[test]
    fn sealed_tokens_open_under_the_token_they_replaced_and_under_no_other() {
        let rng = Counting(1.into());
        let (secrets, stored) = SessionSecrets::generate(Millis(0), &rng);
        let agent = Ulid::generate(Millis(0), &&rng as &&Counting);
        let sealed = secrets.seal("clw_rft_old", agent, &rng).unwrap();
        let opened = SessionSecrets::open(&sealed, "clw_rft_old", agent).unwrap();
        assert_eq!(opened.bundle(&stored).refresh_token, secrets.refresh.expose());
        assert_eq!(opened.bundle(&stored).access_token, secrets.access.expose());
        assert!(SessionSecrets::open(&sealed, "clw_rft_other", agent).is_none());
        assert!(SessionSecrets::open(&sealed, "clw_rft_old", Ulid::NIL).is_none());
        let text = String::from_utf8_lossy(&sealed);
        assert!(!text.contains("clw_"));
    }
}
