//! The published client, `clawdentity-cli` 0.1.7, against our registry, relay and connector: another program by others,
//! installed from Cargo's registry and run as it is. What it does where nobody would expect it is in `docs/interop.md`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use chancery_base::{Clock as _, jws};
use chancery_serve::system::SystemClock;
use chancery_tests::{
    Agent, Caller, Connector, Person, Received, Site, Socket, Tap, Webhook, caller, http, published, skip, wait,
};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The client, or the end of the test.
macro_rules! client {
    () => {
        match published::client() {
            Some(client) => client,
            None => skip!("{}", published::MISSING),
        }
    };
}

/// What they are told to exchange, each way.
const MESSAGES: usize = 20;

/// Somebody with an empty home and the published client.
fn stranger(site: &Site, name: &str, client: &Path) -> Person {
    site.stranger(name).with_client(client)
}

/// Somebody who uses the published client and has redeemed an invite.
fn guest(site: &Site, admin: &Person, name: &str, client: &Path) -> Person {
    let guest = stranger(site, name, client);
    guest.redeem(&admin.invite_code());
    guest
}

/// The published connector, on its way to the relay through `tap` where there is one.
fn old_connector(agent: &Agent, hook: &Webhook, tap: Option<&Tap>) -> Connector {
    let base = hook.base_url();
    let mut arguments = vec!["--openclaw-base-url", &base];
    let relay = tap.map(|tap| format!("ws://{}", tap.address()));
    if let Some(relay) = &relay {
        arguments.extend(["--proxy-ws-url", relay]);
    }
    let mut connector = Connector::prepare(agent, &arguments);
    connector.start();
    connector
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn url(site: &Site) -> String {
    site.registry_port().url()
}

#[test]
fn an_administrator_is_made_once() {
    let client = client!();
    let site = Site::start();
    let admin = stranger(&site, "admin", &client);
    let bootstrap = |secret: &str| {
        let url = url(&site);
        admin
            .run([
                "admin",
                "bootstrap",
                "--bootstrap-secret",
                secret,
                "--registry-url",
                &url,
            ])
            .run()
    };
    let refused = bootstrap("not the secret");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("401"), "{}", refused.stderr);

    // both names are absent, and the client says so with null
    let made = bootstrap(&site.bootstrap_secret()).json();
    assert_eq!(made["human"]["displayName"], "Admin");
    assert_eq!(made["human"]["role"], "admin");
    assert_eq!(made["apiKey"]["name"], "bootstrap-admin");
    assert_eq!(made["internalService"]["name"], "proxy-pairing");

    let again = bootstrap(&site.bootstrap_secret());
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("409"), "{}", again.stderr);

    let invite = admin.json(["invite", "create"]);
    assert!(invite["invite"]["code"].as_str().unwrap().starts_with("clw_inv_"));
}

#[test]
fn an_invite_is_redeemed_once() {
    let client = client!();
    let site = Site::start();
    let admin = site.admin().with_client(&client);
    let code = admin.invite_code();

    let alice = stranger(&site, "Alice", &client);
    let configured = alice.json(["config", "init", "--registry-url", &url(&site)]);
    assert_eq!(configured["config"]["proxyUrl"], site.relay_port().url());
    let redeemed = alice.json(["invite", "redeem", &code, "--display-name", "Alice"]);
    assert_eq!(redeemed["humanName"], "Alice");
    assert_eq!(alice.json(["config", "get", "apiKey"])["value"], "********");

    let path = PathBuf::from(configured["path"].as_str().unwrap());
    assert_eq!(mode(&path), 0o600);
    let config: BTreeMap<String, Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let names: Vec<&str> = config.keys().map(String::as_str).collect();
    assert_eq!(names, ["apiKey", "humanName", "proxyUrl", "registryUrl"]);

    let bob = stranger(&site, "Bob", &client);
    let refused = |code: &str| {
        let url = url(&site);
        let arguments = [
            "invite",
            "redeem",
            code,
            "--display-name",
            "Bob",
            "--registry-url",
            &url,
        ];
        let done = bob.run(arguments).run();
        assert_eq!(done.code, 1, "{}", done.stdout);
        done.stderr
    };
    assert!(refused(&code).contains("409"));
    assert!(refused("clw_inv_nobody_made_this_one_________").contains("400"));

    let soon = SystemClock.now().plus(1_000);
    let expiring = admin.json(["invite", "create", "--expires-at", &soon.to_rfc3339()]);
    let expiring = expiring["invite"]["code"].as_str().unwrap();
    wait::until("the invite to expire", || (SystemClock.now() > soon).then_some(()));
    assert!(refused(expiring).contains("400"));
    let late = admin
        .run(["invite", "create", "--expires-at", "2020-01-01T00:00:00Z"])
        .run();
    assert_eq!(late.code, 1);

    let refused = alice.run(["invite", "create"]).run();
    assert!(refused.stderr.contains("403"), "{}", refused.stderr);
}

