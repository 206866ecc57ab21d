//! `pair start`, `confirm`, `status`, `list` and `remove`.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use chancery_base::ed25519::PublicKey;
use chancery_identity::{pair::SignedStatement, proof, ticket::Ticket};
use common::{Home, Stub, mode, now};
use serde_json::{Value, json};

fn profile(stub: &Stub, agent: &str) -> Value {
    json!({ "agentName": agent, "humanName": "Alice", "proxyOrigin": stub.url })
}

#[test]
fn start_asks_for_a_ticket_in_the_agents_name() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let shown = home.run(&["pair", "start", "alpha", "--json"]).json();
    assert_eq!(stub.lines(), ["GET /v1/metadata", "POST /pair/start"]);
    let request = &stub.requests()[1];
    let body = format!(
        r#"{{"initiatorProfile":{{"agentName":"alpha","humanName":"Alice","proxyOrigin":"{}"}}}}"#,
        stub.url
    );
    assert_eq!(request.body, body);
    let headers = proof::ProofHeaders {
        timestamp: request.header("x-claw-timestamp").to_owned(),
        nonce: request.header("x-claw-nonce").to_owned(),
        body_sha256: request.header("x-claw-body-sha256").to_owned(),
        proof: request.header("x-claw-proof").to_owned(),
    };
    let key = PublicKey::from_b64(&stub.public_key_of("alpha")).unwrap();
    proof::verify(&headers, "POST", "/pair/start", request.body.as_bytes(), now(), &key).unwrap();
    assert_eq!(request.header("x-claw-agent-access"), "");
    let members = [
        "expiresAt",
        "initiatorAgentDid",
        "initiatorProfile",
        "proxyUrl",
        "ticket",
    ];
    assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), members);
    assert_eq!(shown["initiatorAgentDid"], stub.did_of("alpha"));
    assert_eq!(shown["initiatorProfile"], profile(&stub, "alpha"));
    assert_eq!(shown["proxyUrl"], format!("{}/", stub.url));

    home.run(&["pair", "start", "alpha", "--ttl-seconds", "900"]).ok();
    assert_eq!(stub.requests().last().unwrap().json()["ttlSeconds"], 900);
    let human = home.run(&["pair", "start", "alpha"]).ok().stdout;
    let labels: Vec<_> = human.lines().map(|line| line.split(": ").next().unwrap()).collect();
    let expected = [
        "Pairing ticket created",
        "Ticket",
        "Initiator Agent DID",
        "Initiator Agent Name",
        "Initiator Human Name",
        "Expires At",
    ];
    assert_eq!(labels, expected);
}

#[test]
fn a_qr_image_is_private_and_its_reader_pairs_and_removes_it() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    home.run(&["agent", "create", "beta"]).ok();
    let shown = home.run(&["pair", "start", "alpha", "--qr", "--json"]).json();
    let path = shown["qrPath"].as_str().unwrap().to_owned();
    assert!(
        path.contains("/pairing/alpha-pair-") && path.ends_with(".png"),
        "{path}"
    );
    assert_eq!(mode(path.as_ref()), 0o600);
    // a copy of the owner's stays
    let copy = home.dir.path().join("mine.png");
    std::fs::copy(&path, &copy).unwrap();
    home.run(&["pair", "confirm", "beta", "--qr-file", copy.to_str().unwrap(), "--json"])
        .ok();
    assert!(copy.exists());
    let body = stub
        .requests()
        .into_iter()
        .find(|request| request.target == "/pair/confirm")
        .unwrap()
        .json();
    assert_eq!(body["ticket"], shown["ticket"]);
    home.run(&["pair", "confirm", "beta", "--qr-file", &path]).ok();
    assert!(!std::path::Path::new(&path).exists());
    let output = home.dir.path().join("out.png");
    let shown = home
        .run(&[
            "pair",
            "start",
            "alpha",
            "--qr-output",
            output.to_str().unwrap(),
            "--json",
        ])
        .json();
    assert_eq!(shown["qrPath"], output.to_str().unwrap());
    assert_eq!(mode(&output), 0o600);
}

