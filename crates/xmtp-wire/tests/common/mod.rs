//! Members as openmls makes them, and key packages that break a rule, which it would not make.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use chancery_base::ed25519::SecretKey;
use chancery_xmtp_wire::{
    mls::{CIPHERSUITE, tls::write_vector},
    proto::identity::MlsCredential,
};
use openmls::prelude::{tls_codec::Serialize as _, *};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use prost::Message as _;

/// An inbox id.
pub(crate) const INBOX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// One installation, by openmls.
pub(crate) struct Member {
    pub(crate) provider: OpenMlsRustCrypto,
    pub(crate) signer: SignatureKeyPair,
    pub(crate) credential: CredentialWithKey,
}

impl Member {
    pub(crate) fn new(inbox_id: &str) -> Self {
        let identity = MlsCredential {
            inbox_id: inbox_id.to_owned(),
        };
        let signer = SignatureKeyPair::new(SignatureScheme::ED25519).unwrap();
        let credential = CredentialWithKey {
            credential: BasicCredential::new(identity.encode_to_vec()).into(),
            signature_key: signer.public().into(),
        };
        Self {
            provider: OpenMlsRustCrypto::default(),
            signer,
            credential,
        }
    }

    /// A last-resort key package that is good in these seconds.
    pub(crate) fn key_package(&self, seconds: std::ops::Range<u64>) -> KeyPackage {
        KeyPackage::builder()
            .mark_as_last_resort()
            .key_package_lifetime(Lifetime::init(seconds.start, seconds.end))
            .leaf_node_capabilities(Capabilities::new(
                None,
                Some(&[CIPHERSUITE]),
                Some(&[ExtensionType::LastResort, ExtensionType::Unknown(0xff03)]),
                None,
                None,
            ))
            .build(CIPHERSUITE, &self.provider, &self.signer, self.credential.clone())
            .unwrap()
            .key_package()
            .clone()
    }

    pub(crate) fn group(&self, id: &[u8], policy: WireFormatPolicy) -> MlsGroup {
        MlsGroup::builder()
            .with_group_id(GroupId::from_slice(id))
            .ciphersuite(CIPHERSUITE)
            .with_wire_format_policy(policy)
            .build(&self.provider, &self.signer, self.credential.clone())
            .unwrap()
    }
}

pub(crate) fn bytes(key_package: &KeyPackage) -> Vec<u8> {
    key_package.tls_serialize_detached().unwrap()
}

/// A key package, value by value, which is signed as it stands.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) version: u16,
    pub(crate) ciphersuite: u16,
    pub(crate) init_key: Vec<u8>,
    pub(crate) encryption_key: Vec<u8>,
    pub(crate) signature_key: Vec<u8>,
    pub(crate) credential: Vec<u8>,
    pub(crate) versions: Vec<u16>,
    pub(crate) ciphersuites: Vec<u16>,
    pub(crate) capability_extensions: Vec<u16>,
    pub(crate) credentials: Vec<u16>,
    pub(crate) source: Vec<u8>,
    pub(crate) leaf_extensions: Vec<(u16, Vec<u8>)>,
    pub(crate) extensions: Vec<(u16, Vec<u8>)>,
}

pub(crate) fn vector(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_vector(bytes, &mut out).unwrap();
    out
}

fn numbers(values: &[u16]) -> Vec<u8> {
    vector(&values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<_>>())
}

fn extensions(values: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let each = values
        .iter()
        .flat_map(|(kind, data)| [kind.to_be_bytes().to_vec(), vector(data)].concat());
    vector(&each.collect::<Vec<_>>())
}

/// A Basic credential (RFC 9420 5.3) over these bytes.
pub(crate) fn basic(identity: &[u8]) -> Vec<u8> {
    [&[0, 1][..], &vector(identity)].concat()
}

/// The source of a leaf of a key package, good in these seconds.
pub(crate) fn lifetime(seconds: std::ops::Range<u64>) -> Vec<u8> {
    [&[1][..], &seconds.start.to_be_bytes(), &seconds.end.to_be_bytes()].concat()
}

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

impl Draft {
    /// One that breaks no rule and is good from second 1000 to 2000.
    pub(crate) fn valid() -> Self {
        let identity = MlsCredential {
            inbox_id: INBOX.to_owned(),
        };
        Self {
            version: 1,
            ciphersuite: 3,
            init_key: vec![1; 32],
            encryption_key: vec![2; 32],
            signature_key: key().public().to_bytes().to_vec(),
            credential: basic(&identity.encode_to_vec()),
            versions: vec![1],
            ciphersuites: vec![3],
            capability_extensions: vec![0x000a, 0x0001, 0xff02, 0xff00, 0xff01, 0xff03, 0xff04, 0xf000],
            credentials: vec![1],
            source: lifetime(1000..2000),
            leaf_extensions: vec![(1, vector(INBOX.as_bytes()))],
            extensions: vec![(0x000a, Vec::new())],
        }
    }

    fn leaf(&self, signature: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let content = [
            vector(&self.encryption_key),
            vector(&self.signature_key),
            self.credential.clone(),
            numbers(&self.versions),
            numbers(&self.ciphersuites),
            numbers(&self.capability_extensions),
            numbers(&[7]),
            numbers(&self.credentials),
            self.source.clone(),
            extensions(&self.leaf_extensions),
        ]
        .concat();
        let signature = signature(&content);
        [content, vector(&signature)].concat()
    }

    /// With these signatures over leaf and whole.
    pub(crate) fn signed_by(&self, leaf: impl Fn(&[u8]) -> Vec<u8>, whole: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let content = [
            self.version.to_be_bytes().to_vec(),
            self.ciphersuite.to_be_bytes().to_vec(),
            vector(&self.init_key),
            self.leaf(leaf),
            extensions(&self.extensions),
        ]
        .concat();
        let signature = whole(&content);
        [content, vector(&signature)].concat()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.signed_by(
            |content| sign("LeafNodeTBS", content),
            |content| sign("KeyPackageTBS", content),
        )
    }
}

/// `SignWithLabel` of RFC 9420 5.1.2 with [`key`].
pub(crate) fn sign(label: &str, content: &[u8]) -> Vec<u8> {
    let label = format!("MLS 1.0 {label}");
    let content = [vector(label.as_bytes()), vector(content)].concat();
    key().sign(&content).to_bytes().to_vec()
}
