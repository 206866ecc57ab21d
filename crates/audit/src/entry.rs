//! A record in its place.

use std::fmt;
use std::str::FromStr;

use chancery_base::{Millis, Ulid, digest, json};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::checkpoint;
use crate::error::AuditError;
use crate::limits::{
    MAX_ACTOR_BYTES, MAX_DETAIL_BYTES, MAX_DETAIL_DEPTH, MAX_KIND_BYTES, MAX_SAFE_INTEGER, MAX_SUBJECT_BYTES,
};
use crate::record::{Outcome, Record};

/// Before the canonical JSON of a record in its hash, so that no other hash of ours is one of a record.
const RECORD_DOMAIN: &[u8] = b"CHANCERY-AUDIT-RECORD-V1\n";
/// Before the chain's id in the hash that the first record follows.
const GENESIS_DOMAIN: &[u8] = b"CHANCERY-AUDIT-GENESIS-V1\n";

/// A SHA-256 hash, written in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first record of `chain` follows.
    #[must_use]
    pub fn genesis(chain: Ulid) -> Self {
        Self(digest::sha256([GENESIS_DOMAIN, chain.to_string().as_bytes()].concat()))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hex digits")]
pub struct ParseHashError;

impl FromStr for Hash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(ParseHashError);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (high, low) = digit(*high).zip(digit(*low)).ok_or(ParseHashError)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A record in its place in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place: 1 for the first, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Millis,
    /// What it was.
    pub kind: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Who did or asked.
    pub actor: String,
    /// On what.
    pub subject: String,
    /// Everything else.
    pub detail: Value,
    /// Hash of the record before, or of the chain's id.
    pub prev: Hash,
    /// SHA-256 over a domain tag and the canonical JSON (RFC 8785) of all members above.
    pub hash: Hash,
}

/// What is hashed: an [`Entry`] without its hash.
#[derive(Serialize)]
struct Hashed<'a> {
    seq: u64,
    at: Millis,
    kind: &'a str,
    outcome: Outcome,
    actor: &'a str,
    subject: &'a str,
    detail: &'a Value,
    prev: Hash,
}

impl Entry {
    /// `record` behind the head `(seq, hash)`.
    pub(crate) fn follow((seq, prev): (u64, Hash), record: Record) -> Result<Self, AuditError> {
        let detail = check(&record)?;
        let seq = seq.saturating_add(1);
        if seq > MAX_SAFE_INTEGER {
            return Err(AuditError::Limit("records in a chain"));
        }
        let mut entry = Self {
            seq,
            at: record.at,
            kind: record.kind,
            outcome: record.outcome,
            actor: record.actor,
            subject: record.subject,
            detail,
            prev,
            hash: prev,
        };
        entry.hash = entry.computed().map_err(|_| AuditError::Detail)?;
        Ok(entry)
    }

    /// The hash that the other members have.
    pub(crate) fn computed(&self) -> Result<Hash, json::JsonError> {
        let canonical = json::canonical(&Hashed {
            seq: self.seq,
            at: self.at,
            kind: &self.kind,
            outcome: self.outcome,
            actor: &self.actor,
            subject: &self.subject,
            detail: &self.detail,
            prev: self.prev,
        })?;
        Ok(Hash(digest::sha256([RECORD_DOMAIN, canonical.as_bytes()].concat())))
    }

    /// Whether this is a checkpoint rather than a writer's record.
    #[must_use]
    pub fn is_checkpoint(&self) -> bool {
        self.kind == checkpoint::KIND
    }
}

/// Whether `record` can be one; its detail as every reader will read it, with one form for each number.
fn check(record: &Record) -> Result<Value, AuditError> {
    if record.kind.is_empty() || record.kind.len() > MAX_KIND_BYTES {
        return Err(AuditError::Limit("kind"));
    }
    if record.actor.len() > MAX_ACTOR_BYTES {
        return Err(AuditError::Limit("actor"));
    }
    if record.subject.len() > MAX_SUBJECT_BYTES {
        return Err(AuditError::Limit("subject"));
    }
    if record.at.0.unsigned_abs() > MAX_SAFE_INTEGER {
        return Err(AuditError::Limit("time"));
    }
    if !is_plain(&record.detail, MAX_DETAIL_DEPTH) {
        return Err(AuditError::Detail);
    }
    let detail = json::canonical(&record.detail).map_err(|_| AuditError::Detail)?;
    if detail.len() > MAX_DETAIL_BYTES {
        return Err(AuditError::Limit("detail"));
    }
    serde_json::from_str(&detail).map_err(|_| AuditError::Detail)
}

/// Whether all readers read `value` alike: no whole number that a double cannot hold (two of them would have one
/// canonical form), and no deep nesting.
fn is_plain(value: &Value, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else {
        return false;
    };
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => whole <= MAX_SAFE_INTEGER,
            (None, Some(whole)) => whole.unsigned_abs() <= MAX_SAFE_INTEGER,
            (None, None) => true,
        },
        Value::Array(items) => items.iter().all(|item| is_plain(item, below)),
        Value::Object(members) => members.values().all(|member| is_plain(member, below)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}
