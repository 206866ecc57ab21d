//! An agent in a chat, from end to end: `xs`, `chancery signet`, an XMTP node, somebody else's client, and a harness.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::time::{Duration, Instant};

use chancery_tests::{
    Terminal, http,
    signet::{Harness, Home, OWNER},
    skip, wait,
    xmtp::{Network, Ours},
};
use serde_json::{Value, json};

const ALL: &str = "send,reply,react,read-messages,stream-messages";
const NOT_PERMITTED: i32 = 4;
const REVOKED: u16 = 4004;
const AUTH_FAILED: u16 = 4001;
const GOING_AWAY: u16 = 1001;

/// A home on the network with an initialised signet.
fn home(net: &Network) -> Home {
    Home::new().on(net.port()).initialized()
}

/// Waits until `person` has heard `text` in `group`, and nothing of it twice.
fn arrives(person: &Ours, group: &str, text: &str) {
    wait::until(&format!("{text:?} to arrive"), || {
        person.sync_all();
        person
            .conversations()
            .iter()
            .any(|chat| chat["id"] == group)
            .then(|| person.texts(group))
            .filter(|texts| texts.iter().any(|said| said == text))
    });
    let count = person.texts(group).iter().filter(|said| *said == text).count();
    assert_eq!(count, 1, "{text}");
}

#[test]
fn a_person_and_an_agent_talk_and_the_agent_sees_what_its_credential_covers() {
    let net = Network::without_sdk();
    let home = home(&net);
    let daemon = home.daemon();
    let ada = net.ours("ada");
    let agent = home.agent("support", "help desk", &[ada.inbox_id()], ALL);
    assert_eq!(home.ask(&["status"])["networkState"], "connected");

    let mut harness = Harness::connect(daemon.ws(), &agent.token, None);
    assert_eq!(harness.authenticated["credential"]["operatorId"], agent.operator);
    let sent = harness.send(&agent.chat, "how can I help?");
    arrives(&ada, &agent.group, "how can I help?");
    ada.send(&agent.group, "my printer is on fire");
    let heard = loop {
        let event = harness.expect("message.visible").event;
        if event["senderInboxId"] == ada.inbox_id() {
            break event;
        }
    };
    assert_eq!(heard["content"]["text"], "my printer is on fire");
    assert_eq!(heard["groupId"], agent.chat);
    let reply = json!({"groupId": agent.chat, "messageId": heard["messageId"], "contentType": "xmtp.org/text:1.0",
        "content": {"text": "put it out"}});
    let replied = harness.ask("send_reply", reply).unwrap();
    assert_ne!(replied["messageId"], sent["messageId"]);
    let reaction = json!({"groupId": agent.chat, "messageId": heard["messageId"], "action": "added", "content": "🔥"});
    harness.ask("send_reaction", reaction).unwrap();

    // another chat of the same inbox is none of its business
    let other = home.ask(&[
        "chat",
        "create",
        "--name",
        "other",
        "--as",
        &agent.inbox,
        "--members",
        ada.inbox_id(),
    ]);
    ada.sync_all();
    let other_group = other["groupId"].as_str().unwrap();
    wait::until("the other chat", || {
        ada.sync_all();
        ada.has(other_group).then_some(())
    });
    ada.send(other_group, "between us");
    ada.send(&agent.group, "it is out");
    let next = loop {
        let event = harness.expect("message.visible").event;
        if event["senderInboxId"] == ada.inbox_id() {
            break event;
        }
    };
    assert_eq!(next["content"]["text"], "it is out");
    let refused = harness
        .try_send(other["chatId"].as_str().unwrap(), "hello?")
        .unwrap_err();
    assert_eq!(refused["category"], "permission", "{refused}");
}

