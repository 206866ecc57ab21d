//! A client of ours, with the look of the SDK's [`Client`](super::Client).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{Network, OursRefused, Shell};
use crate::{Command, binary, wait};

/// An installation of an inbox, in a process of its own.
#[derive(Debug, Clone)]
pub struct Ours {
    shell: Arc<Shell>,
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    name: String,
    node: String,
    db: PathBuf,
    inbox_id: String,
    installation_id: String,
    address: String,
}

impl Network {
    /// A registered client of ours with a new wallet.
    ///
    /// # Panics
    /// When it cannot be registered.
    #[must_use]
    pub fn ours(&self, name: &str) -> Ours {
        self.ours_with(name, None)
    }

    /// The same with the wallet of this secret key (64 hex digits), if there is one: another installation of its inbox.
    ///
    /// # Panics
    /// When it cannot be registered.
    #[must_use]
    pub fn ours_with(&self, name: &str, wallet: Option<&str>) -> Ours {
        let dir = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(self.dir());
        // it goes with the network's
        let db = dir.expect("a directory").keep().join("inbox.db");
        let node = self.port().url();
        if let Some(secret) = wallet {
            std::fs::write(db.with_extension("db.wallet"), secret).expect("a wallet");
        }
        let command = Command::new(&binary::chancery()).args(["xmtp", "new", "--json", "--node", &node, "--db"]);
        let made = command.arg(&db).run().json();
        let member = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let place = Place {
            name: name.to_owned(),
            inbox_id: member("inboxId"),
            installation_id: member("installationId"),
            address: member("address"),
            node,
            db,
        };
        Ours {
            shell: Arc::new(place.shell()),
            place: Arc::new(place),
        }
    }
}

impl Place {
    fn shell(&self) -> Shell {
        Shell::start(&self.node, &self.db, &self.db.with_extension("log"))
    }
}

impl Ours {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// Its inbox id.
    #[must_use]
    pub fn inbox_id(&self) -> &str {
        &self.place.inbox_id
    }

    /// Its installation's public key, hex.
    #[must_use]
    pub fn installation_id(&self) -> &str {
        &self.place.installation_id
    }

    /// The address of its wallet.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.place.address
    }

    /// The secret key of its wallet, to make another installation.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn wallet(&self) -> String {
        std::fs::read_to_string(self.place.db.with_extension("db.wallet")).expect("a wallet")
    }

    /// Its file.
    #[must_use]
    pub fn db(&self) -> &Path {
        &self.place.db
    }

    /// Its process.
    #[must_use]
    pub fn shell(&self) -> &Shell {
        &self.shell
    }

    /// The same installation in a new process; the former one is killed (SIGKILL).
    #[must_use]
    pub fn restarted(self) -> Self {
        self.shell.kill();
        Self {
            shell: Arc::new(self.place.shell()),
            place: self.place,
        }
    }

    /// Asks for anything.
    ///
    /// # Errors
    /// What it said.
    pub fn ask(&self, line: &str) -> Result<Value, OursRefused> {
        self.shell.ask(line)
    }

    fn must(&self, line: &str) -> Value {
        self.ask(line).unwrap_or_else(|error| {
            let log = self.shell.log();
            panic!("{} (ours): {line}: {error}\n{log}", self.name());
        })
    }
}

/// What it is asked for. Each panics when it fails, unless it says `try`.
#[allow(clippy::missing_panics_doc, reason = "said above, for all")]
impl Ours {
    /// Reads welcomes, and what is new in every conversation.
    pub fn sync_all(&self) {
        self.must("sync");
    }

    /// The conversations that it has.
    #[must_use]
    pub fn conversations(&self) -> Vec<Value> {
        list(self.must("list")["conversations"].take())
    }

    /// One of them.
    #[must_use]
    pub fn conversation(&self, conversation: &str) -> Value {
        let found = self
            .conversations()
            .into_iter()
            .find(|found| found["id"] == conversation);
        found.unwrap_or_else(|| panic!("{} (ours) has no conversation {conversation}", self.name()))
    }

    /// Whether it has this one.
    #[must_use]
    pub fn has(&self, conversation: &str) -> bool {
        self.conversations().iter().any(|found| found["id"] == conversation)
    }

