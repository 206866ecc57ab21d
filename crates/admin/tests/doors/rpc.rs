//! JSON-RPC on the admin socket: codes, concurrency, limits, and what hostile clients send (signet spec 5.8).

use std::{collections::BTreeSet, time::Duration};

use crate::common::{Desk, actions, client::Client};
use chancery_admin::Settings;
use chancery_signet_wire::Category;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

#[tokio::test]
async fn a_success_is_the_whole_result_with_when_and_how_long() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    let answer = admin.call("operator.list", json!({})).await;
    let result = &answer["result"];
    assert_eq!((&result["ok"], &result["data"]), (&json!(true), &json!([])));
    let meta = result["meta"].as_object().unwrap();
    assert_eq!(
        meta.keys().collect::<Vec<_>>(),
        ["durationMs", "requestId", "timestamp"]
    );
    assert_eq!(meta["timestamp"], "2027-01-15T08:00:00.000Z");
    assert!(meta["durationMs"].is_u64());
    let other = admin.call("operator.list", json!({})).await;
    assert_ne!(other["result"]["meta"]["requestId"], meta["requestId"]);
    // no params is no input
    admin
        .send(r#"{"jsonrpc":"2.0","id":"x","method":"operator.list"}"#)
        .await;
    let answer = admin.line().await.unwrap();
    assert_eq!((&answer["id"], &answer["result"]["data"]), (&json!("x"), &json!([])));
}

#[tokio::test]
async fn failures_have_the_codes_of_the_one_table() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    let operator = json!({"label": "a", "role": "operator", "scopeMode": "shared"});
    admin.ok("operator.create", operator.clone()).await;
    let rows = [
        (
            "operator.create",
            operator,
            -32602,
            "ValidationError",
            1000,
            "validation",
        ),
        (
            "operator.info",
            json!({"operatorId": "nobody"}),
            -32007,
            "NotFoundError",
            1100,
            "not_found",
        ),
        ("events.poll", json!({}), -32003, "PermissionError", 1200, "permission"),
    ];
    for (method, params, code, tag, number, category) in rows {
        let error = admin.err(method, params).await;
        assert_eq!(error["code"], code, "{error}");
        let data = &error["data"];
        assert_eq!((&data["_tag"], &data["name"]), (&json!(tag), &json!(tag)));
        assert_eq!((&data["code"], &data["category"]), (&json!(number), &json!(category)));
        assert!(data.get("context").is_some());
    }
    let error = admin.err("operator.info", json!({"operatorId": "nobody"})).await;
    assert_eq!(error["message"], "operator 'nobody' not found");
    assert_eq!(
        error["data"]["context"],
        json!({"resourceType": "operator", "resourceId": "nobody"})
    );
}

