//! From a passphrase to a key.

use argon2::{Algorithm, Argon2, Params, Version};
use chancery_base::{Rng, b64};
use serde::{Deserialize, Serialize};

use crate::crypt::Key;
use crate::error::VaultError;
use crate::secret::Secret;

/// Memory of a new vault's Argon2id in KiB. Memory, passes and lanes together are the second choice of RFC 9106 section 4,
/// for machines that cannot spare the 2 GiB of the first; some 0.2 s here.
const MEMORY_KIB: u32 = 64 * 1024;
/// Passes over the memory.
const PASSES: u32 = 3;
/// Lanes.
const LANES: u32 = 4;
/// Bytes of the salt (RFC 9106 section 3.1).
const SALT_BYTES: usize = 16;

/// The least that a vault may ask for, so that nobody makes a passphrase cheaper to guess by writing another header: the
/// second of the equivalent settings of the OWASP password storage sheet.
const LEAST: (u32, u32) = (19 * 1024, 2);
/// The most, so that opening a file cannot take all memory or all day: RFC 9106's first choice fits.
const MOST: (u32, u32, u32) = (2 * 1024 * 1024, 64, 64);

/// How a passphrase becomes a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", deny_unknown_fields)]
pub(crate) enum Kdf {
    /// Argon2id, version 0x13 (RFC 9106).
    #[serde(rename = "argon2id", rename_all = "camelCase")]
    Argon2id {
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        salt: String,
    },
}

impl Kdf {
    /// That of a new vault.
    pub(crate) fn new(rng: &dyn Rng) -> Self {
        Self::Argon2id {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: b64::encode((&rng).bytes::<SALT_BYTES>()),
        }
    }

    /// Whether it asks for no more and no less than it may.
    pub(crate) fn is_acceptable(&self) -> bool {
        let Self::Argon2id {
            memory_kib,
            passes,
            lanes,
            salt,
        } = self;
        (LEAST.0..=MOST.0).contains(memory_kib)
            && (LEAST.1..=MOST.1).contains(passes)
            && (1..=MOST.2).contains(lanes)
            && b64::decode_array::<SALT_BYTES>(salt).is_ok()
    }

    /// Takes a while, on purpose. The passphrase's bytes count as they are: no Unicode normalisation.
    pub(crate) fn derive(&self, passphrase: &Secret) -> Result<Key, VaultError> {
        let Self::Argon2id {
            memory_kib,
            passes,
            lanes,
            salt,
        } = self;
        let salt = b64::decode_array::<SALT_BYTES>(salt).map_err(|_| VaultError::Corrupt("its salt"))?;
        let mut out = Key::default();
        let params = Params::new(*memory_kib, *passes, *lanes, Some(out.len())).map_err(|_| VaultError::Derivation)?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &salt, out.as_mut_slice())
            .map_err(|_| VaultError::Derivation)?;
        Ok(out)
    }
}

impl std::fmt::Display for Kdf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Argon2id {
            memory_kib,
            passes,
            lanes,
            ..
        } = self;
        write!(f, "argon2id, {memory_kib} KiB, {passes} passes, {lanes} lanes")
    }
}
