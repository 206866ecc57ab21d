//! `agents/<name>/`: identity, token, key and session of one agent.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use chancery_base::ed25519::SecretKey;
use chancery_identity::{
    AgentDid,
    ait::{self, Ait},
    name::AgentDirName,
};
use chancery_relay_wire::registry::AgentAuth;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{lock, read_optional, write, write_json};
use crate::{
    code::Code,
    error::{CliError, Result},
};

/// `identity.json`.
pub const IDENTITY: &str = "identity.json";
/// The identity token.
pub const AIT: &str = "ait.jwt";
/// The private key: 43 characters of base64url.
pub const SECRET_KEY: &str = "secret.key";
/// The public key: 43 characters of base64url.
pub const PUBLIC_KEY: &str = "public.key";
/// The session tokens.
pub const REGISTRY_AUTH: &str = "registry-auth.json";
/// Held while the session tokens are exchanged.
const REGISTRY_AUTH_LOCK: &str = "registry-auth.lock";

/// Content of `identity.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The agent.
    pub did: AgentDid,
    /// Its name.
    pub name: String,
    /// The framework it runs in.
    pub framework: String,
    /// Expiry of its identity token, as the registry wrote it.
    pub expires_at: String,
    /// Its registry.
    pub registry_url: String,
}

/// The directory of one agent.
#[derive(Debug, Clone)]
pub struct AgentDir {
    dir: PathBuf,
    name: AgentDirName,
}

/// What is wrong with a file of an agent.
#[derive(Debug)]
pub struct AgentFileError {
    /// The file's name.
    pub file: &'static str,
    /// Whether it is missing or empty, and not merely wrong.
    pub missing: bool,
    message: String,
}

impl AgentFileError {
    fn missing(file: &'static str, path: &Path) -> Self {
        Self {
            file,
            missing: true,
            message: format!("{} is missing or empty", path.display()),
        }
    }

    fn wrong(file: &'static str, path: &Path, reason: impl std::fmt::Display) -> Self {
        Self {
            file,
            missing: false,
            message: format!("{} is not valid: {reason}", path.display()),
        }
    }

    /// The failure under the name `code`.
    #[must_use]
    pub fn named(self, code: Code) -> CliError {
        CliError::new(code, self.message)
    }
}

/// Checks the name of an agent, which is also the name of its directory.
///
/// # Errors
/// [`Code::AgentNameInvalid`].
pub fn check_name(name: &str) -> Result<AgentDirName> {
    name.parse().map_err(|_| {
        let what = match name {
            "" => "agent name is empty",
            "." | ".." => "agent name must not be . or ..",
            _ if name.len() > 64 => "agent name has more than 64 characters",
            _ => "agent name contains invalid characters",
        };
        CliError::usage(Code::AgentNameInvalid, format!("invalid input: {what}"))
    })
}

impl AgentDir {
    /// The agent `name` of the state in `state`.
    #[must_use]
    pub fn new(state: &Path, name: AgentDirName) -> Self {
        Self {
            dir: state.join("agents").join(name.as_str()),
            name,
        }
    }

    /// The names of all agents of the state in `state`.
    #[must_use]
    pub fn names(state: &Path) -> Vec<AgentDirName> {
        let Ok(entries) = std::fs::read_dir(state.join("agents")) else {
            return Vec::new();
        };
        let mut names: Vec<AgentDirName> = entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        names.sort();
        names
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &AgentDirName {
        &self.name
    }

    /// Whether there is anything at its place.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.dir.symlink_metadata().is_ok()
    }

    /// A file of the agent.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    fn text(&self, file: &'static str) -> Result<Zeroizing<String>, AgentFileError> {
        let path = self.path(file);
        let bytes = read_optional(&path).map_err(|error| AgentFileError::wrong(file, &path, error))?;
        let bytes = Zeroizing::new(bytes.ok_or_else(|| AgentFileError::missing(file, &path))?);
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| AgentFileError::wrong(file, &path, error))?
            .trim();
        if text.is_empty() {
            Err(AgentFileError::missing(file, &path))
        } else {
            Ok(Zeroizing::new(text.to_owned()))
        }
    }

    fn json<T: serde::de::DeserializeOwned>(&self, file: &'static str) -> Result<T, AgentFileError> {
        let text = self.text(file)?;
        chancery_base::json::from_slice_strict(text.as_bytes())
            .map_err(|error| AgentFileError::wrong(file, &self.path(file), error))
    }

    /// `identity.json`.
    ///
    /// # Errors
    /// [`AgentFileError`].
    pub fn identity(&self) -> Result<Identity, AgentFileError> {
        self.json(IDENTITY)
    }

    /// The identity token, its key's name and its claims. Its signature is not checked: it is the owner's own.
    ///
    /// # Errors
    /// [`AgentFileError`].
    pub fn ait(&self) -> Result<(String, String, ait::Claims), AgentFileError> {
        let token = self.text(AIT)?;
        let (kid, claims) = Ait::inspect(&token).map_err(|error| AgentFileError::wrong(AIT, &self.path(AIT), error))?;
        Ok(((*token).clone(), kid, claims))
    }

    /// The private key.
    ///
    /// # Errors
    /// [`AgentFileError`].
    pub fn secret_key(&self) -> Result<SecretKey, AgentFileError> {
        let text = self.text(SECRET_KEY)?;
        SecretKey::from_b64(&text).map_err(|error| AgentFileError::wrong(SECRET_KEY, &self.path(SECRET_KEY), error))
    }

    /// The session tokens.
    ///
    /// # Errors
    /// [`AgentFileError`]; blank tokens count as missing.
    pub fn auth(&self) -> Result<AgentAuth, AgentFileError> {
        let auth: AgentAuth = self.json(REGISTRY_AUTH)?;
        if auth.refresh_token.trim().is_empty() {
            return Err(AgentFileError::missing(REGISTRY_AUTH, &self.path(REGISTRY_AUTH)));
        }
        Ok(auth)
    }

    /// Replaces the session tokens in one step.
    ///
    /// # Errors
    /// [`Code::StateFailed`].
    pub fn save_auth(&self, auth: &AgentAuth) -> Result<()> {
        write_json(&self.path(REGISTRY_AUTH), auth)
    }

    /// Waits until nobody else exchanges the session tokens. Blocks.
    ///
    /// # Errors
    /// [`Code::StateFailed`].
    pub fn lock_auth(&self) -> Result<File> {
        lock(&self.path(REGISTRY_AUTH_LOCK))
    }

    /// Warnings about files with secrets that others may read.
    #[must_use]
    pub fn width_warnings(&self) -> Vec<String> {
        let paths = [self.path(SECRET_KEY), self.path(REGISTRY_AUTH)];
        paths
            .iter()
            .filter_map(|path| super::width_warning(path).ok().flatten())
            .collect()
    }
}

/// Writes the files of a new agent into `dir`. Tokens and keys have no newline at their end.
///
/// # Errors
/// [`Code::StateFailed`].
pub fn write_keys(dir: &Path, key: &SecretKey) -> Result<()> {
    write(&dir.join(SECRET_KEY), key.to_b64().as_bytes())?;
    write(&dir.join(PUBLIC_KEY), key.public().to_b64().as_bytes())
}

/// Writes what the registry issued into `dir`.
///
/// # Errors
/// [`Code::StateFailed`].
pub fn write_issued(dir: &Path, identity: &Identity, token: &str, auth: &AgentAuth) -> Result<()> {
    write(&dir.join(AIT), token.as_bytes())?;
    write_json(&dir.join(IDENTITY), identity)?;
    write_json(&dir.join(REGISTRY_AUTH), auth)
}
