//! A home directory and the real binary.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

use std::{
    fs::Permissions,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// Opens the vaults of the tests.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// A home directory with nothing in it but a file that holds the passphrase.
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
        let home = Self {
            dir: tempfile::tempdir().unwrap(),
            vars: Vec::new(),
        };
        home.file("passphrase", &format!("{PASSPHRASE}\n"));
        home
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `~/.safeclaw/<path>`.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(".safeclaw").join(path)
    }

    /// `@FILE` of the passphrase.
    pub fn passphrase(&self) -> String {
        format!("@{}", self.dir.path().join("passphrase").display())
    }

    /// Writes `~/<name>`, mode 0600, and returns its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub fn read(&self, path: &str) -> String {
        let path = self.path(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn mode(&self, path: &str) -> u32 {
        mode(&self.path(path))
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safeclaw"));
        command
            .env_clear()
            .env("HOME", self.dir.path())
            .args(arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary without a passphrase and with nothing to read.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs it with the passphrase from its file.
    pub fn open(&self, arguments: &[&str]) -> Run {
        let passphrase = self.passphrase();
        let mut all = vec!["--passphrase", passphrase.as_str()];
        all.extend(arguments);
        self.run(&all)
    }

    pub fn run_with_stdin(&self, arguments: &[&str], stdin: &[u8]) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // a command that refuses its arguments reads nothing
        let _ = child.stdin.take().unwrap().write_all(stdin);
        child.wait_with_output().unwrap().into()
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

    /// The error of a run with `--json` that ended with `code`; stdout is clean.
    #[track_caller]
    pub fn error(self, code: i32) -> Value {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        let last = self.stderr.lines().last().unwrap_or_default();
        let mut value: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {}", self.stderr));
        value["error"].take()
    }

    /// Exit code and name of the failure of a run with `--json`.
    #[track_caller]
    pub fn refused(self) -> (i32, String) {
        let code = self.code;
        let error = self.error(code);
        (code, error["code"].as_str().unwrap().to_owned())
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
