//! Frames of the harness WebSocket: what is said byte for byte, what is refused and how (signet spec 5, appendix B).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::ed25519::{SecretKey, Signature};
use chancery_signet_wire::{
    Class, Failure, Json, frame,
    frame::{
        Auth, AuthProblem, ClientFrame, CloseCode, Event, EventError, EventKind, Reconnect, Request, RequestKind,
        RequestProblem, Response, Sequenced, ServerFrame, ServerFrameError, proof_text,
    },
    limits,
};
use common::{Step, other_types, places, replaced, with_strangers, without};
use proptest::prelude::*;
use serde_json::{Value, json};

const TOKEN: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// `printf %s TOKEN | sha256sum`.
const TOKEN_SHA256: &str = "ea866a757e4c38babfa8127cbe9a409d3e1f93a00ff1488ff735fcf917afffd0";
const TIME: &str = "2026-11-21T06:44:10.789Z";

/// The eleven of the first protocol with all their members, and the two that came later.
fn events() -> Vec<Value> {
    let scopes = json!({"allow": ["send"], "deny": []});
    let uuid = "c56a4180-65aa-42ec-a945-5fd21dec0538";
    vec![
        json!({"type": "message.visible", "messageId": "msg_0000000000000001", "groupId": "conv_0000000000000002",
            "senderInboxId": "ab", "contentType": "xmtp.org/text:1.0", "content": {"text": "hi"}, "visibility": "visible",
            "sentAt": TIME, "sealId": "seal_0000000000000003", "threadId": "msg_0000000000000004"}),
        json!({"type": "message.revealed", "messageId": "msg_0000000000000001", "groupId": "conv_0000000000000002",
            "contentType": "xmtp.org/text:1.0", "content": {"text": "hi"}, "revealId": uuid}),
        json!({"type": "seal.stamped", "seal": {"chain": {}}}),
        json!({"type": "credential.issued", "credentialId": "cred_0000000000000005", "operatorId": "op_0000000000000006"}),
        json!({"type": "credential.expired", "credentialId": "cred_0000000000000005", "reason": "ttl"}),
        json!({"type": "credential.reauthorization_required", "credentialId": "cred_0000000000000005",
            "reason": "Material change: added: invite"}),
        json!({"type": "scopes.updated", "credentialId": "cred_0000000000000005", "permissions": scopes}),
        json!({"type": "agent.revoked", "revocation": {"reason": "owner-initiated"}}),
        json!({"type": "action.confirmation_required", "actionId": uuid, "actionType": "send_message", "preview": {}}),
        json!({"type": "heartbeat", "credentialId": "cred_0000000000000005", "timestamp": TIME}),
        json!({"type": "signet.recovery.complete", "caughtUpThrough": TIME}),
        json!({"type": "action.resolved", "actionId": uuid, "verdict": "approved", "data": {"messageId": "m"}}),
        json!({"type": "signet.shutdown", "reason": "update"}),
    ]
}

/// The seven of the first protocol, and those that came later.
fn requests() -> Vec<Value> {
    let id = "r1";
    vec![
        json!({"type": "send_message", "requestId": id, "groupId": "conv_0000000000000002",
            "contentType": "xmtp.org/text:1.0", "content": {"text": "ok"}}),
        json!({"type": "send_reaction", "requestId": id, "groupId": "conv_0000000000000002",
            "messageId": "msg_0000000000000001", "action": "added", "content": "👍"}),
        json!({"type": "send_reply", "requestId": id, "groupId": "conv_0000000000000002",
            "messageId": "msg_0000000000000001", "contentType": "xmtp.org/text:1.0", "content": {"text": "ok"}}),
        json!({"type": "update_scopes", "requestId": id, "allow": ["send"], "deny": ["invite"]}),
        json!({"type": "reveal_content", "requestId": id, "reveal": {"revealId": "x", "groupId": "conv_0000000000000002",
            "scope": "message", "targetId": "msg_0000000000000001", "requestedBy": "cred_0000000000000005",
            "expiresAt": TIME}}),
        json!({"type": "confirm_action", "requestId": id, "actionId": "c56a4180-65aa-42ec-a945-5fd21dec0538",
            "confirmed": false}),
        json!({"type": "heartbeat", "requestId": id, "credentialId": "cred_0000000000000005"}),
        json!({"type": "list_conversations", "requestId": id}),
        json!({"type": "get_conversation_info", "requestId": id, "groupId": "conv_0000000000000002"}),
        json!({"type": "list_members", "requestId": id, "groupId": "conv_0000000000000002"}),
        json!({"type": "read_history", "requestId": id, "groupId": "conv_0000000000000002",
            "before": "msg_0000000000000001", "limit": 20}),
        json!({"type": "ack", "requestId": id, "seq": 41}),
    ]
}

