//! HTTP: routes, tokens, the envelope and its statuses (signet spec 5.7).

use std::time::Duration;

use crate::common::{
    Desk,
    harness::Agent,
    text,
    web::{bearer, by, send},
};
use chancery_admin::Settings;
use serde_json::json;

fn category(answer: &crate::common::web::Answer) -> (u16, String) {
    let (status, category, _) = answer.error();
    (status, category)
}

fn is(answer: &crate::common::web::Answer, status: u16, expected: &str) {
    assert_eq!(category(answer), (status, expected.to_owned()), "{}", answer.body);
}

#[tokio::test]
async fn health_tells_strangers_that_it_lives_and_admins_how() {
    let desk = Desk::new().await;
    let health = send(desk.doors.http, "GET /v1/health", "", "").await;
    assert_eq!(health.data(), json!({"ok": true, "state": "running"}));
    assert_eq!(health.header("content-type"), Some("application/json"));
    let known = by(desk.doors.http, &desk.token(), "GET /v1/health", "").await.data();
    assert_eq!(
        (&known["state"], &known["pid"]),
        (&json!("running"), &json!(std::process::id()))
    );
    // a token that is none is no stranger's silence
    let (operator, chat) = desk.agent("a").await;
    let harness = text(&desk.credential(&operator, &chat, json!(["send"])).await["token"]);
    for token in ["nonsense", &harness] {
        is(&by(desk.doors.http, token, "GET /v1/health", "").await, 401, "auth");
    }
    for line in ["POST /v1/health", "GET /v1/health/", "GET /health", "GET /v1", "GET /"] {
        is(&send(desk.doors.http, line, "", "").await, 404, "not_found");
    }
}

#[tokio::test]
async fn actions_are_called_by_path_by_id_and_with_their_inputs() {
    let desk = Desk::new().await;
    let token = desk.token();
    let input = json!({"label": "a", "role": "operator", "scopeMode": "shared"}).to_string();
    let made = by(desk.doors.http, &token, "POST /v1/actions/operator/create", &input).await;
    assert_eq!(
        made.json().as_object().unwrap().keys().collect::<Vec<_>>(),
        ["data", "ok"]
    );
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.data();
    assert_eq!(made["createdBy"], "owner");
    let listed = by(desk.doors.http, &token, "GET /v1/actions/operator/list", "")
        .await
        .data();
    assert_eq!(listed, json!([made]));
    // by id: any action, without a body where it takes no input
    let listed = by(desk.doors.http, &token, "POST /v1/admin/operator.list", "")
        .await
        .data();
    assert_eq!(listed, json!([made]));
    let found = by(
        desk.doors.http,
        &token,
        "POST /v1/admin/operator.info",
        r#"{"operatorId":"a"}"#,
    )
    .await;
    assert_eq!(found.data(), made);
    // queries are text, and read as the schema says
    let line = format!("GET /v1/actions/operator/info?operatorId={}", text(&made["id"]));
    assert_eq!(by(desk.doors.http, &token, &line, "").await.data(), made);
    let line = "GET /v1/actions/search/resources?query=a&limit=5&type=operator";
    assert_eq!(by(desk.doors.http, &token, line, "").await.data()["total"], 1);
    let line = "GET /v1/actions/credential/list?all=true";
    assert_eq!(by(desk.doors.http, &token, line, "").await.data(), json!([]));
    for line in [
        "GET /v1/actions/search/resources?query=a&limit=five",
        "GET /v1/actions/search/resources?query=a&limit=5&limit=6",
        "GET /v1/actions/search/resources?query=a&stranger=1",
        "GET /v1/actions/search/resources",
        "GET /v1/actions/credential/list?all=yes",
    ] {
        is(&by(desk.doors.http, &token, line, "").await, 400, "validation");
    }
}

