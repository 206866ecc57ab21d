//! `connector start`: what it reads, where it listens, what it sends to the relay and to the webhook.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]
#![allow(clippy::result_large_err, reason = "the handshake callback's type is the library's")]

mod common;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use chancery_base::ed25519::PublicKey;
use chancery_identity::proof;
use common::{Home, Stub, now};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message, WebSocket, accept_hdr,
    handshake::server::{Request, Response},
};

// --- a relay that takes one connector at a time, and a webhook -------------------------------------------------------

struct Relay {
    url: String,
    sockets: mpsc::Receiver<(Request, WebSocket<TcpStream>)>,
}

impl Relay {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tx, sockets) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut seen = None;
                let callback = |request: &Request, response: Response| {
                    seen = Some(request.clone());
                    Ok(response)
                };
                if let Ok(socket) = accept_hdr(stream, callback)
                    && tx.send((seen.unwrap(), socket)).is_err()
                {
                    return;
                }
            }
        });
        Self { url, sockets }
    }

    fn accept(&self) -> (Request, WebSocket<TcpStream>) {
        self.sockets.recv_timeout(Duration::from_secs(10)).unwrap()
    }
}

/// The next text frame of type `kind`.
fn frame(socket: &mut WebSocket<TcpStream>, kind: &str) -> Value {
    socket
        .get_ref()
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            let value: Value = serde_json::from_str(&text).unwrap();
            if value["type"] == kind {
                return value;
            }
        }
    }
}

/// A webhook that answers 200 and passes on the heads and bodies it gets.
fn webhook() -> (String, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tx, got) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
            let _ = tx.send((head, serde_json::from_slice(&body).unwrap_or(Value::Null)));
        }
    });
    (url, got)
}

// --- the command ----------------------------------------------------------------------------------------------------

struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut stderr = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("it ended: {stderr}");
        }
        line
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Asks it to end, and returns its exit code.
    fn stop(mut self, signal: &str) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        status.code().unwrap_or_else(|| {
            let mut stderr = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("{status}: {stderr}");
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(base: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    let body = body.to_string();
    let host = base.strip_prefix("http://").unwrap();
    write!(
        stream,
        "POST /v1/outbound HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string()
}

#[test]
fn it_connects_with_a_fresh_proof_and_carries_messages_both_ways() {
    let (stub, relay) = (Stub::start(), Relay::start());
    let (hook, got) = webhook();
    let home = Home::with_agent(&stub, "alpha");
    let port = free_port();
    let arguments = [
        "connector",
        "start",
        "alpha",
        "--json",
        "--port",
        &port,
        "--proxy-ws-url",
        &relay.url,
        "--openclaw-base-url",
        &hook,
        "--openclaw-hook-token",
        "TOK",
    ];
    let mut running = Running::start(home.command(&arguments));
    let did = stub.did_of("alpha");
    let shown = running.json();
    let ws = format!("{}/v1/relay/connect", relay.url.replace("http", "ws"));
    let base = format!("http://127.0.0.1:{port}");
    assert_eq!(
        shown,
        json!({ "agentDid": did, "agentName": "alpha", "outboundServer": base, "relay": ws })
    );
    assert_eq!(stub.lines(), Vec::<String>::new(), "the token is good for a while");

    let check = |request: &Request| {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
                .to_owned()
        };
        assert_eq!(header("x-claw-agent-access"), "clw_agt_access-0");
        assert!(header("authorization").starts_with("Claw ey"));
        let headers = proof::ProofHeaders {
            timestamp: header("x-claw-timestamp"),
            nonce: header("x-claw-nonce"),
            body_sha256: header("x-claw-body-sha256"),
            proof: header("x-claw-proof"),
        };
        let key = PublicKey::from_b64(&stub.public_key_of("alpha")).unwrap();
        proof::verify(&headers, "GET", "/v1/relay/connect", b"", now(), &key)
            .unwrap()
            .nonce
    };
    let (request, mut socket) = relay.accept();
    let first = check(&request);

    // out
    let peer = "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD";
    let (status, answer) = post(
        &base,
        &json!({ "toAgentDid": peer, "payload": { "message": "hi" }, "conversationId": "c9" }),
    );
    assert_eq!((status, answer["accepted"].as_bool()), (202, Some(true)), "{answer}");
    let sent = frame(&mut socket, "enqueue");
    assert_eq!(
        (sent["id"].as_str(), sent["toAgentDid"].as_str()),
        (answer["frameId"].as_str(), Some(peer))
    );
    assert_eq!(sent["payload"], json!({ "message": "hi" }));
    let ack = json!({ "type": "enqueue_ack", "v": 1, "id": "01M7YDJSZN3Z5TCDJ8YNQD9BP4", "ts": common::NOW, "ackId": sent["id"], "accepted": true });
    socket.send(Message::text(ack.to_string())).unwrap();

    // in
    let id = "01M7YDJSZN3Z5TCDJ8YNQD9BP5";
    let deliver = json!({ "type": "deliver", "v": 1, "id": id, "ts": common::NOW, "fromAgentDid": peer, "toAgentDid": did,
        "payload": { "message": "hello there" } });
    socket.send(Message::text(deliver.to_string())).unwrap();
    let acked = frame(&mut socket, "deliver_ack");
    assert_eq!(
        (acked["ackId"].as_str(), acked["accepted"].as_bool()),
        (Some(id), Some(true))
    );
    let (head, body) = got.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(head.starts_with("POST /hooks/agent HTTP/1.1"), "{head}");
    let lower = head.to_ascii_lowercase();
    assert!(
        lower.contains("x-openclaw-token: tok")
            && lower.contains(&format!("x-clawdentity-agent-did: {}", peer.to_lowercase())),
        "{head}"
    );
    assert!(body.to_string().contains("hello there"), "{body}");

    // a lost connection comes back with another nonce
    drop(socket);
    let (request, socket) = relay.accept();
    assert_ne!(check(&request), first);
    assert_eq!(running.stop("-TERM"), 0);
    drop(socket);
    for file in ["connector.sqlite3", "connector.token"] {
        assert_eq!(home.mode(&format!("agents/alpha/{file}")), 0o600, "{file}");
    }
    assert!(
        !home.path("openclaw-connectors.json").exists(),
        "a port given once is not assigned"
    );
}

#[test]
fn a_token_about_to_run_out_is_exchanged_first() {
    let (stub, relay) = (Stub::start(), Relay::start());
    stub.access_secs(59);
    let home = Home::with_agent(&stub, "alpha");
    stub.access_secs(900);
    let port = free_port();
    let arguments = [
        "connector",
        "start",
        "alpha",
        "--port",
        &port,
        "--proxy-ws-url",
        &relay.url,
    ];
    let mut running = Running::start(home.command(&arguments));
    let did = stub.did_of("alpha");
    assert_eq!(running.line(), format!("Connector started: alpha ({did})\n"));
    assert_eq!(
        running.line(),
        format!("Relay: {}/v1/relay/connect\n", relay.url.replace("http", "ws"))
    );
    assert_eq!(running.line(), format!("Outbound server: http://127.0.0.1:{port}\n"));
    let (request, _socket) = relay.accept();
    assert_eq!(request.headers()["x-claw-agent-access"], "clw_agt_access-1");
    assert_eq!(stub.lines(), ["POST /v1/agents/auth/refresh"]);
    assert_eq!(
        home.json("agents/alpha/registry-auth.json")["accessToken"],
        "clw_agt_access-1"
    );
    assert_eq!(running.stop("-INT"), 0);
}

#[test]
fn a_refused_session_ends_it_and_an_absent_registry_does_not() {
    let (stub, relay) = (Stub::start(), Relay::start());
    stub.access_secs(10);
    let home = Home::with_agent(&stub, "alpha");
    let port = free_port();
    let arguments = [
        "connector",
        "start",
        "alpha",
        "--json",
        "--port",
        &port,
        "--proxy-ws-url",
        &relay.url,
    ];
    stub.refuse(
        "POST /v1/agents/auth/refresh",
        401,
        "AGENT_AUTH_REFRESH_REVOKED",
        "Agent session was revoked",
    );
    assert_eq!(home.run(&arguments).failure().0, "AGENT_AUTH_REFRESH_REVOKED");
    let mut identity = home.json("agents/alpha/identity.json");
    identity["registryUrl"] = json!("http://127.0.0.1:1/");
    home.write("agents/alpha/identity.json", &identity.to_string());
    let mut running = Running::start(home.command(&arguments));
    running.json();
    assert_eq!(running.stop("-TERM"), 0);
}

#[test]
fn the_relay_is_found_in_the_order_of_the_skill() {
    let (stub, relay) = (Stub::start(), Relay::start());
    let home = Home::with_agent(&stub, "alpha");
    let port = free_port();
    let relay_of = |home: &Home, more: &[&str]| {
        let mut arguments = vec!["connector", "start", "alpha", "--json", "--port", &port];
        arguments.extend(more);
        let mut running = Running::start(home.command(&arguments));
        let relay = running.json()["relay"].as_str().unwrap().to_owned();
        assert_eq!(running.stop("-TERM"), 0);
        relay
    };
    let ws = |url: &str| format!("{}/v1/relay/connect", url.replace("http", "ws"));
    assert_eq!(relay_of(&home, &[]), ws(&stub.url));
    assert_eq!(stub.lines().iter().filter(|line| line.contains("metadata")).count(), 0);
    home.write("config.json", &json!({ "registryUrl": stub.url }).to_string());
    assert_eq!(relay_of(&home, &[]), ws(&stub.url));
    assert!(stub.lines().contains(&"GET /v1/metadata".to_owned()));
    let home = home.with("CLAWDENTITY_PROXY_URL", "https://relay.example");
    assert_eq!(relay_of(&home, &[]), "wss://relay.example/v1/relay/connect");
    let home = home.with("CLAWDENTITY_PROXY_WS_URL", "wss://relay.example/own/path");
    assert_eq!(relay_of(&home, &[]), "wss://relay.example/own/path");
    assert_eq!(relay_of(&home, &["--proxy-ws-url", &relay.url]), ws(&relay.url));
    let insecure = [
        "connector",
        "start",
        "alpha",
        "--port",
        &port,
        "--proxy-ws-url",
        "ws://relay.example",
        "--json",
    ];
    assert_eq!(home.run(&insecure).misuse().0, "CLI_CONNECTOR_INVALID_PROXY_URL");
}

#[test]
fn without_a_relay_there_is_none_to_connect_to() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    home.write("config.json", &json!({ "registryUrl": stub.url }).to_string());
    stub.answer("GET /v1/metadata", 500, json!(null));
    let port = free_port();
    let run = home.run(&["connector", "start", "alpha", "--port", &port, "--json"]);
    assert_eq!(run.failure().0, "CLI_CONNECTOR_PROXY_URL_REQUIRED");
}

#[test]
fn broken_material_is_named() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let start = || {
        home.run(&["connector", "start", "alpha", "--port", "0", "--json"])
            .failure()
            .0
    };
    let broken = |file: &str, text: &str, code: &str| {
        let path = format!("agents/alpha/{file}");
        let good = home.read(&path);
        home.write(&path, text);
        assert_eq!(start(), code, "{file}");
        home.write(&path, &good);
    };
    broken("identity.json", "{", "CLI_CONNECTOR_INVALID_AGENT_IDENTITY");
    broken("identity.json", "", "CLI_CONNECTOR_MISSING_AGENT_MATERIAL");
    broken("ait.jwt", "x", "CLI_CONNECTOR_INVALID_AIT");
    broken("secret.key", "x", "CLI_CONNECTOR_INVALID_AIT");
    broken(
        "secret.key",
        "Yxv3yvVCQtcGGNP9oPCl8SYFnrkKOqZ_IYhYpE4Yhx4",
        "CLI_CONNECTOR_INVALID_AIT",
    );
    broken("registry-auth.json", "{}", "CLI_CONNECTOR_INVALID_REGISTRY_AUTH");
    broken("registry-auth.json", "", "CLI_CONNECTOR_INVALID_REGISTRY_AUTH");
    let nobody = home.run(&["connector", "start", "nobody", "--json"]).failure().0;
    assert_eq!(nobody, "CLI_CONNECTOR_MISSING_AGENT_MATERIAL");
}

