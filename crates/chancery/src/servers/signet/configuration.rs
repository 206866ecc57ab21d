//! What is configured, and where the files are.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use chancery_signet_config::{Config, Environment, Loaded, Paths};

use super::{error::Error, problem::Problem};

/// What is in force, by the file and the variables of this process.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Every setting and where it comes from.
    pub loaded: Loaded,
    /// Where the files are.
    pub paths: Paths,
}

impl Configuration {
    /// Reads the file `named`, which has to be there, or else the one in its place.
    ///
    /// # Errors
    /// What is wrong with it, or that others can change it.
    pub fn read(named: Option<&Path>, environment: &Environment) -> Result<Self, Problem> {
        let home = Paths::of(environment).map_err(Error::from)?;
        let path = named.map_or_else(|| home.config_file(), Path::to_owned);
        let text = match text(&path)? {
            None if named.is_some() => return Err(Error::ConfigMissing(path).into()),
            text => text,
        };
        let loaded = Loaded::read(text.as_deref(), environment)?;
        Ok(Self {
            paths: home.configured(&loaded.config),
            loaded,
        })
    }

    /// What is in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.loaded.config
    }
}

/// The text of the file; `None` where there is none.
fn text(path: &Path) -> Result<Option<String>, Error> {
    let failed = |error: io::Error| Error::ConfigUnreadable {
        path: PathBuf::from(path),
        why: error.to_string(),
    };
    let found = match path.metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // whoever can write here decides what waits for the owner, and where the network is
    let own = [0, rustix::process::geteuid().as_raw()].contains(&found.uid());
    if !own || found.mode() & 0o022 != 0 {
        return Err(Error::ConfigOpen(path.to_owned()));
    }
    std::fs::read_to_string(path).map(Some).map_err(failed)
}
