//! Frames (spec 6.1): what is read, what is written, and which member is to blame.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

use std::collections::BTreeSet;

use chancery_base::{Millis, Ulid, ed25519::Signature};
use chancery_identity::AgentDid;
use chancery_relay_wire::{
    Frame,
    frame::{
        Deliver, DeliverAck, DeliverExtra, Enqueue, EnqueueAck, EnqueueSigned, FrameError, Receipt, ReceiptStatus,
        tidy_reason,
    },
    limits,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json, value::RawValue};

const NOW: Millis = Millis(1_795_243_472_775);

fn id(n: u8) -> Ulid {
    Ulid::from_bytes([n; 16])
}

fn did(n: u8) -> AgentDid {
    format!("did:cdi:registry.example.test:agent:{}", id(n))
        .parse()
        .unwrap()
}

fn sig() -> Signature {
    Signature::from_bytes([7; 64])
}

/// Every member of a frame of each type, all good.
fn samples() -> Vec<Value> {
    let head = |kind: &str| json!({"type": kind, "v": 1, "id": id(1), "ts": "2026-11-21T06:44:32.775Z"});
    let with = |kind: &str, members: Value| {
        let mut frame = head(kind);
        frame
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        frame
    };
    vec![
        head("heartbeat"),
        with("heartbeat_ack", json!({"ackId": id(2)})),
        with("receipt_ack", json!({"ackId": id(2)})),
        with(
            "deliver_ack",
            json!({"ackId": id(2), "accepted": false, "reason": "full"}),
        ),
        with(
            "enqueue_ack",
            json!({"ackId": id(2), "accepted": false, "reason": "full", "code": "PROXY_RELAY_QUEUE_FULL", "retryable": true}),
        ),
        with(
            "enqueue",
            json!({"toAgentDid": did(4), "payload": {"message": "hi"}, "contentType": "text/plain", "conversationId": "c9",
                "replyTo": "https://relay.example/r", "messageId": "m1", "lane": "c9", "sentAt": "2026-11-21T06:44:32Z", "sig": sig()}),
        ),
        with(
            "deliver",
            json!({"fromAgentDid": did(3), "toAgentDid": did(4), "payload": [1], "contentType": "text/plain",
                "conversationId": "c9", "replyTo": "https://relay.example/r", "messageId": "m1", "lane": "c9", "laneSeq": 1,
                "attempt": 2, "sentAt": "2026-11-21T06:44:32Z", "sig": sig(), "fromAit": "a.b.c"}),
        ),
        with(
            "receipt",
            json!({"originalFrameId": "m1", "fromAgentDid": did(3), "toAgentDid": did(4), "status": "dead_lettered",
                "reason": "gone", "at": "2026-11-21T06:44:32.775Z", "sig": sig(), "ait": "a.b.c"}),
        ),
    ]
}

fn sample(kind: &str) -> Value {
    samples().into_iter().find(|frame| frame["type"] == kind).unwrap()
}

fn members(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

/// The member that is blamed for `frame`.
fn blamed(frame: &Value) -> &'static str {
    match Frame::parse(&frame.to_string()) {
        Err(FrameError::Member { member, .. }) => member,
        other => panic!("{other:?} for {frame}"),
    }
}

fn rewritten(text: &str) -> String {
    Frame::parse(text).unwrap().encode(id(1), NOW).unwrap()
}

#[test]
fn every_frame_is_written_as_it_was_read() {
    for frame in samples() {
        let again = Value::Object(members(&rewritten(&frame.to_string())));
        assert_eq!(again, frame);
    }
}

#[test]
fn what_is_optional_may_be_missing() {
    let optional = [
        "reason",
        "code",
        "retryable",
        "contentType",
        "conversationId",
        "replyTo",
        "messageId",
        "lane",
        "laneSeq",
        "attempt",
        "sentAt",
        "sig",
        "fromAit",
    ];
    for mut frame in samples() {
        frame
            .as_object_mut()
            .unwrap()
            .retain(|member, _| !optional.contains(&member.as_str()));
        assert_eq!(Value::Object(members(&rewritten(&frame.to_string()))), frame);
    }
}

#[test]
fn what_is_optional_may_be_null() {
    let mut frame = sample("enqueue");
    for member in [
        "contentType",
        "conversationId",
        "replyTo",
        "messageId",
        "lane",
        "sentAt",
        "sig",
    ] {
        frame[member] = Value::Null;
    }
    let text = frame.to_string();
    let Ok(Frame::Enqueue(enqueue)) = Frame::parse(&text) else {
        panic!("{text}")
    };
    assert!(enqueue.signed.is_none() && enqueue.conversation_id.is_none() && enqueue.content_type.is_none());
}