#[test]
fn api_keys_are_made_listed_and_revoked() {
    let client = client!();
    let site = Site::start();
    let admin = site.admin();
    let alice = guest(&site, &admin, "Alice", &client);

    let made = alice.json(["api-key", "create"]);
    assert_eq!(made["apiKey"]["name"], "api-key");
    let named = alice.json(["api-key", "create", "--name", "laptop"]);
    let status = |id: &Value| {
        let listed = alice.json(["api-key", "list"]);
        let keys = listed["apiKeys"].as_array().unwrap().clone();
        keys.into_iter().find(|key| &key["id"] == id).unwrap()["status"].clone()
    };
    let id = &made["apiKey"]["id"];
    assert_eq!(status(id), "active");
    let _ = alice.json(["api-key", "revoke", id.as_str().unwrap()]);
    assert_eq!(status(id), "revoked");
    assert_eq!(status(&named["apiKey"]["id"]), "active");
    assert_eq!(alice.run(["api-key", "revoke", "bogus"]).run().code, 1);

    let token = made["apiKey"]["token"].as_str().unwrap();
    let _ = alice.json(["config", "set", "apiKey", token]);
    let refused = alice.run(["api-key", "list"]).run();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("401"), "{}", refused.stderr);
}

#[test]
fn an_agent_is_created_inspected_and_refreshed() {
    let client = client!();
    let site = Site::start();
    let admin = site.admin();
    let alice = guest(&site, &admin, "Alice", &client);
    let created = alice.json(["agent", "create", "alpha", "--framework", "openclaw", "--ttl-days", "7"]);
    let did = created["did"].as_str().unwrap();
    assert!(did.starts_with("did:cdi:127.0.0.1:agent:"), "{did}");

    let dir = alice.agent_dir("alpha");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dir).unwrap().flatten() {
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "ait.jwt",
            "identity.json",
            "public.key",
            "registry-auth.json",
            "secret.key"
        ]
    );
    let token = std::fs::read_to_string(dir.join("ait.jwt")).unwrap();
    let claims: Value = jws::Unverified::parse(&token, "AIT")
        .unwrap()
        .claims_unverified()
        .unwrap();
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        7 * 86_400
    );
    assert_eq!(claims["sub"], did);

    let inspected = alice.json(["agent", "inspect", "alpha"]);
    assert_eq!(inspected["did"], did);
    assert_eq!(inspected["ownerDid"], claims["ownerDid"]);
    assert_eq!(inspected["framework"], "openclaw");

    for wrong in ["alpha", "al pha"] {
        assert_eq!(alice.run(["agent", "create", wrong]).run().code, 1, "{wrong}");
    }
    let refused = alice.run(["agent", "create", "beta", "--ttl-days", "91"]).run();
    assert!(refused.stderr.contains("400"), "{}", refused.stderr);

    let auth = || std::fs::read_to_string(dir.join("registry-auth.json")).unwrap();
    let mut before = auth();
    for _ in 0..2 {
        let refreshed = alice.json(["agent", "auth", "refresh", "alpha"]);
        assert_eq!(refreshed["status"], "refreshed");
        let after = auth();
        assert_ne!(before, after);
        before = after;
    }
}

