//! What can go wrong with keys at rest.

use std::io;
use std::path::{Path, PathBuf};

use chancery_base::{Category, ErrorCode};
use chancery_keys::{ApprovalError, DerivationError, Infeasible, MnemonicError, RotationError};
use chancery_terminal::Failure;
use chancery_vault::VaultError;

use crate::wallet::WalletId;

/// A failure of custody. None of them quotes a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CustodyError {
    /// The vault refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// There are no keys here yet.
    #[error("there are no keys at {}", .0.display())]
    NotInitialised(PathBuf),
    /// A name of a holder or an inbox is not 1 to 64 letters, digits, `_` and `-`.
    #[error("a name has 1 to 64 letters, digits, _ and -")]
    Name,
    /// A label is not 1 to 128 bytes of text without control characters.
    #[error("a label has 1 to 128 bytes of text without control characters")]
    Label,
    /// This operator has no key.
    #[error("{0} has no key")]
    UnknownHolder(String),
    /// There is no such wallet.
    #[error("there is no wallet {0}")]
    UnknownWallet(WalletId),
    /// The words are those of a wallet that is here.
    #[error("these are the words of wallet {0}, which is here already")]
    WalletExists(WalletId),
    /// The operator has another wallet.
    #[error("{holder} has wallet {wallet} already")]
    OtherWallet {
        /// The operator.
        holder: String,
        /// Its wallet.
        wallet: WalletId,
    },
    /// The words were shown before.
    #[error("the words of wallet {0} were shown before")]
    BackedUp(WalletId),
    /// A wallet has no more accounts.
    #[error("wallet {0} has no more accounts")]
    Exhausted(WalletId),
    /// There is no such inbox.
    #[error("there are no keys of inbox {0}")]
    UnknownInbox(String),
    /// The inbox, or another one with the same identity, has its keys already.
    #[error("inbox {0} has this identity already")]
    InboxExists(String),
    /// An entry of the vault is not what we write.
    #[error("entry {0:?} of the vault is not one of ours")]
    Entry(String),
    /// The history of a key has a gap or was changed: what it signed before its last rotation cannot be checked.
    #[error("the rotations of {0} are not all there, or were changed")]
    History(String),
    /// The root key is another one than is pinned.
    #[error("the root key is not the one that these keys were made under")]
    RootChanged,
    /// Nobody can be asked.
    #[error(transparent)]
    Infeasible(#[from] Infeasible),
    /// There is no terminal to ask at.
    #[error("the owner cannot be asked: {0}")]
    NoTerminal(String),
    /// The owner said no.
    #[error("the owner did not approve")]
    Cancelled,
    /// The terminal could not be used.
    #[error("the owner could not be asked: {0}")]
    Terminal(String),
    /// A wrong passphrase, three times.
    #[error("that is not the owner's passphrase")]
    WrongPassphrase,
    /// The external signer is not named rightly.
    #[error("SIGNET_SIGNER_PATH and SIGNET_SIGNER_TIMEOUT_MS: {0}")]
    SignerSettings(&'static str),
    /// The external signer failed.
    #[error("the external signer failed: {0}")]
    Signer(String),
    /// The external signer did not answer in time.
    #[error("the external signer did not answer within {0} ms")]
    SignerTimeout(u64),
    /// What was approved does not fit.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The words of a wallet.
    #[error(transparent)]
    Mnemonic(#[from] MnemonicError),
    /// A key of a wallet.
    #[error(transparent)]
    Derivation(#[from] DerivationError),
    /// A rotation statement.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// An admin token.
    #[error(transparent)]
    AdminToken(#[from] chancery_keys::AdminTokenError),
    /// The file with the passphrase cannot be read, or others can read it.
    #[error("the passphrase file {}: {why}", path.display())]
    PassphraseFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
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

impl CustodyError {
    pub(crate) fn io(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// What it means that a vault cannot be opened: without file or folder there are no keys yet.
    pub(crate) fn opening(error: VaultError) -> Self {
        match error {
            VaultError::NotFound(path) => Self::NotInitialised(path),
            VaultError::Io { path, source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Self::NotInitialised(path)
            }
            error => Self::Vault(error),
        }
    }

    /// What a question at the terminal ended with.
    pub(crate) fn prompt(failure: Failure) -> Self {
        match failure.code.as_str() {
            "TERMINAL_REQUIRED" => Self::NoTerminal(failure.message),
            "PROMPT_CANCELLED" => Self::Cancelled,
            _ => Self::Terminal(failure.message),
        }
    }
}

impl ErrorCode for CustodyError {
    fn code(&self) -> &'static str {
        match self {
            Self::Vault(error) => error.code(),
            Self::NotInitialised(_) => "CUSTODY_NOT_INITIALISED",
            Self::Name => "CUSTODY_NAME_INVALID",
            Self::Label => "CUSTODY_LABEL_INVALID",
            Self::UnknownHolder(_) => "CUSTODY_KEY_NOT_FOUND",
            Self::UnknownWallet(_) => "CUSTODY_WALLET_NOT_FOUND",
            Self::WalletExists(_) => "CUSTODY_WALLET_EXISTS",
            Self::OtherWallet { .. } => "CUSTODY_WALLET_OTHER",
            Self::BackedUp(_) => "CUSTODY_WALLET_BACKED_UP",
            Self::Exhausted(_) => "CUSTODY_WALLET_EXHAUSTED",
            Self::UnknownInbox(_) => "CUSTODY_INBOX_NOT_FOUND",
            Self::InboxExists(_) => "CUSTODY_INBOX_EXISTS",
            Self::Entry(_) => "CUSTODY_ENTRY_INVALID",
            Self::History(_) => "CUSTODY_HISTORY_INCOMPLETE",
            Self::RootChanged => "CUSTODY_ROOT_CHANGED",
            Self::Infeasible(error) => error.code(),
            Self::NoTerminal(_) => "CUSTODY_NO_TERMINAL",
            Self::Cancelled => "CUSTODY_CANCELLED",
            Self::Terminal(_) => "CUSTODY_TERMINAL_FAILED",
            Self::WrongPassphrase => "CUSTODY_WRONG_PASSPHRASE",
            Self::SignerSettings(_) => "CUSTODY_SIGNER_SETTINGS",
            Self::Signer(_) => "CUSTODY_SIGNER_FAILED",
            Self::SignerTimeout(_) => "CUSTODY_SIGNER_TIMEOUT",
            Self::Approval(error) => error.code(),
            Self::Mnemonic(error) => error.code(),
            Self::Derivation(error) => error.code(),
            Self::Rotation(error) => error.code(),
            Self::AdminToken(error) => error.code(),
            Self::PassphraseFile { .. } => "CUSTODY_PASSPHRASE_FILE",
            Self::Io { .. } => "CUSTODY_IO",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Vault(error) => error.category(),
            Self::Infeasible(error) => error.category(),
            Self::Approval(error) => error.category(),
            Self::Mnemonic(error) => error.category(),
            Self::Derivation(error) => error.category(),
            Self::Rotation(error) => error.category(),
            Self::AdminToken(error) => error.category(),
            Self::NotInitialised(_) | Self::UnknownHolder(_) | Self::UnknownWallet(_) | Self::UnknownInbox(_) => {
                Category::NotFound
            }
            Self::Name | Self::Label | Self::SignerSettings(_) | Self::PassphraseFile { .. } => Category::Input,
            Self::WalletExists(_)
            | Self::OtherWallet { .. }
            | Self::BackedUp(_)
            | Self::InboxExists(_)
            | Self::RootChanged => Category::Conflict,
            Self::Exhausted(_) => Category::Limited,
            Self::NoTerminal(_) | Self::Cancelled | Self::WrongPassphrase => Category::Forbidden,
            Self::Signer(_) | Self::SignerTimeout(_) | Self::Terminal(_) => Category::Unavailable,
            Self::Entry(_) | Self::History(_) | Self::Io { .. } => Category::Internal,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Vault(error) => error.hint(),
            Self::Infeasible(error) => error.hint(),
            Self::NotInitialised(_) => Some("run `xs init`"),
            Self::NoTerminal(_) => Some("run it at a terminal: what the owner decides is never taken from a pipe"),
            Self::BackedUp(_) => Some("say that they are to be shown again"),
            Self::History(_) => Some("restore the history folder from a backup; the keys in use are not affected"),
            Self::RootChanged => Some("restore both vaults from the same backup"),
            Self::PassphraseFile { .. } => Some("chmod 600 it, and name it in XMTP_SIGNET_PASSPHRASE_FILE"),
            Self::Cancelled
            | Self::Name
            | Self::Label
            | Self::UnknownHolder(_)
            | Self::UnknownWallet(_)
            | Self::WalletExists(_)
            | Self::OtherWallet { .. }
            | Self::Exhausted(_)
            | Self::UnknownInbox(_)
            | Self::InboxExists(_)
            | Self::Entry(_)
            | Self::Terminal(_)
            | Self::WrongPassphrase
            | Self::SignerSettings(_)
            | Self::Signer(_)
            | Self::SignerTimeout(_)
            | Self::Approval(_)
            | Self::Mnemonic(_)
            | Self::Derivation(_)
            | Self::Rotation(_)
            | Self::AdminToken(_)
            | Self::Io { .. } => None,
        }
    }
}
