//! The port to seals: what binds a message to what the chat was told of its sender (signet spec 7.7).

use chancery_signet_wire::{ConversationId, CredentialId, MessageId, SealId};
use futures_util::future::BoxFuture;

/// Whoever issues seals.
pub trait Seals: Send + Sync + 'static {
    /// The seal under which a credential speaks in a chat now. Asked before anything is sent; an error keeps the message
    /// from being sent.
    fn current(
        &self,
        credential: CredentialId,
        chat: ConversationId,
    ) -> BoxFuture<'_, Result<Option<SealId>, SealError>>;

    /// Binds `message`, which was sent, to `seal`. An error is told to the harness as a warning: the message is out.
    fn bind(&self, seal: SealId, message: MessageId) -> BoxFuture<'_, Result<Binding, SealError>>;
}

/// What binds a message to a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The seal.
    pub seal: SealId,
    /// Signature over message and seal, in base64.
    pub signature: String,
}

/// Why there is no seal to speak under.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SealError(
    /// For people.
    pub String,
);

/// Binds nothing, and says so: each answer to a send carries [`UNBOUND`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsealed;

/// What a harness is told of a message that nothing binds to a seal.
pub const UNBOUND: &str = "the message is not bound to a seal: this signet issues none";

impl Seals for Unsealed {
    fn current(&self, _: CredentialId, _: ConversationId) -> BoxFuture<'_, Result<Option<SealId>, SealError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn bind(&self, _: SealId, _: MessageId) -> BoxFuture<'_, Result<Binding, SealError>> {
        Box::pin(std::future::ready(Err(SealError(UNBOUND.to_owned()))))
    }
}
