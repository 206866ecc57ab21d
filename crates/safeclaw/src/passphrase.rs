//! Where passphrases come from: never out of the argument list.

use std::{convert::Infallible, fmt, str::FromStr};

use chancery_terminal::{Failure, prompt, secret};
use chancery_vault::Secret;
use zeroize::Zeroizing;

use crate::{CliError, Code, Result};

/// Names a file that holds the passphrase.
pub(crate) const PASSPHRASE_FILE: &str = "SAFECLAW_PASSPHRASE_FILE";

/// What an option for a secret was given. It holds no secret: a bare one is forgotten at once.
#[derive(Clone, PartialEq, Eq)]
pub enum Given {
    /// `-`: stdin.
    Stdin,
    /// `@FILE`: a file.
    File(String),
    /// The secret itself, which other users of the machine can see by now.
    Bare,
}

impl FromStr for Given {
    // what fits no better is refused later, in words that do not repeat it
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix('@') {
            Some(path) => Self::File(path.to_owned()),
            None if text == "-" => Self::Stdin,
            None => Self::Bare,
        })
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdin => "Stdin",
            Self::File(_) => "File",
            Self::Bare => "Bare",
        })
    }
}

impl Given {
    /// The passphrase: one line of stdin, or the first line of the file.
    ///
    /// # Errors
    /// [`Code::PassphraseBare`]; those of [`secret::from_arg`].
    pub fn line(&self) -> Result<Secret> {
        Ok(secret_of(secret::from_arg(&self.argument()?)?))
    }

    /// A secret of at most `max` bytes: all that is left of stdin, or all of the file, of a text without its last line end.
    ///
    /// # Errors
    /// [`Code::PassphraseBare`]; those of [`secret::all_from_arg`].
    pub fn all(&self, max: usize) -> Result<Secret> {
        Ok(Secret::new(secret::all_from_arg(&self.argument()?, max)?))
    }

    fn argument(&self) -> Result<String> {
        match self {
            Self::Stdin => Ok("-".to_owned()),
            Self::File(path) => Ok(format!("@{path}")),
            Self::Bare => Err(CliError::new(
                Code::SecretBare,
                "a secret in the argument list is seen by everybody on this machine; consider it known",
            )),
        }
    }
}

/// The passphrase that `given` stands for, or the answer at the terminal to `question`.
///
/// # Errors
/// Those of [`Given::line`]; `TERMINAL_REQUIRED` where nobody can be asked.
pub(crate) fn known(given: Option<&Given>, question: &str) -> Result<Secret> {
    match given {
        Some(given) => given.line(),
        None => Ok(secret_of(prompt::secret(question).map_err(without_terminal)?)),
    }
}

/// The same for a new one, which is asked for twice.
///
/// # Errors
/// As [`known`]; `PROMPT_MISMATCH`; at the terminal `VAULT_PASSPHRASE_TOO_SHORT`.
pub(crate) fn new(given: Option<&Given>, question: &str) -> Result<Secret> {
    match given {
        Some(given) => given.line(),
        None => {
            let fits = |text: &str| Ok(chancery_vault::check_passphrase(&Secret::from(text))?);
            Ok(secret_of(
                prompt::new_secret_that(question, fits)
                    .map_err(|error: CliError| without_terminal(Failure::from(error)))?,
            ))
        }
    }
}

fn without_terminal(failure: Failure) -> Failure {
    if failure.code == "TERMINAL_REQUIRED" {
        failure.with_hint(
            "give a passphrase as - (one line of stdin) or @FILE; SAFECLAW_PASSPHRASE_FILE names a file, too",
        )
    } else {
        failure
    }
}

fn secret_of(text: Zeroizing<String>) -> Secret {
    Secret::from(text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_secret_is_refused_and_not_kept() {
        let given: Given = "hunter2hunter2".parse().unwrap();
        for error in [given.line().unwrap_err(), given.all(100).unwrap_err()] {
            assert_eq!(error.code(), "SAFECLAW_SECRET_BARE");
            assert!(!format!("{given:?} {error:?}").contains("hunter2"));
        }
    }
}
