//! Operational keys: one for each operator, which signs its seals and bindings.

use chancery_base::{
    Millis, Rng,
    ed25519::{PublicKey, SecretKey, Signature},
    hex,
};
use chancery_keys::{Clearance, Evidence, Operation, RotationStatement, TrustTier, What, fingerprint};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use crate::custody::{Custody, OPERATOR};
use crate::entry::{self, Hidden};
use crate::error::CustodyError;
use crate::history::History;
use crate::name::KeyHolder;
use crate::wallet::WalletId;

/// What an entry holds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OperatorEntry {
    seed: Hidden<32>,
    created_at: Millis,
    /// The key that the history begins with.
    first: PublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wallet: Option<WalletId>,
    /// The last rotation, until it is known to be in the history, and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<RotationStatement>,
}

/// What may be known of a key in use (signet spec 8.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySummary {
    /// `key_` and 16 digits of the fingerprint.
    pub key_id: String,
    /// Whose it is.
    pub identity_id: KeyHolder,
    /// Of one group only; none of ours is.
    pub group_id: Option<String>,
    /// In hex.
    pub public_key: String,
    /// SHA-256 of the raw public key in hex.
    pub fingerprint: String,
    /// When it was made.
    #[serde(serialize_with = "iso")]
    pub created_at: Millis,
    /// When it took the place of another one.
    #[serde(serialize_with = "iso_or_null")]
    pub rotated_at: Option<Millis>,
    /// The operator; none for the key that `init` makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_id: Option<KeyHolder>,
    /// Always `operational`.
    pub tier: &'static str,
    /// What the root key is worth.
    pub trust_tier: TrustTier,
    /// The operator's wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wallet_id: Option<WalletId>,
    /// Who keeps it: `internal`.
    pub provider: &'static str,
}

/// The public part of a key, for those who check what it signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicKeyExport {
    /// `key_` and 16 digits of the fingerprint.
    pub key_id: String,
    /// Whose it is.
    pub identity_id: KeyHolder,
    /// In hex.
    pub public_key: String,
    /// SHA-256 of the raw public key in hex.
    pub fingerprint: String,
    /// What the root key is worth.
    pub trust_tier: TrustTier,
}

/// What [`Custody::init_operator`] made or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorKeys {
    /// The operator's wallet.
    pub wallet: WalletId,
    /// Whether it was made now.
    pub created_wallet: bool,
    /// The operator's key.
    pub key: KeySummary,
    /// Whether it was made now.
    pub created_key: bool,
}

/// A signature and the key that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// 64 bytes.
    pub signature: Signature,
    /// `key_` and 16 digits of the fingerprint.
    pub key_id: String,
    /// The public key.
    pub key: PublicKey,
}

/// A key that was in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetiredKey {
    /// The public key.
    pub key: PublicKey,
    /// Until when it signed.
    pub until: Millis,
}

/// A rotation that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Old key, new key and both signatures: what other parties are shown.
    pub statement: RotationStatement,
    /// The new key.
    pub key: KeySummary,
    /// How it was approved, if somebody had to be asked.
    pub evidence: Option<Evidence>,
}

impl OperatorEntry {
    pub(crate) fn new(wallet: Option<WalletId>, now: Millis, rng: &dyn Rng) -> Self {
        let seed = Hidden::random(rng);
        Self {
            first: SecretKey::from_seed(&seed.0).public(),
            seed,
            created_at: now,
            wallet,
            last: None,
        }
    }

    pub(crate) fn key(&self) -> SecretKey {
        SecretKey::from_seed(&self.seed.0)
    }

    fn rotations(&self) -> u64 {
        self.last.as_ref().map_or(0, |statement| statement.sequence)
    }

    fn history(&self, custody: &Custody, holder: &KeyHolder) -> History {
        History::new(custody.places.history(holder), holder, self.first, self.last.clone())
    }
}

pub(crate) fn entry_name(holder: &KeyHolder) -> String {
    format!("{OPERATOR}{holder}")
}

impl Custody {
    /// Gives an operator a key and a wallet. What is there stays, so a repeat changes nothing; `wallet` is made, with `label`,
    /// when the operator has none and none is named.
    ///
    /// # Errors
    /// [`CustodyError::UnknownWallet`]; [`CustodyError::OtherWallet`]; [`CustodyError::Label`]; [`CustodyError::Vault`].
    pub fn init_operator(
        &mut self,
        operator: &KeyHolder,
        wallet: Option<WalletId>,
        label: &str,
        now: Millis,
        rng: &dyn Rng,
    ) -> Result<OperatorKeys, CustodyError> {
        let name = entry_name(operator);
        let found: Option<OperatorEntry> = entry::read(&self.vault, &name)?;
        let created_key = found.is_none();
        let mut entry = found.unwrap_or_else(|| OperatorEntry::new(None, now, rng));
        if let Some(wallet) = wallet {
            self.wallet_entry(wallet)?;
        }
        let made = match (entry.wallet, wallet) {
            (Some(has), Some(wanted)) if has != wanted => {
                return Err(CustodyError::OtherWallet {
                    holder: operator.to_string(),
                    wallet: has,
                });
            }
            (Some(_), _) => None,
            (None, Some(_)) => None,
            (None, None) => Some(crate::wallet::WalletEntry::generate(label, now, rng)?),
        };
        let id = entry.wallet.or(wallet).unwrap_or_else(|| WalletId::generate(rng));
        let changed = created_key || entry.wallet.is_none();
        entry.wallet = Some(id);
        if changed {
            self.commit(rng, |vault| {
                if let Some(made) = &made {
                    entry::write(vault, &id.entry_name(), made)?;
                }
                entry::write(vault, &name, &entry)
            })?;
        }
        Ok(OperatorKeys {
            wallet: id,
            created_wallet: made.is_some(),
            key: self.summary(operator, &entry),
            created_key,
        })
    }

