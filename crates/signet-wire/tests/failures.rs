//! One table of classes and categories, everywhere (signet spec 1.11).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_base::ErrorCode as _;
use chancery_policy::messaging;
use chancery_signet_wire::{
    ActionResult, Category, Class, Failure, FailureBody, Json, Meta, Pagination, TaggedFailure,
    admin::{RpcId, RpcResponse},
    http::HttpBody,
    limits,
};
use serde_json::{Value, json};

/// Category, exit code, HTTP status, JSON-RPC code, whether to try again.
const CATEGORIES: [(&str, u8, u16, i32, bool); 8] = [
    ("validation", 1, 400, -32602, false),
    ("not_found", 2, 404, -32007, false),
    ("permission", 4, 403, -32003, false),
    ("timeout", 5, 504, -32001, true),
    ("network", 6, 503, -32002, true),
    ("internal", 8, 500, -32603, false),
    ("auth", 9, 401, -32000, false),
    ("cancelled", 130, 499, -32006, false),
];

/// Class, number, category.
const CLASSES: [(&str, u16, &str); 10] = [
    ("ValidationError", 1000, "validation"),
    ("SealError", 1010, "validation"),
    ("NotFoundError", 1100, "not_found"),
    ("PermissionError", 1200, "permission"),
    ("AuthError", 1300, "auth"),
    ("CredentialExpiredError", 1310, "auth"),
    ("InternalError", 1400, "internal"),
    ("TimeoutError", 1500, "timeout"),
    ("CancelledError", 1600, "cancelled"),
    ("NetworkError", 1700, "network"),
];

fn meta() -> Meta {
    serde_json::from_value(json!({
        "requestId": "c56a4180-65aa-42ec-a945-5fd21dec0538",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "durationMs": 3,
    }))
    .unwrap()
}

#[test]
fn categories_are_the_table() {
    let ours: Vec<_> = Category::ALL
        .iter()
        .map(|c| (c.as_str(), c.exit_code(), c.http_status(), c.rpc_code(), c.retryable()))
        .collect();
    assert_eq!(ours, CATEGORIES);
}

#[test]
fn classes_are_the_table() {
    let ours: Vec<_> = Class::ALL
        .iter()
        .map(|class| (class.as_str(), class.code(), class.category().as_str()))
        .collect();
    assert_eq!(ours, CLASSES);
    for class in Class::ALL {
        assert_eq!(Class::from_code(class.code()), Some(*class));
        assert_eq!(Failure::new(*class, "x").status(), class.category().http_status());
    }
    for category in Category::ALL {
        assert_eq!(category.class().category(), *category);
    }
    assert_eq!(Class::from_code(1), None);
}

#[test]
fn every_surface_tells_the_same_class() {
    for (tag, code, category) in CLASSES {
        let failure = Failure::new(tag.parse().unwrap(), "why").with("field", "x");
        let (_, _, status, rpc, _) = CATEGORIES.into_iter().find(|row| row.0 == category).unwrap();

        let frame = serde_json::to_value(FailureBody::from(failure.clone())).unwrap();
        assert_eq!(
            frame,
            json!({"code": code, "category": category, "message": "why", "context": {"field": "x"}})
        );

        let tagged = serde_json::to_value(TaggedFailure::from(failure.clone())).unwrap();
        assert_eq!(
            tagged,
            json!({"_tag": tag, "category": category, "message": "why", "context": {"field": "x"}})
        );

        let body = HttpBody::from(failure.clone());
        assert_eq!(body.status(), status);
        assert_eq!(
            serde_json::to_value(&body).unwrap(),
            json!({"ok": false, "error": {"category": category, "message": "why", "context": {"field": "x"}}})
        );

        let answer = RpcResponse::failure(Some(RpcId::Text("r".to_owned())), failure.clone());
        assert_eq!(
            serde_json::to_value(&answer).unwrap(),
            json!({"jsonrpc": "2.0", "id": "r", "error": {"code": rpc, "message": "why", "data": {
                "_tag": tag, "code": code, "category": category, "context": {"field": "x"}, "name": tag}}})
        );

        let back: FailureBody = serde_json::from_value(frame).unwrap();
        assert_eq!(Failure::from(back), failure);
        let back: TaggedFailure = serde_json::from_value(tagged).unwrap();
        assert_eq!(Failure::from(back), failure);
    }
}