#[test]
fn a_token_is_verified_on_a_registry_that_has_revoked_nothing() {
    let client = client!();
    let site = Site::start();
    let admin = site.admin();
    let alice = guest(&site, &admin, "Alice", &client);
    let agent = alice.agent("alpha");
    let file = agent.dir().join("ait.jwt");

    let plain = alice.run_plain(["verify"]).arg(&file).run().ok();
    assert!(plain.stdout.starts_with("token verified"), "{}", plain.stdout);
    let verified = alice.run(["verify"]).arg(&file).run().json();
    assert_eq!(verified["passed"], true, "{verified}");
    assert_eq!(verified["claims"]["sub"], agent.did());

    let token = std::fs::read_to_string(&file).unwrap();
    let mut parts: Vec<&str> = token.split('.').collect();
    let payload = format!("{}A", parts[1]);
    parts[1] = &payload;
    let tampered = parts.join(".");
    assert_eq!(alice.run_plain(["verify", &tampered]).run().code, 1);
    assert_eq!(alice.json(["verify", &tampered])["passed"], false);

    agent.revoke(site.registry_port().address());
    let refused = alice.run(["agent", "auth", "refresh", "alpha"]).run();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("401"), "{}", refused.stderr);
    // one that has not asked before has nothing cached
    let bob = guest(&site, &admin, "Bob", &client);
    assert_eq!(bob.json(["verify", &token])["passed"], false);
}

#[test]
fn agents_are_paired_by_a_ticket() {
    let client = client!();
    let site = Site::start();
    let admin = site.admin();
    let people = ["Alice", "Bob", "Carol"].map(|name| guest(&site, &admin, name, &client));
    let [alice, bob, carol] = &people;
    let (alpha, beta) = (alice.agent("alpha"), bob.agent("beta"));
    let _gamma = carol.agent("gamma");

    let started = alice.json(["pair", "start", "alpha"]);
    let ticket = started["ticket"].as_str().unwrap();
    let envelope = ticket.strip_prefix("clwpair1_").unwrap();
    let envelope: Value = serde_json::from_slice(&chancery_base::b64::decode(envelope).unwrap()).unwrap();
    assert_eq!(envelope["v"], 2);
    assert_eq!(envelope["iss"], site.relay_port().url());
    assert_eq!(envelope["sig"].as_str().unwrap().len(), 86);
    assert_eq!(
        alice.json(["pair", "status", "alpha", "--ticket", ticket])["status"],
        "pending"
    );
    // nobody else may ask
    let refused = carol.run(["pair", "status", "gamma", "--ticket", ticket]).run();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("403"), "{}", refused.stderr);

    // as it comes out of a chat
    let (first, second) = ticket.split_at(ticket.len() / 2);
    let pasted = format!(" `{first} {second}`\n");
    let confirmed = bob.json(["pair", "confirm", "beta", "--ticket", &pasted]);
    assert_eq!(confirmed["paired"], true);
    assert_eq!(confirmed["initiatorAgentDid"], alpha.did());
    assert_eq!(confirmed["responderAgentDid"], beta.did());
    assert_eq!(confirmed["initiatorProfile"]["humanName"], "Alice");
    assert_eq!(confirmed["peerAlias"], alias(&alpha));

    let again = bob.run(["pair", "confirm", "beta", "--ticket", ticket]).run();
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("409"), "{}", again.stderr);

    let status = alice.json(["pair", "status", "alpha", "--ticket", ticket]);
    assert_eq!(status["status"], "confirmed");
    assert_eq!(status["responderProfile"]["agentName"], "beta");
    assert_eq!(status["peerAlias"], alias(&beta));
    let refused = carol.run(["pair", "status", "gamma", "--ticket", ticket]).run();
    assert!(refused.stderr.contains("403"), "{}", refused.stderr);
}

