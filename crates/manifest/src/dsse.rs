//! Signed bytes: the envelope of DSSE v1 (secure-systems-lab/dsse), strictly read.
//!
//! The bytes are signed together with what they are, and what was verified is parsed: no canonical form stands between the
//! signature and the reader.

use std::num::NonZeroUsize;

use chancery_base::{
    Category, ErrorCode, b64, digest,
    ed25519::{PublicKey, SecretKey, Signature},
};
use serde::{Deserialize, Serialize};

use crate::{
    Limits, Manifest, Options, Problems,
    key_id::KeyId,
    key_text,
    rotation::Rotation,
    signed::{SignedDocument, Verified},
    text,
};

/// The key that hands over and the one that takes over.
const BOTH: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Most signatures in an envelope.
const MAX_SIGNATURES: usize = 16;

/// The bytes that are signed: `DSSEv1`, and length and bytes of type and body, joined by spaces.
#[must_use]
pub fn pae(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len());
    [head.as_bytes(), body].concat()
}

/// Bytes of a kind, and who signed them. Nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// A signature, and the name of the key that it is said to be by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// Name of the key.
    pub keyid: KeyId,
    /// Over [`pae`].
    pub sig: Signature,
}

/// Why an envelope was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Not an envelope: not JSON, a member missing or unknown, base64 that is none.
    #[error("not a signed envelope: {0}")]
    Format(String),
    /// Signed as something else.
    #[error("signed as {found:?} where {expected:?} belongs")]
    PayloadType {
        /// What belongs there.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A signature names a key that it is not by.
    #[error("the signature of {0} does not verify")]
    BadSignature(KeyId),
    /// A rotation that speaks for another key than the pinned one.
    #[error("speaks for {0}, which is not the pinned key")]
    OtherKey(KeyId),
    /// Too few of the keys signed.
    #[error("{signed} of the trusted keys signed, {needed} must")]
    Threshold {
        /// How many did.
        signed: usize,
        /// How many must.
        needed: usize,
    },
    /// Well signed, and still nothing that we read.
    #[error("{0}")]
    Payload(#[from] Problems),
}

impl ErrorCode for EnvelopeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Format(_) => "ENVELOPE_FORMAT",
            Self::PayloadType { .. } => "ENVELOPE_PAYLOAD_TYPE",
            Self::BadSignature(_) => "ENVELOPE_SIGNATURE_INVALID",
            Self::OtherKey(_) => "ENVELOPE_OTHER_KEY",
            Self::Threshold { .. } => "ENVELOPE_NOT_TRUSTED",
            Self::Payload(_) => "ENVELOPE_PAYLOAD_INVALID",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Format(_) | Self::PayloadType { .. } | Self::Payload(_) => Category::Input,
            Self::BadSignature(_) => Category::Unauthenticated,
            Self::OtherKey(_) | Self::Threshold { .. } => Category::Forbidden,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    payload_type: String,
    payload: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: KeyId,
    sig: String,
}

impl Envelope {
    /// Signs `document`, once with each of `keys`.
    ///
    /// # Errors
    /// [`Problems`] when the document, as it would be signed, is not one that a reader takes.
    pub fn sign<T: SignedDocument>(document: &T, keys: &[&SecretKey]) -> Result<Self, Problems> {
        let payload = document.payload().into_bytes();
        T::read(&payload)?;
        let mut envelope = Self {
            payload_type: T::PAYLOAD_TYPE.to_owned(),
            payload,
            signatures: Vec::new(),
        };
        keys.iter().for_each(|key| envelope.add_signature(key));
        Ok(envelope)
    }

    /// Signs the same bytes with another key. A signature by the same key is replaced.
    pub fn add_signature(&mut self, key: &SecretKey) {
        let keyid = KeyId::of(&key.public());
        let sig = key.sign(&pae(&self.payload_type, &self.payload));
        self.signatures.retain(|signature| signature.keyid != keyid);
        self.signatures.push(EnvelopeSignature { keyid, sig });
    }

