//! What clients send, made by hand.

use bytes::Bytes;
use chancery_base::ed25519::SecretKey;
use chancery_xmtp_wire::{
    identity::{
        Action, Identifier, IdentityUpdate, InboxId, InstallationKey, MemberIdentifier, Nonce, Signature, SignerRole,
        UnsignedUpdate, WalletKey, sign_as_installation,
    },
    mls::tls::write_vector,
    proto::{
        identity::{MlsCredential, api::v1::PublishIdentityUpdateRequest, associations},
        mls::api::v1::{
            GroupMessageInput, KeyPackageUpload, SendGroupMessagesRequest, UploadKeyPackageRequest, group_message_input,
        },
    },
};
use prost::Message as _;

use crate::node::BEGIN_MS;

pub(crate) const APPLICATION: u8 = 1;
pub(crate) const PROPOSAL: u8 = 2;
pub(crate) const COMMIT: u8 = 3;

pub(crate) fn vector(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_vector(bytes, &mut out).unwrap();
    out
}

/// A `PrivateMessage` (RFC 9420 6.3).
pub(crate) fn private(group: &[u8], content_type: u8, payload: &[u8]) -> Bytes {
    [
        &[0, 1, 0, 2][..],
        &vector(group),
        &7_u64.to_be_bytes(),
        &[content_type],
        &vector(b""),
        &vector(b"sender"),
        &vector(payload),
    ]
    .concat()
    .into()
}

pub(crate) fn group(n: u8) -> Bytes {
    Bytes::copy_from_slice(&[n; 16])
}

/// An application message of group `n`.
pub(crate) fn text(n: u8, payload: impl AsRef<[u8]>) -> Bytes {
    private(&group(n), APPLICATION, payload.as_ref())
}

pub(crate) fn input(data: impl Into<Bytes>) -> GroupMessageInput {
    let v1 = group_message_input::V1 {
        data: data.into(),
        sender_hmac: Bytes::from_static(&[5; 32]),
        should_push: true,
    };
    GroupMessageInput {
        version: Some(group_message_input::Version::V1(v1)),
    }
}

pub(crate) fn sending(messages: impl IntoIterator<Item = Bytes>) -> SendGroupMessagesRequest {
    SendGroupMessagesRequest {
        messages: messages.into_iter().map(input).collect(),
    }
}

/// Somebody with a wallet and installations.
pub(crate) struct Person {
    pub(crate) wallet: WalletKey,
    pub(crate) inbox: InboxId,
}

impl Person {
    pub(crate) fn new(number: u8) -> Self {
        let wallet = WalletKey::from_bytes(&[number; 32]).unwrap();
        let inbox = InboxId::derive(&Identifier::Ethereum(wallet.address()), Nonce(1));
        Self { wallet, inbox }
    }

    pub(crate) fn address(&self) -> String {
        self.wallet.address().to_string()
    }

    pub(crate) fn unsigned(&self, time: u64, actions: Vec<Action<()>>) -> UnsignedUpdate {
        UnsignedUpdate {
            inbox_id: self.inbox,
            client_timestamp_ns: time,
            actions,
        }
    }

    pub(crate) fn create(&self) -> Action<()> {
        Action::CreateInbox {
            owner: Identifier::Ethereum(self.wallet.address()),
            nonce: Nonce(1),
            signature: (),
        }
    }

    /// Signed by the wallet, and by whoever of `installations` is added.
    pub(crate) fn signed(&self, update: &UnsignedUpdate, installations: &[&SecretKey]) -> IdentityUpdate {
        self.signed_with(update, installations, &[])
    }

    /// Wallets that are added sign too.
    pub(crate) fn signed_with(
        &self,
        update: &UnsignedUpdate,
        installations: &[&SecretKey],
        wallets: &[&WalletKey],
    ) -> IdentityUpdate {
        let sign = |role: SignerRole<'_>, text: &str| -> Result<Signature, std::convert::Infallible> {
            Ok(match role {
                SignerRole::NewMember(MemberIdentifier::Installation(key)) => {
                    let signer = installations.iter().find(|signer| key_of(signer) == *key);
                    sign_as_installation(signer.unwrap(), text).unwrap()
                }
                SignerRole::NewMember(MemberIdentifier::Ethereum(address)) => {
                    let signer = wallets.iter().find(|signer| signer.address() == *address);
                    signer.unwrap().sign(text)
                }
                _ => self.wallet.sign(text),
            })
        };
        match update.sign(sign) {
            Ok(update) => update,
            Err(never) => match never {},
        }
    }

    /// Opens the inbox with one installation, as official clients do.
    pub(crate) fn registration(&self, installation: &SecretKey) -> IdentityUpdate {
        let update = self.unsigned(1, vec![self.create(), add(installation)]);
        self.signed(&update, &[installation])
    }
}