#[test]
fn a_member_that_is_missing_is_named() {
    let always = ["type", "v", "id", "ts"];
    for (kind, required) in [
        ("heartbeat", &[][..]),
        ("heartbeat_ack", &["ackId"]),
        ("receipt_ack", &["ackId"]),
        ("deliver_ack", &["ackId", "accepted"]),
        ("enqueue_ack", &["ackId", "accepted"]),
        ("enqueue", &["toAgentDid", "payload", "messageId", "sentAt", "sig"]),
        (
            "deliver",
            &[
                "fromAgentDid",
                "toAgentDid",
                "payload",
                "messageId",
                "laneSeq",
                "attempt",
                "sentAt",
            ],
        ),
        (
            "receipt",
            &["originalFrameId", "fromAgentDid", "toAgentDid", "status", "at"],
        ),
    ] {
        for member in always.iter().chain(required) {
            let mut frame = sample(kind);
            frame.as_object_mut().unwrap().remove(*member);
            assert_eq!(blamed(&frame), *member, "{kind}");
        }
    }
}

/// Each member of `frame` in turn becomes `value`; all but those of `except` are to blame.
fn spoil(value: &Value, except: &[&str]) {
    for frame in samples() {
        let names: Vec<String> = frame.as_object().unwrap().keys().cloned().collect();
        for member in names
            .iter()
            .filter(|member| !except.contains(&member.as_str()) && *member != "payload")
        {
            let mut spoilt = frame.clone();
            spoilt[member] = value.clone();
            assert_eq!(blamed(&spoilt), member, "{spoilt}");
        }
    }
}

#[test]
fn a_member_of_another_json_type_is_named() {
    spoil(&json!({}), &[]);
    spoil(&json!([]), &[]);
    spoil(&json!(-1.5), &[]);
}

#[test]
fn a_blank_member_is_named() {
    // a blank remark is left out, and an unknown type is its own error
    spoil(&json!(""), &["reason", "code", "type"]);
    spoil(&json!(" \u{a0}"), &["reason", "code", "type"]);
    for kind in ["", " "] {
        let mut frame = sample("heartbeat");
        frame["type"] = json!(kind);
        assert!(matches!(Frame::parse(&frame.to_string()), Err(FrameError::Type(_))));
    }
    let mut receipt = sample("receipt");
    receipt["reason"] = json!(" ");
    assert_eq!(blamed(&receipt), "reason");
}

#[test]
fn a_member_with_control_characters_is_named() {
    for bad in ["a\nb", "a\u{0}b", "a\u{7f}b", "a\u{85}b", "\u{1b}[31m"] {
        spoil(&json!(bad), &["reason", "code", "type"]);
        let mut receipt = sample("receipt");
        receipt["reason"] = json!(bad);
        assert_eq!(blamed(&receipt), "reason");
    }
}

#[test]
fn a_member_that_is_too_long_is_named() {
    for (kind, member, max) in [
        ("enqueue", "contentType", limits::MAX_CONTENT_TYPE_BYTES),
        ("enqueue", "replyTo", limits::MAX_URL_BYTES),
        ("enqueue", "messageId", limits::MAX_MESSAGE_ID_BYTES),
        ("deliver", "contentType", limits::MAX_CONTENT_TYPE_BYTES),
        ("deliver", "replyTo", limits::MAX_URL_BYTES),
        ("deliver", "messageId", limits::MAX_MESSAGE_ID_BYTES),
        ("deliver", "fromAit", 16 * 1024),
        ("receipt", "originalFrameId", limits::MAX_MESSAGE_ID_BYTES),
        ("receipt", "reason", limits::MAX_REASON_BYTES),
        ("receipt", "ait", 16 * 1024),
    ] {
        let mut frame = sample(kind);
        frame[member] = json!("a".repeat(max));
        assert!(Frame::parse(&frame.to_string()).is_ok(), "{kind} {member}");
        frame[member] = json!("a".repeat(max + 1));
        assert_eq!(blamed(&frame), member, "{kind}");
    }
    for kind in ["enqueue", "deliver"] {
        let mut frame = sample(kind);
        frame.as_object_mut().unwrap().remove("lane");
        frame["conversationId"] = json!("a".repeat(limits::MAX_CONVERSATION_BYTES));
        assert!(Frame::parse(&frame.to_string()).is_ok());
        frame["conversationId"] = json!("a".repeat(limits::MAX_CONVERSATION_BYTES + 1));
        assert_eq!(blamed(&frame), "conversationId");
    }
}