    /// Reads an envelope: JSON with `payloadType`, `payload` and `signatures`, nothing else, base64 in either alphabet.
    ///
    /// # Errors
    /// [`EnvelopeError::Format`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        // base64 makes four characters of three bytes; the rest is room for signatures
        let most = Limits::default().bytes / 3 * 4 + 64 * 1024;
        if bytes.len() > most {
            return Err(EnvelopeError::Format(format!("more than {most} bytes")));
        }
        let wire: Wire =
            // the error names what it found
            chancery_base::json::from_object_strict(bytes)
                .map_err(|error| EnvelopeError::Format(text::visible(&error.to_string())))?;
        if wire.signatures.len() > MAX_SIGNATURES {
            return Err(EnvelopeError::Format(format!("more than {MAX_SIGNATURES} signatures")));
        }
        let signature = |wire: &WireSignature| {
            let bytes = base64(&wire.sig)?;
            let sig = <[u8; 64]>::try_from(bytes)
                .map_err(|_| EnvelopeError::Format("a signature has 64 bytes".to_owned()))?;
            Ok(EnvelopeSignature {
                keyid: wire.keyid,
                sig: Signature::from_bytes(sig),
            })
        };
        Ok(Self {
            payload: base64(&wire.payload)?,
            signatures: wire
                .signatures
                .iter()
                .map(signature)
                .collect::<Result<_, EnvelopeError>>()?,
            payload_type: wire.payload_type,
        })
    }

    /// The envelope as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let wire = Wire {
            payload_type: self.payload_type.clone(),
            payload: b64::encode_standard(&self.payload),
            signatures: self
                .signatures
                .iter()
                .map(|signature| WireSignature {
                    keyid: signature.keyid,
                    sig: b64::encode_standard(signature.sig.to_bytes()),
                })
                .collect(),
        };
        // strings only: writing them cannot fail
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// What it is said to hold.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The signatures, of which none is verified.
    #[must_use]
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }

    /// Verifies a manifest: [`verify_as`](Self::verify_as).
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn verify(&self, keys: &[PublicKey], threshold: NonZeroUsize) -> Result<Verified<Manifest>, EnvelopeError> {
        self.verify_as(keys, threshold)
    }

    /// Verifies that at least `threshold` of the different `keys` signed, and parses the bytes that they signed. A signature
    /// that names none of `keys` counts for nothing; one that names a key and is not by it refuses the envelope. A key
    /// counts once, however often it signed.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn verify_as<T: SignedDocument>(
        &self,
        keys: &[PublicKey],
        threshold: NonZeroUsize,
    ) -> Result<Verified<T>, EnvelopeError> {
        if self.payload_type != T::PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType {
                expected: T::PAYLOAD_TYPE,
                found: self.payload_type.clone(),
            });
        }
        let signed = pae(&self.payload_type, &self.payload);
        let mut signers: Vec<KeyId> = Vec::new();
        for key in keys {
            let keyid = KeyId::of(key);
            let theirs = self.signatures.iter().filter(|signature| signature.keyid == keyid);
            for signature in theirs {
                let verified = key.verify(&signed, &signature.sig);
                verified.map_err(|_| EnvelopeError::BadSignature(keyid))?;
                if !signers.contains(&keyid) {
                    signers.push(keyid);
                }
            }
        }
        if signers.len() < threshold.get() {
            return Err(EnvelopeError::Threshold {
                signed: signers.len(),
                needed: threshold.get(),
            });
        }
        signers.sort_unstable();
        let document = T::read(&self.payload)?;
        Ok(Verified::new(document, digest::sha256(&self.payload), signers))
    }

    /// Verifies that the holder of the key called `pinned` hands over to another, and that the other takes over: both signed.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn verify_rotation(&self, pinned: &KeyId) -> Result<Verified<Rotation>, EnvelopeError> {
        // whose signatures to look for is in the payload, and counts only with them
        let claimed = Rotation::read(&self.payload)?;
        if claimed.from_id() != *pinned {
            return Err(EnvelopeError::OtherKey(claimed.from_id()));
        }
        self.verify_as(&[claimed.from, claimed.to], BOTH)
    }

    /// The manifest inside, of which nothing is verified: for showing it.
    ///
    /// # Errors
    /// [`EnvelopeError::PayloadType`] or [`EnvelopeError::Payload`].
    pub fn unverified_manifest(&self) -> Result<Manifest, EnvelopeError> {
        if self.payload_type != Manifest::PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType {
                expected: Manifest::PAYLOAD_TYPE,
                found: self.payload_type.clone(),
            });
        }
        Ok(Manifest::parse(&self.payload, &Options::default())?)
    }

    /// The key that the manifest brings along, where one of the signatures names it. It is no more trusted than whoever
    /// wrote the manifest: this is for showing its fingerprint when it is met for the first time.
    #[must_use]
    pub fn claimed_key(&self) -> Option<PublicKey> {
        let document = crate::json::read(&self.payload, &Limits::default()).ok()?;
        let text = document.as_object()?.get("publicKey")?.as_str()?;
        let key = key_text::public_key_from_hex(text).ok()?;
        let keyid = KeyId::of(&key);
        self.signatures
            .iter()
            .any(|signature| signature.keyid == keyid)
            .then_some(key)
    }
}

/// Base64 in the standard or the URL alphabet, padded, as DSSE asks of a reader.
fn base64(text: &str) -> Result<Vec<u8>, EnvelopeError> {
    b64::decode_standard(text)
        .or_else(|_| b64::decode_standard(&text.replace('-', "+").replace('_', "/")))
        .map_err(|_| EnvelopeError::Format("not base64".to_owned()))
}
