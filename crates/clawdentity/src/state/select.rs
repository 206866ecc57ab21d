//! Which directory belongs to which registry.
//!
//! One registry has one directory: the first one `~/.clawdentity` itself, as the skill says, each further one
//! `~/.clawdentity/states/<host[-port]>`. So no API key or agent of one registry is ever shown to another. What the published
//! client 0.1.7 left behind (`router.json`, `states/{prod,dev,local}`) is used where it is.

use std::path::{Path, PathBuf};

use chancery_identity::Origin;
use serde::{Deserialize, Serialize};

use super::{
    agent::AgentDir,
    config::{self, Config, DEFAULT_REGISTRY, ServerUrl},
    human::HumanIdentity,
    read_json, write_json,
};
use crate::{
    code::Code,
    env::{self, Env},
    error::{CliError, Result},
};

const ROUTER: &str = "router.json";
const STATES: &str = "states";
/// Directories of the published client, which keeps all registries of a kind in one.
const OLD_STATES: [&str; 3] = ["prod", "dev", "local"];

/// `~/.clawdentity`.
#[derive(Debug, Clone)]
pub struct Root {
    dir: PathBuf,
}

/// The directory of one registry.
#[derive(Debug, Clone)]
pub struct State {
    /// The directory. It may not exist yet.
    pub dir: PathBuf,
    /// The registry.
    pub registry: ServerUrl,
    /// What its `config.json` holds.
    pub file: Config,
}

/// `router.json`: which registry was chosen last. The published client keeps it too.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Router {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_registry_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_state: Option<String>,
    #[serde(default)]
    migrated_legacy_state: bool,
    #[serde(flatten)]
    other: serde_json::Map<String, serde_json::Value>,
}

impl Root {
    /// The files under `home`.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self {
            dir: home.join(".clawdentity"),
        }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The state that a command works on: of the registry in `hint`, else of the one that the environment names, else of the
    /// one chosen last, else of the default one.
    ///
    /// # Errors
    /// [`Code::RegistryUrlInvalid`], or [`Code::ConfigInvalid`] when a file on the way is broken.
    pub fn select(&self, env: &Env, hint: Option<&str>) -> Result<State> {
        let named = hint
            .or_else(|| env.get(env::REGISTRY_URL))
            .or_else(|| env.get(env::REGISTRY));
        let registry = match named {
            Some(text) => ServerUrl::parse(text, Code::RegistryUrlInvalid)
                .map_err(|error| error.of_argument_if(hint.is_some()))?,
            None => self.current()?,
        };
        self.of(registry)
    }

    /// The state of `registry`.
    ///
    /// # Errors
    /// [`Code::ConfigInvalid`].
    pub fn of(&self, registry: ServerUrl) -> Result<State> {
        for dir in self.candidates()? {
            if let Some(file) = Config::load(&dir)?
                && file.registry().as_ref() == Some(registry.origin())
            {
                return Ok(State { dir, registry, file });
            }
        }
        let own = self.dir.join(STATES).join(slug(registry.origin()));
        let free = self.states()?.is_empty() && self.is_unused()?;
        let dir = if free { self.dir.clone() } else { own };
        let file = Config::load(&dir)?.unwrap_or_default();
        Ok(State { dir, registry, file })
    }

    /// Makes `state` the one that commands without a registry work on.
    ///
    /// # Errors
    /// [`Code::StateFailed`].
    pub fn choose(&self, state: &State) -> Result<()> {
        let mut router = self.router()?;
        if router.is_none() && state.dir == self.dir {
            // a single registry needs no pointer
            return Ok(());
        }
        let mut next = router.take().unwrap_or_default();
        next.last_registry_url = Some(state.registry.text().to_owned());
        next.last_state = Some(old_state(state.registry.origin()).to_owned());
        write_json(&self.dir.join(ROUTER), &next)
    }

    /// Every directory that holds a state.
    ///
    /// # Errors
    /// [`Code::StateFailed`].
    pub fn all(&self) -> Result<Vec<PathBuf>> {
        let mut dirs = self.states()?;
        dirs.insert(0, self.dir.clone());
        Ok(dirs)
    }

    /// Whether the flat directory holds nothing that belongs to a registry, so that the next one may have it.
    fn is_unused(&self) -> Result<bool> {
        let bare = self.flat()?.is_none_or(|file| file.api_key.is_none());
        Ok(bare && AgentDir::names(&self.dir).is_empty() && !HumanIdentity::path(&self.dir).exists())
    }

    fn flat(&self) -> Result<Option<Config>> {
        Config::load(&self.dir)
    }

    fn router(&self) -> Result<Option<Router>> {
        read_json(&self.dir.join(ROUTER), Code::ConfigInvalid)
    }

    /// The registry chosen last.
    fn current(&self) -> Result<ServerUrl> {
        if let Some(url) = self.router()?.and_then(|router| router.last_registry_url) {
            return named_by(&self.dir.join(ROUTER), "lastRegistryUrl", &url);
        }
        for dir in self.all()? {
            if let Some(url) = Config::load(&dir)?.and_then(|config| config.registry_url) {
                return named_by(&dir.join(config::FILE), "registryUrl", &url);
            }
        }
        ServerUrl::parse(DEFAULT_REGISTRY, Code::RegistryUrlInvalid)
    }

    /// Directories that may belong to a registry, the likelier ones first. The published client copies flat files into
    /// `states/prod` once; from then on the flat ones are what it left behind.
    fn candidates(&self) -> Result<Vec<PathBuf>> {
        let mut dirs = self.states()?;
        let copied =
            self.router()?.is_some_and(|router| router.migrated_legacy_state) && dirs.iter().any(|dir| is_old(dir));
        let at = if copied { dirs.len() } else { 0 };
        dirs.insert(at, self.dir.clone());
        Ok(dirs)
    }

    /// Directories under `states/`, in order.
    fn states(&self) -> Result<Vec<PathBuf>> {
        let Ok(entries) = std::fs::read_dir(self.dir.join(STATES)) else {
            return Ok(Vec::new());
        };
        let mut dirs: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect();
        dirs.sort();
        Ok(dirs)
    }
}