// --- the local address ----------------------------------------------------------------------------------------------

#[test]
fn broken_peers_are_told_at_the_start() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    home.write("peers.json", "{");
    // what it was told comes before what it ends with
    let run = home.run(&["connector", "start", "alpha", "--proxy-ws-url", "garbage", "--json"]);
    let warning = run.stderr.lines().next().unwrap().to_owned();
    assert!(
        warning.starts_with("{\"warning\"") && warning.contains("CLI_PAIR_PEERS_CONFIG_INVALID"),
        "{warning}"
    );
    assert_eq!(run.misuse().0, "CLI_CONNECTOR_INVALID_PROXY_URL");
}

#[test]
fn the_address_is_the_flags_the_environments_or_the_assigned_one() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let (flag, env, file) = (free_port(), free_port(), free_port());
    let server = |home: &Home, more: &[&str]| {
        let mut arguments = vec!["connector", "start", "alpha", "--json"];
        arguments.extend(more);
        let mut running = Running::start(home.command(&arguments));
        let server = running.json()["outboundServer"].as_str().unwrap().to_owned();
        assert_eq!(running.stop("-TERM"), 0);
        server
    };
    let assigned = json!({ "agents": { "alpha": { "connectorBaseUrl": format!("http://127.0.0.1:{file}/"), "updatedAt": common::NOW } } });
    home.write("openclaw-connectors.json", &assigned.to_string());
    assert_eq!(server(&home, &[]), format!("http://127.0.0.1:{file}"));
    let home = home.with("CLAWDENTITY_CONNECTOR_BASE_URL", &format!("http://localhost:{env}"));
    assert_eq!(server(&home, &[]), format!("http://127.0.0.1:{env}"));
    assert_eq!(server(&home, &["--port", &flag]), format!("http://127.0.0.1:{flag}"));
    let home = home.with("CLAWDENTITY_CONNECTOR_BASE_URL", "nonsense");
    assert_eq!(
        home.run(&["connector", "start", "alpha", "--json"]).failure().0,
        "CLI_CONNECTOR_INVALID_BASE_URL"
    );
    home.write("openclaw-connectors.json", "{");
    let broken = home.run(&["connector", "start", "alpha", "--json"]).failure().0;
    assert_eq!(broken, "CLI_CONNECTOR_INVALID_ASSIGNMENTS");
}

