//! An open vault.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use chancery_base::Rng;
use zeroize::Zeroizing;

use crate::crypt::{self, Key};
use crate::document::{Body, Document, FORMAT, Keys, VaultId, WrappedKey};
use crate::error::VaultError;
use crate::folder::Folder;
use crate::limits::{MAX_ENTRIES, MAX_VALUE_BYTES, check_name};
use crate::secret::Secret;
use crate::source::{KeySource, Slot, SourceKind, random_key};
use crate::witness::{self, LastSeen};

/// A vault whose key was given. [`set`](Self::set) and [`delete`](Self::delete) change memory; [`save`](Self::save) writes.
pub struct Vault {
    pub(crate) folder: Folder,
    name: String,
    document: Document,
    keys: Keys,
    /// What is not written yet; `None` deletes.
    pending: BTreeMap<String, Option<Secret>>,
}

/// What opening a vault asks for beyond its key.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// A state known from elsewhere: an older vault is refused.
    pub expect: Option<LastSeen>,
    /// Takes the file as the newest state although the counter beside it says otherwise or is missing: for somebody who
    /// restored a backup and says so. The counter follows the file then. `expect` is not lifted by it.
    pub accept_this_state: bool,
}

/// How a write changes the keys.
enum Rekey {
    /// Not.
    Keep,
    /// Another source opens the vault; the master stays.
    Wrap(Slot, Key),
    /// The master is new.
    Rotate,
}

impl Vault {
    /// Makes an empty vault at `path`, opened by `source`; never over a file that is there. The folder must be there, ours
    /// and of mode 0700. Takes a while with a passphrase.
    ///
    /// # Errors
    /// [`VaultError::Exists`]; [`VaultError::PassphraseTooShort`]; [`VaultError::Permissions`] and [`VaultError::Owner`]
    /// of the folder; those of the source; [`VaultError::Io`].
    pub fn create(path: &Path, source: &KeySource, rng: &dyn Rng) -> Result<Self, VaultError> {
        let (folder, name) = Folder::of(path)?;
        Self::create_in(folder, name, source, rng)
    }

    pub(crate) fn create_in(
        folder: Folder,
        name: String,
        source: &KeySource,
        rng: &dyn Rng,
    ) -> Result<Self, VaultError> {
        let free = || match folder.has(&name)? {
            true => Err(VaultError::Exists(folder.path_of(&name))),
            false => Ok(()),
        };
        // before a key is made, and again where nobody else can come between
        free()?;
        let (document, keys) = fresh(source, BTreeMap::new(), rng)?;
        let lock = folder.lock(&name)?;
        free()?;
        // the counter first: a vault without one is always a sign
        witness::write(&folder, &name, LastSeen::of(&document), &keys)?;
        folder.create(&name, &document.encode()?)?;
        drop(lock);
        Ok(Self {
            folder,
            name,
            document,
            keys,
            pending: BTreeMap::new(),
        })
    }

    /// Opens the vault at `path` with `source`. The file must be ours, of mode 0600 and no link, its folder ours and of
    /// mode 0700. Takes a while with a passphrase.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::WrongKey`], [`VaultError::WrongSource`] and those of the source;
    /// [`VaultError::Corrupt`]; [`VaultError::Unsupported`] (1: [migrate](crate::migrate) it); [`VaultError::RolledBack`],
    /// [`VaultError::Unwitnessed`]; [`VaultError::Permissions`], [`VaultError::Owner`], [`VaultError::NotAFile`];
    /// [`VaultError::Io`].
    pub fn open(path: &Path, source: &KeySource) -> Result<Self, VaultError> {
        Self::open_as(path, source, &Opening::default())
    }

