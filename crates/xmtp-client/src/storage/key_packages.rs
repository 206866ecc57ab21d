//! The private keys of our key packages, found by the public key for which a welcome was wrapped.

use bytes::Bytes;
use chancery_base::Millis;
use chancery_store::rusqlite::OptionalExtension as _;
use openmls::{
    ciphersuite::hash_ref::KeyPackageRef, key_packages::KeyPackageBundle, prelude::tls_codec::Serialize as _,
};
use zeroize::Zeroizing;

use super::{StorageError, Tx, codec, mls};
use crate::{
    crypto::{X25519Secret, XWingSecret},
    welcome::WelcomeSecret,
};

/// How far a key package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It was made; whether the node has it is not known.
    Made,
    /// The node has it.
    Published,
    /// Somebody has let us into a group since it was published, probably by it.
    Used,
}

/// The key package that was made last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestKeyPackage {
    /// Its number: later ones have greater ones.
    pub number: i64,
    /// When it was made, by our own clock.
    pub made: Millis,
    /// How far it is.
    pub stage: Stage,
}

impl Tx<'_> {
    /// Keeps what openmls does not keep of a key package: `reference` is the
    /// name under which it keeps the rest.
    pub(crate) fn keep_key_package(
        &self,
        reference: &KeyPackageRef,
        init_key: &[u8],
        xwing_public: &[u8],
        xwing: &XWingSecret,
        made: Millis,
    ) -> Result<(), StorageError> {
        self.with(|db| {
            let mls_key = codec::key(reference)?;
            db.prepare_cached(
                "INSERT INTO key_packages (mls_key, init_key, xwing_public, xwing_secret, made_ms, stage)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            )?
            .execute((mls_key, init_key, xwing_public, xwing.to_bytes().as_slice(), made.0))?;
            Ok(())
        })
    }

    /// The key package that was made last, whatever the clock said then; `None` if there is none.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn newest_key_package(&self) -> Result<Option<NewestKeyPackage>, StorageError> {
        self.with(|db| {
            Ok(db
                .prepare_cached("SELECT rowid, made_ms, stage FROM key_packages ORDER BY rowid DESC LIMIT 1")?
                .query_row([], |row| {
                    Ok(NewestKeyPackage {
                        number: row.get(0)?,
                        made: Millis(row.get(1)?),
                        stage: stage_of(row.get(2)?),
                    })
                })
                .optional()?)
        })
    }

    /// The public part of a key package that is here; `None` if it is not any more.
    ///
    /// # Errors
    /// [`StorageError::Sql`], or [`StorageError::Decode`] and [`StorageError::Format`] when what is stored is damaged.
    pub fn key_package_bytes(&self, number: i64) -> Result<Option<Bytes>, StorageError> {
        self.with(|db| {
            let bundle: Option<Vec<u8>> = db
                .prepare_cached(
                    "SELECT value FROM key_packages
                     JOIN mls_values ON mls_values.kind = ?2 AND mls_values.key = key_packages.mls_key
                     WHERE key_packages.rowid = ?1",
                )?
                .query_row((number, mls::KEY_PACKAGE), |row| row.get(0))
                .optional()?;
            let Some(bundle) = bundle.map(Zeroizing::new) else {
                return Ok(None);
            };
            let bundle: KeyPackageBundle = codec::decode(&bundle)?;
            let bytes = bundle.key_package().tls_serialize_detached();
            Ok(Some(bytes.map_err(|_| StorageError::Format)?.into()))
        })
    }

    /// Records that the node has a key package. One that was used since stays so.
    ///
    /// # Errors
    /// Those of every write.
    pub fn key_package_published(&self, number: i64) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("UPDATE key_packages SET stage = max(stage, 1) WHERE rowid = ?1")?
                .execute([number])?;
            Ok(())
        })
    }

    /// Records that somebody has let us into a group: the newest key package is to be replaced.
    ///
    /// # Errors
    /// Those of every write.
    pub fn key_package_used(&self) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("UPDATE key_packages SET stage = 2 WHERE rowid = (SELECT max(rowid) FROM key_packages)")?
                .execute([])?;
            Ok(())
        })
    }

    /// Deletes the key packages that were made before `made` and have a successor that the node has and that was made by
    /// `succeeded`, with their private keys; how many. What is wrapped for them can never be opened again.
    ///
    /// # Errors
    /// Those of every write.
    pub fn forget_key_packages(&self, made: Millis, succeeded: Millis) -> Result<usize, StorageError> {
        self.with(|db| {
            let gone = "SELECT rowid FROM key_packages AS older WHERE made_ms < ?1 AND EXISTS
                (SELECT 1 FROM key_packages AS newer
                 WHERE newer.rowid > older.rowid AND newer.stage > 0 AND newer.made_ms <= ?2)";
            db.prepare_cached(&format!(
                "DELETE FROM mls_values WHERE kind = ?3 AND key IN
                    (SELECT mls_key FROM key_packages WHERE rowid IN ({gone}))"
            ))?
            .execute((made.0, succeeded.0, mls::KEY_PACKAGE))?;
            Ok(db
                .prepare_cached(&format!("DELETE FROM key_packages WHERE rowid IN ({gone})"))?
                .execute((made.0, succeeded.0))?)
        })
    }

    /// The secret that opens what was wrapped for `public`: the X-Wing key or the init key of any key package whose private
    /// keys are still here.
    ///
    /// # Errors
    /// [`StorageError::Sql`], or [`StorageError::Decode`] and [`StorageError::Format`] when what is stored is damaged.
    pub fn welcome_secret(&self, public: &[u8]) -> Result<Option<WelcomeSecret>, StorageError> {
        self.with(|db| {
            let xwing: Option<[u8; 32]> = db
                .prepare_cached("SELECT xwing_secret FROM key_packages WHERE xwing_public = ?1")?
                .query_row([public], |row| row.get(0))
                .optional()?;
            if let Some(seed) = xwing {
                let seed = Zeroizing::new(seed);
                return Ok(Some(WelcomeSecret::XWing(XWingSecret::from_bytes(*seed))));
            }
            let bundle: Option<Vec<u8>> = db
                .prepare_cached(
                    "SELECT value FROM key_packages
                     JOIN mls_values ON mls_values.kind = ?2 AND mls_values.key = key_packages.mls_key
                     WHERE init_key = ?1",
                )?
                .query_row((public, mls::KEY_PACKAGE), |row| row.get(0))
                .optional()?;
            let Some(bundle) = bundle.map(Zeroizing::new) else {
                return Ok(None);
            };
            let bundle: KeyPackageBundle = codec::decode(&bundle)?;
            let init = <[u8; 32]>::try_from(&**bundle.init_private_key()).map_err(|_| StorageError::Format)?;
            let init = Zeroizing::new(init);
            Ok(Some(WelcomeSecret::Curve25519(X25519Secret::from_bytes(*init))))
        })
    }
}

/// The numbers are in files: a released one never changes.
const fn stage_of(number: u8) -> Stage {
    match number {
        0 => Stage::Made,
        1 => Stage::Published,
        _ => Stage::Used,
    }
}
