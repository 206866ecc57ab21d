//! What a command works with.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use chancery_base::{Clock, Millis, Rng};
use chancery_serve::system::{OsRng, SystemClock};
use chancery_terminal::{Failure, Output};
use serde::Serialize;

use crate::{
    CliError, Code, Home, Result,
    cli::Global,
    passphrase::{Given, PASSPHRASE_FILE},
};

/// Files, streams, clock, randomness and the way to the passphrase of one run.
pub struct Context {
    /// Where results and notices go.
    pub output: Arc<Output>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    home: Home,
    passphrase: Option<Given>,
}

impl Context {
    /// A context for the files under the home directory `home`. Without `passphrase` it is asked for on the terminal.
    #[must_use]
    pub fn new(home: &Path, passphrase: Option<Given>, output: Arc<Output>) -> Self {
        Self {
            output,
            clock: Arc::new(SystemClock),
            rng: Arc::new(OsRng),
            home: Home::below(home),
            passphrase,
        }
    }

    /// What options and variables of this process say.
    ///
    /// # Errors
    /// [`Code::HomeRequired`]; [`Code::PassphraseBare`].
    pub fn of_process(global: &Global, output: Arc<Output>) -> Result<Self> {
        // paths, which need not be text
        let home = global
            .home_dir
            .clone()
            .or_else(|| std::env::var_os("HOME").map(PathBuf::from));
        let home = home.filter(|home| !home.as_os_str().is_empty());
        let home = home.ok_or_else(|| CliError::new(Code::HomeRequired, "HOME is not set"))?;
        let home = std::path::absolute(&home).unwrap_or(home);
        let from_variable = || {
            let path = std::env::var(PASSPHRASE_FILE).ok().filter(|path| !path.is_empty());
            path.map(Given::File)
        };
        let passphrase = global.passphrase.clone().or_else(from_variable);
        if passphrase == Some(Given::Bare) {
            Given::Bare.read()?;
        }
        Ok(Self::new(&home, passphrase, output))
    }

    /// The files.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Where the passphrase was said to be, if anywhere.
    #[must_use]
    pub fn given_passphrase(&self) -> Option<&Given> {
        self.passphrase.as_ref()
    }

    /// Shows the result of a command: `value` as JSON, or `lines`.
    ///
    /// # Errors
    /// When stdout is gone.
    pub fn show<T: Serialize + ?Sized>(&self, value: &T, lines: &[String]) -> Result<()> {
        Ok(self
            .output
            .show(value, lines)
            .map_err(|error| Failure::stdout(&error))?)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}
