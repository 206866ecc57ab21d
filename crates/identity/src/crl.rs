//! Certificate revocation lists: which identity tokens a registry has taken back.

use chancery_base::{
    Millis, Ulid,
    ed25519::SecretKey,
    jws::{self, JwsError},
};
use serde::{Deserialize, Serialize};

use crate::{did::AgentDid, key_set::KeySet, origin::Origin};

/// `typ` of the list's header.
pub const TYP: &str = "CRL";

/// Life of a list in seconds: 300 fresh, 60 stale while it is fetched anew, 30 of slack.
pub const TTL_SECS: u32 = 390;

/// Reason of the entry that stands for nobody, in a list that would be empty: old readers refuse an empty list.
pub const SENTINEL_REASON: &str = "sentinel";

/// One revoked token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Revocation {
    /// The token.
    pub jti: Ulid,
    /// Its agent.
    pub agent_did: AgentDid,
    /// Why, at most 280 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When, seconds.
    pub revoked_at: u32,
}

/// The claims of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The registry.
    pub iss: Origin,
    /// Id of this list.
    pub jti: Ulid,
    /// Issued at, seconds.
    pub iat: u32,
    /// Not valid from then on, seconds.
    pub exp: u32,
    /// Newest first. New readers accept an empty list.
    pub revocations: Vec<Revocation>,
}

impl Claims {
    /// Whether the token `jti` is taken back.
    #[must_use]
    pub fn revokes(&self, jti: Ulid) -> bool {
        self.revocations.iter().any(|entry| entry.jti == jti)
    }
}

/// Why a list is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// Not a list, or a bad signature, or claims of another shape.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// No usable key of that name at the registry.
    #[error("signed with the unknown key {0:?}")]
    UnknownKey(String),
    /// Issued by another registry.
    #[error("issued by {0}, which is not the expected registry")]
    Issuer(Origin),
    /// Too old.
    #[error("expired")]
    Expired,
    /// The claims contradict each other.
    #[error("inconsistent claims: {0}")]
    Inconsistent(&'static str),
}

/// Signs a list with the registry key `kid`.
///
/// # Errors
/// [`CrlError::Inconsistent`] when the claims break a rule of their own.
pub fn sign(claims: &Claims, kid: &str, key: &SecretKey) -> Result<String, CrlError> {
    check(claims)?;
    Ok(jws::sign(TYP, kid, claims, key)?)
}

/// Believes `token` when one of `keys` signed it, `issuer` issued it, and it has not expired at `now`.
///
/// # Errors
/// The first rule that fails.
pub fn verify(token: &str, keys: &KeySet, issuer: &Origin, now: Millis) -> Result<Claims, CrlError> {
    // a list grows with its entries, so it is not bound by the size of a token
    let parsed = jws::Unverified::parse_any_size(token, TYP)?;
    let key = keys
        .verifying(parsed.kid())
        .ok_or_else(|| CrlError::UnknownKey(parsed.kid().to_owned()))?;
    let claims: Claims = parsed.verify_exact(key)?;
    if claims.iss != *issuer {
        return Err(CrlError::Issuer(claims.iss));
    }
    if now.secs() >= i64::from(claims.exp) {
        return Err(CrlError::Expired);
    }
    check(&claims)?;
    Ok(claims)
}

fn check(claims: &Claims) -> Result<(), CrlError> {
    if claims.exp <= claims.iat {
        return Err(CrlError::Inconsistent("exp is not after iat"));
    }
    let authority = claims
        .iss
        .authority()
        .ok_or(CrlError::Inconsistent("the issuer's host cannot issue DIDs"))?;
    for entry in &claims.revocations {
        if *entry.agent_did.authority() != authority {
            return Err(CrlError::Inconsistent("an agent of another authority than the issuer"));
        }
        if entry.reason.as_ref().is_some_and(|text| text.chars().count() > 280) {
            return Err(CrlError::Inconsistent("a reason longer than 280 characters"));
        }
    }
    Ok(())
}
