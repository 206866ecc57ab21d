//! The bodies of the fuzz targets `xmtp_identity_*` (`fuzz/`), for as long as an ordinary test may take: any bytes, and
//! recorded updates, spoilt.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../../fuzz/xmtp_identity.rs"]
mod bodies;

use chancery_xmtp_wire::proto::identity::{
    api::v1::{GetIdentityUpdatesResponse, get_identity_updates_response},
    associations::IdentityUpdate,
};
use proptest::prelude::*;
use prost::Message as _;

/// The updates of the recorded inboxes, and the logs that they make.
fn samples() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/xmtp-identity.json");
    let recorded: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let sessions = recorded["sessions"].as_array().unwrap().iter();
    let logs: Vec<Vec<Vec<u8>>> = sessions
        .map(|session| {
            let steps = session["steps"].as_array().unwrap().iter();
            steps.map(|step| hex(step["update"].as_str().unwrap())).collect()
        })
        .collect();
    let answers = logs.iter().map(|log| answer(log).encode_to_vec()).collect();
    (logs.concat(), answers)
}

fn answer(log: &[Vec<u8>]) -> GetIdentityUpdatesResponse {
    let updates: Vec<_> = log
        .iter()
        .map(|bytes| IdentityUpdate::decode(&bytes[..]).unwrap())
        .collect();
    let inbox_id = updates[0].inbox_id.clone();
    let entries = (1..).zip(updates).map(
        |(sequence_id, update)| get_identity_updates_response::IdentityUpdateLog {
            sequence_id,
            server_timestamp_ns: 1,
            update: Some(update),
        },
    );
    GetIdentityUpdatesResponse {
        responses: vec![get_identity_updates_response::Response {
            inbox_id,
            updates: entries.collect(),
        }],
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn the_samples_pass() {
    let (updates, logs) = samples();
    updates.iter().for_each(|update| bodies::update(update));
    logs.iter().for_each(|log| bodies::log(log));
}

proptest! {
    #[test]
    fn any_bytes_pass(bytes: Vec<u8>) {
        bodies::update(&bytes);
        bodies::log(&bytes);
    }

    #[test]
    fn spoilt_updates_pass(sample in prop::sample::select(samples().0), at: prop::sample::Index, with: Vec<u8>, cut in 0..9_usize) {
        bodies::update(&spoilt(sample, at, with, cut));
    }

    #[test]
    fn spoilt_logs_pass(sample in prop::sample::select(samples().1), at: prop::sample::Index, with: Vec<u8>, cut in 0..9_usize) {
        bodies::log(&spoilt(sample, at, with, cut));
    }
}

fn spoilt(mut bytes: Vec<u8>, at: prop::sample::Index, with: Vec<u8>, cut: usize) -> Vec<u8> {
    let from = at.index(bytes.len() + 1);
    let to = (from + cut).min(bytes.len());
    bytes.splice(from..to, with);
    bytes
}
