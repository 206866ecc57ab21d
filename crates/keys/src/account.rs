//! Accounts of a wallet (BIP-44; signet spec 8.3). Both chains count by the same index.

use std::fmt;

use bip32::{ChildNumber, XPrv};
use chancery_base::{ed25519::SecretKey, hex};
use k256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};
use sha3::{Digest as _, Keccak256};
use zeroize::Zeroizing;

use crate::{DerivationError, Seed, slip10};

/// Indices below this one can be derived: the rest of 32 bits means "hardened".
pub const MAX_INDEX: u32 = (1 << 31) - 1;

/// Which account: 0 to [`MAX_INDEX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct AccountIndex(u32);

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chain {
    /// secp256k1 at `m/44'/60'/0'/0/i`: the identity of an inbox.
    Evm,
    /// Ed25519 at `m/44'/501'/i'/0'`.
    Ed25519,
}

/// What may be known of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its index.
    pub index: AccountIndex,
    /// Its address: `0x` and 40 lower-case digits; of Ed25519 the public key.
    pub address: String,
    /// Its chain.
    pub chain: Chain,
    /// Its public key in hex: 65 bytes, uncompressed, or the 32 of Ed25519.
    pub public_key: String,
}

/// The private key of an EVM account. Wiped when dropped and never printed.
pub struct EvmKey(SigningKey);

impl AccountIndex {
    /// The first one.
    pub const FIRST: Self = Self(0);

    /// The account with this index; `None` above [`MAX_INDEX`].
    #[must_use]
    pub const fn new(index: u32) -> Option<Self> {
        if index <= MAX_INDEX { Some(Self(index)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl From<AccountIndex> for u32 {
    fn from(index: AccountIndex) -> Self {
        index.0
    }
}

impl TryFrom<u32> for AccountIndex {
    type Error = DerivationError;

    fn try_from(index: u32) -> Result<Self, DerivationError> {
        Self::new(index).ok_or(DerivationError)
    }
}

impl Seed {
    /// The key of EVM account `index`.
    ///
    /// # Errors
    /// [`DerivationError`], with a chance below 1 in 2^127.
    pub fn evm(&self, index: AccountIndex) -> Result<EvmKey, DerivationError> {
        let path = [(44, true), (60, true), (0, true), (0, false), (index.0, false)];
        let mut key = XPrv::new(self.as_bytes().as_slice()).map_err(|_| DerivationError)?;
        for (step, hardened) in path {
            let child = ChildNumber::new(step, hardened).map_err(|_| DerivationError)?;
            key = key.derive_child(child).map_err(|_| DerivationError)?;
        }
        Ok(EvmKey(key.private_key().clone()))
    }

    /// The key of Ed25519 account `index`.
    #[must_use]
    pub fn ed25519(&self, index: AccountIndex) -> SecretKey {
        let node = slip10::Node::derive(self.as_bytes(), &[44, 501, index.0, 0]);
        SecretKey::from_seed(&node.key)
    }

    /// What may be known of account `index` on both chains, EVM first.
    ///
    /// # Errors
    /// [`DerivationError`], with a chance below 1 in 2^127.
    pub fn accounts(&self, index: AccountIndex) -> Result<[Account; 2], DerivationError> {
        let evm = self.evm(index)?;
        let ed25519 = hex::encode(self.ed25519(index).public().to_bytes());
        Ok([
            Account {
                index,
                address: evm.address(),
                chain: Chain::Evm,
                public_key: evm.public_key(),
            },
            Account {
                index,
                address: ed25519.clone(),
                chain: Chain::Ed25519,
                public_key: ed25519,
            },
        ])
    }
}

impl EvmKey {
    /// The uncompressed public key in hex.
    #[must_use]
    pub fn public_key(&self) -> String {
        hex::encode(self.0.verifying_key().to_sec1_point(false).as_bytes())
    }

    /// The address: the last 20 bytes of Keccak-256 over the public key without its first byte, in lower-case hex after `0x`.
    #[must_use]
    pub fn address(&self) -> String {
        let point = self.0.verifying_key().to_sec1_point(false);
        let hash: [u8; 32] = Keccak256::digest(point.as_bytes().get(1..).unwrap_or_default()).into();
        format!("0x{}", hex::encode(&hash[12..]))
    }

    /// The 32 bytes, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }
}

impl fmt::Debug for EvmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EvmKey(..)")
    }
}
