//! Which chats a credential covers (signet spec 1.5, 1.7).

use std::{collections::BTreeSet, fmt, str::FromStr};

use chancery_base::{Category, ErrorCode};
use serde::{Deserialize, Serialize};

/// What an operator shares between its chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScopeMode {
    /// `per-chat`: nothing. Each chat has its own identity, and a credential covers one chat.
    #[default]
    PerChat,
    /// `shared`: one inbox. A credential may cover several chats.
    Shared,
}

/// Neither `per-chat` nor `shared`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope mode is per-chat or shared")]
pub struct UnknownScopeMode;

/// The chats that a credential covers: at least one, and one only where the operator keeps chats apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Chats(BTreeSet<String>);

/// Why no credential can cover these chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChatsError {
    /// There is none.
    #[error("a credential covers at least one chat")]
    None,
    /// There are several, and the operator keeps chats apart.
    #[error("the operator keeps chats apart, so a credential covers one chat")]
    Several,
}

impl ScopeMode {
    /// The text on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PerChat => "per-chat",
            Self::Shared => "shared",
        }
    }
}

impl fmt::Display for ScopeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ScopeMode {
    type Err = UnknownScopeMode;

    fn from_str(text: &str) -> Result<Self, UnknownScopeMode> {
        [Self::PerChat, Self::Shared]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or(UnknownScopeMode)
    }
}

impl Chats {
    /// These chats, for an operator of this mode. One that is named twice counts once.
    ///
    /// # Errors
    /// [`ChatsError`].
    pub fn new<I: Into<String>>(mode: ScopeMode, chats: impl IntoIterator<Item = I>) -> Result<Self, ChatsError> {
        let chats: BTreeSet<String> = chats.into_iter().map(Into::into).collect();
        match (chats.len(), mode) {
            (0, _) => Err(ChatsError::None),
            (1, _) | (_, ScopeMode::Shared) => Ok(Self(chats)),
            (_, ScopeMode::PerChat) => Err(ChatsError::Several),
        }
    }

    /// Whether `chat` is one of them.
    #[must_use]
    pub fn contains(&self, chat: &str) -> bool {
        self.0.contains(chat)
    }

    /// Each, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl ErrorCode for UnknownScopeMode {
    fn code(&self) -> &'static str {
        "SIGNET_SCOPE_MODE_UNKNOWN"
    }

    fn category(&self) -> Category {
        Category::Input
    }
}

impl ErrorCode for ChatsError {
    fn code(&self) -> &'static str {
        match self {
            Self::None => "SIGNET_CHATS_NONE",
            Self::Several => "SIGNET_CHATS_SEVERAL",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