#[test]
fn an_image_without_a_ticket_is_told_apart() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let confirm = |path: &str| {
        home.run(&["pair", "confirm", "alpha", "--qr-file", path, "--json"])
            .failure()
            .0
    };
    assert_eq!(confirm("/nowhere/x.png"), "CLI_PAIR_CONFIRM_QR_FILE_NOT_FOUND");
    assert_eq!(confirm("/"), "CLI_PAIR_CONFIRM_QR_FILE_REQUIRED");
    let text = home.dir.path().join("text.png");
    std::fs::write(&text, "not an image").unwrap();
    assert_eq!(confirm(text.to_str().unwrap()), "CLI_PAIR_CONFIRM_QR_FILE_INVALID");
    let mut blank = Vec::new();
    let mut encoder = png::Encoder::new(&mut blank, 32, 32);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[255; 32 * 32 * 4]).unwrap();
    writer.finish().unwrap();
    std::fs::write(&text, blank).unwrap();
    assert_eq!(confirm(text.to_str().unwrap()), "CLI_PAIR_CONFIRM_QR_NOT_FOUND");
    assert_eq!(
        home.run(&["pair", "confirm", "alpha", "--json"]).misuse().0,
        "CLI_PAIR_CONFIRM_TICKET_REQUIRED"
    );
    let both = ["pair", "confirm", "alpha", "--ticket", "t", "--qr-file", "f", "--json"];
    assert_eq!(home.run(&both).misuse().0, "CLI_PAIR_CONFIRM_INPUT_CONFLICT");
    let bad = ["pair", "confirm", "alpha", "--ticket", "clwpair1_x", "--json"];
    assert_eq!(home.run(&bad).misuse().0, "CLI_PAIR_CONFIRM_TICKET_INVALID");
    assert_eq!(stub.lines(), Vec::<String>::new());
}

#[test]
fn confirming_saves_the_peer_under_its_alias() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    home.run(&["agent", "create", "beta"]).ok();
    let ticket = home.run(&["pair", "start", "alpha", "--json"]).json()["ticket"]
        .as_str()
        .unwrap()
        .to_owned();
    stub.forget();
    // as it comes out of a chat
    let (head, tail) = ticket.split_at(40);
    let copied = format!("`{head}\n {tail}` ");
    let shown = home
        .run(&["pair", "confirm", "beta", "--ticket", &copied, "--json"])
        .json();
    assert_eq!(
        stub.lines(),
        ["GET /v1/metadata", "POST /pair/confirm", "POST /pair/statement"]
    );
    let body = stub.requests()[1].json();
    assert_eq!(
        body,
        json!({ "responderProfile": profile(&stub, "beta"), "ticket": ticket })
    );
    let (alpha, beta) = (stub.did_of("alpha"), stub.did_of("beta"));
    let alias = format!("peer-{}", alpha[alpha.len() - 8..].to_lowercase());
    let expected = json!({ "paired": true, "initiatorAgentDid": alpha, "initiatorProfile": profile(&stub, "alpha"),
        "responderAgentDid": beta, "responderProfile": profile(&stub, "beta"), "proxyUrl": stub.url, "peerAlias": alias });
    assert_eq!(shown, expected);
    let peer = json!({ "did": alpha, "proxyUrl": format!("{}/hooks/agent", stub.url), "agentName": "alpha", "humanName": "Alice" });
    assert_eq!(home.json("peers.json"), json!({ "peers": { alias: peer } }));
    assert_eq!(home.mode("peers.json"), 0o600);

    // the statement is ours, about this pairing
    let statement: SignedStatement = serde_json::from_value(stub.requests()[2].json()["statement"].clone()).unwrap();
    let key = PublicKey::from_b64(&stub.public_key_of("beta")).unwrap();
    statement.verify(&beta.parse().unwrap(), &key).unwrap();
    assert_eq!(statement.statement.peer_did.to_string(), alpha);
    assert_eq!(statement.statement.pairing, Ticket::parse(&ticket).unwrap().kid);
}

