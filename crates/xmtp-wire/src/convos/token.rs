//! The token in an invite: which group is meant, for its maker alone (signet spec 10.4).

use chacha20poly1305::{
    ChaCha20Poly1305, Nonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use chancery_base::Rng;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::ConvosError;
use crate::identity::{InboxId, WalletKey};

const VERSION: u8 = 1;
const NONCE: usize = 12;
const UUID: u8 = 1;
const TEXT: u8 = 2;
/// Where the dashes of a UUID are.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// The key that seals and opens the tokens of one inbox. Wiped when dropped.
pub struct InviteKey {
    key: Zeroizing<[u8; 32]>,
    inbox_id: InboxId,
}

/// A sealed token: version, nonce, ciphertext and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationToken(pub(super) Vec<u8>);

impl InviteKey {
    /// Derives the key of `inbox_id` from the wallet that signs its invites.
    ///
    /// # Errors
    /// None that can happen: 32 bytes are far below what HKDF yields.
    pub fn derive(wallet: &WalletKey, inbox_id: InboxId) -> Result<Self, ConvosError> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(b"ConvosInviteV1"), wallet.to_bytes().as_slice())
            .expand(format!("inbox:{inbox_id}").as_bytes(), key.as_mut_slice())
            .map_err(|_| ConvosError::Token)?;
        Ok(Self { key, inbox_id })
    }

    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// Seals a conversation id. One that is a UUID in its canonical form takes less room.
    ///
    /// # Errors
    /// [`ConvosError::ConversationId`].
    pub fn seal(&self, conversation_id: &str, rng: &impl Rng) -> Result<ConversationToken, ConvosError> {
        let plain = pack(conversation_id)?;
        let nonce = rng.bytes::<NONCE>();
        let aad = self.inbox_id.to_string();
        let payload = Payload {
            msg: &plain,
            aad: aad.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| ConvosError::Token)?;
        Ok(ConversationToken([&[VERSION], &nonce[..], &sealed].concat()))
    }

    /// Opens a token that this key sealed, and yields the conversation id.
    ///
    /// # Errors
    /// [`ConvosError::Token`].
    pub fn open(&self, token: &ConversationToken) -> Result<String, ConvosError> {
        let (version, rest) = token.0.split_first().ok_or(ConvosError::Token)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(ConvosError::Token)?;
        if *version != VERSION {
            return Err(ConvosError::Token);
        }
        let aad = self.inbox_id.to_string();
        let payload = Payload {
            msg: sealed,
            aad: aad.as_bytes(),
        };
        let plain = self.cipher().decrypt(&Nonce::from(*nonce), payload);
        unpack(&plain.map_err(|_| ConvosError::Token)?).ok_or(ConvosError::Token)
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new((&*self.key).into())
    }
}

impl std::fmt::Debug for InviteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InviteKey(..)")
    }
}

impl ConversationToken {
    /// The bytes of the token.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn pack(conversation_id: &str) -> Result<Vec<u8>, ConvosError> {
    if let Some(uuid) = uuid(conversation_id) {
        return Ok([&[UUID], &uuid[..]].concat());
    }
    let text = conversation_id.as_bytes();
    let long = u16::try_from(text.len()).map_err(|_| ConvosError::ConversationId)?;
    Ok(match u8::try_from(text.len()) {
        // a length of zero says that two bytes of length follow
        Ok(0) => return Err(ConvosError::ConversationId),
        Ok(short) => [&[TEXT, short], text].concat(),
        Err(_) => [&[TEXT, 0], &long.to_be_bytes()[..], text].concat(),
    })
}

fn unpack(plain: &[u8]) -> Option<String> {
    match plain {
        [UUID, uuid @ ..] => {
            let digits = crate::hex::encode(<&[u8; 16]>::try_from(uuid).ok()?);
            let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
            Some(parts.join("-"))
        }
        [TEXT, 0, high, low, text @ ..] => exactly(text, usize::from(u16::from_be_bytes([*high, *low]))),
        [TEXT, length, text @ ..] => exactly(text, usize::from(*length)),
        _ => None,
    }
}

fn exactly(text: &[u8], length: usize) -> Option<String> {
    let whole = text.len() == length && length > 0;
    std::str::from_utf8(text).ok().filter(|_| whole).map(str::to_owned)
}

/// The bytes of a UUID in its canonical form: lower case, dashes in their places.
fn uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 || DASHES.iter().any(|at| text.as_bytes().get(*at) != Some(&b'-')) {
        return None;
    }
    crate::hex::decode_array(&text.replace('-', ""))
}
