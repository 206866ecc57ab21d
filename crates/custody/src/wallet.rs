//! Wallets: 24 words each, from which the accounts of operators and the identities of their inboxes are derived.

use std::fmt;
use std::str::FromStr;

use chancery_base::{Millis, Rng, digest, hex};
use chancery_keys::{Account, AccountIndex, Clearance, Evidence, Mnemonic, Operation, Seed, What};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;
use zeroize::Zeroizing;

use crate::custody::{Custody, WALLET};
use crate::entry::{self, Hidden};
use crate::error::CustodyError;
use crate::operational::iso;

/// Most bytes of a label: what a line shows.
const MAX_LABEL_BYTES: usize = 128;
/// Accounts that are listed at once: each takes a derivation.
pub const MAX_LISTED: u32 = 1000;
/// Where the dashes of a UUID are, in digits.
const DASHES: [usize; 4] = [8, 12, 16, 20];

/// Names a wallet: a random UUID (RFC 9562, version 4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletId([u8; 16]);

/// What an entry holds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WalletEntry {
    label: String,
    created_at: Millis,
    /// How many accounts are in use; the next one has this index.
    pub(crate) accounts: u32,
    entropy: Hidden<32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backed_up_at: Option<Millis>,
}

/// What may be known of a wallet (signet spec 1.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WalletInfo {
    /// Its id.
    pub id: WalletId,
    /// What it is called.
    pub label: String,
    /// Who keeps it: `internal`.
    pub provider: &'static str,
    /// How many accounts are in use.
    pub account_count: u32,
    /// When it was made or brought back.
    #[serde(serialize_with = "iso")]
    pub created_at: Millis,
    /// Whether its words were shown.
    pub backed_up: bool,
}

/// The same with its accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WalletDetails {
    /// The wallet.
    #[serde(flatten)]
    pub info: WalletInfo,
    /// EVM and Ed25519 of each index, at most the first [`MAX_LISTED`].
    pub accounts: Vec<Account>,
}

impl WalletId {
    pub(crate) fn generate(rng: &dyn Rng) -> Self {
        let mut bytes: [u8; 16] = (&rng).bytes();
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
        *version = *version & 0x0f | 0x40;
        *variant = *variant & 0x3f | 0x80;
        Self(bytes)
    }

    pub(crate) fn entry_name(self) -> String {
        format!("{WALLET}{self}")
    }
}

impl WalletEntry {
    pub(crate) fn generate(label: &str, now: Millis, rng: &dyn Rng) -> Result<Self, CustodyError> {
        Self::of(&Mnemonic::generate(rng)?, label, 0, now)
    }

    fn of(mnemonic: &Mnemonic, label: &str, accounts: u32, now: Millis) -> Result<Self, CustodyError> {
        if label.is_empty() || label.len() > MAX_LABEL_BYTES || label.chars().any(char::is_control) {
            return Err(CustodyError::Label);
        }
        Ok(Self {
            label: label.to_owned(),
            created_at: now,
            accounts,
            entropy: Hidden(mnemonic.to_entropy()),
            backed_up_at: None,
        })
    }

    pub(crate) fn seed(&self) -> Result<Seed, CustodyError> {
        Ok(self.mnemonic()?.seed())
    }

    fn mnemonic(&self) -> Result<Mnemonic, CustodyError> {
        Ok(Mnemonic::from_entropy(&self.entropy.0)?)
    }

    fn info(&self, id: WalletId) -> WalletInfo {
        WalletInfo {
            id,
            label: self.label.clone(),
            provider: "internal",
            account_count: self.accounts,
            created_at: self.created_at,
            backed_up: self.backed_up_at.is_some(),
        }
    }
}

impl Custody {
    /// Makes a wallet of new words.
    ///
    /// # Errors
    /// [`CustodyError::Label`]; [`CustodyError::Vault`].
    pub fn create_wallet(&mut self, label: &str, now: Millis, rng: &dyn Rng) -> Result<WalletInfo, CustodyError> {
        let wallet = WalletEntry::generate(label, now, rng)?;
        self.add_wallet(wallet, rng)
    }

