//! What a command of this program fails with.

use std::fmt;

use chancery_base::ErrorCode;
use chancery_store::{StoreError, files::FileError};
use chancery_terminal::{EXIT_USAGE, Failure};
use chancery_vault::VaultError;

use crate::{Code, Exit};

/// A failure as it is shown: a name, a sentence, what to do next, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError(Failure);

/// The result of everything here.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

impl CliError {
    /// A failure named `code`.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let failure = Failure::new(code.as_str(), message).with_exit(code.exit().code());
        Self(match code.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        })
    }

    /// The failure that `error` is, with this exit code.
    #[must_use]
    pub fn of(error: impl ErrorCode, exit: Exit) -> Self {
        Self(Failure::from(error).with_exit(exit.code()))
    }

    /// With another advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self(self.0.with_hint(hint))
    }

    /// Of something with a name, such as a file: the name, and the sentence or the list that it is.
    #[must_use]
    pub fn about(self, what: impl fmt::Display) -> Self {
        let mut failure = self.0;
        failure.message = if failure.message.contains('\n') {
            format!("{what}:\n  {}", failure.message.replace('\n', "\n  "))
        } else {
            format!("{what}: {}", failure.message)
        };
        Self(failure)
    }

    /// With another sentence.
    #[must_use]
    pub fn saying(self, message: impl Into<String>) -> Self {
        let mut failure = self.0;
        failure.message = message.into();
        Self(failure)
    }

    /// With another exit code.
    #[must_use]
    pub fn exit(self, exit: Exit) -> Self {
        Self(self.0.with_exit(exit.code()))
    }

    /// The same failure, which the command has shown already: it only sets the exit code.
    #[must_use]
    pub fn shown(self) -> Self {
        Self(self.0.shown())
    }

    /// Its name.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.0.exit
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for CliError {}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Self {
        error.0
    }
}

impl From<Failure> for CliError {
    /// What the terminal failed with. Its numbers are those of other commands: here 2 is a manifest's.
    fn from(failure: Failure) -> Self {
        let exit = match (failure.code.as_str(), failure.exit) {
            ("PROMPT_CANCELLED", _) => Exit::Denied.code(),
            (_, EXIT_USAGE) => Exit::Failed.code(),
            (_, exit) => exit,
        };
        Self(failure.with_exit(exit))
    }
}

impl From<VaultError> for CliError {
    fn from(error: VaultError) -> Self {
        let hint = match &error {
            VaultError::NotFound(_) => Some("run `safeclaw onboard`"),
            VaultError::Exists(_) => {
                Some("nothing was changed; `safeclaw onboard --reset` backs it up and begins anew")
            }
            VaultError::Unsupported { found: 1 } => {
                Some("run `safeclaw vault migrate`: the old file is kept as a backup")
            }
            VaultError::WrongKey => Some("check the passphrase; nothing was changed"),
            VaultError::RolledBack { .. } | VaultError::Unwitnessed(_) => Some(
                "restore vault.json and vault.json.seen together; if you restored this state yourself, run `safeclaw vault accept`",
            ),
            _ => None,
        };
        let failure = Self::of(error, Exit::Vault);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<FileError> for CliError {
    fn from(error: FileError) -> Self {
        Self::of(error, Exit::Failed)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::of(error, Exit::Failed)
    }
}
