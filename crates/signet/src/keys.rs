//! The port to secrets: what the engine asks of whoever keeps the keys. It never sees a vault.

use chancery_signet_wire::{
    Class, Failure, Label, OperatorId, Uuid,
    record::{
        key::{KeySummary, KeysInitialized, KeysVerified, Rotated},
        wallet::{WalletDetails, WalletInfo},
    },
};
use futures_util::future::{BoxFuture, FutureExt as _, ready};

use crate::network::InboxKeys;

/// What the port answers.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, KeysError>>;

/// Keeps keys: of inboxes, of operators, of wallets. Who may ask for what is judged before it is asked.
pub trait Keys: Send + Sync + 'static {
    /// The keys of the inbox `local`, made when there are none: asking again gives the same ones. Those of an operator's inbox
    /// belong to the operator's wallet as it was when they were made.
    fn inbox(&self, local: &str, operator: Option<OperatorId>) -> Answer<'_, InboxKeys>;

    /// Forgets the keys of the inbox `local`. That there are none is no error.
    fn forget(&self, local: &str) -> Answer<'_, ()>;

    /// Makes the key of an operator, and a wallet when none is named; what is there stays.
    fn init(&self, _operator: OperatorId, _wallet: Option<Uuid>) -> Answer<'_, KeysInitialized> {
        unsupported()
    }

    /// The operational keys: public halves.
    fn list(&self) -> Answer<'_, Vec<KeySummary>> {
        unsupported()
    }

    /// Replaces the operational keys of one operator, or of all.
    fn rotate(&self, _operator: Option<OperatorId>) -> Answer<'_, Rotated> {
        unsupported()
    }

    /// Looks at every key.
    fn verify(&self) -> Answer<'_, KeysVerified> {
        unsupported()
    }

    /// Makes a wallet.
    fn create_wallet(&self, _label: Label) -> Answer<'_, WalletInfo> {
        unsupported()
    }

    /// The wallets.
    fn wallets(&self) -> Answer<'_, Vec<WalletInfo>> {
        unsupported()
    }

    /// A wallet and its accounts; none when there is no such.
    fn wallet(&self, _id: Uuid) -> Answer<'_, Option<WalletDetails>> {
        unsupported()
    }
}

fn unsupported<'a, T: Send + 'static>() -> Answer<'a, T> {
    ready(Err(KeysError::Unsupported)).boxed()
}

/// Why keys are not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The vault is locked.
    #[error("the vault is locked")]
    Locked,
    /// The owner was asked, and did not agree, or there was nobody to ask.
    #[error("not approved: {0}")]
    NotApproved(String),
    /// There is no such thing.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// This keeper of keys does not do that.
    #[error("the keeper of keys cannot do this")]
    Unsupported,
    /// The vault failed; for people, without secrets.
    #[error("the vault failed: {0}")]
    Failed(String),
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        let class = match error {
            KeysError::Locked => Class::Auth,
            KeysError::NotApproved(_) => Class::Permission,
            KeysError::NotFound(kind) => return Self::not_found(kind, ""),
            KeysError::Unsupported => Class::Validation,
            KeysError::Failed(_) => Class::Internal,
        };
        Self::new(class, error.to_string())
    }
}
