//! People with a home directory, and their agents.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Command, Connector, Webhook, binary};

/// Somebody who uses the `clawdentity` command, with their own home directory.
#[derive(Debug, Clone)]
pub struct Person {
    name: String,
    home: PathBuf,
    client: PathBuf,
    quiet: bool,
    registry: String,
    site: Arc<TempDir>,
}

impl Person {
    pub(crate) fn new(name: &str, home: &Path, site: Arc<TempDir>, registry: &str) -> Self {
        Self {
            name: name.to_owned(),
            home: home.to_owned(),
            client: binary::clawdentity(),
            quiet: false,
            registry: registry.to_owned(),
            site,
        }
    }

    /// The same person with another client, such as the published one. Its logs are off: the published one writes them
    /// between its results.
    #[must_use]
    pub fn with_client(mut self, client: &Path) -> Self {
        client.clone_into(&mut self.client);
        self.quiet = true;
        self
    }

    /// What the client is told besides its arguments.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![("HOME", self.home.to_string_lossy().into_owned())];
        if self.quiet {
            all.extend([("RUST_LOG", "off".to_owned()), ("RUST_BACKTRACE", "0".to_owned())]);
        }
        all
    }

    /// Their name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Their home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    pub(crate) fn client(&self) -> &Path {
        &self.client
    }

    pub(crate) fn output_dir(&self) -> &Path {
        self.site.path()
    }

    /// `clawdentity <arguments> --json` in their home; to be run with [`Command::run`].
    #[must_use]
    pub fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        self.run_plain(arguments).arg("--json")
    }

    /// The same without `--json`.
    #[must_use]
    pub fn run_plain(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let command = Command::new(&self.client).dir(&self.home);
        let variables = self.variables().into_iter();
        variables
            .fold(command, |command, (name, value)| command.env(name, value))
            .args(arguments)
    }

    /// The same, run: its JSON.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn json(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Value {
        self.run(arguments).run().json()
    }

    /// Their API key, from the configuration that the client keeps below `.clawdentity`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn api_key(&self) -> String {
        let found = self.find(|dir| {
            let config: Value = serde_json::from_slice(&std::fs::read(dir.join("config.json")).ok()?).ok()?;
            config["apiKey"].as_str().map(str::to_owned)
        });
        found.unwrap_or_else(|| panic!("{} has no API key", self.name))
    }

    /// The files of their agent `name`: `agents/<name>` below wherever the client keeps its state.
    ///
    /// # Panics
    /// When they are nowhere.
    #[must_use]
    pub fn agent_dir(&self, name: &str) -> PathBuf {
        let found = self.find(|dir| Some(dir.join("agents").join(name)).filter(|dir| dir.is_dir()));
        found.unwrap_or_else(|| panic!("{} has no files of {name}", self.name))
    }

    /// Looks through `.clawdentity` and the folders below it.
    fn find<T>(&self, look: impl Fn(&Path) -> Option<T>) -> Option<T> {
        let mut open = vec![self.home.join(".clawdentity")];
        while let Some(dir) = open.pop() {
            if let Some(found) = look(&dir) {
                return Some(found);
            }
            let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
            open.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
        None
    }

    /// As an administrator: makes an invite. Returns its code.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn invite_code(&self) -> String {
        text(&self.json(["invite", "create"]), "/invite/code")
    }

    /// As an administrator: invites somebody, who redeems it.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn invite(&self, name: &str) -> Self {
        let home = self.home.with_file_name(name);
        std::fs::create_dir_all(&home).expect("a home directory");
        let guest = Self {
            name: name.to_owned(),
            home,
            client: binary::clawdentity(),
            quiet: false,
            ..self.clone()
        };
        guest.redeem(&self.invite_code());
        guest
    }

    /// Redeems an invite.
    ///
    /// # Panics
    /// When it fails.
    pub fn redeem(&self, code: &str) {
        let arguments = [
            "invite",
            "redeem",
            code,
            "--display-name",
            &self.name,
            "--registry-url",
            &self.registry,
        ];
        let _ = self.json(arguments);
    }

    /// Creates an agent.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn agent(&self, name: &str) -> Agent {
        let created = self.json(["agent", "create", name]);
        Agent {
            owner: self.clone(),
            name: name.to_owned(),
            did: text(&created, "/did"),
        }
    }
}

/// An agent of somebody.
#[derive(Debug, Clone)]
pub struct Agent {
    owner: Person,
    name: String,
    did: String,
}

impl Agent {
    /// Its owner.
    #[must_use]
    pub fn owner(&self) -> &Person {
        &self.owner
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its DID.
    #[must_use]
    pub fn did(&self) -> &str {
        &self.did
    }

    /// Its files.
    ///
    /// # Panics
    /// When they are nowhere.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.owner.agent_dir(&self.name)
    }

    /// Pairs it with another one by a ticket: start here, confirm there, status here.
    ///
    /// # Panics
    /// When it fails.
    pub fn pair_with(&self, other: &Self) {
        let started = self.owner.json(["pair", "start", &self.name]);
        let ticket = text(&started, "/ticket");
        let confirmed = other.owner.json(["pair", "confirm", &other.name, "--ticket", &ticket]);
        assert_eq!(confirmed["paired"], true, "{confirmed}");
        let status = self.owner.json(["pair", "status", &self.name, "--ticket", &ticket]);
        assert_eq!(status["status"], "confirmed", "{status}");
    }

    /// Its connector, as a process that is connected to the relay and delivers to `webhook`. A receiver that deduplicates:
    /// after a crash a delivery is repeated, marked, and not held.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn connector(&self, webhook: &Webhook) -> Connector {
        let mut connector = Connector::prepare(self, &["--deliver-url", &webhook.url(), "--provider-deduplicates"]);
        connector.start();
        connector
    }

    /// Revokes it, by its owner's API key.
    ///
    /// # Panics
    /// When it fails.
    pub fn revoke(&self, registry: std::net::SocketAddr) {
        let key = self.owner.api_key();
        let id = self.did.rsplit(':').next().unwrap_or_default();
        let bearer = format!("Bearer {key}");
        let answer = crate::http::send(
            registry,
            "DELETE",
            &format!("/v1/agents/{id}"),
            &[("authorization", &bearer)],
            b"",
        );
        assert_eq!(answer.map(|answer| answer.status), Some(204));
    }
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {value}")).to_owned()
}
