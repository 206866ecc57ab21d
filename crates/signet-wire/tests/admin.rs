//! The admin socket: JSON-RPC frames and codes (signet spec 5.8).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_signet_wire::{
    ActionResult, Class, Failure, Json,
    admin::{AdminAuth, ApprovalNeeded, EventParams, Notification, RpcId, RpcRequest, RpcResponse, Subscribe},
    limits,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn parse(value: &Value) -> Result<RpcRequest, RpcResponse> {
    RpcRequest::parse(&value.to_string())
}

fn meta() -> Value {
    json!({"requestId": "c56a4180-65aa-42ec-a945-5fd21dec0538", "timestamp": "2026-01-01T00:00:00.000Z", "durationMs": 3})
}

#[test]
fn the_first_line_is_a_token_or_it_is_answered_with_what_was_expected() {
    let auth = AdminAuth::parse(r#"{"type":"admin_auth","token":"a.b.c"}"#).unwrap();
    assert_eq!(auth.token.as_ref().unwrap().reveal(), "a.b.c");
    assert!(!format!("{auth:?}").contains("a.b.c"));
    assert_eq!(AdminAuth::parse(&auth.encode().unwrap()).unwrap(), auth);
    // for whom the kernel vouches
    let auth = AdminAuth::parse(r#"{"type":"admin_auth"}"#).unwrap();
    assert_eq!(auth.token, None);
    assert_eq!(auth.encode().unwrap(), r#"{"type":"admin_auth"}"#);
    for line in [
        "",
        "{",
        "[]",
        r#"{"type":"admin_auth","token":null}"#,
        r#"{"token":"a.b.c"}"#,
        r#"{"type":"auth","token":"a.b.c"}"#,
        r#"{"type":"admin_auth","token":7}"#,
        r#"{"type":"admin_auth","token":""}"#,
        r#"{"type":"admin_auth","token":"a","token":"b"}"#,
        r#"{"type":"admin_auth","token":"a","stranger":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"operator.list"}"#,
    ] {
        assert_eq!(AdminAuth::parse(line), None, "{line}");
    }
    assert_eq!(
        serde_json::to_string(&RpcResponse::expected_auth()).unwrap(),
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Expected admin_auth frame as first message"}}"#
    );
    assert_eq!(
        serde_json::to_string(&RpcResponse::authenticated().unwrap()).unwrap(),
        r#"{"jsonrpc":"2.0","result":{"authenticated":true}}"#
    );
}

#[test]
fn a_request_is_written_and_read_as_the_same() {
    for id in [json!(1), json!("one"), json!(-1), json!(1.5)] {
        let line = json!({"jsonrpc": "2.0", "id": id, "method": "operator.list", "params": {"a": [1, null]}});
        let request = parse(&line).unwrap();
        assert_eq!(serde_json::to_value(&request.id).unwrap(), id);
        assert_eq!(request.method, "operator.list");
        assert_eq!(serde_json::from_str::<Value>(&request.encode().unwrap()).unwrap(), line);
    }
    assert!(
        parse(&json!({"jsonrpc": "2.0", "id": 1, "method": "operator.list"}))
            .unwrap()
            .params
            .is_empty()
    );
}

#[test]
fn what_is_no_request_has_the_code_of_json_rpc_and_the_id_if_there_is_one() {
    let answer = |line: &str| serde_json::to_value(RpcRequest::parse(line).unwrap_err()).unwrap();
    for line in [
        "",
        "{",
        "nonsense",
        "{} {}",
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#,
    ] {
        let answer = answer(line);
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(-32700), &json!(null)),
            "{line}"
        );
    }
    for (line, id) in [
        (json!([]), json!(null)),
        (json!(7), json!(null)),
        (json!({}), json!(null)),
        (json!({"jsonrpc": "2.0", "method": "x"}), json!(null)),
        (json!({"jsonrpc": "2.0", "id": null, "method": "x"}), json!(null)),
        (json!({"jsonrpc": "2.0", "id": true, "method": "x"}), json!(null)),
        (
            json!({"jsonrpc": "2.0", "id": "x".repeat(limits::MAX_REQUEST_ID_BYTES + 1), "method": "x"}),
            json!(null),
        ),
        (json!({"id": 1, "method": "x"}), json!(1)),
        (json!({"jsonrpc": "1.0", "id": 1, "method": "x"}), json!(1)),
        (json!({"jsonrpc": "2.0", "id": "a"}), json!("a")),
        (json!({"jsonrpc": "2.0", "id": 1, "method": 7}), json!(1)),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "x", "params": []}),
            json!(1),
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "x", "params": null}),
            json!(1),
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "x", "stranger": 1}),
            json!(1),
        ),
    ] {
        let answer = answer(&line.to_string());
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(-32600), &id),
            "{line}"
        );
        assert!(answer["error"].get("data").is_none());
    }
    let answer = serde_json::to_value(RpcResponse::method_not_found(RpcId::Text("a".to_owned()))).unwrap();
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32601), &json!("a")));
}

