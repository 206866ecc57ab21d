//! Key packages: offered one after the other, and forgotten when nobody can use them any more (xmtp spec 3.3).

use chancery_base::Millis;

use super::{ClientError, Inner};
use crate::{
    identity::{LIFETIME_SECS, MARGIN_SECS},
    storage::{NewestKeyPackage, Stage, StorageError},
};

/// How long a key package is offered that nobody uses, in milliseconds: 30 days, as official clients.
const OFFERED_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// How long what was wrapped for a key package may be opened, in milliseconds from when it was made: while it is good, and
/// while it is by a clock that is late. Official clients delete it a day after it has a successor.
const KEPT_MS: i64 = (LIFETIME_SECS + MARGIN_SECS).cast_signed() * 1_000;
/// How long its successor must have been there, in milliseconds: as long as clocks may differ. So a clock that is suddenly
/// far ahead has nothing deleted that was handed out a moment ago.
const SUCCEEDED_MS: i64 = MARGIN_SECS.cast_signed() * 1_000;

impl Inner {
    /// Makes a key package and publishes it.
    pub(super) async fn publish_key_package(&self) -> Result<(), ClientError> {
        let now = self.clock.now();
        let (made, newest) = self.db.transaction(|tx| {
            let made = self.installation.new_key_package(tx, now)?;
            Ok::<_, ClientError>((made, tx.newest_key_package()?))
        })?;
        self.node.upload_key_package(made).await?;
        if let Some(newest) = newest {
            self.db.transaction(|tx| tx.key_package_published(newest.number))?;
        }
        Ok(())
    }

    /// Publishes a new key package when the last one was used, or has grown old: what is wrapped for a new one, who steals
    /// our keys later cannot read. When it fails, the old one is good still, and the next time will do.
    pub(super) async fn renew_key_package(&self) {
        let Ok(newest) = self.db.transaction(|tx| tx.newest_key_package()) else {
            return;
        };
        let _ = match newest {
            Some(newest) if self.is_young(newest) && newest.stage == Stage::Published => Ok(()),
            Some(newest) if self.is_young(newest) && newest.stage == Stage::Made => self.publish_again(newest).await,
            _ => self.publish_key_package().await,
        };
    }

    /// One whose publishing was interrupted is not made anew: each that is made is kept.
    async fn publish_again(&self, newest: NewestKeyPackage) -> Result<(), ClientError> {
        if let Some(made) = self.db.transaction(|tx| tx.key_package_bytes(newest.number))? {
            self.node.upload_key_package(made).await?;
            self.db.transaction(|tx| tx.key_package_published(newest.number))?;
        }
        Ok(())
    }

    fn is_young(&self, newest: NewestKeyPackage) -> bool {
        // one from the future is good for nobody whose clock is right
        (0..=OFFERED_MS).contains(&self.clock.now().since(newest.made))
    }

    /// Deletes the private keys of key packages that nobody can use any more. To be called when all welcomes have been read.
    pub(super) fn forget_key_packages(&self) -> Result<(), StorageError> {
        let now = self.clock.now();
        let before = |ms: i64| Millis(now.0.saturating_sub(ms));
        self.db.transaction(|tx| {
            // a pointer is opened again when it is followed
            if tx.pointers()?.is_empty() {
                tx.forget_key_packages(before(KEPT_MS), before(SUCCEEDED_MS))?;
            }
            Ok(())
        })
    }
}
