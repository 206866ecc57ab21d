//! What a signature of the original's kind is worth.

use chancery_base::ed25519::{PublicKey, SecretKey, Signature};

use super::{canonical, uncovered};
use crate::{
    hex,
    json::{Text, Value},
    key_text,
};

/// What a signature inside a document says (safeclaw spec 4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The key inside the document signed all of it.
    Accept {
        /// That key. Nothing makes it trusted.
        key: PublicKey,
    },
    /// It signed, but not this member, which anybody may have changed since.
    Partial {
        /// That key.
        key: PublicKey,
        /// The first member that is not covered: a JSON pointer.
        pointer: String,
    },
    /// There is no member `signature`.
    Unsigned,
    /// The signature is worth nothing.
    Reject(Reason),
}

/// Why a signature is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Not an object.
    #[error("not an object")]
    NotObject,
    /// Not a string of 128 hex digits. Also where the original takes it for no signature: `""`, `null`, `0`, `false`.
    #[error("a signature has 128 hex digits")]
    SignatureEncoding,
    /// No member `publicKey` of 64 hex digits.
    #[error("a public key has 64 hex digits")]
    KeyEncoding,
    /// A key for which anybody can make signatures, or none at all.
    #[error("not a usable Ed25519 key")]
    WeakKey,
    /// Of something else, or by another key.
    #[error("verification failed")]
    Mismatch,
}

/// What the signature inside `document` is worth, strictly: exact hex, no weak key, one spelling of a signature, and the
/// question of what it covers. `document` is to be read with [`json::read`](crate::json::read), which refuses what two
/// readers see differently.
#[must_use]
pub fn verdict(document: &Value) -> Verdict {
    let Some(object) = document.as_object() else {
        return Verdict::Reject(Reason::NotObject);
    };
    let Some(signature) = object.get("signature") else {
        return Verdict::Unsigned;
    };
    let Some(signature) = signature.as_str().and_then(hex::decode).map(Signature::from_bytes) else {
        return Verdict::Reject(Reason::SignatureEncoding);
    };
    let key = match object
        .get("publicKey")
        .and_then(Value::as_str)
        .map(key_text::public_key_from_hex)
    {
        Some(Ok(key)) => key,
        Some(Err(key_text::KeyTextError::Weak)) => return Verdict::Reject(Reason::WeakKey),
        _ => return Verdict::Reject(Reason::KeyEncoding),
    };
    if key.verify(canonical(document).as_bytes(), &signature).is_err() {
        return Verdict::Reject(Reason::Mismatch);
    }
    match uncovered(document) {
        None => Verdict::Accept { key },
        Some(pointer) => Verdict::Partial { key, pointer },
    }
}

/// Signs `document` by the original's scheme: with `publicKey` set to the key's, `signature` is added. `None` when it is no
/// object.
#[must_use]
pub fn sign(document: &Value, key: &SecretKey) -> Option<Value> {
    let mut object = document.as_object()?.clone();
    object.set("publicKey", key_text::public_key_to_hex(&key.public()).as_str().into());
    let mut signed = Value::Object(object);
    let signature = hex::encode(&key.sign(canonical(&signed).as_bytes()).to_bytes());
    if let Value::Object(object) = &mut signed {
        object.set("signature", signature.as_str().into());
    }
    Some(signed)
}

/// Whether the original's installer takes the signature inside `document`: it decodes hex up to the first digit that is
/// none, takes bytes as an array of numbers, and knows no weak keys. For comparison with it only.
#[must_use]
pub fn accepts(document: &Value) -> bool {
    let Some(object) = document.as_object() else {
        return false;
    };
    let bytes = |name| object.get(name).and_then(lenient);
    let key = bytes("publicKey").and_then(|key| <[u8; 32]>::try_from(key).ok());
    let signature = bytes("signature").and_then(|signature| <[u8; 64]>::try_from(signature).ok());
    match (key, signature) {
        (Some(key), Some(signature)) => openssl_accepts(&key, canonical(document).as_bytes(), &signature),
        _ => false,
    }
}

/// `Buffer.from(value, "hex")` of the original's platform.
fn lenient(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => {
            let digits: Vec<u16> = Text::units(text).collect();
            let digit = |unit: &u16| char::from_u32((*unit).into()).and_then(|c| c.to_digit(16));
            let pairs = digits.as_chunks::<2>().0.iter();
            let bytes = pairs.map_while(|[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok());
            Some(bytes.collect())
        }
        Value::Array(items) => items.iter().map(|item| u8::try_from(item.as_u53()?).ok()).collect(),
        _ => None,
    }
}

/// What the original's library accepts beyond [`PublicKey::verify`]: signatures by keys of small order. For the neutral
/// element as key and R, with S = 0, that is any text; other such keys are not told apart.
fn openssl_accepts(key: &[u8; 32], text: &[u8], signature: &[u8; 64]) -> bool {
    let identity =
        |point: &[u8]| point.first() == Some(&1) && point.get(1..32).is_some_and(|rest| rest.iter().all(|b| *b == 0));
    match PublicKey::from_bytes(key) {
        Ok(key) => key.verify(text, &Signature::from_bytes(*signature)).is_ok(),
        Err(_) => {
            let (point, scalar) = signature.split_at(32);
            identity(key) && identity(point) && scalar.iter().all(|b| *b == 0)
        }
    }
}