#[test]
fn a_relay_that_takes_statements_says_who_vouches() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let ticket = home.run(&["pair", "start", "alpha", "--json"]).json()["ticket"]
        .as_str()
        .unwrap()
        .to_owned();
    stub.confirm_as("did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD", "gamma", "Gina");
    stub.answer("POST /pair/statement", 200, json!({ "assertedBy": "agents" }));
    let shown = home
        .run(&["pair", "status", "alpha", "--ticket", &ticket, "--json"])
        .json();
    assert_eq!(
        (shown["assertedBy"].as_str(), shown["peerAlias"].as_str()),
        (Some("agents"), Some("peer-3w5fdxtd"))
    );
    // a relay in trouble is a warning, because the pair holds
    stub.answer("POST /pair/statement", 503, json!(null));
    let run = home.run(&["pair", "status", "alpha", "--ticket", &ticket]).ok();
    assert!(run.stderr.contains("pair statement"), "{}", run.stderr);
    assert!(
        run.stdout.ends_with("Peer alias saved: peer-3w5fdxtd\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn status_is_pending_until_somebody_confirms() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let ticket = home.run(&["pair", "start", "alpha", "--json"]).json()["ticket"]
        .as_str()
        .unwrap()
        .to_owned();
    stub.forget();
    let shown = home
        .run(&["pair", "status", "alpha", "--ticket", &ticket, "--json"])
        .json();
    assert_eq!(stub.lines(), ["GET /v1/metadata", "POST /pair/status"]);
    assert_eq!(stub.requests()[1].json(), json!({ "ticket": ticket }));
    assert_eq!(shown["status"], "pending");
    assert!(shown.get("peerAlias").is_none() && !home.path("peers.json").exists());
    let gamma = "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD";
    stub.confirm_as(gamma, "gamma", "Gina");
    let shown = home
        .run(&["pair", "status", "alpha", "--ticket", &ticket, "--json"])
        .json();
    assert_eq!(
        (shown["status"].as_str(), shown["responderAgentDid"].as_str()),
        (Some("confirmed"), Some(gamma))
    );
    assert_eq!(shown["confirmedAt"], common::NOW);
    assert_eq!(home.json("peers.json")["peers"]["peer-3w5fdxtd"]["humanName"], "Gina");
}

#[test]
fn waiting_ends_with_the_confirmation_or_says_that_it_did_not_come() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let wait = [
        "pair",
        "start",
        "alpha",
        "--wait",
        "--wait-seconds",
        "2",
        "--poll-interval-seconds",
        "1",
        "--json",
    ];
    let error = home.run(&wait).error(1);
    assert_eq!(error["code"], "CLI_PAIR_STATUS_WAIT_TIMEOUT");
    assert_eq!(error["message"], "pairing is still pending after 2 seconds");
    let polls = stub.lines().iter().filter(|line| *line == "POST /pair/status").count();
    assert_eq!(polls, 3, "at once and then each second");
    stub.confirm_as("did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD", "gamma", "Gina");
    let shown = home.run(&wait).json();
    assert_eq!(shown["start"]["initiatorAgentDid"], stub.did_of("alpha"));
    assert_eq!(shown["status"]["status"], "confirmed");
    assert_eq!(shown["status"]["peerAlias"], "peer-3w5fdxtd");
}

#[test]
fn what_the_relay_refuses_is_told_in_its_words() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    stub.refuse(
        "POST /pair/start",
        403,
        "PROXY_PAIR_OWNERSHIP_FORBIDDEN",
        "Initiator agent is not owned by the caller",
    );
    let (code, message) = home.run(&["pair", "start", "alpha", "--json"]).failure();
    assert_eq!(code, "PROXY_PAIR_OWNERSHIP_FORBIDDEN");
    assert!(message.contains("Initiator agent is not owned"), "{message}");
    stub.answer("POST /pair/start", 500, json!(null));
    assert_eq!(
        home.run(&["pair", "start", "alpha", "--json"]).failure().0,
        "CLI_PAIR_START_FAILED"
    );
    stub.answer("POST /pair/start", 200, json!({}));
    assert_eq!(
        home.run(&["pair", "start", "alpha", "--json"]).failure().0,
        "CLI_PAIR_START_INVALID_RESPONSE"
    );
    let ticket = stub.ticket();
    let status = ["pair", "status", "alpha", "--ticket", &ticket, "--json"];
    let confirm = ["pair", "confirm", "alpha", "--ticket", &ticket, "--json"];
    assert_eq!(home.run(&confirm).failure().0, "PROXY_PAIR_TICKET_NOT_FOUND");
    stub.refuse(
        "POST /pair/confirm",
        410,
        "PROXY_PAIR_TICKET_EXPIRED",
        "Pairing ticket has expired",
    );
    assert_eq!(home.run(&confirm).failure().0, "PROXY_PAIR_TICKET_EXPIRED");
    stub.refuse(
        "POST /pair/status",
        403,
        "PROXY_PAIR_STATUS_FORBIDDEN",
        "Not a participant",
    );
    let (code, message) = home.run(&status).failure();
    assert_eq!(code, "CLI_PAIR_STATUS_FORBIDDEN");
    assert!(message.contains("PROXY_PAIR_STATUS_FORBIDDEN"), "{message}");
    stub.answer("POST /pair/status", 500, json!(null));
    assert_eq!(home.run(&status).failure().0, "CLI_PAIR_STATUS_FAILED");
}

