//! Entries of the revocation feed: what a registry has taken back, in order, each signed.

use chancery_base::{
    Ulid,
    ed25519::SecretKey,
    jws::{self, JwsError},
};
use serde::{Deserialize, Serialize};

use crate::{did::AgentDid, key_set::KeySet, origin::Origin};

/// `typ` of an entry's header.
pub const TYP: &str = "REV";

/// What an entry takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scope {
    /// The agent: all its tokens, pairs and queued messages.
    Agent,
    /// One identity token, which another one replaced.
    Token,
    /// The agent's session: its access and refresh tokens. The identity token stays valid.
    Session,
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Entry {
    /// The registry.
    pub iss: Origin,
    /// Position in the feed, 1 upwards without gaps.
    pub seq: u64,
    /// The agent.
    pub agent_did: AgentDid,
    /// Id of the identity token concerned; the current one where all are.
    pub jti: Ulid,
    /// What is taken back.
    pub scope: Scope,
    /// Why, at most 280 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When, seconds.
    pub revoked_at: u32,
}

/// Why an entry is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Not an entry, or a bad signature, or claims of another shape.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// No usable key of that name at the registry.
    #[error("signed with the unknown key {0:?}")]
    UnknownKey(String),
    /// By another registry, or about another registry's agent.
    #[error("an entry of another registry")]
    Issuer,
    /// A member breaks its rule.
    #[error("inconsistent entry: {0}")]
    Inconsistent(&'static str),
}

/// Signs an entry with the registry key `kid`.
///
/// # Errors
/// [`EntryError::Inconsistent`] when the entry breaks a rule of its own.
pub fn sign(entry: &Entry, kid: &str, key: &SecretKey) -> Result<String, EntryError> {
    check(entry)?;
    Ok(jws::sign(TYP, kid, entry, key)?)
}

/// Believes `token` when one of `keys` signed it for `issuer`.
///
/// # Errors
/// The first rule that fails.
pub fn verify(token: &str, keys: &KeySet, issuer: &Origin) -> Result<Entry, EntryError> {
    let parsed = jws::Unverified::parse(token, TYP)?;
    let key = keys
        .verifying(parsed.kid())
        .ok_or_else(|| EntryError::UnknownKey(parsed.kid().to_owned()))?;
    let entry: Entry = parsed.verify_exact(key)?;
    if entry.iss != *issuer || issuer.authority().as_ref() != Some(entry.agent_did.authority()) {
        return Err(EntryError::Issuer);
    }
    check(&entry)?;
    Ok(entry)
}

fn check(entry: &Entry) -> Result<(), EntryError> {
    if entry.seq == 0 {
        return Err(EntryError::Inconsistent("positions begin with 1"));
    }
    if entry.reason.as_ref().is_some_and(|text| text.chars().count() > 280) {
        return Err(EntryError::Inconsistent("a reason longer than 280 characters"));
    }
    Ok(())
}
