//! Why a connection ends.

use chancery_signet_wire::frame::CloseCode;

/// The end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side has closed it, or is gone.
    Gone,
    /// It does not read, so that it cannot be told why.
    Cut(CloseCode),
    /// It is closed with a code and a reason.
    Close(CloseCode, &'static str),
}

impl End {
    /// What the client sent is no frame.
    pub(crate) const fn protocol(reason: &'static str) -> Self {
        Self::Close(CloseCode::Protocol, reason)
    }

    /// The code that it is logged with.
    pub(crate) const fn code(self) -> CloseCode {
        match self {
            Self::Gone => CloseCode::Normal,
            Self::Cut(code) | Self::Close(code, _) => code,
        }
    }
}

impl From<CloseCode> for End {
    fn from(code: CloseCode) -> Self {
        let reason = match code {
            CloseCode::Normal => "",
            CloseCode::GoingAway => "The signet is ending",
            CloseCode::RateLimited => "Rate limit exceeded",
            CloseCode::AuthFailed => "Auth failed",
            CloseCode::AuthTimeout => "Auth timeout",
            CloseCode::CredentialExpired => "Credential expired",
            CloseCode::CredentialRevoked => "Credential revoked",
            CloseCode::Reauthorize => "Reauthorization required",
            CloseCode::Backpressure => "Send buffer full",
            CloseCode::Protocol => "Protocol error",
            CloseCode::Dead => "Dead connection",
        };
        Self::Close(code, reason)
    }
}
