//! An agent that speaks for itself: requests signed with its files, without any client in between.

use std::{net::SocketAddr, path::Path, sync::Arc};

use chancery_base::ed25519::SecretKey;
use chancery_networks::signer::AgentSigner;
use chancery_serve::system::{OsRng, SystemClock};
use serde_json::Value;

use crate::http::{self, Answer};

/// Whoever has an agent's files.
#[derive(Debug, Clone)]
pub struct Caller {
    signer: AgentSigner,
    access: String,
}

/// Names (lower case) and values.
pub type Headers = Vec<(String, String)>;

impl Caller {
    /// The agent whose files are in `dir`.
    ///
    /// # Panics
    /// When they are not what they should be.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        let read =
            |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let key = SecretKey::from_b64(read("secret.key").trim()).expect("a key");
        let auth: Value = serde_json::from_str(&read("registry-auth.json")).expect("JSON");
        let signer = AgentSigner::new(read("ait.jwt").trim(), key, Arc::new(SystemClock), Arc::new(OsRng));
        Self {
            signer,
            access: auth["accessToken"].as_str().expect("an access token").to_owned(),
        }
    }

    /// The agent's identity token.
    #[must_use]
    pub fn ait(&self) -> &str {
        self.signer.ait()
    }

    /// The agent's access token.
    #[must_use]
    pub fn access(&self) -> &str {
        &self.access
    }

    /// Headers that prove a request of `address`, the access token and `more` among them; good once.
    ///
    /// # Panics
    /// When `target` is none.
    #[must_use]
    pub fn headers(
        &self,
        address: SocketAddr,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
        body: &[u8],
    ) -> Headers {
        let url = format!("http://{address}{target}").parse().expect("a URL");
        let mut all = vec![("x-claw-agent-access", self.access.as_str())];
        all.extend(more);
        self.signer.headers(method, &url, body, &all)
    }

    /// Sends a proved request.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn send(&self, address: SocketAddr, method: &str, target: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers = self.headers(address, method, target, more, body);
        http::send(address, method, target, &borrowed(&headers), body)
            .unwrap_or_else(|| panic!("no answer to {method} {target}"))
    }

    /// Sends `body` as JSON.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn post(&self, address: SocketAddr, target: &str, more: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(more);
        self.send(address, "POST", target, &all, body.to_string().as_bytes())
    }
}

/// The same, as [`http::send`] takes them.
#[must_use]
pub fn borrowed(headers: &Headers) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
