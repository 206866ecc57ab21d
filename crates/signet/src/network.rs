//! The port to a network of chats: XMTP, or whatever else carries conversations.
//!
//! What is named here is the network's own: ids are its texts, and the signet gives each a local one before it goes any
//! further. Contents are JSON in the shapes of the signet's content types, so that no engine knows a codec.

pub mod invite;
pub mod memory;

use std::{fmt, future::ready, sync::Arc};

use chancery_base::Millis;
use futures_util::{future::BoxFuture, stream::BoxStream};
use serde_json::Value;

pub use invite::{Invitation, InviteTerms, Returned};

/// A text of the network's that names something.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

names! {
    /// An inbox: on XMTP 64 hex digits.
    InboxName;
    /// A conversation: on XMTP the group's id in hex.
    ConversationName;
    /// A message: on XMTP 64 hex digits.
    MessageName;
}

/// A place in the log of one inbox. It orders what the inbox learned of, and only says something to that inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor(pub u64);

/// What a network can do beyond messages. What it cannot, it refuses with [`NetworkError::Unsupported`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Groups can be made, and members come and go.
    pub groups: bool,
    /// Members have roles.
    pub roles: bool,
    /// A sender can leave.
    pub leave: bool,
    /// Inboxes can be let in or kept out.
    pub consent: bool,
    /// Inboxes ask by links to be let in.
    pub invites: bool,
}

/// A network on which inboxes can be had.
pub trait Network: Send + Sync + 'static {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Registers an inbox on the network, or opens the one that these keys made before: doing it again gives the same one.
    ///
    /// `local` names its place on the disk; the same name must come with the same keys.
    fn open(&self, local: &str, keys: InboxKeys) -> BoxFuture<'_, Result<Arc<dyn Inbox>, NetworkError>>;

    /// Removes what [`open`](Self::open) wrote under `local`. The inbox must not be open.
    fn forget(&self, local: &str) -> BoxFuture<'_, Result<(), NetworkError>>;

    /// The inbox of a name or an address of the network, if there is one.
    fn resolve(&self, name_or_address: &str) -> BoxFuture<'_, Result<Option<InboxName>, NetworkError>>;

    /// What a link says, or the part of it that counts.
    ///
    /// [`NetworkError::Invalid`] for what is none, was changed, or was not made by whom it names.
    fn read_invite<'a>(&'a self, _text: &'a str) -> BoxFuture<'a, Result<Invitation, NetworkError>> {
        Box::pin(ready(Err(NO_INVITES)))
    }
}

/// What a network says that has no links.
const NO_INVITES: NetworkError = NetworkError::Unsupported("it has no invites");

/// What an inbox is made of. Both are secret, and wiped when dropped.
pub struct InboxKeys {
    /// The key by which the network knows who owns the inbox: on XMTP a secp256k1 key.
    pub identity: zeroize::Zeroizing<[u8; 32]>,
    /// The key of its file.
    pub database: zeroize::Zeroizing<[u8; 32]>,
}

impl fmt::Debug for InboxKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InboxKeys(..)")
    }
}

/// An inbox that is open. Dropped, it closes.
pub trait Inbox: Send + Sync + 'static {
    /// Its name on the network.
    fn name(&self) -> &InboxName;

    /// How it stands with the network.
    fn health(&self) -> Health;

    /// The log after `after`: first what is there, then what comes. Nothing is left out and nothing comes twice, whatever
    /// becomes of connections and of the process. An inbox's own messages are in it, once the network has ordered them. The
    /// stream ends when the inbox is dropped, and after an error; then the signet calls again. A cursor beyond the end of
    /// the log is an error: what the inbox had was lost.
    fn events(&self, after: Cursor) -> BoxStream<'static, Result<(Cursor, Event), NetworkError>>;

    /// The end of the log as of now.
    fn end(&self) -> BoxFuture<'_, Result<Cursor, NetworkError>>;

    /// Sends. The same conversation, content and key give the same message, however often: also after a crash in which
    /// nobody learned whether it went out. Returns once the network has it. After a retryable error it may have gone out,
    /// or still do so by itself.
    fn send<'a>(
        &'a self,
        conversation: &'a ConversationName,
        content: &'a Content,
        idempotency_key: &'a str,
    ) -> BoxFuture<'a, Result<Sent, NetworkError>>;

    /// Reads the network to its end, for one conversation or for all.
    fn sync<'a>(&'a self, conversation: Option<&'a ConversationName>) -> BoxFuture<'a, Result<(), NetworkError>>;

    /// All conversations, in the order in which the inbox came to know them.
    fn conversations(&self) -> BoxFuture<'_, Result<Vec<Conversation>, NetworkError>>;

    /// One of them.
    fn conversation<'a>(&'a self, name: &'a ConversationName) -> BoxFuture<'a, Result<Conversation, NetworkError>>;

    /// Who is in it.
    fn members<'a>(&'a self, name: &'a ConversationName) -> BoxFuture<'a, Result<Vec<Member>, NetworkError>>;

    /// What was said in it, oldest first.
    fn messages<'a>(&'a self, query: MessageQuery<'a>) -> BoxFuture<'a, Result<Vec<Message>, NetworkError>>;

    /// A message, if this inbox has it.
    fn message<'a>(&'a self, name: &'a MessageName) -> BoxFuture<'a, Result<Option<Message>, NetworkError>>;

    /// Makes a group in which `members` are.
    fn create_group<'a>(
        &'a self,
        members: &'a [InboxName],
        details: &'a Details,
    ) -> BoxFuture<'a, Result<ConversationName, NetworkError>>;

    /// Makes the direct conversation with somebody, or finds it.
    fn create_dm<'a>(&'a self, peer: &'a InboxName) -> BoxFuture<'a, Result<ConversationName, NetworkError>>;

    /// Changes a conversation. Returns once it took effect.
    fn change<'a>(&'a self, name: &'a ConversationName, change: &'a Change) -> BoxFuture<'a, Result<(), NetworkError>>;

    /// Makes a link by which others ask this inbox to be let in.
    fn invite<'a>(&'a self, _terms: &'a InviteTerms) -> BoxFuture<'a, Result<String, NetworkError>> {
        Box::pin(ready(Err(NO_INVITES)))
    }

    /// Reads a link that somebody shows to this inbox, or the part of it that counts, for where it leads. Asks nobody.
    ///
    /// [`NetworkError::Invalid`] for what is no link at all, [`NetworkError::Forbidden`] for one that this inbox did not
    /// make, or that was changed since.
    fn returned<'a>(&'a self, _text: &'a str) -> BoxFuture<'a, Result<Returned, NetworkError>> {
        Box::pin(ready(Err(NO_INVITES)))
    }

    /// Whether somebody, or a conversation, is let in.
    fn consent<'a>(&'a self, of: &'a ConsentSubject) -> BoxFuture<'a, Result<Consent, NetworkError>>;

    /// Lets in or keeps out.
    fn set_consent<'a>(&'a self, of: &'a ConsentSubject, consent: Consent) -> BoxFuture<'a, Result<(), NetworkError>>;
}

