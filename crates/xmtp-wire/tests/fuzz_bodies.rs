//! The bodies of the fuzz targets (`fuzz/`), for as long as an ordinary test may take: bytes, text, and spoilt samples.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

#[path = "../../../fuzz/xmtp_bodies.rs"]
mod bodies;
mod common;

use chancery_xmtp_wire::{
    content::{Content, EncodedContent, Envelope},
    group::{GroupMembership, ImmutableMetadata, MutableMetadata, PolicySet},
    identity::InboxId,
    proto::mls::api::v1::{WelcomeMessageInput, welcome_message_input as input},
};
use common::{Draft, INBOX, Member, bytes, vector};
use openmls::prelude::{
    PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, PURE_PLAINTEXT_WIRE_FORMAT_POLICY, tls_codec::Serialize as _,
};
use proptest::prelude::*;
use prost::Message as _;

/// Bytes that the readers behind the targets take, to begin from.
fn samples() -> Vec<Vec<u8>> {
    let mut samples = vec![
        Draft::valid().bytes(),
        bytes(&Member::new(INBOX).key_package(1000..2000)),
    ];
    for policy in [PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, PURE_PLAINTEXT_WIRE_FORMAT_POLICY] {
        let (alice, bob) = (Member::new(INBOX), Member::new(INBOX));
        let mut group = alice.group(b"the group", policy);
        let joiner = bob.key_package(0..u64::MAX / 2);
        let (proposal, _) = group
            .propose_add_member(&alice.provider, &alice.signer, &joiner)
            .unwrap();
        let (commit, welcome, _) = group
            .commit_to_pending_proposals(&alice.provider, &alice.signer)
            .unwrap();
        for message in [Some(proposal), Some(commit), welcome].into_iter().flatten() {
            samples.push(message.tls_serialize_detached().unwrap());
        }
    }
    // a PrivateMessage without anything
    samples.push([&[0, 1, 0, 2][..], &vector(b"g"), &[0; 8], &[1, 0, 0, 0]].concat());
    samples.push(
        WelcomeMessageInput {
            version: Some(input::Version::V1(input::V1 {
                installation_key: vec![1; 32].into(),
                data: vec![2; 9].into(),
                hpke_public_key: vec![3; 32].into(),
                wrapper_algorithm: 1,
                welcome_metadata: Default::default(),
            })),
        }
        .encode_to_vec(),
    );
    let inbox = INBOX.parse::<InboxId>().unwrap();
    samples.push(MutableMetadata::new_group(&inbox).encode());
    samples.push(PolicySet::all_members().encode());
    let membership = GroupMembership {
        members: [(inbox, 7)].into(),
        failed_installations: [vec![1; 32]].into(),
    };
    samples.push(membership.encode());
    let immutable = ImmutableMetadata {
        conversation_type: chancery_xmtp_wire::group::ConversationType::Group,
        creator: inbox.to_string(),
        dm_members: None,
        oneshot: None,
    };
    samples.push(immutable.encode().unwrap());
    let text: EncodedContent = Content::Text("text".to_owned()).encode().unwrap();
    samples.push(Envelope::message(text.encode().into(), "key"));
    for file in ["xmtp-content.json", "xmtp-recorded.json", "signet.json", "xmtp.json"] {
        let text = std::fs::read_to_string(format!("{}/../../vectors/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        strings(&serde_json::from_str(&text).unwrap(), &mut samples);
    }
    samples
}

/// Every text of the vectors, and its bytes where it is hex.
fn strings(value: &serde_json::Value, into: &mut Vec<Vec<u8>>) {
    match value {
        serde_json::Value::String(text) => {
            let hex = (0..text.len() / 2).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok());
            into.extend(hex.collect::<Option<Vec<u8>>>());
            into.push(text.clone().into_bytes());
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        serde_json::Value::Object(members) => members.values().for_each(|member| strings(member, into)),
        _ => {}
    }
}

fn run(data: &[u8]) {
    bodies::ALL.iter().for_each(|body| body(data));
}

#[test]
fn the_samples_pass() {
    samples().iter().for_each(|sample| run(sample));
}

proptest! {
    #[test]
    fn any_bytes_pass(bytes: Vec<u8>, text in "\\PC*", json in "[\\[\\]{}\",:0-9a-z\\\\. -]{0,60}") {
        run(&bytes);
        run(text.as_bytes());
        run(json.as_bytes());
    }
}

#[test]
fn spoilt_samples_pass() {
    let samples = samples();
    let spoilt = (
        prop::sample::select(samples),
        any::<prop::sample::Index>(),
        any::<Vec<u8>>(),
        0..9_usize,
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        // PROPTEST_CASES asks for more
        cases: ProptestConfig::default().cases.max(2000),
        ..ProptestConfig::default()
    });
    runner
        .run(&spoilt, |(sample, at, with, cut)| {
            let mut bytes = sample;
            let from = at.index(bytes.len() + 1);
            let to = (from + cut).min(bytes.len());
            bytes.splice(from..to, with);
            run(&bytes);
            Ok(())
        })
        .unwrap();
}
