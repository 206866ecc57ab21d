//! What a message says: the envelope in which content travels, the types of content that all apps share, and what is
//! computed over a message (xmtp spec 3.6; libxmtp's draft "Content types", whose numbers are CTYPE-…).
//!
//! Three stages: bytes become an [`Envelope`], whose content becomes an [`EncodedContent`] with a type, which becomes
//! [`Content`] if the type is known. A stage that fails leaves the one before, so that nothing that was received is lost
//! (CTYPE-008).

mod attachment;
mod compression;
mod encoded;
mod envelope;
mod error;
mod group_updated;
mod hmac;
mod known;
mod money;
mod reaction;
mod reply;
mod text;
mod type_id;

pub use attachment::{Attachment, HTTPS, RemoteAttachment};
pub use compression::{Compression, MAX_INFLATED};
pub use encoded::EncodedContent;
pub use envelope::{Envelope, MessageId};
pub use error::ContentError;
pub use group_updated::GroupUpdated;
pub use hmac::{EPOCH_SECS, HmacKey, epoch};
pub use known::Content;
pub use money::{TransactionMetadata, TransactionReference, WalletCall, WalletCallMetadata, WalletSendCalls};
pub use reaction::{Reaction, ReactionAction, ReactionSchema};
pub use reply::Reply;
pub use type_id::{ContentTypeId, KnownType};
