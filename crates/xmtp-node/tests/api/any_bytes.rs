//! The body of the fuzz target `xmtp_node_request` (`fuzz/`), for as long as an ordinary test may take: requests that are
//! taken, spoilt ones, and any bytes, to every method.

#[path = "../../../../fuzz/xmtp_request_bodies.rs"]
mod bodies;

use chancery_xmtp_wire::proto::{
    identity::{
        api::v1::{GetIdentityUpdatesRequest, GetInboxIdsRequest, get_identity_updates_request, get_inbox_ids_request},
        associations::RecoverableEd25519Signature,
    },
    mls::api::v1::{
        BatchPublishCommitLogRequest, PublishCommitLogRequest, QueryGroupMessagesRequest, SendWelcomeMessagesRequest,
        WelcomeMessageInput, welcome_message_input,
    },
};
use proptest::prelude::*;
use prost::Message as _;

use crate::{
    made::{KeyPackage, Person, group, installation, publishing, sending, text, uploading},
    streams::to,
};

/// Requests, each of which some method takes.
fn samples() -> Vec<Vec<u8>> {
    let (person, phone) = (Person::new(1), installation(1));
    let inbox_id = person.inbox.to_string();
    let welcome = welcome_message_input::V1 {
        installation_key: vec![1; 32].into(),
        data: vec![2; 9].into(),
        hpke_public_key: vec![3; 32].into(),
        wrapper_algorithm: 1,
        welcome_metadata: vec![4; 9].into(),
    };
    let entry = PublishCommitLogRequest {
        group_id: group(1),
        serialized_commit_log_entry: vec![5; 40].into(),
        signature: Some(RecoverableEd25519Signature {
            bytes: vec![6; 64],
            public_key: vec![7; 32],
        }),
    };
    vec![
        publishing(&person.registration(&phone)).encode_to_vec(),
        uploading(KeyPackage::of(&inbox_id).signed(&phone)).encode_to_vec(),
        sending([text(1, "one"), text(2, "two")]).encode_to_vec(),
        SendWelcomeMessagesRequest {
            messages: vec![WelcomeMessageInput {
                version: Some(welcome_message_input::Version::V1(welcome)),
            }],
        }
        .encode_to_vec(),
        BatchPublishCommitLogRequest { requests: vec![entry] }.encode_to_vec(),
        QueryGroupMessagesRequest {
            group_id: group(1),
            paging_info: None,
        }
        .encode_to_vec(),
        GetIdentityUpdatesRequest {
            requests: vec![get_identity_updates_request::Request {
                inbox_id,
                sequence_id: 1,
            }],
        }
        .encode_to_vec(),
        GetInboxIdsRequest {
            requests: vec![get_inbox_ids_request::Request {
                identifier: person.address(),
                identifier_kind: 1,
            }],
        }
        .encode_to_vec(),
        to(&[(1, 0), (2, 7)]).encode_to_vec(),
    ]
}

/// To every method, as a message and as bytes with whatever prefix they have.
fn run(data: &[u8]) {
    for choice in (0_u8..).take(bodies::METHODS.len()) {
        bodies::request(&[&[choice], data].concat());
        bodies::request(&[&[choice | 0x80], data].concat());
    }
}

#[test]
fn every_method_answers_every_sample() {
    samples().iter().for_each(|sample| run(sample));
    run(&[]);
}

#[test]
fn every_method_answers_spoilt_samples_and_any_bytes() {
    let samples = samples();
    let spoilt = (
        prop::sample::select(samples),
        any::<prop::sample::Index>(),
        any::<Vec<u8>>(),
        0..9_usize,
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::default());
    runner
        .run(&spoilt, |(sample, at, with, cut)| {
            let mut bytes = sample;
            let from = at.index(bytes.len() + 1);
            let to = (from + cut).min(bytes.len());
            run(&with);
            bytes.splice(from..to, with);
            run(&bytes);
            Ok(())
        })
        .unwrap();
}
