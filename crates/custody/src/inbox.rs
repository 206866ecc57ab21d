//! What belongs to an inbox: its identity, which is an account of the operator's wallet, and the key of its file.

use std::fmt;

use chancery_base::Rng;
use chancery_keys::AccountIndex;
use chancery_xmtp_wire::convos::{ConvosError, Invite, InviteKey, SignedInvite};
use chancery_xmtp_wire::identity::{EthereumAddress, InboxId, Signature, WalletKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::custody::{Custody, INBOX};
use crate::entry::{self, Hidden};
use crate::error::CustodyError;
use crate::name::InboxName;
use crate::wallet::WalletId;

/// What an entry holds. The identity's key is not in it: it is derived.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InboxEntry {
    wallet: WalletId,
    index: AccountIndex,
    file_key: Hidden<32>,
}

/// Signs as the identity of an inbox. The key is inside, and does not come out.
pub struct InboxSigner(WalletKey);

impl InboxSigner {
    /// The identity.
    #[must_use]
    pub fn address(&self) -> EthereumAddress {
        self.0.address()
    }

    /// Signs a text as a personal message (EIP-191), as identity updates ask for.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        self.0.sign(text)
    }

    /// Signs an invite.
    ///
    /// # Errors
    /// Those of [`Invite::sign`].
    pub fn sign_invite(&self, invite: Invite) -> Result<SignedInvite, ConvosError> {
        invite.sign(&self.0)
    }

    /// The key of the tokens in invites of `inbox`.
    ///
    /// # Errors
    /// Those of [`InviteKey::derive`].
    pub fn invite_key(&self, inbox: InboxId) -> Result<InviteKey, ConvosError> {
        InviteKey::derive(&self.0, inbox)
    }
}

impl fmt::Debug for InboxSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InboxSigner").field(&self.address().to_string()).finish()
    }
}

fn entry_name(inbox: &InboxName) -> String {
    format!("{INBOX}{inbox}")
}

impl Custody {
    /// Gives a new inbox the next account of `wallet` as its identity, and a random key for its file. Returns the account's
    /// index; an inbox that has its keys keeps them.
    ///
    /// # Errors
    /// [`CustodyError::UnknownWallet`]; [`CustodyError::InboxExists`] when it has an identity of another wallet;
    /// [`CustodyError::Exhausted`]; [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn create_inbox(
        &mut self,
        inbox: &InboxName,
        wallet: WalletId,
        rng: &dyn Rng,
    ) -> Result<AccountIndex, CustodyError> {
        if let Some(found) = entry::read::<InboxEntry>(&self.vault, &entry_name(inbox))? {
            return match found.wallet == wallet {
                true => Ok(found.index),
                false => Err(CustodyError::InboxExists(inbox.to_string())),
            };
        }
        let next = self.wallet_entry(wallet)?.accounts;
        let index = AccountIndex::new(next).ok_or(CustodyError::Exhausted(wallet))?;
        self.put_inbox(inbox, wallet, index, rng)?;
        Ok(index)
    }

    /// Gives an inbox the identity that it had, after its wallet was brought back. Its file gets a new key: what was in the
    /// old one is in no backup of words.
    ///
    /// # Errors
    /// [`CustodyError::InboxExists`] when the inbox is there, or another one with this identity; as
    /// [`create_inbox`](Self::create_inbox).
    pub fn restore_inbox(
        &mut self,
        inbox: &InboxName,
        wallet: WalletId,
        index: AccountIndex,
        rng: &dyn Rng,
    ) -> Result<(), CustodyError> {
        if self.vault.contains(&entry_name(inbox)) {
            return Err(CustodyError::InboxExists(inbox.to_string()));
        }
        for other in entry::below(&self.vault, INBOX) {
            let found: Option<InboxEntry> = entry::read(&self.vault, &format!("{INBOX}{other}"))?;
            if found.is_some_and(|found| found.wallet == wallet && found.index == index) {
                return Err(CustodyError::InboxExists(other));
            }
        }
        self.put_inbox(inbox, wallet, index, rng)
    }

    fn put_inbox(
        &mut self,
        inbox: &InboxName,
        id: WalletId,
        index: AccountIndex,
        rng: &dyn Rng,
    ) -> Result<(), CustodyError> {
        let mut wallet = self.wallet_entry(id)?;
        wallet.accounts = wallet.accounts.max(index.get() + 1);
        let found = InboxEntry {
            wallet: id,
            index,
            file_key: Hidden::random(rng),
        };
        self.commit(rng, |vault| {
            entry::write(vault, &id.entry_name(), &wallet)?;
            entry::write(vault, &entry_name(inbox), &found)
        })
    }

    /// Who signs as the inbox. Takes some milliseconds: the key is derived from the words each time.
    ///
    /// # Errors
    /// [`CustodyError::UnknownInbox`]; [`CustodyError::Derivation`]; [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn inbox_signer(&self, inbox: &InboxName) -> Result<InboxSigner, CustodyError> {
        WalletKey::from_bytes(&*self.inbox_identity_key(inbox)?)
            .map(InboxSigner)
            .map_err(|_| CustodyError::Derivation(chancery_keys::DerivationError))
    }

    /// The key of the inbox's identity, for whoever registers it with the network. Takes some milliseconds.
    ///
    /// # Errors
    /// As [`inbox_signer`](Self::inbox_signer).
    pub fn inbox_identity_key(&self, inbox: &InboxName) -> Result<Zeroizing<[u8; 32]>, CustodyError> {
        let found = self.inbox_entry(inbox)?;
        Ok(self.wallet_entry(found.wallet)?.seed()?.evm(found.index)?.to_bytes())
    }

    /// Which account of which wallet the inbox's identity is.
    ///
    /// # Errors
    /// [`CustodyError::UnknownInbox`]; [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn inbox_account(&self, inbox: &InboxName) -> Result<(WalletId, AccountIndex), CustodyError> {
        let found = self.inbox_entry(inbox)?;
        Ok((found.wallet, found.index))
    }

    /// The key of the inbox's file, for whoever opens that file.
    ///
    /// # Errors
    /// [`CustodyError::UnknownInbox`]; [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn inbox_file_key(&self, inbox: &InboxName) -> Result<Zeroizing<[u8; 32]>, CustodyError> {
        Ok(self.inbox_entry(inbox)?.file_key.0)
    }

    /// Forgets an inbox: its file cannot be read any more. Its account is not used again. Whether it was there.
    ///
    /// # Errors
    /// [`CustodyError::Vault`].
    pub fn remove_inbox(&mut self, inbox: &InboxName, rng: &dyn Rng) -> Result<bool, CustodyError> {
        let name = entry_name(inbox);
        if !self.vault.contains(&name) {
            return Ok(false);
        }
        self.commit(rng, |vault| {
            vault.delete(&name);
            Ok(())
        })?;
        Ok(true)
    }

    /// All inboxes that have keys, sorted.
    #[must_use]
    pub fn inboxes(&self) -> Vec<InboxName> {
        let names = entry::below(&self.vault, INBOX);
        names.iter().filter_map(|name| name.parse().ok()).collect()
    }

    fn inbox_entry(&self, inbox: &InboxName) -> Result<InboxEntry, CustodyError> {
        entry::read(&self.vault, &entry_name(inbox))?.ok_or_else(|| CustodyError::UnknownInbox(inbox.to_string()))
    }
}
