//! `agent create`, `inspect`, `auth refresh` and `auth revoke`.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use chancery_base::ed25519::{PublicKey, SecretKey, Signature};
use chancery_identity::{http_signature, proof, registration::RegistrationProof};
use common::{Home, PAT, Request, Stub, now, owner};
use serde_json::json;

#[test]
fn create_proves_its_key_and_writes_five_private_files() {
    let stub = Stub::start();
    let home = Home::onboarded(&stub);
    let shown = home
        .run(&[
            "agent",
            "create",
            "alpha",
            "--framework",
            "openclaw",
            "--ttl-days",
            "7",
            "--json",
        ])
        .json();
    assert_eq!(stub.lines(), ["POST /v1/agents/challenge", "POST /v1/agents"]);
    let requests = stub.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.header("authorization") == format!("Bearer {PAT}"))
    );
    let did = stub.did_of("alpha");
    let expected = json!({ "name": "alpha", "did": did, "expiresAt": "2026-12-21T06:43:21.000Z", "framework": "openclaw",
        "registryUrl": format!("{}/", stub.url) });
    assert_eq!(shown, expected);

    // the body is the recorded one: members in order, nothing else
    let body = requests[1].json();
    let members = [
        "challengeId",
        "challengeSignature",
        "framework",
        "name",
        "publicKey",
        "ttlDays",
    ];
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), members);
    let key = PublicKey::from_b64(body["publicKey"].as_str().unwrap()).unwrap();
    let proof = RegistrationProof {
        challenge_id: body["challengeId"].as_str().unwrap().parse().unwrap(),
        nonce: "bm9uY2Utbm9uY2Utbm9uY2Utbm9u",
        owner: &owner(),
        public_key: &key,
        name: "alpha",
        framework: Some("openclaw"),
        ttl_days: Some(7),
    };
    let signature = Signature::from_b64(body["challengeSignature"].as_str().unwrap()).unwrap();
    key.verify(proof.canonical().as_bytes(), &signature).unwrap();

    for file in [
        "identity.json",
        "ait.jwt",
        "secret.key",
        "public.key",
        "registry-auth.json",
    ] {
        assert_eq!(home.mode(&format!("agents/alpha/{file}")), 0o600, "{file}");
    }
    assert_eq!((home.mode("agents"), home.mode("agents/alpha")), (0o700, 0o700));
    assert_eq!(std::fs::read_dir(home.path("agents/alpha")).unwrap().count(), 5);
    let secret = home.read("agents/alpha/secret.key");
    assert_eq!((secret.len(), home.read("agents/alpha/public.key")), (43, key.to_b64()));
    assert_eq!(SecretKey::from_b64(&secret).unwrap().public(), key);
    assert!(!home.read("agents/alpha/ait.jwt").ends_with('\n'));
    let identity = json!({ "did": did, "name": "alpha", "framework": "openclaw", "expiresAt": "2026-12-21T06:43:21.000Z",
        "registryUrl": format!("{}/", stub.url) });
    assert_eq!(home.json("agents/alpha/identity.json"), identity);
    assert_eq!(home.json("agents/alpha/registry-auth.json")["tokenType"], "Bearer");
}

#[test]
fn create_leaves_out_what_was_not_asked_for() {
    let stub = Stub::start();
    let home = Home::onboarded(&stub);
    let run = home.run(&["agent", "create", "beta"]).ok();
    let did = stub.did_of("beta");
    let expected =
        format!("Agent created: beta\nDID: {did}\nFramework: openclaw\nExpires At: 2026-12-21T06:43:21.000Z\n");
    assert_eq!(run.stdout, expected);
    let body = stub.requests()[1].json();
    let members = ["challengeId", "challengeSignature", "name", "publicKey"];
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), members);
}

#[test]
fn a_name_that_is_taken_or_bad_is_refused_without_asking() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let create = |name: &str| home.run(&["agent", "create", name, "--json"]);
    let path = home.path("agents/alpha");
    assert_eq!(
        create("alpha").failure(),
        (
            "CLI_AGENT_EXISTS".to_owned(),
            format!("identity already exists at {}", path.display())
        )
    );
    for name in ["bad name", "a/b", "ü"] {
        let (code, message) = create(name).misuse();
        assert_eq!(code, "CLI_AGENT_NAME_INVALID");
        assert_eq!(message, "invalid input: agent name contains invalid characters");
    }
    for name in ["..", ".", "", &"x".repeat(65)] {
        assert_eq!(create(name).misuse().0, "CLI_AGENT_NAME_INVALID");
    }
    assert_eq!(
        home.run(&["agent", "create", "b", "--framework", "", "--json"])
            .misuse()
            .0,
        "CLI_NAME_INVALID"
    );
    assert_eq!(stub.lines(), Vec::<String>::new());
}