#[tokio::test]
async fn every_failure_has_the_status_of_its_category() {
    let desk = Desk::with(Settings {
        request_timeout: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    let token = desk.token();
    let (address, id) = (desk.doors.http, "c56a4180-65aa-42ec-a945-5fd21dec0538");
    is(
        &by(address, &token, "POST /v1/admin/operator.create", "{}").await,
        400,
        "validation",
    );
    is(
        &send(address, "POST /v1/admin/operator.create", "", "{}").await,
        401,
        "auth",
    );
    is(
        &by(address, &token, "POST /v1/admin/events.poll", "").await,
        403,
        "permission",
    );
    let info = r#"{"operatorId":"nobody"}"#;
    is(
        &by(address, &token, "POST /v1/admin/operator.info", info).await,
        404,
        "not_found",
    );
    // a defect, and what never ends
    let broken = by(address, &token, "POST /v1/admin/wallet.list", "").await;
    is(&broken, 500, "internal");
    assert!(!broken.body.contains("on purpose"));
    let wallet = format!(r#"{{"walletId":"{id}"}}"#);
    is(
        &by(address, &token, "POST /v1/admin/wallet.info", &wallet).await,
        504,
        "timeout",
    );
    let (_, _, error) = by(address, &token, "POST /v1/admin/operator.info", info).await.error();
    assert_eq!(
        error.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["category", "context", "message"]
    );
    assert_eq!(
        error["context"],
        json!({"resourceType": "operator", "resourceId": "nobody"})
    );
    assert!(
        by(address, &token, "GET /v1/actions/operator/list", "")
            .await
            .data()
            .is_array()
    );
}

#[tokio::test]
async fn who_asks_comes_before_what_is_asked() {
    let desk = Desk::new().await;
    let address = desk.doors.http;
    for line in [
        "POST /v1/admin/operator.create",
        "POST /v1/admin/there.is-no-such",
        "POST /v1/admin/",
        "POST /v1/actions/operator/create",
        "POST /v1/actions/reveal/request",
        "POST /v1/credential/info",
    ] {
        let answer = send(address, line, "", "{broken").await;
        is(&answer, 401, "auth");
        assert_eq!(
            answer.json()["error"]["message"],
            "Missing authorization token",
            "{line}"
        );
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let token = desk.token();
    is(
        &by(address, &token, "POST /v1/admin/there.is-no-such", "{broken").await,
        404,
        "not_found",
    );
    is(
        &by(address, &token, "POST /v1/admin/operator.create", "{broken").await,
        400,
        "validation",
    );
    is(
        &by(
            address,
            &token,
            "POST /v1/admin/operator.create",
            r#"{"label":"a","label":"b"}"#,
        )
        .await,
        400,
        "validation",
    );
}

#[tokio::test]
async fn no_token_but_a_whole_one_of_the_right_kind_counts_and_none_comes_back() {
    let desk = Desk::with(Settings {
        auth_failures_per_minute: 1_000_000,
        ..Settings::default()
    })
    .await;
    let address = desk.doors.http;
    let token = desk.token();
    let (operator, chat) = desk.agent("a").await;
    let issued = desk.credential(&operator, &chat, json!(["send"])).await;
    let harness = text(&issued["token"]);
    let list = "GET /v1/actions/operator/list";
    for headers in [
        format!("Authorization: {token}\r\n"),
        format!("Authorization: Basic {token}\r\n"),
        format!("Authorization: Bearer {token} {token}\r\n"),
        format!("Authorization: Bearer {token}x\r\n"),
        format!("Authorization: Bearer {}\r\n", &token[1..]),
        "Authorization: Bearer\r\n".to_owned(),
        "Authorization: Bearer \r\n".to_owned(),
        "Authorization: \r\n".to_owned(),
        bearer(&token) + &bearer(&token),
        bearer(&harness) + &bearer(&token),
        bearer(&harness),
        bearer(&"x".repeat(5000)),
        format!("X-Authorization: Bearer {token}\r\nCookie: token={token}\r\n"),
    ] {
        let answer = send(address, list, &headers, "").await;
        is(&answer, 401, "auth");
        assert!(
            !answer.body.contains(&token[..20]) && !answer.body.contains(&harness),
            "{}",
            answer.body
        );
    }
    is(
        &send(address, &format!("{list}?token={token}"), "", "").await,
        401,
        "auth",
    );
    // the scheme has no case
    send(address, list, &format!("authorization: bEARER {token}\r\n"), "")
        .await
        .data();
    // an admin is no credential
    is(&by(address, &token, "POST /v1/credential/info", "").await, 401, "auth");
    is(
        &by(address, &token, "GET /v1/actions/reveal/list", "").await,
        401,
        "auth",
    );
    desk.clock.advance(Duration::from_secs(151));
    is(&by(address, &token, list, "").await, 401, "auth");
}

#[tokio::test]
async fn a_credential_asks_about_its_own_and_no_more() {
    let desk = Desk::new().await;
    let address = desk.doors.http;
    let agent = Agent::held(&desk).await;
    let (operator, chat) = desk.agent("other").await;
    let other = desk.credential(&operator, &chat, json!(["send"])).await;
    for line in ["POST /v1/credential/info", "POST /v1/credential/credential.info"] {
        let info = by(address, &agent.token, line, "").await.data();
        assert_eq!(
            info.as_object().unwrap().keys().collect::<Vec<_>>(),
            [
                "config",
                "credentialId",
                "expiresAt",
                "issuedAt",
                "operatorId",
                "status"
            ]
        );
        assert_eq!(
            (&info["credentialId"], &info["status"]),
            (&json!(agent.credential), &json!("active"))
        );
    }
    is(
        &by(
            address,
            &agent.token,
            "POST /v1/credential/info",
            r#"{"credentialId":"x"}"#,
        )
        .await,
        400,
        "validation",
    );
    let reveal = agent.wants_to_see().await;
    let reveals = by(address, &agent.token, "GET /v1/actions/reveal/list", "")
        .await
        .data();
    assert_eq!(reveals["pendingReveals"][0]["request"]["revealId"], reveal, "{reveals}");
    // another's is not there
    let line = format!(
        "GET /v1/actions/reveal/list?credentialId={}",
        text(&other["credential"]["id"])
    );
    is(&by(address, &agent.token, &line, "").await, 404, "not_found");
    let request = json!({"credentialId": other["credential"]["id"], "chatId": agent.chat, "scope": "content-type",
        "targetId": "xmtp.org/text:1.0", "expiresAt": null});
    is(
        &by(
            address,
            &agent.token,
            "POST /v1/actions/reveal/request",
            &request.to_string(),
        )
        .await,
        403,
        "permission",
    );
    let events = by(address, &agent.token, "GET /v1/actions/events/poll?sinceSeq=0", "")
        .await
        .data();
    assert_eq!(events["events"][0]["event"]["type"], "credential.issued");
    // nothing of what is decided about it
    for id in [
        "action.approve",
        "reveal.approve",
        "credential.issue",
        "operator.list",
        "signet.stop",
    ] {
        let line = format!("POST /v1/admin/{id}");
        is(&by(address, &agent.token, &line, "{}").await, 401, "auth");
    }
    desk.done("credential.revoke", json!({"credentialId": agent.credential}))
        .await;
    is(
        &by(address, &agent.token, "POST /v1/credential/info", "").await,
        401,
        "auth",
    );
}

#[tokio::test]
async fn a_token_bound_to_a_key_is_worth_nothing_here_and_one_bound_to_a_uid_is_that_uids() {
    let desk = Desk::new().await;
    let (operator, chat) = desk.agent("a").await;
    let us = rustix::process::geteuid().as_raw();
    let key = chancery_base::ed25519::SecretKey::from_seed(&[3; 32]).public();
    for (bound, status) in [
        (json!({"harnessUid": us}), 200),
        (json!({"harnessUid": us + 1}), 401),
        (json!({"harnessKey": key}), 401),
    ] {
        let mut input = json!({"operatorId": operator, "chatIds": [chat], "allow": ["send"]});
        input
            .as_object_mut()
            .unwrap()
            .extend(bound.as_object().unwrap().clone());
        let token = text(&desk.done("credential.issue", input).await["token"]);
        let answer = by(desk.doors.http, &token, "POST /v1/credential/info", "").await;
        assert_eq!(answer.status, status, "{bound}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_waits_for_the_owner_is_not_done_over_http() {
    let desk = Desk::new().await;
    let agent = Agent::held(&desk).await;
    let action = agent.wants_to_say("now").await;
    let reveal = agent.wants_to_see().await;
    let token = desk.token();
    let superadmin = json!({"label": "root", "role": "superadmin", "scopeMode": "shared"});
    for (line, input, operation) in [
        (
            "POST /v1/admin/action.approve",
            json!({"actionId": action}),
            "actionApproval",
        ),
        (
            "POST /v1/admin/reveal.approve",
            json!({"revealId": reveal}),
            "revealApproval",
        ),
        (
            "POST /v1/admin/operator.create",
            superadmin.clone(),
            "superadminCreation",
        ),
        ("POST /v1/actions/operator/create", superadmin, "superadminCreation"),
        ("POST /v1/admin/admin.token", json!({}), "adminTokenCreation"),
    ] {
        let answer = by(desk.doors.http, &token, line, &input.to_string()).await;
        is(&answer, 403, "permission");
        let context = &answer.json()["error"]["context"];
        assert_eq!(context["operation"], operation, "{line}");
        // there is no question that could be answered
        assert!(context.get("approval").is_none());
    }
    for line in ["POST /v1/admin/approval.settle", "POST /v1/admin/events.subscribe"] {
        is(&by(desk.doors.http, &token, line, "{}").await, 404, "not_found");
    }
    assert_eq!(
        desk.done("action.list", json!({})).await["actions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn whoever_guesses_waits_for_each_answer_and_nobody_else_does() {
    let desk = Desk::with(Settings {
        auth_failures_per_minute: 2,
        ..Settings::default()
    })
    .await;
    let list = "GET /v1/actions/operator/list";
    for _ in 0..2 {
        is(&by(desk.doors.http, "guess", list, "").await, 401, "auth");
    }
    let began = std::time::Instant::now();
    is(&by(desk.doors.http, "guess", list, "").await, 401, "auth");
    assert!(began.elapsed() >= Duration::from_millis(500));
    by(desk.doors.http, &desk.token(), list, "").await.data();
}

#[tokio::test]
async fn reading_as_admin_is_refused_over_http_in_the_same_words() {
    let desk = Desk::new().await;
    let (_, chat) = desk.agent("a").await;
    let line = format!("GET /v1/actions/message/list?chatId={chat}&dangerouslyAllowMessageRead=true");
    let (status, category, error) = by(desk.doors.http, &desk.token(), &line, "").await.error();
    assert_eq!((status, &*category), (403, "permission"));
    assert_eq!(error["message"], "Admin message reads require owner-approved elevation");
    assert_eq!(error["context"]["chatId"], chat);
}
