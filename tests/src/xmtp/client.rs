//! A client of the official SDK.

use std::path::PathBuf;

use chancery_base::Rng as _;
use chancery_serve::system::OsRng;
use chancery_xmtp_wire::identity::InstallationKey;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Conversation, Debug, Driver, Inbox, Member, Message, Refused, Stream};

/// How a client is made.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Secret key of its wallet, 64 hex digits; a new one unless given. The same wallet again is another installation.
    pub wallet: Option<String>,
    /// Its database, encrypted; in memory unless given. The same database again is the same installation.
    pub db: Option<PathBuf>,
    /// Whether it keeps a group with its sibling installations.
    pub device_sync: bool,
    /// Where archives for device sync go.
    pub history_url: Option<String>,
    /// Content types that the SDK does not know and hands through, like `convos.org/join_request:1.0`.
    pub types: Vec<String>,
    /// Intervals of background work in milliseconds, by the SDK's name of it (6 only).
    pub workers: Vec<(String, u64)>,
}

/// An installation of an inbox, in the process of its driver.
#[derive(Debug, Clone)]
pub struct Client {
    driver: Driver,
    name: String,
    inbox_id: String,
    installation_id: String,
    address: String,
    wallet: String,
}

/// A new secret key, 64 hex digits.
#[must_use]
pub(super) fn wallet() -> String {
    OsRng.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Client {
    /// Makes and registers it, or opens it again.
    ///
    /// # Errors
    /// What the SDK said.
    pub fn create(driver: &Driver, name: &str, options: &Options) -> Result<Self, Refused> {
        let secret = options.wallet.clone().unwrap_or_else(wallet);
        let mut parameters = json!({
            "client": name,
            "wallet": secret,
            "deviceSync": options.device_sync,
            "types": options.types,
        });
        if let Some(db) = &options.db {
            parameters["db"] = json!(db);
            // who opens it again needs the same key, and a wallet is at hand
            parameters["dbKey"] = json!({ "hex": secret });
        }
        if let Some(url) = &options.history_url {
            parameters["historyUrl"] = json!(url);
        }
        if !options.workers.is_empty() {
            parameters["workers"] = options
                .workers
                .iter()
                .map(|(kind, ms)| (kind.clone(), json!(ms)))
                .collect();
        }
        let made = driver.ask("create", parameters)?;
        let member = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            driver: driver.clone(),
            name: name.to_owned(),
            inbox_id: member("inboxId"),
            installation_id: member("installationId"),
            address: member("address"),
            wallet: secret,
        })
    }

    /// Its name in its driver.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process.
    #[must_use]
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Its inbox id.
    #[must_use]
    pub fn inbox_id(&self) -> &str {
        &self.inbox_id
    }

    /// Its installation's public key, hex.
    #[must_use]
    pub fn installation_id(&self) -> &str {
        &self.installation_id
    }

    /// The same, as we have it.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn installation_key(&self) -> InstallationKey {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let pairs = self.installation_id.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?));
        let bytes: Vec<u8> = bytes.collect::<Option<_>>().expect("hex digits");
        InstallationKey::from_bytes(bytes.try_into().expect("32 bytes"))
    }

    /// The address of its wallet.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The secret key of its wallet, to make another installation.
    #[must_use]
    pub fn wallet(&self) -> &str {
        &self.wallet
    }

    /// Asks for any operation of `tests/xmtp/operations.mjs`.
    ///
    /// # Errors
    /// What the SDK said.
    ///
    /// # Panics
    /// When the answer has another shape.
    pub fn ask<T: DeserializeOwned>(&self, operation: &str, mut parameters: Value) -> Result<T, Refused> {
        parameters["client"] = json!(self.name);
        let answer = self.driver.ask(operation, parameters)?;
        Ok(serde_json::from_value(answer).unwrap_or_else(|error| panic!("{operation} of another shape: {error}")))
    }

    fn must<T: DeserializeOwned>(&self, operation: &str, parameters: Value) -> T {
        let answer = self.ask(operation, parameters);
        answer.unwrap_or_else(|error| {
            let (name, version) = (&self.name, self.driver.version());
            panic!("{name} ({version}): {operation}: {error}")
        })
    }

    fn on<T: DeserializeOwned>(&self, conversation: &str, operation: &str, mut parameters: Value) -> T {
        parameters["conversation"] = json!(conversation);
        self.must(operation, parameters)
    }
}

/// What it reads from the network. Each panics when the SDK fails.
#[allow(clippy::missing_panics_doc, reason = "said above, for all")]
impl Client {
    /// Reads welcomes.
    pub fn sync(&self) {
        self.must("sync", json!({}))
    }

    /// Reads welcomes, and what is new in every conversation.
    pub fn sync_all(&self) {
        self.must::<Value>("syncAll", json!({}));
    }

    /// Reads what is new in the group of its inbox's installations.
    pub fn sync_preferences(&self) {
        self.must::<Value>("syncPreferences", json!({}));
    }

    /// Reads what is new in one conversation.
    pub fn sync_conversation(&self, conversation: &str) {
        self.on(conversation, "syncConversation", json!({}))
    }

    /// Conversations that it has, without those of its own installations.
    #[must_use]
    pub fn conversations(&self) -> Vec<Conversation> {
        self.must("conversations", json!({}))
    }

    /// One of them.
    #[must_use]
    pub fn conversation(&self, conversation: &str) -> Conversation {
        self.on(conversation, "conversation", json!({}))
    }

    /// Whether it has this one.
    #[must_use]
    pub fn has(&self, conversation: &str) -> bool {
        self.conversations().iter().any(|found| found.id == conversation)
    }