#[test]
fn the_error_says_which_frame_it_was() {
    let mut frame = sample("enqueue");
    frame["sig"] = json!("not a signature");
    let result = Frame::parse(&frame.to_string()).map(drop);
    let Err(FrameError::Member {
        kind: "enqueue",
        member: "sig",
        id: Some(found),
    }) = result
    else {
        panic!("{result:?}")
    };
    assert_eq!(found, id(1));
}

#[test]
fn a_lane_is_its_conversation() {
    for kind in ["enqueue", "deliver"] {
        let mut frame = sample(kind);
        frame["lane"] = json!("c10");
        assert_eq!(blamed(&frame), "lane");
        frame["lane"] = json!("");
        assert_eq!(blamed(&frame), "lane");
        frame.as_object_mut().unwrap().remove("conversationId");
        assert!(Frame::parse(&frame.to_string()).is_ok());
    }
}

#[test]
fn positions_and_attempts_begin_with_1() {
    for member in ["laneSeq", "attempt"] {
        let mut frame = sample("deliver");
        frame[member] = json!(0);
        assert_eq!(blamed(&frame), member);
    }
}

#[test]
fn times_are_times() {
    for (kind, member) in [
        ("heartbeat", "ts"),
        ("enqueue", "sentAt"),
        ("deliver", "sentAt"),
        ("receipt", "at"),
    ] {
        for bad in ["yesterday", "2026-11-21", "2026-11-21T06:44:32", "1795243472775"] {
            let mut frame = sample(kind);
            frame[member] = json!(bad);
            assert_eq!(blamed(&frame), member);
        }
    }
}

#[test]
fn ids_and_dids_are_canonical() {
    for (kind, member, bad) in [
        ("heartbeat", "id", json!(id(1).to_string().to_lowercase())),
        ("heartbeat_ack", "ackId", json!("8ZZZZZZZZZZZZZZZZZZZZZZZZZ")),
        (
            "enqueue",
            "toAgentDid",
            json!(did(4).as_str().replace("agent", "human")),
        ),
        ("deliver", "fromAgentDid", json!(did(3).as_str().to_uppercase())),
    ] {
        let mut frame = sample(kind);
        frame[member] = bad;
        assert_eq!(blamed(&frame), member);
    }
}

#[test]
fn a_frame_of_an_unknown_type_says_so() {
    let mut frame = sample("heartbeat");
    frame["type"] = json!("pair.accepted");
    let result = Frame::parse(&frame.to_string()).map(drop);
    assert!(
        matches!(&result, Err(FrameError::Type(kind)) if kind == "pair.accepted"),
        "{result:?}"
    );
    frame["type"] = json!("ä".repeat(9999));
    let result = Frame::parse(&frame.to_string()).map(drop);
    assert!(
        matches!(&result, Err(FrameError::Type(kind)) if kind.chars().count() == 64),
        "{result:?}"
    );
}

#[test]
fn a_frame_of_another_version_says_so() {
    for version in [0, 2, u32::MAX] {
        let mut frame = sample("heartbeat");
        frame["v"] = json!(version);
        let result = Frame::parse(&frame.to_string()).map(drop);
        assert!(
            matches!(&result, Err(FrameError::Version(found)) if *found == version),
            "{result:?}"
        );
    }
}

#[test]
fn what_is_no_object_is_no_frame() {
    let array = json!(["heartbeat", 1, id(1), "2026-11-21T06:44:32.775Z"]).to_string();
    for text in ["", " ", "null", "1", "\"heartbeat\"", "{", "{}x", &array] {
        assert!(matches!(Frame::parse(text), Err(FrameError::Json(_))), "{text}");
    }
}

