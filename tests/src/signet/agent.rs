//! An agent in a chat: an operator, its inbox, the chat and a credential, made by `xs`.

use serde_json::Value;

use super::Home;

/// An agent in a chat.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its operator.
    pub operator: String,
    /// Its inbox.
    pub inbox: String,
    /// What the network calls that.
    pub network_inbox: String,
    /// The chat.
    pub chat: String,
    /// What the network calls that.
    pub group: String,
    /// The credential.
    pub credential: String,
    /// Its token.
    pub token: String,
}

impl Home {
    /// Makes an operator that shares one inbox among its chats, a chat with `members`, and a credential that allows `scopes`.
    ///
    /// # Panics
    /// When one of the steps fails.
    #[must_use]
    pub fn agent(&self, label: &str, chat: &str, members: &[&str], scopes: &str) -> Agent {
        let operator = text(
            &self.ask(&["operator", "create", "--label", label, "--scope", "shared"]),
            "id",
        );
        let inbox = format!("{label}-inbox");
        let inbox = self.ask(&["inbox", "create", "--label", &inbox, "--op", &operator]);
        let id = text(&inbox, "id");
        let members = members.join(",");
        let mut create = vec!["chat", "create", "--name", chat, "--as", &id];
        if !members.is_empty() {
            create.extend(["--members", &members]);
        }
        let made = self.ask(&create);
        let chat = text(&made, "chatId");
        let issued = self.issue(&operator, &chat, &["--allow", scopes]);
        Agent {
            inbox: id,
            network_inbox: text(&inbox, "networkInboxId"),
            group: text(&made, "groupId"),
            credential: text(&issued["credential"], "id"),
            token: text(&issued, "token"),
            operator,
            chat,
        }
    }

    /// Issues a credential.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn issue(&self, operator: &str, chat: &str, more: &[&str]) -> Value {
        self.ask(&[&["cred", "issue", "--op", operator, "--chat", chat], more].concat())
    }
}

/// A member that is text.
fn text(value: &Value, name: &str) -> String {
    let found = value[name].as_str();
    found.unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}
