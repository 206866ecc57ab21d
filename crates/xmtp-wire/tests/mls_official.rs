//! What three generations of the official SDK uploaded and answered (`vectors/xmtp-recorded.json`, made by
//! `vectors/xmtp-recorded.mjs`).
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use chancery_base::Millis;
use chancery_xmtp_wire::{
    content::{Content, MessageId},
    mls::{
        GroupMessage, ValidatedKeyPackage,
        message::{ContentType, WireFormat},
    },
    proto::mls::message_contents::WelcomeWrapperAlgorithm,
};
use serde_json::Value;

fn sessions() -> Vec<Value> {
    let recorded: Value = serde_json::from_str(include_str!("../../../vectors/xmtp-recorded.json")).unwrap();
    recorded["sessions"].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = text(value);
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// A time at which a key package is good, found by asking: when it is too early or late is told apart.
fn good_time(bytes: &[u8]) -> Millis {
    use chancery_xmtp_wire::mls::KeyPackageError as E;
    let (mut early, mut late) = (0, 1 << 34);
    while early < late {
        let middle = i64::midpoint(early, late);
        match ValidatedKeyPackage::parse(bytes, Millis::from_secs(middle)).map(drop) {
            Err(E::NotYetValid) => early = middle + 1,
            Err(E::Expired) => late = middle,
            _ => return Millis::from_secs(middle),
        }
    }
    Millis::from_secs(early)
}

#[test]
fn key_packages_of_the_official_sdks_are_taken() {
    for session in sessions() {
        let bytes = unhex(&session["keyPackage"]);
        let package = ValidatedKeyPackage::parse(&bytes, good_time(&bytes)).unwrap();
        assert_eq!(package.inbox_id().to_string(), text(&session["inboxId"]));
        assert_eq!(package.installation().to_string(), text(&session["installationId"]));
        assert!(package.last_resort());
        assert!(package.follows_pointers());
        assert_eq!(
            package.welcome_key().algorithm(),
            WelcomeWrapperAlgorithm::XwingMlkem768Draft6
        );
        let lifetime = package.lifetime();
        assert_eq!(
            lifetime.not_after - lifetime.not_before,
            84 * 24 * 3600 + 3600,
            "xmtp spec 3.3"
        );
    }
}

#[test]
fn group_messages_of_the_official_sdks_are_read() {
    for session in sessions() {
        let group = unhex(&session["group"]);
        let messages = session["groupMessages"].as_array().unwrap();
        assert!(messages.len() >= session["messages"].as_array().unwrap().len());
        let mut last = ContentType::Commit;
        for message in messages {
            let bytes = unhex(message);
            let read = GroupMessage::parse(&bytes).unwrap();
            assert_eq!((read.group_id, read.wire_format), (&group[..], WireFormat::Private));
            last = read.content_type;
        }
        // what the app sent came last
        assert_eq!(last, ContentType::Application);
    }
}

#[test]
fn message_ids_are_those_of_the_official_sdk() {
    let mut compared = 0;
    for session in sessions() {
        let group = unhex(&session["group"]);
        for message in session["messages"].as_array().unwrap() {
            let Some(key) = message["idempotencyKey"].as_str() else {
                continue;
            };
            let content = Content::Text(text(&message["content"]).to_owned())
                .encode()
                .unwrap()
                .encode();
            assert_eq!(
                MessageId::of(&group, key, &content).to_string(),
                text(&message["id"]),
                "{message}"
            );
            compared += 1;
        }
    }
    assert!(compared > 0);
}