#[test]
fn a_failed_create_leaves_nothing_behind_and_can_be_repeated() {
    let stub = Stub::start();
    let home = Home::onboarded(&stub);
    let create = || home.run(&["agent", "create", "alpha", "--json"]);
    stub.refuse(
        "POST /v1/agents",
        400,
        "AGENT_REGISTRATION_CHALLENGE_EXPIRED",
        "Challenge has expired",
    );
    let (code, message) = create().failure();
    assert_eq!(code, "AGENT_REGISTRATION_CHALLENGE_EXPIRED");
    assert!(message.contains("Challenge has expired"), "{message}");
    stub.answer("POST /v1/agents/challenge", 500, json!(null));
    assert_eq!(create().failure().0, "CLI_AGENT_CREATE_FAILED");
    stub.answer("POST /v1/agents", 201, json!({ "agent": 1 }));
    assert_eq!(create().failure().0, "CLI_AGENT_INVALID_RESPONSE");
    let left: Vec<_> = std::fs::read_dir(home.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["config.json"]);
    create().ok();
}

#[test]
fn create_needs_an_api_key_and_a_registry() {
    let home = Home::new();
    assert_eq!(
        home.run(&["agent", "create", "a", "--json"]).failure().0,
        "CLI_AGENT_MISSING_LOCAL_CREDENTIALS"
    );
    let away = Home::new()
        .with("CLAWDENTITY_API_KEY", PAT)
        .with("CLAWDENTITY_REGISTRY", "http://127.0.0.1:1");
    assert_eq!(
        away.run(&["agent", "create", "a", "--json"]).failure().0,
        "CLI_AGENT_REQUEST_FAILED"
    );
}

#[test]
fn inspect_shows_the_token_as_the_published_client_does() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let shown = home.run(&["agent", "inspect", "alpha", "--json"]).json();
    let members = ["did", "expiresAt", "framework", "keyId", "ownerDid", "publicKey"];
    assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), members);
    assert_eq!(shown["did"], stub.did_of("alpha"));
    assert_eq!(shown["ownerDid"], owner().to_string());
    assert_eq!(
        (shown["keyId"].as_str(), shown["publicKey"].as_str()),
        (Some("reg-key-1"), Some(stub.public_key_of("alpha").as_str()))
    );
    let expires = shown["expiresAt"].as_str().unwrap();
    assert!(expires.ends_with("+00:00") && !expires.contains('.'), "{expires}");
    let human = home.run(&["agent", "inspect", "alpha"]).ok().stdout;
    let labels: Vec<_> = human.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(labels, ["DID", "Owner", "Expires", "Key ID", "Public Key", "Framework"]);
    assert_eq!(stub.lines(), Vec::<String>::new());
    assert_eq!(
        home.run(&["agent", "inspect", "nobody", "--json"]).failure().0,
        "CLI_AGENT_NOT_FOUND"
    );
    home.write("agents/alpha/ait.jwt", "nonsense");
    assert_eq!(
        home.run(&["agent", "inspect", "alpha", "--json"]).failure().0,
        "CLI_AGENT_FILE_INVALID"
    );
}

// --- session --------------------------------------------------------------------------------------------------------

/// Checks proof and message signature of a request that an agent signed.
fn check_signed(request: &Request, stub: &Stub, agent: &str) {
    let key = PublicKey::from_b64(&stub.public_key_of(agent)).unwrap();
    let header = |name: &str| request.header(name).to_owned();
    let headers = proof::ProofHeaders {
        timestamp: header("x-claw-timestamp"),
        nonce: header("x-claw-nonce"),
        body_sha256: header("x-claw-body-sha256"),
        proof: header("x-claw-proof"),
    };
    proof::verify(
        &headers,
        &request.method,
        &request.target,
        request.body.as_bytes(),
        now(),
        &key,
    )
    .unwrap();
    let all: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let signed = http_signature::Request {
        method: &request.method,
        authority: request.header("host"),
        path_and_query: &request.target,
        headers: &all,
    };
    let (input, signature) = (header("signature-input"), header("signature"));
    let authorities = [request.header("host").to_owned()];
    http_signature::verify(&signed, &input, &signature, &authorities, now(), &key).unwrap();
    assert!(header("authorization").starts_with("Claw ey"));
}