#[test]
fn a_ticket_of_another_relay_is_refused_here() {
    let (stub, other) = (Stub::start(), Stub::start());
    let home = Home::with_agent(&stub, "alpha");
    let ticket = other.ticket();
    for command in ["status", "confirm"] {
        let error = home
            .run(&["pair", command, "alpha", "--ticket", &ticket, "--json"])
            .error(1);
        assert_eq!(error["code"], "CLI_PAIR_TICKET_ISSUER_MISMATCH");
        assert_eq!(error["hint"], format!("clawdentity config set proxyUrl {}", other.url));
    }
    assert_eq!(other.lines(), Vec::<String>::new());
}

#[test]
fn the_relay_is_the_environments_or_one_that_both_sides_name() {
    let (stub, other) = (Stub::start(), Stub::start());
    let home = Home::with_agent(&stub, "alpha");
    home.run(&["config", "set", "proxyUrl", &other.url]).ok();
    assert_eq!(
        home.run(&["pair", "start", "alpha", "--json"]).failure().0,
        "CLI_PAIR_PROXY_URL_MISMATCH"
    );
    stub.forget();
    let home = home.with("CLAWDENTITY_PROXY_URL", &other.url);
    home.run(&["pair", "start", "alpha", "--json"]).ok();
    assert_eq!(
        (stub.lines(), other.lines()),
        (vec![], vec!["POST /pair/start".to_owned()])
    );
    let home = home.with("CLAWDENTITY_PROXY_URL", "nonsense");
    assert_eq!(
        home.run(&["pair", "start", "alpha", "--json"]).failure().0,
        "CLI_PAIR_INVALID_PROXY_URL"
    );
    let home = home.with("CLAWDENTITY_PROXY_URL", "http://127.0.0.1:1");
    assert_eq!(
        home.run(&["pair", "start", "alpha", "--json"]).failure().0,
        "CLI_PAIR_REQUEST_FAILED"
    );
}

#[test]
fn an_agent_and_a_name_are_needed() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let start = |name: &str| home.run(&["pair", "start", name, "--json"]).failure().0;
    assert_eq!(start("nobody"), "CLI_PAIR_AGENT_NOT_FOUND");
    let secret = home.read("agents/alpha/secret.key");
    home.write("agents/alpha/secret.key", "");
    assert_eq!(start("alpha"), "CLI_PAIR_AGENT_NOT_FOUND");
    home.write("agents/alpha/secret.key", &secret);
    home.write(
        "config.json",
        &json!({ "registryUrl": stub.url, "humanName": "x".repeat(65) }).to_string(),
    );
    assert_eq!(start("alpha"), "CLI_PAIR_PROFILE_INVALID");
    home.write("config.json", &json!({ "registryUrl": stub.url }).to_string());
    assert_eq!(start("alpha"), "CLI_PAIR_HUMAN_NAME_MISSING");
}

