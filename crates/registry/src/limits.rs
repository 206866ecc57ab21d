//! Limits of the registry's routes, each with its variable and its reason.

use std::{str::FromStr, time::Duration};

/// Window of every rate limit.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// Addresses that a rate limit keeps apart; beyond it the oldest window is forgotten. A window costs about 100 bytes.
pub(crate) const MAX_KEYS: usize = 10_000;

/// Entries of the feed that are read and signed at a time.
pub(crate) const FEED_PAGE: u32 = 256;

/// How often a reader of the feed is told that there is nothing new.
pub(crate) const FEED_HEARTBEAT: Duration = Duration::from_millis(250);

/// Age at which a signed revocation list is signed anew, milliseconds: short against its 390 s of life, and long enough
/// that nobody makes the registry sign without end.
pub(crate) const CRL_REUSE_MS: i64 = 5_000;

/// How long after its token's expiry a revocation is still listed, milliseconds: clocks differ.
pub(crate) const CRL_KEEP_EXPIRED_MS: i64 = 24 * 3600 * 1000;

/// Uses of an API key or service secret are noted to this resolution, milliseconds: each note is a commit.
pub(crate) const LAST_USED_RESOLUTION_MS: i64 = 1_000;

/// Uses of an access token after the first are noted to this resolution, milliseconds: relays validate at each connect.
pub(crate) const ACCESS_USED_RESOLUTION_MS: i64 = 60_000;

/// Life of an access token, milliseconds.
pub(crate) const ACCESS_TTL_MS: i64 = 15 * 60 * 1000;

/// Life of a refresh token, milliseconds.
pub(crate) const REFRESH_TTL_MS: i64 = 30 * 24 * 3600 * 1000;

/// How long the refresh token before the current one is answered with the same successor, milliseconds, unless the new
/// access token is used before: long enough for a retry after a lost answer.
pub(crate) const REFRESH_GRACE_MS: i64 = 60_000;

/// How long a challenge that has ended is remembered, milliseconds, to tell a late answer what is wrong with it.
pub(crate) const CHALLENGE_MEMORY_MS: i64 = 24 * 3600 * 1000;

/// Requests a minute of one address to one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerMinute(
    /// The number; at least 1.
    pub u32,
);

/// The limits that an operator may change. Services that authenticate are exempt from the rates.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// `GET /v1/resolve/:id` (`REGISTRY_RESOLVE_PER_MINUTE`, 10): public, and ids must not be harvested.
    pub resolve: PerMinute,
    /// `GET /v1/crl` (`REGISTRY_CRL_PER_MINUTE`, 30): it may be cached for five minutes.
    pub crl: PerMinute,
    /// `POST /v1/agents/auth/refresh` (`REGISTRY_REFRESH_PER_MINUTE`, 20): each costs two signatures' checks.
    pub refresh: PerMinute,
    /// `POST /v1/agents/auth/validate` (`REGISTRY_VALIDATE_PER_MINUTE`, 120): an oracle for stolen access tokens.
    pub validate: PerMinute,
    /// `POST /v1/admin/bootstrap` (`REGISTRY_BOOTSTRAP_PER_MINUTE`, 10): an oracle for the bootstrap secret.
    pub bootstrap: PerMinute,
    /// `POST /v1/invites/redeem` (`REGISTRY_REDEEM_PER_MINUTE`, 10): an oracle for invite codes.
    pub redeem: PerMinute,
    /// `POST /v1/agents/challenge` (`REGISTRY_CHALLENGE_PER_MINUTE`, 60): each is a row.
    pub challenge: PerMinute,
    /// `POST /v1/agents` (`REGISTRY_CREATE_PER_MINUTE`, 60): each is an agent.
    pub create: PerMinute,
    /// Readers of the revocation feed at a time (`REGISTRY_FEED_READERS`, 256): each is a connection and a timer.
    pub feed_readers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resolve: PerMinute(10),
            crl: PerMinute(30),
            refresh: PerMinute(20),
            validate: PerMinute(120),
            bootstrap: PerMinute(10),
            redeem: PerMinute(10),
            challenge: PerMinute(60),
            create: PerMinute(60),
            feed_readers: 256,
        }
    }
}

impl FromStr for PerMinute {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<std::num::NonZeroU32>().map(|number| Self(number.get()))
    }
}
