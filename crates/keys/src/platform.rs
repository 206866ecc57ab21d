//! Where a root key is, and what that is worth.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a root key is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Platform {
    /// In the owner's vault, opened by a passphrase.
    SoftwareVault,
    /// In another program that signs and never gives the key out (`signet-signer`, signet spec 8.5).
    ExternalSigner,
    /// In a TPM. Nothing here makes such a key yet.
    Tpm,
}

/// How far a root key vouches for what runs here, as seals carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TrustTier {
    /// Software, which whoever has the machine can copy.
    Unverified,
    /// A key that does not leave its holder.
    SourceVerified,
}

impl Platform {
    /// What a key there is worth: [`TrustTier::SourceVerified`] only where it cannot be copied.
    #[must_use]
    pub fn trust_tier(self) -> TrustTier {
        match self {
            Self::SoftwareVault => TrustTier::Unverified,
            Self::ExternalSigner | Self::Tpm => TrustTier::SourceVerified,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SoftwareVault => "software-vault",
            Self::ExternalSigner => "external-signer",
            Self::Tpm => "tpm",
        })
    }
}

impl fmt::Display for TrustTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unverified => "unverified",
            Self::SourceVerified => "source-verified",
        })
    }
}
