//! A client that is held open, how it stands, and what it has in the signet's words.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use chancery_base::{Clock, Millis, hex};
use chancery_signet::network::{
    Consent, Conversation, ConversationName, Cursor, Details, Event, Health, InboxName, Member, Message, MessageName,
    NetworkError, Role, State,
};
use chancery_xmtp_client::{
    client::{self, Client, Contact, Kind},
    storage::Position,
};
use chancery_xmtp_wire::group::{self, field};
use openmls::group::GroupId;

use super::{codec, error::network_error, invites::Inviter};

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;

/// A client and its health. Whoever has one keeps the inbox's file open.
pub(super) struct Held {
    pub(super) client: Client,
    pub(super) inviter: Inviter,
    clock: Arc<dyn Clock>,
    health: Mutex<Health>,
    closing: AtomicBool,
}

impl Held {
    pub(super) fn new(client: Client, inviter: Inviter, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            inviter,
            clock,
            health: Mutex::new(Health {
                state: State::Connecting,
                last_sync: None,
                last_error: None,
            }),
            closing: AtomicBool::new(false),
        }
    }

    /// Nobody will use it any more.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(super) fn health(&self) -> Health {
        let mut health = self.noted().clone();
        // what comes is heard as it comes
        if health.state == State::Live {
            health.last_sync = Some(self.clock.now());
        }
        health
    }

    /// Notes how it stands with the node.
    pub(super) fn note(&self, contact: &Contact<'_>) {
        let now = self.clock.now();
        let mut health = self.noted();
        match contact {
            Contact::Made => {
                *health = Health {
                    state: State::Live,
                    last_sync: Some(now),
                    last_error: None,
                };
            }
            Contact::Lost(error) => {
                if health.state == State::Live {
                    health.last_sync = Some(now);
                }
                health.state = State::Disconnected;
                let closed = || "the node closed the connection".to_owned();
                health.last_error = Some(error.map_or_else(closed, ToString::to_string));
            }
            Contact::Trouble(error) => health.last_error = Some(error.to_string()),
            _ => {}
        }
    }

    /// Notes that everything was read just now.
    pub(super) fn note_sync(&self) {
        self.noted().last_sync = Some(self.clock.now());
    }

    fn noted(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to `limit` places of the log after `after`. Some hold nothing that the signet knows.
    pub(super) fn log(&self, after: Cursor, limit: u32) -> Result<Vec<(Cursor, Option<Event>)>, NetworkError> {
        let events = self.client.events_after(Position(after.0), limit);
        let mut log = Vec::new();
        for (position, event) in events.map_err(network_error)? {
            let event = match event {
                client::Event::Conversation(found) => {
                    // one more group of a DM that is there already is no other conversation
                    let first = self.client.first_group(&found.id).map_err(network_error)?;
                    match first == found.id {
                        true => Some(Event::Joined(self.conversation(&first)?)),
                        false => None,
                    }
                }
                client::Event::Message(message) => Some(Event::Said(self.message(message)?)),
            };
            log.push((Cursor(position.0), event));
        }
        Ok(log)
    }

    pub(super) fn end(&self) -> Result<Cursor, NetworkError> {
        let Position(last) = self.client.last_position().map_err(network_error)?;
        Ok(Cursor(last))
    }

    /// A conversation by any of its groups.
    pub(super) fn conversation(&self, group: &GroupId) -> Result<Conversation, NetworkError> {
        self.shown(group).map_err(network_error)
    }

    fn shown(&self, group: &GroupId) -> Result<Conversation, client::ClientError> {
        let client = &self.client;
        let first = client.conversation(&client.first_group(group)?)?;
        // what a DM is now is seen in the group in which we write
        let groups = client.groups(group)?;
        let current = client.conversation(groups.first().unwrap_or(&first.id))?;
        let mut fields = client.fields(&current.id)?;
        let mut field = |name| fields.remove(name).unwrap_or_default();
        Ok(Conversation {
            name: conversation_name(&first.id),
            peer: match first.kind {
                Kind::Group => None,
                Kind::Dm { peer } => Some(InboxName(peer.to_string())),
            },
            details: Details {
                title: field(field::GROUP_NAME),
                description: field(field::DESCRIPTION),
                image_url: field(field::GROUP_IMAGE_URL_SQUARE),
            },
            members: client
                .members(&current.id)?
                .iter()
                .map(|member| InboxName(member.inbox.to_string()))
                .collect(),
            created_at: millis(first.created_ns),
            active: current.active,
        })
    }

    pub(super) fn message(&self, message: client::Message) -> Result<Message, NetworkError> {
        let first = self.client.first_group(&message.group).map_err(network_error)?;
        let content = message.content.as_ref().map_or_else(codec::unreadable, codec::read);
        let reply = message
            .content
            .as_ref()
            .filter(|_| content.content_type == chancery_policy::messaging::WellKnown::Reply.as_str())
            .and_then(|encoded| encoded.parameters.get("reference").cloned());
        Ok(Message {
            name: MessageName(message.id.to_string()),
            conversation: conversation_name(&first),
            sender: InboxName(message.sender.to_string()),
            content,
            sent_at: millis(message.sent_ns),
            reply_to: reply.map(MessageName),
        })
    }
}

/// The name of a conversation whose first group this is.
pub(super) fn conversation_name(group: &GroupId) -> ConversationName {
    ConversationName(hex::encode(group.as_slice()))
}

/// The group that a conversation is named after.
pub(super) fn group_of(name: &ConversationName) -> Result<GroupId, NetworkError> {
    let bytes = hex::decode(&name.0).map_err(|_| NetworkError::NotFound(format!("conversation {name}")))?;
    Ok(GroupId::from_slice(&bytes))
}

/// A member in the signet's words.
pub(super) fn member(member: &client::Member) -> Member {
    Member {
        inbox: InboxName(member.inbox.to_string()),
        role: match member.role {
            group::Role::Member => Role::Member,
            group::Role::Admin => Role::Admin,
            group::Role::SuperAdmin => Role::SuperAdmin,
        },
    }
}

/// Consent in the signet's words.
pub(super) fn consent(consent: client::Consent) -> Consent {
    match consent {
        client::Consent::Unknown => Consent::Unknown,
        client::Consent::Allowed => Consent::Allowed,
        client::Consent::Denied => Consent::Denied,
    }
}

/// Consent in the client's words.
pub(super) fn client_consent(consent: Consent) -> client::Consent {
    match consent {
        Consent::Unknown => client::Consent::Unknown,
        Consent::Allowed => client::Consent::Allowed,
        Consent::Denied => client::Consent::Denied,
    }
}

/// A time of the network's in milliseconds.
pub(super) fn millis(ns: u64) -> Millis {
    Millis(i64::try_from(ns / MS).unwrap_or(i64::MAX))
}

/// The nanoseconds that are at `millis`: the first and the last.
pub(super) fn nanos(millis: Millis) -> (u64, u64) {
    let first = u64::try_from(millis.0).unwrap_or(0).saturating_mul(MS);
    (first, first.saturating_add(MS - 1))
}
