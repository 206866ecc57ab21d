//! Both kinds of client as one, so that a scenario is written once and played by any mixture of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use serde_json::{Value, json};

use super::{Client, Ours, Stream, ours_client::text};
use crate::wait;

/// A text as its reader has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The message's id.
    pub id: String,
    /// Inbox id of who said it.
    pub sender: String,
    /// What.
    pub text: String,
}

/// Where a member is in the life of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// MLS epoch.
    pub epoch: u64,
    /// Whether it suspects a fork, by itself or by its log of commits.
    pub forked: bool,
    /// The first six digits of the authenticator of each epoch that it knows one of.
    pub authenticators: BTreeMap<u64, String>,
}

/// A client of either kind.
#[derive(Debug, Clone)]
pub enum Party {
    /// The SDK's.
    Official(Client),
    /// Ours.
    Ours(Ours),
}

/// What came in while somebody listened.
#[derive(Debug)]
pub enum Listening {
    /// A stream of the SDK's.
    Official(Stream),
    /// Events of ours.
    Ours(Ours),
}

impl From<Client> for Party {
    fn from(client: Client) -> Self {
        Self::Official(client)
    }
}

impl From<Ours> for Party {
    fn from(ours: Ours) -> Self {
        Self::Ours(ours)
    }
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Official(client) => write!(f, "{} (SDK {})", client.name(), client.driver().version()),
            Self::Ours(ours) => write!(f, "{} (ours)", ours.name()),
        }
    }
}

/// Runs a method that both have.
macro_rules! both {
    ($party:expr, $client:ident => $call:expr) => {
        match $party {
            Party::Official($client) => $call,
            Party::Ours($client) => $call,
        }
    };
}

/// What both can be asked. Each panics when it fails, unless it says `try`.
#[allow(clippy::missing_panics_doc, reason = "said above, for all")]
impl Party {
    /// Its inbox id.
    #[must_use]
    pub fn inbox_id(&self) -> &str {
        both!(self, client => client.inbox_id())
    }

    /// Its installation's public key, hex.
    #[must_use]
    pub fn installation_id(&self) -> &str {
        both!(self, client => client.installation_id())
    }

    /// The address of its wallet.
    #[must_use]
    pub fn address(&self) -> &str {
        both!(self, client => client.address())
    }

    /// Reads welcomes, and what is new in every conversation.
    pub fn sync_all(&self) {
        both!(self, client => client.sync_all());
    }

    /// Whether it has a conversation.
    #[must_use]
    pub fn has(&self, conversation: &str) -> bool {
        both!(self, client => client.has(conversation))
    }

    /// Whether it is a member as far as it knows.
    #[must_use]
    pub fn is_active(&self, conversation: &str) -> bool {
        match self {
            Self::Official(client) => client.conversation(conversation).active,
            Self::Ours(ours) => ours.conversation(conversation)["active"] == true,
        }
    }

    /// Name of a group.
    #[must_use]
    pub fn group_name(&self, conversation: &str) -> String {
        match self {
            Self::Official(client) => client.conversation(conversation).name,
            Self::Ours(ours) => string(&ours.conversation(conversation)["name"]),
        }
    }

    /// Who is in a group, and as what: `member`, `admin` or `superAdmin`.
    #[must_use]
    pub fn roles(&self, conversation: &str) -> BTreeMap<String, String> {
        match self {
            Self::Official(client) => {
                let members = client.members(conversation).into_iter();
                members.map(|member| (member.inbox_id, member.level)).collect()
            }
            Self::Ours(ours) => {
                let members = ours.members(conversation);
                let role = |member: &Value| (string(&member["inboxId"]), string(&member["level"]));
                members.iter().map(role).collect()
            }
        }
    }

    /// The installations of each member.
    #[must_use]
    pub fn installations_in(&self, conversation: &str) -> BTreeMap<String, BTreeSet<String>> {
        match self {
            Self::Official(client) => {
                let members = client.members(conversation).into_iter();
                members
                    .map(|member| (member.inbox_id, member.installations.into_iter().collect()))
                    .collect()
            }
            Self::Ours(ours) => {
                let installations = |member: &Value| {
                    let keys = member["installations"].as_array().expect("installations");
                    (string(&member["inboxId"]), keys.iter().map(string).collect())
                };
                ours.members(conversation).iter().map(installations).collect()
            }
        }
    }