    /// Everybody who has an operational key, sorted.
    #[must_use]
    pub fn holders(&self) -> Vec<KeyHolder> {
        let names = entry::below(&self.vault, OPERATOR);
        names.iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// The key of `holder` that is in use.
    ///
    /// # Errors
    /// [`CustodyError::UnknownHolder`]; [`CustodyError::Entry`], [`CustodyError::Vault`].
    pub fn key(&self, holder: &KeyHolder) -> Result<KeySummary, CustodyError> {
        Ok(self.summary(holder, &self.operator_entry(holder)?))
    }

    /// The public part of the key of `holder` that is in use.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn export_public(&self, holder: &KeyHolder) -> Result<PublicKeyExport, CustodyError> {
        let KeySummary {
            key_id,
            identity_id,
            public_key,
            fingerprint,
            trust_tier,
            ..
        } = self.key(holder)?;
        Ok(PublicKeyExport {
            key_id,
            identity_id,
            public_key,
            fingerprint,
            trust_tier,
        })
    }

    /// Signs `message` with the key of `holder` that is in use.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn sign(&self, holder: &KeyHolder, message: &[u8]) -> Result<Signed, CustodyError> {
        let key = self.operator_entry(holder)?.key();
        Ok(Signed {
            signature: key.sign(message),
            key_id: fingerprint::key_id(&key.public()),
            key: key.public(),
        })
    }

    /// What [`rotate`](Self::rotate) does now, to be [asked](chancery_keys::Approvals::ask) for. It names the key that is in
    /// use, so that an approval is for that key and not for its successor.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn rotation(&self, holder: &KeyHolder) -> Result<What, CustodyError> {
        let key = self.operator_entry(holder)?.key().public();
        Ok(What::new(
            Operation::OperationalKeyRotation,
            "keys.rotate",
            json!({ "operator": holder, "keyId": fingerprint::key_id(&key) }),
        ))
    }

    /// Replaces the key of `holder`. The old private key is gone afterwards; its public half stays in the history.
    ///
    /// # Errors
    /// [`CustodyError::Approval`] when something else than [`rotation`](Self::rotation) was cleared. [`CustodyError::Io`] when
    /// the rotation before this one cannot be written to the history: nothing has changed then. When the history cannot be
    /// written afterwards, the rotation has happened, and the next reading or rotation writes it.
    pub fn rotate(
        &mut self,
        holder: &KeyHolder,
        clearance: Clearance,
        now: Millis,
        rng: &dyn Rng,
    ) -> Result<Rotated, CustodyError> {
        let evidence = clearance.spend(&self.rotation(holder)?, now)?;
        let before = self.operator_entry(holder)?;
        // the vault remembers one statement: the one before must be safe, unless the history is broken beyond that
        match before.history(self, holder).read() {
            Ok(_) | Err(CustodyError::History(_)) => {}
            Err(error) => return Err(error),
        }
        let seed = Hidden::random(rng);
        let new = SecretKey::from_seed(&seed.0);
        // a clock that was set back does not break the chain
        let now = before.last.as_ref().map_or(now, |last| last.rotated_at.max(now));
        let statement = RotationStatement::sign(
            holder.as_str(),
            before.rotations().saturating_add(1),
            &before.key(),
            &new,
            now,
        )?;
        let after = OperatorEntry {
            seed,
            created_at: now,
            last: Some(statement.clone()),
            ..before
        };
        self.commit(rng, |vault| entry::write(vault, &entry_name(holder), &after))?;
        // it has happened: what cannot be written now is repeated from the vault
        let _ = after.history(self, holder).read();
        Ok(Rotated {
            statement,
            key: self.summary(holder, &after),
            evidence,
        })
    }

    /// The keys that `holder` had before, oldest first, each checked by the statement that ended it.
    ///
    /// # Errors
    /// [`CustodyError::History`] when one is missing or was changed; as [`key`](Self::key); [`CustodyError::Io`].
    pub fn history(&self, holder: &KeyHolder) -> Result<Vec<RetiredKey>, CustodyError> {
        let statements = self.rotations(holder)?;
        let retired = statements.iter().map(|statement| RetiredKey {
            key: statement.old_key,
            until: statement.rotated_at,
        });
        Ok(retired.collect())
    }

    /// The same as the statements that other parties can check.
    ///
    /// # Errors
    /// As [`history`](Self::history).
    pub fn rotations(&self, holder: &KeyHolder) -> Result<Vec<RotationStatement>, CustodyError> {
        self.operator_entry(holder)?.history(self, holder).read()
    }

    fn operator_entry(&self, holder: &KeyHolder) -> Result<OperatorEntry, CustodyError> {
        entry::read(&self.vault, &entry_name(holder))?.ok_or_else(|| CustodyError::UnknownHolder(holder.to_string()))
    }

    fn summary(&self, holder: &KeyHolder, entry: &OperatorEntry) -> KeySummary {
        let key = entry.key().public();
        let is_operator = *holder != KeyHolder::default_key();
        KeySummary {
            key_id: fingerprint::key_id(&key),
            identity_id: holder.clone(),
            group_id: None,
            public_key: hex::encode(key.to_bytes()),
            fingerprint: fingerprint::of(&key),
            created_at: entry.created_at,
            rotated_at: entry.last.as_ref().map(|last| last.rotated_at),
            operator_id: is_operator.then(|| holder.clone()),
            tier: "operational",
            trust_tier: self.trust_tier(),
            wallet_id: entry.wallet,
            provider: "internal",
        }
    }
}

pub(crate) fn iso<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

fn iso_or_null<S: Serializer>(at: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => iso(at, serializer),
        None => serializer.serialize_none(),
    }
}
