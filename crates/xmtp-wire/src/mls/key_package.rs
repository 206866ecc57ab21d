//! Key packages: whether one may be handed to others, and what it says (xmtp spec 2.3.6, 2.3.11, 3.3; RFC 9420 10.1).
//!
//! openmls judges structure and signatures. It asks the system's clock for the lifetime, as the very last of its checks,
//! so its complaint about that one means that all others passed: it is dropped, and the lifetime is judged here, against
//! the time that is passed in. A test holds openmls to that order.

mod error;
mod extension;

use chancery_base::Millis;
use openmls::{
    credentials::{BasicCredential, CredentialType},
    key_packages::{KeyPackage, KeyPackageIn, errors::KeyPackageVerifyError},
    prelude::tls_codec::Deserialize as _,
    treesync::LeafNode,
    versions::ProtocolVersion,
};
use prost::Message as _;

use super::{CIPHERSUITE, tls::Reader, verifier::Ed25519Only};
use crate::{
    identity::{InboxId, InstallationKey},
    proto::identity::MlsCredential,
};

pub use error::KeyPackageError;
pub use extension::{WELCOME_POINTERS, WRAPPER_ENCRYPTION, WelcomeKey, XWING_PUBLIC_KEY};

/// The largest key package that is read, in bytes. Official ones take under 2 KiB, of which an X-Wing key is 1,216 bytes.
pub const MAX_SIZE: usize = 64 * 1024;

/// From when to when a key package is good, in seconds since the epoch. XMTP sets no longest time, though RFC 9420 7.2 asks
/// for one: whoever publishes a longer one than the usual 84 days does it at their own risk (libxmtp's JOIN rules).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// The first second.
    pub not_before: u64,
    /// The first second after it.
    pub not_after: u64,
}

/// A key package that holds all the rules, at the time for which it was asked.
#[derive(Debug, Clone)]
pub struct ValidatedKeyPackage {
    installation: InstallationKey,
    inbox_id: InboxId,
    lifetime: Lifetime,
    init_key: [u8; 32],
    welcome_key: WelcomeKey,
    follows_pointers: bool,
    inner: KeyPackage,
}

impl ValidatedKeyPackage {
    /// Reads a bare `KeyPackage` (no `MLSMessage` header) and holds it to every rule at time `now`.
    ///
    /// What it claims is only that whoever has the private half of the installation key wrote it. Whether that
    /// installation belongs to the inbox is a matter of the inbox's identity log.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(bytes: &[u8], now: Millis) -> Result<Self, KeyPackageError> {
        if bytes.len() > MAX_SIZE {
            return Err(KeyPackageError::TooLarge);
        }
        // version and ciphersuite first: what follows is read by their rules
        let mut header = Reader::new(bytes);
        let version = header.u16().map_err(|_| KeyPackageError::Malformed)?;
        if version != 1 {
            return Err(KeyPackageError::Version(version));
        }
        let ciphersuite = header.u16().map_err(|_| KeyPackageError::Malformed)?;
        if ciphersuite != u16::from(CIPHERSUITE) {
            return Err(KeyPackageError::Ciphersuite(ciphersuite));
        }
        // from a reader: from slices the codec stops debug builds at a length that is too great
        let mut rest = bytes;
        let unverified = KeyPackageIn::tls_deserialize(&mut rest).map_err(|_| KeyPackageError::Malformed)?;
        if !rest.is_empty() {
            return Err(KeyPackageError::Trailing);
        }
        let verified = verify(unverified)?;

