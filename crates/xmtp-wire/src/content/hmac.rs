//! By which key a sender marks its own messages, so that a push server does not wake the sender's other devices
//! (xmtp spec 3.6; libxmtp's draft "Push subscriptions", PUSH-258). Nobody else can check it, and nobody must.

use chancery_base::Millis;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::ContentError;

/// How long a key is good, in seconds.
pub const EPOCH_SECS: i64 = 30 * 24 * 60 * 60;

const SALT: &[u8] = b"libXMTP HKDF salt!";

/// The key of one inbox for one group in one epoch. Wiped when dropped.
#[derive(Clone)]
pub struct HmacKey(Zeroizing<[u8; 42]>);

/// The epoch at `now`: the number of whole [`EPOCH_SECS`] since 1970.
#[must_use]
pub fn epoch(now: Millis) -> i64 {
    now.secs().div_euclid(EPOCH_SECS)
}

impl HmacKey {
    /// Derives the key from the secret that the installations of an inbox share.
    ///
    /// # Errors
    /// None that can happen: 42 bytes are far below what HKDF yields.
    pub fn derive(root: &[u8], group_id: &[u8], epoch: i64) -> Result<Self, ContentError> {
        let input = Zeroizing::new([root, group_id].concat());
        let info = [group_id, &epoch.to_le_bytes()].concat();
        let mut key = Zeroizing::new([0; 42]);
        Hkdf::<Sha256>::new(Some(SALT), &input)
            .expand(&info, key.as_mut_slice())
            .map_err(|_| ContentError::Invalid("the length", "HMAC key"))?;
        Ok(Self(key))
    }

    /// The bytes of the key, which a push server is given.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 42] {
        &self.0
    }

    /// The mark of `data`, the bytes of a group message as they are published.
    ///
    /// # Errors
    /// None that can happen: HMAC takes keys of every length.
    pub fn mark(&self, data: &[u8]) -> Result<[u8; 32], ContentError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice())
            .map_err(|_| ContentError::Invalid("the length", "HMAC key"))?;
        mac.update(data);
        Ok(mac.finalize().into_bytes().into())
    }
}

impl std::fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HmacKey(..)")
    }
}
