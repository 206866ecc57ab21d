//! How much of a message a harness sees (signet spec 4, stage 3).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Scope, Scopes};

/// How much of a message is seen, and as what. All five are words of the wire; a harness is never sent `hidden`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// All of it.
    Visible,
    /// All of it, as something that happened before: not to be answered as if it had just been said.
    Historical,
    /// Nothing: it is not sent.
    Hidden,
    /// All of it, by a reveal.
    Revealed,
    /// That it was sent, by whom and when, and nothing of what it says.
    Redacted,
}

/// What becomes of messages that a credential may stream and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HiddenMode {
    /// They are left out.
    #[default]
    Drop,
    /// They come without content.
    Redact,
}

/// Why a message is projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Occasion {
    /// It arrived just now.
    Live,
    /// The inbox of the credential said it itself. It is historical, for nobody answers themselves.
    Own,
    /// It arrived while somebody was away. It is sent again to a harness that was, and was let through once; or it is told
    /// late because the signet was, and would have been let through then. So this asks for no more than that does: what
    /// came in the time of a credential is never lost to it.
    Replay,
    /// Somebody asked for it.
    Read,
    /// A reveal was granted, and it was stored already. It is historical.
    Reveal,
}

impl Occasion {
    /// Whether the harness is told without asking, which takes `stream-messages`.
    fn streams(self) -> bool {
        matches!(self, Self::Live | Self::Own | Self::Replay)
    }

    /// Whether it makes a message historical that was sent after the credential was issued (signet spec 14.3).
    fn is_past(self) -> bool {
        matches!(self, Self::Own | Self::Reveal)
    }
}

impl Visibility {
    /// What may be seen under the effective scopes `may` of a message that was sent before the credential was issued, or
    /// after (`old`). `revealed` is asked only if it matters.
    #[must_use]
    pub fn decide(
        may: Scopes,
        hidden_mode: HiddenMode,
        occasion: Occasion,
        old: bool,
        revealed: impl FnOnce() -> bool,
    ) -> Self {
        if occasion.streams() && !may.contains(Scope::StreamMessages) {
            return Self::Hidden;
        }
        let historical = old || occasion.is_past();
        if historical && !may.contains(Scope::ReadHistory) {
            return Self::Hidden;
        }
        if may.contains(Scope::ReadMessages) {
            if historical || occasion == Occasion::Replay {
                Self::Historical
            } else {
                Self::Visible
            }
        } else if revealed() {
            Self::Revealed
        } else if hidden_mode == HiddenMode::Redact && occasion.streams() {
            Self::Redacted
        } else {
            Self::Hidden
        }
    }

    /// What a frame says that is sent again, when it said this: what was visible is historical, and the rest stays.
    #[must_use]
    pub fn replayed(self) -> Self {
        match self {
            Self::Visible => Self::Historical,
            other => other,
        }
    }

    /// Whether the content is seen.
    #[must_use]
    pub fn shows_content(self) -> bool {
        matches!(self, Self::Visible | Self::Historical | Self::Revealed)
    }

    /// The text on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Historical => "historical",
            Self::Hidden => "hidden",
            Self::Revealed => "revealed",
            Self::Redacted => "redacted",
        }
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
