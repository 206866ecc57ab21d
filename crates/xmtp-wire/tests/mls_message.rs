//! Headers of group messages, welcomes, and the TLS presentation language under them.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

mod common;

use chancery_xmtp_wire::{
    mls::{
        GroupMessage, GroupMessageError, TlsError, WelcomeError,
        message::{ContentType, MAX_GROUP_ID, WireFormat},
        tls::{Reader, write_vector},
        welcome,
    },
    proto::mls::api::v1::{WelcomeMessageInput, welcome_message_input as input},
};
use common::{INBOX, Member, vector};
use openmls::prelude::{
    MlsMessageIn, MlsMessageOut, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, PURE_PLAINTEXT_WIRE_FORMAT_POLICY,
    ProtocolMessage,
    tls_codec::{Deserialize as _, Serialize as _, VLBytes},
};
use proptest::prelude::*;

fn bytes(message: &MlsMessageOut) -> Vec<u8> {
    message.tls_serialize_detached().unwrap()
}

/// A commit and a proposal of a group, framed as asked.
fn handshakes(wire_format: WireFormat) -> Vec<(ContentType, Vec<u8>)> {
    let policy = match wire_format {
        WireFormat::Public => PURE_PLAINTEXT_WIRE_FORMAT_POLICY,
        WireFormat::Private => PURE_CIPHERTEXT_WIRE_FORMAT_POLICY,
    };
    let (alice, bob) = (Member::new(INBOX), Member::new(INBOX));
    let mut group = alice.group(b"the group", policy);
    let joiner = bob.key_package(0..u64::MAX / 2);
    let (proposal, _) = group
        .propose_add_member(&alice.provider, &alice.signer, &joiner)
        .unwrap();
    let (commit, ..) = group
        .commit_to_pending_proposals(&alice.provider, &alice.signer)
        .unwrap();
    vec![
        (ContentType::Proposal, bytes(&proposal)),
        (ContentType::Commit, bytes(&commit)),
    ]
}

fn application() -> Vec<u8> {
    let alice = Member::new(INBOX);
    let mut group = alice.group(b"the group", PURE_CIPHERTEXT_WIRE_FORMAT_POLICY);
    bytes(&group.create_message(&alice.provider, &alice.signer, b"hello").unwrap())
}

#[test]
fn what_openmls_sends_is_read_as_openmls_reads_it() {
    let mut messages = vec![(ContentType::Application, WireFormat::Private, application())];
    for wire_format in [WireFormat::Private, WireFormat::Public] {
        for (content_type, bytes) in handshakes(wire_format) {
            messages.push((content_type, wire_format, bytes));
        }
    }
    for (content_type, wire_format, bytes) in messages {
        let ours = GroupMessage::parse(&bytes).unwrap();
        let theirs: ProtocolMessage = MlsMessageIn::tls_deserialize_exact(&bytes)
            .unwrap()
            .try_into_protocol_message()
            .unwrap();
        assert_eq!(ours.group_id, theirs.group_id().as_slice());
        assert_eq!(ours.epoch, theirs.epoch().as_u64());
        assert_eq!((ours.content_type, ours.wire_format), (content_type, wire_format));
        assert_eq!(ours.is_commit(), content_type != ContentType::Application);
    }
}

/// `MLSMessage` with a `PrivateMessage`, value by value.
fn private(version: u16, wire_format: u16, group_id: &[u8], content_type: u8) -> Vec<u8> {
    [
        &version.to_be_bytes()[..],
        &wire_format.to_be_bytes(),
        &vector(group_id),
        &7u64.to_be_bytes(),
        &[content_type],
        &vector(b""),
        &vector(b"sender"),
        &vector(b"ciphertext"),
    ]
    .concat()
}