/// What the client calls a peer: `peer-` and the end of its id.
fn alias(agent: &Agent) -> String {
    let did = agent.did();
    format!("peer-{}", did[did.len() - 8..].to_ascii_lowercase())
}

#[test]
fn a_ticket_travels_as_a_picture() {
    let client = client!();
    let site = Site::start();
    let admin = site.admin();
    let (alice, bob) = (
        guest(&site, &admin, "Alice", &client),
        guest(&site, &admin, "Bob", &client),
    );
    let (_alpha, _beta) = (alice.agent("alpha"), bob.agent("beta"));
    let started = alice.json(["pair", "start", "alpha", "--qr"]);
    let picture = started["qrPath"].as_str().unwrap();
    let confirmed = bob.json(["pair", "confirm", "beta", "--qr-file", picture]);
    assert_eq!(confirmed["paired"], true);
    assert!(!Path::new(picture).exists());

    // between it and ours, both ways
    let carol = admin.invite("Carol");
    let _gamma = carol.agent("gamma");
    let started = alice.json(["pair", "start", "alpha", "--qr"]);
    let confirmed = carol.json([
        "pair",
        "confirm",
        "gamma",
        "--qr-file",
        started["qrPath"].as_str().unwrap(),
    ]);
    assert_eq!(confirmed["paired"], true);
    let dave = admin.invite("Dave");
    let _delta = dave.agent("delta");
    let started = dave.json(["pair", "start", "delta", "--qr"]);
    let confirmed = bob.json([
        "pair",
        "confirm",
        "beta",
        "--qr-file",
        started["qrPath"].as_str().unwrap(),
    ]);
    assert_eq!(confirmed["paired"], true);
}

#[test]
fn a_ticket_lives_as_long_as_it_says() {
    let client = client!();
    let site = Site::start();
    let admin = site.admin();
    let (alice, bob) = (
        guest(&site, &admin, "Alice", &client),
        guest(&site, &admin, "Bob", &client),
    );
    let (_alpha, _beta) = (alice.agent("alpha"), bob.agent("beta"));
    let refused = alice.run(["pair", "start", "alpha", "--ttl-seconds", "901"]).run();
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("400"), "{}", refused.stderr);

    let started = alice.json(["pair", "start", "alpha", "--ttl-seconds", "1"]);
    let ticket = started["ticket"].as_str().unwrap();
    let expired = wait::until("the ticket to expire", || {
        let asked = alice.run(["pair", "status", "alpha", "--ticket", ticket]).run();
        (asked.code != 0).then_some(asked.stderr)
    });
    assert!(expired.contains("410"), "{expired}");
    let refused = bob.run(["pair", "confirm", "beta", "--ticket", ticket]).run();
    assert_eq!(refused.code, 1);

    let waits = ["--wait", "--wait-seconds", "1", "--poll-interval-seconds", "1"];
    let pending = alice.run(["pair", "start", "alpha"]).args(waits).run();
    assert_eq!(pending.code, 1);
    assert!(pending.stderr.contains("pending"), "{}", pending.stderr);
}

/// One of two that talk.
struct Party<'a> {
    agent: &'a Agent,
    connector: &'a Connector,
    hook: &'a Webhook,
    published: bool,
}

