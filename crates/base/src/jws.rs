//! Compact JWS (RFC 7515) with Ed25519 (RFC 8037), and nothing else of it.
//!
//! `alg` must be `EdDSA` and `typ` what the caller expects; header members other than `alg`, `typ` and `kid` are
//! refused, so there is no `crit`, no embedded key and no algorithm to be talked into.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::{
    b64,
    ed25519::{PublicKey, SecretKey, Signature},
    json,
};

/// A token longer than this is refused before it is looked at: ours have about 800 bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A longer key name is refused: it is not one of ours, and errors and logs repeat it.
pub const MAX_KID_BYTES: usize = 128;

/// Why a token was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// Not three base64url parts, or too long.
    #[error("not a compact JWS")]
    Format,
    /// The header is not exactly `alg: EdDSA`, the expected `typ`, and a `kid`.
    #[error("unexpected JWS header")]
    Header,
    /// The claims are not of the expected shape.
    #[error("unexpected claims: {0}")]
    Claims(#[source] json::JsonError),
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    alg: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    typ: std::borrow::Cow<'a, str>,
    #[serde(
        borrow,
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    kid: Option<std::borrow::Cow<'a, str>>,
}

/// A member that is there has a value: `null` is no second way to leave it out.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<std::borrow::Cow<'de, str>>, D::Error> {
    std::borrow::Cow::deserialize(deserializer).map(Some)
}

/// Signs `claims`, written as compact JSON in the order of their fields.
///
/// # Errors
/// [`JwsError::Claims`] when `claims` cannot be written as JSON.
pub fn sign<C: Serialize>(typ: &str, kid: &str, claims: &C, key: &SecretKey) -> Result<String, JwsError> {
    sign_as(typ, Some(kid), claims, key)
}

/// The same without a `kid`, for tokens whose claims name the key.
///
/// # Errors
/// As [`sign`].
pub fn sign_unnamed<C: Serialize>(typ: &str, claims: &C, key: &SecretKey) -> Result<String, JwsError> {
    sign_as(typ, None, claims, key)
}

fn sign_as<C: Serialize>(typ: &str, kid: Option<&str>, claims: &C, key: &SecretKey) -> Result<String, JwsError> {
    let header = Header {
        alg: "EdDSA".into(),
        typ: typ.into(),
        kid: kid.map(Into::into),
    };
    let header = serde_json::to_vec(&header).map_err(|e| JwsError::Claims(e.into()))?;
    let claims = serde_json::to_vec(claims).map_err(|e| JwsError::Claims(e.into()))?;
    let mut token = b64::encode(header);
    token.push('.');
    token.push_str(&b64::encode(claims));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&signature.to_b64());
    Ok(token)
}

/// A token whose header was read and whose signature was not checked yet. It gives out its `kid` and nothing more.
#[derive(Debug)]
pub struct Unverified<'a> {
    signed: &'a str,
    claims: &'a str,
    kid: String,
    signature: Signature,
}

impl<'a> Unverified<'a> {
    /// Takes `token` apart.
    ///
    /// # Errors
    /// [`JwsError::Format`] or [`JwsError::Header`].
    pub fn parse(token: &'a str, typ: &str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::Format);
        }
        Self::parse_any_size(token, typ)
    }

    /// Takes `token` apart, however long it is; for lists whose size the caller has bounded already.
    ///
    /// # Errors
    /// [`JwsError::Format`] or [`JwsError::Header`].
    pub fn parse_any_size(token: &'a str, typ: &str) -> Result<Self, JwsError> {
        let (token, kid) = Self::take_apart(token, typ)?;
        match kid {
            Some(kid) if (1..=MAX_KID_BYTES).contains(&kid.len()) => Ok(Self { kid, ..token }),
            _ => Err(JwsError::Header),
        }
    }

    /// Takes a token without a `kid` apart; its [`kid`](Self::kid) is empty.
    ///
    /// # Errors
    /// [`JwsError::Format`] or [`JwsError::Header`].
    pub fn parse_unnamed(token: &'a str, typ: &str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::Format);
        }
        match Self::take_apart(token, typ)? {
            (token, None) => Ok(token),
            _ => Err(JwsError::Header),
        }
    }

    fn take_apart(token: &'a str, typ: &str) -> Result<(Self, Option<String>), JwsError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Format)?;
        let (header, claims) = signed.split_once('.').ok_or(JwsError::Format)?;
        if claims.contains('.') {
            return Err(JwsError::Format);
        }
        let signature = Signature::from_b64(signature).map_err(|_| JwsError::Format)?;
        let header = b64::decode(header).map_err(|_| JwsError::Format)?;
        if !json::is_object(&header) {
            return Err(JwsError::Header);
        }
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| JwsError::Header)?;
        if header.alg != "EdDSA" || header.typ != typ {
            return Err(JwsError::Header);
        }
        let token = Self {
            signed,
            claims,
            kid: String::new(),
            signature,
        };
        Ok((token, header.kid.map(std::borrow::Cow::into_owned)))
    }

    /// Name of the key that the token says it is signed with.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Checks the signature with `key`, then reads the claims.
    ///
    /// # Errors
    /// [`JwsError::Signature`], or [`JwsError::Claims`] when they have another shape or name a key twice.
    pub fn verify<C: DeserializeOwned>(&self, key: &PublicKey) -> Result<C, JwsError> {
        key.verify(self.signed.as_bytes(), &self.signature)
            .map_err(|_| JwsError::Signature)?;
        self.claims_unverified()
    }

    /// As [`Unverified::verify`], and the claims must hold nothing but what `C` writes back
    /// ([`json::from_slice_exact`]): one meaning, one form.
    ///
    /// # Errors
    /// [`JwsError::Signature`] or [`JwsError::Claims`].
    pub fn verify_exact<C: Serialize + DeserializeOwned>(&self, key: &PublicKey) -> Result<C, JwsError> {
        key.verify(self.signed.as_bytes(), &self.signature)
            .map_err(|_| JwsError::Signature)?;
        let claims = b64::decode(self.claims).map_err(|_| JwsError::Format)?;
        json::from_slice_exact(&claims).map_err(JwsError::Claims)
    }

    /// Reads the claims without checking anything: for showing a token to its own holder, never for a decision.
    ///
    /// # Errors
    /// [`JwsError::Claims`] or [`JwsError::Format`].
    pub fn claims_unverified<C: DeserializeOwned>(&self) -> Result<C, JwsError> {
        let claims = b64::decode(self.claims).map_err(|_| JwsError::Format)?;
        json::from_slice_strict(&claims).map_err(JwsError::Claims)
    }
}
