//! Why an identity update is refused: one variant a rule.

use chancery_base::{Category, ErrorCode};

use super::{Identifier, InboxId, MemberIdentifier};

/// The bytes are not an identity update, or name what cannot exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not protobuf, or not of this type.
    #[error("not a protobuf message of the right type")]
    Protobuf,
    /// Not 64 lower-case hex digits.
    #[error("an inbox id is 64 lower-case hex digits")]
    InboxId,
    /// Not `0x` and 40 lower-case hex digits (IDENT-013).
    #[error("an Ethereum address is 0x and 40 lower-case hex digits")]
    EthereumAddress,
    /// Not 32 bytes.
    #[error("an installation key is 32 bytes")]
    InstallationKey,
    /// Not a SEC1 key of P-256.
    #[error("a passkey is a P-256 key of 33 or 65 bytes")]
    Passkey,
    /// An identifier of a kind that is not known.
    #[error("unknown kind of identifier")]
    IdentifierKind,
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A signature that is not of the length that its kind has.
    #[error("the signature is not {0} bytes")]
    SignatureLength(usize),
    /// Not a CAIP-10 id of an account on an Ethereum chain (IDENT-060).
    #[error("not an account id of the form eip155:CHAIN:ADDRESS")]
    AccountId,
}

/// A signature that proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The signature does not belong to this text and signer.
    #[error("the signature does not verify")]
    Invalid,
    /// A public key that is not one of its curve.
    #[error("not a public key")]
    PublicKey,
    /// WebAuthn client data that is not JSON, or was made for another text.
    #[error("the passkey signed something else")]
    ClientData,
    /// The chain says that the contract does not accept the signature.
    #[error("the smart contract wallet refuses the signature")]
    ContractRefused,
    /// No answer from the chain that alone can judge this signature. It may be valid (IDENT-061).
    #[error("the signature of a smart contract wallet needs its chain, and there is none to ask")]
    ChainUnavailable,
    /// A key of the network's second version signed. It was made for another purpose, and is retired.
    #[error("signatures by keys of the network's second version are not supported")]
    LegacyUnsupported,
}

/// An update whose signatures hold, and which nevertheless may not do what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssociationError {
    /// The first action on an inbox is not its creation (IDENT-011).
    #[error("the inbox is not created yet")]
    NotCreated,
    /// The inbox is created already (IDENT-011).
    #[error("the inbox is created already")]
    AlreadyCreated,
    /// The creation is signed by somebody else (IDENT-012).
    #[error("the creation is not signed by its owner {0}")]
    NotOwner(Identifier),
    /// The update names another inbox than its actions lead to (IDENT-003).
    #[error("the update names inbox {named}, and is about {actual}")]
    WrongInbox {
        /// What the update says.
        named: InboxId,
        /// Where its actions lead.
        actual: InboxId,
    },
    /// The new member did not sign (IDENT-040).
    #[error("the new member {0} did not sign")]
    NewMemberMismatch(MemberIdentifier),
    /// Neither a member nor the recovery identifier vouches for the new member (IDENT-040).
    #[error("{0} is neither a member nor the recovery identifier")]
    NotAMember(MemberIdentifier),
    /// A member vouches for itself (IDENT-040).
    #[error("{0} adds itself")]
    AddsItself(MemberIdentifier),
    /// An installation adds an installation (IDENT-041).
    #[error("an installation cannot add an installation")]
    InstallationAddsInstallation,
    /// Somebody else than the recovery identifier revokes or hands on the role (IDENT-043, IDENT-045).
    #[error("{0} is not the recovery identifier")]
    NotRecovery(MemberIdentifier),
    /// The signature comes from another chain than the one that the signer is known on (IDENT-046).
    #[error("the signer is known on chain {known:?} and signed on {signed:?}")]
    ChainMismatch {
        /// Where it was added; `None` for what is no contract.
        known: Option<u64>,
        /// Where it signed now.
        signed: Option<u64>,
    },
    /// A signature of an earlier update again, in whatever encoding (IDENT-050).
    #[error("a signature was used before")]
    Replay,
}

/// An update that a node does not let into a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// It breaks a rule that every reader of the log holds to.
    #[error(transparent)]
    Association(#[from] AssociationError),
    /// An update that does nothing: anybody could fill a log with them (IDENT-001).
    #[error("an update without actions")]
    Empty,
    /// More actions than [`MAX_ACTIONS`](super::MAX_ACTIONS).
    #[error("an update with too many actions")]
    TooManyActions,
    /// A member is added again, which would rewrite who added it (IDENT-040).
    #[error("{0} is a member already")]
    AlreadyMember(MemberIdentifier),
    /// A key for which signatures can be made that nobody made.
    #[error("an installation key of small order")]
    WeakKey,
    /// More installations than [`MAX_INSTALLATIONS`](super::MAX_INSTALLATIONS).
    #[error("the inbox has too many installations")]
    TooManyInstallations,
    /// The log holds [`MAX_UPDATES`](super::MAX_UPDATES) entries, or as much as it may in other measures.
    #[error("the inbox has too many updates")]
    LogFull,
    /// The sequence id is not above that of the last entry (IDENT-004).
    #[error("sequence ids only rise")]
    OutOfOrder,
}

