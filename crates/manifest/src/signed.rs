//! Documents that are signed, and documents whose signatures were verified.

use crate::{code::Code, json::At};
use crate::{
    json::{self, Limits, Value},
    key_id::KeyId,
    problem::{Problem, Problems},
};

/// A kind of document that travels in an [`Envelope`](crate::Envelope).
pub trait SignedDocument: Sized {
    /// What the signature says that the bytes are.
    const PAYLOAD_TYPE: &'static str;

    /// The bytes that are signed: JCS (RFC 8785).
    fn payload(&self) -> String;

    /// Reads the bytes that were signed. They must be in their one form.
    ///
    /// # Errors
    /// Every problem.
    fn read(payload: &[u8]) -> Result<Self, Problems>;
}

/// A document whose bytes enough keys signed. Only [`Envelope`](crate::Envelope) makes one, out of those bytes.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    document: T,
    digest: [u8; 32],
    signers: Vec<KeyId>,
}

impl<T> Verified<T> {
    pub(crate) fn new(document: T, digest: [u8; 32], signers: Vec<KeyId>) -> Self {
        Self {
            document,
            digest,
            signers,
        }
    }

    /// The document.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.document
    }

    /// SHA-256 of the signed bytes.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The keys that signed, out of those that were asked for, in order, each once.
    #[must_use]
    pub fn signers(&self) -> &[KeyId] {
        &self.signers
    }

    /// The document alone.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.document
    }
}

/// Reads a payload strictly; it must be its own JCS form, so that a document has one digest.
pub(crate) fn read_payload(payload: &[u8]) -> Result<Value, Problems> {
    let value = json::read(payload, &Limits::default())?;
    if json::jcs(&value).is_some_and(|form| form.as_bytes() == payload) {
        Ok(value)
    } else {
        let message = "not written in its canonical form (RFC 8785)";
        Err(Problems::one(Problem::error(Code::Canonical, &At::ROOT, message)))
    }
}
