//! Approvals: what the owner says yes to, and nothing else.
//!
//! [`Approvals`] asks: it makes a [`Request`] with a number nobody can guess and keeps it. An approver, wherever it is, signs
//! the request's [hash](Request::hash) with the root key. [`Approvals::settle`] takes that signature once, and gives a
//! [`Clearance`], which is spent by the step itself, for exactly what was asked and in time. Whoever restarts has asked
//! nothing, so an old signature opens nothing.

use std::collections::BTreeMap;
use std::fmt;

use chancery_base::{Category, ErrorCode, Millis, Rng, digest, hex, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gates::{Gates, Operation};
use crate::root::{RootKey, RootSignature};

/// Longest time between a question and what it allows: whoever approves is there, and sees what happens.
pub const MAX_LIFE_MS: i64 = 5 * 60 * 1000;
/// Questions that wait at once: nobody reads more.
pub const MAX_WAITING: usize = 64;
/// Bytes of the parameters of one question, as JSON: they are shown to a person.
pub const MAX_PARAMETER_BYTES: usize = 16 << 10;
/// Largest whole number in parameters: above it two of them can have one canonical form (RFC 7493 section 2.2).
const MAX_EXACT: u64 = (1 << 53) - 1;
/// What comes before the bytes that are hashed.
const DOMAIN: &str = "CHANCERY-APPROVAL-V1\n";

/// What is to be done: the operation that may have to wait, and everything that it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct What {
    /// The operation.
    pub operation: Operation,
    /// The action, such as `keys.rotate`.
    pub action: String,
    /// With which parameters.
    pub parameters: Value,
    /// For which credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Under which version of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
    /// While which seal is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal_id: Option<String>,
}

/// Names a question: 16 random bytes, written as hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 16]);

/// A question to the owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// What is to be done.
    pub what: What,
    /// Until when.
    pub expires_at: Millis,
}

/// The owner's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// To which question.
    pub request: RequestId,
    /// By the root key over the question's [hash](Request::hash).
    pub signature: RootSignature,
}

/// What [`Approvals::ask`] says.
#[derive(Debug)]
pub enum Asked {
    /// The step does not wait for anybody.
    Open(Clearance),
    /// The owner has to be asked.
    Waiting(Request),
}

/// The right to do one thing once. It is spent by whoever does it and cannot be copied. One that was approved holds until the
/// question expires.
#[derive(Debug)]
pub struct Clearance {
    what: What,
    approved: Option<Evidence>,
}

/// That and how something was approved, for records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The question.
    pub request: RequestId,
    /// Its hash in hex.
    pub hash: String,
    /// Fingerprint of the key that signed.
    pub approver_fingerprint: String,
    /// Until when it could be used.
    pub expires_at: Millis,
}

/// Why something is not approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// There is no such question, or it was answered already.
    #[error("there is no such question, or it was answered already")]
    Unknown,
    /// Its time is over.
    #[error("the approval has expired")]
    Expired,
    /// The signature is not the root key's, or for something else.
    #[error("the approval is not signed by the root key")]
    Signature,
    /// Something else was approved than is to be done.
    #[error("something else was approved")]
    Other,
    /// Too many questions wait.
    #[error("too many approvals are waiting")]
    Full,
    /// The parameters are too large, or hold a number that not every reader reads alike.
    #[error("the parameters cannot be put to the owner")]
    Parameters,
}

impl ErrorCode for ApprovalError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "KEYS_APPROVAL_UNKNOWN",
            Self::Expired => "KEYS_APPROVAL_EXPIRED",
            Self::Signature => "KEYS_APPROVAL_SIGNATURE",
            Self::Other => "KEYS_APPROVAL_OTHER",
            Self::Full => "KEYS_APPROVAL_LIMIT",
            Self::Parameters => "KEYS_APPROVAL_PARAMETERS",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Unknown | Self::Expired | Self::Signature | Self::Other => Category::Forbidden,
            Self::Full => Category::Limited,
            Self::Parameters => Category::Input,
        }
    }
}

impl What {
    /// `action` with `parameters`, which depends on nothing else.
    #[must_use]
    pub fn new(operation: Operation, action: impl Into<String>, parameters: Value) -> Self {
        Self {
            operation,
            action: action.into(),
            parameters,
            credential: None,
            policy_version: None,
            seal_id: None,
        }
    }

