//! A process with clients in it, ours or the official SDK's, that is asked the same questions.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, bail};
use chancery_tests::xmtp::{Driver, Generation, Sdk};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Name of the only client of most processes.
pub(super) const ONE: &str = "one";

/// Such a process. Operations and their parameters are those of `tests/xmtp/operations.mjs`.
pub(super) enum Party {
    Ours(Pipe),
    Official(Driver),
}

/// A process of ours, and what it is asked through.
pub(super) struct Pipe {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Party {
    pub(super) fn ours(url: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["xmtp-clients", "--node", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut pipe = Pipe {
            stdin: child.stdin.take().context("no stdin")?,
            stdout: BufReader::new(child.stdout.take().context("no stdout")?),
            child,
        };
        // it says that it is there
        pipe.stdout.read_line(&mut String::new())?;
        Ok(Self::Ours(pipe))
    }

    pub(super) fn official(sdk: &Sdk, url: &str, dir: &Path) -> Self {
        Self::Official(Driver::start(sdk, Generation::Five, url, dir))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "ours",
            Self::Official(_) => "official",
        }
    }

    pub(super) fn pid(&self) -> u32 {
        match self {
            Self::Ours(pipe) => pipe.child.id(),
            Self::Official(driver) => driver.pid(),
        }
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask<T: DeserializeOwned>(&mut self, operation: &str, parameters: Value) -> anyhow::Result<T> {
        let answer = match self {
            Self::Ours(pipe) => pipe.ask(operation, parameters)?,
            Self::Official(driver) => match driver.ask(operation, parameters) {
                Ok(answer) => answer,
                Err(refused) => bail!("the SDK, {operation}: {refused}"),
            },
        };
        Ok(serde_json::from_value(answer)?)
    }

    /// The same where nothing is answered.
    pub(super) fn tell(&mut self, operation: &str, parameters: Value) -> anyhow::Result<()> {
        self.ask::<Value>(operation, parameters).map(drop)
    }

    /// Registers the client [`ONE`], whose database is the file at `db`; its inbox.
    pub(super) fn register(&mut self, db: &Path, wallet: &str) -> anyhow::Result<String> {
        let asked = json!({ "client": ONE, "db": db, "wallet": wallet, "dbKey": { "hex": wallet } });
        let made: Value = self.ask("create", asked)?;
        Ok(made["inboxId"].as_str().context("no inbox")?.to_owned())
    }

    /// [`ONE`] makes a group; its id.
    pub(super) fn group(&mut self, members: &[String]) -> anyhow::Result<String> {
        let made: Value = self.ask(
            "newGroup",
            json!({ "client": ONE, "members": members, "name": "bench" }),
        )?;
        Ok(made["id"].as_str().context("no group")?.to_owned())
    }
}

impl Pipe {
    fn ask(&mut self, operation: &str, mut parameters: Value) -> anyhow::Result<Value> {
        parameters["op"] = json!(operation);
        writeln!(self.stdin, "{parameters}")?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let mut answer: Value = serde_json::from_str(&line).with_context(|| format!("{operation}: {line:?}"))?;
        match answer["error"].as_str() {
            Some(error) => bail!("ours, {operation}: {error}"),
            None => Ok(answer["result"].take()),
        }
    }
}