#[test]
fn what_is_held_waits_for_the_owner_who_says_yes_at_the_terminal() {
    let net = Network::without_sdk();
    let home = home(&net);
    let daemon = home.daemon();
    let ada = net.ours("ada");
    let agent = home.agent("drafter", "board", &[ada.inbox_id()], ALL);
    home.ask(&[
        "policy",
        "create",
        "--label",
        "drafts",
        "--allow",
        ALL,
        "--confirm",
        "send",
    ]);
    let issued = home.issue(&agent.operator, &agent.chat, &["--policy", "drafts"]);
    let token = issued["token"].as_str().unwrap();
    let mut harness = Harness::connect(daemon.ws(), token, None);
    let held = harness.send(&agent.chat, "we resign");
    assert_eq!(held["pending"], true, "{held}");
    let action = held["actionId"].as_str().unwrap().to_owned();
    assert_eq!(
        harness.expect("action.confirmation_required").event["actionId"],
        action.as_str()
    );

    // neither the harness nor an admin without the owner
    let own = harness.ask("confirm_action", json!({"actionId": action, "confirmed": true}));
    assert_eq!(own.unwrap_err()["category"], "permission");
    let (code, failure) = home.refused(&["action", "approve", &action]);
    assert_eq!(code, NOT_PERMITTED, "{failure}");
    let waiting = home.ask(&["action", "list"]);
    assert_eq!(waiting["actions"][0]["actionId"], action.as_str(), "{waiting}");
    ada.sync_all();

    let Some(mut terminal) = home.at_terminal(&["action", "approve", &action]) else {
        skip!("{}", Terminal::MISSING);
    };
    terminal.expect(&action);
    terminal.expect("assphrase");
    terminal.types(OWNER);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    arrives(&ada, &agent.group, "we resign");
    // once
    let (code, _) = home.refused(&["action", "approve", &action]);
    assert_ne!(code, 0);
}

#[test]
fn a_revoked_credential_closes_its_socket_within_a_second() {
    let net = Network::without_sdk();
    let home = home(&net);
    let daemon = home.daemon();
    let agent = home.agent("leaver", "desk", &[], ALL);
    let mut harness = Harness::connect(daemon.ws(), &agent.token, None);
    let watched = std::thread::spawn(move || {
        let code = harness.end();
        (code, Instant::now())
    });
    home.ask(&["cred", "revoke", &agent.credential, "--force"]);
    let answered = Instant::now();
    let (code, ended) = watched.join().unwrap();
    assert_eq!(code, REVOKED);
    // the answer came when it was committed, or after
    let took = ended.saturating_duration_since(answered);
    assert!(took < Duration::from_secs(1), "{took:?}");
    let again = Harness::try_connect(daemon.ws(), &agent.token, None).unwrap_err();
    assert_eq!(again, AUTH_FAILED);
}

#[test]
fn a_widened_credential_asks_for_a_new_token_and_a_narrowed_one_goes_on() {
    let net = Network::without_sdk();
    let home = home(&net);
    let daemon = home.daemon();
    let agent = home.agent("grower", "desk", &[], ALL);
    let mut harness = Harness::connect(daemon.ws(), &agent.token, None);
    home.ask(&["cred", "update", &agent.credential, "--deny", "send"]);
    harness.expect("scopes.updated");
    let refused = harness.try_send(&agent.chat, "hello").unwrap_err();
    assert_eq!(refused["category"], "permission");
    home.ask(&["cred", "update", &agent.credential, "--allow", &format!("{ALL},invite")]);
    harness.expect("credential.reauthorization_required");
    assert_eq!(harness.end(), 4005);
}

#[test]
fn kill_9_loses_nothing_and_repeats_nothing() {
    let net = Network::without_sdk();
    let home = home(&net);
    let mut daemon = home.daemon();
    let ada = net.ours("ada");
    let agent = home.agent("steady", "desk", &[ada.inbox_id()], ALL);
    home.ask(&[
        "policy",
        "create",
        "--label",
        "drafts",
        "--allow",
        ALL,
        "--confirm",
        "send",
    ]);
    let drafts = home.issue(&agent.operator, &agent.chat, &["--policy", "drafts"]);
    let mut drafter = Harness::connect(daemon.ws(), drafts["token"].as_str().unwrap(), None);
    let held = drafter.send(&agent.chat, "held")["actionId"].clone();
    let mut harness = Harness::connect(daemon.ws(), &agent.token, None);
    harness.send(&agent.chat, "before");
    arrives(&ada, &agent.group, "before");
    ada.send(&agent.group, "one");
    let seen = loop {
        let event = harness.expect("message.visible");
        if event.event["content"]["text"] == "one" {
            break event.seq;
        }
    };
    let before = everything(&home);

    daemon.process.kill();
    ada.send(&agent.group, "two, while nobody listened");
    daemon.process.start();

    assert_eq!(everything(&home), before);
    assert_eq!(home.ask(&["action", "list"])["actions"][0]["actionId"], held);
    let mut harness = Harness::connect(daemon.ws(), &agent.token, Some(seen));
    assert_eq!(harness.authenticated["resumedFromSeq"], seen);
    let missed = loop {
        let event = harness.next_event().unwrap();
        if event.event["content"]["text"] == "two, while nobody listened" {
            break event;
        }
        assert_ne!(event.event["content"]["text"], "one", "it was seen");
    };
    assert!(missed.seq > seen);
    harness.send(&agent.chat, "after");
    arrives(&ada, &agent.group, "after");
    arrives(&ada, &agent.group, "before");
    let audit = home.ask(&["logs", "verify"]);
    assert_eq!(audit["ok"], true, "{audit}");
}

