//! The codec against what official SDKs wrote (`vectors/xmtp-content.json`) and what Convos wrote (`vectors/signet.json`).

use chancery_base::b64;
use chancery_signet::network::{Content, NetworkError};
use chancery_xmtp_wire::{
    content::{Compression, ContentTypeId, EncodedContent},
    convos::ProfileMessage,
};
use serde_json::{Value, json};

use super::{MAX_CONTENT, UNREADABLE, read, write};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../../vectors/xmtp-content.json")).unwrap()
}

fn convos(name: &str) -> String {
    let vectors: Value = serde_json::from_str(include_str!("../../../../../vectors/signet.json")).unwrap();
    vectors["convos"][name].as_str().unwrap().to_owned()
}

fn unhex(value: &Value) -> Vec<u8> {
    chancery_base::hex::decode(value.as_str().unwrap()).unwrap()
}

/// What the signet is to see of a value that was given to an SDK (signet spec 3).
fn expected(kind: &str, value: &Value) -> Option<(&'static str, Value)> {
    let word = |value: &Value, words: [&str; 3]| match value {
        Value::Number(number) => {
            let index = usize::try_from(number.as_u64().unwrap()).unwrap().checked_sub(1)?;
            Some(json!(words[index]))
        }
        word => Some(word.clone()),
    };
    Some(match kind {
        "text" => ("xmtp.org/text:1.0", json!({ "text": value })),
        "markdown" => ("xmtp.org/markdown:1.0", json!({ "text": value })),
        "readReceipt" => ("xmtp.org/readReceipt:1.0", json!({})),
        "leaveRequest" => ("xmtp.org/leave_request:1.0", json!({})),
        "reaction" | "legacyReaction" => {
            let mut body = value.clone();
            body["action"] = word(&value["action"], ["added", "removed", ""])?;
            body["schema"] = word(&value["schema"], ["unicode", "shortcode", "custom"])?;
            if body["referenceInboxId"] == "" {
                body.as_object_mut().unwrap().remove("referenceInboxId");
            }
            ("xmtp.org/reaction:1.0", body)
        }
        "reply" => {
            let inner = &value["content"];
            let nested = match inner["type"]["typeId"].as_str().unwrap() {
                "text" => json!({ "type": "xmtp.org/text:1.0", "payload": { "text": "Hi" } }),
                _ => json!({ "type": "xmtp.org/reaction:1.0", "payload": {
                    "reference": "cd".repeat(32),
                    "referenceInboxId": "ab".repeat(32),
                    "action": "added",
                    "content": "👍",
                    "schema": "unicode",
                } }),
            };
            let mut body = value.clone();
            body["content"] = nested;
            ("xmtp.org/reply:1.0", body)
        }
        "attachment" => {
            let mut body = value.clone();
            let content = unhex(&body["content"]["hex"]);
            body.as_object_mut().unwrap().remove("content");
            body["data"] = json!(b64::encode_standard(content));
            ("xmtp.org/attachment:1.0", body)
        }
        "remoteAttachment" => ("xmtp.org/remoteStaticAttachment:1.0", remote(value)),
        "multiRemoteAttachment" => {
            let files: Vec<_> = value["attachments"].as_array().unwrap().iter().map(remote).collect();
            (
                "xmtp.org/multiRemoteStaticAttachment:1.0",
                json!({ "attachments": files }),
            )
        }
        "transactionReference" => ("xmtp.org/transactionReference:1.0", value.clone()),
        "walletSendCalls" => ("xmtp.org/walletSendCalls:1.0", value.clone()),
        other => panic!("{other}"),
    })
}

fn remote(value: &Value) -> Value {
    let mut file = value.clone();
    for field in ["secret", "salt", "nonce"] {
        file[field] = file[field]["hex"].take();
    }
    file
}

/// Amounts of money are floating point numbers in the client, which compare unequal to the integers of the SDK.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (a, b) => a == b,
    }
}

#[test]
fn what_official_sdks_wrote_is_read_as_the_signet_has_it() {
    let mut seen = 0;
    for case in vectors()["cases"].as_array().unwrap() {
        let encoded = EncodedContent::parse(unhex(&case["encoded"]).into()).unwrap();
        let content = read(&encoded);
        match expected(case["type"].as_str().unwrap(), &case["value"]) {
            Some((name, body)) => {
                assert_eq!(content.content_type, name);
                assert!(same(&content.body, &body), "{} for {case}", content.body);
            }
            // a reaction that neither adds nor removes
            None => assert_eq!(content.content_type, UNREADABLE),
        }
        seen += 1;
    }
    assert_eq!(seen, 29);
}