pub(crate) fn key_of(installation: &SecretKey) -> InstallationKey {
    InstallationKey::from_bytes(installation.public().to_bytes())
}

pub(crate) fn installation(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

pub(crate) fn add(installation: &SecretKey) -> Action<()> {
    Action::Add {
        member: key_of(installation).into(),
        existing: (),
        new: (),
    }
}

pub(crate) fn revoke(member: impl Into<MemberIdentifier>) -> Action<()> {
    Action::Revoke {
        member: member.into(),
        signature: (),
    }
}

pub(crate) fn publishing(update: &IdentityUpdate) -> PublishIdentityUpdateRequest {
    PublishIdentityUpdateRequest {
        identity_update: Some(associations::IdentityUpdate::from(update)),
    }
}

/// A key package, value by value, signed as it stands (RFC 9420 10).
#[derive(Clone)]
pub(crate) struct KeyPackage {
    pub(crate) version: u16,
    pub(crate) ciphersuite: u16,
    pub(crate) init_key: Vec<u8>,
    pub(crate) credential: Vec<u8>,
    pub(crate) lifetime: (u64, u64),
    pub(crate) last_resort: bool,
}

fn numbers(values: &[u16]) -> Vec<u8> {
    vector(&values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<_>>())
}

/// A Basic credential over these bytes.
pub(crate) fn basic(identity: &[u8]) -> Vec<u8> {
    [&[0, 1][..], &vector(identity)].concat()
}

impl KeyPackage {
    /// One of `inbox` that breaks no rule, good for a day around the beginning of the test.
    pub(crate) fn of(inbox: &str) -> Self {
        let identity = MlsCredential {
            inbox_id: inbox.to_owned(),
        };
        let begin = u64::try_from(BEGIN_MS / 1000).unwrap();
        Self {
            version: 1,
            ciphersuite: 3,
            init_key: vec![1; 32],
            credential: basic(&identity.encode_to_vec()),
            lifetime: (begin - 3600, begin + 24 * 3600),
            last_resort: true,
        }
    }

    pub(crate) fn signed(&self, key: &SecretKey) -> Bytes {
        let sign = |label: &str, content: &[u8]| {
            let label = vector(format!("MLS 1.0 {label}").as_bytes());
            vector(&key.sign(&[label, vector(content)].concat()).to_bytes())
        };
        let leaf = [
            vector(&[2; 32]),
            vector(&key.public().to_bytes()),
            self.credential.clone(),
            numbers(&[1]),
            numbers(&[3]),
            numbers(&[0x000a, 0x0001]),
            numbers(&[7]),
            numbers(&[1]),
            vec![1],
            self.lifetime.0.to_be_bytes().to_vec(),
            self.lifetime.1.to_be_bytes().to_vec(),
            vector(b""),
        ]
        .concat();
        let leaf = [leaf.clone(), sign("LeafNodeTBS", &leaf)].concat();
        let extensions = if self.last_resort {
            [&[0, 0x0a][..], &vector(b"")].concat()
        } else {
            Vec::new()
        };
        let whole = [
            self.version.to_be_bytes().to_vec(),
            self.ciphersuite.to_be_bytes().to_vec(),
            vector(&self.init_key),
            leaf,
            vector(&extensions),
        ]
        .concat();
        [whole.clone(), sign("KeyPackageTBS", &whole)].concat().into()
    }
}

pub(crate) fn uploading(key_package: Bytes) -> UploadKeyPackageRequest {
    UploadKeyPackageRequest {
        key_package: Some(KeyPackageUpload {
            key_package_tls_serialized: key_package,
        }),
        is_inbox_id_credential: true,
    }
}