    /// Texts that it has and that are published, oldest first.
    #[must_use]
    pub fn said(&self, conversation: &str) -> Vec<Said> {
        match self {
            Self::Official(client) => {
                let messages = client.messages(conversation).into_iter();
                let texts = messages
                    .filter(|message| message.status == "published")
                    .filter_map(|message| {
                        let text = message.text()?.to_owned();
                        Some(Said {
                            id: message.id,
                            sender: message.sender,
                            text,
                        })
                    });
                texts.collect()
            }
            Self::Ours(ours) => {
                let said = |message: &Value| {
                    Some(Said {
                        text: text(message)?.to_owned(),
                        id: string(&message["id"]),
                        sender: string(&message["sender"]),
                    })
                };
                ours.messages(conversation).iter().filter_map(said).collect()
            }
        }
    }

    /// The same without ids and senders.
    #[must_use]
    pub fn texts(&self, conversation: &str) -> Vec<String> {
        self.said(conversation).into_iter().map(|said| said.text).collect()
    }

    /// Where it is in the life of a group.
    #[must_use]
    pub fn standing(&self, conversation: &str) -> Standing {
        match self {
            Self::Official(client) => {
                let debug = client.debug(conversation);
                let all = debug.authenticators;
                // who is removed cannot follow into the next epoch, and logs it with the authenticator that it has
                let is_own =
                    |(epoch, it): &(&u64, &String)| epoch.checked_sub(1).and_then(|last| all.get(&last)) != Some(*it);
                Standing {
                    epoch: debug.epoch,
                    forked: debug.maybe_forked || debug.commit_log_forked == Some(true),
                    authenticators: all
                        .iter()
                        .filter(is_own)
                        .map(|(epoch, it)| (*epoch, it.clone()))
                        .collect(),
                }
            }
            Self::Ours(ours) => {
                let debug = ours.debug(conversation);
                let epoch = debug["epoch"].as_u64().expect("an epoch");
                let authenticator: String = string(&debug["authenticator"]).chars().take(6).collect();
                Standing {
                    epoch,
                    forked: debug["maybeForked"] != false,
                    authenticators: [(epoch, authenticator)].into(),
                }
            }
        }
    }

    /// A group with these inboxes; its id.
    #[must_use]
    pub fn new_group(&self, members: &[&str]) -> String {
        both!(self, client => client.new_group(members))
    }

    /// A DM with an inbox; its id.
    #[must_use]
    pub fn new_dm(&self, peer: &str) -> String {
        both!(self, client => client.new_dm(peer))
    }

    /// Sends a text; the message id. The node has it when this returns.
    pub fn send(&self, conversation: &str, text: &str) -> String {
        both!(self, client => client.send(conversation, text))
    }

    /// The same.
    ///
    /// # Errors
    /// What the client said.
    pub fn try_send(&self, conversation: &str, text: &str) -> Result<String, String> {
        both!(self, client => client.try_send(conversation, text).map_err(|refused| refused.to_string()))
    }

    /// Names a group.
    pub fn rename(&self, conversation: &str, name: &str) {
        both!(self, client => client.rename(conversation, name));
    }

    /// The same.
    ///
    /// # Errors
    /// What the client said.
    pub fn try_rename(&self, conversation: &str, name: &str) -> Result<(), String> {
        match self {
            Self::Official(client) => client
                .try_rename(conversation, name)
                .map_err(|refused| refused.to_string()),
            Self::Ours(ours) => {
                let done = ours.ask(&format!("rename {conversation} {}", json!(name)));
                done.map(drop).map_err(|refused| refused.to_string())
            }
        }
    }

    /// Adds an inbox to a group.
    pub fn add(&self, conversation: &str, inbox: &str) {
        match self {
            Self::Official(client) => client.add_members(conversation, &[inbox]),
            Self::Ours(ours) => ours.add(conversation, inbox),
        }
    }

    /// Removes an inbox from a group.
    pub fn remove(&self, conversation: &str, inbox: &str) {
        match self {
            Self::Official(client) => client.remove_members(conversation, &[inbox]),
            Self::Ours(ours) => ours.remove(conversation, inbox),
        }
    }

