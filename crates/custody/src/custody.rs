//! The keys, open.

use std::fmt;

use chancery_base::{Millis, Rng, ed25519::SecretKey};
use chancery_keys::{
    Approvals, Gates, Platform, RootKey, TrustTier,
    admin_token::{self, Accepted},
    fingerprint,
};
use chancery_vault::{KeySource, SourceKind, Vault};
use serde::{Deserialize, Serialize};

use crate::entry::{self, Hidden};
use crate::error::CustodyError;
use crate::places::Places;

pub(crate) const ROOT: &str = "signet.root";
pub(crate) const ADMIN: &str = "signet.admin";
pub(crate) const OPERATOR: &str = "signet.operator/";
pub(crate) const WALLET: &str = "signet.wallet/";
pub(crate) const INBOX: &str = "signet.inbox/";
/// What the key of the audit log is derived for.
const AUDIT: &str = "signet.audit/1";

/// How long tokens of a rotated admin key may go on counting, in milliseconds: as long as the longest of them lives.
pub const MAX_OVERLAP_MS: i64 = admin_token::MAX_TTL_SECS * 1000;
/// Admin keys of before that are remembered while they count: who rotates more often in an hour revokes by it.
const MAX_RETIRED_ADMINS: usize = 4;

/// What is pinned of the root key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RootRecord {
    /// Where it is held.
    pub platform: Platform,
    /// Its public half.
    pub public_key: RootKey,
    /// What the external signer calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_ref: Option<String>,
    /// When it was made.
    pub created_at: Millis,
}

/// The admin key and those of before whose tokens still count.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AdminEntry {
    pub(crate) seed: Hidden<32>,
    pub(crate) created_at: Millis,
    pub(crate) retired: Vec<RetiredAdmin>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RetiredAdmin {
    key: chancery_base::ed25519::PublicKey,
    until: Millis,
}

/// The keys of a signet, open. Everything that reads or writes blocks on the disk.
pub struct Custody {
    pub(crate) vault: Vault,
    pub(crate) places: Places,
    pub(crate) root: RootRecord,
    approvals: Approvals,
}

impl Custody {
    /// Opens the daemon's vault with `source`. `gates` say what waits for the owner.
    ///
    /// # Errors
    /// [`CustodyError::NotInitialised`]; those of [`Vault::open`].
    pub fn open(places: &Places, source: &KeySource, gates: Gates) -> Result<Self, CustodyError> {
        let vault = Vault::open(&places.vault(), source).map_err(CustodyError::opening)?;
        Self::of(vault, places, gates)?.ok_or_else(|| CustodyError::NotInitialised(places.vault()))
    }