#[test]
fn messages_and_contexts_follow_the_conventions() {
    let failure = Failure::not_found("credential", "cred_1");
    assert_eq!(failure.message, "credential 'cred_1' not found");
    assert_eq!(
        serde_json::to_value(&failure.context).unwrap(),
        json!({"resourceType": "credential", "resourceId": "cred_1"})
    );
    let failure = Failure::validation("label", "must not be empty");
    assert_eq!(failure.message, "Validation failed on 'label': must not be empty");
    assert_eq!(
        serde_json::to_value(&failure.context).unwrap(),
        json!({"field": "label", "reason": "must not be empty"})
    );
    let failure = Failure::throttled("sends", 1500);
    assert_eq!((failure.kind(), failure.class.code()), (Category::Permission, 1200));
    assert_eq!(
        serde_json::to_value(&failure.context).unwrap(),
        json!({"limit": "sends", "retryAfterMs": 1500})
    );
}

#[test]
fn a_refusal_of_the_policy_names_chat_or_scope() {
    let failure = Failure::from(messaging::Refusal::Chat("conv_1".to_owned()));
    assert_eq!(failure.class, Class::Permission);
    assert!(failure.message.contains("conv_1"));
    assert_eq!(
        serde_json::to_value(&failure.context).unwrap(),
        json!({"chatId": "conv_1"})
    );
    let failure = Failure::from(messaging::Refusal::Scope(messaging::Scope::ReadHistory));
    assert_eq!(
        serde_json::to_value(&failure.context).unwrap(),
        json!({"scope": "read-history"})
    );
    assert_eq!(Failure::from(messaging::Refusal::Nested).class, Class::Validation);
}

#[test]
fn what_a_refusal_quotes_is_one_line_of_bearable_length() {
    let failure = Failure::validation("a\u{1b}[31m", &"x\n".repeat(100_000));
    assert!(failure.message.chars().count() < 2 * limits::MAX_REASON_CHARS);
    assert!(!failure.message.contains(char::is_control));
}

#[test]
fn an_envelope_has_data_or_an_error() {
    let success = ActionResult::Success {
        data: Json::of(&json!({"removed": true})).unwrap(),
        meta: meta(),
        pagination: None,
    };
    assert_eq!(
        serde_json::to_string(&success).unwrap(),
        r#"{"ok":true,"data":{"removed":true},"meta":{"requestId":"c56a4180-65aa-42ec-a945-5fd21dec0538","timestamp":"2026-01-01T00:00:00.000Z","durationMs":3}}"#
    );
    let failure = ActionResult::Failure {
        failure: Failure::not_found("operator", "op_1"),
        meta: meta(),
    };
    let page = ActionResult::Success {
        data: Json::null(),
        meta: meta(),
        pagination: Some(Pagination {
            count: 2,
            has_more: true,
            next_cursor: Some("c".to_owned()),
            total: Some(7),
        }),
    };
    assert_eq!(
        serde_json::to_value(&page).unwrap()["pagination"],
        json!({"count": 2, "hasMore": true, "nextCursor": "c", "total": 7})
    );
    for result in [success, failure, page] {
        let text = serde_json::to_string(&result).unwrap();
        assert_eq!(serde_json::from_str::<ActionResult>(&text).unwrap(), result);
    }
    let meta = serde_json::to_value(meta()).unwrap();
    let error = json!({"_tag": "AuthError", "category": "auth", "message": "", "context": null});
    for wrong in [
        json!({"ok": true, "meta": meta}),
        json!({"ok": false, "data": 1, "meta": meta}),
        json!({"ok": true, "data": 1}),
        json!({"ok": true, "data": 1, "error": error, "meta": meta}),
        json!({"ok": false, "error": error}),
        json!({"ok": "true", "data": 1, "meta": meta}),
        json!([true, 1, null, meta, null]),
    ] {
        assert!(
            serde_json::from_value::<ActionResult>(wrong.clone()).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn an_answer_over_http_has_no_meta_and_no_class() {
    let success = HttpBody::from(ActionResult::Success {
        data: Json::of(&json!([1])).unwrap(),
        meta: meta(),
        pagination: None,
    });
    assert_eq!(
        (success.status(), serde_json::to_string(&success).unwrap().as_str()),
        (200, r#"{"ok":true,"data":[1]}"#)
    );
    let failure = HttpBody::from(ActionResult::Failure {
        failure: Failure::new(Class::Auth, "Missing authorization token"),
        meta: meta(),
    });
    assert_eq!(failure.status(), 401);
    assert_eq!(
        serde_json::to_string(&failure).unwrap(),
        r#"{"ok":false,"error":{"category":"auth","message":"Missing authorization token","context":null}}"#
    );
    for body in [success, failure] {
        let value: Value = serde_json::to_value(&body).unwrap();
        assert_eq!(serde_json::from_value::<HttpBody>(value).unwrap(), body);
    }
}
