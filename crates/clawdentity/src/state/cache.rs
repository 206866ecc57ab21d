//! `cache/`: what `verify` remembers of a registry.

use std::path::Path;

use chancery_base::Millis;
use chancery_identity::{crl, key_set::RegistryKey};
use serde::{Deserialize, Serialize};

use super::{read_optional, write_json};
use crate::error::Result;

/// How long keys are fresh, milliseconds.
pub const KEYS_TTL_MS: i64 = 60 * 60 * 1000;
/// How long a revocation list is fresh, milliseconds.
pub const CRL_TTL_MS: i64 = 15 * 60 * 1000;

/// Something that was fetched.
pub trait Cached: Serialize + for<'de> Deserialize<'de> {
    /// Name of the file under `cache/`.
    const FILE: &'static str;
    /// How long it is fresh, milliseconds.
    const TTL_MS: i64;

    /// Where it came from.
    fn registry_url(&self) -> &str;

    /// When.
    fn fetched_at(&self) -> Millis;

    /// Whether it is fresh at `now`. What was fetched in the future is not: a clock was wrong.
    fn is_fresh(&self, now: Millis) -> bool {
        (0..Self::TTL_MS).contains(&now.since(self.fetched_at()))
    }

    /// What is remembered of the registry at `registry_url`. A broken file counts as none: it is only a memory.
    #[must_use]
    fn load(dir: &Path, registry_url: &str) -> Option<Self> {
        let bytes = read_optional(&dir.join("cache").join(Self::FILE)).ok()??;
        let cached: Self = serde_json::from_slice(&bytes).ok()?;
        (cached.registry_url().trim_end_matches('/') == registry_url.trim_end_matches('/')).then_some(cached)
    }

    /// Remembers it.
    ///
    /// # Errors
    /// [`crate::code::Code::StateFailed`].
    fn save(&self, dir: &Path) -> Result<()> {
        write_json(&dir.join("cache").join(Self::FILE), self)
    }
}

/// `registry-keys.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CachedKeys {
    /// Where it came from.
    pub registry_url: String,
    /// When, Unix milliseconds.
    pub fetched_at_ms: i64,
    /// The keys.
    pub keys: Vec<RegistryKey>,
}

/// `crl-claims.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CachedCrl {
    /// Where it came from.
    pub registry_url: String,
    /// When, Unix milliseconds.
    pub fetched_at_ms: i64,
    /// The list's claims, checked when it was fetched.
    pub claims: crl::Claims,
}

impl Cached for CachedKeys {
    const FILE: &'static str = "registry-keys.json";
    const TTL_MS: i64 = KEYS_TTL_MS;

    fn registry_url(&self) -> &str {
        &self.registry_url
    }

    fn fetched_at(&self) -> Millis {
        Millis(self.fetched_at_ms)
    }
}

impl Cached for CachedCrl {
    const FILE: &'static str = "crl-claims.json";
    const TTL_MS: i64 = CRL_TTL_MS;

    fn registry_url(&self) -> &str {
        &self.registry_url
    }

    fn fetched_at(&self) -> Millis {
        Millis(self.fetched_at_ms)
    }
}
