//! Becoming an installation of an inbox, and what concerns the inbox as a whole (xmtp spec 3.2).

use chancery_base::ed25519::SecretKey;
use chancery_xmtp_wire::identity::{Identifier, InboxId, InstallationKey, Nonce, WalletKey};

use super::{Client, ClientError, Parts, Shared};
use crate::identity::{Installation, inbox_of, revocation};

impl Client {
    /// Makes this file an installation of the inbox that `wallet` opens with `nonce`. Opens the inbox on the network if
    /// nobody has, and otherwise lets the installation in. What was interrupted goes on where it was; where all is done
    /// already, this is [`open`](Self::open).
    ///
    /// # Errors
    /// [`ClientError::OtherInbox`] when the file belongs to another inbox; those of the file and the node. The node refuses
    /// when the inbox has its ten installations.
    pub async fn register(parts: Parts, wallet: &WalletKey, nonce: Nonce) -> Result<Self, ClientError> {
        let parts = Shared::from(parts);
        let inbox = inbox_of(wallet, nonce);
        // the key is kept before the network hears of it
        let account = parts.db.transaction(|tx| {
            if tx.account()?.is_none() {
                tx.found_account(&Installation::new(SecretKey::generate(&parts.rng), inbox))?;
            }
            tx.account()?.ok_or(ClientError::NotRegistered)
        })?;
        let installation = account.installation;
        if installation.inbox() != inbox {
            return Err(ClientError::OtherInbox {
                here: installation.inbox(),
            });
        }
        let client = Self::new(parts, installation)?;
        if account.registered {
            return Ok(client);
        }
        // in this order: whoever is in the log can be added to groups
        client.rotate_key_package().await?;
        let inner = &client.inner;
        inner.directory.refresh(&*inner.node, &inner.db, &[inbox]).await?;
        let state = inner.directory.state(inbox);
        let there = state
            .as_ref()
            .is_some_and(|state| state.has_installation(client.installation()));
        if !there {
            let now = inner.clock.now();
            let update = if state.is_none() {
                inner.installation.registration(wallet, nonce, now)?
            } else {
                inner.installation.addition(wallet, now)?
            };
            inner.node.publish_identity_update(&update).await?;
        }
        inner.db.transaction(|tx| tx.account_registered())?;
        Ok(client)
    }

    /// Opens the client whose file this is. Asks nobody.
    ///
    /// # Errors
    /// [`ClientError::NotRegistered`] when no registration was finished here; those of the file.
    pub async fn open(parts: Parts) -> Result<Self, ClientError> {
        let parts = Shared::from(parts);
        let account = parts.db.transaction(|tx| tx.account())?;
        match account {
            Some(account) if account.registered => Self::new(parts, account.installation),
            _ => Err(ClientError::NotRegistered),
        }
    }

    /// The inbox to which an address belongs; `None` if to none.
    ///
    /// # Errors
    /// Those of the node.
    pub async fn inbox_of(&self, identifier: &Identifier) -> Result<Option<InboxId>, ClientError> {
        let found = self.inner.node.inbox_ids(std::slice::from_ref(identifier)).await?;
        Ok(found.into_iter().next().flatten())
    }

    /// The installations of our inbox, as its log has them now.
    ///
    /// # Errors
    /// Those of the node.
    pub async fn installations(&self) -> Result<Vec<InstallationKey>, ClientError> {
        let inner = &self.inner;
        let ours = self.inbox();
        inner.directory.refresh(&*inner.node, &inner.db, &[ours]).await?;
        let state = inner.directory.state(ours);
        Ok(state.map(|state| state.installations().collect()).unwrap_or_default())
    }

    /// Shuts installations out of our inbox. `wallet` is the one that recovers it. Groups lose them with the next commit
    /// that looks after its members.
    ///
    /// # Errors
    /// Those of the node, which refuses a wallet that may not.
    pub async fn revoke_installations(
        &self,
        wallet: &WalletKey,
        installations: &[InstallationKey],
    ) -> Result<(), ClientError> {
        let update = revocation(wallet, self.inbox(), installations, self.inner.clock.now())?;
        Ok(self.inner.node.publish_identity_update(&update).await?)
    }

    /// Publishes a new key package in place of the former one, whose private keys stay for welcomes that are under way, for as
    /// long as somebody may use it.
    ///
    /// # Errors
    /// Those of the file and the node.
    pub async fn rotate_key_package(&self) -> Result<(), ClientError> {
        self.inner.publish_key_package().await
    }
}