#[test]
fn refresh_rotates_the_tokens_with_a_proof() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let shown = home.run(&["agent", "auth", "refresh", "alpha", "--json"]).json();
    assert_eq!(
        shown,
        json!({ "name": "alpha", "status": "refreshed", "message": "agent auth bundle updated" })
    );
    let requests = stub.requests();
    assert_eq!(stub.lines(), ["POST /v1/agents/auth/refresh"]);
    assert_eq!(requests[0].body, r#"{"refreshToken":"clw_rft_refresh-0"}"#);
    check_signed(&requests[0], &stub, "alpha");
    assert_eq!(
        home.json("agents/alpha/registry-auth.json")["refreshToken"],
        "clw_rft_refresh-1"
    );
    assert_eq!(home.mode("agents/alpha/registry-auth.json"), 0o600);
    let human = home.run(&["agent", "auth", "refresh", "alpha"]).ok().stdout;
    assert_eq!(
        human,
        "Agent auth refresh: alpha\nStatus: refreshed\nMessage: agent auth bundle updated\n"
    );
    assert_eq!(stub.requests()[1].body, r#"{"refreshToken":"clw_rft_refresh-1"}"#);
    let nonces: Vec<_> = stub
        .requests()
        .iter()
        .map(|request| request.header("x-claw-nonce").to_owned())
        .collect();
    assert_ne!(nonces[0], nonces[1]);
}

#[test]
fn a_refused_refresh_keeps_the_tokens() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let before = home.read("agents/alpha/registry-auth.json");
    stub.refuse(
        "POST /v1/agents/auth/refresh",
        401,
        "AGENT_AUTH_REFRESH_REVOKED",
        "Agent session was revoked",
    );
    let (code, message) = home.run(&["agent", "auth", "refresh", "alpha", "--json"]).failure();
    assert_eq!(code, "AGENT_AUTH_REFRESH_REVOKED");
    assert!(message.contains("Agent session was revoked"), "{message}");
    stub.answer(
        "POST /v1/agents/auth/refresh",
        200,
        json!({ "agentAuth": { "tokenType": "Other", "accessToken": "a",
        "accessExpiresAt": "x", "refreshToken": "r", "refreshExpiresAt": "x" } }),
    );
    assert_eq!(
        home.run(&["agent", "auth", "refresh", "alpha", "--json"]).failure().0,
        "CLI_AGENT_INVALID_RESPONSE"
    );
    assert_eq!(home.read("agents/alpha/registry-auth.json"), before);
    std::fs::remove_file(home.path("agents/alpha/registry-auth.json")).unwrap();
    assert_eq!(
        home.run(&["agent", "auth", "refresh", "alpha", "--json"]).failure().0,
        "CLI_OPENCLAW_EMPTY_AGENT_CREDENTIALS"
    );
}

#[test]
fn two_refreshes_at_once_never_use_one_token_twice() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = home.command(&["agent", "auth", "refresh", "alpha"]);
            command.stdout(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut bodies: Vec<_> = stub.requests().into_iter().map(|request| request.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 4);
}

#[test]
fn revoke_really_revokes_and_keeps_the_files() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let did = stub.did_of("alpha");
    let shown = home.run(&["agent", "auth", "revoke", "alpha", "--json"]).json();
    assert_eq!(
        (shown["name"].as_str(), shown["did"].as_str(), shown["status"].as_str()),
        (Some("alpha"), Some(did.as_str()), Some("revoked"))
    );
    let ulid = did.rsplit(':').next().unwrap();
    assert_eq!(stub.lines(), [format!("DELETE /v1/agents/{ulid}")]);
    assert_eq!(stub.requests()[0].header("authorization"), format!("Bearer {PAT}"));
    assert!(home.path("agents/alpha/secret.key").exists());
    // again is no error
    home.run(&["agent", "auth", "revoke", "alpha"]).ok();
    stub.refuse(
        &format!("DELETE /v1/agents/{ulid}"),
        404,
        "AGENT_NOT_FOUND",
        "Agent not found",
    );
    assert_eq!(
        home.run(&["agent", "auth", "revoke", "alpha", "--json"]).failure().0,
        "AGENT_NOT_FOUND"
    );
    stub.refuse(
        &format!("DELETE /v1/agents/{ulid}"),
        409,
        "AGENT_REVOKE_INVALID_STATE",
        "Agent cannot be revoked",
    );
    assert_eq!(
        home.run(&["agent", "auth", "revoke", "alpha", "--json"]).failure().0,
        "AGENT_REVOKE_INVALID_STATE"
    );
}