        let leaf = verified.leaf_node();
        let installation = installation(leaf)?;
        let inbox_id = inbox_id(leaf)?;
        check_capabilities(leaf)?;
        let lifetime = check_lifetime(&verified, now)?;
        let init_key = verified
            .hpke_init_key()
            .as_slice()
            .try_into()
            .map_err(|_| KeyPackageError::InitKey)?;
        let welcome_key = WelcomeKey::of(verified.extensions(), init_key)?;
        let follows_pointers = extension::follows_pointers(verified.extensions())?;
        Ok(Self {
            installation,
            inbox_id,
            lifetime,
            init_key,
            welcome_key,
            follows_pointers,
            inner: verified,
        })
    }

    /// The installation that wrote it: the signature key of its leaf.
    #[must_use]
    pub fn installation(&self) -> InstallationKey {
        self.installation
    }

    /// The inbox to which the installation says that it belongs.
    #[must_use]
    pub fn inbox_id(&self) -> InboxId {
        self.inbox_id
    }

    /// From when to when it is good.
    #[must_use]
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// The X25519 key for which the secrets of a welcome are sealed.
    #[must_use]
    pub fn init_key(&self) -> &[u8; 32] {
        &self.init_key
    }

    /// The key for which a welcome as a whole is wrapped.
    #[must_use]
    pub fn welcome_key(&self) -> &WelcomeKey {
        &self.welcome_key
    }

    /// Whether the installation follows pointers to a welcome that it shares with others.
    #[must_use]
    pub fn follows_pointers(&self) -> bool {
        self.follows_pointers
    }

    /// Whether it is marked as last resort (000a), and so may be handed out again and again. A node does that with every
    /// key package, and the reference asks nobody for the mark.
    #[must_use]
    pub fn last_resort(&self) -> bool {
        self.inner.last_resort()
    }

    /// The key package as openmls takes it to add the installation to a group.
    #[must_use]
    pub fn key_package(&self) -> &KeyPackage {
        &self.inner
    }

    /// The key package as openmls takes it to add the installation to a group.
    #[must_use]
    pub fn into_key_package(self) -> KeyPackage {
        self.inner
    }
}

/// What openmls says, its clock left out.
fn verify(unverified: KeyPackageIn) -> Result<KeyPackage, KeyPackageError> {
    match unverified.clone().validate(&Ed25519Only, ProtocolVersion::Mls10) {
        Ok(verified) => Ok(verified),
        Err(KeyPackageVerifyError::LifetimeError(_)) => Ok(unverified.into_unchecked()),
        Err(error) => Err(error.into()),
    }
}

fn installation(leaf: &LeafNode) -> Result<InstallationKey, KeyPackageError> {
    InstallationKey::try_from(leaf.signature_key().as_slice()).map_err(|_| KeyPackageError::InstallationKey)
}

fn inbox_id(leaf: &LeafNode) -> Result<InboxId, KeyPackageError> {
    let basic = BasicCredential::try_from(leaf.credential().clone()).map_err(|_| KeyPackageError::CredentialType)?;
    MlsCredential::decode(basic.identity())
        .map_err(|_| KeyPackageError::Credential)?
        .inbox_id
        .parse()
        .map_err(|_| KeyPackageError::InboxId)
}

/// RFC 9420 7.2 and 7.3: what a leaf uses it must say that it can. Whoever adds a member that does not is refused by the
/// others, so such a key package would only make adding fail.
fn check_capabilities(leaf: &LeafNode) -> Result<(), KeyPackageError> {
    let can = leaf.capabilities();
    let has = |name, known| {
        if known {
            Ok(())
        } else {
            Err(KeyPackageError::Capability(name))
        }
    };
    has("MLS 1.0", can.versions().contains(&ProtocolVersion::Mls10))?;
    has("its ciphersuite", can.ciphersuites().contains(&CIPHERSUITE.into()))?;
    has("basic credentials", can.credentials().contains(&CredentialType::Basic))?;
    for extension in leaf.extensions().iter() {
        let kind = extension.extension_type();
        // RFC 9420 13.4: the first five are for everybody, and are not listed
        has(
            "an extension of its leaf",
            u16::from(kind) <= 5 || can.extensions().contains(&kind),
        )?;
    }
    Ok(())
}

fn check_lifetime(verified: &KeyPackage, now: Millis) -> Result<Lifetime, KeyPackageError> {
    // openmls has made sure that there is one: a leaf of another origin does not verify as a key package
    let lifetime = verified.life_time();
    let lifetime = Lifetime {
        not_before: lifetime.not_before(),
        not_after: lifetime.not_after(),
    };
    // a clock before 1970 finds nothing good yet
    let now = u64::try_from(now.secs()).unwrap_or(0);
    if lifetime.not_after <= now {
        return Err(KeyPackageError::Expired);
    }
    if lifetime.not_before > now {
        return Err(KeyPackageError::NotYetValid);
    }
    Ok(lifetime)
}
