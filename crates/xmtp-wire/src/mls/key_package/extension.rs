//! XMTP's own extensions of a key package (xmtp spec 3.3).

use openmls::{extensions::Extensions, key_packages::KeyPackage};
use prost::Message as _;

use super::KeyPackageError;
use crate::proto::mls::message_contents::{
    WelcomePointeeEncryptionAeadType, WelcomePointeeEncryptionAeadTypesExtension, WelcomeWrapperAlgorithm,
    WelcomeWrapperEncryption,
};

/// The extension type of [`WelcomeKey`].
pub const WRAPPER_ENCRYPTION: u16 = 0xff03;

/// The extension type of the ciphers for welcome pointers.
pub const WELCOME_POINTERS: u16 = 0xff04;

/// The length of an X-Wing public key in bytes: ML-KEM-768 and X25519.
pub const XWING_PUBLIC_KEY: usize = 1184 + 32;

/// The key for which a welcome as a whole is wrapped.
#[derive(Clone, PartialEq, Eq)]
pub enum WelcomeKey {
    /// X25519: the init key, unless extension ff03 names another one.
    Curve25519([u8; 32]),
    /// X-Wing (ML-KEM-768 with X25519, draft 6).
    XWing(Box<[u8; XWING_PUBLIC_KEY]>),
}

impl std::fmt::Debug for WelcomeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Curve25519(_) => "Curve25519(..)",
            Self::XWing(_) => "XWing(..)",
        })
    }
}

impl WelcomeKey {
    /// The algorithm as a welcome names it.
    #[must_use]
    pub fn algorithm(&self) -> WelcomeWrapperAlgorithm {
        match self {
            Self::Curve25519(_) => WelcomeWrapperAlgorithm::Curve25519,
            Self::XWing(_) => WelcomeWrapperAlgorithm::XwingMlkem768Draft6,
        }
    }

    /// The bytes of the key: 32 or [`XWING_PUBLIC_KEY`].
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Curve25519(key) => key,
            Self::XWing(key) => key.as_slice(),
        }
    }

    /// What ff03 says; `init_key` where it is not there. Like the reference, a number that stands for no algorithm is
    /// taken for Curve25519 (libxmtp, `xmtp_id/src/key_package/mls_ext_wrapper_encryption.rs`), but its key must be one.
    pub(super) fn of(extensions: &Extensions<KeyPackage>, init_key: [u8; 32]) -> Result<Self, KeyPackageError> {
        let Some(extension) = extensions.unknown(WRAPPER_ENCRYPTION) else {
            return Ok(Self::Curve25519(init_key));
        };
        let malformed = KeyPackageError::WrapperEncryption;
        let said = WelcomeWrapperEncryption::decode(extension.0.as_slice()).map_err(|_| malformed)?;
        let key = said.pub_key.as_ref();
        match WelcomeWrapperAlgorithm::try_from(said.algorithm) {
            Ok(WelcomeWrapperAlgorithm::XwingMlkem768Draft6) => key
                .try_into()
                .map(|key| Self::XWing(Box::new(key)))
                .map_err(|_| malformed),
            Ok(WelcomeWrapperAlgorithm::SymmetricKey) => Err(malformed),
            _ => key.try_into().map(Self::Curve25519).map_err(|_| malformed),
        }
    }
}

/// Whether ff04 lists the one cipher that pointers use. Numbers that stand for no cipher are passed over.
pub(super) fn follows_pointers(extensions: &Extensions<KeyPackage>) -> Result<bool, KeyPackageError> {
    let Some(extension) = extensions.unknown(WELCOME_POINTERS) else {
        return Ok(false);
    };
    let said = WelcomePointeeEncryptionAeadTypesExtension::decode(extension.0.as_slice())
        .map_err(|_| KeyPackageError::WelcomePointers)?;
    Ok(said
        .supported_aead_types
        .contains(&(WelcomePointeeEncryptionAeadType::Chacha20Poly1305 as i32)))
}