#[test]
fn two_agents_get_two_ports_and_keep_them() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    home.run(&["agent", "create", "beta"]).ok();
    let start = |name: &str| {
        let mut running = Running::start(home.command(&["connector", "start", name, "--json"]));
        let server = running.json()["outboundServer"].as_str().unwrap().to_owned();
        (running, server)
    };
    let (alpha, first) = start("alpha");
    let (beta, second) = start("beta");
    assert_ne!(first, second);
    let assigned = home.json("openclaw-connectors.json");
    assert_eq!(assigned["agents"]["alpha"]["connectorBaseUrl"], first);
    assert_eq!(assigned["agents"]["beta"]["connectorBaseUrl"], second);
    assert_eq!(home.mode("openclaw-connectors.json"), 0o600);
    assert!(
        assigned["agents"]["alpha"]["updatedAt"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    // the same agent again: its store is taken, and nothing is assigned anew
    let error = home.run(&["connector", "start", "alpha", "--json"]).error(1);
    assert!(
        error["hint"].as_str().unwrap().contains("another connector of alpha"),
        "{error}"
    );
    assert_eq!((alpha.stop("-TERM"), beta.stop("-TERM")), (0, 0));
    let (beta, again) = start("beta");
    assert_eq!(again, second);
    assert_eq!(beta.stop("-TERM"), 0);
}

#[test]
fn a_taken_port_names_its_holder() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (code, message) = home
        .run(&["connector", "start", "alpha", "--port", &port, "--json"])
        .failure();
    assert_eq!(code, "CLI_CONNECTOR_BIND_FAILED");
    assert!(message.contains("is taken by"), "{message}");
}

