//! A program at a terminal, and somebody who types, by way of `script` (util-linux).

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use crate::command::clean;

/// A run of a program at a terminal. Dropping it kills it.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    seen: String,
}

impl Terminal {
    /// What is needed, for [`skip!`](crate::skip!).
    pub const MISSING: &'static str = "no script (util-linux)";

    /// Runs `program` with `arguments` and these variables; `None` where there is no `script`.
    ///
    /// # Panics
    /// When a path is no text.
    #[must_use]
    pub fn run(program: &Path, arguments: &[&str], variables: &[(String, String)]) -> Option<Self> {
        let quote = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let program = program.to_str().expect("a path of text");
        let words: Vec<String> = [program].iter().chain(arguments).map(|word| quote(word)).collect();
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &format!("exec {}", words.join(" ")), "/dev/null"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        clean(&mut command);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().ok()?;
        Some(Self {
            stdin: child.stdin.take().expect("a pipe"),
            stdout: child.stdout.take().expect("a pipe"),
            child,
            seen: String::new(),
        })
    }

    /// Waits until `text` has appeared behind what was waited for before.
    ///
    /// # Panics
    /// When the program ends before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !String::from_utf8_lossy(&bytes).contains(text) {
            if self.stdout.read(&mut byte).expect("a screen") == 0 {
                let rest = String::from_utf8_lossy(&bytes);
                panic!("{text:?} did not appear in {}{rest}", self.seen);
            }
            bytes.extend(byte);
        }
        self.seen.push_str(&String::from_utf8_lossy(&bytes));
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn types(&mut self, line: &str) {
        self.stdin
            .write_all(format!("{line}\n").as_bytes())
            .expect("a terminal");
        self.stdin.flush().expect("a terminal");
    }

    /// How it ended, and all that was on the screen.
    ///
    /// # Panics
    /// When that cannot be told.
    #[must_use]
    pub fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).expect("a screen");
        let code = self.child.wait().expect("a child").code().unwrap_or(-1);
        let screen = format!("{}{}", self.seen, String::from_utf8_lossy(&rest));
        (code, screen.replace('\r', ""))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