#[test]
fn a_member_that_occurs_twice_is_refused() {
    for frame in samples() {
        let text = frame.to_string();
        for (member, value) in frame.as_object().unwrap() {
            let twice = text.replacen('{', &format!("{{\"{member}\":{value},"), 1);
            assert!(matches!(Frame::parse(&twice), Err(FrameError::Json(_))), "{twice}");
        }
        let escaped = text.replacen('{', r#"{"\u0069d":"x","#, 1);
        assert!(matches!(Frame::parse(&escaped), Err(FrameError::Json(_))), "{escaped}");
    }
}

#[test]
fn unknown_members_are_ignored() {
    for mut frame in samples() {
        let expected = rewritten(&frame.to_string());
        frame["groupId"] = json!({"a": [1, {}]});
        assert_eq!(rewritten(&frame.to_string()), expected);
    }
}

#[test]
fn escapes_in_members_are_understood() {
    let text = sample("enqueue")
        .to_string()
        .replace("\"c9\"", r#""\u0063\/\ud83d\ude00""#);
    let Ok(Frame::Enqueue(enqueue)) = Frame::parse(&text) else {
        panic!("{text}")
    };
    assert_eq!(enqueue.conversation_id.as_deref(), Some("c/😀"));
    let text = sample("enqueue").to_string().replace("\"m1\"", r#""\ud83d""#);
    assert!(matches!(
        Frame::parse(&text),
        Err(FrameError::Member {
            member: "messageId",
            ..
        })
    ));
}

#[test]
fn the_bytes_of_a_payload_stay() {
    for payload in [
        "null",
        "true",
        "1e400",
        "0.10",
        "-0",
        "1E+2",
        "123456789012345678901234567890",
        r#""\u0041\/""#,
        r#""\ud800""#,
        r#"{ "b" : 1 ,  "a":[ ] }"#,
        r#"{"a":1,"a":2}"#,
        "[\n\t1 ]",
        r#"{"type":"heartbeat","payload":{"payload":null}}"#,
        "\"\u{2028}\"",
    ] {
        for kind in ["enqueue", "deliver"] {
            let mut frame = sample(kind);
            frame.as_object_mut().unwrap().remove("payload");
            let text = frame
                .to_string()
                .replacen('{', &format!("{{\"payload\" : {payload} ,"), 1);
            let parsed = Frame::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let (Frame::Enqueue(Enqueue { payload: read, .. }) | Frame::Deliver(Deliver { payload: read, .. })) =
                parsed
            else {
                panic!("{text}")
            };
            assert_eq!(read.get(), payload);
            let again = rewritten(&text);
            assert!(again.contains(&format!("\"payload\":{payload}")), "{again}");
        }
    }
}

#[test]
fn a_deep_payload_is_passed_on() {
    let payload = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = sample("enqueue").to_string().replace(r#"{"message":"hi"}"#, &payload);
    let Ok(Frame::Enqueue(enqueue)) = Frame::parse(&text) else {
        panic!("not read")
    };
    assert_eq!(enqueue.payload.get(), payload);
    assert!(!chancery_base::json::is_portable(enqueue.payload.get()));
}

// what peers that negotiated nothing are sent

fn names(frame: &Frame<'_>) -> BTreeSet<String> {
    members(&frame.encode(id(9), NOW).unwrap())
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

fn table(extra: &[&str]) -> BTreeSet<String> {
    ["type", "v", "id", "ts"]
        .iter()
        .chain(extra)
        .map(|name| (*name).to_owned())
        .collect()
}

#[test]
fn without_negotiation_a_frame_has_only_the_members_of_the_table() {
    let payload = RawValue::from_string("{}".to_owned()).unwrap();
    let deliver = Deliver {
        id: id(1),
        from: did(3),
        to: did(4),
        payload: &*payload,
        content_type: Some("text/plain".into()),
        conversation_id: Some("c9".into()),
        reply_to: Some("https://relay.example/r".into()),
        extra: None,
    };
    let enqueue = Enqueue {
        id: id(1),
        to: did(4),
        payload: &payload,
        content_type: None,
        conversation_id: Some("c9".into()),
        reply_to: Some("https://relay.example/r".into()),
        signed: None,
    };
    let (ack_id, accepted, reason) = (id(2), false, Some("full".into()));
    for (frame, extra) in [
        (Frame::Heartbeat { id: id(1) }, &[][..]),
        (Frame::HeartbeatAck { ack_id }, &["ackId"]),
        (
            Frame::Deliver(deliver),
            &[
                "fromAgentDid",
                "toAgentDid",
                "payload",
                "contentType",
                "conversationId",
                "replyTo",
            ],
        ),
        (
            Frame::DeliverAck(DeliverAck {
                ack_id,
                accepted,
                reason: reason.clone(),
            }),
            &["ackId", "accepted", "reason"],
        ),
        (
            Frame::Enqueue(enqueue),
            &["toAgentDid", "payload", "conversationId", "replyTo"],
        ),
        (
            Frame::EnqueueAck(EnqueueAck {
                ack_id,
                accepted,
                reason,
                code: None,
                retryable: None,
            }),
            &["ackId", "accepted", "reason"],
        ),
    ] {
        assert_eq!(names(&frame), table(extra));
    }
}

#[test]
fn what_has_no_value_is_left_out_and_never_null() {
    let payload = RawValue::from_string("{}".to_owned()).unwrap();
    let bare = Deliver {
        id: id(1),
        from: did(3),
        to: did(4),
        payload: &*payload,
        content_type: None,
        conversation_id: None,
        reply_to: None,
        extra: None,
    };
    assert_eq!(
        names(&Frame::Deliver(bare)),
        table(&["fromAgentDid", "toAgentDid", "payload"])
    );
}

#[test]
fn frames_have_their_own_id_or_the_given_one_and_the_time() {
    let text = |frame: Frame<'_>| members(&frame.encode(id(9), NOW).unwrap());
    assert_eq!(text(Frame::Heartbeat { id: id(1) })["id"], json!(id(1)));
    assert_eq!(text(Frame::HeartbeatAck { ack_id: id(1) })["id"], json!(id(9)));
    assert_eq!(text(Frame::Heartbeat { id: id(1) })["ts"], "2026-11-21T06:44:32.775Z");
}

#[test]
fn a_negotiated_message_without_a_conversation_has_the_empty_lane() {
    let mut frame = sample("enqueue");
    frame.as_object_mut().unwrap().remove("lane");
    frame.as_object_mut().unwrap().remove("conversationId");
    assert_eq!(members(&rewritten(&frame.to_string()))["lane"], "");
}

// reasons

#[test]
fn the_reason_of_an_acknowledgement_is_made_to_fit() {
    assert_eq!(tidy_reason(" a\nb\u{1b}[31m ").as_deref(), Some("a b [31m"));
    assert_eq!(tidy_reason(" \n\u{7} "), None);
    assert_eq!(tidy_reason("ok").as_deref(), Some("ok"));
    let cut = tidy_reason(&"ä".repeat(1000)).unwrap().into_owned();
    assert_eq!(cut, "ä".repeat(limits::MAX_REASON_BYTES / 2));
}

#[test]
fn an_acknowledgement_with_an_odd_reason_is_still_an_answer() {
    for kind in ["deliver_ack", "enqueue_ack"] {
        for (reason, expected) in [
            ("a\nb".to_owned(), Some("a b".to_owned())),
            (" ".to_owned(), None),
            ("x".repeat(999), Some("x".repeat(280))),
        ] {
            let mut frame = sample(kind);
            frame["reason"] = json!(reason);
            let again = members(&rewritten(&frame.to_string()));
            assert_eq!(again.get("reason").and_then(Value::as_str).map(str::to_owned), expected);
        }
    }
}

#[test]
fn a_written_acknowledgement_has_a_reason_that_fits() {
    let ack = DeliverAck {
        ack_id: id(2),
        accepted: false,
        reason: Some("a\r\nb".into()),
    };
    assert_eq!(
        members(&Frame::DeliverAck(ack).encode(id(1), NOW).unwrap())["reason"],
        "a  b"
    );
}

#[test]
fn old_peers_say_processed_by_openclaw() {
    let mut frame = sample("receipt");
    frame["status"] = json!("processed_by_openclaw");
    let text = frame.to_string();
    let Ok(Frame::Receipt(Receipt { status, .. })) = Frame::parse(&text) else {
        panic!("{text}")
    };
    assert_eq!(status, ReceiptStatus::DeliveredToWebhook);
    assert_eq!(json!(status), status.as_str());
}

// the published client

#[test]
fn the_frames_of_the_published_client_are_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/clawdentity-cli-0.1.7.json");
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let frames = recorded["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 12);
    for frame in frames {
        let text = frame.as_str().unwrap();
        let mut expected = members(text);
        let mut again = members(&rewritten(text));
        // an acknowledgement gets an id of its own each time it is written
        for member in ["id", "ts"] {
            expected.remove(member);
            again.remove(member);
        }
        assert_eq!(again, expected);
    }
}

#[test]
fn the_examples_of_the_spec_are_read() {
    let enqueue = r#"{"type":"enqueue","v":1,"id":"01M7YDJXVYNP9TQJFVE171XZZJ","ts":"2026-11-21T06:44:32.775342348+00:00","toAgentDid":"did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD","payload":{"message":"hi"},"conversationId":"c9"}"#;
    let Ok(Frame::Enqueue(enqueue)) = Frame::parse(enqueue) else {
        panic!("{enqueue}")
    };
    assert_eq!(enqueue.payload.get(), r#"{"message":"hi"}"#);
    assert_eq!(enqueue.conversation_id.as_deref(), Some("c9"));
    let ack = r#"{"type":"deliver_ack","v":1,"id":"01M7YDJXVYNP9TQJFVE171XZZJ","ts":"2026-11-21T06:44:28.8+00:00","ackId":"01M7YDJXVYNP9TQJFVE171XZZJ","accepted":true}"#;
    assert!(matches!(
        Frame::parse(ack),
        Ok(Frame::DeliverAck(DeliverAck {
            accepted: true,
            reason: None,
            ..
        }))
    ));
}

// properties

fn word() -> impl Strategy<Value = String> {
    "[^\\p{Cc}\\p{Z}][^\\p{Cc}]{0,20}"
}

prop_compose! {
    fn enqueues()(to in 0..9_u8, conversation in prop::option::of(word()), content in prop::option::of(word()), signed in prop::option::of(word()), payload in "[0-9]{1,9}|\"[a-z😀 ]{0,9}\"|\\[ ?\\]")
        -> (u8, Option<String>, Option<String>, Option<String>, String) {
        (to, conversation, content, signed, if payload.starts_with('0') { "0".to_owned() } else { payload })
    }
}

proptest! {
    #[test]
    fn frames_are_read_without_panic(text in "\\PC*", json in "\\{(\"[a-zA-Z]{1,12}\":(\"\\PC{0,9}\"|[0-9]{1,3}|null|\\[\\]),?){0,9}\\}") {
        let _ = (Frame::parse(&text), Frame::parse(&json));
    }

    #[test]
    fn a_spoilt_frame_is_an_error_or_a_frame_that_is_written_and_read_again(which in 0..8_usize, at: prop::sample::Index, to in 32..127_u8) {
        let mut bytes = samples()[which].to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let text = String::from_utf8(bytes).unwrap();
        if let Ok(frame) = Frame::parse(&text) {
            let once = frame.encode(id(1), NOW).unwrap();
            prop_assert_eq!(rewritten(&once), once);
        }
    }

    #[test]
    fn what_is_written_is_read_back((to, conversation, content, signed, payload) in enqueues(), lane_seq in 1..u64::MAX, attempt in 1..u32::MAX) {
        let payload = RawValue::from_string(payload).unwrap();
        let enqueue = Frame::Enqueue(Enqueue {
            id: id(1),
            to: did(to),
            payload: &payload,
            content_type: content.as_deref().map(Into::into),
            conversation_id: conversation.as_deref().map(Into::into),
            reply_to: None,
            signed: signed.as_deref().map(|m| EnqueueSigned { message_id: m.into(), sent_at: NOW.to_rfc3339().into(), sig: sig() }),
        });
        let text = enqueue.encode(id(9), NOW).unwrap();
        prop_assert_eq!(rewritten(&text), text.as_str());
        let Ok(Frame::Enqueue(read)) = Frame::parse(&text) else { return Err(TestCaseError::fail(text)) };
        prop_assert_eq!(read.conversation_id.as_deref(), conversation.as_deref());
        prop_assert_eq!(read.content_type.as_deref(), content.as_deref());
        prop_assert_eq!(read.signed.map(|s| s.message_id.into_owned()), signed.clone());
        prop_assert_eq!(read.payload.get(), payload.get());
        let deliver = Frame::Deliver(Deliver {
            id: id(1),
            from: did(9),
            to: did(to),
            payload: &payload,
            content_type: content.as_deref().map(Into::into),
            conversation_id: conversation.as_deref().map(Into::into),
            reply_to: None,
            extra: signed.as_deref().map(|m| DeliverExtra { message_id: m.into(), lane_seq, attempt, sent_at: None, sig: None, from_ait: None }),
        });
        let text = deliver.encode(id(9), NOW).unwrap();
        prop_assert_eq!(rewritten(&text), text);
    }

    #[test]
    fn a_tidy_reason_is_tidy(text in "(\\PC|[\u{0}-\u{20}\u{7f}-\u{9f}]){0,400}") {
        if let Some(tidy) = tidy_reason(&text) {
            prop_assert!(!tidy.trim().is_empty() && tidy.len() <= limits::MAX_REASON_BYTES && !tidy.chars().any(char::is_control));
            prop_assert_eq!(tidy_reason(&tidy), Some(tidy.clone()));
        }
    }
}
