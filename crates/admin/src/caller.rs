//! Who stands at a door.

use chancery_base::Millis;
use chancery_signet_wire::{BearerToken, Class, Failure};

use crate::{admin::Admin, locked};

/// By what somebody is an admin.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// The kernel says that it is a process of the daemon's user.
    Kernel,
    /// It holds a token of the admin key, which is looked at again with every request: its time may be over, or the key's.
    Token(BearerToken),
    /// A process of the daemon's user where that proves nothing. It may ask the owner for a token.
    None,
}

impl Proof {
    /// Whether it still proves what it did; for a token, until when it does.
    ///
    /// # Errors
    /// `auth`.
    pub(crate) async fn holds(&self, admin: &Admin) -> Result<Option<Millis>, Failure> {
        match self {
            Self::Token(token) => admin.check_token(token).await.map(Some),
            Self::Kernel | Self::None => Ok(None),
        }
    }
}

/// The answer to who shows nothing and needs to.
pub(crate) fn needs_token() -> Failure {
    Failure::new(Class::Auth, "A token of the admin key is needed").with("hint", "xs admin token")
}

impl Admin {
    /// Until when `token` is one of the admin key.
    ///
    /// # Errors
    /// `auth`, which says nothing of what came.
    pub(crate) async fn check_token(&self, token: &BearerToken) -> Result<Millis, Failure> {
        match self.open() {
            Ok(open) => open.keyring.check(token, self.now()).await,
            Err(locked) => Err(locked::refusal(locked)),
        }
    }
}
