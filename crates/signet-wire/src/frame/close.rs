//! Close codes, and what a client does next.

/// Why a connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// Nothing is left to say.
    Normal,
    /// The daemon ends.
    GoingAway,
    /// More frames than the limit allows.
    RateLimited,
    /// The token is not known, or no longer in force.
    AuthFailed,
    /// No first frame in time.
    AuthTimeout,
    /// The credential's time is over.
    CredentialExpired,
    /// The credential was taken back.
    CredentialRevoked,
    /// The credential is to allow more: another token is needed.
    Reauthorize,
    /// The client does not read what it is sent.
    Backpressure,
    /// What the client sent is no frame.
    Protocol,
    /// The client fell silent.
    Dead,
}

/// Whether a client connects again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reconnect {
    /// No.
    No,
    /// Yes.
    Yes,
    /// Yes, later each time.
    Backoff,
    /// Not with this token.
    NewToken,
}

impl CloseCode {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Normal,
        Self::GoingAway,
        Self::RateLimited,
        Self::AuthFailed,
        Self::AuthTimeout,
        Self::CredentialExpired,
        Self::CredentialRevoked,
        Self::Reauthorize,
        Self::Backpressure,
        Self::Protocol,
        Self::Dead,
    ];

    /// The number (RFC 6455 section 7.4).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::RateLimited => 1008,
            Self::AuthFailed => 4001,
            Self::AuthTimeout => 4002,
            Self::CredentialExpired => 4003,
            Self::CredentialRevoked => 4004,
            Self::Reauthorize => 4005,
            Self::Backpressure => 4008,
            Self::Protocol => 4009,
            Self::Dead => 4010,
        }
    }

    /// The code with this number.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|close| close.code() == code)
    }

    /// What a client does.
    #[must_use]
    pub const fn reconnect(self) -> Reconnect {
        match self {
            Self::GoingAway | Self::Backpressure | Self::Dead => Reconnect::Yes,
            Self::RateLimited => Reconnect::Backoff,
            Self::Reauthorize => Reconnect::NewToken,
            Self::Normal
            | Self::AuthFailed
            | Self::AuthTimeout
            | Self::CredentialExpired
            | Self::CredentialRevoked
            | Self::Protocol => Reconnect::No,
        }
    }
}