    /// The same.
    ///
    /// # Errors
    /// What the client said.
    pub fn try_remove(&self, conversation: &str, inbox: &str) -> Result<(), String> {
        match self {
            Self::Official(client) => {
                let asked = json!({ "conversation": conversation, "members": [inbox] });
                let done = client.ask::<Value>("removeMembers", asked);
                done.map(drop).map_err(|refused| refused.to_string())
            }
            Self::Ours(ours) => {
                let done = ours.ask(&format!("remove {conversation} {inbox}"));
                done.map(drop).map_err(|refused| refused.to_string())
            }
        }
    }

    /// Makes an inbox an admin.
    pub fn promote(&self, conversation: &str, inbox: &str) {
        match self {
            Self::Official(client) => client.add_admin(conversation, inbox),
            Self::Ours(ours) => ours.promote(conversation, inbox),
        }
    }

    /// Makes an admin a member like others.
    pub fn demote(&self, conversation: &str, inbox: &str) {
        match self {
            Self::Official(client) => {
                let asked = json!({ "conversation": conversation, "member": inbox });
                let done = client.ask::<Value>("removeAdmin", asked);
                done.unwrap_or_else(|error| panic!("{self}: {error}"));
            }
            Self::Ours(ours) => ours.demote(conversation, inbox),
        }
    }

    /// Asks to be removed from a group.
    pub fn leave(&self, conversation: &str) {
        both!(self, client => client.leave(conversation));
    }

    /// Revokes an installation of its own inbox.
    pub fn revoke(&self, installation: &str) {
        match self {
            Self::Official(client) => client.revoke(&[installation]),
            Self::Ours(ours) => ours.revoke(installation),
        }
    }

    /// Has what comes in kept from now on.
    #[must_use]
    pub fn listen(&self) -> Listening {
        match self {
            Self::Official(client) => Listening::Official(client.stream("messages")),
            Self::Ours(ours) => {
                ours.stream();
                Listening::Ours(ours.clone())
            }
        }
    }
}

/// What came in. It panics when what is waited for does not come.
#[allow(clippy::missing_panics_doc, reason = "said above, for all")]
impl Listening {
    /// Waits until a text comes.
    pub fn hears(&self, text: &str) {
        match self {
            Self::Official(stream) => stream.wait_for_text(text),
            Self::Ours(ours) => ours.hears(text),
        }
    }

    /// The texts that came so far, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Official(stream) => stream.texts(),
            Self::Ours(ours) => ours.heard(),
        }
    }
}

/// Waits until a conversation that somebody else made is there.
///
/// # Panics
/// When it does not come.
pub fn comes_to(party: &Party, conversation: &str) {
    wait::until(&format!("a conversation to come to {party}"), || {
        party.sync_all();
        party.has(conversation).then_some(())
    });
}

/// What [`agree`](super::agree) asks of the SDK's clients, of any mixture: all in one epoch, no fork suspected, and no two
/// with different authenticators of one epoch. Members and their roles are the same for all, too.
///
/// # Panics
/// When they do not.
pub fn all_agree(parties: &[&Party], group: &str) {
    let begin = Instant::now();
    let states = loop {
        for party in parties {
            party.sync_all();
        }
        let states: Vec<Standing> = parties.iter().map(|party| party.standing(group)).collect();
        if states.iter().all(|state| state.epoch == states[0].epoch) {
            break states;
        }
        let epochs: Vec<String> = parties
            .iter()
            .zip(&states)
            .map(|(party, state)| format!("{party}: {state:?}"))
            .collect();
        assert!(
            begin.elapsed() < wait::PATIENCE,
            "the members are not in one epoch: {epochs:#?}"
        );
    };
    let mut known = BTreeMap::new();
    for (party, state) in parties.iter().zip(&states) {
        assert!(!state.forked, "{party} suspects a fork: {states:#?}");
        let now = state.authenticators.get(&state.epoch);
        assert!(
            now.is_some(),
            "{party} has no authenticator of epoch {}: {states:#?}",
            state.epoch
        );
        for (epoch, authenticator) in &state.authenticators {
            let same = *known.entry(*epoch).or_insert(authenticator) == authenticator;
            assert!(same, "{party} is in another epoch {epoch}: {states:#?}");
        }
    }
    for party in parties {
        assert_eq!(
            party.roles(group),
            parties[0].roles(group),
            "{party} and {}",
            parties[0]
        );
        assert_eq!(
            party.installations_in(group),
            parties[0].installations_in(group),
            "{party} and {}",
            parties[0]
        );
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
