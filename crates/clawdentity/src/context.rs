//! What a command works with.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use chancery_base::{Clock, Millis, Rng};
use chancery_identity::Origin;
use chancery_networks::{HttpClient, RegistryClient, RelayClient};
use chancery_serve::system::{OsRng, SystemClock};
use chancery_terminal::Output;
use serde::Serialize;

use crate::{
    code::Code,
    env::Env,
    error::{CliError, Result},
    state::{
        config,
        select::{Root, State},
        width_warning,
    },
};

/// Environment, home directory, streams, clock and randomness of one run.
pub struct Context {
    /// Variables.
    pub env: Env,
    /// Where results and notices go.
    pub output: Arc<Output>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    root: Root,
    home: PathBuf,
    http: OnceLock<HttpClient>,
}

impl Context {
    /// A context for the files under `home`.
    #[must_use]
    pub fn new(home: &Path, env: Env, output: Arc<Output>) -> Self {
        Self {
            env,
            output,
            clock: Arc::new(SystemClock),
            rng: Arc::new(OsRng),
            root: Root::new(home),
            home: home.to_owned(),
            http: OnceLock::new(),
        }
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The files.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The state of the registry in `hint`, or of the one in force.
    ///
    /// # Errors
    /// [`Code::RegistryUrlInvalid`] or [`Code::ConfigInvalid`].
    pub fn state(&self, hint: Option<&str>) -> Result<State> {
        let state = self.root.select(&self.env, hint)?;
        if state.file.api_key.is_some() {
            self.warn_if_wide(&state.path(config::FILE));
        }
        Ok(state)
    }

    /// Warns when others may read `path`.
    pub fn warn_if_wide(&self, path: &Path) {
        if let Ok(Some(warning)) = width_warning(path) {
            self.output.warn(warning);
        }
    }

    /// The HTTP client.
    ///
    /// # Errors
    /// [`Code::ClientFailed`].
    pub fn http(&self) -> Result<HttpClient> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let http = HttpClient::new().map_err(|error| CliError::new(Code::ClientFailed, error.to_string()))?;
        Ok(self.http.get_or_init(|| http).clone())
    }

    /// The registry at `origin`.
    ///
    /// # Errors
    /// [`Code::ClientFailed`].
    pub fn registry(&self, origin: &Origin) -> Result<RegistryClient> {
        Ok(RegistryClient::new(self.http()?, origin.clone()))
    }

    /// The relay at `origin`.
    ///
    /// # Errors
    /// [`Code::ClientFailed`].
    pub fn relay(&self, origin: &Origin) -> Result<RelayClient> {
        Ok(RelayClient::new(self.http()?, origin.clone()))
    }

    /// Shows the result of a command: `value` as JSON, or the lines of `human`.
    ///
    /// # Errors
    /// When stdout is gone.
    pub fn show<T: Serialize + ?Sized>(&self, value: &T, human: &[String]) -> Result<()> {
        let write = |out: &mut dyn std::io::Write| human.iter().try_for_each(|line| writeln!(out, "{line}"));
        self.output.result(value, write).map_err(|error| stdout_failed(&error))
    }
}

/// The failure of a command whose stdout is gone. A reader that has had enough (`| head`) is not told about it.
pub(crate) fn stdout_failed(error: &std::io::Error) -> CliError {
    let failure = CliError::new(Code::StateFailed, format!("cannot write to stdout: {error}"));
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        failure.shown()
    } else {
        failure
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}
