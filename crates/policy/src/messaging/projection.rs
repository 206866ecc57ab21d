//! What of a message a harness sees (signet spec 4).

use super::{ContentTypeId, Message, Visibility};
use chancery_base::Millis;

/// What a harness sees of a message: only [`Bounds::project`](super::Bounds::project) makes one, so what is built from it
/// went through all four stages. It borrows the message; nothing is copied.
#[derive(Debug)]
pub struct Projected<'a, C: ?Sized> {
    message: Message<'a, C>,
    visibility: Visibility,
}

/// At which stage a message was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// 1: the credential does not cover the chat.
    Chat,
    /// 2: its type is not let through.
    ContentType,
    /// 3: it may not be seen.
    Hidden,
}

impl<'a, C: ?Sized> Projected<'a, C> {
    /// `None` when it is hidden.
    pub(super) fn new(message: Message<'a, C>, visibility: Visibility) -> Option<Self> {
        (visibility != Visibility::Hidden).then_some(Self { message, visibility })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.message.id
    }

    /// The chat that it is in.
    #[must_use]
    pub fn chat(&self) -> &'a str {
        self.message.chat
    }

    /// Who sent it.
    #[must_use]
    pub fn sender(&self) -> &'a str {
        self.message.sender
    }

    /// Its type.
    #[must_use]
    pub fn content_type(&self) -> &'a ContentTypeId {
        self.message.message_type.id
    }

    /// What it says; `None` when that is redacted.
    #[must_use]
    pub fn content(&self) -> Option<&'a C> {
        self.visibility.shows_content().then_some(self.message.content)
    }

    /// As what it is seen. Never [`Visibility::Hidden`].
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        self.visibility
    }

    /// When it was sent.
    #[must_use]
    pub fn sent_at(&self) -> Millis {
        self.message.sent_at
    }

    /// The seal that it is bound to.
    #[must_use]
    pub fn seal(&self) -> Option<&'a str> {
        self.message.seal
    }

    /// The message that it answers, when it is a reply.
    #[must_use]
    pub fn thread(&self) -> Option<&'a str> {
        self.message.thread()
    }
}

impl<C: ?Sized> Clone for Projected<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: ?Sized> Copy for Projected<'_, C> {}
