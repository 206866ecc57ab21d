//! Admin tokens: compact JWS that the admin key signs (signet spec 8.6).
//!
//! Header `{"alg":"EdDSA","typ":"JWT"}`; claims `iat` and `exp` in seconds, `sub` `admin`, `iss` the admin's public key or its
//! fingerprint in hex, `jti` 16 random bytes in hex, and `aud`, the daemon that is meant, where it is known.

use std::collections::BTreeMap;

use chancery_base::{
    Category, ErrorCode, Millis, Rng,
    ed25519::{PublicKey, SecretKey},
    hex,
    jws::{self, JwsError, Unverified},
};
use serde::{Deserialize, Serialize};

use crate::fingerprint;

/// How long a token is good when nobody says otherwise: a command takes seconds.
pub const DEFAULT_TTL_SECS: i64 = 120;
/// Longest life of a token, whoever made it: a token that leaked is of no use after an hour.
pub const MAX_TTL_SECS: i64 = 3600;
/// By how much the clocks of who made a token and who reads it may differ.
pub const SKEW_SECS: i64 = 30;
/// Tokens that [`TokenIds`] remembers: as many as one client makes in an hour at three a second.
pub const MAX_REMEMBERED: usize = 10_000;
/// Most bytes of an audience: ours are ids.
const MAX_AUDIENCE_BYTES: usize = 128;
/// The one `typ`.
const TYP: &str = "JWT";
/// The one `sub`.
const SUBJECT: &str = "admin";

/// Why a token was refused. None of them quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdminTokenError {
    /// Not three parts with the header and the claims of an admin token.
    #[error("not an admin token")]
    Malformed,
    /// The issuer is not an admin key of this signet, or not any more.
    #[error("the token is not by an admin key of this signet")]
    Issuer,
    /// The signature is not the issuer's.
    #[error("the signature of the token is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It is from the future.
    #[error("the token is not valid yet")]
    NotYet,
    /// It would live longer than [`MAX_TTL_SECS`], or ends before it begins.
    #[error("the token lives longer than an hour, or not at all")]
    Lifetime,
    /// It is meant for another daemon.
    #[error("the token is for another daemon")]
    Audience,
    /// It was used already.
    #[error("the token was used already")]
    Replayed,
    /// Too many tokens are remembered.
    #[error("too many admin tokens in an hour")]
    Full,
}

impl ErrorCode for AdminTokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "KEYS_ADMIN_TOKEN_MALFORMED",
            Self::Issuer => "KEYS_ADMIN_TOKEN_ISSUER",
            Self::Signature => "KEYS_ADMIN_TOKEN_SIGNATURE",
            Self::Expired => "KEYS_ADMIN_TOKEN_EXPIRED",
            Self::NotYet => "KEYS_ADMIN_TOKEN_NOT_YET",
            Self::Lifetime => "KEYS_ADMIN_TOKEN_LIFETIME",
            Self::Audience => "KEYS_ADMIN_TOKEN_AUDIENCE",
            Self::Replayed => "KEYS_ADMIN_TOKEN_REPLAYED",
            Self::Full => "KEYS_ADMIN_TOKEN_LIMIT",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Full => Category::Limited,
            _ => Category::Unauthenticated,
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// When it was made, in seconds since the epoch.
    pub iat: i64,
    /// When it ends, in seconds since the epoch.
    pub exp: i64,
    /// Always `admin`.
    pub sub: String,
    /// The key that signed it, or its fingerprint, in hex.
    pub iss: String,
    /// Tells it from every other token: 16 bytes in hex.
    pub jti: String,
    /// The daemon that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
}

/// A key whose tokens count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The key.
    pub key: PublicKey,
    /// When its tokens stop counting, after a rotation; `None` for the key in use.
    pub until: Option<Millis>,
}

