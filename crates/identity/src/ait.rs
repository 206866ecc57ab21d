//! Agent identity tokens: a registry's word that an agent DID, its owner and its public key belong together.

use chancery_base::{
    Millis, Ulid,
    ed25519::{PublicKey, SecretKey},
    jws::{self, JwsError},
};
use serde::{Deserialize, Serialize};

use crate::{
    did::{AgentDid, HumanDid},
    key_set::KeySet,
    name::{AgentName, Framework},
    origin::Origin,
};

/// `typ` of the token's header.
pub const TYP: &str = "AIT";

/// Default and longest life of a token, in days.
pub const DEFAULT_TTL_DAYS: u32 = 30;
/// Longest life of a token, in days.
pub const MAX_TTL_DAYS: u32 = 90;

/// The claims of a token. Members that are not listed here are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Claims {
    /// Issuer: the registry's origin.
    pub iss: Origin,
    /// The agent.
    pub sub: AgentDid,
    /// Its owner.
    pub owner_did: HumanDid,
    /// The agent's name.
    pub name: AgentName,
    /// The framework it runs in.
    pub framework: Framework,
    /// Free text, at most 280 characters; ours never issue it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The key that proofs and messages are signed with (RFC 7800).
    pub cnf: Confirmation,
    /// Issued at, seconds.
    pub iat: u32,
    /// Not valid before, seconds.
    pub nbf: u32,
    /// Not valid from then on, seconds.
    pub exp: u32,
    /// Id of this token.
    pub jti: Ulid,
}

/// Confirmation claim (RFC 7800) with an Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The key.
    pub jwk: Jwk,
}

/// An Ed25519 public key as a JWK (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    /// Always `OKP`.
    pub kty: OctetKeyPair,
    /// Always `Ed25519`.
    pub crv: Curve,
    /// The key.
    pub x: PublicKey,
}

/// The one key type of [`Jwk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OctetKeyPair {
    /// Octet key pair.
    #[serde(rename = "OKP")]
    Okp,
}

/// The one curve of [`Jwk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// Edwards curve 25519.
    Ed25519,
}

impl From<PublicKey> for Confirmation {
    fn from(x: PublicKey) -> Self {
        Self {
            jwk: Jwk {
                kty: OctetKeyPair::Okp,
                crv: Curve::Ed25519,
                x,
            },
        }
    }
}

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AitError {
    /// Not a token of this type, or a bad signature, or claims of another shape.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// No usable key of that name at the registry. Fetching its keys anew may help, once.
    #[error("signed with the unknown key {0:?}")]
    UnknownKey(String),
    /// Issued by another registry than the expected one.
    #[error("issued by {0}, which is not the expected registry")]
    Issuer(Origin),
    /// Used before its time.
    #[error("not valid yet")]
    NotYetValid,
    /// Used after its time.
    #[error("expired")]
    Expired,
    /// The claims contradict each other.
    #[error("inconsistent claims: {0}")]
    Inconsistent(&'static str),
}

/// Issues and reads tokens.
#[derive(Debug)]
pub enum Ait {}

impl Ait {
    /// Signs `claims` with the registry key `kid`.
    ///
    /// # Errors
    /// [`AitError::Inconsistent`] when the claims break a rule of their own.
    pub fn sign(claims: &Claims, kid: &str, key: &SecretKey) -> Result<String, AitError> {
        claims.check()?;
        Ok(jws::sign(TYP, kid, claims, key)?)
    }

    /// Believes `token` when one of `keys` signed it, `issuer` issued it, and `now` lies in its life.
    ///
    /// # Errors
    /// The first rule that fails, in the order of [`AitError`]'s use: form, key, signature, issuer, time, claims.
    pub fn verify(token: &str, keys: &KeySet, issuer: &Origin, now: Millis) -> Result<VerifiedAit, AitError> {
        let parsed = jws::Unverified::parse(token, TYP)?;
        let key = keys
            .verifying(parsed.kid())
            .ok_or_else(|| AitError::UnknownKey(parsed.kid().to_owned()))?;
        let claims: Claims = parsed.verify_exact(key)?;
        if claims.iss != *issuer {
            return Err(AitError::Issuer(claims.iss));
        }
        if now.secs() < i64::from(claims.nbf) {
            return Err(AitError::NotYetValid);
        }
        if now.secs() >= i64::from(claims.exp) {
            return Err(AitError::Expired);
        }
        claims.check()?;
        Ok(VerifiedAit { claims })
    }

    /// Reads the key name and claims of `token` without believing them, to show a token to its own holder.
    ///
    /// # Errors
    /// [`AitError::Jws`].
    pub fn inspect(token: &str) -> Result<(String, Claims), AitError> {
        let parsed = jws::Unverified::parse(token, TYP)?;
        let claims = parsed.claims_unverified()?;
        Ok((parsed.kid().to_owned(), claims))
    }
}

impl Claims {
    fn check(&self) -> Result<(), AitError> {
        if self.exp <= self.nbf || self.exp <= self.iat {
            return Err(AitError::Inconsistent("exp is not after nbf and iat"));
        }
        let authority = self
            .iss
            .authority()
            .ok_or(AitError::Inconsistent("the issuer's host cannot issue DIDs"))?;
        if *self.sub.authority() != authority || *self.owner_did.authority() != authority {
            return Err(AitError::Inconsistent("a DID of another authority than the issuer"));
        }
        if self.description.as_ref().is_some_and(|text| text.chars().count() > 280) {
            return Err(AitError::Inconsistent("description longer than 280 characters"));
        }
        Ok(())
    }
}

/// Claims that a registry signed and that were in force when they were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAit {
    claims: Claims,
}

impl VerifiedAit {
    /// All claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The agent.
    #[must_use]
    pub fn agent(&self) -> &AgentDid {
        &self.claims.sub
    }

    /// Its owner.
    #[must_use]
    pub fn owner(&self) -> &HumanDid {
        &self.claims.owner_did
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.claims.cnf.jwk.x
    }

    /// Id of the token.
    #[must_use]
    pub fn jti(&self) -> Ulid {
        self.claims.jti
    }

    /// When it ceases to be valid.
    #[must_use]
    pub fn expires(&self) -> Millis {
        Millis::from_secs(i64::from(self.claims.exp))
    }
}
