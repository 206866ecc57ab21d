//! Between protobuf and the types that the rules are written in.

use prost::Message as _;

use super::{
    Action, Identifier, IdentityUpdate, InstallationKey, MemberIdentifier, Nonce, ParseError, Passkey,
    PasskeyAssertion, Signature, Update,
};
use crate::{
    hex,
    proto::identity::associations::{
        self as proto, IdentifierKind, identity_action, member_identifier, signature::Signature as Kind,
    },
};

impl IdentityUpdate {
    /// Reads an update from protobuf bytes.
    ///
    /// # Errors
    /// Any [`ParseError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ParseError> {
        proto::IdentityUpdate::decode(bytes)
            .map_err(|_| ParseError::Protobuf)?
            .try_into()
    }
}

impl TryFrom<proto::IdentityUpdate> for IdentityUpdate {
    type Error = ParseError;

    fn try_from(update: proto::IdentityUpdate) -> Result<Self, ParseError> {
        Ok(Self {
            inbox_id: update.inbox_id.parse()?,
            client_timestamp_ns: update.client_timestamp_ns,
            actions: update
                .actions
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<proto::IdentityAction> for Action<Signature> {
    type Error = ParseError;

    fn try_from(action: proto::IdentityAction) -> Result<Self, ParseError> {
        Ok(match action.kind.ok_or(ParseError::Missing("action"))? {
            identity_action::Kind::CreateInbox(create) => Self::CreateInbox {
                owner: identifier(
                    &create.initial_identifier,
                    create.initial_identifier_kind,
                    create.relying_party,
                )?,
                nonce: Nonce(create.nonce),
                signature: signature(create.initial_identifier_signature)?,
            },
            identity_action::Kind::Add(add) => Self::Add {
                member: member(add.new_member_identifier)?,
                existing: signature(add.existing_member_signature)?,
                new: signature(add.new_member_signature)?,
            },
            identity_action::Kind::Revoke(revoke) => Self::Revoke {
                member: member(revoke.member_to_revoke)?,
                signature: signature(revoke.recovery_identifier_signature)?,
            },
            identity_action::Kind::ChangeRecoveryAddress(change) => Self::ChangeRecovery {
                identifier: identifier(
                    &change.new_recovery_identifier,
                    change.new_recovery_identifier_kind,
                    change.relying_party,
                )?,
                signature: signature(change.existing_recovery_identifier_signature)?,
            },
        })
    }
}

impl Identifier {
    /// Reads an identifier as requests and actions name it: its text and its kind. Old clients leave the kind out and
    /// mean Ethereum.
    ///
    /// # Errors
    /// [`ParseError::IdentifierKind`], [`ParseError::EthereumAddress`] or [`ParseError::Passkey`].
    pub fn from_wire(text: &str, kind: i32) -> Result<Self, ParseError> {
        identifier(text, kind, None)
    }

    /// The kind on the wire.
    #[must_use]
    pub const fn wire_kind(&self) -> IdentifierKind {
        match self {
            Self::Ethereum(_) => IdentifierKind::Ethereum,
            Self::Passkey(_) => IdentifierKind::Passkey,
        }
    }

    fn relying_party(&self) -> Option<String> {
        match self {
            Self::Ethereum(_) => None,
            Self::Passkey(passkey) => passkey.relying_party().map(Into::into),
        }
    }
}

fn identifier(text: &str, kind: i32, relying_party: Option<String>) -> Result<Identifier, ParseError> {
    match IdentifierKind::try_from(kind).map_err(|_| ParseError::IdentifierKind)? {
        IdentifierKind::Unspecified | IdentifierKind::Ethereum => text.parse().map(Identifier::Ethereum),
        IdentifierKind::Passkey => {
            let key = hex::decode(text).ok_or(ParseError::Passkey)?;
            Passkey::new(key, relying_party).map(Identifier::Passkey)
        }
    }
}

fn member(member: Option<proto::MemberIdentifier>) -> Result<MemberIdentifier, ParseError> {
    member.ok_or(ParseError::Missing("member"))?.try_into()
}

impl TryFrom<proto::MemberIdentifier> for MemberIdentifier {
    type Error = ParseError;

    fn try_from(member: proto::MemberIdentifier) -> Result<Self, ParseError> {
        match member.kind.ok_or(ParseError::Missing("member"))? {
            member_identifier::Kind::EthereumAddress(address) => address.parse().map(Self::Ethereum),
            member_identifier::Kind::InstallationPublicKey(key) => {
                InstallationKey::try_from(&key[..]).map(Self::Installation)
            }
            member_identifier::Kind::Passkey(passkey) => {
                Passkey::new(passkey.key, passkey.relying_party).map(Self::Passkey)
            }
        }
    }
}

fn signature(signature: Option<proto::Signature>) -> Result<Signature, ParseError> {
    signature.ok_or(ParseError::Missing("signature"))?.try_into()
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ParseError> {
    bytes.try_into().map_err(|_| ParseError::SignatureLength(N))
}

impl TryFrom<proto::Signature> for Signature {
    type Error = ParseError;

    fn try_from(signature: proto::Signature) -> Result<Self, ParseError> {
        Ok(match signature.signature.ok_or(ParseError::Missing("signature"))? {
            Kind::Erc191(signature) => Self::Erc191(exactly(&signature.bytes)?),
            Kind::Erc6492(signature) => Self::Erc6492 {
                account: signature.account_id.parse()?,
                block_number: signature.block_number,
                signature: signature.signature,
            },
            Kind::InstallationKey(signature) => Self::Installation {
                key: InstallationKey::try_from(&signature.public_key[..])?,
                signature: exactly(&signature.bytes)?,
            },
            Kind::DelegatedErc191(signature) => Self::LegacyDelegated(Box::new(signature)),
            Kind::Passkey(signature) => Self::Passkey(PasskeyAssertion {
                public_key: signature.public_key,
                signature: signature.signature,
                authenticator_data: signature.authenticator_data,
                client_data_json: signature.client_data_json,
            }),
        })
    }
}

impl From<&IdentityUpdate> for proto::IdentityUpdate {
    fn from(update: &IdentityUpdate) -> Self {
        let Update {
            inbox_id,
            client_timestamp_ns,
            actions,
        } = update;
        Self {
            actions: actions.iter().map(Into::into).collect(),
            client_timestamp_ns: *client_timestamp_ns,
            inbox_id: inbox_id.to_string(),
        }
    }
}

impl From<&Action<Signature>> for proto::IdentityAction {
    fn from(action: &Action<Signature>) -> Self {
        let kind = match action {
            Action::CreateInbox {
                owner,
                nonce,
                signature,
            } => identity_action::Kind::CreateInbox(proto::CreateInbox {
                initial_identifier: owner.to_string(),
                nonce: nonce.0,
                initial_identifier_signature: Some(signature.into()),
                initial_identifier_kind: owner.wire_kind().into(),
                relying_party: owner.relying_party(),
            }),
            Action::Add { member, existing, new } => identity_action::Kind::Add(proto::AddAssociation {
                new_member_identifier: Some(member.into()),
                existing_member_signature: Some(existing.into()),
                new_member_signature: Some(new.into()),
                relying_party: match member {
                    MemberIdentifier::Passkey(passkey) => passkey.relying_party().map(Into::into),
                    MemberIdentifier::Ethereum(_) | MemberIdentifier::Installation(_) => None,
                },
            }),
            Action::Revoke { member, signature } => identity_action::Kind::Revoke(proto::RevokeAssociation {
                member_to_revoke: Some(member.into()),
                recovery_identifier_signature: Some(signature.into()),
            }),
            Action::ChangeRecovery { identifier, signature } => {
                identity_action::Kind::ChangeRecoveryAddress(proto::ChangeRecoveryAddress {
                    new_recovery_identifier: identifier.to_string(),
                    existing_recovery_identifier_signature: Some(signature.into()),
                    new_recovery_identifier_kind: identifier.wire_kind().into(),
                    relying_party: identifier.relying_party(),
                })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl From<&MemberIdentifier> for proto::MemberIdentifier {
    fn from(member: &MemberIdentifier) -> Self {
        Self {
            kind: Some(match member {
                MemberIdentifier::Ethereum(address) => member_identifier::Kind::EthereumAddress(address.to_string()),
                MemberIdentifier::Installation(key) => {
                    member_identifier::Kind::InstallationPublicKey(key.as_bytes().to_vec())
                }
                MemberIdentifier::Passkey(passkey) => member_identifier::Kind::Passkey(proto::Passkey {
                    key: passkey.key().to_vec(),
                    relying_party: passkey.relying_party().map(Into::into),
                }),
            }),
        }
    }
}

impl From<&Signature> for proto::Signature {
    fn from(signature: &Signature) -> Self {
        Self {
            signature: Some(match signature {
                Signature::Erc191(bytes) => Kind::Erc191(proto::RecoverableEcdsaSignature { bytes: bytes.to_vec() }),
                Signature::Erc6492 {
                    account,
                    block_number,
                    signature,
                } => Kind::Erc6492(proto::SmartContractWalletSignature {
                    account_id: account.to_string(),
                    block_number: *block_number,
                    signature: signature.clone(),
                }),
                Signature::Installation { key, signature } => {
                    Kind::InstallationKey(proto::RecoverableEd25519Signature {
                        bytes: signature.to_vec(),
                        public_key: key.as_bytes().to_vec(),
                    })
                }
                Signature::LegacyDelegated(signature) => Kind::DelegatedErc191((**signature).clone()),
                Signature::Passkey(assertion) => Kind::Passkey(proto::RecoverablePasskeySignature {
                    public_key: assertion.public_key.clone(),
                    signature: assertion.signature.clone(),
                    authenticator_data: assertion.authenticator_data.clone(),
                    client_data_json: assertion.client_data_json.clone(),
                }),
            }),
        }
    }
}
