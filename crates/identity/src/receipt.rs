//! Receipt signatures, `CHANCERY-RECEIPT-V1`: the recipient's key signs what became of a message.

use chancery_base::ed25519::{KeyError, PublicKey, SecretKey, Signature};

use crate::did::AgentDid;

/// What a receipt signature covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedReceipt<'a> {
    /// Chosen by the sender of the message.
    pub message_id: &'a str,
    /// Sender of the message.
    pub from: &'a AgentDid,
    /// Its recipient, who signs.
    pub to: &'a AgentDid,
    /// `delivered_to_webhook` or `dead_lettered`.
    pub status: &'a str,
    /// Why it was not delivered, or empty.
    pub reason: &'a str,
    /// When, as the receipt writes it.
    pub at: &'a str,
}

/// The text that is signed: seven lines without a newline at the end.
#[must_use]
pub fn canonical(receipt: &SignedReceipt<'_>) -> String {
    let SignedReceipt {
        message_id,
        from,
        to,
        status,
        reason,
        at,
    } = receipt;
    format!("CHANCERY-RECEIPT-V1\n{message_id}\n{from}\n{to}\n{status}\n{reason}\n{at}")
}

/// Signs `receipt` with the recipient's key.
#[must_use]
pub fn sign(receipt: &SignedReceipt<'_>, key: &SecretKey) -> Signature {
    key.sign(canonical(receipt).as_bytes())
}

/// Checks the recipient's signature.
///
/// # Errors
/// [`KeyError::BadSignature`].
pub fn verify(receipt: &SignedReceipt<'_>, signature: &Signature, key: &PublicKey) -> Result<(), KeyError> {
    // a newline in one part would let it pass for two
    let parts = [receipt.message_id, receipt.status, receipt.reason, receipt.at];
    if parts.iter().any(|part| part.contains('\n')) {
        return Err(KeyError::BadSignature);
    }
    key.verify(canonical(receipt).as_bytes(), signature)
}
