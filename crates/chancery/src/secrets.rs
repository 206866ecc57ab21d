//! What a registry on one machine makes for itself and keeps in its data directory, each file 0600.

use std::path::{Path, PathBuf};

use chancery_base::{Clock, Rng, Ulid, b64, ed25519::SecretKey};
use chancery_identity::token::{ServiceSecret, Token};
use chancery_registry::variable;
use chancery_store::files;
use chancery_terminal::Failure;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;

/// Seed of the key that signs, base64url.
pub const SIGNING_KEY: &str = "signing.key";
/// Secret of the first administrator.
pub const BOOTSTRAP_SECRET: &str = "bootstrap-secret";
/// [`ServiceCredentials`] of the relay.
pub const INTERNAL_SERVICE: &str = "internal-service.json";

/// Random bytes of a bootstrap secret.
const BOOTSTRAP_BYTES: usize = 32;

/// What a relay shows to its registry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCredentials {
    /// Id of the service.
    pub id: String,
    /// Its secret, `clw_srv_…`.
    pub secret: String,
}

impl ServiceCredentials {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read; [`Error::ServiceCredentialsInvalid`].
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = Zeroizing::new(files::read_private(path)?);
        let invalid = |reason: String| Error::ServiceCredentialsInvalid {
            from: format!("in {}", path.display()),
            reason,
        };
        // the parser's words could quote the secret
        let found: Self = chancery_base::json::from_slice_strict(&bytes)
            .map_err(|_| invalid("not a JSON object with id and secret".to_owned()))?;
        Ok(found)
    }

    /// The secret, when it is one.
    ///
    /// # Errors
    /// [`Error::ServiceCredentialsInvalid`].
    pub fn token(&self, from: &str) -> Result<Token<ServiceSecret>, Error> {
        let invalid = |reason: &str| Error::ServiceCredentialsInvalid {
            from: from.to_owned(),
            reason: reason.to_owned(),
        };
        if self.id.is_empty() || !self.id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(invalid("the id is not visible ASCII"));
        }
        self.secret
            .parse()
            .map_err(|_| invalid("the secret does not start with clw_srv_, or is not one"))
    }
}

impl Drop for ServiceCredentials {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl std::fmt::Debug for ServiceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceCredentials")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The registry's own secrets: those of its data directory, for whatever the environment leaves open.
#[derive(Debug)]
pub struct RegistrySecrets {
    dir: PathBuf,
    values: Vec<(&'static str, Zeroizing<String>)>,
    /// Files that this start has made.
    made: Vec<PathBuf>,
}

impl RegistrySecrets {
    /// Nothing but what the environment says.
    #[must_use]
    pub fn none(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            values: Vec::new(),
            made: Vec::new(),
        }
    }

    /// Reads from `dir`, and makes where it is missing, whatever of signing key, bootstrap secret and service credentials
    /// `env` does not set. The caller holds the lock of the directory's database.
    ///
    /// # Errors
    /// When a file cannot be read or written, or holds something else.
    pub fn open(
        dir: &Path,
        env: impl Fn(&str) -> Option<String>,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> Result<Self, Failure> {
        let is_set = |name: &str| env(name).is_some_and(|value| !value.trim().is_empty());
        let mut secrets = Self::none(dir);
        if !is_set(variable::REGISTRY_SIGNING_KEY) && !is_set(variable::REGISTRY_SIGNING_KEYS) {
            let key = secrets.file(SIGNING_KEY, || SecretKey::generate(&rng).to_b64())?;
            if SecretKey::from_b64(&key).is_err() {
                let (path, reason) = (
                    dir.join(SIGNING_KEY),
                    "it is no key of 32 bytes in base64url".to_owned(),
                );
                return Err(Error::SecretFile { path, reason }.into());
            }
            secrets.values.push((variable::REGISTRY_SIGNING_KEY, key));
        }
        if !is_set(variable::BOOTSTRAP_SECRET) {
            let make = || {
                let mut random = Zeroizing::new([0; BOOTSTRAP_BYTES]);
                rng.fill(&mut *random);
                Zeroizing::new(b64::encode(*random))
            };
            let secret = secrets.file(BOOTSTRAP_SECRET, make)?;
            secrets.values.push((variable::BOOTSTRAP_SECRET, secret));
        }
        if !is_set(variable::BOOTSTRAP_INTERNAL_SERVICE_ID) && !is_set(variable::BOOTSTRAP_INTERNAL_SERVICE_SECRET) {
            let service = secrets.service(clock, rng)?;
            let (id, secret) = (service.id.clone(), Zeroizing::new(service.secret.clone()));
            secrets
                .values
                .push((variable::BOOTSTRAP_INTERNAL_SERVICE_ID, Zeroizing::new(id)));
            secrets
                .values
                .push((variable::BOOTSTRAP_INTERNAL_SERVICE_SECRET, secret));
        }
        Ok(secrets)
    }

    /// The value that stands for `name`, when it is one of these.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.values
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value.to_string())
    }

    /// Files that this start has made.
    #[must_use]
    pub fn made(&self) -> &[PathBuf] {
        &self.made
    }

    /// The file that holds the bootstrap secret; `None` when the environment sets it.
    #[must_use]
    pub fn bootstrap_file(&self) -> Option<PathBuf> {
        self.get(variable::BOOTSTRAP_SECRET)
            .map(|_| self.dir.join(BOOTSTRAP_SECRET))
    }

    /// The file that holds the relay's credentials; `None` when the environment sets them.
    #[must_use]
    pub fn service_file(&self) -> Option<PathBuf> {
        self.get(variable::BOOTSTRAP_INTERNAL_SERVICE_ID)
            .map(|_| self.dir.join(INTERNAL_SERVICE))
    }

    fn file(&mut self, name: &str, make: impl FnOnce() -> Zeroizing<String>) -> Result<Zeroizing<String>, Failure> {
        let path = self.dir.join(name);
        match files::read_private(&path) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
                if text.is_empty() {
                    let reason = "it is empty or no text".to_owned();
                    return Err(Error::SecretFile { path, reason }.into());
                }
                Ok(Zeroizing::new(text.to_owned()))
            }
            Err(error) if error.is_not_found() => {
                let value = make();
                files::write_private(&path, value.as_bytes())?;
                self.made.push(path);
                Ok(value)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn service(&mut self, clock: &dyn Clock, rng: &dyn Rng) -> Result<ServiceCredentials, Failure> {
        let path = self.dir.join(INTERNAL_SERVICE);
        if path.exists() {
            return ServiceCredentials::read(&path);
        }
        // a ULID, so that it can be rotated over the old route too; a new one each time, because a database that outlived
        // this file still knows the old one with another secret
        let credentials = ServiceCredentials {
            id: Ulid::generate(clock.now(), &rng).to_string(),
            secret: Token::<ServiceSecret>::generate(&rng).expose().to_owned(),
        };
        let mut text = Zeroizing::new(
            serde_json::to_vec_pretty(&credentials).map_err(|error| Error::Output(std::io::Error::other(error)))?,
        );
        text.push(b'\n');
        files::write_private(&path, &text)?;
        self.made.push(path);
        Ok(credentials)
    }
}
