//! The file of a vault.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chancery_base::{b64, digest, json};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::crypt::{self, Key, NONCE_BYTES};
use crate::error::VaultError;
use crate::limits::{MAX_COUNTER, MAX_ENTRIES, MAX_FILE_BYTES, check_name};
use crate::source::Slot;

/// The format written here.
pub(crate) const FORMAT: u64 = 2;
/// Bytes of what is wrapped: the master key, and the root of the keys derived for others.
const WRAPPED_BYTES: usize = 64;

/// The random name of a vault, which all its keys are bound to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VaultId(pub [u8; 16]);

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&b64::encode(self.0))
    }
}

impl fmt::Debug for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VaultId {
    type Err = b64::DecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        b64::decode_array(text).map(Self)
    }
}

impl Serialize for VaultId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VaultId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// All of a vault file: one JSON object without white space around it, so that no part of it is an object, too.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    #[serde(flatten)]
    pub(crate) body: Body,
    /// HMAC-SHA256 by a key of the master's over the canonical form of the body: header and entries hold together.
    mac: String,
    /// SHA-256 over body and tag, by no key: tells damage from a wrong passphrase, and protects nothing.
    checksum: String,
}

/// Everything that the tag covers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body {
    pub(crate) format: u64,
    pub(crate) vault_id: VaultId,
    /// Rises with every change of the file.
    pub(crate) counter: u64,
    pub(crate) key: WrappedKey,
    pub(crate) entries: BTreeMap<String, Sealed>,
}

/// The master key, wrapped by the key that opens the vault.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrappedKey {
    slot: Slot,
    /// Says whether a key is the right one, before anything is opened with it.
    check: String,
    nonce: String,
    wrapped: String,
}

/// One secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sealed {
    /// The file's counter when it was written.
    pub(crate) counter: u64,
    nonce: String,
    sealed: String,
}

/// The keys of an open vault.
#[derive(Clone)]
pub(crate) struct Keys {
    /// Wraps the other two.
    pub(crate) kek: Key,
    /// The check that goes with it, which is public.
    pub(crate) check: String,
    /// Every entry has a key of it.
    pub(crate) master: Key,
    /// Keys for others are derived from it; it outlives the master.
    pub(crate) root: Key,
}

/// What is bound into the tag of a wrapped key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrapContext<'a> {
    format: u64,
    vault_id: VaultId,
    slot: &'a Slot,
    check: &'a str,
}

/// What is bound into the tag of an entry (spec 10.4).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryContext<'a> {
    format: u64,
    vault_id: VaultId,
    name: &'a str,
    counter: u64,
}

/// A context as additional data.
fn aad(context: &impl Serialize) -> Vec<u8> {
    // structs of texts and numbers have a canonical form
    json::canonical(context).unwrap_or_default().into_bytes()
}

impl WrappedKey {
    pub(crate) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The key that opens the vault, from what its source gives.
    fn kek(id: VaultId, source: &Key) -> Key {
        crypt::derive(source.as_slice(), &id.0, "key-encryption", "")
    }

    fn check_of(id: VaultId, source: &Key) -> String {
        b64::encode(crypt::derive(source.as_slice(), &id.0, "key-check", "").as_slice())
    }

    /// Wraps the keys of vault `id` for a source that gave `slot` and `source`; `keys.kek` is replaced.
    pub(crate) fn wrap(
        id: VaultId,
        slot: Slot,
        source: &Key,
        keys: &mut Keys,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Self, VaultError> {
        keys.kek = Self::kek(id, source);
        keys.check = Self::check_of(id, source);
        Self::wrap_in(id, slot, keys, nonce)
    }

    /// Whether these keys have the one that wrapped this.
    pub(crate) fn is_wrapped_by(&self, keys: &Keys) -> bool {
        self.check == keys.check
    }

    /// Wraps changed keys for the same source.
    pub(crate) fn rewrap(&self, id: VaultId, keys: &Keys, nonce: [u8; NONCE_BYTES]) -> Result<Self, VaultError> {
        Self::wrap_in(id, self.slot.clone(), keys, nonce)
    }

    fn wrap_in(id: VaultId, slot: Slot, keys: &Keys, nonce: [u8; NONCE_BYTES]) -> Result<Self, VaultError> {
        let check = keys.check.clone();
        let context = WrapContext {
            format: FORMAT,
            vault_id: id,
            slot: &slot,
            check: &check,
        };
        let both = Zeroizing::new([keys.master.as_slice(), keys.root.as_slice()].concat());
        let wrapped = crypt::seal(&keys.kek, &nonce, &aad(&context), &both).ok_or(VaultError::TooLarge("a key"))?;
        Ok(Self {
            wrapped: b64::encode(wrapped),
            nonce: b64::encode(nonce),
            slot,
            check,
        })
    }

    /// The keys, with what the source gives.
    pub(crate) fn unwrap(&self, id: VaultId, source: &Key) -> Result<Keys, VaultError> {
        let check = Self::check_of(id, source);
        if !digest::secrets_equal(check.as_bytes(), self.check.as_bytes()) {
            return Err(VaultError::WrongKey);
        }
        let corrupt = || VaultError::Corrupt("its wrapped key");
        let context = WrapContext {
            format: FORMAT,
            vault_id: id,
            slot: &self.slot,
            check: &self.check,
        };
        let kek = Self::kek(id, source);
        let nonce = b64::decode_array(&self.nonce).map_err(|_| corrupt())?;
        let wrapped = b64::decode(&self.wrapped).map_err(|_| corrupt())?;
        let both = crypt::open(&kek, &nonce, &aad(&context), &wrapped).ok_or_else(corrupt)?;
        let mut keys = Keys {
            kek,
            check,
            master: Key::default(),
            root: Key::default(),
        };
        let (master, root) = both.split_at_checked(WRAPPED_BYTES / 2).ok_or_else(corrupt)?;
        if both.len() != WRAPPED_BYTES {
            return Err(corrupt());
        }
        keys.master.copy_from_slice(master);
        keys.root.copy_from_slice(root);
        Ok(keys)
    }
}

impl Keys {
    pub(crate) fn seal(
        &self,
        id: VaultId,
        name: &str,
        counter: u64,
        nonce: [u8; NONCE_BYTES],
        value: &[u8],
    ) -> Result<Sealed, VaultError> {
        let key = crypt::derive(self.master.as_slice(), &id.0, "entry", name);
        let context = EntryContext {
            format: FORMAT,
            vault_id: id,
            name,
            counter,
        };
        let sealed = crypt::seal(&key, &nonce, &aad(&context), value).ok_or(VaultError::TooLarge("a secret"))?;
        Ok(Sealed {
            counter,
            nonce: b64::encode(nonce),
            sealed: b64::encode(sealed),
        })
    }

