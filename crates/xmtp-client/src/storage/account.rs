//! Whose file it is.

use chancery_base::ed25519::SecretKey;
use chancery_store::rusqlite::OptionalExtension as _;
use chancery_xmtp_wire::identity::InboxId;
use zeroize::Zeroizing;

use super::{StorageError, Tx};
use crate::identity::Installation;

/// The one installation of a file.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its key and inbox.
    pub installation: Installation,
    /// Whether the network has been seen to know it.
    pub registered: bool,
}

impl Tx<'_> {
    /// The installation whose file this is, if there is one yet.
    ///
    /// # Errors
    /// [`StorageError::Sql`].
    pub fn account(&self) -> Result<Option<Account>, StorageError> {
        self.with(|db| {
            let found: Option<([u8; 32], [u8; 32], bool)> = db
                .prepare_cached("SELECT inbox, installation_seed, registered FROM account")?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            Ok(found.map(|(inbox, seed, registered)| {
                let seed = Zeroizing::new(seed);
                Account {
                    installation: Installation::new(SecretKey::from_seed(&seed), InboxId::from_bytes(inbox)),
                    registered,
                }
            }))
        })
    }

    /// Makes this the file of `installation`, which the network need not know yet.
    ///
    /// # Errors
    /// [`StorageError::Sql`] when it is somebody's file already, and those of every write.
    pub fn found_account(&self, installation: &Installation) -> Result<(), StorageError> {
        self.with(|db| {
            let seed = installation.key().to_seed();
            db.prepare_cached("INSERT INTO account (id, inbox, installation_seed) VALUES (1, ?1, ?2)")?
                .execute((installation.inbox().to_bytes(), seed.as_slice()))?;
            Ok(())
        })
    }

    /// Records that the network knows the installation.
    ///
    /// # Errors
    /// Those of every write.
    pub fn account_registered(&self) -> Result<(), StorageError> {
        self.with(|db| {
            db.prepare_cached("UPDATE account SET registered = 1")?.execute([])?;
            Ok(())
        })
    }
}
