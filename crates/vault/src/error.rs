//! What can go wrong with a vault.

use std::io;
use std::path::{Path, PathBuf};

use chancery_base::{Category, ErrorCode};

use crate::source::SourceKind;

/// A failure of a vault. None of them quotes a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// There is no vault.
    #[error("there is no vault at {}", .0.display())]
    NotFound(PathBuf),
    /// There is one already; it stays as it is.
    #[error("there is a file at {} already", .0.display())]
    Exists(PathBuf),
    /// The key does not open this vault.
    #[error("the key or passphrase does not open this vault")]
    WrongKey,
    /// The vault is opened by another kind of key.
    #[error("the vault opens with a {expected}, not with a {given}")]
    WrongSource {
        /// What the vault opens with.
        expected: SourceKind,
        /// What was given.
        given: SourceKind,
    },
    /// The file is damaged or was changed.
    #[error("the vault is damaged or was changed: {0}")]
    Corrupt(&'static str),
    /// One entry is damaged or was changed (version 1, which has nothing that holds its entries together).
    #[error("entry {0:?} of the vault is damaged or was changed")]
    CorruptEntry(String),
    /// The file is of a format that this function does not read.
    #[error("the vault has format {found}, which is not read here")]
    Unsupported {
        /// Its format.
        found: u64,
    },
    /// The file is an older state of the vault, or another one of the same age, than was seen last.
    #[error("the vault is at change {found}, but change {seen} was seen: an older or another state was put back")]
    RolledBack {
        /// Changes that the file has seen.
        found: u64,
        /// Changes that the vault has seen.
        seen: u64,
    },
    /// Nothing shows that the file is the newest state of the vault.
    #[error("nothing shows that this is the newest state of the vault: {0}")]
    Unwitnessed(&'static str),
    /// Somebody else changed the same entry meanwhile; nothing was written.
    #[error("entry {0:?} was changed by another process meanwhile")]
    Conflict(String),
    /// Somebody else rotated, replaced or removed the vault meanwhile; nothing was written.
    #[error("the vault was rotated, replaced or removed by another process meanwhile")]
    Replaced,
    /// A file or folder that others can read or write. The words are the original's.
    #[error("Unsafe permissions on {}: mode is {mode:04o}, expected {expected:04o}. Fix with: chmod {expected:04o} {}", path.display(), path.display())]
    Permissions {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode it must have.
        expected: u32,
    },
    /// A file or folder of another user.
    #[error("{} belongs to user {owner}", path.display())]
    Owner {
        /// The file or folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// A symbolic link, a device or the like in the place of a file.
    #[error("{} is no ordinary file", .0.display())]
    NotAFile(PathBuf),
    /// The name of an entry is empty, too long, or has control characters.
    #[error("the name of a vault entry is 1 to 255 bytes of text without control characters")]
    Name,
    /// The named thing is larger than its [limit](crate::limits).
    #[error("too large for a vault: {0}")]
    TooLarge(&'static str),
    /// The passphrase is too short for a new vault.
    #[error("a passphrase has at least 8 characters")]
    PassphraseTooShort,
    /// A key file, credential or stored key is not 32 bytes.
    #[error("{0} does not hold a key of 32 bytes")]
    NotAKey(String),
    /// There is an entry of this name already.
    #[error("there is an entry {0:?} already")]
    EntryExists(String),
    /// The keyring program could not be run, or refused.
    #[error("the keyring refused: {0}")]
    Keyring(String),
    /// The key is not in the keyring, the credentials or the file where it should be.
    #[error("there is no key in {0}")]
    NoKey(String),
    /// A key could not be derived: the parameters ask for more than this machine has.
    #[error("the key could not be derived from the passphrase")]
    Derivation,
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl VaultError {
    pub(crate) fn io(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

impl ErrorCode for VaultError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "VAULT_NOT_FOUND",
            Self::Exists(_) => "VAULT_EXISTS",
            Self::WrongKey => "VAULT_WRONG_KEY",
            Self::WrongSource { .. } => "VAULT_WRONG_KEY_SOURCE",
            Self::Corrupt(_) | Self::CorruptEntry(_) => "VAULT_CORRUPT",
            Self::Unsupported { .. } => "VAULT_UNSUPPORTED",
            Self::RolledBack { .. } => "VAULT_ROLLED_BACK",
            Self::Unwitnessed(_) => "VAULT_UNWITNESSED",
            Self::Conflict(_) => "VAULT_CONFLICT",
            Self::Replaced => "VAULT_REPLACED",
            Self::Permissions { .. } => "VAULT_PERMISSIONS",
            Self::Owner { .. } => "VAULT_OWNER",
            Self::NotAFile(_) => "VAULT_NOT_A_FILE",
            Self::Name => "VAULT_NAME_INVALID",
            Self::TooLarge(_) => "VAULT_TOO_LARGE",
            Self::PassphraseTooShort => "VAULT_PASSPHRASE_TOO_SHORT",
            Self::NotAKey(_) => "VAULT_KEY_INVALID",
            Self::EntryExists(_) => "VAULT_ENTRY_EXISTS",
            Self::Keyring(_) => "VAULT_KEYRING_FAILED",
            Self::NoKey(_) => "VAULT_KEY_NOT_FOUND",
            Self::Derivation => "VAULT_DERIVATION_FAILED",
            Self::Io { .. } => "VAULT_IO",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::NotFound(_) | Self::NoKey(_) => Category::NotFound,
            Self::Exists(_) | Self::EntryExists(_) | Self::Conflict(_) | Self::Replaced => Category::Conflict,
            Self::WrongKey | Self::WrongSource { .. } => Category::Unauthenticated,
            Self::Permissions { .. } | Self::Owner { .. } | Self::NotAFile(_) => Category::Forbidden,
            Self::Name | Self::TooLarge(_) | Self::PassphraseTooShort | Self::NotAKey(_) | Self::Unsupported { .. } => {
                Category::Input
            }
            Self::Keyring(_) => Category::Unavailable,
            Self::Corrupt(_)
            | Self::CorruptEntry(_)
            | Self::RolledBack { .. }
            | Self::Unwitnessed(_)
            | Self::Derivation
            | Self::Io { .. } => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unsupported { found: 1 } => Some("migrate it: the old file is kept as a backup"),
            Self::Unsupported { .. } => Some("run the version of the program that wrote it, or a later one"),
            Self::RolledBack { .. } | Self::Unwitnessed(_) => {
                Some("restore vault and counter file together, or accept this state if you restored it yourself")
            }
            Self::Conflict(_) | Self::Replaced => Some("open the vault anew and repeat the change"),
            Self::Keyring(_) => Some("install secret-tool (libsecret) and unlock the keyring"),
            Self::Corrupt(_) | Self::CorruptEntry(_) => Some("restore vault and counter file from a backup"),
            _ => None,
        }
    }
}