#[tokio::test]
async fn what_is_no_request_has_json_rpcs_own_codes_and_harms_nothing() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    for (line, code, id) in [
        ("", -32700, Value::Null),
        ("{", -32700, Value::Null),
        (
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"operator.list"}"#,
            -32700,
            Value::Null,
        ),
        ("[]", -32600, Value::Null),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"operator.list"}]"#,
            -32600,
            Value::Null,
        ),
        (r#"{"jsonrpc":"2.0","method":"operator.list"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"1.0","id":7,"method":"operator.list"}"#, -32600, json!(7)),
        (
            r#"{"jsonrpc":"2.0","id":8,"method":"operator.list","params":[]}"#,
            -32600,
            json!(8),
        ),
        (r#"{"type":"admin_auth"}"#, -32600, Value::Null),
        (
            r#"{"jsonrpc":"2.0","id":9,"method":"operator.lists"}"#,
            -32601,
            json!(9),
        ),
        (
            r#"{"jsonrpc":"2.0","id":10,"method":"operator/list"}"#,
            -32601,
            json!(10),
        ),
        (r#"{"jsonrpc":"2.0","id":11,"method":"__proto__"}"#, -32601, json!(11)),
        (
            r#"{"jsonrpc":"2.0","id":12,"method":"operator.list","params":{"stranger":1}}"#,
            -32602,
            json!(12),
        ),
        (
            r#"{"jsonrpc":"2.0","id":13,"method":"operator.create","params":{"label":7}}"#,
            -32602,
            json!(13),
        ),
        (
            r#"{"jsonrpc":"2.0","id":14,"method":"approval.settle","params":{}}"#,
            -32602,
            json!(14),
        ),
        (
            r#"{"jsonrpc":"2.0","id":15,"method":"events.subscribe","params":{"types":[]}}"#,
            -32602,
            json!(15),
        ),
        (
            r#"{"jsonrpc":"2.0","id":16,"method":"events.unsubscribe","params":{"subscriptionId":"c56a4180-65aa-42ec-a945-5fd21dec0538"}}"#,
            -32007,
            json!(16),
        ),
    ] {
        admin.send(line).await;
        let answer = admin.line().await.unwrap();
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(code), &id),
            "{line}: {answer}"
        );
    }
    // a line that is no text
    admin.writer.write_all(b"\xff\xfe\x00\n").await.unwrap();
    assert_eq!(admin.line().await.unwrap()["error"]["code"], -32700);
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"operator.list","params":{{"a":{}{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    admin.send(&deep).await;
    assert_eq!(admin.line().await.unwrap()["error"]["code"], -32700);
    admin.ok("operator.list", json!({})).await;
}

#[tokio::test]
async fn every_action_of_the_table_is_a_method_and_answers_by_the_table() {
    let desk = Desk::with(Settings {
        request_timeout: Duration::from_secs(2),
        ..Settings::default()
    })
    .await;
    let mut admin = desk.admin().await;
    let codes: BTreeSet<i64> = Category::ALL
        .iter()
        .map(|category| category.rpc_code().into())
        .collect();
    for entry in actions().entries() {
        let inputs = entry
            .examples()
            .iter()
            .map(|example| serde_json::from_str(example).unwrap());
        for input in inputs.chain([json!({}), json!({"stranger": true})]) {
            let answer = admin.call(entry.id(), input).await;
            match answer.get("error") {
                None => assert_eq!(answer["result"]["ok"], true, "{}", entry.id()),
                Some(error) => {
                    let code = error["code"].as_i64().unwrap();
                    assert!(codes.contains(&code), "{}: {error}", entry.id());
                    assert_ne!(error["data"]["category"], "auth", "{}: {error}", entry.id());
                }
            }
        }
        let refused = admin.err(entry.id(), json!({"stranger": true})).await;
        assert_eq!(refused["code"], -32602, "{}", entry.id());
    }
}

#[tokio::test]
async fn a_defect_in_an_action_is_internal_and_ends_nothing() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    let error = admin.err("wallet.list", json!({})).await;
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!(-32603), &json!("The action broke off"))
    );
    assert!(!error.to_string().contains("on purpose"));
    admin.ok("operator.list", json!({})).await;
}

#[tokio::test]
async fn what_takes_too_long_is_a_timeout_and_holds_nobody_up() {
    let desk = Desk::with(Settings {
        request_timeout: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    let mut admin = desk.admin().await;
    let slow = admin
        .ask(
            "wallet.info",
            json!({"walletId": "c56a4180-65aa-42ec-a945-5fd21dec0538"}),
        )
        .await;
    let quick = admin.ask("operator.list", json!({})).await;
    let answer = admin.line().await.unwrap();
    assert_eq!(answer["id"], quick);
    let answer = admin.line().await.unwrap();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!(slow), &json!(-32001))
    );
    assert_eq!(answer["error"]["data"]["category"], "timeout");
}