#[test]
fn other_machines_need_a_token() {
    let stub = Stub::start();
    let home = Home::with_agent(&stub, "alpha");
    let open = [
        "connector",
        "start",
        "alpha",
        "--bind",
        "0.0.0.0",
        "--port",
        "0",
        "--json",
    ];
    assert_eq!(home.run(&open).failure().0, "CLI_CONNECTOR_BIND_REFUSED");
    let name = ["connector", "start", "alpha", "--bind", "example.org", "--json"];
    assert_eq!(home.run(&name).misuse().0, "CLI_CONNECTOR_INVALID_INPUT");
    let mut running = Running::start(home.command(&[&open[..], &["--require-token"]].concat()));
    let base = running.json()["outboundServer"]
        .as_str()
        .unwrap()
        .replace("0.0.0.0", "127.0.0.1");
    let (status, answer) = post(&base, &json!({}));
    assert_eq!(
        (status, answer["error"]["code"].as_str()),
        (401, Some("LOCAL_API_TOKEN_REQUIRED"))
    );
    assert_eq!(running.stop("-TERM"), 0);
}

#[test]
fn any_webhook_can_be_the_receiver() {
    let (stub, relay) = (Stub::start(), Relay::start());
    let (hook, got) = webhook();
    let home = Home::with_agent(&stub, "alpha");
    let (port, url) = (free_port(), format!("{hook}/inbox"));
    let arguments = [
        "connector",
        "start",
        "alpha",
        "--json",
        "--port",
        &port,
        "--proxy-ws-url",
        &relay.url,
        "--deliver-url",
        &url,
        "--provider-deduplicates",
        "--no-identity-block",
    ];
    let mut running = Running::start(home.command(&arguments));
    running.json();
    let (_, mut socket) = relay.accept();
    let deliver = json!({ "type": "deliver", "v": 1, "id": "01M7YDJSZN3Z5TCDJ8YNQD9BP5", "ts": common::NOW,
        "fromAgentDid": "did:cdi:127.0.0.1:agent:01HF7YAT00W6W7CM7N3W5FDXTD", "toAgentDid": stub.did_of("alpha"),
        "payload": { "message": "hello there" } });
    socket.send(Message::text(deliver.to_string())).unwrap();
    let (head, body) = got.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(head.starts_with("POST /inbox HTTP/1.1"), "{head}");
    assert!(head.to_ascii_lowercase().contains("idempotency-key: "), "{head}");
    assert_eq!(body["message"], "hello there");
    assert_eq!(running.stop("-TERM"), 0);
    let both = [
        "connector",
        "start",
        "alpha",
        "--deliver-url",
        &url,
        "--openclaw-base-url",
        &hook,
        "--json",
    ];
    assert_eq!(home.run(&both).error(2)["code"], "CLI_USAGE");
    let bad = ["connector", "start", "alpha", "--deliver-url", "nonsense", "--json"];
    let error = home.run(&bad).error(2);
    assert_eq!(error["code"], "CLI_CONNECTOR_INVALID_INPUT");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("PROVIDER_WEBHOOK_INVALID_URL")
    );
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .starts_with("such as http://127.0.0.1:18789"),
        "{error}"
    );
}
