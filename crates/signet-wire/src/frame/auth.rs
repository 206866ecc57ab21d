//! The first frame of a client.

use chancery_base::{digest, ed25519::Signature, json};
use serde::{Deserialize, Serialize};

use crate::{BearerToken, object::Members};

/// The frame by which a harness is let in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth {
    /// The credential's token.
    pub token: BearerToken,
    /// Number of the last event that the harness has; what came after it is sent again.
    #[serde(default)]
    pub last_seen_seq: Option<u64>,
    /// The stream that the number is of; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_epoch: Option<String>,
    /// Signature of [`proof_text`] by the harness key that the credential is bound to, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Signature>,
}

/// What a client may send before it is let in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ClientFrame {
    /// `challenge`: asks for the nonce that a proof signs. Only harnesses with a key need it.
    Challenge,
    /// `auth`.
    Auth(Auth),
}

/// Why the first frame was refused. The connection closes with 4009 and this as its reason; it never says what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthProblem {
    /// Not JSON, or an object that names a member twice.
    #[error("Invalid JSON")]
    Json,
    /// JSON, and no such frame.
    #[error("Invalid auth frame")]
    Frame,
}

impl ClientFrame {
    /// Reads the first frame.
    ///
    /// # Errors
    /// [`AuthProblem`].
    pub fn parse(text: &str) -> Result<Self, AuthProblem> {
        let Some(mut members) = Members::parse(text) else {
            return Err(match json::check_strict(text.as_bytes()) {
                Ok(()) => AuthProblem::Frame,
                Err(_) => AuthProblem::Json,
            });
        };
        match members.take_text("type").as_deref() {
            Some("auth") => members.read().map(Self::Auth).map_err(|_| AuthProblem::Frame),
            Some("challenge") if members.is_empty() => Ok(Self::Challenge),
            _ => Err(AuthProblem::Frame),
        }
    }
}

impl Auth {
    /// The frame as text, for clients. It holds the token.
    ///
    /// # Errors
    /// None in practice: every member has a form in JSON.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Tagged<'a> {
            r#type: &'static str,
            #[serde(flatten)]
            auth: &'a Auth,
        }
        serde_json::to_string(&Tagged {
            r#type: "auth",
            auth: self,
        })
    }
}

/// What a harness signs to show that it holds its key: a line that says what it is for, the nonce of this connection, and
/// the token's hash, so that a proof is of use for one token on one connection.
#[must_use]
pub fn proof_text(nonce: &str, token: &BearerToken) -> String {
    format!("CHANCERY-HARNESS-V1\n{nonce}\n{}", digest::sha256_hex(token.reveal()))
}
