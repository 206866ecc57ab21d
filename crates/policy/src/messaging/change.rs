//! What has to follow when something about a credential changes (signet spec 2.4, the second table).

use super::Materiality;

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Scopes, by an update or by another policy: the merged sets are compared.
    Scopes(Materiality),
    /// Which content types are let through.
    ContentTypes,
    /// A reveal is granted, extended or ends.
    Reveal,
    /// The operator, the chats or the lifetime.
    Binding,
    /// Its time is extended, or a heartbeat came.
    Renewal,
    /// The operator's key is replaced.
    KeyRotation,
    /// The owner's reading begins or ends.
    Elevation,
    /// What is disclosed: the operator's statements, the trust tier, provenance or the scope mode.
    Disclosure,
    /// The credential is revoked, its operator removed or its chat gone.
    End,
}

/// What becomes of the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialEffect {
    /// It goes on at once under the same token and the same connection.
    InPlace,
    /// It is revoked as `reauthorization-required`, connections close with 4005, and a new one is needed.
    Reauthorize,
    /// The change is refused: another credential has to be issued.
    Refused,
    /// It is over.
    Ended,
}

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SealEffect {
    /// Nothing.
    None,
    /// Nothing has to be, and a new seal is allowed: the next one is signed by another key.
    Allowed,
    /// A new seal, chained to the last, in every covered chat.
    New,
    /// A revocation, and a first seal once there is a new credential.
    RevokedThenFirst,
    /// A revocation.
    Revoked,
}

/// What follows from a [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Effects {
    /// For the credential.
    pub credential: CredentialEffect,
    /// For its seals.
    pub seal: SealEffect,
}

impl Change {
    /// What follows from it.
    #[must_use]
    pub fn effects(self) -> Effects {
        let (credential, seal) = match self {
            Self::Scopes(scopes) if scopes.requires_reauthorization() => {
                (CredentialEffect::Reauthorize, SealEffect::RevokedThenFirst)
            }
            Self::Scopes(scopes) if scopes.is_material() => (CredentialEffect::InPlace, SealEffect::New),
            Self::Scopes(_) | Self::ContentTypes | Self::Reveal | Self::Renewal => {
                (CredentialEffect::InPlace, SealEffect::None)
            }
            Self::KeyRotation => (CredentialEffect::InPlace, SealEffect::Allowed),
            Self::Elevation | Self::Disclosure => (CredentialEffect::InPlace, SealEffect::New),
            Self::Binding => (CredentialEffect::Refused, SealEffect::None),
            Self::End => (CredentialEffect::Ended, SealEffect::Revoked),
        };
        Effects { credential, seal }
    }
}
