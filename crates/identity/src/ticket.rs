//! Pairing tickets: `clwpair1_` and base64url JSON, signed by a key that exists for this one ticket.

use std::fmt;

use chancery_base::{
    Millis, Rng, Ulid, b64,
    ed25519::{PublicKey, SecretKey, Signature},
    json,
};
use serde::{Deserialize, Serialize};

use crate::origin::Origin;

/// What every ticket begins with.
pub const PREFIX: &str = "clwpair1_";
/// Default life of a ticket, seconds.
pub const DEFAULT_TTL_SECS: u32 = 300;
/// Longest life of a ticket, seconds.
pub const MAX_TTL_SECS: u32 = 900;
/// Longest text that is taken for a ticket; real ones have about 400 bytes.
const MAX_BYTES: usize = 4096;
const VERSION: u32 = 2;

/// Why a text is not taken for a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// No prefix, not base64url, not the JSON object of a ticket.
    #[error("not a pairing ticket: it begins with clwpair1_ and is copied whole")]
    Format,
    /// Another version than 2.
    #[error("a pairing ticket of a version that is not supported")]
    Version,
    /// `iss` is not an http(s) origin.
    #[error("the ticket's issuer is not an http or https origin")]
    Issuer,
    /// The signature does not verify.
    #[error("the ticket's signature does not verify")]
    Signature,
}

/// A ticket that has been read. Its signature can only be checked by the relay that issued it.
///
/// Who holds its text may pair, so `Debug` shows only who issued which ticket.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The relay that issued it.
    pub iss: Origin,
    /// Id of the ticket.
    pub kid: Ulid,
    /// 18 random bytes in base64url.
    pub nonce: String,
    /// Expiry, unix seconds.
    pub exp: i64,
    /// Id of the key that signed it.
    pub pkid: Ulid,
    /// The signature.
    pub sig: Signature,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("iss", &self.iss)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Signed<'a> {
    v: u32,
    iss: &'a Origin,
    kid: Ulid,
    nonce: &'a str,
    exp: i64,
    pkid: Ulid,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<Signature>,
}

#[derive(Deserialize)]
struct Raw {
    v: serde_json::Value,
    iss: Option<String>,
    kid: Option<Ulid>,
    nonce: Option<String>,
    exp: Option<i64>,
    pkid: Option<Ulid>,
    sig: Option<Signature>,
}

impl Ticket {
    /// A new ticket of `iss` that expires at `exp` (unix seconds), and the public key that it verifies with. The private
    /// key is gone when this returns.
    #[must_use]
    pub fn mint(iss: &Origin, exp: i64, now: Millis, rng: &impl Rng) -> (Self, PublicKey) {
        let key = SecretKey::generate(rng);
        let kid = Ulid::generate(now, rng);
        let pkid = Ulid::generate(now, rng);
        Self::sign(iss, kid, b64::encode(rng.bytes::<18>()), exp, pkid, &key)
    }

    /// The ticket with these parts, signed by `key`.
    #[must_use]
    pub fn sign(iss: &Origin, kid: Ulid, nonce: String, exp: i64, pkid: Ulid, key: &SecretKey) -> (Self, PublicKey) {
        let unsigned = Signed {
            v: VERSION,
            iss,
            kid,
            nonce: &nonce,
            exp,
            pkid,
            sig: None,
        };
        let sig = key.sign(&to_json(&unsigned));
        (
            Self {
                iss: iss.clone(),
                kid,
                nonce,
                exp,
                pkid,
                sig,
            },
            key.public(),
        )
    }

    /// Its text.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("{PREFIX}{}", b64::encode(to_json(&self.signed(Some(self.sig)))))
    }

    /// Takes away what copying adds: white space anywhere, back-ticks at both ends.
    #[must_use]
    pub fn normalise(text: &str) -> String {
        text.trim()
            .trim_matches('`')
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect()
    }

    /// Reads a ticket after [`Ticket::normalise`].
    ///
    /// # Errors
    /// Any [`TicketError`] but `Signature`.
    pub fn parse(text: &str) -> Result<Self, TicketError> {
        if text.len() > MAX_BYTES {
            return Err(TicketError::Format);
        }
        let text = Self::normalise(text);
        let encoded = text.strip_prefix(PREFIX).ok_or(TicketError::Format)?;
        let bytes = b64::decode(encoded).map_err(|_| TicketError::Format)?;
        let raw: Raw = json::from_object_strict(&bytes).map_err(|_| TicketError::Format)?;
        if raw.v != VERSION {
            return Err(if raw.v.is_number() {
                TicketError::Version
            } else {
                TicketError::Format
            });
        }
        let iss = raw.iss.ok_or(TicketError::Issuer)?;
        let origin: Origin = iss.parse().map_err(|_| TicketError::Issuer)?;
        if origin.as_str() != iss {
            return Err(TicketError::Issuer);
        }
        let (Some(kid), Some(nonce), Some(exp), Some(pkid), Some(sig)) =
            (raw.kid, raw.nonce, raw.exp, raw.pkid, raw.sig)
        else {
            return Err(TicketError::Format);
        };
        b64::decode(&nonce).map_err(|_| TicketError::Format)?;
        Ok(Self {
            iss: origin,
            kid,
            nonce,
            exp,
            pkid,
            sig,
        })
    }

    /// Checks the signature with the key that was stored when the ticket was issued.
    ///
    /// # Errors
    /// [`TicketError::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), TicketError> {
        key.verify(&to_json(&self.signed(None)), &self.sig)
            .map_err(|_| TicketError::Signature)
    }

    fn signed(&self, sig: Option<Signature>) -> Signed<'_> {
        let Self {
            iss,
            kid,
            nonce,
            exp,
            pkid,
            ..
        } = self;
        Signed {
            v: VERSION,
            iss,
            kid: *kid,
            nonce,
            exp: *exp,
            pkid: *pkid,
            sig,
        }
    }
}

fn to_json(signed: &Signed<'_>) -> Vec<u8> {
    // strings and numbers only: writing them to memory cannot fail
    serde_json::to_vec(signed).unwrap_or_default()
}
