//! The five kinds of signature, and what is left of one once it is verified.

use std::{cell::OnceCell, fmt, str::FromStr};

use chancery_base::digest::sha256;
use sha2::{Digest as _, Sha512};

use super::{
    EthereumAddress, IdentityUpdate, InstallationKey, MemberIdentifier, ParseError, PasskeyAssertion, SignatureError,
    VerifiedUpdate, installation, wallet,
};
use crate::proto::identity::associations::LegacyDelegatedSignature;

/// A signature as it travels.
#[derive(Debug, Clone, PartialEq)]
pub enum Signature {
    /// By a wallet that has a key, over the text as a personal message (EIP-191): r, s, recovery.
    Erc191([u8; 65]),
    /// By a wallet that is a contract (ERC-1271, ERC-6492), as its chain judges it at a block.
    Erc6492 {
        /// The contract.
        account: AccountId,
        /// The block at which it is to be judged.
        block_number: u64,
        /// What the contract is asked about.
        signature: Vec<u8>,
    },
    /// By an installation: Ed25519ph (RFC 8032) with context [`INSTALLATION_CONTEXT`](super::INSTALLATION_CONTEXT).
    Installation {
        /// The installation.
        key: InstallationKey,
        /// R and S.
        signature: [u8; 64],
    },
    /// By a key of the network's second version on behalf of a wallet. Read, and refused.
    LegacyDelegated(Box<LegacyDelegatedSignature>),
    /// By a passkey.
    Passkey(PasskeyAssertion),
}

/// A contract on an Ethereum chain (CAIP-10, namespace `eip155`). Written as `eip155:CHAIN:ADDRESS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountId {
    /// EIP-155.
    pub chain_id: u64,
    /// The contract.
    pub address: EthereumAddress,
}

/// Asks chains about signatures of contracts. The answer must not depend on when it is asked for: the block is named.
pub trait ContractWallets {
    /// Whether `account` accepts `signature` over `digest` (EIP-191) at `block_number`, by ERC-6492.
    fn judge(&self, account: &AccountId, digest: &[u8; 32], signature: &[u8], block_number: u64) -> Verdict;
}

/// What a chain says about a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The contract accepts it.
    Valid,
    /// The contract refuses it.
    Refused,
    /// No answer; another time perhaps (IDENT-061).
    Unavailable,
}

/// No chain to ask: every signature of a contract is [`SignatureError::ChainUnavailable`].
#[derive(Debug, Clone, Copy, Default)]
pub struct NoChain;

/// What is remembered of a signature, so that it is used once: SHA-256 over its canonical bytes. Two encodings of one
/// signature have one key (IDENT-050).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayKey([u8; 32]);

/// A signature that holds, and who made it. Verification alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    signer: MemberIdentifier,
    chain_id: Option<u64>,
    replay_key: ReplayKey,
}

impl VerifiedSignature {
    /// Who signed. The kind of signature and the kind of signer are one: a wallet is recovered from a wallet's
    /// signature and from no other (IDENT-031).
    #[must_use]
    pub const fn signer(&self) -> &MemberIdentifier {
        &self.signer
    }

    /// The chain of a contract; `None` for every other signer.
    #[must_use]
    pub const fn chain_id(&self) -> Option<u64> {
        self.chain_id
    }

    /// What to remember of it.
    #[must_use]
    pub const fn replay_key(&self) -> ReplayKey {
        self.replay_key
    }

    /// `canonical`: the bytes that the draft names for the kind.
    pub(super) fn new(signer: MemberIdentifier, canonical: &[u8]) -> Self {
        Self {
            signer,
            chain_id: None,
            replay_key: ReplayKey(sha256(canonical)),
        }
    }
}

/// The text of an update, and its hashes, made once however many have signed it: an update of many actions has a long
/// text and many signatures.
pub(super) struct SignedText<'a> {
    pub(super) text: &'a str,
    eip191: OnceCell<[u8; 32]>,
    sha512: OnceCell<Sha512>,
}

impl<'a> SignedText<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            eip191: OnceCell::new(),
            sha512: OnceCell::new(),
        }
    }

    /// What wallets sign.
    pub(super) fn eip191(&self) -> &[u8; 32] {
        self.eip191.get_or_init(|| wallet::eip191_digest(self.text))
    }

    /// What installations sign.
    pub(super) fn sha512(&self) -> Sha512 {
        self.sha512.get_or_init(|| Sha512::new_with_prefix(self.text)).clone()
    }
}

impl Signature {
    /// Verifies the signature over `text`.
    ///
    /// A wallet's signature over another text does not fail; it yields another signer.
    ///
    /// # Errors
    /// Any [`SignatureError`].
    pub fn verify(&self, text: &str, contracts: &dyn ContractWallets) -> Result<VerifiedSignature, SignatureError> {
        self.verify_over(&SignedText::new(text), contracts)
    }

    fn verify_over(
        &self,
        text: &SignedText<'_>,
        contracts: &dyn ContractWallets,
    ) -> Result<VerifiedSignature, SignatureError> {
        match self {
            Self::Erc191(bytes) => wallet::verify(text, bytes),
            Self::Erc6492 {
                account,
                block_number,
                signature,
            } => match contracts.judge(account, text.eip191(), signature, *block_number) {
                Verdict::Valid => Ok(VerifiedSignature {
                    chain_id: Some(account.chain_id),
                    ..VerifiedSignature::new(account.address.into(), signature)
                }),
                Verdict::Refused => Err(SignatureError::ContractRefused),
                Verdict::Unavailable => Err(SignatureError::ChainUnavailable),
            },
            Self::Installation { key, signature } => installation::verify(text, *key, signature),
            Self::LegacyDelegated(_) => Err(SignatureError::LegacyUnsupported),
            Self::Passkey(assertion) => assertion.verify(text.text),
        }
    }
}

impl IdentityUpdate {
    /// Verifies every signature against the update's own text (IDENT-020, IDENT-030). What the signers may do is for
    /// [`AssociationState::apply`](super::AssociationState::apply) to say.
    ///
    /// # Errors
    /// The first [`SignatureError`]. With [`SignatureError::ChainUnavailable`] the update may be valid, and is to be
    /// tried again.
    pub fn verify(&self, contracts: &dyn ContractWallets) -> Result<VerifiedUpdate, SignatureError> {
        let text = self.signing_text();
        let text = SignedText::new(&text);
        self.try_map(|_, signature| signature.verify_over(&text, contracts))
            .map(VerifiedUpdate)
    }
}

impl ContractWallets for NoChain {
    fn judge(&self, _: &AccountId, _: &[u8; 32], _: &[u8], _: u64) -> Verdict {
        Verdict::Unavailable
    }
}

impl FromStr for AccountId {
    type Err = ParseError;

    /// The chain is a canonical decimal number; the address may be in any case, as EIP-55 writes it.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = ParseError::AccountId;
        let (chain, address) = text
            .strip_prefix("eip155:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(error)?;
        let chain_id: u64 = chain.parse().map_err(|_| error)?;
        if chain_id.to_string() != chain {
            return Err(error);
        }
        let digits = address.strip_prefix("0x").ok_or(error)?.to_ascii_lowercase();
        let address = format!("0x{digits}").parse().map_err(|_| error)?;
        Ok(Self { chain_id, address })
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "eip155:{}:{}", self.chain_id, self.address)
    }
}
