//! Opening the daemon's vault once, at start, by what the host has.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use chancery_keys::Gates;
use chancery_terminal::{prompt, secret};
use chancery_vault::{Credential, KeySource, Keyring, Secret, SourceKind, Status, VaultError};

use crate::custody::Custody;
use crate::error::CustodyError;
use crate::places::Places;

/// Names a file that holds the passphrase of the daemon's vault.
pub const PASSPHRASE_FILE: &str = "XMTP_SIGNET_PASSPHRASE_FILE";
/// The systemd credential that holds the key of the daemon's vault.
pub const CREDENTIAL: &str = "signet-vault-key";
/// The application whose key is meant in a desktop keyring.
pub const KEYRING_APPLICATION: &str = "xmtp-signet";

/// Where a key of the daemon's vault may come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// A file with the passphrase on its first line.
    pub passphrase_file: Option<PathBuf>,
    /// A credential of the service.
    pub credential: Option<Credential>,
    /// The desktop's keyring.
    pub keyring: Option<Keyring>,
    /// Whether somebody may be asked at the terminal: never a daemon in the background.
    pub prompt: bool,
}

impl Sources {
    /// What the environment of this process names.
    #[must_use]
    pub fn of_process(prompt: bool) -> Self {
        let file = std::env::var_os(PASSPHRASE_FILE).filter(|path| !path.is_empty());
        Self {
            passphrase_file: file.map(PathBuf::from),
            credential: Credential::of_this_service(CREDENTIAL),
            keyring: Some(Keyring::new(KEYRING_APPLICATION)),
            prompt,
        }
    }
}

/// What an attempt to open the keys came to.
#[derive(Debug)]
pub enum Unlocked {
    /// They are open.
    Open(Box<Custody>),
    /// Nothing here opens them: whoever started may serve health and nothing else.
    Locked(Locked),
}

/// Why keys stay locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// What would open them.
    pub needs: SourceKind,
    /// Why it is not here.
    pub why: String,
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "locked: the keys open with a {}, and {}", self.needs, self.why)
    }
}

/// Opens the daemon's vault by the one kind of source that it was made with. Takes some tenths of a second with a passphrase.
///
/// # Errors
/// [`CustodyError::NotInitialised`]; [`CustodyError::PassphraseFile`]; [`CustodyError::Cancelled`] at the terminal; those of
/// [`Custody::open`], so a wrong key is an error and not "locked".
pub fn unlock(places: &Places, sources: &Sources, gates: Gates) -> Result<Unlocked, CustodyError> {
    let status = Status::of(&places.vault()).map_err(CustodyError::opening)?;
    let Some(kind) = status.source else {
        return Err(VaultError::Unsupported { found: status.format }.into());
    };
    let locked = |why: &str| {
        Ok(Unlocked::Locked(Locked {
            needs: kind,
            why: why.to_owned(),
        }))
    };
    let source = match kind {
        SourceKind::Passphrase => match (&sources.passphrase_file, sources.prompt) {
            (Some(file), _) => KeySource::Passphrase(passphrase_in(file)?),
            (None, true) => match prompt::secret("Passphrase of the signet:").map_err(CustodyError::prompt) {
                Ok(text) => KeySource::Passphrase(Secret::from(text.as_str())),
                Err(CustodyError::NoTerminal(_)) => return locked("there is neither a passphrase file nor a terminal"),
                Err(error) => return Err(error),
            },
            (None, false) => return locked("no file with it is named"),
        },
        SourceKind::Credential => match &sources.credential {
            Some(credential) => KeySource::Credential(credential.clone()),
            None => return locked("this process is no service that was given one"),
        },
        SourceKind::Keyring => match &sources.keyring {
            Some(keyring) => KeySource::Keyring(keyring.clone()),
            None => return locked("there is none"),
        },
        SourceKind::KeyFile => KeySource::KeyFile(places.key_file()),
        _ => return locked("it is not known here"),
    };
    match Custody::open(places, &source, gates) {
        Ok(custody) => Ok(Unlocked::Open(Box::new(custody))),
        Err(CustodyError::Vault(VaultError::NoKey(what))) => locked(&format!("there is no key in {what}")),
        Err(error) => Err(error),
    }
}

/// The first line of a file that others cannot read.
pub(crate) fn passphrase_in(path: &Path) -> Result<Secret, CustodyError> {
    let refused = |why: String| CustodyError::PassphraseFile {
        path: path.to_owned(),
        why,
    };
    let mode = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?;
    let mode = mode.permissions().mode() & 0o7777;
    // a group may read it, as service managers arrange it; the world may not, and nobody else may write it
    if mode & 0o027 != 0 {
        return Err(refused(format!("others can use it (mode {mode:04o})")));
    }
    let argument = format!("@{}", path.display());
    let text = secret::from_arg(&argument).map_err(|failure| refused(failure.message))?;
    Ok(Secret::from(text.as_str()))
}