    /// Of an open vault; `None` when there are no keys in it.
    pub(crate) fn of(vault: Vault, places: &Places, gates: Gates) -> Result<Option<Self>, CustodyError> {
        let Some(root) = entry::read::<RootRecord>(&vault, ROOT)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            vault,
            places: places.clone(),
            approvals: Approvals::new(gates, root.public_key),
            root,
        }))
    }

    /// The root key, as it is pinned.
    #[must_use]
    pub fn root(&self) -> &RootRecord {
        &self.root
    }

    /// What seals may say of these keys: more than `unverified` only with a root key that cannot be copied.
    #[must_use]
    pub fn trust_tier(&self) -> TrustTier {
        self.root.platform.trust_tier()
    }

    /// The questions to the owner. What they clear is spent by the methods here, or by whoever asked.
    pub fn approvals(&mut self) -> &mut Approvals {
        &mut self.approvals
    }

    /// The admin key's fingerprint: SHA-256 of the public key in hex.
    ///
    /// # Errors
    /// [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn admin_fingerprint(&self) -> Result<String, CustodyError> {
        Ok(fingerprint::of(&self.admin()?.key().public()))
    }

    /// Makes an admin token that is good for `ttl_secs`, for the daemon `audience` if that is known.
    ///
    /// # Errors
    /// [`CustodyError::AdminToken`]; [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn admin_token(
        &self,
        ttl_secs: i64,
        audience: Option<&str>,
        now: Millis,
        rng: &dyn Rng,
    ) -> Result<String, CustodyError> {
        Ok(admin_token::mint(&self.admin()?.key(), now, ttl_secs, audience, rng)?)
    }

    /// The keys whose admin tokens count at `now`, the one in use first.
    ///
    /// # Errors
    /// [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn admin_keys(&self, now: Millis) -> Result<Vec<Accepted>, CustodyError> {
        let admin = self.admin()?;
        let in_use = Accepted {
            key: admin.key().public(),
            until: None,
        };
        let retired = admin.retired.iter().filter(|retired| now < retired.until);
        let retired = retired.map(|retired| Accepted {
            key: retired.key,
            until: Some(retired.until),
        });
        Ok(std::iter::once(in_use).chain(retired).collect())
    }

    /// Replaces the admin key. Tokens of the old one count for `overlap_ms` more, at most [`MAX_OVERLAP_MS`]; 0 ends them.
    /// Returns the new fingerprint.
    ///
    /// # Errors
    /// [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn rotate_admin(&mut self, overlap_ms: i64, now: Millis, rng: &dyn Rng) -> Result<String, CustodyError> {
        let mut admin = self.admin()?;
        admin.retired.retain(|retired| now < retired.until);
        let until = now.plus(overlap_ms.clamp(0, MAX_OVERLAP_MS));
        let key = admin.key().public();
        admin.retired.insert(0, RetiredAdmin { key, until });
        admin.retired.truncate(MAX_RETIRED_ADMINS);
        let next = AdminEntry {
            seed: Hidden::random(rng),
            created_at: now,
            retired: admin.retired,
        };
        self.commit(rng, |vault| entry::write(vault, ADMIN, &next))?;
        Ok(fingerprint::of(&next.key().public()))
    }

    /// The key that signs the checkpoints of the audit log: always the same one of a vault, and in no entry of it.
    ///
    /// # Errors
    /// [`CustodyError::Vault`].
    pub fn audit_key(&self) -> Result<SecretKey, CustodyError> {
        Ok(SecretKey::from_seed(&*self.vault.derive(AUDIT)?))
    }

    fn admin(&self) -> Result<AdminEntry, CustodyError> {
        entry::read(&self.vault, ADMIN)?.ok_or_else(|| CustodyError::Entry(ADMIN.to_owned()))
    }

    /// What opens the daemon's vault.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        self.vault.source()
    }

    /// Lets another source open the daemon's vault, and the old one no more.
    ///
    /// # Errors
    /// Those of [`Vault::change_key`].
    pub fn change_key(&mut self, source: &KeySource, rng: &dyn Rng) -> Result<(), CustodyError> {
        Ok(self.vault.change_key(source, rng)?)
    }

    /// Changes entries as one write. What cannot be written is forgotten, so that memory says what the disk does.
    pub(crate) fn commit(
        &mut self,
        rng: &dyn Rng,
        change: impl FnOnce(&mut Vault) -> Result<(), CustodyError>,
    ) -> Result<(), CustodyError> {
        let changed = change(&mut self.vault).and_then(|()| Ok(self.vault.save(rng)?));
        if changed.is_err() {
            // as far as it goes: what stopped the write may stop the reading, too
            let _ = self.vault.reload();
        }
        changed
    }
}

impl AdminEntry {
    pub(crate) fn new(now: Millis, rng: &dyn Rng) -> Self {
        Self {
            seed: Hidden::random(rng),
            created_at: now,
            retired: Vec::new(),
        }
    }

    fn key(&self) -> SecretKey {
        SecretKey::from_seed(&self.seed.0)
    }
}

impl fmt::Debug for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custody")
            .field("root", &self.root)
            .field("vault", &self.vault)
            .finish_non_exhaustive()
    }
}
