//! A message on its way to a harness, as the signet has it.

use chancery_base::Millis;

use super::ContentTypeId;

/// Of what type a message is, and what it holds when it is a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageType<'a> {
    /// Its type.
    pub id: &'a ContentTypeId,
    /// The type of the content of a reply. A reply without it does not pass: it could hold anything.
    pub nested: Option<&'a ContentTypeId>,
}

/// A message with everything that projection looks at. The content it does not look into.
#[derive(Debug)]
pub struct Message<'a, C: ?Sized> {
    /// Its id.
    pub id: &'a str,
    /// The chat that it is in.
    pub chat: &'a str,
    /// The inbox, or the agent, that sent it.
    pub sender: &'a str,
    /// Of what type it is.
    pub message_type: MessageType<'a>,
    /// What it says.
    pub content: &'a C,
    /// When it was sent.
    pub sent_at: Millis,
    /// The message that its content refers to, be it a reply or a reaction.
    pub reference: Option<&'a str>,
    /// The seal that it is bound to.
    pub seal: Option<&'a str>,
}

impl<'a> MessageType<'a> {
    /// A message of type `id` that is no reply.
    #[must_use]
    pub fn plain(id: &'a ContentTypeId) -> Self {
        Self { id, nested: None }
    }
}

impl<'a, C: ?Sized> Message<'a, C> {
    /// The message that it answers, when it is a reply. A reaction belongs to no thread.
    #[must_use]
    pub fn thread(&self) -> Option<&'a str> {
        self.reference.filter(|_| self.message_type.id.is_reply())
    }
}

impl<C: ?Sized> Clone for Message<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: ?Sized> Copy for Message<'_, C> {}
