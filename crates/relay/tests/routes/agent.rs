//! An agent with its key and tokens, and the requests it signs.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Request},
};
use chancery_base::{Millis, Ulid, b64, digest, ed25519::SecretKey, jws};
use chancery_identity::{AgentDid, Ait, ait::Claims, proof};

use crate::registry::{ISSUER, KID, issuer, registry_key};

pub(crate) struct Agent {
    pub(crate) did: AgentDid,
    pub(crate) key: SecretKey,
    pub(crate) ait: String,
    pub(crate) jti: Ulid,
    pub(crate) access: String,
}

fn id(prefix: &str, n: u8) -> String {
    format!("{prefix}{n:02}")
}

impl Agent {
    pub(crate) fn claims(n: u8, issued: i64) -> Claims {
        let at = u32::try_from(issued).unwrap();
        Claims {
            iss: issuer(),
            sub: format!(
                "did:cdi:registry.example.test:agent:{}",
                id("01HF7YAT00W6W7CM7N3W5FDX", n)
            )
            .parse()
            .unwrap(),
            owner_did: format!(
                "did:cdi:registry.example.test:human:{}",
                id("01HF7YAT00W6W7CM7N3W5FDY", n)
            )
            .parse()
            .unwrap(),
            name: "agent".parse().unwrap(),
            framework: "generic".parse().unwrap(),
            description: None,
            cnf: SecretKey::from_seed(&[n; 32]).public().into(),
            iat: at,
            nbf: at,
            exp: at + 30 * 86_400,
            jti: id("01HF7YAT00W6W7CM7N3W5FDZ", n).parse().unwrap(),
        }
    }

    pub(crate) fn new(n: u8, issued: i64) -> Self {
        let claims = Self::claims(n, issued);
        Self {
            did: claims.sub.clone(),
            key: SecretKey::from_seed(&[n; 32]),
            ait: Ait::sign(&claims, KID, &registry_key()).unwrap(),
            jti: claims.jti,
            access: format!("clw_agt_{n}"),
        }
    }

    /// The same claims in a token of another type.
    pub(crate) fn mistyped(n: u8, issued: i64) -> String {
        jws::sign("JWT", KID, &Self::claims(n, issued), &registry_key()).unwrap()
    }
}

/// A request before it is sent. What it is signed as may differ from what it is.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Call {
    /// Signed as of now.
    pub(crate) fn signed(agent: &Agent, method: &str, path: &str, body: &[u8], now: Millis, nonce: &str) -> Self {
        let timestamp = now.secs().to_string();
        let body_sha256 = digest::sha256_b64(body);
        let text = proof::canonical(method, path, &timestamp, nonce, &body_sha256);
        let signature = agent.key.sign(text.as_bytes()).to_b64();
        let mut headers = vec![
            ("authorization".to_owned(), format!("Claw {}", agent.ait)),
            ("x-claw-timestamp".to_owned(), timestamp),
            ("x-claw-nonce".to_owned(), nonce.to_owned()),
            ("x-claw-body-sha256".to_owned(), body_sha256),
            ("x-claw-proof".to_owned(), signature),
            ("x-claw-agent-access".to_owned(), agent.access.clone()),
        ];
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            body: body.to_vec(),
            headers,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same header once more.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    pub(crate) fn with_path(self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self
        }
    }

    pub(crate) fn with_method(self, method: &str) -> Self {
        Self {
            method: method.to_owned(),
            ..self
        }
    }

    pub(crate) fn with_body(self, body: &str) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    pub(crate) fn request(&self) -> Request<Body> {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.path);
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().unwrap();
            request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        request.body(Body::from(self.body.clone())).unwrap()
    }
}

/// A ticket's text with its JSON changed.
pub(crate) fn forge_ticket(text: &str, change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> String {
    let json = b64::decode(text.strip_prefix("clwpair1_").unwrap()).unwrap();
    let mut object = serde_json::from_slice(&json).unwrap();
    change(&mut object);
    format!("clwpair1_{}", b64::encode(serde_json::to_vec(&object).unwrap()))
}

#[test]
fn the_kits_authority_is_its_issuers() {
    assert!(ISSUER.contains(Agent::claims(1, 0).sub.authority().as_str()));
}