#[tokio::test]
async fn a_line_has_a_longest_length_and_a_longer_one_ends_the_connection() {
    let desk = Desk::with(Settings {
        max_body_bytes: 4096,
        ..Settings::default()
    })
    .await;
    let line = |bytes: usize| {
        let empty = r#"{"jsonrpc":"2.0","id":1,"method":"operator.list","params":{"a":""}}"#;
        empty.replace(r#""""#, &format!("\"{}\"", "x".repeat(bytes - empty.len())))
    };
    let mut admin = desk.admin().await;
    admin.send(&line(4096)).await;
    assert_eq!(admin.line().await.unwrap()["error"]["code"], -32602);
    admin.try_send(&line(4097)).await;
    let answer = admin.line().await.unwrap();
    assert_eq!(
        (&answer["error"]["data"]["context"]["field"], &answer["id"]),
        (&json!("line"), &Value::Null)
    );
    assert_eq!(admin.line().await, None);
    // without an end it is no line, however much of it comes, before and after the door
    for let_in in [false, true] {
        let mut flood = Client::connect(&desk.doors.socket).await;
        if let_in {
            flood.login(None).await;
        }
        while flood.writer.write_all(&[b'x'; 1024]).await.is_ok() {}
    }
    desk.admin().await.ok("operator.list", json!({})).await;
}

#[tokio::test]
async fn so_many_requests_are_under_way_at_once_and_more_are_told_to_come_again() {
    let desk = Desk::with(Settings {
        request_timeout: Duration::from_secs(3),
        ..Settings::default()
    })
    .await;
    let mut admin = desk.admin().await;
    let input = json!({"walletId": "c56a4180-65aa-42ec-a945-5fd21dec0538"});
    for _ in 0..40 {
        admin.ask("wallet.info", input.clone()).await;
    }
    let mut refused = 0;
    for _ in 0..40 {
        let error = admin.line().await.unwrap()["error"].clone();
        let context = &error["data"]["context"];
        if context["limit"] == "requestsInFlight" {
            assert_eq!(error["code"], -32003);
            assert!(context["retryAfterMs"].is_u64());
            refused += 1;
        } else {
            assert_eq!(error["code"], -32001);
        }
    }
    assert_eq!(refused, 8);
    admin.ok("operator.list", json!({})).await;
}

#[tokio::test]
async fn a_client_that_floods_and_never_reads_keeps_nobody_else_waiting() {
    let desk = Desk::new().await;
    let mut flood = desk.admin().await;
    let line = format!("{}\n", r#"{"jsonrpc":"2.0","id":1,"method":"admin.export-state"}"#);
    let flooding = tokio::spawn(async move {
        // until the signet does not read on
        for _ in 0..20_000 {
            let write = flood.writer.write_all(line.as_bytes());
            if !matches!(
                tokio::time::timeout(Duration::from_millis(500), write).await,
                Ok(Ok(()))
            ) {
                break;
            }
        }
        flood
    });
    for _ in 0..20 {
        desk.admin().await.ok("operator.list", json!({})).await;
    }
    let flood = flooding.await.unwrap();
    desk.admin().await.ok("operator.list", json!({})).await;
    drop(flood);
}

#[tokio::test]
async fn there_are_so_many_connections_and_one_more_is_turned_away() {
    let desk = Desk::with(Settings {
        max_connections: 2,
        ..Settings::default()
    })
    .await;
    let first = desk.admin().await;
    let _second = desk.admin().await;
    let mut third = Client::connect(&desk.doors.socket).await;
    let answer = third.line().await.unwrap();
    assert_eq!(answer["error"]["data"]["context"]["limit"], "connections");
    assert_eq!(third.line().await, None);
    drop(first);
    // its place is free once the signet has seen it go
    let until = tokio::time::Instant::now() + crate::common::PATIENCE;
    loop {
        let mut next = Client::connect(&desk.doors.socket).await;
        if next.login(None).await["result"]["authenticated"] == true {
            break;
        }
        assert!(tokio::time::Instant::now() < until);
    }
}

#[tokio::test]
async fn who_has_said_all_still_gets_the_answers() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    let ids = [
        admin.ask("operator.list", json!({})).await,
        admin.ask("policy.list", json!({})).await,
    ];
    admin.writer.shutdown().await.unwrap();
    let mut answered = BTreeSet::new();
    while let Some(answer) = admin.line().await {
        answered.insert(answer["id"].as_u64().unwrap());
    }
    assert_eq!(answered, BTreeSet::from(ids));
}

#[tokio::test]
async fn the_end_is_asked_for_and_answered_and_the_socket_stays_until_it_is_dropped() {
    let mut desk = Desk::new().await;
    let doors = desk.doors.admin.clone();
    let stopped = tokio::spawn(async move { doors.stop_requested().await });
    let mut admin = desk.admin().await;
    assert_eq!(
        admin.ok("signet.stop", json!({"force": true})).await,
        json!({"stopped": true})
    );
    assert!(
        tokio::time::timeout(crate::common::PATIENCE, stopped)
            .await
            .unwrap()
            .unwrap()
    );
    assert!(desk.doors.socket.exists());
    let under_way = admin.ask("operator.list", json!({})).await;
    assert_eq!(admin.line().await.unwrap()["id"], under_way);
    desk.doors.end().await;
    assert_eq!(admin.line().await, None);
    assert!(!desk.doors.socket.exists());
}