impl Party<'_> {
    fn payload(&self, number: usize) -> Value {
        let name = self.agent.name();
        json!({
            "message": format!("{name} says {number}: zażółć \u{1f980}"),
            "sessionId": format!("of-{name}"),
            "number": number,
            "nested": { "list": [1, null, true, "\u{0}"], "big": 9_007_199_254_740_991_i64 },
        })
    }

    fn send(&self, to: &Self, number: usize) {
        let body = json!({
            "toAgentDid": to.agent.did(),
            "payload": self.payload(number),
            "conversationId": format!("conversation {}", number % 3),
        });
        self.connector.try_send(&body).expect("a connector takes a message");
    }

    /// Checks one message that `from` sent and this one's webhook got.
    fn check(&self, from: &Self, got: &Received) {
        let payload = &got.body["metadata"]["payload"];
        let number = usize::try_from(payload["number"].as_u64().unwrap()).unwrap();
        let sent = from.payload(number);
        let text = sent["message"].as_str().unwrap();
        assert_eq!(got.from.as_deref(), Some(from.agent.did()));
        assert_eq!(got.body["senderDid"], from.agent.did());
        assert_eq!(got.body["recipientDid"], self.agent.did());
        let conversation = format!("conversation {}", number % 3);
        assert_eq!(got.body["metadata"]["conversationId"], conversation);
        let block = |message: &Value| {
            let message = message.as_str().unwrap();
            let begin = format!(
                "[Clawdentity Identity]\nagentDid: {}\nownerDid: did:cdi:",
                from.agent.did()
            );
            assert!(message.starts_with(&begin), "{message}");
            let (block, rest) = message.split_once("\n\n").unwrap();
            assert!(block.contains("\nissuer: http://127.0.0.1:"), "{block}");
            assert!(block.contains("\naitJti: "), "{block}");
            assert_eq!(rest, text);
        };
        let mut expected = sent.clone();
        if self.published {
            // it gets the block inside the payload, from the relay, and hands its payload on as text and whole
            block(&payload["message"]);
            expected["message"] = payload["message"].clone();
            let content: Value = serde_json::from_str(got.body["content"].as_str().unwrap()).unwrap();
            assert_eq!(&content, payload);
        } else {
            block(&got.body["message"]);
            assert_eq!(got.body["sessionId"], sent["sessionId"]);
            let verified = if from.published { "relay-asserted" } else { "end-to-end" };
            assert_eq!(got.body["metadata"]["verified"], verified);
        }
        assert_eq!(payload, &expected);
    }
}

/// Both send, and both get everything, once each, and what a conversation holds in order.
fn exchange(left: &Party<'_>, right: &Party<'_>) {
    for number in 0..MESSAGES {
        left.send(right, number);
        right.send(left, number);
    }
    for (from, to) in [(left, right), (right, left)] {
        let got = to.hook.wait_for(MESSAGES);
        let numbers = got
            .iter()
            .map(|got| got.body["metadata"]["payload"]["number"].as_u64().unwrap());
        let numbers: Vec<u64> = numbers.collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..MESSAGES as u64), "{numbers:?}");
        for conversation in 0..3 {
            let those = numbers.iter().filter(|number| *number % 3 == conversation);
            assert!(those.is_sorted(), "conversation {conversation}: {numbers:?}");
        }
        for got in &got {
            to.check(from, got);
        }
    }
}

/// The rate that a relay allows an agent when nobody says otherwise: all of this is below it.
const DEFAULT_RATE: [(&str, &str); 1] = [("AGENT_RATE_LIMIT_REQUESTS_PER_MINUTE", "60")];

#[test]
fn it_exchanges_40_messages_with_our_connector() {
    let client = client!();
    let site = Site::start_with(&DEFAULT_RATE);
    let admin = site.admin();
    let (alice, bob) = (guest(&site, &admin, "Alice", &client), admin.invite("Bob"));
    let (alpha, beta) = (alice.agent("alpha"), bob.agent("beta"));
    alpha.pair_with(&beta);
    let (old_hook, hook) = (Webhook::start(), Webhook::start());
    let mut old = old_connector(&alpha, &old_hook, None);
    let ours = beta.connector(&hook);
    let left = Party {
        agent: &alpha,
        connector: &old,
        hook: &old_hook,
        published: true,
    };
    let right = Party {
        agent: &beta,
        connector: &ours,
        hook: &hook,
        published: false,
    };
    exchange(&left, &right);
    wait::until("our connector to hear that its messages arrived", || {
        (ours.status()["outbound"]["queue"]["pendingCount"] == 0).then_some(())
    });
    assert!(old.process.end_with(Signal::INT).success());
}

