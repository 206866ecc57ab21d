//! Message signatures, `CHANCERY-MSG-V1`: the sender's key signs what the recipient reads, so that the relay between
//! them can neither alter nor invent it.

use chancery_base::{
    digest,
    ed25519::{KeyError, PublicKey, SecretKey, Signature},
};

use crate::did::AgentDid;

/// What a message signature covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedMessage<'a> {
    /// Chosen by the sender.
    pub message_id: &'a str,
    /// The sender.
    pub from: &'a AgentDid,
    /// The recipient.
    pub to: &'a AgentDid,
    /// The conversation, or empty for none.
    pub lane: &'a str,
    /// Media type of the payload, or empty when it is plain JSON.
    pub content_type: &'a str,
    /// When it was sent, as the frame writes it.
    pub sent_at: &'a str,
    /// The payload's bytes, verbatim.
    pub payload: &'a [u8],
}

/// The text that is signed: eight lines without a newline at the end.
///
/// None of the parts may hold a newline. Ids and DIDs cannot by their form; the others are refused with one by frames, and
/// by [`verify`] wherever they come from.
#[must_use]
pub fn canonical(message: &SignedMessage<'_>) -> String {
    let SignedMessage {
        message_id,
        from,
        to,
        lane,
        content_type,
        sent_at,
        payload,
    } = message;
    let hash = digest::sha256_b64(payload);
    format!("CHANCERY-MSG-V1\n{message_id}\n{from}\n{to}\n{lane}\n{content_type}\n{sent_at}\n{hash}")
}

/// Signs `message`.
#[must_use]
pub fn sign(message: &SignedMessage<'_>, key: &SecretKey) -> Signature {
    key.sign(canonical(message).as_bytes())
}

/// Checks the sender's signature.
///
/// # Errors
/// [`KeyError::BadSignature`].
pub fn verify(message: &SignedMessage<'_>, signature: &Signature, key: &PublicKey) -> Result<(), KeyError> {
    // a newline in one part would let it pass for two
    let parts = [message.message_id, message.lane, message.content_type, message.sent_at];
    if parts.iter().any(|part| part.contains('\n')) {
        return Err(KeyError::BadSignature);
    }
    key.verify(canonical(message).as_bytes(), signature)
}