#[test]
fn what_is_written_official_sdks_wrote() {
    for case in vectors()["cases"].as_array().unwrap() {
        let kind = case["type"].as_str().unwrap();
        let Some((name, body)) = expected(kind, &case["value"]) else {
            continue;
        };
        let written = write(&Content {
            content_type: name.to_owned(),
            body,
        });
        // leaving is a change, empty text is none, and reactions are written as of version 2
        if kind == "leaveRequest" || case["value"] == "" {
            assert!(matches!(written, Err(NetworkError::Invalid(_))), "{case}");
            continue;
        }
        let mut written = written.unwrap();
        if kind == "legacyReaction" {
            assert_eq!(written.content_type.to_string(), "xmtp.org/reaction:2.0");
            continue;
        }
        if kind == "reply" {
            // SDK 4.6.0 wrote no words there
            assert!(written.fallback.take().is_some());
        }
        assert_eq!(
            written,
            EncodedContent::parse(unhex(&case["encoded"]).into()).unwrap(),
            "{case}"
        );
    }
}

fn encoded(name: &str, bytes: impl Into<bytes::Bytes>) -> EncodedContent {
    EncodedContent::new(name.parse::<ContentTypeId>().unwrap(), bytes)
}

#[test]
fn what_convos_wrote_is_read_and_written_again() {
    let profiles = [
        (
            "profileUpdateNameAgent",
            json!({ "name": "Alice", "memberKind": "agent" }),
        ),
        (
            "profileUpdateMeta",
            json!({ "name": "Alice", "memberKind": "agent", "metadata": { "a": "x", "b": 1.5, "c": true } }),
        ),
        (
            "profileUpdateEncryptedImage",
            json!({ "encryptedImage": { "url": "https://x/y", "salt": "AQI=", "nonce": "AwQ=" } }),
        ),
        (
            "profileSnapshot",
            json!({ "profiles": {
                "ab".repeat(32): { "name": "Alice", "memberKind": "agent" },
                "cd".repeat(32): {},
            } }),
        ),
    ];
    for (vector, body) in profiles {
        let name = match vector {
            "profileSnapshot" => "convos.org/profile_snapshot:1.0",
            _ => "convos.org/profile_update:1.0",
        };
        let theirs = encoded(name, unhex(&json!(convos(vector))));
        let content = read(&theirs);
        assert_eq!(
            (content.content_type.as_str(), &content.body),
            (name, &body),
            "{vector}"
        );
        // maps have no order on the wire, so what was written is compared as it is read
        let ours = write(&content).unwrap();
        assert_eq!(
            ProfileMessage::decode(&ours),
            ProfileMessage::decode(&theirs),
            "{vector}"
        );
    }
    for (vector, name, fallback) in [
        ("joinRequest", "convos.org/join_request:1.0", Some("SLUG")),
        ("joinError", "convos.app/inviteJoinError:1.0", None),
    ] {
        let text = convos(vector);
        let content = read(&encoded(name, text.clone()));
        assert_eq!(content.content_type, name);
        assert_eq!(content.body, serde_json::from_str::<Value>(&text).unwrap());
        let ours = write(&content).unwrap();
        assert_eq!((ours.content, ours.fallback.as_deref()), (text.into(), fallback));
    }
}

#[test]
fn other_names_of_a_type_are_read_as_its_one_name() {
    let error = convos("joinError");
    for name in ["convos.org/invite_join_error:1.0", "convos.app/inviteJoinError:1.2"] {
        let content = read(&encoded(name, error.clone()));
        assert_eq!(content.content_type, "convos.app/inviteJoinError:1.0");
        assert_eq!(content.body["inviteTag"], "t");
    }
    let receipt = read(&encoded("xmtp.org/readReceipt:1.7", ""));
    assert_eq!(
        (receipt.content_type.as_str(), receipt.body),
        ("xmtp.org/readReceipt:1.0", json!({}))
    );
}

#[test]
fn a_change_of_a_group_has_the_four_fields_always() {
    // as a client writes it that follows the protobuf definitions: initiated by "a", "b" added, the name set
    let bytes = b"\x0a\x01a\x12\x03\x0a\x01b\x22\x11\x0a\x0agroup_name\x1a\x03new".to_vec();
    let content = read(&encoded("xmtp.org/group_updated:1.0", bytes));
    assert_eq!(content.content_type, "xmtp.org/groupUpdated:1.0");
    let expected = json!({
        "initiatedByInboxId": "a",
        "addedInboxes": [{ "inboxId": "b" }],
        "removedInboxes": [],
        "metadataFieldsChanged": [{ "fieldName": "group_name", "oldValue": null, "newValue": "new" }],
    });
    assert_eq!(content.body, expected);
    // it is made of commits by whoever receives them
    assert!(matches!(write(&content), Err(NetworkError::Invalid(_))));
}

#[test]
fn what_is_unknown_keeps_its_name_and_shows_its_fallback() {
    let mut unknown = encoded("example.org/thing:2.3", "secret bytes");
    let content = read(&unknown);
    assert_eq!(
        (content.content_type.as_str(), content.body),
        ("example.org/thing:2.3", json!({}))
    );
    unknown.fallback = Some("a thing".to_owned());
    assert_eq!(read(&unknown).body, json!({ "fallback": "a thing" }));
    // a later version is another type
    assert_eq!(
        read(&encoded("xmtp.org/text:2.0", "?")).content_type,
        "xmtp.org/text:2.0"
    );
}