/// How an inbox stands with the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What it is doing.
    pub state: State,
    /// When it last had read everything.
    pub last_sync: Option<Millis>,
    /// Why it is not connected, for people.
    pub last_error: Option<String>,
}

/// What an inbox is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has not reached the network yet.
    Connecting,
    /// What comes reaches it.
    Live,
    /// The network cannot be reached; it goes on trying.
    Disconnected,
}

/// What happened to an inbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It is in a conversation that it did not know: made, or somebody let it in. This comes before anything that was said
    /// there, and once: that an inbox was sent out and let in again is said by changes of the group.
    Joined(Conversation),
    /// A message was said in one of its conversations; changes of the group come as messages, too.
    Said(Message),
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its name on the network.
    pub name: ConversationName,
    /// The other inbox, when it is a direct one.
    pub peer: Option<InboxName>,
    /// What it is called, and about.
    pub details: Details,
    /// Who is in it.
    pub members: Vec<InboxName>,
    /// When this inbox made or joined it.
    pub created_at: Millis,
    /// Whether this inbox is in it still.
    pub active: bool,
}

/// What a conversation is called, and about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Its title; may be empty.
    pub title: String,
    /// What it is about; may be empty.
    pub description: String,
    /// The URL of its picture; may be empty.
    pub image_url: String,
}

/// Somebody in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The inbox.
    pub inbox: InboxName,
    /// What it may do to the conversation.
    pub role: Role,
}

/// What a member may do to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What all may.
    Member,
    /// What admins may.
    Admin,
    /// Everything.
    SuperAdmin,
}

/// A message's content.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// What it is, as `authority/type:major.minor`, normalised (spec signet 3).
    pub content_type: String,
    /// In the shape that the signet has for the type; for a type that it does not know, `{"fallback": text}` or `{}`.
    pub body: Value,
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its name, the same for all members.
    pub name: MessageName,
    /// Where it was said.
    pub conversation: ConversationName,
    /// Who said it.
    pub sender: InboxName,
    /// What it says.
    pub content: Content,
    /// When the network took it.
    pub sent_at: Millis,
    /// What it replies to, when it is a reply.
    pub reply_to: Option<MessageName>,
}

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The message's name.
    pub name: MessageName,
    /// When it was said.
    pub sent_at: Millis,
}

/// Which messages are asked for.
#[derive(Debug, Clone, Copy)]
pub struct MessageQuery<'a> {
    /// Of which conversation.
    pub conversation: &'a ConversationName,
    /// Only those said before this.
    pub before: Option<Millis>,
    /// Only those said after this.
    pub after: Option<Millis>,
    /// At most so many: the newest that fit.
    pub limit: usize,
}

/// A change of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Somebody comes in.
    Add(Vec<InboxName>),
    /// Somebody is sent out.
    Remove(Vec<InboxName>),
    /// Somebody gets a role.
    Role(InboxName, Role),
    /// Its title.
    Title(String),
    /// What it is about.
    Description(String),
    /// Its picture.
    ImageUrl(String),
    /// This inbox leaves. Where members are sent out by others only, this asks for it, and takes effect when they do it.
    Leave,
}

/// Who or what is let in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsentSubject {
    /// An inbox.
    Inbox(InboxName),
    /// A conversation.
    Conversation(ConversationName),
}

/// Whether somebody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nobody decided.
    Unknown,
    /// Let in.
    Allowed,
    /// Kept out.
    Denied,
}

/// Why the network did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// It cannot be reached; the same may work later.
    #[error("the network cannot be reached: {0}")]
    Unreachable(String),
    /// There is no such conversation, message or inbox for this one.
    #[error("not found: {0}")]
    NotFound(String),
    /// The conversation does not let this inbox do it.
    #[error("the conversation does not allow it: {0}")]
    Forbidden(String),
    /// What was asked for makes no sense to it.
    #[error("not valid: {0}")]
    Invalid(String),
    /// It cannot do that at all.
    #[error("the network cannot do that: {0}")]
    Unsupported(&'static str),
    /// The inbox's file cannot be used, or something else failed on this side.
    #[error("the inbox failed: {0}")]
    Local(String),
}

impl NetworkError {
    /// Whether the same may work later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}