    /// Brings a wallet back from its words, with the first `accounts` accounts in use.
    ///
    /// # Errors
    /// [`CustodyError::Mnemonic`]; [`CustodyError::WalletExists`]; [`CustodyError::Derivation`] for more accounts than there
    /// are; [`CustodyError::Label`]; [`CustodyError::Vault`].
    pub fn restore_wallet(
        &mut self,
        words: &str,
        label: &str,
        accounts: u32,
        now: Millis,
        rng: &dyn Rng,
    ) -> Result<WalletInfo, CustodyError> {
        let mnemonic = Mnemonic::parse(words)?;
        let wallet = WalletEntry::of(&mnemonic, label, accounts, now)?;
        AccountIndex::try_from(accounts.saturating_sub(1))?;
        for id in self.wallet_ids() {
            let other = self.wallet_entry(id)?;
            if digest::secrets_equal(other.entropy.0.as_slice(), wallet.entropy.0.as_slice()) {
                return Err(CustodyError::WalletExists(id));
            }
        }
        self.add_wallet(wallet, rng)
    }

    fn add_wallet(&mut self, wallet: WalletEntry, rng: &dyn Rng) -> Result<WalletInfo, CustodyError> {
        let id = WalletId::generate(rng);
        self.commit(rng, |vault| entry::write(vault, &id.entry_name(), &wallet))?;
        Ok(wallet.info(id))
    }

    /// All wallets, by id.
    ///
    /// # Errors
    /// [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn wallets(&self) -> Result<Vec<WalletInfo>, CustodyError> {
        let info = |id| Ok(self.wallet_entry(id)?.info(id));
        self.wallet_ids().into_iter().map(info).collect()
    }

    /// A wallet and its accounts.
    ///
    /// # Errors
    /// [`CustodyError::UnknownWallet`]; [`CustodyError::Derivation`]; [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn wallet(&self, id: WalletId) -> Result<WalletDetails, CustodyError> {
        let wallet = self.wallet_entry(id)?;
        let seed = wallet.seed()?;
        let mut accounts = Vec::new();
        for index in (0..wallet.accounts.min(MAX_LISTED)).filter_map(AccountIndex::new) {
            accounts.extend(seed.accounts(index)?);
        }
        Ok(WalletDetails {
            info: wallet.info(id),
            accounts,
        })
    }

    /// What [`backup_wallet`](Self::backup_wallet) does, to be [asked](chancery_keys::Approvals::ask) for.
    #[must_use]
    pub fn backup(id: WalletId, again: bool) -> What {
        What::new(
            Operation::WalletBackup,
            "wallet.backup",
            json!({ "walletId": id, "again": again }),
        )
    }

    /// The words of a wallet, with the owner's approval. That they were given out is written before they are; a second time
    /// needs `again`, which the owner then sees.
    ///
    /// # Errors
    /// [`CustodyError::Approval`]; [`CustodyError::BackedUp`]; [`CustodyError::UnknownWallet`]; [`CustodyError::Entry`],
    /// [`CustodyError::Vault`].
    pub fn backup_wallet(
        &mut self,
        id: WalletId,
        again: bool,
        clearance: Clearance,
        now: Millis,
        rng: &dyn Rng,
    ) -> Result<(Zeroizing<String>, Option<Evidence>), CustodyError> {
        let evidence = clearance.spend(&Self::backup(id, again), now)?;
        let mut wallet = self.wallet_entry(id)?;
        if wallet.backed_up_at.is_some() && !again {
            return Err(CustodyError::BackedUp(id));
        }
        wallet.backed_up_at = Some(now);
        self.commit(rng, |vault| entry::write(vault, &id.entry_name(), &wallet))?;
        Ok((wallet.mnemonic()?.words(), evidence))
    }

    pub(crate) fn wallet_entry(&self, id: WalletId) -> Result<WalletEntry, CustodyError> {
        entry::read(&self.vault, &id.entry_name())?.ok_or(CustodyError::UnknownWallet(id))
    }

    fn wallet_ids(&self) -> Vec<WalletId> {
        let names = entry::below(&self.vault, WALLET);
        names.iter().filter_map(|name| name.parse().ok()).collect()
    }
}

impl fmt::Display for WalletId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        let mut rest = digits.as_str();
        let mut at = 0;
        for dash in DASHES {
            let (part, after) = rest.split_at_checked(dash - at).unwrap_or((rest, ""));
            write!(f, "{part}-")?;
            (rest, at) = (after, dash);
        }
        f.write_str(rest)
    }
}

impl fmt::Debug for WalletId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WalletId {
    type Err = CustodyError;

    /// Reads a lower-case UUID, with `wallet_` before it or not.
    ///
    /// # Errors
    /// [`CustodyError::Name`].
    fn from_str(text: &str) -> Result<Self, CustodyError> {
        let uuid = text.strip_prefix("wallet_").unwrap_or(text);
        let id = hex::decode_array(&uuid.replace('-', "")).map(Self);
        // one spelling: the dashes are where they belong
        id.ok().filter(|id| id.to_string() == uuid).ok_or(CustodyError::Name)
    }
}

impl Serialize for WalletId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WalletId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