fn request(value: &Value) -> Result<(String, Request), RequestProblem> {
    Request::parse(&value.to_string())
}

fn failure(problem: RequestProblem) -> Failure {
    match problem {
        RequestProblem::Refused { request_id, failure } => {
            assert_eq!(request_id, "r1");
            failure
        }
        RequestProblem::Unanswerable => panic!("it has an id"),
    }
}

/// Members of free form: what is inside is for whoever reads them.
fn is_free(path: &[Step]) -> bool {
    let name = |step: &Step| match step {
        Step::Member(name) => name.clone(),
        Step::Item(_) => String::new(),
    };
    ["content", "seal", "revocation", "preview", "data"].contains(&name(&path[0]).as_str())
}

// ---- authentication

#[test]
fn a_first_frame_is_read_with_and_without_what_is_optional() {
    let auth = |value: Value| match ClientFrame::parse(&value.to_string()) {
        Ok(ClientFrame::Auth(auth)) => auth,
        other => panic!("{other:?}"),
    };
    for frame in [
        json!({"type": "auth", "token": TOKEN}),
        json!({"type": "auth", "token": TOKEN, "lastSeenSeq": null}),
    ] {
        let read = auth(frame);
        assert_eq!((read.token.reveal(), read.last_seen_seq), (TOKEN, None));
    }
    let proof = Signature::from_bytes([7; 64]);
    let read = auth(json!({"type": "auth", "token": TOKEN, "lastSeenSeq": 41, "lastSeenEpoch": "e1", "proof": proof}));
    assert_eq!(
        (read.last_seen_seq, read.last_seen_epoch.as_deref(), read.proof),
        (Some(41), Some("e1"), Some(proof))
    );
    assert_eq!(auth(serde_json::from_str(&read.encode().unwrap()).unwrap()), read);
    assert_eq!(
        ClientFrame::parse(r#"{"type":"challenge"}"#).unwrap(),
        ClientFrame::Challenge
    );
}

#[test]
fn what_is_no_first_frame_is_refused_without_saying_what_it_was() {
    for text in [
        "",
        "{",
        "hello",
        r#"{"type":"auth""#,
        "{} {}",
        r#"{"type":"auth","token":"a","token":"b"}"#,
    ] {
        assert_eq!(ClientFrame::parse(text), Err(AuthProblem::Json), "{text}");
    }
    for frame in [
        json!({}),
        json!([]),
        json!("auth"),
        json!({"type": "auth"}),
        json!({"token": TOKEN}),
        json!({"type": "heartbeat", "token": TOKEN}),
        json!({"type": "auth", "token": ""}),
        json!({"type": "auth", "token": 7}),
        json!({"type": "auth", "token": "x".repeat(limits::MAX_TOKEN_BYTES + 1)}),
        json!({"type": "auth", "token": TOKEN, "lastSeenSeq": -1}),
        json!({"type": "auth", "token": TOKEN, "lastSeenSeq": "41"}),
        json!({"type": "auth", "token": TOKEN, "lastSeenSeq": 1.5}),
        json!({"type": "auth", "token": TOKEN, "proof": "x"}),
        json!({"type": "auth", "token": TOKEN, "stranger": 1}),
        json!({"type": "challenge", "token": TOKEN}),
    ] {
        assert_eq!(
            ClientFrame::parse(&frame.to_string()),
            Err(AuthProblem::Frame),
            "{frame}"
        );
    }
    assert_eq!(AuthProblem::Json.to_string(), "Invalid JSON");
    assert_eq!(AuthProblem::Frame.to_string(), "Invalid auth frame");
}

#[test]
fn a_token_is_in_no_debug_text() {
    let auth = ClientFrame::parse(&json!({"type": "auth", "token": TOKEN}).to_string()).unwrap();
    assert!(!format!("{auth:?}").contains(&TOKEN[..8]));
}

#[test]
fn a_proof_is_of_use_for_one_token_on_one_connection() {
    let token = |text: &str| match ClientFrame::parse(&json!({"type": "auth", "token": text}).to_string()) {
        Ok(ClientFrame::Auth(Auth { token, .. })) => token,
        other => panic!("{other:?}"),
    };
    let key = SecretKey::from_seed(&[9; 32]);
    let text = proof_text("nonce", &token(TOKEN));
    assert_eq!(text, format!("CHANCERY-HARNESS-V1\nnonce\n{TOKEN_SHA256}"));
    let proof = key.sign(text.as_bytes());
    assert!(key.public().verify(text.as_bytes(), &proof).is_ok());
    for other in [
        proof_text("other", &token(TOKEN)),
        proof_text("nonce", &token("another")),
    ] {
        assert!(key.public().verify(other.as_bytes(), &proof).is_err());
    }
}

#[test]
fn the_answer_to_a_token_is_the_one_of_the_specification() {
    let text = format!(
        concat!(
            r#"{{"type":"authenticated","connectionId":"conn_1795243410251_6","#,
            r#""credential":{{"credentialId":"cred_0000000000000005","operatorId":"op_0000000000000006","#,
            r#""fingerprint":"sha256:{hash}","issuedAt":"{time}","expiresAt":"{time}"}},"#,
            r#""effectiveScopes":{{"allow":["send"],"deny":[]}},"resumedFromSeq":null}}"#
        ),
        hash = TOKEN_SHA256,
        time = TIME
    );
    let frame = ServerFrame::parse(&text).unwrap();
    let ServerFrame::Authenticated(authenticated) = &frame else {
        panic!("{frame:?}")
    };
    assert_eq!(authenticated.resumed_from_seq, None);
    assert_eq!(frame.encode().unwrap(), text);

    // what came later follows what was there
    let mut newer = authenticated.clone();
    newer.credential.id = Some(newer.credential.credential_id);
    newer.resumed_from_seq = Some(41);
    newer.stream_epoch = Some("e1".to_owned());
    newer.features = Some(frame::FEATURES.map(str::to_owned).to_vec());
    let expected = text
        .replace(r#""},"effective"#, r#"","id":"cred_0000000000000005"},"effective"#)
        .replace(
            r#""resumedFromSeq":null}"#,
            r#""resumedFromSeq":41,"streamEpoch":"e1","features":["epoch","history","idempotency","ack","proof"]}"#,
        );
    assert_eq!(ServerFrame::Authenticated(newer).encode().unwrap(), expected);
}

// ---- events

#[test]
fn there_are_the_eleven_events_of_the_specification_first() {
    let names: Vec<_> = Event::FIRST.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(
        names,
        [
            "message.visible",
            "message.revealed",
            "seal.stamped",
            "credential.issued",
            "credential.expired",
            "credential.reauthorization_required",
            "scopes.updated",
            "agent.revoked",
            "action.confirmation_required",
            "heartbeat",
            "signet.recovery.complete",
        ]
    );
    let samples: Vec<EventKind> = events()
        .iter()
        .map(|event| Event::parse(&event.to_string()).unwrap().kind())
        .collect();
    assert_eq!(samples, EventKind::ALL);
}

#[test]
fn an_event_is_written_and_read_as_the_same() {
    for (n, sample) in events().into_iter().enumerate() {
        let frame = json!({"seq": n + 1, "event": sample});
        let read = ServerFrame::parse(&frame.to_string()).unwrap();
        let text = read.encode().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), frame);
        assert_eq!(ServerFrame::parse(&text).unwrap(), read);
        assert_eq!(read.encode().unwrap(), text);
    }
}