impl ErrorCode for ParseError {
    fn code(&self) -> &'static str {
        match self {
            Self::Protobuf => "XMTP_IDENTITY_PROTOBUF",
            Self::InboxId => "XMTP_IDENTITY_INBOX_ID",
            Self::EthereumAddress => "XMTP_IDENTITY_ADDRESS",
            Self::InstallationKey => "XMTP_IDENTITY_INSTALLATION_KEY",
            Self::Passkey => "XMTP_IDENTITY_PASSKEY",
            Self::IdentifierKind => "XMTP_IDENTITY_IDENTIFIER_KIND",
            Self::Missing(_) => "XMTP_IDENTITY_FIELD_MISSING",
            Self::SignatureLength(_) => "XMTP_IDENTITY_SIGNATURE_LENGTH",
            Self::AccountId => "XMTP_IDENTITY_ACCOUNT_ID",
        }
    }

    fn category(&self) -> Category {
        Category::Input
    }
}

impl ErrorCode for SignatureError {
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid => "XMTP_IDENTITY_SIGNATURE",
            Self::PublicKey => "XMTP_IDENTITY_PUBLIC_KEY",
            Self::ClientData => "XMTP_IDENTITY_CLIENT_DATA",
            Self::ContractRefused => "XMTP_IDENTITY_CONTRACT_REFUSED",
            Self::ChainUnavailable => "XMTP_IDENTITY_CHAIN_UNAVAILABLE",
            Self::LegacyUnsupported => "XMTP_IDENTITY_LEGACY_UNSUPPORTED",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Invalid | Self::PublicKey | Self::ClientData | Self::ContractRefused => Category::Unauthenticated,
            Self::ChainUnavailable => Category::Unavailable,
            Self::LegacyUnsupported => Category::Input,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ChainUnavailable => Some("sign with a wallet that has a key of its own"),
            Self::LegacyUnsupported => Some("sign with the wallet itself"),
            _ => None,
        }
    }
}

impl ErrorCode for AssociationError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotCreated => "XMTP_IDENTITY_NOT_CREATED",
            Self::AlreadyCreated => "XMTP_IDENTITY_ALREADY_CREATED",
            Self::NotOwner(_) => "XMTP_IDENTITY_NOT_OWNER",
            Self::WrongInbox { .. } => "XMTP_IDENTITY_WRONG_INBOX",
            Self::NewMemberMismatch(_) => "XMTP_IDENTITY_NEW_MEMBER_MISMATCH",
            Self::NotAMember(_) => "XMTP_IDENTITY_NOT_A_MEMBER",
            Self::AddsItself(_) => "XMTP_IDENTITY_ADDS_ITSELF",
            Self::InstallationAddsInstallation => "XMTP_IDENTITY_INSTALLATION_ADDS_INSTALLATION",
            Self::NotRecovery(_) => "XMTP_IDENTITY_NOT_RECOVERY",
            Self::ChainMismatch { .. } => "XMTP_IDENTITY_CHAIN_MISMATCH",
            Self::Replay => "XMTP_IDENTITY_REPLAY",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::NotCreated | Self::AlreadyCreated | Self::Replay => Category::Conflict,
            Self::WrongInbox { .. } => Category::Input,
            Self::NotOwner(_)
            | Self::NewMemberMismatch(_)
            | Self::NotAMember(_)
            | Self::AddsItself(_)
            | Self::InstallationAddsInstallation
            | Self::NotRecovery(_)
            | Self::ChainMismatch { .. } => Category::Forbidden,
        }
    }
}

impl ErrorCode for AdmissionError {
    fn code(&self) -> &'static str {
        match self {
            Self::Association(error) => error.code(),
            Self::Empty => "XMTP_IDENTITY_EMPTY",
            Self::TooManyActions => "XMTP_IDENTITY_TOO_MANY_ACTIONS",
            Self::AlreadyMember(_) => "XMTP_IDENTITY_ALREADY_MEMBER",
            Self::WeakKey => "XMTP_IDENTITY_WEAK_KEY",
            Self::TooManyInstallations => "XMTP_IDENTITY_TOO_MANY_INSTALLATIONS",
            Self::LogFull => "XMTP_IDENTITY_LOG_FULL",
            Self::OutOfOrder => "XMTP_IDENTITY_OUT_OF_ORDER",
        }
    }

    fn category(&self) -> Category {
        match self {
            Self::Association(error) => error.category(),
            Self::Empty | Self::WeakKey => Category::Input,
            Self::AlreadyMember(_) => Category::Conflict,
            Self::TooManyActions | Self::TooManyInstallations | Self::LogFull => Category::Limited,
            Self::OutOfOrder => Category::Internal,
        }
    }
}
