//! Inboxes that the official SDK of three generations built (vectors/xmtp-identity.json): its texts, its signatures, its
//! ids, and what its own replay says of each state.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod people;

use chancery_xmtp_wire::{
    identity::{AssociationState, Identifier, IdentityLog, IdentityUpdate, InboxId, MemberIdentifier, NoChain, Nonce},
    proto,
};
use prost::Message as _;
use serde_json::Value;

fn recorded() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/xmtp-identity.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().unwrap()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Each step of each session: the session's SDK, and the step.
fn steps(recorded: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let sessions = list(recorded, "sessions");
    assert_eq!(sessions.len(), 3);
    sessions
        .iter()
        .flat_map(|session| list(session, "steps").iter().map(|step| (text(session, "sdk"), step)))
}

fn update(step: &Value) -> IdentityUpdate {
    IdentityUpdate::decode(&hex(text(step, "update"))).unwrap()
}

fn strings(value: &[Value]) -> Vec<String> {
    value.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

#[test]
fn inbox_ids_are_those_of_the_sdk() {
    for session in list(&recorded(), "sessions") {
        for case in list(session, "inboxIds") {
            let owner = Identifier::from_wire(text(case, "identifier"), 1).unwrap();
            let nonce = Nonce(text(case, "nonce").parse().unwrap());
            assert_eq!(InboxId::derive(&owner, nonce).to_string(), text(case, "inboxId"));
        }
    }
}

#[test]
fn texts_are_those_that_the_sdk_has_signed() {
    for (sdk, step) in steps(&recorded()) {
        assert_eq!(
            update(step).signing_text(),
            text(step, "text"),
            "{sdk}: {}",
            step["what"]
        );
    }
}

#[test]
fn what_is_read_is_written_as_it_was() {
    for (sdk, step) in steps(&recorded()) {
        let written = proto::identity::associations::IdentityUpdate::from(&update(step)).encode_to_vec();
        assert_eq!(written, hex(text(step, "update")), "{sdk}: {}", step["what"]);
    }
}

#[test]
fn states_are_those_that_the_sdk_reports() {
    for session in list(&recorded(), "sessions") {
        let mut logs: Vec<IdentityLog> = Vec::new();
        for step in list(session, "steps") {
            let verified = update(step).verify(&NoChain).unwrap();
            if !logs.iter().any(|log| log.inbox_id() == verified.inbox_id()) {
                logs.push(IdentityLog::new(verified.inbox_id()));
            }
            let log = logs
                .iter_mut()
                .find(|log| log.inbox_id() == verified.inbox_id())
                .unwrap();
            let what = format!("{}: {}", session["sdk"], step["what"]);
            let admitted = log.admit(&verified).expect(&what);
            let state = log.append(log.last_sequence_id() + 1, verified).expect(&what);
            assert_eq!(&admitted, state, "{what}");
            agrees(state, &step["state"], &what);
        }
    }
}

fn agrees(state: &AssociationState, official: &Value, what: &str) {
    assert_eq!(state.inbox_id().to_string(), text(official, "inboxId"), "{what}");
    assert_eq!(state.recovery().to_string(), text(official, "recovery"), "{what}");
    let installations: Vec<_> = state.installations().map(|key| key.to_string()).collect();
    assert_eq!(installations, strings(list(official, "installations")), "{what}");
    let mut identifiers: Vec<_> = state
        .members()
        .filter(|(member, _)| member.installation().is_none())
        .map(|(member, _)| member.to_string())
        .collect();
    identifiers.sort();
    assert_eq!(identifiers, strings(list(official, "identifiers")), "{what}");
}

#[test]
fn wallets_of_ours_sign_as_theirs() {
    // RFC 6979 leaves no choice: the same key over the same text gives the same bytes
    for (sdk, step) in steps(&recorded()).filter(|(_, step)| text(step, "what") == "add a second wallet") {
        let update = update(step);
        let second = people::wallet(0xb0b);
        assert!(
            update
                .signatures()
                .any(|signature| *signature == second.sign(text(step, "text"))),
            "{sdk}"
        );
    }
}

#[test]
fn a_passkey_is_a_member_under_its_key() {
    for (_, step) in steps(&recorded()).filter(|(_, step)| text(step, "what").contains("passkey")) {
        let verified = update(step).verify(&NoChain).unwrap();
        let state = AssociationState::apply(None, &verified).unwrap();
        let (member, _) = state
            .members()
            .find(|(member, _)| member.installation().is_none())
            .unwrap();
        let MemberIdentifier::Passkey(passkey) = member else {
            panic!("{member:?}");
        };
        assert_eq!(passkey.to_string(), text(&step["state"], "recovery"));
    }
}
