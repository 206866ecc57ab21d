//! Wallets that have a key: EIP-191 personal messages, recovered over secp256k1.

use std::fmt;

use chancery_base::Rng;
use k256::ecdsa::{RecoveryId, Signature as Ecdsa, SigningKey, VerifyingKey};
use sha3::{Digest as _, Keccak256};
use zeroize::Zeroizing;

use super::{EthereumAddress, Signature, SignatureError, VerifiedSignature, signature::SignedText};

/// The secret key of a wallet. Not printable, wiped when dropped.
pub struct WalletKey(SigningKey);

/// 32 bytes that are no secret key: zero, or not below the order of the curve. One in 2^128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no secret key of secp256k1")]
pub struct WalletKeyError;

/// What a wallet signs for `text` (EIP-191 version 0x45): Keccak-256 over prefix, length in bytes and text.
#[must_use]
pub fn eip191_digest(text: &str) -> [u8; 32] {
    let mut hash = Keccak256::new();
    hash.update(b"\x19Ethereum Signed Message:\n");
    hash.update(text.len().to_string());
    hash.update(text);
    hash.finalize().into()
}

/// Recovers the signer of r, s, v. v is 0, 1, 27 or 28, or at least 35 as in transactions (EIP-155).
///
/// s is brought into the lower half of the order and v is left as it is, as in every libxmtp from 1.6 to 1.11: an s in the
/// upper half needs the v of the lower one. (The draft flips v along and takes none above 28. No wallet makes such an s,
/// EIP-2, or such a v.)
pub(super) fn verify(text: &SignedText<'_>, bytes: &[u8; 65]) -> Result<VerifiedSignature, SignatureError> {
    let invalid = SignatureError::Invalid;
    let [rs @ .., v] = bytes;
    let odd = match v {
        0 | 27 => false,
        1 | 28 => true,
        35.. => v % 2 == 0,
        _ => return Err(invalid),
    };
    let signature = Ecdsa::from_slice(rs).map_err(|_| invalid)?.normalize_s();
    let key = VerifyingKey::recover_from_prehash(text.eip191(), &signature, RecoveryId::new(odd, false))
        .map_err(|_| invalid)?;
    let mut canonical = [0; 65];
    let (rs, v) = canonical.split_at_mut(64);
    rs.copy_from_slice(&signature.to_bytes());
    v.fill(odd.into());
    Ok(VerifiedSignature::new(address(&key).into(), &canonical))
}

/// The account of a public key.
pub(crate) fn address(key: &VerifyingKey) -> EthereumAddress {
    let point = key.to_sec1_point(false);
    // the prefix of the encoding is not hashed
    let hash: [u8; 32] = Keccak256::digest(point.as_bytes().get(1..).unwrap_or_default()).into();
    let mut address = [0; 20];
    address.copy_from_slice(&hash[12..]);
    EthereumAddress::from_bytes(address)
}

impl WalletKey {
    /// A new key from 32 random bytes.
    ///
    /// # Errors
    /// [`WalletKeyError`].
    pub fn generate(rng: &impl Rng) -> Result<Self, WalletKeyError> {
        Self::from_bytes(&Zeroizing::new(rng.bytes::<32>()))
    }

    /// The key with these bytes, big-endian.
    ///
    /// # Errors
    /// [`WalletKeyError`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, WalletKeyError> {
        SigningKey::from_slice(bytes).map(Self).map_err(|_| WalletKeyError)
    }

    /// The 32 bytes, wiped when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// The wallet's address.
    #[must_use]
    pub fn address(&self) -> EthereumAddress {
        address(self.0.verifying_key())
    }

    /// Signs `text` as a personal message; deterministic (RFC 6979), s in the lower half, v 27 or 28.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        let (signature, recovery) = self.0.sign_prehash_recoverable(&eip191_digest(text));
        let mut bytes = [0; 65];
        let (rs, v) = bytes.split_at_mut(64);
        rs.copy_from_slice(&signature.to_bytes());
        v.fill(27 + recovery.to_byte());
        Signature::Erc191(bytes)
    }
}

impl fmt::Debug for WalletKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WalletKey(..)")
    }
}
