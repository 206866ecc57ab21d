//! A person and an agent: the person has an official XMTP SDK, the agent a harness on the signet, and our node carries what
//! they say.
//!
//! Needs the SDKs ([`Sdk::find`]): the tests are skipped without them.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::time::{Duration, Instant};

use chancery_tests::{
    Terminal,
    signet::{Agent, Harness, Home, OWNER},
    skip, wait,
    xmtp::{
        Client,
        Generation::{self, Five, Six},
        Message, Network, Sdk,
    },
};
use serde_json::{Value, json};

const ALL: &str = "send,reply,react,read-messages,stream-messages";
const NOT_PERMITTED: i32 = 4;
const REVOKED: u16 = 4004;
const REAUTHORIZE: u16 = 4005;

/// The network, or the end of the test.
macro_rules! network {
    () => {{
        let Some(sdk) = Sdk::find() else {
            skip!("{}", Sdk::MISSING);
        };
        Network::start(sdk)
    }};
}

/// What `person` has of `group` that is `wanted`, once it is there.
fn comes(person: &Client, group: &str, wanted: impl Fn(&Message) -> bool) -> Message {
    wait::until("a message to come to the person", || {
        person.sync_all();
        let there = person.has(group).then(|| person.messages(group))?;
        there.into_iter().find(&wanted)
    })
}

/// The same, for a text, which must be there once.
fn hears(person: &Client, group: &str, text: &str) -> Message {
    let heard = comes(person, group, |message| message.text() == Some(text));
    let texts = person.texts(group);
    assert_eq!(texts.iter().filter(|said| *said == text).count(), 1, "{texts:?}");
    heard
}

/// The next message of `person` that the harness is told.
fn told(harness: &mut Harness, person: &Client) -> Value {
    loop {
        let event = harness.expect("message.visible").event;
        if event["senderInboxId"] == person.inbox_id() {
            return event;
        }
    }
}

/// A person, and an agent in a chat with them.
fn met(net: &Network, generation: Generation) -> (Client, Home, chancery_tests::signet::Daemon, Agent) {
    let driver = net.driver(generation);
    let person = driver.client("ada");
    let home = Home::new().on(net.port()).initialized();
    let daemon = home.daemon();
    let agent = home.agent("support", "help desk", &[person.inbox_id()], ALL);
    (person, home, daemon, agent)
}

fn they_talk(generation: Generation) {
    let net = network!();
    let (person, home, daemon, agent) = met(&net, generation);
    let (group, chat) = (agent.group.as_str(), agent.chat.as_str());
    let mut harness = Harness::connect(daemon.ws(), &agent.token, None);

    // the agent speaks first
    let sent = harness.send(chat, "how can I help?");
    let question = hears(&person, group, "how can I help?");
    assert_eq!(question.sender, agent.network_inbox);
    assert_eq!(question.content_type.as_deref(), Some("xmtp.org/text:1.0"));

    // the person answers in three ways, and by what the credential does not let through
    let first = person.send(group, "my printer is on fire");
    let reply = json!({ "reference": question.id, "content": { "type": "text", "content": "by putting it out" } });
    person.send_content(group, "reply", &reply);
    let reaction = json!({ "reference": question.id, "referenceInboxId": agent.network_inbox, "action": 1, "content": "👍", "schema": 1 });
    person.send_content(group, "reaction", &reaction);
    person.send_content(group, "markdown", &json!("# not covered"));
    let attachment = json!({ "filename": "secret.txt", "mimeType": "text/plain", "content": { "hex": "010203" } });
    person.send_content(group, "attachment", &attachment);
    person.send(group, "are you there?");

    let heard = told(&mut harness, &person);
    assert_eq!(heard["content"], json!({ "text": "my printer is on fire" }));
    assert_eq!(
        (&heard["groupId"], &heard["visibility"]),
        (&json!(chat), &json!("visible"))
    );
    let answered = told(&mut harness, &person);
    assert_eq!(answered["contentType"], "xmtp.org/reply:1.0");
    assert_eq!(answered["threadId"], sent["messageId"]);
    let reacted = told(&mut harness, &person);
    assert!(
        reacted["contentType"]
            .as_str()
            .unwrap()
            .starts_with("xmtp.org/reaction:"),
        "{reacted}"
    );
    assert_eq!(reacted["content"]["reference"], sent["messageId"]);
    let next = told(&mut harness, &person);
    assert_eq!(next["content"], json!({ "text": "are you there?" }), "nothing between");

    // the agent's reply and reaction, as the SDK has them
    let message = json!({ "groupId": chat, "messageId": heard["messageId"], "contentType": "xmtp.org/text:1.0",
        "content": { "text": "leave the room" } });
    harness.ask("send_reply", message).unwrap();
    let replied = comes(&person, group, |message| message.content["content"] == "leave the room");
    assert_eq!(replied.content_type.as_deref(), Some("xmtp.org/reply:1.0"));
    assert_eq!(replied.content["referenceId"], json!(first));
    let reaction = json!({ "groupId": chat, "messageId": heard["messageId"], "action": "added", "content": "🔥" });
    harness.ask("send_reaction", reaction).unwrap();
    let on_fire = comes(&person, group, |message| {
        message.id == first && !message.reactions.is_empty()
    });
    assert_eq!(on_fire.reactions[0].content["content"], "🔥");
    assert_eq!(on_fire.reactions[0].sender, agent.network_inbox);

    // a chat of the same inbox that the credential does not cover
    let aside = person.new_group(&[&agent.network_inbox]);
    person.send(&aside, "between us");
    let known = wait::until("the other chat to be known", || {
        let chats = home.ask(&["chat", "list"])["groups"].take();
        let found = chats
            .as_array()
            .unwrap()
            .iter()
            .find(|chat| chat["groupId"] == aside.as_str());
        found.cloned()
    });
    person.send(group, "it is out");
    assert_eq!(told(&mut harness, &person)["content"]["text"], "it is out");
    let refused = harness
        .try_send(known["chatId"].as_str().unwrap(), "hello?")
        .unwrap_err();
    assert_eq!(refused["category"], "permission", "{refused}");
}

