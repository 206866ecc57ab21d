//! A terminal with somebody at it, by way of `script` (util-linux).

use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{Home, skip};

/// A run of the binary at a terminal.
pub struct Terminal {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    seen: String,
}

impl Terminal {
    /// Runs `arguments` at a terminal; `None`, with a line that says so, where there is no `script`.
    pub fn run(home: &Home, arguments: &[&str]) -> Option<Self> {
        let quote = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let program = [env!("CARGO_BIN_EXE_xs")];
        let words: Vec<String> = program.iter().chain(arguments).map(|word| quote(word)).collect();
        let spawned = Command::new("script")
            .args(["-qec", &words.join(" "), "/dev/null"])
            .env_clear()
            .envs(home.environment())
            .current_dir(home.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            skip("script, of util-linux");
            return None;
        };
        Some(Self {
            stdin: child.stdin.take().unwrap(),
            stdout: child.stdout.take().unwrap(),
            child,
            seen: String::new(),
        })
    }

    /// Waits until `text` has appeared behind what was waited for before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !String::from_utf8_lossy(&bytes).contains(text) {
            if self.stdout.read(&mut byte).unwrap() == 0 {
                panic!(
                    "{text:?} did not appear in {}{}",
                    self.seen,
                    String::from_utf8_lossy(&bytes)
                );
            }
            bytes.extend(byte);
        }
        self.seen.push_str(&String::from_utf8_lossy(&bytes));
    }

    pub fn types(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.stdin.flush().unwrap();
    }

    /// How it ended, and all that was on the screen.
    pub fn end(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).unwrap();
        drop(self.stdin);
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        (
            code,
            format!("{}{}", self.seen, String::from_utf8_lossy(&rest)).replace('\r', ""),
        )
    }
}
