//! The private keys of our key packages, found by the public key for which a welcome was wrapped.

use chancery_base::Millis;
use chancery_store::rusqlite::OptionalExtension as _;
use openmls::{ciphersuite::hash_ref::KeyPackageRef, key_packages::KeyPackageBundle};
use zeroize::Zeroizing;

use super::{StorageError, Tx, codec, mls};
use crate::{
    crypto::{X25519Secret, XWingSecret},
    welcome::WelcomeSecret,
};

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
                "INSERT INTO key_packages (mls_key, init_key, xwing_public, xwing_secret, made_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((mls_key, init_key, xwing_public, xwing.to_bytes().as_slice(), made.0))?;
            Ok(())
        })
    }

    /// When the newest key package was made; `None` if there is none.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn last_key_package_made(&self) -> Result<Option<Millis>, StorageError> {
        self.with(|db| {
            let made: Option<i64> = db
                .prepare_cached("SELECT max(made_ms) FROM key_packages")?
                .query_row([], |row| row.get(0))?;
            Ok(made.map(Millis))
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