    pub(crate) fn open(&self, id: VaultId, name: &str, entry: &Sealed) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let corrupt = || VaultError::CorruptEntry(name.to_owned());
        let key = crypt::derive(self.master.as_slice(), &id.0, "entry", name);
        let context = EntryContext {
            format: FORMAT,
            vault_id: id,
            name,
            counter: entry.counter,
        };
        let nonce = b64::decode_array(&entry.nonce).map_err(|_| corrupt())?;
        let sealed = b64::decode(&entry.sealed).map_err(|_| corrupt())?;
        crypt::open(&key, &nonce, &aad(&context), &sealed).ok_or_else(corrupt)
    }

    /// The tag of a file with this canonical body.
    fn mac(&self, id: VaultId, body: &str) -> String {
        let key = crypt::derive(self.master.as_slice(), &id.0, "file", "");
        b64::encode(crypt::mac(&key, body.as_bytes()))
    }
}

impl Document {
    /// Puts a body under its tag.
    pub(crate) fn close(body: Body, keys: &Keys) -> Result<Self, VaultError> {
        body.check()?;
        let text = body.canonical()?;
        let mac = keys.mac(body.vault_id, &text);
        let checksum = checksum(&text, &mac);
        Ok(Self { body, mac, checksum })
    }

    /// Reads a file. Everything that needs no key is checked.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(VaultError::TooLarge("a vault file"));
        }
        match format(bytes)? {
            FORMAT => {}
            found => return Err(VaultError::Unsupported { found }),
        }
        let document: Self = json::from_slice_exact(bytes).map_err(|_| VaultError::Corrupt("its form"))?;
        let text = document.body.canonical()?;
        if document.checksum != checksum(&text, &document.mac) {
            return Err(VaultError::Corrupt("its checksum"));
        }
        document.body.check()?;
        Ok(document)
    }

    /// Checks that header and entries are those that the holder of the keys put together.
    pub(crate) fn authenticate(&self, keys: &Keys) -> Result<(), VaultError> {
        let mac = keys.mac(self.body.vault_id, &self.body.canonical()?);
        if digest::secrets_equal(mac.as_bytes(), self.mac.as_bytes()) {
            Ok(())
        } else {
            Err(VaultError::Corrupt("its header and entries do not belong together"))
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, VaultError> {
        let text = json::canonical(self).map_err(|_| VaultError::Corrupt("its form"))?;
        if text.len() > MAX_FILE_BYTES {
            return Err(VaultError::TooLarge("a vault file"));
        }
        Ok(text.into_bytes())
    }

    /// Names this state of the vault.
    pub(crate) fn state(&self) -> &str {
        &self.mac
    }
}

impl Body {
    fn canonical(&self) -> Result<String, VaultError> {
        json::canonical(self).map_err(|_| VaultError::Corrupt("its form"))
    }

    /// What any file must hold to, tag or no tag.
    fn check(&self) -> Result<(), VaultError> {
        let names_fit = self.entries.keys().all(|name| check_name(name).is_ok());
        let counters_fit = self
            .entries
            .values()
            .all(|entry| (1..=self.counter).contains(&entry.counter));
        if self.entries.len() > MAX_ENTRIES {
            return Err(VaultError::TooLarge("the entries of a vault"));
        }
        if !names_fit || !counters_fit || self.counter == 0 || self.counter > MAX_COUNTER {
            return Err(VaultError::Corrupt("its names or counters"));
        }
        if let Slot::Passphrase { kdf } = self.key.slot()
            && !kdf.is_acceptable()
        {
            return Err(VaultError::Corrupt(
                "its key derivation asks for too little or too much",
            ));
        }
        Ok(())
    }
}

fn checksum(body: &str, mac: &str) -> String {
    digest::sha256_b64([body.as_bytes(), b"\n", mac.as_bytes()].concat())
}

/// The format that a vault file says it has: `version` is the original's word.
pub(crate) fn format(bytes: &[u8]) -> Result<u64, VaultError> {
    let no_vault = VaultError::Corrupt("it is no vault");
    let Ok(Value::Object(members)) = json::from_slice_strict(bytes) else {
        return Err(no_vault);
    };
    let number = |name| members.get(name).and_then(Value::as_u64);
    match (number("format"), number("version")) {
        (Some(format), None) => Ok(format),
        // 2 and more never had this word
        (None, Some(version)) => Ok(version),
        _ => Err(no_vault),
    }
}