    /// As [`open`](Self::open), asking for what `opening` says.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_as(path: &Path, source: &KeySource, opening: &Opening) -> Result<Self, VaultError> {
        let (folder, name) = Folder::of(path)?;
        Self::open_in(folder, name, source, opening)
    }

    pub(crate) fn open_in(
        folder: Folder,
        name: String,
        source: &KeySource,
        opening: &Opening,
    ) -> Result<Self, VaultError> {
        let lock = folder.lock(&name)?;
        let bytes = folder
            .read(&name)?
            .ok_or_else(|| VaultError::NotFound(folder.path_of(&name)))?;
        let seen = folder.read(&witness::name_of(&name))?;
        // both are of one moment; nobody else waits while a person types
        drop(lock);
        let document = Document::parse(&bytes)?;
        let id = document.body.vault_id;
        let keys = document.body.key.unwrap(id, &source.key(document.body.key.slot())?)?;
        document.authenticate(&keys)?;
        let found = LastSeen::of(&document);
        if let Some(expected) = &opening.expect {
            expected.check(&found)?;
        }
        let vault = Self {
            folder,
            name,
            document,
            keys,
            pending: BTreeMap::new(),
        };
        let seen = witness::read(seen.as_ref().map(|seen| seen.as_slice()), &vault.keys);
        match seen.and_then(|seen| seen.check(&found).map(|()| seen)) {
            Ok(seen) if seen == found => {}
            // somebody stopped between vault and counter: until the counter is there the old vault could come back
            Ok(_) => vault.witness(false)?,
            Err(_) if opening.accept_this_state => vault.witness(true)?,
            Err(error) => return Err(error),
        }
        Ok(vault)
    }

    /// Writes the counter of this state, unless the one on the disk is a later one (`always`: even then).
    fn witness(&self, always: bool) -> Result<(), VaultError> {
        let _lock = self.folder.lock(&self.name)?;
        let now = LastSeen::of(&self.document);
        let on_disk = self.folder.read(&witness::name_of(&self.name))?;
        let later = witness::read(on_disk.as_ref().map(|bytes| bytes.as_slice()), &self.keys)
            .is_ok_and(|seen| seen.counter >= now.counter);
        if later && !always {
            return Ok(());
        }
        witness::write(&self.folder, &self.name, now, &self.keys)
    }

    /// The secret of this name, as it will be after the next [`save`](Self::save).
    ///
    /// # Errors
    /// [`VaultError::CorruptEntry`].
    pub fn get(&self, name: &str) -> Result<Option<Secret>, VaultError> {
        if let Some(pending) = self.pending.get(name) {
            return Ok(pending.clone());
        }
        let body = &self.document.body;
        let sealed = body.entries.get(name);
        sealed
            .map(|sealed| Ok(Secret::new(self.keys.open(body.vault_id, name, sealed)?)))
            .transpose()
    }

    /// Gives `name` a secret, in memory.
    ///
    /// # Errors
    /// [`VaultError::Name`]; [`VaultError::TooLarge`].
    pub fn set(&mut self, name: &str, value: Secret) -> Result<(), VaultError> {
        check_name(name)?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(VaultError::TooLarge("a secret"));
        }
        self.pending.insert(name.to_owned(), Some(value));
        Ok(())
    }

    /// Takes `name` away, in memory. Whether it was there.
    pub fn delete(&mut self, name: &str) -> bool {
        let was_there = self.contains(name);
        if was_there {
            self.pending.insert(name.to_owned(), None);
        }
        was_there
    }

    /// Whether there is an entry of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self.pending.get(name) {
            Some(pending) => pending.is_some(),
            None => self.document.body.entries.contains_key(name),
        }
    }

    /// The names of all entries, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let saved = self.document.body.entries.keys();
        let mut names: Vec<_> = saved.chain(self.pending.keys()).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| self.contains(name));
        names
    }

    /// Writes what was set and deleted, as one step: after a crash the file is the old or the new one. What other
    /// processes wrote meanwhile to other entries is kept.
    ///
    /// # Errors
    /// [`VaultError::Conflict`] when somebody else changed one of the same entries, [`VaultError::Replaced`] when the vault
    /// was rotated, replaced or removed: nothing is written then, and [`reload`](Self::reload) or opening it anew goes on.
    /// [`VaultError::RolledBack`] when the file on the disk is older than the one that was read.
    /// [`VaultError::TooLarge`]; [`VaultError::Io`], after which another `save` tries again.
    pub fn save(&mut self, rng: &dyn Rng) -> Result<(), VaultError> {
        self.write(Rekey::Keep, rng)
    }

    /// Lets another source open the vault, a new passphrase or another kind, and the old one no more. What was set and
    /// deleted is written, too. The master key stays: whoever has the old key **and** an old copy of the file can compute
    /// it, so a key that became known asks for [`rotate`](Self::rotate) as well. A former key in the keyring stays there.
    ///
    /// # Errors
    /// As [`save`](Self::save) and [`create`](Self::create).
    pub fn change_key(&mut self, source: &KeySource, rng: &dyn Rng) -> Result<(), VaultError> {
        let (slot, key) = source.enroll(rng)?;
        self.write(Rekey::Wrap(slot, key), rng)
    }

    /// Makes a new master key and encrypts every entry anew. What was set and deleted is written, too. Other processes
    /// that have the vault open must open it again. Keys that were [derived](Self::derive) stay what they are: they
    /// encrypt and sign what lies elsewhere.
    ///
    /// # Errors
    /// As [`save`](Self::save); [`VaultError::CorruptEntry`].
    pub fn rotate(&mut self, rng: &dyn Rng) -> Result<(), VaultError> {
        self.write(Rekey::Rotate, rng)
    }

    /// A key of 32 bytes for another use, the same each time for the same `domain`, such as `skills.trust`; of two domains
    /// neither tells about the other (HKDF-SHA256, RFC 5869). Survives [`rotate`](Self::rotate) and
    /// [`change_key`](Self::change_key).
    ///
    /// # Errors
    /// [`VaultError::Name`] when `domain` could not name an entry.
    pub fn derive(&self, domain: &str) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        check_name(domain)?;
        let id = self.document.body.vault_id;
        Ok(crypt::derive(self.keys.root.as_slice(), &id.0, "domain", domain))
    }

    /// Forgets what was set and deleted, and takes the state on the disk.
    ///
    /// # Errors
    /// [`VaultError::Replaced`] when these keys do not open it any more; otherwise as [`open`](Self::open).
    pub fn reload(&mut self) -> Result<(), VaultError> {
        self.pending.clear();
        let _lock = self.folder.lock(&self.name)?;
        self.document = self.on_disk()?;
        Ok(())
    }

    /// This state, to be kept where whoever writes the file cannot write.
    #[must_use]
    pub fn last_seen(&self) -> LastSeen {
        LastSeen::of(&self.document)
    }

    /// The random name of the vault.
    #[must_use]
    pub fn id(&self) -> VaultId {
        self.document.body.vault_id
    }

    /// What opens it.
    #[must_use]
    pub fn source(&self) -> SourceKind {
        self.document.body.key.slot().kind()
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }

    /// What is on the disk, as far as our keys vouch for it. Under the lock.
    fn on_disk(&self) -> Result<Document, VaultError> {
        let bytes = self.folder.read(&self.name)?.ok_or(VaultError::Replaced)?;
        let current = Document::parse(&bytes)?;
        if current.body.vault_id != self.document.body.vault_id || current.authenticate(&self.keys).is_err() {
            return Err(VaultError::Replaced);
        }
        LastSeen::of(&self.document).check(&LastSeen::of(&current))?;
        Ok(current)
    }

    fn write(&mut self, rekey: Rekey, rng: &dyn Rng) -> Result<(), VaultError> {
        let _lock = self.folder.lock(&self.name)?;
        let current = self.on_disk()?;
        let ours = &self.document.body.entries;
        let changed = |name: &&String| ours.get(*name) != current.body.entries.get(*name);
        if let Some(name) = self.pending.keys().find(changed) {
            return Err(VaultError::Conflict(name.clone()));
        }
        if self.pending.is_empty() && matches!(rekey, Rekey::Keep) {
            // nothing to write, but what an earlier save did not finish
            self.document = current;
            self.folder.sync(&self.name)?;
            return witness::write(&self.folder, &self.name, LastSeen::of(&self.document), &self.keys);
        }
        let mut body = current.body;
        body.counter += 1;
        let keys = self.rekey(&mut body, rekey, rng)?;
        for (name, value) in &self.pending {
            match value {
                Some(value) => {
                    let nonce = (&rng).bytes();
                    let sealed = keys.seal(body.vault_id, name, body.counter, nonce, value.as_bytes())?;
                    body.entries.insert(name.clone(), sealed);
                }
                None => {
                    body.entries.remove(name);
                }
            }
        }
        if body.entries.len() > MAX_ENTRIES {
            return Err(VaultError::TooLarge("the entries of a vault"));
        }
        let document = Document::close(body, &keys)?;
        self.folder.replace(&self.name, &document.encode()?)?;
        // from here on it is so
        self.document = document;
        self.keys = keys;
        self.pending.clear();
        self.folder.sync(&self.name)?;
        witness::write(&self.folder, &self.name, LastSeen::of(&self.document), &self.keys)
    }

    /// The keys after the write, with `body` wrapped and sealed under them.
    fn rekey(&self, body: &mut Body, rekey: Rekey, rng: &dyn Rng) -> Result<Keys, VaultError> {
        let mut keys = self.keys.clone();
        let id = body.vault_id;
        match rekey {
            Rekey::Keep => {}
            Rekey::Wrap(slot, key) => body.key = WrappedKey::wrap(id, slot, &key, &mut keys, (&rng).bytes())?,
            Rekey::Rotate => {
                if !body.key.is_wrapped_by(&self.keys) {
                    // another process changed the key: ours would wrap for one that is out of use
                    return Err(VaultError::Replaced);
                }
                keys.master = random_key(rng);
                for (name, entry) in &mut body.entries {
                    let plain = self.keys.open(id, name, entry)?;
                    *entry = keys.seal(id, name, body.counter, (&rng).bytes(), &plain)?;
                }
                body.key = body.key.rewrap(id, &keys, (&rng).bytes())?;
            }
        }
        Ok(keys)
    }
}

/// A new vault with these entries, and its keys.
pub(crate) fn fresh(
    source: &KeySource,
    entries: BTreeMap<String, Secret>,
    rng: &dyn Rng,
) -> Result<(Document, Keys), VaultError> {
    let vault_id = VaultId((&rng).bytes());
    let (slot, key) = source.enroll(rng)?;
    let mut keys = Keys {
        kek: Key::default(),
        check: String::new(),
        master: random_key(rng),
        root: random_key(rng),
    };
    let wrapped = WrappedKey::wrap(vault_id, slot, &key, &mut keys, (&rng).bytes())?;
    let counter = 1;
    let sealed = entries.into_iter().map(|(name, value)| {
        let sealed = keys.seal(vault_id, &name, counter, (&rng).bytes(), value.as_bytes())?;
        Ok((name, sealed))
    });
    let body = Body {
        format: FORMAT,
        vault_id,
        counter,
        key: wrapped,
        entries: sealed.collect::<Result<_, VaultError>>()?,
    };
    Ok((Document::close(body, &keys)?, keys))
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("path", &self.path())
            .field("last_seen", &self.last_seen())
            .finish_non_exhaustive()
    }
}
