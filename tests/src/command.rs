//! A command line, run to its end.

use std::{
    ffi::{OsStr, OsString},
    io::Write as _,
    path::Path,
    process::Stdio,
};

use serde_json::Value;

/// What a program needs of our environment to run at all.
const KEPT: [&str; 5] = ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "RUST_LOG", "RUST_BACKTRACE"];

/// Leaves nothing of our environment that could lead a program to somebody's files or servers.
pub(crate) fn clean(command: &mut std::process::Command) {
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// A command to run.
#[derive(Debug)]
pub struct Command {
    inner: std::process::Command,
    stdin: Vec<u8>,
    words: OsString,
}

/// How it ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Stdout.
    pub stdout: String,
    /// Stderr.
    pub stderr: String,
    words: String,
}

impl Command {
    /// `program`, without our environment.
    #[must_use]
    pub fn new(program: &Path) -> Self {
        let mut inner = std::process::Command::new(program);
        clean(&mut inner);
        Self {
            inner,
            stdin: Vec::new(),
            words: program.file_name().unwrap_or(program.as_os_str()).to_owned(),
        }
    }

    /// With an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.words.push(" ");
        self.words.push(&argument);
        self.inner.arg(argument);
        self
    }

    /// With arguments.
    #[must_use]
    pub fn args(self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// With a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    /// In a directory.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.inner.current_dir(dir);
        self
    }

    /// With `text` on stdin.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// Runs it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        let words = self.words.to_string_lossy().into_owned();
        self.inner
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .inner
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {words}: {error}"));
        let mut stdin = child.stdin.take().expect("a pipe");
        // one that does not read is no failure
        let _ = stdin.write_all(&self.stdin);
        drop(stdin);
        let output = child.wait_with_output().expect("output");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            words,
        }
    }
}

impl Outcome {
    /// Itself, when the command succeeded.
    ///
    /// # Panics
    /// With all that it wrote, when it did not.
    #[must_use]
    pub fn ok(self) -> Self {
        assert!(
            self.code == 0,
            "{} ended with {}:\n{}\n{}",
            self.words,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Stdout as one JSON document.
    ///
    /// # Panics
    /// When the command failed, or stdout is none.
    #[must_use]
    pub fn json(self) -> Value {
        let done = self.ok();
        serde_json::from_str(&done.stdout)
            .unwrap_or_else(|error| panic!("{} did not print JSON ({error}):\n{}", done.words, done.stdout))
    }

    /// Exit code and `error.code` of the JSON failure on stderr, empty when there is none.
    #[must_use]
    pub fn failure(&self) -> (i32, String) {
        let code = self.stderr.lines().rev().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line["error"]["code"].as_str()?.to_owned())
        });
        (self.code, code.unwrap_or_default())
    }
}