#[test]
fn it_exchanges_40_messages_with_a_second_copy_of_itself() {
    let client = client!();
    let site = Site::start_with(&DEFAULT_RATE);
    let admin = site.admin();
    let (alice, bob) = (
        guest(&site, &admin, "Alice", &client),
        guest(&site, &admin, "Bob", &client),
    );
    let (alpha, beta) = (alice.agent("alpha"), bob.agent("beta"));
    alpha.pair_with(&beta);
    let hooks = [Webhook::start(), Webhook::start()];
    let connectors = [
        old_connector(&alpha, &hooks[0], None),
        old_connector(&beta, &hooks[1], None),
    ];
    let [left, right] = [(&alpha, 0), (&beta, 1)].map(|(agent, at)| Party {
        agent,
        connector: &connectors[at],
        hook: &hooks[at],
        published: true,
    });
    exchange(&left, &right);
}

#[test]
fn it_gets_what_came_while_it_was_away_or_its_webhook_was() {
    let client = client!();
    let site = Site::start_with(&[("RELAY_RETRY_INITIAL_MS", "100")]);
    let admin = site.admin();
    let (alice, bob) = (guest(&site, &admin, "Alice", &client), admin.invite("Bob"));
    let (alpha, beta) = (alice.agent("alpha"), bob.agent("beta"));
    beta.pair_with(&alpha);
    let (old_hook, hook) = (Webhook::start(), Webhook::start());
    let ours = beta.connector(&hook);
    let id = ours.send(alpha.did(), &json!({ "message": "while it was away" }));
    ours.wait_taken(&id);
    let old = old_connector(&alpha, &old_hook, None);
    old_hook.wait_for(1);

    old_hook.answer(503);
    ours.send(alpha.did(), &json!({ "message": "while its webhook was away" }));
    wait::until("a second try", || (old_hook.count() >= 3).then_some(()));
    old_hook.answer(200);
    let got = old_hook.wait_for(2);
    let message = got[1].body["metadata"]["payload"]["message"].as_str().unwrap();
    assert!(message.ends_with("while its webhook was away"), "{message}");
    // the same delivery each time, so that a receiver can tell
    let tries = old_hook.received();
    let keys = tries[1..].iter().map(|request| request.key.clone());
    assert!(
        keys.clone().all(|key| key == got[1].key),
        "{:?}",
        keys.collect::<Vec<_>>()
    );
    drop(old);
}

/// An agent of the published client's, connected through a wire that can be cut, and a peer of ours.
struct Wired {
    site: Site,
    tap: Tap,
    old: Connector,
    old_hook: Webhook,
    ours: Connector,
    hook: Webhook,
    alpha: Agent,
    beta: Agent,
}

impl Wired {
    fn start(client: &Path, variables: &[(&str, &str)]) -> Self {
        let site = Site::start_with(variables);
        let admin = site.admin();
        let (alice, bob) = (guest(&site, &admin, "Alice", client), admin.invite("Bob"));
        let (alpha, beta) = (alice.agent("alpha"), bob.agent("beta"));
        alpha.pair_with(&beta);
        let tap = Tap::to(site.relay_port().address());
        let (old_hook, hook) = (Webhook::start(), Webhook::start());
        let old = old_connector(&alpha, &old_hook, Some(&tap));
        let ours = beta.connector(&hook);
        Self {
            site,
            tap,
            old,
            old_hook,
            ours,
            hook,
            alpha,
            beta,
        }
    }

    /// Waits until the old connector has asked `count` times for a connection, and returns the answers.
    fn answers(&self, count: usize) -> Vec<(u16, String)> {
        wait::until(&format!("connection {count}"), || {
            Some(self.tap.answers()).filter(|answers| answers.len() >= count)
        })
    }