    /// Messages that it has, oldest first.
    #[must_use]
    pub fn messages(&self, conversation: &str) -> Vec<Message> {
        self.on(conversation, "messages", json!({}))
    }

    /// Texts that it has and that are published, oldest first.
    #[must_use]
    pub fn texts(&self, conversation: &str) -> Vec<String> {
        let messages = self.messages(conversation);
        let published = messages.iter().filter(|message| message.status == "published");
        published
            .filter_map(|message| Some(message.text()?.to_owned()))
            .collect()
    }

    /// Members of a conversation.
    #[must_use]
    pub fn members(&self, conversation: &str) -> Vec<Member> {
        self.on(conversation, "members", json!({}))
    }

    /// What it knows about forks.
    #[must_use]
    pub fn debug(&self, conversation: &str) -> Debug {
        self.on(conversation, "debug", json!({}))
    }

    /// Inboxes as the identity log tells.
    #[must_use]
    pub fn inboxes(&self, inbox_ids: &[&str]) -> Vec<Inbox> {
        self.must("inboxStates", json!({ "inboxIds": inbox_ids }))
    }

    /// The inbox of an address.
    #[must_use]
    pub fn inbox_id_of(&self, address: &str) -> Option<String> {
        self.must("inboxIdOf", json!({ "address": address }))
    }

    /// When the key package of an installation that the node has begins to hold, in seconds since 1970.
    #[must_use]
    pub fn key_package_since(&self, installation: &str) -> u64 {
        let found: Value = self.must("keyPackages", json!({ "installations": [installation] }));
        let lifetime = &found[installation]["lifetime"];
        let since = lifetime["notBefore"].as_str().and_then(|seconds| seconds.parse().ok());
        since.unwrap_or_else(|| panic!("no good key package: {found}"))
    }
}

/// What it changes. Each panics when the SDK fails, unless it says `try`.
#[allow(clippy::missing_panics_doc, reason = "said above, for all")]
impl Client {
    /// A group with these inboxes; its id.
    #[must_use]
    pub fn new_group(&self, members: &[&str]) -> String {
        let made: Conversation = self.must("newGroup", json!({ "members": members, "name": "a group" }));
        made.id
    }

    /// The same.
    ///
    /// # Errors
    /// What the SDK said.
    pub fn try_new_group(&self, members: &[&str]) -> Result<String, Refused> {
        let made: Conversation = self.ask("newGroup", json!({ "members": members, "name": "a group" }))?;
        Ok(made.id)
    }

    /// A DM with an inbox; its id.
    #[must_use]
    pub fn new_dm(&self, peer: &str) -> String {
        let made: Conversation = self.must("newDm", json!({ "peer": peer }));
        made.id
    }

    /// Sends a text; the message id. The node has it when this returns.
    pub fn send(&self, conversation: &str, text: &str) -> String {
        self.send_content(conversation, "text", &json!(text))
    }

    /// The same.
    ///
    /// # Errors
    /// What the SDK said.
    pub fn try_send(&self, conversation: &str, text: &str) -> Result<String, Refused> {
        self.ask(
            "send",
            json!({ "conversation": conversation, "type": "text", "content": text }),
        )
    }

    /// Sends content of a type; the message id.
    pub fn send_content(&self, conversation: &str, content_type: &str, content: &Value) -> String {
        self.on(
            conversation,
            "send",
            json!({ "type": content_type, "content": content }),
        )
    }

    /// Names a group.
    pub fn rename(&self, conversation: &str, name: &str) {
        self.on(conversation, "rename", json!({ "name": name }))
    }

    /// The same.
    ///
    /// # Errors
    /// What the SDK said.
    pub fn try_rename(&self, conversation: &str, name: &str) -> Result<(), Refused> {
        self.ask("rename", json!({ "conversation": conversation, "name": name }))
    }

    /// Adds inboxes to a group.
    pub fn add_members(&self, conversation: &str, members: &[&str]) {
        self.on(conversation, "addMembers", json!({ "members": members }))
    }

    /// Removes inboxes from a group.
    pub fn remove_members(&self, conversation: &str, members: &[&str]) {
        self.on(conversation, "removeMembers", json!({ "members": members }))
    }

    /// Asks to be removed from a group.
    pub fn leave(&self, conversation: &str) {
        self.on(conversation, "leave", json!({}))
    }

    /// Makes an inbox an admin.
    pub fn add_admin(&self, conversation: &str, member: &str) {
        self.on(conversation, "addAdmin", json!({ "member": member }))
    }

    /// Revokes installations of its own inbox.
    pub fn revoke(&self, installations: &[&str]) {
        self.must("revokeInstallations", json!({ "installations": installations }))
    }

    /// What it decided about a conversation (`group`) or inbox (`inbox`).
    #[must_use]
    pub fn consent(&self, kind: &str, entity: &str) -> String {
        self.must("consent", json!({ "kind": kind, "entity": entity }))
    }

    /// Decides.
    pub fn set_consent(&self, kind: &str, entity: &str, state: &str) {
        self.must("setConsent", json!({ "kind": kind, "entity": entity, "state": state }))
    }

    /// Opens a stream: `messages`, `conversations`, `consent` or `preferences`. It opens again by itself when it breaks.
    #[must_use]
    pub fn stream(&self, kind: &str) -> Stream {
        let name = format!("{kind}-{}", self.driver.number());
        self.must::<Value>("openStream", json!({ "stream": name, "kind": kind }));
        Stream::new(self.driver.clone(), &self.name, name)
    }
}