#[test]
fn broken_peers_are_not_overwritten() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let ticket = home.run(&["pair", "start", "alpha", "--json"]).json()["ticket"]
        .as_str()
        .unwrap()
        .to_owned();
    stub.confirm_as("did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD", "gamma", "Gina");
    home.write("peers.json", "{");
    let status = ["pair", "status", "alpha", "--ticket", &ticket, "--json"];
    assert_eq!(home.run(&status).failure().0, "CLI_PAIR_PEERS_CONFIG_INVALID");
    assert_eq!(home.read("peers.json"), "{");
    let peer = json!({ "did": "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD", "proxyUrl": "http://x/" });
    home.write("peers.json", &json!({ "peers": { "no spaces": peer } }).to_string());
    assert_eq!(home.run(&status).failure().0, "CLI_PAIR_PEER_ALIAS_INVALID");
    // an alias that its owner chose is kept
    home.write("peers.json", &json!({ "peers": { "gamma": peer } }).to_string());
    assert_eq!(home.run(&status).json()["peerAlias"], "gamma");
}

#[test]
fn a_ticket_is_not_spent_on_a_peer_that_cannot_be_written_down() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "beta");
    home.write("peers.json", "{");
    let run = home.run(&["pair", "confirm", "beta", "--ticket", &stub.ticket(), "--json"]);
    assert_eq!(run.failure().0, "CLI_PAIR_PEERS_CONFIG_INVALID");
    assert!(
        stub.lines().iter().all(|line| !line.contains("/pair/")),
        "{:?}",
        stub.lines()
    );
}

#[test]
fn an_agent_that_confirms_its_own_ticket_is_told_to_use_another() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    stub.refuse("POST /pair/confirm", 409, "PROXY_PAIR_SELF_FORBIDDEN", "no");
    let run = home.run(&["pair", "confirm", "alpha", "--ticket", &stub.ticket(), "--json"]);
    let hint = run.error(1)["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("another agent"), "{hint}");
}

#[test]
fn pairs_are_listed_and_ended() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let ticket = home.run(&["pair", "start", "alpha", "--json"]).json()["ticket"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(home.run(&["pair", "list", "alpha"]).ok().stdout, "No pairs found.\n");
    let gamma = "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD";
    stub.confirm_as(gamma, "gamma", "Gina");
    home.run(&["pair", "status", "alpha", "--ticket", &ticket]).ok();
    let shown = home.run(&["pair", "list", "alpha", "--json"]).json();
    let pair = json!({ "agentDid": gamma, "assertedBy": "relay", "since": common::NOW, "peerAlias": "peer-3w5fdxtd" });
    assert_eq!(shown["pairs"], json!([pair]));
    assert_eq!(
        home.run(&["pair", "remove", "alpha", "nobody", "--json"]).failure().0,
        "CLI_PAIR_PEER_UNKNOWN"
    );
    stub.forget();
    let shown = home.run(&["pair", "remove", "alpha", "peer-3w5fdxtd", "--json"]).json();
    assert_eq!(
        (shown["removed"].as_bool(), shown["agentDid"].as_str()),
        (Some(true), Some(gamma))
    );
    let target = "DELETE /pair?agentDid=did%3Acdi%3A127.0.0.1%3Aagent%3A01HF7YAT00W6W7CM7N3W5FDXTD";
    assert_eq!(stub.lines(), ["GET /v1/metadata", target]);
    assert_eq!(home.json("peers.json"), json!({ "peers": {} }));
}

#[test]
fn peers_of_the_published_client_are_taken_over() {
    use chancery_store::rusqlite::Connection;
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let db = Connection::open(home.path("clawdentity.sqlite3")).unwrap();
    let gamma = "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD";
    db.execute_batch(&format!(
        "CREATE TABLE peers(alias TEXT PRIMARY KEY, did TEXT, proxy_url TEXT, agent_name TEXT, human_name TEXT,
             created_at_ms INTEGER, updated_at_ms INTEGER);
         INSERT INTO peers VALUES('old', '{gamma}', '{}/hooks/agent', 'gamma', NULL, 0, 0);",
        stub.url
    ))
    .unwrap();
    drop(db);
    let ticket = home.run(&["pair", "start", "alpha", "--json"]).json()["ticket"]
        .as_str()
        .unwrap()
        .to_owned();
    stub.confirm_as(gamma, "gamma", "Gina");
    let shown = home
        .run(&["pair", "status", "alpha", "--ticket", &ticket, "--json"])
        .json();
    assert_eq!(shown["peerAlias"], "old");
}