    fn talk(&self, round: &str) {
        let (to_old, to_ours) = (format!("{round} to it"), format!("{round} from it"));
        let arrived = |hook: &Webhook, text: &str| {
            wait::until(text, || {
                let got = hook.distinct();
                got.iter().any(|got| got.body.to_string().contains(text)).then_some(())
            });
        };
        self.ours.send(self.alpha.did(), &json!({ "message": to_old }));
        self.old.send(self.beta.did(), &json!({ "message": to_ours }));
        arrived(&self.old_hook, &to_old);
        arrived(&self.hook, &to_ours);
    }
}

#[test]
fn its_second_connection_is_refused_as_a_replay() {
    let client = client!();
    let wired = Wired::start(&client, &[]);
    wired.talk("first");
    wired.tap.cut();
    let answers = wired.answers(4);
    assert_eq!(answers[0], (101, String::new()));
    for refused in &answers[1..] {
        assert_eq!(refused, &(401, "PROXY_AUTH_REPLAY".to_owned()));
    }
    assert_eq!(wired.old.status()["websocket"]["connected"], false);
    // because it shows the same proof each time
    for header in [
        "x-claw-nonce",
        "x-claw-timestamp",
        "x-claw-proof",
        "x-claw-agent-access",
    ] {
        let asked = wired.tap.asked(header);
        assert!(asked[0].is_some(), "{header}");
        assert!(asked.iter().all(|value| value == &asked[0]), "{header}: {asked:?}");
    }
}

#[test]
fn its_second_connection_is_let_in_where_the_operator_allows_it() {
    let client = client!();
    let mut wired = Wired::start(&client, &[("RELAY_LEGACY_RECONNECT", "1")]);
    wired.talk("first");
    wired.tap.cut();
    assert_eq!(wired.answers(2)[1].0, 101);
    wired.talk("after the cut");

    wired.site.relay.restart();
    wait::until("the third connection", || {
        let answers = wired.tap.answers();
        (answers.iter().filter(|(status, _)| *status == 101).count() >= 3).then_some(())
    });
    wired.talk("after the restart");
}

#[test]
fn a_proof_that_may_come_again_does_so_on_connect_alone_and_after_its_socket() {
    let site = Site::start_with(&[("RELAY_LEGACY_RECONNECT", "1")]);
    let admin = site.admin();
    let (alice, bob) = (admin.invite("Alice"), admin.invite("Bob"));
    let (alpha, beta) = (alice.agent("alpha"), bob.agent("beta"));
    alpha.pair_with(&beta);
    let relay = site.relay_port().address();
    let caller = Caller::of(&alpha.dir());
    let replay = (401, "PROXY_AUTH_REPLAY".to_owned());

    let target = "/v1/relay/connect";
    let proof = caller.headers(relay, "GET", target, &[], b"");
    let connect = || Socket::open(relay, target, &caller::borrowed(&proof));
    let first = connect().unwrap();
    assert_eq!(connect().unwrap_err().error(), replay, "while its socket is there");
    drop(first);
    let again = wait::until("the relay to see that the socket is gone", || connect().ok());
    drop(again);

    let json = ("content-type", "application/json");
    let message = [json, ("x-claw-recipient-agent-did", beta.did())];
    let profile = br#"{"initiatorProfile":{"agentName":"alpha","humanName":"Alice"}}"#;
    for (target, more, body) in [
        ("/hooks/agent", &message[..], &br#"{"message":"once"}"#[..]),
        ("/pair/start", &message[..1], profile),
    ] {
        let headers = caller.headers(relay, "POST", target, more, body);
        let send = || http::send(relay, "POST", target, &caller::borrowed(&headers), body).unwrap();
        let first = send();
        assert!(first.status < 300, "{target}: {:?}", first.error());
        assert_eq!(send().error(), replay, "{target}");
    }
}
