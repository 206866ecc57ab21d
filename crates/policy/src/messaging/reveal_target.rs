//! What a reveal is for (signet spec 4.1).

use std::{fmt, str::FromStr};

use chancery_base::{Category, ErrorCode};
use serde::{Deserialize, Serialize};

use super::{ContentTypeId, Message, TimeWindow};

/// Along what messages are revealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevealScope {
    /// `message`: one message.
    Message,
    /// `thread`: a message and the replies to it.
    Thread,
    /// `time-window`: what was sent between two times.
    TimeWindow,
    /// `content-type`: what is of one type.
    ContentType,
    /// `sender`: what one inbox sent.
    Sender,
}

/// What is revealed: a scope with a target of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RevealTarget {
    /// This message.
    Message(TargetId),
    /// This message and the replies to it.
    Thread(TargetId),
    /// What was sent in this time.
    TimeWindow(TimeWindow),
    /// What is of this type.
    ContentType(ContentTypeId),
    /// What this inbox or agent sent.
    Sender(TargetId),
}

/// The id of a message or sender: 1 to 256 bytes without control characters. The longest in use, agents' DIDs, stay
/// below that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetId(Box<str>);

/// Why something is no target of a reveal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevealError {
    /// None of the five scopes.
    #[error("a reveal's scope is message, thread, time-window, content-type or sender")]
    Scope,
    /// No id.
    #[error("the target of a reveal has 1 to 256 bytes, without control characters")]
    Id,
    /// No content type.
    #[error("the target of a content-type reveal is authority/type:major.minor")]
    ContentType,
    /// No stretch of time.
    #[error(
        "the target of a time-window reveal is start|end, two times in UTC to the millisecond, the end not before the start"
    )]
    Window,
}

impl RevealScope {
    /// All five, in the order of the spec.
    pub const ALL: [Self; 5] = [
        Self::Message,
        Self::Thread,
        Self::TimeWindow,
        Self::ContentType,
        Self::Sender,
    ];

    /// The text on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Thread => "thread",
            Self::TimeWindow => "time-window",
            Self::ContentType => "content-type",
            Self::Sender => "sender",
        }
    }
}

impl fmt::Display for RevealScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RevealScope {
    type Err = RevealError;

    fn from_str(text: &str) -> Result<Self, RevealError> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(RevealError::Scope)
    }
}

impl TargetId {
    /// `text` as an id.
    ///
    /// # Errors
    /// [`RevealError::Id`].
    pub fn new(text: &str) -> Result<Self, RevealError> {
        if (1..=256).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(RevealError::Id)
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RevealTarget {
    /// The target that `text` names in `scope`.
    ///
    /// # Errors
    /// [`RevealError`] when it is none of that kind.
    pub fn parse(scope: RevealScope, text: &str) -> Result<Self, RevealError> {
        Ok(match scope {
            RevealScope::Message => Self::Message(TargetId::new(text)?),
            RevealScope::Thread => Self::Thread(TargetId::new(text)?),
            RevealScope::Sender => Self::Sender(TargetId::new(text)?),
            RevealScope::TimeWindow => Self::TimeWindow(text.parse()?),
            RevealScope::ContentType => Self::ContentType(text.parse().map_err(|_| RevealError::ContentType)?),
        })
    }

    /// Along what it reveals.
    #[must_use]
    pub fn scope(&self) -> RevealScope {
        match self {
            Self::Message(_) => RevealScope::Message,
            Self::Thread(_) => RevealScope::Thread,
            Self::TimeWindow(_) => RevealScope::TimeWindow,
            Self::ContentType(_) => RevealScope::ContentType,
            Self::Sender(_) => RevealScope::Sender,
        }
    }

    /// Whether `message` is one of those it stands for, whatever the chat.
    #[must_use]
    pub fn matches<C: ?Sized>(&self, message: &Message<'_, C>) -> bool {
        match self {
            Self::Message(id) => message.id == id.as_str(),
            Self::Thread(id) => message.id == id.as_str() || message.thread() == Some(id.as_str()),
            Self::TimeWindow(window) => window.contains(message.sent_at),
            Self::ContentType(id) => message.message_type.id == id,
            Self::Sender(id) => message.sender == id.as_str(),
        }
    }

    /// The text by which a message's own is compared; nothing for what is not compared by text.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Message(id) | Self::Thread(id) | Self::Sender(id) => id.as_str(),
            Self::ContentType(id) => id.as_str(),
            Self::TimeWindow(_) => "",
        }
    }
}

/// The target as the wire has it.
impl fmt::Display for RevealTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeWindow(window) => window.fmt(f),
            other => f.write_str(other.key()),
        }
    }
}

impl ErrorCode for RevealError {
    fn code(&self) -> &'static str {
        match self {
            Self::Scope => "SIGNET_REVEAL_SCOPE",
            Self::Id => "SIGNET_REVEAL_TARGET_ID",
            Self::ContentType => "SIGNET_REVEAL_TARGET_TYPE",
            Self::Window => "SIGNET_REVEAL_TARGET_WINDOW",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
