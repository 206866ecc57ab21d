//! What a session needs of a connection: text in, text out, and a reason at the end.

use axum::extract::ws::Utf8Bytes;

/// What comes in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Inbound {
    /// One frame.
    Text(Utf8Bytes),
    /// A sign of life without content.
    Alive,
    /// A frame that is larger than allowed.
    TooLarge,
}

impl Inbound {
    /// Bytes of the frame that it holds.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Alive | Self::TooLarge => 0,
        }
    }
}

/// What goes out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outbound {
    /// One frame.
    Text(String),
    /// The end.
    Close(CloseReason),
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The same agent has connected again.
    Superseded,
    /// The server stops.
    Shutdown,
    /// A frame was too large.
    FrameTooLarge,
    /// Nothing was heard for too long.
    HeartbeatTimeout,
    /// Something broke on this side.
    Internal,
    /// The agent, its token or its session was revoked.
    Revoked,
    /// The identity token has expired.
    Expired,
}

impl CloseReason {
    /// Close code (RFC 6455 section 7.4; from 4000 on, ours).
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Superseded => 1000,
            Self::Shutdown => 1001,
            Self::FrameTooLarge => 1009,
            Self::HeartbeatTimeout | Self::Internal => 1011,
            Self::Revoked | Self::Expired => 4401,
        }
    }

    /// The text beside the code.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Superseded => "superseded_by_new_connection",
            Self::Shutdown => "server_shutdown",
            Self::FrameTooLarge => "frame_too_large",
            Self::HeartbeatTimeout => "heartbeat_ack_timeout",
            Self::Internal => "internal_error",
            Self::Revoked => "revoked",
            Self::Expired => "identity_expired",
        }
    }
}