#[test]
fn what_is_not_what_its_type_demands_goes_under_no_trusted_name() {
    let mut wrong_text = encoded("xmtp.org/text:1.0", vec![0xff, 0xfe]);
    wrong_text.fallback = Some("said".to_owned());
    let mut bomb = encoded("xmtp.org/agentSeal:1.0", "not deflated");
    bomb.compression = Some(Compression::Gzip);
    let cases = [
        wrong_text,
        bomb,
        encoded("xmtp.org/reaction:2.0", vec![0xff]),
        encoded("xmtp.org/reaction:1.0", "{"),
        encoded("xmtp.org/reply:1.0", ""),
        encoded("xmtp.org/agentSeal:1.0", "[]"),
        encoded("xmtp.org/agentSeal:1.0", r#"{"chain":{},"chain":{}}"#),
        encoded("xmtp.org/agentSeal:1.0", "\"not an object\""),
        encoded("convos.org/profile_update:1.0", vec![0xff]),
        encoded("XMTP.org/text:1.0", "text"),
        encoded("xmtp.org/te xt:1.0", "text"),
    ];
    for case in cases {
        let content = read(&case);
        assert_eq!(content.content_type, UNREADABLE, "{case:?}");
        let fallback = case.fallback.map_or(json!({}), |text| json!({ "fallback": text }));
        assert_eq!(content.body, fallback);
    }
}

#[test]
fn a_seal_is_canonical_json_and_is_also_read_from_a_string() {
    let body = json!({ "contentType": "xmtp.org/agentSeal:1.0", "chain": { "b": 1, "a": [] }, "algorithm": "Ed25519" });
    let content = Content {
        content_type: "xmtp.org/agentSeal:1.0".to_owned(),
        body,
    };
    let written = write(&content).unwrap();
    let canonical = r#"{"algorithm":"Ed25519","chain":{"a":[],"b":1},"contentType":"xmtp.org/agentSeal:1.0"}"#;
    assert_eq!(written.content, canonical);
    assert_eq!(written.content_type.to_string(), "xmtp.org/agentSeal:1.0");
    assert!(written.fallback.is_some());
    assert_eq!(read(&written), content);
    let quoted = serde_json::to_string(canonical).unwrap();
    assert_eq!(read(&encoded("xmtp.org/agentSeal:1.0", quoted)), content);
}

#[test]
fn replies_in_replies_end_somewhere() {
    let reply = |content: Value| json!({ "reference": "ab".repeat(32), "content": content });
    let mut nested = json!({ "type": "xmtp.org/text:1.0", "payload": { "text": "deep" } });
    for depth in 0..8 {
        let body = reply(nested.clone());
        let written = write(&Content {
            content_type: "xmtp.org/reply:1.0".to_owned(),
            body: body.clone(),
        });
        assert_eq!(written.is_ok(), depth < 4, "{depth}");
        if let Ok(written) = written {
            assert_eq!(read(&written).body, body);
        }
        nested = json!({ "type": "xmtp.org/reply:1.0", "payload": body });
    }
    // of somebody who does not stop there
    let mut deep = encoded("xmtp.org/text:1.0", "deep");
    for _ in 0..100 {
        let bytes = deep.encode();
        deep = encoded("xmtp.org/reply:1.0", bytes);
    }
    let mut shown = read(&deep).body;
    let mut depth = 0;
    while shown.get("content").is_some() {
        shown = shown["content"]["payload"].take();
        depth += 1;
    }
    assert_eq!((shown, depth), (json!({}), 4));
}

#[test]
fn what_nobody_could_read_is_not_written() {
    let cases = [
        ("text", json!({ "text": "x" })),
        ("xmtp.org/text:1.0", json!("x")),
        ("xmtp.org/text:1.0", json!({ "text": "x", "more": 1 })),
        ("xmtp.org/text:1.0", json!({ "text": "x".repeat(MAX_CONTENT) })),
        ("xmtp.org/text:2.0", json!({ "text": "x" })),
        (
            "xmtp.org/reaction:1.0",
            json!({ "reference": "a", "content": "x", "action": "added" }),
        ),
        (
            "xmtp.org/reaction:1.0",
            json!({ "reference": "a", "content": "x", "action": "twice", "schema": "unicode" }),
        ),
        (
            "xmtp.org/attachment:1.0",
            json!({ "mimeType": "a/b", "data": "no base64!" }),
        ),
        ("xmtp.org/agentSeal:1.0", json!("{}")),
        (
            "convos.org/profile_snapshot:1.0",
            json!({ "profiles": { "nobody": {} } }),
        ),
        ("example.org/thing:1.0", json!({ "fallback": "a thing" })),
        (UNREADABLE, json!({})),
    ];
    for (name, body) in cases {
        let written = write(&Content {
            content_type: name.to_owned(),
            body: body.clone(),
        });
        assert!(matches!(written, Err(NetworkError::Invalid(_))), "{name}");
    }
}
