//! A home directory, the real binary, and a daemon that is none.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

pub mod double;
pub mod terminal;

use std::{
    fs::Permissions,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// Opens the owner's vault of the tests.
pub const OWNER: &str = "the owner's own words";

/// A home directory with nothing in it.
pub struct Home {
    pub dir: TempDir,
    pub vars: Vec<(String, String)>,
}

/// What a run of the binary answered.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            vars: Vec::new(),
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// The folder with what the signet keeps.
    pub fn data(&self, name: &str) -> PathBuf {
        self.path("data/xmtp-signet").join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("config/xmtp-signet/config.toml")
    }

    pub fn socket(&self) -> PathBuf {
        self.path("run/xmtp-signet/admin.sock")
    }

    /// Writes a file, mode 0600, and the folders above it.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// `@FILE` of a file that holds the owner's passphrase.
    pub fn owner(&self) -> String {
        format!("@{}", self.file("owner-passphrase", &format!("{OWNER}\n")).display())
    }

    /// Sets keys up, with an owner whose passphrase is [`OWNER`].
    pub fn initialized(self) -> Self {
        let owner = self.owner();
        self.run(&["init", "--env", "local", "--owner-passphrase", &owner]).ok();
        self
    }

    /// The variables that every run has.
    pub fn environment(&self) -> Vec<(String, String)> {
        let below = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let mut all = vec![
            ("HOME".to_owned(), below("")),
            ("XDG_CONFIG_HOME".to_owned(), below("config")),
            ("XDG_DATA_HOME".to_owned(), below("data")),
            ("XDG_RUNTIME_DIR".to_owned(), below("run")),
            ("XDG_STATE_HOME".to_owned(), below("state")),
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ];
        all.extend(self.vars.iter().cloned());
        all
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_xs")), arguments)
    }

    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.environment())
            .args(arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().unwrap().into()
    }
}

pub fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The one JSON document on stdout of a run that was done.
    #[track_caller]
    pub fn json(self) -> Value {
        let run = self.ok();
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
    }

    /// The failure of a run for programs that ended with `code`; stdout is clean.
    #[track_caller]
    pub fn refused(self, code: i32) -> Value {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        let last = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {}", self.stderr))
    }

    /// All that was written anywhere.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Ends a test that cannot run here, or fails it with `CHANCERY_REQUIRE=all`.
pub fn skip(missing: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        std::env::var("CHANCERY_REQUIRE").as_deref() != Ok("all"),
        "{test} needs {missing}"
    );
    // not through print: the test runner would keep the line to itself
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {missing}");
}
