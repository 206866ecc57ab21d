//! Where the passphrase comes from: never out of the argument list.

use std::{convert::Infallible, fmt, str::FromStr};

use chancery_terminal::secret;
use zeroize::Zeroizing;

use crate::{CliError, Code, Result};

/// Names a file that holds the passphrase.
pub(crate) const PASSPHRASE_FILE: &str = "SAFECLAW_PASSPHRASE_FILE";

/// What an option for a secret was given. It holds no secret: a bare one is forgotten at once.
#[derive(Clone, PartialEq, Eq)]
pub enum Given {
    /// `-`: one line of stdin.
    Stdin,
    /// `@FILE`: the first line of a file.
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
    /// The passphrase.
    ///
    /// # Errors
    /// [`Code::PassphraseBare`]; those of [`secret::from_arg`].
    pub fn read(&self) -> Result<Zeroizing<String>> {
        match self {
            Self::Stdin => Ok(secret::from_arg("-")?),
            Self::File(path) => Ok(secret::from_arg(&format!("@{path}"))?),
            Self::Bare => Err(CliError::new(
                Code::PassphraseBare,
                "a passphrase in the argument list is seen by everybody on this machine; consider it known",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_passphrase_is_refused_and_not_kept() {
        let given: Given = "hunter2hunter2".parse().unwrap();
        let error = given.read().unwrap_err();
        assert_eq!(error.code(), "SAFECLAW_PASSPHRASE_BARE");
        assert!(!format!("{given:?} {error:?}").contains("hunter2"));
    }
}