    /// Whether it can be put to a person: it is not too long, and every reader reads its numbers alike.
    ///
    /// # Errors
    /// [`ApprovalError::Parameters`].
    pub fn check(&self) -> Result<(), ApprovalError> {
        let text = json::canonical(self).map_err(|_| ApprovalError::Parameters)?;
        if text.len() > MAX_PARAMETER_BYTES || !is_exact(&self.parameters) {
            return Err(ApprovalError::Parameters);
        }
        Ok(())
    }
}

fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number <= MAX_EXACT,
            (_, Some(number)) => number.unsigned_abs() <= MAX_EXACT,
            _ => true,
        },
        Value::Array(values) => values.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

impl Request {
    /// SHA-256 over operation, action, parameters, what they depend on, the number of the question and its end. This is what
    /// the root key signs.
    ///
    /// # Errors
    /// [`ApprovalError::Parameters`] when it cannot be written, which [`Approvals::ask`] has ruled out.
    pub fn hash(&self) -> Result<[u8; 32], ApprovalError> {
        let text = json::canonical(self).map_err(|_| ApprovalError::Parameters)?;
        Ok(digest::sha256([DOMAIN.as_bytes(), text.as_bytes()].concat()))
    }
}

/// The questions that wait, and the key whose answers count.
#[derive(Debug)]
pub struct Approvals {
    gates: Gates,
    root: RootKey,
    waiting: BTreeMap<RequestId, Request>,
}

impl Approvals {
    /// Asks as `gates` say, and believes `root`.
    #[must_use]
    pub fn new(gates: Gates, root: RootKey) -> Self {
        Self {
            gates,
            root,
            waiting: BTreeMap::new(),
        }
    }

    /// Whether `what` may be done now, or the question that the owner has to answer within `life_ms` (at most
    /// [`MAX_LIFE_MS`]).
    ///
    /// # Errors
    /// [`ApprovalError::Parameters`]; [`ApprovalError::Full`].
    pub fn ask(&mut self, what: What, life_ms: i64, now: Millis, rng: &dyn Rng) -> Result<Asked, ApprovalError> {
        what.check()?;
        if !self.gates.holds(what.operation) {
            return Ok(Asked::Open(Clearance { what, approved: None }));
        }
        self.waiting.retain(|_, request| now < request.expires_at);
        if self.waiting.len() >= MAX_WAITING {
            return Err(ApprovalError::Full);
        }
        let request = Request {
            id: RequestId((&rng).bytes()),
            what,
            expires_at: now.plus(life_ms.clamp(0, MAX_LIFE_MS)),
        };
        self.waiting.insert(request.id, request.clone());
        Ok(Asked::Waiting(request))
    }

    /// The questions that wait at `now`, for whoever shows them.
    pub fn waiting(&self, now: Millis) -> impl Iterator<Item = &Request> {
        self.waiting.values().filter(move |request| now < request.expires_at)
    }

    /// Takes an answer. A right one works once; a wrong one leaves the question as it is.
    ///
    /// # Errors
    /// [`ApprovalError::Unknown`], [`ApprovalError::Expired`], [`ApprovalError::Signature`].
    pub fn settle(&mut self, approval: &Approval, now: Millis) -> Result<Clearance, ApprovalError> {
        let request = self.waiting.get(&approval.request).ok_or(ApprovalError::Unknown)?;
        if now >= request.expires_at {
            self.waiting.remove(&approval.request);
            return Err(ApprovalError::Expired);
        }
        let hash = request.hash()?;
        self.root
            .verify(&hash, &approval.signature)
            .map_err(|_| ApprovalError::Signature)?;
        let request = self.waiting.remove(&approval.request).ok_or(ApprovalError::Unknown)?;
        Ok(Clearance {
            approved: Some(Evidence {
                request: request.id,
                hash: hex::encode(hash),
                approver_fingerprint: self.root.fingerprint(),
                expires_at: request.expires_at,
            }),
            what: request.what,
        })
    }

    /// Takes a question back. Whether it was there.
    pub fn withdraw(&mut self, request: RequestId) -> bool {
        self.waiting.remove(&request).is_some()
    }
}

impl Clearance {
    /// Uses it up for `what`, as it is to be done now. Returns how it was approved; `None` when nobody had to be asked.
    ///
    /// # Errors
    /// [`ApprovalError::Other`] when `what` is not to the letter what was cleared; [`ApprovalError::Expired`].
    pub fn spend(self, what: &What, now: Millis) -> Result<Option<Evidence>, ApprovalError> {
        if self.what != *what {
            return Err(ApprovalError::Other);
        }
        match self.approved {
            Some(evidence) if now >= evidence.expires_at => Err(ApprovalError::Expired),
            approved => Ok(approved),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        hex::decode_array(&text).map(Self).map_err(serde::de::Error::custom)
    }
}
