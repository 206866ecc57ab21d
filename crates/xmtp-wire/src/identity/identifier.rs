//! Who can be a member of an inbox, parsed once.

use std::{cmp, fmt, hash, str::FromStr};

use chancery_base::digest::sha256;

use super::ParseError;
use crate::hex;

/// An inbox: SHA-256 over its first identifier and a [`Nonce`] (IDENT-010). Written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxId([u8; 32]);

/// An Ethereum account. Written as `0x` and 40 lower-case hex digits: a signer is always derived in that form, so no
/// other one is taken (IDENT-013).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EthereumAddress([u8; 20]);

/// The Ed25519 key of an installation: 32 bytes that need not be a point of the curve. Written as 64 lower-case hex
/// digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstallationKey([u8; 32]);

/// A P-256 key in SEC1 form, 33 or 65 bytes, and for display the origin that it was made for, which takes no part in
/// who it is. Written as lower-case hex.
#[derive(Clone)]
pub struct Passkey {
    key: Vec<u8>,
    relying_party: Option<String>,
}

/// What tells the inboxes of one identifier apart. The official SDKs begin with 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub u64);

/// A person's own identifier, by which others find the inbox; it can open an inbox and recover it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifier {
    /// A wallet.
    Ethereum(EthereumAddress),
    /// A passkey.
    Passkey(Passkey),
}

/// A member of an inbox: an identifier, or an installation that acts on its behalf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberIdentifier {
    /// A wallet.
    Ethereum(EthereumAddress),
    /// The key of an app on a device.
    Installation(InstallationKey),
    /// A passkey.
    Passkey(Passkey),
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberKind {
    /// A wallet.
    Ethereum,
    /// The key of an app on a device.
    Installation,
    /// A passkey.
    Passkey,
}

impl InboxId {
    /// The inbox that `owner` opens with `nonce` (IDENT-010).
    #[must_use]
    pub fn derive(owner: &Identifier, nonce: Nonce) -> Self {
        Self(sha256(format!("{owner}{}", nonce.0)))
    }

    /// The inbox with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl EthereumAddress {
    /// The account with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 20] {
        self.0
    }
}

impl InstallationKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for InstallationKey {
    type Error = ParseError;

    /// Reads 32 bytes.
    ///
    /// # Errors
    /// [`ParseError::InstallationKey`] for any other number.
    fn try_from(bytes: &[u8]) -> Result<Self, ParseError> {
        bytes.try_into().map(Self).map_err(|_| ParseError::InstallationKey)
    }
}

impl Passkey {
    /// The passkey with this SEC1 key. Whether it is a point of the curve shows when it signs.
    ///
    /// # Errors
    /// [`ParseError::Passkey`] unless `key` is 33 bytes that begin with 2 or 3, or 65 that begin with 4.
    pub fn new(key: Vec<u8>, relying_party: Option<String>) -> Result<Self, ParseError> {
        match (key.first(), key.len()) {
            (Some(2 | 3), 33) | (Some(4), 65) => Ok(Self { key, relying_party }),
            _ => Err(ParseError::Passkey),
        }
    }

    /// The SEC1 key: 33 or 65 bytes.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The origin that the passkey was made for, as somebody wrote it.
    #[must_use]
    pub fn relying_party(&self) -> Option<&str> {
        self.relying_party.as_deref()
    }
}

impl PartialEq for Passkey {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Passkey {}

impl PartialOrd for Passkey {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Passkey {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl hash::Hash for Passkey {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl MemberIdentifier {
    /// What this member is.
    #[must_use]
    pub const fn kind(&self) -> MemberKind {
        match self {
            Self::Ethereum(_) => MemberKind::Ethereum,
            Self::Installation(_) => MemberKind::Installation,
            Self::Passkey(_) => MemberKind::Passkey,
        }
    }

    /// Whether this member is `identifier`.
    #[must_use]
    pub fn is(&self, identifier: &Identifier) -> bool {
        match (self, identifier) {
            (Self::Ethereum(one), Identifier::Ethereum(two)) => one == two,
            (Self::Passkey(one), Identifier::Passkey(two)) => one == two,
            _ => false,
        }
    }

    /// The key, if this is an installation.
    #[must_use]
    pub const fn installation(&self) -> Option<InstallationKey> {
        match self {
            Self::Installation(key) => Some(*key),
            Self::Ethereum(_) | Self::Passkey(_) => None,
        }
    }
}

impl From<Identifier> for MemberIdentifier {
    fn from(identifier: Identifier) -> Self {
        match identifier {
            Identifier::Ethereum(address) => Self::Ethereum(address),
            Identifier::Passkey(passkey) => Self::Passkey(passkey),
        }
    }
}

impl From<EthereumAddress> for Identifier {
    fn from(address: EthereumAddress) -> Self {
        Self::Ethereum(address)
    }
}

impl From<EthereumAddress> for MemberIdentifier {
    fn from(address: EthereumAddress) -> Self {
        Self::Ethereum(address)
    }
}

impl From<InstallationKey> for MemberIdentifier {
    fn from(key: InstallationKey) -> Self {
        Self::Installation(key)
    }
}

impl FromStr for InboxId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        hex::decode_array(text).map(Self).ok_or(ParseError::InboxId)
    }
}

impl FromStr for EthereumAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.strip_prefix("0x")
            .and_then(hex::decode_array)
            .map(Self)
            .ok_or(ParseError::EthereumAddress)
    }
}

impl FromStr for InstallationKey {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        hex::decode_array(text).map(Self).ok_or(ParseError::InstallationKey)
    }
}

impl fmt::Display for InboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Display for EthereumAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        hex::write(f, &self.0)
    }
}

impl fmt::Display for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Display for Passkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.key)
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ethereum(address) => address.fmt(f),
            Self::Passkey(passkey) => passkey.fmt(f),
        }
    }
}

impl fmt::Display for MemberIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ethereum(address) => address.fmt(f),
            Self::Installation(key) => key.fmt(f),
            Self::Passkey(passkey) => passkey.fmt(f),
        }
    }
}

impl fmt::Debug for InboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InboxId({self})")
    }
}

impl fmt::Debug for EthereumAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EthereumAddress({self})")
    }
}

impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstallationKey({self})")
    }
}

impl fmt::Debug for Passkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passkey({self})")
    }
}
