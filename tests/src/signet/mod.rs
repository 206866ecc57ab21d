//! A signet as its owner has it: a home with configuration and keys, `chancery signet` as a process, `xs` beside it, and
//! harnesses on its WebSocket.
//!
//! ```no_run
//! use chancery_tests::{signet::{Harness, Home}, xmtp::Network};
//!
//! let net = Network::without_sdk();                      // chancery xmtp-node
//! let home = Home::new().on(net.port()).initialized();   // xs init
//! let mut daemon = home.daemon();                        // chancery signet
//! let agent = home.agent("bot", "team", &[], "send,read-messages,stream-messages");
//! let mut harness = Harness::connect(daemon.ws(), &agent.token, None);
//! let sent = harness.send(&agent.chat, "hello");
//! daemon.process.restart();                              // SIGKILL
//! ```

mod agent;
mod daemon;
mod harness;

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

pub use agent::Agent;
pub use daemon::Daemon;
pub use harness::{Event, Harness, text_in};

use crate::{Command, Outcome, Port, Terminal, binary};

/// The owner's passphrase.
pub const OWNER: &str = "correct horse battery staple";

/// A home directory. It goes with its value.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    /// An empty one. The daemon takes any port that is free, and finds no network.
    ///
    /// # Panics
    /// When there is no place for it.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("chancery-signet-").tempdir();
        let home = Self {
            dir: dir.expect("a directory"),
            variables: Vec::new(),
        };
        home.with("XMTP_SIGNET_WS_PORT", "0")
            .with("XMTP_SIGNET_NODE_URL", "http://127.0.0.1:9")
    }

    /// With the network behind the node at `port`.
    #[must_use]
    pub fn on(self, port: &Port) -> Self {
        self.with("XMTP_SIGNET_NODE_URL", &port.url())
    }

    /// With a variable for every program.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With keys, by `xs init`.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn initialized(self) -> Self {
        let owner = self.owner();
        let init = [
            "init",
            "--env",
            "local",
            "--label",
            "owner",
            "--owner-passphrase",
            &owner,
        ];
        let _ = self.xs(&init).ok();
        self
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The folder with what the signet keeps.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir().join("data/xmtp-signet")
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir().join("config/xmtp-signet/config.toml")
    }

    /// The admin socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir().join("run/xmtp-signet/admin.sock")
    }

    /// Writes a file, mode 0600, and the folders above it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// Writes the configuration.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&self, text: &str) {
        self.file("config/xmtp-signet/config.toml", text);
    }

    /// `@FILE` of a file with the owner's passphrase.
    fn owner(&self) -> String {
        format!("@{}", self.file("owner-passphrase", &format!("{OWNER}\n")).display())
    }

    /// The variables that every program has.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let below = |name: &str| self.dir().join(name).to_string_lossy().into_owned();
        let places = [
            ("HOME", ""),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_STATE_HOME", "state"),
        ];
        let mut all: Vec<_> = places
            .iter()
            .map(|(name, folder)| ((*name).to_owned(), below(folder)))
            .collect();
        all.extend(self.variables.iter().cloned());
        all
    }

    /// A run of `program` in this home.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let command = Command::new(program).dir(self.dir());
        self.variables()
            .iter()
            .fold(command, |command, (name, value)| command.env(name, value))
    }

    /// Runs `xs` with these arguments.
    #[must_use]
    pub fn xs(&self, arguments: &[&str]) -> Outcome {
        self.command(&binary::xs()).args(arguments).run()
    }

    /// What `xs` answers to them, as JSON.
    ///
    /// # Panics
    /// When it fails.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        self.xs(&[arguments, &["--json"]].concat()).json()
    }

    /// The JSON failure with which `xs` refuses them, and its exit code.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn refused(&self, arguments: &[&str]) -> (i32, Value) {
        let outcome = self.xs(&[arguments, &["--json"]].concat());
        let last = outcome.stderr.lines().last().unwrap_or_default();
        let failure = serde_json::from_str(last);
        (outcome.code, failure.unwrap_or_else(|_| panic!("{outcome:?}")))
    }

    /// Runs `xs` at a terminal; `None` where there is none to be had.
    #[must_use]
    pub fn at_terminal(&self, arguments: &[&str]) -> Option<Terminal> {
        Terminal::run(&binary::xs(), arguments, &self.variables())
    }

    /// Starts the daemon.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn daemon(&self) -> Daemon {
        let mut daemon = Daemon::new(self);
        daemon.process.start();
        daemon
    }

    /// Runs `chancery signet`, which is not to start, to its end.
    #[must_use]
    pub fn signet(&self, arguments: &[&str]) -> Outcome {
        self.command(&binary::chancery()).arg("signet").args(arguments).run()
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}