/// What the signet keeps, as `xs` shows it.
fn everything(home: &Home) -> Value {
    let lists: [&[&str]; 6] = [
        &["operator", "list"],
        &["policy", "list"],
        &["cred", "list", "--all"],
        &["inbox", "list"],
        &["chat", "list"],
        &["key", "list"],
    ];
    lists.iter().map(|list| home.ask(list)).collect()
}

#[test]
fn harnesses_are_told_of_the_end_and_come_back() {
    let net = Network::without_sdk();
    let home = home(&net);
    let mut daemon = home.daemon();
    let ada = net.ours("ada");
    let agent = home.agent("loyal", "desk", &[ada.inbox_id()], ALL);
    let mut harness = Harness::connect(daemon.ws(), &agent.token, None);
    harness.send(&agent.chat, "hello");
    arrives(&ada, &agent.group, "hello");
    ada.send(&agent.group, "one");
    let seen = harness.expect("message.visible");
    assert_eq!(seen.event["content"]["text"], "one");
    let ended = std::thread::spawn(move || harness.end());
    assert!(daemon.process.stop().success());
    assert_eq!(ended.join().unwrap(), GOING_AWAY);
    ada.send(&agent.group, "two");
    daemon.process.start();
    let mut harness = Harness::connect(daemon.ws(), &agent.token, Some(seen.seq));
    let mut last = seen.seq;
    loop {
        let event = harness.next_event().unwrap();
        assert_eq!(event.seq, last + 1, "{}", event.event);
        last = event.seq;
        match event.event["content"]["text"].as_str() {
            Some("two") => break,
            text => assert_ne!(text, Some("one"), "it was seen"),
        }
    }
}

#[test]
fn tokens_and_words_are_in_no_log() {
    let net = Network::without_sdk();
    let home = home(&net).with("XMTP_SIGNET_LOG_LEVEL", "debug");
    let mut daemon = home.daemon();
    let ada = net.ours("ada");
    let agent = home.agent("discreet", "desk", &[ada.inbox_id()], ALL);
    let mut harness = Harness::connect(daemon.ws(), &agent.token, None);
    harness.send(&agent.chat, "the combination is 1234");
    arrives(&ada, &agent.group, "the combination is 1234");
    ada.send(&agent.group, "that is no combination");
    harness.expect("message.visible");
    assert!(Harness::try_connect(daemon.ws(), &"A".repeat(43), None).is_err());
    let admin = home.ask(&["admin", "token"]);
    assert!(daemon.process.stop().success());
    let log = daemon.process.log();
    for secret in [
        agent.token.as_str(),
        "combination",
        admin["token"].as_str().unwrap(),
        &"A".repeat(43),
    ] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn actions_go_over_http_with_a_token_and_not_without() {
    let net = Network::without_sdk();
    let port = chancery_tests::Port::free();
    let home = home(&net)
        .with("XMTP_SIGNET_HTTP_ENABLED", "1")
        .with("XMTP_SIGNET_HTTP_PORT", &port.number().to_string());
    let _daemon = home.daemon();
    let agent = home.agent("caller", "desk", &[], ALL);
    let admin = home.ask(&["admin", "token"]);
    let bearer = |token: &str| format!("Bearer {token}");
    let list = "/v1/actions/operator/list";
    let at = port.address();
    assert_eq!(http::get(at, list).unwrap().status, 401);
    let authorized = bearer(admin["token"].as_str().unwrap());
    let listed = http::send(at, "GET", list, &[("authorization", &authorized)], b"").unwrap();
    assert_eq!(listed.json()["data"][0]["id"], agent.operator);
    // a credential's token says who it is, and administers nothing
    let harness = bearer(&agent.token);
    let info = http::post(at, "/v1/credential/info", &[("authorization", &harness)], &json!({})).unwrap();
    assert_eq!(info.json()["data"]["credentialId"], agent.credential);
    let refused = http::send(at, "GET", list, &[("authorization", &harness)], b"").unwrap();
    assert_eq!(refused.status, 401);
}
