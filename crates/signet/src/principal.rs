//! Who asks.

use std::fmt;

use chancery_signet_wire::{Author, CredentialId, OperatorId};

/// Who asks for something. Whoever hands one in has proven it: the admin key, the owner's word at a gate, an operator's
/// token, a credential's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Whoever holds the admin key, with the owner's word for this very request.
    Owner,
    /// Whoever holds the admin key.
    Admin,
    /// An operator.
    Operator(OperatorId),
    /// A harness, by its credential.
    Credential(CredentialId),
}

impl Principal {
    /// Whom what it makes is by: the admin key is the owner's.
    pub(crate) const fn author(self) -> Option<Author> {
        match self {
            Self::Owner | Self::Admin => Some(Author::Owner),
            Self::Operator(id) => Some(Author::Operator(id)),
            Self::Credential(_) => None,
        }
    }
}

/// As audit records name it.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.write_str("owner"),
            Self::Admin => f.write_str("admin"),
            Self::Operator(id) => id.fmt(f),
            Self::Credential(id) => id.fmt(f),
        }
    }
}