/// Makes a token of `key` that is good for `ttl_secs` from `now`, for the daemon `audience` if that is known.
///
/// # Errors
/// [`AdminTokenError::Lifetime`] unless `ttl_secs` is 1 to [`MAX_TTL_SECS`]; [`AdminTokenError::Audience`] when it is empty or
/// too long.
pub fn mint(
    key: &SecretKey,
    now: Millis,
    ttl_secs: i64,
    audience: Option<&str>,
    rng: &dyn Rng,
) -> Result<String, AdminTokenError> {
    if !(1..=MAX_TTL_SECS).contains(&ttl_secs) {
        return Err(AdminTokenError::Lifetime);
    }
    if audience.is_some_and(|audience| audience.is_empty() || audience.len() > MAX_AUDIENCE_BYTES) {
        return Err(AdminTokenError::Audience);
    }
    let claims = Claims {
        iat: now.secs(),
        exp: now.secs().saturating_add(ttl_secs),
        sub: SUBJECT.to_owned(),
        iss: hex::encode(key.public().to_bytes()),
        jti: hex::encode((&rng).bytes::<16>()),
        aud: audience.map(str::to_owned),
    };
    jws::sign_unnamed(TYP, &claims, key).map_err(|_| AdminTokenError::Malformed)
}

/// Checks a token at `now` against the keys that count and the id of this daemon, and returns what it says.
///
/// # Errors
/// [`AdminTokenError`].
pub fn verify(token: &str, keys: &[Accepted], instance: &str, now: Millis) -> Result<Claims, AdminTokenError> {
    let token = Unverified::parse_unnamed(token, TYP).map_err(refused)?;
    // only the issuer is believed before the signature is: it chooses the key
    let claimed: Claims = token.claims_unverified().map_err(refused)?;
    let accepted = keys
        .iter()
        .filter(|accepted| accepted.until.is_none_or(|until| now < until))
        .find(|accepted| is_issuer(&claimed.iss, &accepted.key))
        .ok_or(AdminTokenError::Issuer)?;
    let claims: Claims = token.verify_exact(&accepted.key).map_err(refused)?;
    if claims.sub != SUBJECT || hex::decode_array::<16>(&claims.jti).is_err() {
        return Err(AdminTokenError::Malformed);
    }
    let now = now.secs();
    let life = claims.exp.checked_sub(claims.iat);
    if !life.is_some_and(|life| (1..=MAX_TTL_SECS).contains(&life)) {
        return Err(AdminTokenError::Lifetime);
    }
    if claims.iat > now.saturating_add(SKEW_SECS) {
        return Err(AdminTokenError::NotYet);
    }
    if claims.exp <= now.saturating_sub(SKEW_SECS) {
        return Err(AdminTokenError::Expired);
    }
    match &claims.aud {
        Some(audience) if audience != instance => Err(AdminTokenError::Audience),
        _ => Ok(claims),
    }
}

fn is_issuer(issuer: &str, key: &PublicKey) -> bool {
    issuer == hex::encode(key.to_bytes()) || issuer == fingerprint::of(key)
}

fn refused(error: JwsError) -> AdminTokenError {
    match error {
        JwsError::Signature => AdminTokenError::Signature,
        _ => AdminTokenError::Malformed,
    }
}

/// Which tokens were used, where a token is to work once. Nothing is forgotten before it has expired: when there are too many,
/// the next is refused.
#[derive(Debug, Default)]
pub struct TokenIds {
    seen: BTreeMap<String, i64>,
}

impl TokenIds {
    /// Notes that the token of these claims was used at `now`.
    ///
    /// # Errors
    /// [`AdminTokenError::Replayed`]; [`AdminTokenError::Full`].
    pub fn use_up(&mut self, claims: &Claims, now: Millis) -> Result<(), AdminTokenError> {
        if self.seen.contains_key(&claims.jti) {
            return Err(AdminTokenError::Replayed);
        }
        if self.seen.len() >= MAX_REMEMBERED {
            let over = now.secs().saturating_sub(SKEW_SECS);
            self.seen.retain(|_, exp| *exp > over);
        }
        if self.seen.len() >= MAX_REMEMBERED {
            return Err(AdminTokenError::Full);
        }
        self.seen.insert(claims.jti.clone(), claims.exp);
        Ok(())
    }
}