#[test]
fn each_rule_refuses_what_breaks_it() {
    use GroupMessageError as E;
    let parse = |bytes: &[u8]| GroupMessage::parse(bytes).map(|message| message.epoch);
    assert_eq!(parse(&private(1, 2, b"g", 1)), Ok(7));
    assert_eq!(parse(&private(2, 2, b"g", 1)), Err(E::Version(2)));
    // welcome, group info, key package, and a number that stands for nothing
    for wire_format in [0, 3, 4, 5, 6, 0xffff] {
        assert_eq!(
            parse(&private(1, wire_format, b"g", 1)),
            Err(E::WireFormat(wire_format))
        );
    }
    assert_eq!(parse(&private(1, 2, b"", 1)), Err(E::NoGroupId));
    assert_eq!(parse(&private(1, 2, &[1; MAX_GROUP_ID], 1)), Ok(7));
    assert_eq!(parse(&private(1, 2, &[1; MAX_GROUP_ID + 1], 1)), Err(E::GroupIdTooLong));
    for content_type in [0, 4, 255] {
        assert_eq!(
            parse(&private(1, 2, b"g", content_type)),
            Err(E::ContentType(content_type))
        );
    }
    let whole = private(1, 2, b"g", 3);
    for end in 0..whole.len() {
        assert_eq!(parse(&whole[..end]), Err(E::Tls(TlsError::Truncated)), "{end}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(parse(&longer), Err(E::Tls(TlsError::Trailing)));
}

#[test]
fn a_public_message_is_read_to_its_end() {
    use GroupMessageError as E;
    let (_, commit) = handshakes(WireFormat::Public).pop().unwrap();
    assert!(GroupMessage::parse(&commit).unwrap().is_commit());
    let longer = [&commit[..], &[0]].concat();
    assert_eq!(GroupMessage::parse(&longer), Err(E::Content));
    assert_eq!(GroupMessage::parse(&commit[..commit.len() - 1]), Err(E::Content));
    // the byte after group id and epoch says what the sender is
    let mut strange = commit;
    let sender = 2 + 2 + 1 + b"the group".len() + 8;
    assert_eq!(strange[sender], 1);
    strange[sender] = 9;
    assert_eq!(GroupMessage::parse(&strange), Err(E::SenderType(9)));
}

#[test]
fn lengths_are_in_their_shortest_form() {
    // examples of RFC 9000 A.1 that fit RFC 9420 2.1.2
    let length = |bytes: &[u8]| Reader::new(bytes).length();
    assert_eq!(length(&[0x9d, 0x7f, 0x3e, 0x7d]), Ok(494_878_333));
    assert_eq!(length(&[0x7b, 0xbd]), Ok(15_293));
    assert_eq!(length(&[0x25]), Ok(37));
    assert_eq!(length(&[0x40, 0x25]), Err(TlsError::NotMinimal));
    assert_eq!(length(&[0x80, 0, 0x3f, 0xff]), Err(TlsError::NotMinimal));
    assert_eq!(length(&[0xc0, 0, 0, 0, 0, 0, 0, 1]), Err(TlsError::LengthTooLarge));
    assert_eq!(length(&[0x80, 0, 0x40]), Err(TlsError::Truncated));
}

proptest! {
    #[test]
    fn vectors_are_read_as_openmls_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut reader = Reader::new(&bytes);
        let ours = reader.vector();
        let mut rest = bytes.as_slice();
        match VLBytes::tls_deserialize(&mut rest) {
            Ok(theirs) => {
                prop_assert_eq!(ours, Ok(theirs.as_slice()));
                prop_assert_eq!(reader.rest(), rest);
            }
            Err(_) => prop_assert!(ours.is_err()),
        }
    }

    #[test]
    fn vectors_are_written_as_openmls_writes_them(length in 0usize..20_000) {
        let value = vec![5; length];
        let mut ours = Vec::new();
        write_vector(&value, &mut ours).unwrap();
        prop_assert_eq!(ours, VLBytes::from(value).tls_serialize_detached().unwrap());
    }
}

fn v1(installation_key: usize, data: usize, hpke_key: usize, wrapper_algorithm: i32) -> WelcomeMessageInput {
    WelcomeMessageInput {
        version: Some(input::Version::V1(input::V1 {
            installation_key: vec![4; installation_key].into(),
            data: vec![1; data].into(),
            hpke_public_key: vec![1; hpke_key].into(),
            wrapper_algorithm,
            welcome_metadata: Default::default(),
        })),
    }
}

fn pointer(installation_key: usize, data: usize, hpke_key: usize) -> WelcomeMessageInput {
    WelcomeMessageInput {
        version: Some(input::Version::WelcomePointer(input::WelcomePointer {
            installation_key: vec![4; installation_key].into(),
            welcome_pointer: vec![1; data].into(),
            hpke_public_key: vec![1; hpke_key].into(),
            wrapper_algorithm: 2,
        })),
    }
}

#[test]
fn a_welcome_misses_nothing() {
    use WelcomeError as E;
    let cases = [
        (v1(32, 1, 32, 1), Ok([4; 32])),
        (v1(32, 1, 1216, 2), Ok([4; 32])),
        (v1(32, 1, 0, 3), Ok([4; 32])),
        (pointer(32, 1, 1216), Ok([4; 32])),
        (WelcomeMessageInput { version: None }, Err(E::Empty)),
        (v1(0, 1, 32, 1), Err(E::InstallationKey)),
        (v1(31, 1, 32, 1), Err(E::InstallationKey)),
        (v1(33, 1, 32, 1), Err(E::InstallationKey)),
        (v1(32, 0, 32, 1), Err(E::NoData)),
        (v1(32, 1, 0, 1), Err(E::NoHpkeKey)),
        (v1(32, 1, 0, 0), Err(E::NoHpkeKey)),
        (pointer(31, 1, 32), Err(E::InstallationKey)),
        (pointer(32, 0, 32), Err(E::NoData)),
        (pointer(32, 1, 0), Err(E::NoHpkeKey)),
    ];
    for (welcome, expected) in cases {
        assert_eq!(welcome::check(&welcome), expected, "{welcome:?}");
    }
}