#[test]
fn a_success_is_the_whole_envelope_and_a_failure_an_error() {
    let id = || RpcId::Number(1.into());
    let success: ActionResult = serde_json::from_value(json!({"ok": true, "data": [1], "meta": meta()})).unwrap();
    let answer = RpcResponse::answer(id(), success).unwrap();
    let value = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        value,
        json!({"jsonrpc": "2.0", "id": 1, "result": {"ok": true, "data": [1], "meta": meta()}})
    );
    assert_eq!(serde_json::from_value::<RpcResponse>(value).unwrap(), answer);

    let failure = ActionResult::Failure {
        failure: Failure::not_found("operator", "op_1"),
        meta: serde_json::from_value(meta()).unwrap(),
    };
    let answer = RpcResponse::answer(id(), failure).unwrap();
    let value = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        value,
        json!({"jsonrpc": "2.0", "id": 1, "error": {
            "code": -32007,
            "message": "operator 'op_1' not found",
            "data": {"_tag": "NotFoundError", "code": 1100, "category": "not_found", "name": "NotFoundError",
                "context": {"resourceType": "operator", "resourceId": "op_1"}}}})
    );
    assert_eq!(serde_json::from_value::<RpcResponse>(value).unwrap(), answer);
    let bad_token = RpcResponse::failure(None, Failure::new(Class::Auth, "no"));
    assert_eq!(serde_json::to_value(&bad_token).unwrap()["id"], json!(null));
}

#[test]
fn events_are_notifications() {
    let text = concat!(
        r#"{"jsonrpc":"2.0","method":"event","params":{"subscriptionId":"c56a4180-65aa-42ec-a945-5fd21dec0538","#,
        r#""credentialId":"cred_0000000000000005","seq":7,"occurredAt":"2026-01-01T00:00:00.000Z","#,
        r#""event":{"type":"signet.shutdown","reason":"update"}}}"#
    );
    let notification: Notification = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&notification).unwrap(), text);
    let params = EventParams {
        event: Json::of(&json!({"type": "x"})).unwrap(),
        ..notification.params
    };
    assert!(
        serde_json::to_string(&Notification::event(params))
            .unwrap()
            .starts_with(r#"{"jsonrpc":"2.0","method":"event","#)
    );
}

#[test]
fn a_subscription_is_to_all_or_to_what_it_names() {
    for input in [
        json!({}),
        json!({"types": ["message.visible", "action.confirmation_required"]}),
        json!({"credentialId": "cred_0eda"}),
    ] {
        let read: Subscribe = serde_json::from_value(input.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), input);
    }
    for input in [
        json!({"types": []}),
        json!({"types": ["x"]}),
        json!({"types": null}),
        json!({"a": 1}),
        json!([]),
    ] {
        assert!(serde_json::from_value::<Subscribe>(input.clone()).is_err(), "{input}");
    }
}

proptest! {
    #[test]
    fn any_line_is_answered(line in "\\PC*", json in "[\\[\\]{}\",:0-9a-z\\\\. -]{0,60}") {
        for line in [&line, &json] {
            let _ = (AdminAuth::parse(line), RpcRequest::parse(line), serde_json::from_str::<RpcResponse>(line));
        }
    }
}

#[test]
fn what_waits_for_the_owner_is_in_the_context_of_a_permission_failure() {
    let needed = ApprovalNeeded {
        request: Json::of(&json!({"id": "00ff"})).unwrap(),
        root: Json::of(&json!({"platform": "software-vault"})).unwrap(),
    };
    let failure = needed.failure().unwrap();
    assert_eq!(failure.class, Class::Permission);
    let answer = RpcResponse::failure(Some(RpcId::Number(1.into())), failure.clone());
    let written = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        written["error"]["data"]["context"],
        json!({"approval": {"request": {"id": "00ff"}, "root": {"platform": "software-vault"}}})
    );
    assert_eq!(ApprovalNeeded::of(&failure), Some(needed));
    assert_eq!(ApprovalNeeded::of(&Failure::new(Class::Permission, "no")), None);
}
