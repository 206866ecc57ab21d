//! Links by which inboxes ask to be let into conversations.
//!
//! Whoever holds one asks the inbox that made it, in a direct conversation; that inbox alone can tell from it which
//! conversation is meant. Whether the link still counts, and for whom, its maker decides: the network only says who made it
//! and what it says.

use chancery_base::Millis;

use super::{ConversationName, InboxName};

/// What a link is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteTerms {
    /// Where it leads.
    pub conversation: ConversationName,
    /// What tells it from others; not empty. Whoever holds the link can read it.
    pub tag: String,
    /// What the conversation is called.
    pub title: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Until when it counts, to the second.
    pub expires_at: Option<Millis>,
    /// Whether it is good for one.
    pub single_use: bool,
}

/// What a link says to whoever holds it. That its maker says so has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The part of the link that counts, as it is sent to its maker.
    pub slug: String,
    /// Whom to ask.
    pub maker: InboxName,
    /// What tells it from others.
    pub tag: String,
    /// What the conversation is called.
    pub title: Option<String>,
    /// Until when it counts.
    pub expires_at: Option<Millis>,
    /// Until when there is the conversation.
    pub conversation_expires_at: Option<Millis>,
}

/// A link that comes back to the inbox that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// What tells it from others.
    pub tag: String,
    /// Where it leads.
    pub conversation: ConversationName,
    /// Until when it counts, as it says itself.
    pub expires_at: Option<Millis>,
    /// Until when there is the conversation.
    pub conversation_expires_at: Option<Millis>,
}