#[test]
fn a_person_with_sdk_5_and_an_agent_talk_and_what_is_not_covered_never_arrives() {
    they_talk(Five);
}

#[test]
fn a_person_with_sdk_6_and_an_agent_talk_and_what_is_not_covered_never_arrives() {
    they_talk(Six);
}

#[test]
fn what_is_held_reaches_the_person_when_the_owner_says_so_and_as_it_was() {
    let net = network!();
    let (person, home, daemon, agent) = met(&net, Five);
    let policy = [
        "policy",
        "create",
        "--label",
        "drafts",
        "--allow",
        ALL,
        "--confirm",
        "send",
    ];
    home.ask(&policy);
    let issued = home.issue(&agent.operator, &agent.chat, &["--policy", "drafts"]);
    let mut harness = Harness::connect(daemon.ws(), issued["token"].as_str().unwrap(), None);
    let held = harness.send(&agent.chat, "we resign");
    assert_eq!(held["pending"], true, "{held}");
    let action = held["actionId"].as_str().unwrap();

    // not by the harness, which cannot change it either; not by whoever runs `xs` without the owner
    let confirm = json!({ "actionId": action, "confirmed": true });
    assert_eq!(
        harness.ask("confirm_action", confirm).unwrap_err()["category"],
        "permission"
    );
    let other = harness.send(&agent.chat, "we do not resign");
    assert_ne!(
        other["actionId"], held["actionId"],
        "another action, not a change of the first"
    );
    assert_eq!(home.refused(&["action", "approve", action]).0, NOT_PERMITTED);
    let person_heard = || person.texts(&agent.group);
    person.sync_all();
    assert!(!person.has(&agent.group) || person_heard().is_empty());

    let Some(mut terminal) = home.at_terminal(&["action", "approve", action]) else {
        skip!("{}", Terminal::MISSING);
    };
    terminal.expect(action);
    terminal.expect("assphrase");
    terminal.types(OWNER);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    hears(&person, &agent.group, "we resign");
    assert_eq!(person_heard(), ["we resign"]);
}

#[test]
fn a_widened_policy_needs_a_new_token_and_a_revoked_credential_is_out_within_a_second() {
    let net = network!();
    let (person, home, daemon, agent) = met(&net, Five);
    home.ask(&["policy", "create", "--label", "talk", "--allow", ALL]);
    let issue = || home.issue(&agent.operator, &agent.chat, &["--policy", "talk"]);
    let issued = issue();
    let mut harness = Harness::connect(daemon.ws(), issued["token"].as_str().unwrap(), None);
    harness.send(&agent.chat, "before");
    hears(&person, &agent.group, "before");

    home.ask(&["policy", "update", "talk", "--allow", &format!("{ALL},invite")]);
    harness.expect("credential.reauthorization_required");
    assert_eq!(harness.end(), REAUTHORIZE);
    assert!(Harness::try_connect(daemon.ws(), issued["token"].as_str().unwrap(), None).is_err());

    let issued = issue();
    let mut harness = Harness::connect(daemon.ws(), issued["token"].as_str().unwrap(), None);
    harness.send(&agent.chat, "after");
    hears(&person, &agent.group, "after");
    let watched = std::thread::spawn(move || (harness.end(), Instant::now()));
    let credential = issued["credential"]["id"].as_str().unwrap();
    home.ask(&["cred", "revoke", credential, "--force"]);
    let answered = Instant::now();
    let (code, ended) = watched.join().unwrap();
    assert_eq!(code, REVOKED);
    let took = ended.saturating_duration_since(answered);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(person.texts(&agent.group), ["before", "after"]);
}
