//! Key packages (xmtp spec 3.3).

use bytes::Bytes;
use chancery_base::Millis;
use chancery_xmtp_wire::{
    mls::{
        CIPHERSUITE,
        key_package::{WELCOME_POINTERS, WRAPPER_ENCRYPTION},
    },
    proto::mls::message_contents::{
        WelcomePointeeEncryptionAeadType, WelcomePointeeEncryptionAeadTypesExtension, WelcomeWrapperAlgorithm,
        WelcomeWrapperEncryption,
    },
};
use openmls::{
    credentials::CredentialType,
    extensions::{ApplicationIdExtension, Extension, ExtensionType, Extensions, LastResortExtension, UnknownExtension},
    key_packages::{KeyPackage, Lifetime},
    messages::proposals::ProposalType,
    prelude::{Capabilities, LeafNode, OpenMlsProvider as _, ProtocolVersion, tls_codec::Serialize as _},
};
use prost::Message as _;

use super::{IdentityError, Installation};
use crate::{crypto::XWingSecret, storage::Tx};

/// How long a key package is good, in seconds: as long as those of official clients, 84 days.
pub const LIFETIME_SECS: u64 = 84 * 24 * 3600;
/// How long before it was made it is good already, in seconds: for those whose clocks are late.
pub const MARGIN_SECS: u64 = 3600;

/// The extensions that we can read, beside those that MLS has every member read: immutable metadata, mutable metadata,
/// membership, permissions, and the two of key packages. Not 0006, the dictionary of applications: a group of which one
/// member cannot read it does not move to it (xmtp spec 3.9).
const UNKNOWN_EXTENSIONS: [u16; 6] = [0xff02, 0xff00, 0xff01, WRAPPER_ENCRYPTION, WELCOME_POINTERS, 0xf000];

impl Installation {
    /// Makes a key package that is good from `now` on, and keeps its private keys in the same transaction. Those of the
    /// former ones stay: welcomes that were made for them may be under way.
    ///
    /// # Errors
    /// Any [`IdentityError`].
    pub fn new_key_package(&self, tx: &Tx<'_>, now: Millis) -> Result<Bytes, IdentityError> {
        let provider = tx.provider();
        let xwing = XWingSecret::generate(&**provider.crypto().rng());
        let public = xwing.public();
        let bundle = KeyPackage::builder()
            .key_package_lifetime(lifetime(now))
            .key_package_extensions(extensions(&public)?)
            .leaf_node_capabilities(capabilities())
            .leaf_node_extensions(self.leaf_extensions()?)
            .build(CIPHERSUITE, &provider, self, self.credential())?;
        let made = bundle.key_package();
        let reference = made.hash_ref(provider.crypto()).map_err(|_| IdentityError::Encode)?;
        tx.keep_key_package(&reference, made.hpke_init_key().as_slice(), &public, &xwing, now)?;
        let bytes = made.tls_serialize_detached().map_err(|_| IdentityError::Encode)?;
        Ok(bytes.into())
    }

    /// The extensions of our leaves.
    pub(crate) fn leaf_extensions(&self) -> Result<Extensions<LeafNode>, IdentityError> {
        Ok(Extensions::single(Extension::ApplicationId(
            ApplicationIdExtension::new(self.inbox().to_string().as_bytes()),
        ))?)
    }
}

/// How long a leaf that is made `now` is good.
pub(crate) fn lifetime(now: Millis) -> Lifetime {
    let now_secs = u64::try_from(now.secs()).unwrap_or(0);
    Lifetime::init(
        now_secs.saturating_sub(MARGIN_SECS),
        now_secs.saturating_add(LIFETIME_SECS),
    )
}

fn extensions(xwing: &[u8]) -> Result<Extensions<KeyPackage>, IdentityError> {
    let wrapper = WelcomeWrapperEncryption {
        pub_key: xwing.to_vec().into(),
        algorithm: WelcomeWrapperAlgorithm::XwingMlkem768Draft6.into(),
    };
    let pointers = WelcomePointeeEncryptionAeadTypesExtension {
        supported_aead_types: vec![WelcomePointeeEncryptionAeadType::Chacha20Poly1305.into()],
    };
    Ok(Extensions::from_vec(vec![
        Extension::LastResort(LastResortExtension::default()),
        Extension::Unknown(WRAPPER_ENCRYPTION, UnknownExtension(wrapper.encode_to_vec())),
        Extension::Unknown(WELCOME_POINTERS, UnknownExtension(pointers.encode_to_vec())),
    ])?)
}

/// What our leaves can do.
pub(crate) fn capabilities() -> Capabilities {
    let extensions = [ExtensionType::LastResort, ExtensionType::ApplicationId]
        .into_iter()
        .chain(UNKNOWN_EXTENSIONS.map(ExtensionType::Unknown));
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[CIPHERSUITE]),
        Some(&extensions.collect::<Vec<_>>()),
        Some(&[ProposalType::GroupContextExtensions]),
        Some(&[CredentialType::Basic]),
    )
}
