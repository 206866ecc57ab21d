//! The few primitives, each in the one way it is used here.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// 32 secret bytes.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// Bytes of a nonce of XChaCha20: random ones do not meet (draft-irtf-cfrg-xchacha section 2.1).
pub(crate) const NONCE_BYTES: usize = 24;

/// HKDF-SHA256 (RFC 5869) of `key` for one `purpose` and one `subject` of it; `salt` is the vault's id.
pub(crate) fn derive(key: &[u8], salt: &[u8], purpose: &str, subject: &str) -> Key {
    let mut out = Key::default();
    let info = [b"CHANCERY-VAULT-V2 ", purpose.as_bytes(), b"\0", subject.as_bytes()];
    // 32 bytes are within what HKDF-SHA256 gives
    let _ = Hkdf::<Sha256>::new(Some(salt), key).expand_multi_info(&info, out.as_mut_slice());
    out
}

/// HMAC-SHA256 (RFC 2104) over `message`.
pub(crate) fn mac(key: &Key, message: &[u8]) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key.as_slice()) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().into(),
        // HMAC takes keys of any length
        Err(_) => [0; 32],
    }
}

/// XChaCha20-Poly1305: ciphertext and tag. `None` when `plain` is too long for the cipher.
pub(crate) fn seal(key: &Key, nonce: &[u8; NONCE_BYTES], aad: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let cipher = XChaCha20Poly1305::new_from_slice(key.as_slice()).ok()?;
    cipher.encrypt(&XNonce::from(*nonce), Payload { msg: plain, aad }).ok()
}

/// The other way; `None` when anything was changed.
pub(crate) fn open(key: &Key, nonce: &[u8; NONCE_BYTES], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = XChaCha20Poly1305::new_from_slice(key.as_slice()).ok()?;
    let plain = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad });
    plain.ok().map(Zeroizing::new)
}
