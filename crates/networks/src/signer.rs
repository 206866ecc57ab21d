//! What an agent adds to a request to show that it is the agent.

use std::{fmt, sync::Arc};

use chancery_base::{Clock, Rng, ed25519::SecretKey};
use chancery_identity::{http_signature, proof};
use url::{Position, Url};

/// Signs requests with an agent's key: `Authorization: Claw <AIT>`, the four `CLAW-PROOF-V1` headers, and the HTTP message
/// signature (RFC 9421) that covers the server's name and the headers that [`http_signature::covers`] names. Servers that
/// know only the proof ignore the latter.
#[derive(Clone)]
pub struct AgentSigner {
    ait: Arc<str>,
    key: SecretKey,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl AgentSigner {
    /// A signer for the agent that `ait` names and `key` belongs to.
    #[must_use]
    pub fn new(ait: &str, key: SecretKey, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self {
            ait: ait.into(),
            key,
            clock,
            rng,
        }
    }

    /// The agent's key.
    #[must_use]
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// The agent's identity token.
    #[must_use]
    pub fn ait(&self) -> &str {
        &self.ait
    }

    /// All headers of one request, in lower case: `headers` and what signing adds. Each call makes a fresh nonce and
    /// timestamp, so each attempt needs its own. No covered header may be added afterwards, not even a `content-type`.
    ///
    /// `ws` and `wss` URLs are signed as the HTTP request that they begin with.
    #[must_use]
    pub fn headers(&self, method: &str, url: &Url, body: &[u8], headers: &[(&str, &str)]) -> Vec<(String, String)> {
        let target = &url[Position::BeforePath..Position::AfterQuery];
        let target = if target.is_empty() { "/" } else { target };
        let now = self.clock.now();
        let proof = proof::ProofHeaders::sign(method, target, body, now, &self.rng, &self.key);
        let authorization = format!("Claw {}", self.ait);
        let mut all: Vec<(&str, &str)> = headers.to_vec();
        all.push((proof::header::AUTHORIZATION, &authorization));
        all.extend(proof.pairs());
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        let request = http_signature::Request {
            method,
            authority,
            path_and_query: target,
            headers: &all,
        };
        let (input, signature) = http_signature::sign(&request, now, &self.key);
        let mut out: Vec<(String, String)> = all
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        out.push((http_signature::SIGNATURE_INPUT.to_owned(), input));
        out.push((http_signature::SIGNATURE.to_owned(), signature));
        out
    }
}

impl fmt::Debug for AgentSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentSigner(..)")
    }
}