    /// Messages that it has, oldest first.
    #[must_use]
    pub fn messages(&self, conversation: &str) -> Vec<Value> {
        list(self.must(&format!("messages {conversation}"))["messages"].take())
    }

    /// Texts that it has and that are published, oldest first.
    #[must_use]
    pub fn texts(&self, conversation: &str) -> Vec<String> {
        self.messages(conversation)
            .iter()
            .filter_map(text)
            .map(str::to_owned)
            .collect()
    }

    /// Members: inbox, role, installations.
    #[must_use]
    pub fn members(&self, conversation: &str) -> Vec<Value> {
        list(self.must(&format!("members {conversation}"))["members"].take())
    }

    /// Installations of its inbox, as the identity log tells, sorted.
    #[must_use]
    pub fn installations(&self) -> Vec<String> {
        let mut found: Vec<String> = list(self.must("installations")["installations"].take())
            .iter()
            .filter_map(|key| Some(key.as_str()?.to_owned()))
            .collect();
        found.sort_unstable();
        found
    }

    /// What it knows about forks.
    #[must_use]
    pub fn debug(&self, conversation: &str) -> Value {
        self.must(&format!("debug {conversation}"))
    }

    /// A group with these inboxes; its id.
    #[must_use]
    pub fn new_group(&self, members: &[&str]) -> String {
        id(&self.must(&format!("group \"a group\" {}", members.join(" ")))["conversation"])
    }

    /// A DM with an inbox; its id.
    #[must_use]
    pub fn new_dm(&self, peer: &str) -> String {
        id(&self.must(&format!("dm {peer}"))["conversation"])
    }

    /// Sends a text; the message id. The node has it when this returns.
    pub fn send(&self, conversation: &str, text: &str) -> String {
        id(&self.must(&format!("send {conversation} {}", json!(text))))
    }

    /// The same.
    ///
    /// # Errors
    /// What it said.
    pub fn try_send(&self, conversation: &str, text: &str) -> Result<String, OursRefused> {
        Ok(id(&self.ask(&format!("send {conversation} {}", json!(text)))?))
    }

    /// Names a group.
    pub fn rename(&self, conversation: &str, name: &str) {
        self.must(&format!("rename {conversation} {}", json!(name)));
    }

    /// Adds an inbox to a group.
    pub fn add(&self, conversation: &str, inbox: &str) {
        self.must(&format!("add {conversation} {inbox}"));
    }

    /// Removes an inbox from a group.
    pub fn remove(&self, conversation: &str, inbox: &str) {
        self.must(&format!("remove {conversation} {inbox}"));
    }

    /// Makes an inbox an admin.
    pub fn promote(&self, conversation: &str, inbox: &str) {
        self.must(&format!("promote {conversation} {inbox}"));
    }

    /// Makes an admin a member like others.
    pub fn demote(&self, conversation: &str, inbox: &str) {
        self.must(&format!("demote {conversation} {inbox}"));
    }

    /// Renews its keys in a group.
    pub fn update_keys(&self, conversation: &str) {
        self.must(&format!("update-keys {conversation}"));
    }

    /// Asks to be removed from a group.
    pub fn leave(&self, conversation: &str) {
        self.must(&format!("leave {conversation}"));
    }

    /// Revokes an installation of its own inbox.
    pub fn revoke(&self, installation: &str) {
        self.must(&format!("revoke {installation}"));
    }

    /// Has what comes in told as events from now on.
    pub fn stream(&self) {
        self.must("stream on");
    }

    /// The texts that came as events so far, in order.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        let events = self.shell.events();
        let texts = events.iter().filter_map(|event| text(event.get("message")?));
        texts.map(str::to_owned).collect()
    }

    /// Waits until a text comes as an event.
    pub fn hears(&self, text: &str) {
        wait::until(&format!("{text:?} in the stream of {} (ours)", self.name()), || {
            self.heard().iter().any(|heard| heard == text).then_some(())
        });
    }
}

/// The text of a message, if it is one and published.
pub(super) fn text(message: &Value) -> Option<&str> {
    let is_text = message["type"] == "xmtp.org/text:1.0" && message["status"] == "published";
    message["content"].as_str().filter(|_| is_text)
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        other => panic!("no list, but {other}"),
    }
}

fn id(value: &Value) -> String {
    match value["id"].as_str() {
        Some(id) => id.to_owned(),
        None => panic!("no id in {value}"),
    }
}
