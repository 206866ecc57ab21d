// What each fuzz target of XMTP's messages does with its bytes. A short loop over them runs in the ordinary tests, too
// (crates/xmtp-wire/tests/fuzz_bodies.rs).

use bytes::Bytes;
use chancery_base::Millis;
use chancery_xmtp_wire::{
    content::{Content, ContentTypeId, EncodedContent, Envelope},
    convos::{JoinError, JoinRequest, ProfileMessage, SignedInvite},
    group::{GroupMembership, ImmutableMetadata, MutableMetadata, PolicySet, ProtocolVersion},
    mls::{GroupMessage, KeyPackageError, ValidatedKeyPackage, message::MAX_GROUP_ID, welcome},
    proto::mls::api::v1::WelcomeMessageInput,
};
use openmls::prelude::{MlsMessageIn, ProtocolMessage, tls_codec::Deserialize as _};
use prost::Message as _;

/// All targets.
pub(crate) const ALL: [fn(&[u8]); 6] = [
    group_message,
    sealed_welcome,
    key_package,
    group_context,
    content,
    convos,
];

/// A group message is read as openmls reads it, and refused where it refuses it.
pub(crate) fn group_message(data: &[u8]) {
    let theirs = MlsMessageIn::tls_deserialize_exact(data).ok();
    let theirs: Option<ProtocolMessage> = theirs.and_then(|message| message.try_into_protocol_message().ok());
    match (GroupMessage::parse(data), theirs) {
        (Ok(ours), Some(theirs)) => {
            assert_eq!(ours.group_id, theirs.group_id().as_slice());
            assert_eq!(ours.epoch, theirs.epoch().as_u64());
        }
        (Ok(ours), None) => panic!("only ours takes {ours:?}"),
        (Err(error), Some(theirs)) => {
            let length = theirs.group_id().as_slice().len();
            // other versions of the protocol are told apart by openmls later
            let version = data.starts_with(&[0, 1]);
            assert!(!version || length == 0 || length > MAX_GROUP_ID, "{error}");
        }
        (Err(_), None) => {}
    }
}

/// A welcome that is taken is addressed.
pub(crate) fn sealed_welcome(data: &[u8]) {
    let Ok(welcome) = WelcomeMessageInput::decode(data) else {
        return;
    };
    let _ = welcome::check(&welcome);
}

/// A key package that is taken ends where its bytes end.
pub(crate) fn key_package(data: &[u8]) {
    let now = Millis(1_500_000);
    if ValidatedKeyPackage::parse(data, now).is_ok() {
        let longer = [data, &[0]].concat();
        let longer = ValidatedKeyPackage::parse(&longer, now);
        assert_eq!(longer.map(drop), Err(KeyPackageError::Trailing));
    }
}

/// What is read of a group's context is written as what is read as the same.
pub(crate) fn group_context(data: &[u8]) {
    if let Ok(immutable) = ImmutableMetadata::parse(data) {
        let again = immutable.encode().and_then(|bytes| ImmutableMetadata::parse(&bytes));
        assert_eq!(again, Ok(immutable));
    }
    if let Ok(mutable) = MutableMetadata::parse(data) {
        let _ = mutable.disappearing();
        assert!(mutable.changes(&mutable).is_empty());
        assert_eq!(MutableMetadata::parse(&mutable.encode()), Ok(mutable));
    }
    if let Ok(membership) = GroupMembership::parse(data) {
        assert_eq!(membership.diff(&membership), Default::default());
        assert_eq!(GroupMembership::parse(&membership.encode()), Ok(membership));
    }
    if let Ok(permissions) = PolicySet::parse(data) {
        assert_eq!(PolicySet::parse(&permissions.encode()), Ok(permissions));
    }
    let _ = text(data).parse::<ProtocolVersion>();
}

/// Content that is read is written as what is read as the same.
pub(crate) fn content(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(Envelope::Message { content, .. }) = Envelope::parse(bytes.clone()) {
        encoded_content(content);
    }
    encoded_content(bytes);
    if let Ok(id) = text(data).parse::<ContentTypeId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

fn encoded_content(bytes: Bytes) {
    let Ok(encoded) = EncodedContent::parse(bytes) else {
        return;
    };
    assert_eq!(EncodedContent::parse(encoded.encode().into()).as_ref(), Ok(&encoded));
    if let Ok(content) = Content::decode(&encoded) {
        let again = content.encode().and_then(|encoded| Content::decode(&encoded));
        assert_eq!(again, Ok(content));
    }
    let _ = JoinRequest::decode(&encoded);
    let _ = JoinError::decode(&encoded);
    if let Ok(message) = ProfileMessage::decode(&encoded) {
        assert!(ProfileMessage::decode(&message.encode()).is_ok());
    }
}

/// An invite that is read is written as a slug that is read as the same, and nobody signs by accident.
pub(crate) fn convos(data: &[u8]) {
    for invite in [SignedInvite::parse(text(data)), SignedInvite::from_bytes(data)] {
        let Ok(invite) = invite else { continue };
        let _ = invite.signer();
        if let Ok(slug) = invite.slug() {
            assert_eq!(SignedInvite::parse(&slug), Ok(invite));
        }
    }
    // whatever the type, the readers of contents get these bytes, too
    for id in [
        "convos.org/join_request:1.0",
        "convos.app/inviteJoinError:1.0",
        "convos.org/profile_update:1.0",
    ] {
        let Ok(id) = id.parse() else { continue };
        encoded_content(EncodedContent::new(id, data.to_vec()).encode().into());
    }
}

fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or_default()
}
