//! What a credential is held to, both ways.

use chancery_base::{Category, ErrorCode, Millis};

use super::{
    Action, Allowlist, ChatAction, Chats, Dropped, HiddenMode, Message, Occasion, Projected, Refusal, Reveals, Scope,
    ScopeSet, Visibility,
};

/// What a credential is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The chats that it covers.
    pub chats: Chats,
    /// What it allows and denies, merged.
    pub scopes: ScopeSet,
    /// The content types that pass, in and out.
    pub types: Allowlist,
    /// When it was issued: what was sent before is history.
    pub issued_at: Millis,
    /// What becomes of what may be streamed and not read.
    pub hidden_mode: HiddenMode,
}

/// The answer to whoever asks for a chat or message that they may not read. It says nothing more, and neither must what
/// is made of it: that it exists and may not be read is an answer, too (signet spec 9.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not found")]
pub struct Unseen;

impl Bounds {
    /// What a harness sees of `message` now, through the four stages of signet spec 4: the chat is covered, the type is
    /// let through, it may be seen, and its content is passed on or left out. `reveals` are the credential's.
    ///
    /// # Errors
    /// [`Dropped`] with the first stage that it did not pass.
    pub fn project<'a, C: ?Sized>(
        &self,
        message: &Message<'a, C>,
        occasion: Occasion,
        reveals: &Reveals,
        now: Millis,
    ) -> Result<Projected<'a, C>, Dropped> {
        if !self.chats.contains(message.chat) {
            return Err(Dropped::Chat);
        }
        if !self.types.permits(message.message_type) {
            return Err(Dropped::ContentType);
        }
        let visibility = Visibility::decide(
            self.scopes.effective(),
            self.hidden_mode,
            occasion,
            message.sent_at < self.issued_at,
            || reveals.matching(message, now).is_some(),
        );
        Projected::new(*message, visibility).ok_or(Dropped::Hidden)
    }

    /// Whether the messages of `chat` may be listed or searched. Each of them is [read](Self::read) after that.
    ///
    /// # Errors
    /// [`Unseen`] for whatever reason.
    pub fn may_read(&self, chat: &str) -> Result<(), Unseen> {
        let may = self.chats.contains(chat) && self.scopes.may(Scope::ReadMessages);
        if may { Ok(()) } else { Err(Unseen) }
    }

    /// What whoever asks for `message` as one of `chat` sees of it.
    ///
    /// # Errors
    /// [`Unseen`] for whatever reason, also when it belongs to another chat.
    pub fn read<'a, C: ?Sized>(
        &self,
        chat: &str,
        message: &Message<'a, C>,
        reveals: &Reveals,
        now: Millis,
    ) -> Result<Projected<'a, C>, Unseen> {
        self.may_read(chat)?;
        if message.chat != chat {
            return Err(Unseen);
        }
        self.project(message, Occasion::Read, reveals, now).map_err(|_| Unseen)
    }

    /// Whether `action` may be done in `chat`: the chat is asked about first, then the scopes, then the content type.
    ///
    /// # Errors
    /// [`Refusal`] with the first that is missing.
    pub fn may_in(&self, chat: &str, action: ChatAction<'_>) -> Result<(), Refusal> {
        if !self.chats.contains(chat) {
            return Err(Refusal::Chat(chat.to_owned()));
        }
        let missing = action.scopes()? - self.scopes.effective();
        if let Some(scope) = missing.first() {
            return Err(Refusal::Scope(scope));
        }
        match action {
            ChatAction::Send(message) if !self.types.permits(message) => {
                let outside = [Some(message.id), message.nested].into_iter().flatten();
                let refused = outside.into_iter().find(|id| !self.types.contains(id));
                Err(Refusal::ContentType(refused.unwrap_or(message.id).clone()))
            }
            _ => Ok(()),
        }
    }

    /// Whether `action`, which belongs to no chat of the credential, may be done.
    ///
    /// # Errors
    /// [`Refusal::Scope`].
    pub fn may(&self, action: Action) -> Result<(), Refusal> {
        let scope = action.scope();
        if self.scopes.may(scope) {
            Ok(())
        } else {
            Err(Refusal::Scope(scope))
        }
    }
}

impl ErrorCode for Unseen {
    fn code(&self) -> &'static str {
        "SIGNET_NOT_FOUND"
    }

    fn category(&self) -> Category {
        Category::NotFound
    }
}
