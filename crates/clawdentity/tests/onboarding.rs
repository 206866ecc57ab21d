//! `admin bootstrap`, `invite` and `api-key`: the exact requests, what is shown, what is kept, what fails how.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use common::{Home, INVITE, PAT, SECRET, Stub};
use serde_json::json;

// --- admin bootstrap ------------------------------------------------------------------------------------------------

#[test]
fn bootstrap_creates_the_administrator_and_keeps_the_key() {
    let (stub, home) = (Stub::start(), Home::new());
    let shown = home
        .run(&[
            "admin",
            "bootstrap",
            "--bootstrap-secret",
            SECRET,
            "--registry-url",
            &stub.url,
            "--json",
        ])
        .json();
    let requests = stub.requests();
    assert_eq!(stub.lines(), ["POST /v1/admin/bootstrap"]);
    assert_eq!(requests[0].body, r#"{"apiKeyName":null,"displayName":null}"#);
    assert_eq!(requests[0].header("x-bootstrap-secret"), SECRET);
    assert_eq!(requests[0].header("content-type"), "application/json");
    assert_eq!(requests[0].header("accept"), "*/*");
    assert_eq!(shown["registryUrl"], format!("{}/", stub.url));
    assert_eq!(shown["human"]["role"], "admin");
    assert_eq!(shown["apiKey"]["token"], PAT);
    assert_eq!(
        shown["internalService"],
        json!({ "id": "svc", "name": "proxy-pairing" })
    );
    assert_eq!(
        home.json("config.json"),
        json!({ "registryUrl": stub.url, "apiKey": PAT })
    );
    assert_eq!(home.mode("config.json"), 0o600);
}

#[test]
fn bootstrap_prints_the_lines_that_the_skill_promises() {
    let (stub, home) = (Stub::start(), Home::new());
    let arguments = [
        "admin",
        "bootstrap",
        "--bootstrap-secret",
        "-",
        "--display-name",
        "Ada",
        "--api-key-name",
        "laptop",
        "--registry-url",
        &stub.url,
    ];
    let run = home.run_with_stdin(&arguments, &format!("{SECRET}\n")).ok();
    let expected = format!(
        "Admin bootstrap completed
Human DID: did:cdi:127.0.0.1:human:00000000000000000000000000
API key name: laptop
API key token (shown once):
{PAT}
Internal service ID: svc
Internal service name: proxy-pairing
Set proxy secrets BOOTSTRAP_INTERNAL_SERVICE_ID and BOOTSTRAP_INTERNAL_SERVICE_SECRET manually in Cloudflare before proxy deploy.
API key saved to local config
"
    );
    assert_eq!(run.stdout, expected);
    assert_eq!(
        stub.requests()[0].body,
        r#"{"apiKeyName":"laptop","displayName":"Ada"}"#
    );
}

#[test]
fn a_refused_bootstrap_says_the_registrys_words_and_keeps_no_key() {
    let (stub, home) = (Stub::start(), Home::new());
    let run = |secret: &str| {
        home.run(&[
            "admin",
            "bootstrap",
            "--bootstrap-secret",
            secret,
            "--registry-url",
            &stub.url,
            "--json",
        ])
    };
    let (code, message) = run("wrong").failure();
    assert_eq!(code, "ADMIN_BOOTSTRAP_UNAUTHORIZED");
    assert_eq!(
        message,
        "unexpected http status 401: Bootstrap secret is invalid (ADMIN_BOOTSTRAP_UNAUTHORIZED)"
    );
    stub.refuse(
        "POST /v1/admin/bootstrap",
        409,
        "ADMIN_BOOTSTRAP_ALREADY_COMPLETED",
        "Admin bootstrap already completed",
    );
    assert_eq!(run(SECRET).failure().0, "ADMIN_BOOTSTRAP_ALREADY_COMPLETED");
    stub.answer("POST /v1/admin/bootstrap", 500, json!("boom"));
    let (code, message) = run(SECRET).failure();
    assert_eq!(code, "CLI_ADMIN_BOOTSTRAP_FAILED");
    assert!(message.contains("500"), "{message}");
    stub.answer("POST /v1/admin/bootstrap", 201, json!({ "hello": 1 }));
    assert_eq!(run(SECRET).failure().0, "CLI_ADMIN_BOOTSTRAP_INVALID_RESPONSE");
    assert!(home.json("config.json").get("apiKey").is_none());
    // for people
    let run = home.run(&[
        "admin",
        "bootstrap",
        "--bootstrap-secret",
        "wrong",
        "--registry-url",
        &stub.url,
    ]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(
        run.stderr
            .starts_with("Error: unexpected http status 401: Bootstrap secret is invalid"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("backtrace"));
}

#[test]
fn bootstrap_fails_by_name_without_secret_url_or_answer() {
    let home = Home::new();
    let run = |secret: &str, url: &str| {
        home.run(&[
            "admin",
            "bootstrap",
            "--bootstrap-secret",
            secret,
            "--registry-url",
            url,
            "--json",
        ])
    };
    assert_eq!(
        run("", "http://127.0.0.1:1").misuse().0,
        "CLI_ADMIN_BOOTSTRAP_SECRET_REQUIRED"
    );
    assert_eq!(
        run("s", "nonsense").misuse().0,
        "CLI_ADMIN_BOOTSTRAP_INVALID_REGISTRY_URL"
    );
    assert_eq!(
        run("s", "http://127.0.0.1:1").failure().0,
        "CLI_ADMIN_BOOTSTRAP_REQUEST_FAILED"
    );
}

#[test]
fn a_directory_that_cannot_be_written_shows_before_a_key_is_made() {
    let (stub, home) = (Stub::start(), Home::new());
    std::fs::write(home.dir.path().join(".clawdentity"), "a file").unwrap();
    let run = home.run(&[
        "invite",
        "redeem",
        INVITE,
        "--display-name",
        "A",
        "--registry-url",
        &stub.url,
        "--json",
    ]);
    assert_eq!(run.code, 1);
    assert_eq!(stub.lines(), Vec::<String>::new(), "the invite is not used up");
}

// --- invites --------------------------------------------------------------------------------------------------------

#[test]
fn an_invite_is_created_with_the_api_key() {
    let stub = Stub::start();
    let home = Home::onboarded(&stub);
    let shown = home
        .run(&["invite", "create", "--registry-url", &stub.url, "--json"])
        .json();
    let requests = stub.requests();
    assert_eq!(stub.lines(), ["POST /v1/invites"]);
    assert_eq!(requests[0].body, r#"{"expiresAt":null}"#);
    assert_eq!(requests[0].header("authorization"), format!("Bearer {PAT}"));
    assert_eq!(shown["invite"]["code"], INVITE);
    assert_eq!(
        shown["invite"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["code", "createdAt", "id"]
    );
    assert_eq!(shown["registryUrl"], format!("{}/", stub.url));
    let at = "2030-01-31T12:00:00Z";
    let shown = home.run(&["invite", "create", "--expires-at", at, "--json"]).json();
    assert_eq!(shown["invite"]["expiresAt"], at);
}

#[test]
fn an_invite_needs_a_key_and_a_right() {
    let stub = Stub::start();
    assert_eq!(
        Home::new().run(&["invite", "create", "--json"]).failure().0,
        "CLI_INVITE_MISSING_LOCAL_CREDENTIALS"
    );
    let home = Home::onboarded(&stub);
    stub.refuse(
        "POST /v1/invites",
        403,
        "INVITE_CREATE_FORBIDDEN",
        "Only admins can create invites",
    );
    let (code, message) = home.run(&["invite", "create", "--json"]).failure();
    assert_eq!(code, "INVITE_CREATE_FORBIDDEN");
    assert!(message.contains("Only admins can create invites"), "{message}");
    stub.answer("POST /v1/invites", 502, json!(null));
    assert_eq!(
        home.run(&["invite", "create", "--json"]).failure().0,
        "CLI_INVITE_CREATE_FAILED"
    );
}

#[test]
fn redeeming_makes_a_person_and_fills_the_configuration() {
    let (stub, home) = (Stub::start(), Home::new());
    let run = home.run(&[
        "invite",
        "redeem",
        INVITE,
        "--display-name",
        "Alice",
        "--registry-url",
        &stub.url,
        "--json",
    ]);
    let shown = run.json();
    assert_eq!(stub.lines(), ["POST /v1/invites/redeem", "GET /v1/metadata"]);
    let body = format!(r#"{{"code":"{INVITE}","displayName":"Alice"}}"#);
    assert_eq!(stub.requests()[0].body, body);
    let url = format!("{}/", stub.url);
    assert_eq!(shown["apiKeyToken"], PAT);
    assert_eq!(
        (shown["apiKeyName"].as_str(), shown["humanName"].as_str()),
        (Some("invite"), Some("Alice"))
    );
    assert_eq!(
        (shown["proxyUrl"].as_str(), shown["registryUrl"].as_str()),
        (Some(url.as_str()), Some(url.as_str()))
    );
    let config = json!({ "registryUrl": stub.url, "proxyUrl": stub.url, "apiKey": PAT, "humanName": "Alice" });
    assert_eq!(home.json("config.json"), config);
    assert_eq!(home.mode("config.json"), 0o600);
}

#[test]
fn a_used_up_invite_is_told_in_the_registrys_words() {
    let (stub, home) = (Stub::start(), Home::new());
    let redeem = |code: &str, name: &str| {
        home.run(&[
            "invite",
            "redeem",
            code,
            "--display-name",
            name,
            "--registry-url",
            &stub.url,
            "--json",
        ])
    };
    assert_eq!(redeem("clw_inv_unknown", "A").failure().0, "INVITE_REDEEM_CODE_INVALID");
    stub.refuse(
        "POST /v1/invites/redeem",
        409,
        "INVITE_REDEEM_ALREADY_USED",
        "Invite code has already been used",
    );
    let error = redeem(INVITE, "A").error(1);
    assert_eq!(error["code"], "INVITE_REDEEM_ALREADY_USED");
    assert!(error["hint"].as_str().unwrap().contains("new invite"), "{error}");
    assert_eq!(redeem(" ", "A").misuse().0, "CLI_INVITE_REDEEM_CODE_REQUIRED");
    assert_eq!(
        redeem(INVITE, " ").misuse().0,
        "CLI_INVITE_REDEEM_DISPLAY_NAME_REQUIRED"
    );
    assert_eq!(redeem(INVITE, &"x".repeat(65)).misuse().0, "CLI_NAME_INVALID");
}

#[test]
fn a_key_is_kept_when_only_the_metadata_fails() {
    let (stub, home) = (Stub::start(), Home::new());
    stub.answer("GET /v1/metadata", 500, json!(null));
    let run = home
        .run(&[
            "invite",
            "redeem",
            INVITE,
            "--display-name",
            "Alice",
            "--registry-url",
            &stub.url,
        ])
        .ok();
    assert!(run.stderr.contains("metadata"), "{}", run.stderr);
    assert_eq!(home.json("config.json")["apiKey"], PAT);
    assert_eq!(home.json("config.json")["proxyUrl"], stub.url);
}

// --- API keys -------------------------------------------------------------------------------------------------------

#[test]
fn api_keys_are_created_listed_and_revoked() {
    let stub = Stub::start();
    let home = Home::onboarded(&stub);
    let shown = home.run(&["api-key", "create", "--json"]).json();
    assert_eq!(stub.requests()[0].body, r#"{"name":null}"#);
    let members = shown["apiKey"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members, ["createdAt", "id", "name", "status", "token"]);
    home.run(&["api-key", "create", "--name", "laptop"]).ok();
    assert_eq!(stub.requests()[1].body, r#"{"name":"laptop"}"#);

    let shown = home.run(&["api-key", "list", "--json"]).json();
    assert_eq!(shown["apiKeys"][0]["status"], "active");
    assert_eq!(shown["registryUrl"], format!("{}/", stub.url));
    let line = "01M7YDGRFZKKC65XV50JQF240P | api-key | active | created 2026-11-21T06:43:21.000Z | last used never\n";
    assert_eq!(home.run(&["api-key", "list"]).ok().stdout, line);
    stub.answer("GET /v1/me/api-keys", 200, json!({ "apiKeys": [] }));
    assert_eq!(home.run(&["api-key", "list"]).ok().stdout, "No API keys found.\n");

    stub.forget();
    let id = "01HF7YAT00W6W7CM7N3W5FDXTD";
    let shown = home.run(&["api-key", "revoke", id, "--json"]).json();
    assert_eq!(
        shown,
        json!({ "apiKeyId": id, "registryUrl": format!("{}/", stub.url) })
    );
    assert_eq!(stub.lines(), [format!("DELETE /v1/me/api-keys/{id}")]);
    assert_eq!(
        home.run(&["api-key", "revoke", id]).ok().stdout,
        format!("API key revoked: {id}\n")
    );
}

#[test]
fn a_bad_id_is_refused_without_asking() {
    let stub = Stub::start();
    let home = Home::onboarded(&stub);
    let (code, message) = home.run(&["api-key", "revoke", "bogus", "--json"]).misuse();
    assert_eq!(
        (code.as_str(), message.as_str()),
        (
            "CLI_API_KEY_ID_INVALID",
            "invalid input: API key id must be a valid ULID"
        )
    );
    assert_eq!(stub.lines(), Vec::<String>::new());
}

#[test]
fn a_revoked_key_is_told_in_the_registrys_words() {
    let stub = Stub::start();
    let home = Home::onboarded(&stub);
    stub.refuse(
        "GET /v1/me/api-keys",
        401,
        "API_KEY_REVOKED",
        "API key has been revoked",
    );
    let error = home.run(&["api-key", "list", "--json"]).error(1);
    assert_eq!(error["code"], "API_KEY_REVOKED");
    assert!(error["message"].as_str().unwrap().contains("API key has been revoked"));
    assert_eq!(
        Home::new().run(&["api-key", "list", "--json"]).failure().0,
        "CLI_API_KEY_MISSING_LOCAL_CREDENTIALS"
    );
    let url = ["api-key", "list", "--registry-url", "nonsense", "--json"];
    assert_eq!(home.run(&url).misuse().0, "CLI_API_KEY_INVALID_REGISTRY_URL");
    let away = Home::new()
        .with("CLAWDENTITY_API_KEY", PAT)
        .with("CLAWDENTITY_REGISTRY_URL", "http://127.0.0.1:1");
    assert_eq!(
        away.run(&["api-key", "list", "--json"]).failure().0,
        "CLI_API_KEY_REQUEST_FAILED"
    );
}

#[test]
fn a_servers_message_cannot_write_to_the_terminal() {
    let stub = Stub::start();
    let home = Home::onboarded(&stub);
    stub.refuse("GET /v1/me/api-keys", 400, "X", "\u{1b}[2Jcleared\nsecond line");
    let run = home.run(&["api-key", "list"]);
    assert!(run.stderr.contains("[2Jcleared second line"), "{}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
}