impl State {
    /// What is in force: the environment's values before those of the file.
    #[must_use]
    pub fn config(&self, env: &Env) -> Config {
        let mut config = self.file.effective(env);
        config.registry_url = Some(self.registry.text().to_owned());
        config
    }

    /// The file as it will be written for this registry: it names the registry.
    #[must_use]
    pub fn file_for_registry(&self) -> Config {
        let same = self.file.registry().as_ref() == Some(self.registry.origin());
        let mut file = self.file.clone();
        if !same {
            // a relay that another registry named does not belong beside this one
            file.proxy_url = None;
        }
        file.registry_url = Some(self.registry.text().to_owned());
        file
    }

    /// A file of this state.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The registry that `member` of the file at `path` names.
fn named_by(path: &Path, member: &str, text: &str) -> Result<ServerUrl> {
    ServerUrl::parse(text, Code::ConfigInvalid).map_err(|error| {
        let reason = error.message();
        let reason = reason.strip_prefix("invalid input: ").unwrap_or(reason);
        CliError::new(
            Code::ConfigInvalid,
            format!("{} is not valid: {member}: {reason}", path.display()),
        )
    })
}

fn is_old(dir: &Path) -> bool {
    dir.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| OLD_STATES.contains(&name))
}

/// The directory name of a registry: its host, and its port when it is not the scheme's. What a file name should not hold
/// becomes a hyphen.
fn slug(origin: &Origin) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let slug: String = origin.host_and_port().chars().map(safe).collect();
    // two schemes of one host and port are two registries
    if origin.is_https() || origin.host_and_port().contains(':') {
        slug
    } else {
        format!("{slug}-80")
    }
}

/// What the published client would call the state of `origin`.
fn old_state(origin: &Origin) -> &'static str {
    let host = origin.host_and_port().split(':').next().unwrap_or_default();
    match host {
        "dev.registry.clawdentity.com" => "dev",
        "localhost" | "127.0.0.1" | "host.docker.internal" => "local",
        _ => "prod",
    }
}
