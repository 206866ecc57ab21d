//! What a command works with: the environment, the configuration, the places of files, and the way to the daemon.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chancery_signet_config::{Environment, Loaded, Paths};
use chancery_signet_wire::{BearerToken, Class};

use crate::{Problem, arguments::secret_at, cli::Global, client::Door, output::Output, problem::Result};

/// One run of the command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) environment: Environment,
    config: Option<PathBuf>,
    token: Option<String>,
    home: Paths,
}

impl Context {
    /// What options and variables of this process say.
    pub(crate) fn of_process(global: &Global) -> Result<Self> {
        let environment = Environment::from_iter(std::env::vars_os());
        Ok(Self {
            output: Output::new(global.format()),
            home: Paths::of(&environment)?,
            environment,
            config: global.config.clone(),
            token: global.token.clone(),
        })
    }

    /// The configuration: the one that was named, else the one in its place.
    pub(crate) fn config_path(&self) -> PathBuf {
        let path = self.config.clone().unwrap_or_else(|| self.home.config_file());
        std::path::absolute(&path).unwrap_or(path)
    }

    /// The path of the configuration if somebody named one.
    pub(crate) fn named_config(&self) -> Option<PathBuf> {
        self.config.as_ref().map(|_| self.config_path())
    }

    /// The text of the configuration; `None` where there is none. One that was named has to be there.
    pub(crate) fn config_text(&self) -> Result<Option<String>> {
        let path = self.config_path();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.config.is_none() => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Problem::new(
                Class::NotFound,
                format!("there is no file {}", path.display()),
            )),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// What is configured, variables included.
    pub(crate) fn loaded(&self) -> Result<Loaded> {
        Ok(Loaded::read(self.config_text()?.as_deref(), &self.environment)?)
    }

    /// Where the files are, as configured.
    pub(crate) fn paths(&self) -> Result<Paths> {
        Ok(self.home.clone().configured(&self.loaded()?.config))
    }

    /// The same before anything is configured.
    pub(crate) fn places(&self) -> Paths {
        self.home.clone()
    }

    /// The way to the daemon.
    pub(crate) fn door(&self) -> Result<Door> {
        let paths = self.paths()?;
        let token = self
            .token
            .as_deref()
            .map(|place| secret_at("--token", place))
            .transpose()?;
        Ok(Door {
            socket: paths.admin_socket(),
            chosen: paths.socket_is_chosen(),
            token: token.map(|token| BearerToken::new(token.as_str().to_owned())),
        })
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::internal(format!("cannot read {}: {error}", path.display()))
}
