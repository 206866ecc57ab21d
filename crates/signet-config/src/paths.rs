//! Where the files are, by the XDG Base Directory Specification 0.8.

use std::path::{Path, PathBuf};

use chancery_signet_wire::adapter::AdapterName;

use crate::{Config, Environment};

/// The folder that is ours in each of the base directories.
const FOLDER: &str = "xmtp-signet";

/// `HOME` is not set, so nobody knows where files belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("HOME is not set to an absolute path")]
pub struct NoHome;

/// Where files are for one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    home: PathBuf,
    config: PathBuf,
    data: PathBuf,
    runtime: PathBuf,
    state: PathBuf,
    socket: Option<PathBuf>,
    audit: Option<PathBuf>,
    owner: Option<PathBuf>,
}

impl Paths {
    /// The places that the variables of a process give. A base directory that is not absolute counts as not set, as the
    /// specification asks.
    ///
    /// # Errors
    /// [`NoHome`].
    pub fn of(environment: &Environment) -> Result<Self, NoHome> {
        let absolute = |name: &str| {
            environment
                .get(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = absolute("HOME").ok_or(NoHome)?;
        let base = |name: &str, otherwise: &str| absolute(name).unwrap_or_else(|| home.join(otherwise)).join(FOLDER);
        let runtime = absolute("XDG_RUNTIME_DIR").or_else(|| absolute("TMPDIR"));
        Ok(Self {
            config: base("XDG_CONFIG_HOME", ".config"),
            data: base("XDG_DATA_HOME", ".local/share"),
            state: base("XDG_STATE_HOME", ".local/state"),
            runtime: runtime.unwrap_or_else(|| PathBuf::from("/tmp")).join(FOLDER),
            socket: None,
            audit: None,
            owner: None,
            home,
        })
    }

    /// The same where `config` says otherwise.
    #[must_use]
    pub fn configured(self, config: &Config) -> Self {
        let place = |path: &Option<crate::UserPath>| path.as_ref().map(|path| path.expand(&self.home));
        Self {
            data: place(&config.signet.data_dir).unwrap_or(self.data),
            socket: place(&config.admin.socket_path),
            audit: place(&config.logging.audit_log_path),
            owner: place(&config.approver.owner_dir),
            ..self
        }
    }

    /// The configuration.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// What the signet keeps.
    #[must_use]
    pub fn data(&self) -> DataDir {
        DataDir(self.data.clone())
    }

    /// The folder of the owner's vault.
    #[must_use]
    pub fn owner(&self) -> PathBuf {
        self.owner.clone().unwrap_or_else(|| self.data.join("owner"))
    }

    /// The admin socket. Its folder is the daemon's alone, mode 0700.
    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| self.runtime.join("admin.sock"))
    }

    /// Whether somebody chose the admin socket. Otherwise it is where other users may make one, too.
    #[must_use]
    pub fn socket_is_chosen(&self) -> bool {
        self.socket.is_some()
    }

    /// The number of the daemon's process, for scripts. What keeps a second daemon out is the lock of its database.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.runtime.join("signet.pid")
    }

    /// The audit log as JSON lines, for others to read.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.audit.clone().unwrap_or_else(|| self.state.join("audit.jsonl"))
    }
}

/// The folder with what the signet keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// What may be in it, ours and the original's. Whoever empties it takes these and leaves the rest.
    pub const ENTRIES: [&str; 25] = [
        "signet.db",
        "signet.db-wal",
        "signet.db-shm",
        "signet.db.lock",
        "vault.json",
        "vault.json.lock",
        "vault.key",
        "vault.lock",
        "owner",
        "history",
        "inbox",
        "adapters",
        "daemon.log",
        // the original's
        "identities.db",
        "identities.db-wal",
        "identities.db-shm",
        "id-mappings.db",
        "id-mappings.db-wal",
        "id-mappings.db-shm",
        "db",
        "secrets",
        "wallets",
        "keys",
        "operators",
        "vault-passphrase",
    ];

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("signet.db")
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.0.join("vault.json")
    }

    /// The folder with a file for each inbox.
    #[must_use]
    pub fn inboxes(&self) -> PathBuf {
        self.0.join("inbox")
    }

    /// What a daemon in the background logs to.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("daemon.log")
    }

    /// The folder of an adapter.
    #[must_use]
    pub fn adapter(&self, name: &AdapterName) -> PathBuf {
        self.0.join("adapters").join(name.to_string())
    }
}