#[test]
fn an_event_is_written_as_the_specification_shows_it() {
    let text = concat!(
        r#"{"seq":7,"event":{"type":"message.visible","messageId":"msg_0000000000000001","groupId":"conv_0000000000000002","#,
        r#""senderInboxId":"ab","contentType":"xmtp.org/text:1.0","content":{"text":"hi"},"visibility":"visible","#,
        r#""sentAt":"2026-11-21T06:44:10.789Z","sealId":null,"threadId":null}}"#
    );
    assert_eq!(ServerFrame::parse(text).unwrap().encode().unwrap(), text);
}

#[test]
fn content_is_passed_on_as_it_came() {
    for content in [r#"{"b":1,"a":1.0,"c":"\u00e9\/"}"#, "null", r#"[ 1 , 2 ]"#, "\"x\""] {
        let text = events()[0].to_string().replace(r#"{"text":"hi"}"#, content);
        let written = serde_json::to_string(&Event::parse(&text).unwrap()).unwrap();
        assert!(written.contains(&format!(r#""content":{content},"#)), "{written}");
    }
    let twice = events()[0]
        .to_string()
        .replace(r#"{"text":"hi"}"#, r#"{"text":"a","text":"b"}"#);
    assert!(Event::parse(&twice).is_err());
}

#[test]
fn an_event_without_one_of_its_members_is_refused_and_one_with_more_is_read() {
    for sample in events() {
        for path in places(&sample).into_iter().filter(|path| path.len() == 1) {
            let Step::Member(name) = &path[0] else { continue };
            let spoilt = without(&sample, &path);
            // what came to the first protocol later is optional
            let optional = sample["type"] == "action.resolved" && name == "data";
            assert_eq!(Event::parse(&spoilt.to_string()).is_ok(), optional, "{spoilt}");
        }
        let mut more = sample.clone();
        more["stranger"] = json!({"a": [1]});
        assert_eq!(
            Event::parse(&more.to_string()),
            Event::parse(&sample.to_string()),
            "{more}"
        );
    }
}

#[test]
fn an_event_with_a_member_of_another_type_is_refused() {
    for sample in events() {
        for path in places(&sample).into_iter().filter(|path| !is_free(path)) {
            let old = common::at(&mut sample.clone(), &path).clone();
            for other in other_types(&old) {
                let is_nullable = ["sealId", "threadId"]
                    .map(|name| Step::Member(name.to_owned()))
                    .contains(&path[0]);
                let spoilt = replaced(&sample, &path, other.clone());
                let is_fine = is_nullable && other.is_null();
                assert_eq!(Event::parse(&spoilt.to_string()).is_ok(), is_fine, "{spoilt}");
            }
        }
    }
}

#[test]
fn an_event_that_came_later_is_told_from_one_that_is_malformed() {
    assert_eq!(
        ServerFrame::parse(r#"{"seq":9,"event":{"type":"moon.full","phase":1}}"#),
        Err(ServerFrameError::Event {
            seq: 9,
            error: EventError::Unknown("moon.full".to_owned())
        })
    );
    let Err(EventError::Member { kind, refusal }) = Event::parse(
        r#"{"type":"scopes.updated","credentialId":"cred_0000000000000005","permissions":{"allow":["fly"],"deny":[]}}"#,
    ) else {
        panic!()
    };
    assert_eq!(
        (kind, refusal.field.as_str()),
        (EventKind::ScopesUpdated, "permissions.allow[0]")
    );
    for seq in ["0", "-1", "1.5", "\"1\"", "null"] {
        let text = format!(r#"{{"seq":{seq},"event":{}}}"#, events()[9]);
        assert!(ServerFrame::parse(&text).is_err(), "{text}");
    }
}

#[test]
fn what_is_sent_again_is_history() {
    let replayed = |visibility: &str| {
        let mut event = events()[0].clone();
        event["visibility"] = json!(visibility);
        let event = Event::parse(&event.to_string()).unwrap().replayed();
        serde_json::to_value(event).unwrap()["visibility"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(replayed("visible"), "historical");
    assert_eq!(replayed("historical"), "historical");
    assert_eq!(replayed("revealed"), "revealed");
    assert_eq!(replayed("redacted"), "redacted");
    for event in events().iter().skip(1) {
        let event = Event::parse(&event.to_string()).unwrap();
        assert_eq!(event.clone().replayed(), event);
    }
}

#[test]
fn a_recovery_says_what_is_lost_and_whether_to_begin_anew() {
    let text = format!(
        r#"{{"seq":44,"event":{{"type":"signet.recovery.complete","caughtUpThrough":"{TIME}","gap":{{"from":2,"to":9}},"reset":true}}}}"#
    );
    assert_eq!(ServerFrame::parse(&text).unwrap().encode().unwrap(), text);
}

// ---- requests

#[test]
fn there_are_the_seven_requests_of_the_specification_first() {
    let names: Vec<_> = RequestKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(
        names,
        [
            "send_message",
            "send_reaction",
            "send_reply",
            "update_scopes",
            "reveal_content",
            "confirm_action",
            "heartbeat",
            "list_conversations",
            "get_conversation_info",
            "list_members",
            "read_history",
            "ack",
        ]
    );
    let samples: Vec<_> = requests()
        .iter()
        .map(|sample| request(sample).unwrap().1.kind())
        .collect();
    assert_eq!(samples, RequestKind::ALL);
}

#[test]
fn a_request_is_written_and_read_as_the_same() {
    for mut sample in requests() {
        if sample["type"].as_str().unwrap().starts_with("send_") {
            assert!(request(&sample).is_ok());
            sample["idempotencyKey"] = json!("k-1");
        }
        let (id, read) = request(&sample).unwrap();
        assert_eq!(id, "r1");
        let text = read.encode(&id).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), sample);
        assert_eq!(Request::parse(&text).unwrap(), (id, read));
    }
}

#[test]
fn a_request_with_any_one_member_missing_strange_or_of_another_type_is_refused_with_its_place() {
    let optional = [
        ("update_scopes", "allow"),
        ("update_scopes", "deny"),
        ("read_history", "before"),
    ];
    for sample in requests() {
        let kind = sample["type"].as_str().unwrap();
        for path in places(&sample) {
            let Step::Member(name) = path.last().unwrap() else {
                continue;
            };
            let inside = path.len() > 1;
            if is_free(&path) && inside || name == "requestId" {
                continue;
            }
            if optional.contains(&(kind, name)) {
                assert!(request(&without(&sample, &path)).is_ok());
            } else {
                let failure = failure(request(&without(&sample, &path)).unwrap_err());
                assert_eq!(
                    (failure.class, failure.message.as_str()),
                    (Class::Validation, "Invalid request frame")
                );
                let context = failure.context.unwrap();
                let told = format!(
                    "{} {}",
                    context["field"].as_str().unwrap(),
                    context["reason"].as_str().unwrap()
                );
                assert!(told.contains(name.as_str()), "{name}: {told}");
            }
            let old = common::at(&mut sample.clone(), &path).clone();
            let is_content = is_free(&path) && kind != "send_reaction";
            let is_nullable = name == "expiresAt";
            for other in other_types(&old) {
                if is_content || is_nullable && other.is_null() {
                    continue;
                }
                let spoilt = replaced(&sample, &path, other);
                let failure = failure(request(&spoilt).unwrap_err());
                let field = failure.context.unwrap()["field"].as_str().unwrap().to_owned();
                let top = match &path[0] {
                    Step::Member(name) => name.clone(),
                    Step::Item(_) => String::new(),
                };
                assert!(field.starts_with(&top), "{spoilt}: {field}");
            }
        }
        for (path, spoilt) in with_strangers(&sample) {
            // content is free, and the policy's own shapes pass over what they do not know
            let ours = path.is_empty();
            if ours {
                let failure = failure(request(&spoilt).unwrap_err());
                assert!(
                    failure.context.unwrap()["reason"]
                        .as_str()
                        .unwrap()
                        .contains("stranger")
                );
            }
        }
    }
}

#[test]
fn a_request_that_cannot_be_answered_closes_the_connection() {
    for text in [
        "".to_owned(),
        "{".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        r#"{"type":"heartbeat","credentialId":"cred_0000000000000005"}"#.to_owned(),
        r#"{"type":"heartbeat","requestId":7}"#.to_owned(),
        r#"{"type":"heartbeat","requestId":null}"#.to_owned(),
        r#"{"type":"heartbeat","requestId":"a","requestId":"b"}"#.to_owned(),
        format!(
            r#"{{"type":"heartbeat","requestId":"{}"}}"#,
            "x".repeat(limits::MAX_REQUEST_ID_BYTES + 1)
        ),
    ] {
        assert_eq!(Request::parse(&text), Err(RequestProblem::Unanswerable), "{text}");
    }
}

#[test]
fn an_unknown_request_is_answered() {
    for sample in [
        json!({"requestId": "r1"}),
        json!({"type": 7, "requestId": "r1"}),
        json!({"type": "send_money", "requestId": "r1"}),
    ] {
        let failure = failure(request(&sample).unwrap_err());
        assert_eq!(
            (failure.class.code(), failure.message.as_str()),
            (1000, "Invalid request frame")
        );
        assert_eq!(failure.context.unwrap()["field"], "type");
    }
}

#[test]
fn nulls_are_no_absence() {
    for (kind, member) in [
        ("update_scopes", "allow"),
        ("read_history", "before"),
        ("send_message", "idempotencyKey"),
    ] {
        let mut sample = requests().into_iter().find(|r| r["type"] == kind).unwrap();
        sample[member] = json!(null);
        assert_eq!(failure(request(&sample).unwrap_err()).context.unwrap()["field"], member);
    }
}

#[test]
fn the_deepest_place_is_named() {
    let mut sample = requests()[4].clone();
    sample["reveal"]["scope"] = json!("everything");
    let context = failure(request(&sample).unwrap_err()).context.unwrap();
    assert!(context["field"].as_str().unwrap().starts_with("reveal"), "{context:?}");
    let mut sample = requests()[3].clone();
    sample["allow"] = json!(["send", "fly"]);
    let context = failure(request(&sample).unwrap_err()).context.unwrap();
    assert_eq!(context["field"], "allow[1]");
}

// ---- answers, and the rest

#[test]
fn answers_are_those_of_the_specification() {
    let data = concat!(
        r#"{"messageId":"msg_0000000000000001","groupId":"conv_0000000000000002","sentAt":"2026-11-21T06:44:10.789Z","#,
        r#""provenance":{"credentialId":"cred_0000000000000005","operatorId":"op_0000000000000006","#,
        r#""sealRef":"seal_0000000000000003","sealSignature":"AA=="}}"#
    );
    let result: frame::SendResult = serde_json::from_str(data).unwrap();
    assert_eq!(serde_json::to_string(&result).unwrap(), data);
    let frame = ServerFrame::Response(Response::Success {
        request_id: "r1".to_owned(),
        data: Json::of(&result).unwrap(),
    });
    assert_eq!(
        frame.encode().unwrap(),
        format!(r#"{{"ok":true,"requestId":"r1","data":{data}}}"#)
    );
    assert_eq!(ServerFrame::parse(&frame.encode().unwrap()).unwrap(), frame);

    let frame = ServerFrame::Response(Response::Failure {
        request_id: "r1".to_owned(),
        failure: Failure::new(Class::Permission, "no"),
    });
    let text =
        r#"{"ok":false,"requestId":"r1","error":{"code":1200,"category":"permission","message":"no","context":null}}"#;
    assert_eq!(frame.encode().unwrap(), text);
    assert_eq!(ServerFrame::parse(text).unwrap(), frame);

    let frame = ServerFrame::Response(Response::Success {
        request_id: "r1".to_owned(),
        data: Json::null(),
    });
    assert_eq!(frame.encode().unwrap(), r#"{"ok":true,"requestId":"r1","data":null}"#);
    for text in [
        r#"{"ok":true,"requestId":"r1"}"#,
        r#"{"ok":false,"requestId":"r1","data":1}"#,
        r#"{"ok":true,"data":1}"#,
        r#"{"ok":true,"requestId":"r1","data":1,"error":{"code":1200,"category":"permission","message":"no","context":null}}"#,
        r#"{"ok":true,"requestId":"r1","data":1,"data":2}"#,
    ] {
        assert!(ServerFrame::parse(text).is_err(), "{text}");
    }
}

#[test]
fn held_sends_and_withdrawn_actions_are_told_as_the_specification_has_it() {
    let text = r#"{"pending":true,"actionId":"c56a4180-65aa-42ec-a945-5fd21dec0538"}"#;
    let held: frame::SendHeld = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&held).unwrap(), text);
    let text = r#"{"denied":true,"actionId":"c56a4180-65aa-42ec-a945-5fd21dec0538"}"#;
    let denied: frame::ActionDenied = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&denied).unwrap(), text);
}

#[test]
fn what_later_requests_answer_names_chats_by_our_ids() {
    let message = events()[0].clone();
    let conversation = json!({"groupId": "conv_0000000000000002", "name": "n", "description": "", "createdAt": TIME,
        "memberCount": 3});
    let same = |value: &Value, back: Value| assert_eq!(*value, back);
    let list = json!({"conversations": [conversation]});
    same(
        &list,
        json!(serde_json::from_value::<frame::ConversationList>(list.clone()).unwrap()),
    );
    let members = json!({"groupId": "conv_0000000000000002", "members": [{"inboxId": "ab", "role": "super_admin"}]});
    same(
        &members,
        json!(serde_json::from_value::<frame::ConversationMembers>(members.clone()).unwrap()),
    );
    let mut bare = message.clone();
    bare.as_object_mut().unwrap().remove("type");
    let history = json!({"groupId": "conv_0000000000000002", "messages": [bare], "hasMore": false});
    same(
        &history,
        json!(serde_json::from_value::<frame::History>(history.clone()).unwrap()),
    );
    let polled = json!({"events": [{"seq": 1, "event": message}], "streamEpoch": "e", "gap": {"from": 1, "to": 2}});
    same(
        &polled,
        json!(serde_json::from_value::<frame::EventList>(polled.clone()).unwrap()),
    );
    let raw = json!({"groupId": "ab".repeat(32), "name": "n", "description": "", "createdAt": TIME});
    assert!(serde_json::from_value::<frame::ConversationInfo>(raw).is_err());
}

#[test]
fn backpressure_and_auth_errors_are_those_of_the_specification() {
    for text in [
        r#"{"type":"backpressure","buffered":64,"limit":256}"#,
        r#"{"type":"auth_error","code":4001,"message":"Auth failed"}"#,
        r#"{"type":"challenge","nonce":"n"}"#,
    ] {
        let frame = ServerFrame::parse(text).unwrap();
        assert_eq!(frame.encode().unwrap(), text);
        for path in places(&serde_json::from_str(text).unwrap()) {
            let spoilt = without(&serde_json::from_str(text).unwrap(), &path);
            assert!(ServerFrame::parse(&spoilt.to_string()).is_err(), "{spoilt}");
        }
    }
}

#[test]
fn close_codes_say_whether_to_come_back() {
    let table = [
        (1000, Reconnect::No),
        (1001, Reconnect::Yes),
        (1008, Reconnect::Backoff),
        (4001, Reconnect::No),
        (4002, Reconnect::No),
        (4003, Reconnect::No),
        (4004, Reconnect::No),
        (4005, Reconnect::NewToken),
        (4008, Reconnect::Yes),
        (4009, Reconnect::No),
        (4010, Reconnect::Yes),
    ];
    let ours = CloseCode::ALL.map(|close| (close.code(), close.reconnect()));
    assert_eq!(ours, table);
    for (code, _) in table {
        assert_eq!(CloseCode::from_code(code).map(CloseCode::code), Some(code));
    }
    assert_eq!(CloseCode::from_code(1006), None);
}

/// Appendix B, from the reconnect to the reauthorisation.
#[test]
fn the_worked_exchange_is_spoken_by_these_types() {
    let auth = format!(r#"{{"type":"auth","token":"{TOKEN}","lastSeenSeq":41}}"#);
    assert!(matches!(
        ClientFrame::parse(&auth),
        Ok(ClientFrame::Auth(Auth {
            last_seen_seq: Some(41),
            ..
        }))
    ));
    let history = events()[0]
        .to_string()
        .replace(r#""visibility":"visible""#, r#""visibility":"historical""#);
    let reauthorize = r#"{"type":"credential.reauthorization_required","credentialId":"cred_0000000000000005","reason":"Material change: added: invite"}"#;
    for (seq, event) in [
        (42, history),
        (43, events()[6].to_string()),
        (44, events()[10].to_string()),
        (45, reauthorize.to_owned()),
    ] {
        let frame = ServerFrame::parse(&format!(r#"{{"seq":{seq},"event":{event}}}"#)).unwrap();
        assert!(matches!(frame, ServerFrame::Sequenced(Sequenced { seq: n, .. }) if n == seq));
    }
    assert_eq!(CloseCode::Reauthorize.code(), 4005);
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC*", json in "[\\[\\]{}\",:0-9a-z\\\\. -]{0,60}") {
        for text in [&text, &json] {
            let _ = (ClientFrame::parse(text), Request::parse(text), ServerFrame::parse(text), Event::parse(text));
        }
    }

    /// Spoilt samples are read, or refused; what is read is written and read as the same.
    #[test]
    fn spoilt_frames_are_answered(
        sample in prop::sample::select(requests()),
        at: prop::sample::Index,
        with in "[\\[\\]{}\",:0-9a-z\\\\. -]{0,6}",
        cut in 0..9_usize,
    ) {
        let mut text: Vec<char> = sample.to_string().chars().collect();
        let from = at.index(text.len() + 1);
        let to = (from + cut).min(text.len());
        text.splice(from..to, with.chars());
        let text: String = text.into_iter().collect();
        if let Ok((id, request)) = Request::parse(&text) {
            prop_assert_eq!(Request::parse(&request.encode(&id).unwrap()).unwrap(), (id, request));
        }
    }
}
