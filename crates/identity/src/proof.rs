//! Request proofs, `CLAW-PROOF-V1`: the agent's key signs method, path, time, nonce and body of one request.

use chancery_base::{
    Millis, Rng, b64, digest,
    ed25519::{PublicKey, SecretKey, Signature},
};

/// How far the timestamp may lie from the verifier's clock, in seconds, both ways, inclusive.
pub const MAX_SKEW_SECS: i64 = 300;

/// How long a nonce must be remembered after the time its proof names, in milliseconds: past the last moment at which
/// that timestamp would still be accepted, with a minute to spare for clocks that are set back.
pub const NONCE_RETENTION_MS: i64 = (MAX_SKEW_SECS + 60) * 1000;

/// Header names.
pub mod header {
    /// `Claw <AIT>`.
    pub const AUTHORIZATION: &str = "authorization";
    /// Unix seconds, digits only.
    pub const TIMESTAMP: &str = "x-claw-timestamp";
    /// Anything that was not used before; ours are 16 random bytes in base64url.
    pub const NONCE: &str = "x-claw-nonce";
    /// base64url SHA-256 of the body.
    pub const BODY_SHA256: &str = "x-claw-body-sha256";
    /// base64url signature.
    pub const PROOF: &str = "x-claw-proof";
}

/// Longest nonce that is accepted, in bytes; clients send 22 or 32.
pub const MAX_NONCE_BYTES: usize = 128;

/// The text that is signed: six lines without a newline at the end.
#[must_use]
pub fn canonical(method: &str, path_and_query: &str, timestamp: &str, nonce: &str, body_sha256: &str) -> String {
    let method = method.to_ascii_uppercase();
    format!("CLAW-PROOF-V1\n{method}\n{path_and_query}\n{timestamp}\n{nonce}\n{body_sha256}")
}

/// The four proof headers of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofHeaders {
    /// Value of [`header::TIMESTAMP`].
    pub timestamp: String,
    /// Value of [`header::NONCE`].
    pub nonce: String,
    /// Value of [`header::BODY_SHA256`].
    pub body_sha256: String,
    /// Value of [`header::PROOF`].
    pub proof: String,
}

impl ProofHeaders {
    /// Signs a request with a fresh nonce. `path_and_query` is the target exactly as it is sent.
    #[must_use]
    pub fn sign(method: &str, path_and_query: &str, body: &[u8], now: Millis, rng: &impl Rng, key: &SecretKey) -> Self {
        let timestamp = now.secs().to_string();
        let nonce = b64::encode(rng.bytes::<16>());
        let body_sha256 = digest::sha256_b64(body);
        let text = canonical(method, path_and_query, &timestamp, &nonce, &body_sha256);
        let proof = key.sign(text.as_bytes()).to_b64();
        Self {
            timestamp,
            nonce,
            body_sha256,
            proof,
        }
    }

    /// Header names and values, in the order of the specification.
    #[must_use]
    pub fn pairs(&self) -> [(&'static str, &str); 4] {
        [
            (header::TIMESTAMP, &self.timestamp),
            (header::NONCE, &self.nonce),
            (header::BODY_SHA256, &self.body_sha256),
            (header::PROOF, &self.proof),
        ]
    }
}

/// Why a proof is not believed. The order is the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The timestamp is missing or not digits.
    #[error("the timestamp is missing or not unix seconds")]
    Timestamp,
    /// The timestamp is too far from the verifier's clock.
    #[error("the timestamp is more than 300 seconds away from this server's clock")]
    Skew,
    /// The body hash or the signature does not fit the request.
    #[error("the body hash or the signature does not fit this request")]
    Proof,
    /// The nonce is empty, too long, or has characters that a header must not have.
    #[error("the nonce is malformed")]
    Nonce,
}

/// A proof that fits its request. Whether its nonce is new is for the store to say, in the same commit as the effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedProof {
    /// The nonce.
    pub nonce: String,
    /// Until when it must be remembered.
    pub remember_until: Millis,
}

/// Checks the headers of one request against `key`.
///
/// # Errors
/// The first check that fails.
pub fn verify(
    headers: &ProofHeaders,
    method: &str,
    path_and_query: &str,
    body: &[u8],
    now: Millis,
    key: &PublicKey,
) -> Result<VerifiedProof, ProofError> {
    let digits = !headers.timestamp.is_empty() && headers.timestamp.bytes().all(|b| b.is_ascii_digit());
    let timestamp = headers
        .timestamp
        .parse::<i64>()
        .ok()
        .filter(|_| digits)
        .ok_or(ProofError::Timestamp)?;
    if now.secs().abs_diff(timestamp) > MAX_SKEW_SECS.unsigned_abs() {
        return Err(ProofError::Skew);
    }
    let body_sha256 = digest::sha256_b64(body);
    if headers.body_sha256 != body_sha256 {
        return Err(ProofError::Proof);
    }
    let signature = Signature::from_b64(&headers.proof).map_err(|_| ProofError::Proof)?;
    let text = canonical(method, path_and_query, &headers.timestamp, &headers.nonce, &body_sha256);
    key.verify(text.as_bytes(), &signature).map_err(|_| ProofError::Proof)?;
    let visible = headers.nonce.bytes().all(|b| b.is_ascii_graphic());
    if headers.nonce.is_empty() || headers.nonce.len() > MAX_NONCE_BYTES || !visible {
        return Err(ProofError::Nonce);
    }
    let remember_until = Millis::from_secs(timestamp).plus(NONCE_RETENTION_MS);
    Ok(VerifiedProof {
        nonce: headers.nonce.clone(),
        remember_until,
    })
}
