//! The official XMTP SDK talks to itself through `chancery xmtp-node`: three generations of it, alone and with one another.
//!
//! Needs the SDKs ([`Sdk::find`]): the tests are skipped without them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::collections::BTreeSet;

use chancery_tests::{
    skip, wait,
    xmtp::{
        Archives, Client, Driver, Event,
        Generation::{self, Five, Four, Six},
        Network, Options, Refused, Sdk, agree, arrives,
    },
};
use serde_json::{Value, json};

/// The network, or the end of the test.
macro_rules! network {
    () => {{
        let Some(sdk) = Sdk::find() else {
            skip!("{}", Sdk::MISSING);
        };
        Network::start(sdk)
    }};
}

/// Those that must work with one another, and the oldest.
const PAIRS: [(Generation, Generation); 6] = [
    (Five, Five),
    (Six, Six),
    (Five, Six),
    (Six, Five),
    (Four, Six),
    (Five, Four),
];

/// One driver for each generation.
struct Drivers([Driver; 3]);

impl Drivers {
    fn of(net: &Network) -> Self {
        Self(Generation::ALL.map(|generation| net.driver(generation)))
    }

    fn client(&self, generation: Generation, name: &str) -> Client {
        self.0
            .iter()
            .find(|driver| driver.generation() == generation)
            .unwrap()
            .client(name)
    }
}

#[test]
fn an_inbox_is_found_by_its_addresses() {
    let net = network!();
    let drivers = Drivers::of(&net);
    for (one, other) in PAIRS {
        let (alice, bob) = (drivers.client(one, "alice"), drivers.client(other, "bob"));
        assert_eq!(bob.inbox_id_of(alice.address()).as_deref(), Some(alice.inbox_id()));
        let inbox = bob.inboxes(&[alice.inbox_id()]).remove(0);
        assert_eq!(inbox.installations, [alice.installation_id()]);
        assert_eq!(
            (inbox.addresses, inbox.recovery),
            (vec![alice.address().to_owned()], alice.address().to_owned())
        );
    }

    // a second address of the same inbox comes and goes
    let (alice, bob) = (drivers.client(Five, "alice"), drivers.client(Six, "bob"));
    let second = "11".repeat(32);
    alice
        .ask::<Value>("addAccount", json!({ "wallet": second, "reassign": true }))
        .unwrap();
    let both = bob.inboxes(&[alice.inbox_id()]).remove(0).addresses;
    let second = both.iter().find(|address| *address != alice.address()).unwrap();
    assert_eq!(bob.inbox_id_of(second).as_deref(), Some(alice.inbox_id()));
    alice
        .ask::<Value>("removeAccount", json!({ "address": second }))
        .unwrap();
    assert_eq!(bob.inbox_id_of(second), None);
    assert_eq!(bob.inboxes(&[alice.inbox_id()]).remove(0).addresses, [alice.address()]);
}

#[test]
fn group_messages_reach_all_members_in_one_order() {
    let net = network!();
    let drivers = Drivers::of(&net);
    for generations in [
        [Five; 3],
        [Six; 3],
        [Five, Six, Five],
        [Six, Five, Six],
        [Four, Five, Six],
    ] {
        let members = ["alice", "bob", "carol"].iter().zip(generations);
        let members: Vec<Client> = members
            .map(|(name, generation)| drivers.client(generation, name))
            .collect();
        let [alice, bob, carol] = &members[..] else {
            unreachable!()
        };
        let group = alice.new_group(&[bob.inbox_id(), carol.inbox_id()]);
        for member in [bob, carol] {
            arrives(member, &group);
        }
        let mut sent = Vec::new();
        for round in 0..5 {
            for member in &members {
                let text = format!("{round} by {}", member.name());
                sent.push((member.send(&group, &text), member.inbox_id().to_owned(), text));
            }
        }
        for member in &members {
            member.sync_all();
            let messages = member.messages(&group).into_iter();
            let texts = messages.filter_map(|message| {
                assert_eq!(message.status, "published");
                let text = message.text()?.to_owned();
                Some((message.id, message.sender, text))
            });
            assert_eq!(
                texts.collect::<Vec<_>>(),
                sent,
                "{generations:?}: what {} has",
                member.name()
            );
        }
        agree(&[alice, bob, carol], &group);
    }
}

#[test]
fn a_dm_is_one_conversation_for_both() {
    let net = network!();
    let drivers = Drivers::of(&net);
    for (one, other) in PAIRS {
        let (alice, bob) = (drivers.client(one, "alice"), drivers.client(other, "bob"));
        let dm = alice.new_dm(bob.inbox_id());
        alice.send(&dm, "to bob");
        arrives(&bob, &dm);
        assert_eq!(bob.new_dm(alice.inbox_id()), dm, "bob's DM with alice is hers with him");
        bob.send(&dm, "to alice");
        for client in [&alice, &bob] {
            client.sync_all();
            assert_eq!(client.texts(&dm), ["to bob", "to alice"]);
            assert_eq!(client.conversation(&dm).kind, "dm");
        }
        assert_eq!(alice.conversation(&dm).peer.as_deref(), Some(bob.inbox_id()));
        agree(&[&alice, &bob], &dm);
    }
}

#[test]
fn streams_yield_conversations_and_messages() {
    let net = network!();
    let drivers = Drivers::of(&net);
    for (one, other) in PAIRS {
        let (alice, bob) = (drivers.client(one, "alice"), drivers.client(other, "bob"));
        let (conversations, messages) = (bob.stream("conversations"), bob.stream("messages"));
        let group = alice.new_group(&[bob.inbox_id()]);
        conversations.wait_for("the group", |event| (event.conversation()?.id == group).then_some(()));
        let back = alice.stream("messages");
        let texts: Vec<String> = (0..20).map(|number| format!("text {number}")).collect();
        for text in &texts {
            alice.send(&group, text);
        }
        messages.wait_for_text(texts.last().unwrap());
        assert_eq!(messages.texts(), texts, "{one:?} to {other:?}");
        // to a DM that is made while the stream is open, and in the other direction
        let dm = alice.new_dm(bob.inbox_id());
        alice.send(&dm, "between us");
        messages.wait_for_text("between us");
        bob.send(&group, "back");
        back.wait_for_text("back");
        for stream in [conversations, messages, back] {
            stream.close();
        }
        agree(&[&alice, &bob], &group);
    }
}

#[test]
fn content_of_every_official_type_arrives_as_it_was_sent() {
    let net = network!();
    let drivers = Drivers::of(&net);
    for (one, other) in [(Five, Six), (Six, Five)] {
        let (alice, bob) = (drivers.client(one, "alice"), drivers.client(other, "bob"));
        let group = alice.new_group(&[bob.inbox_id()]);
        let first = alice.send(&group, "first");
        let remote = json!({
            "url": "https://example.org/a", "contentDigest": "ab".repeat(32), "scheme": "https", "contentLength": 5,
            "filename": "a.txt", "secret": { "hex": "01".repeat(32) }, "salt": { "hex": "02".repeat(32) },
            "nonce": { "hex": "03".repeat(12) },
        });
        let listed = [
            ("markdown", json!("# a title")),
            (
                "attachment",
                json!({ "filename": "a.txt", "mimeType": "text/plain", "content": { "hex": "00ff" } }),
            ),
            ("remoteAttachment", remote.clone()),
            (
                "multiRemoteAttachment",
                json!({ "attachments": [remote.clone(), remote] }),
            ),
            (
                "transactionReference",
                json!({ "networkId": "0x1", "reference": "0xabc" }),
            ),
            (
                "walletSendCalls",
                json!({ "version": "1.0", "chainId": "0x1", "from": alice.address(), "calls": [] }),
            ),
            (
                "actions",
                json!({ "id": "a", "description": "d", "actions": [{ "id": "x", "label": "X" }] }),
            ),
            ("intent", json!({ "id": "a", "actionId": "x" })),
        ];
        for (content_type, content) in &listed {
            alice.send_content(&group, content_type, content);
        }
        let reply = json!({ "reference": first, "content": { "type": "text", "content": "re" } });
        let reply = alice.send_content(&group, "reply", &reply);
        let reaction = json!({ "reference": first, "referenceInboxId": alice.inbox_id(), "action": 1, "content": "+", "schema": 1 });
        alice.send_content(&group, "reaction", &reaction);
        alice.send_content(&group, "readReceipt", &Value::Null);

        arrives(&bob, &group);
        bob.sync_all();
        let got = bob.messages(&group);
        let message = |id: &str| got.iter().find(|message| message.id == id).unwrap();
        for (content_type, content) in &listed {
            assert!(
                got.iter().any(|message| message.content == *content),
                "{content_type} in {got:#?}"
            );
        }
        assert_eq!(message(&reply).content["referenceId"], json!(first));
        assert_eq!(message(&reply).content["content"], "re");
        assert_eq!(message(&first).reactions[0].content, reaction);
    }
}

#[test]
fn adds_removals_and_names_are_the_same_for_all() {
    let net = network!();
    let drivers = Drivers::of(&net);
    for (one, other) in PAIRS {
        let (alice, bob) = (drivers.client(one, "alice"), drivers.client(other, "bob"));
        let (carol, dave) = (drivers.client(one, "carol"), drivers.client(other, "dave"));
        let group = alice.new_group(&[bob.inbox_id(), carol.inbox_id()]);
        for member in [&bob, &carol] {
            arrives(member, &group);
        }
        bob.add_members(&group, &[dave.inbox_id()]);
        arrives(&dave, &group);
        alice.sync_all();
        alice.rename(&group, "renamed");
        alice.add_admin(&group, bob.inbox_id());
        bob.sync_all();
        bob.remove_members(&group, &[carol.inbox_id()]);
        dave.send(&group, "without carol");

        let inside = [&alice, &bob, &dave];
        for member in inside {
            member.sync_all();
            let seen = member.conversation(&group);
            assert_eq!((seen.name.as_str(), seen.active), ("renamed", true));
            assert_eq!(
                (seen.admins, seen.super_admins),
                (vec![bob.inbox_id().to_owned()], vec![alice.inbox_id().to_owned()])
            );
            let members: BTreeSet<String> = member
                .members(&group)
                .into_iter()
                .map(|member| member.inbox_id)
                .collect();
            assert_eq!(
                members,
                inside.iter().map(|member| member.inbox_id().to_owned()).collect()
            );
            assert!(member.texts(&group).contains(&"without carol".to_owned()));
        }
        carol.sync_all();
        assert!(!carol.conversation(&group).active, "carol knows that she is out");
        assert!(carol.try_send(&group, "from outside").is_err());
        assert!(!carol.texts(&group).contains(&"without carol".to_owned()));
        agree(&inside, &group);
    }
}

#[test]
fn who_leaves_is_let_go() {
    let net = network!();
    let drivers = Drivers::of(&net);
    for (one, other) in [(Five, Five), (Six, Six), (Five, Six), (Six, Five)] {
        let (alice, bob) = (drivers.client(one, "alice"), drivers.client(other, "bob"));
        let group = alice.new_group(&[bob.inbox_id()]);
        arrives(&bob, &group);
        bob.leave(&group);
        // the client of a super admin removes who asked for it
        wait::until("bob to be let go", || {
            alice.sync_all();
            (alice.members(&group).len() == 1).then_some(())
        });
        bob.sync_all();
        assert!(!bob.conversation(&group).active);
        agree(&[&alice], &group);
    }
}

#[test]
fn the_commit_log_tells_that_nobody_forked() {
    let net = network!();
    // only this generation can be told to compare more often than every few minutes
    let driver = net.driver(Six);
    let options = Options {
        workers: vec![("CommitLog".to_owned(), 200)],
        ..Options::default()
    };
    let (alice, bob) = (
        driver.client_with("alice", &options),
        driver.client_with("bob", &options),
    );
    let group = alice.new_group(&[bob.inbox_id()]);
    arrives(&bob, &group);
    // logs are read of groups that one wants to be in
    bob.set_consent("group", &group, "allowed");
    for number in 0..30 {
        let renames = [&alice, &bob][number % 2];
        renames.sync_conversation(&group);
        renames.rename(&group, &format!("name {number}"));
    }
    agree(&[&alice, &bob], &group);
    for member in [&alice, &bob] {
        let log = wait::until("the logs of commits to be compared to their end", || {
            let debug = member.debug(&group);
            let read = debug.remote_commit_log.matches("commit_result: Success").count();
            (debug.commit_log_forked.is_some() && read >= 30).then_some(debug)
        });
        assert_eq!(log.commit_log_forked, Some(false), "{log:#?}");
    }
}

#[test]
fn large_groups_are_welcomed_by_pointer() {
    let net = network!();
    let drivers = Drivers::of(&net);
    for generations in [[Five; 6], [Six; 6], [Five, Six, Five, Six, Five, Six]] {
        let clients = generations
            .iter()
            .zip(["alice", "bob", "carol", "dave", "erin", "frank"]);
        let clients: Vec<Client> = clients
            .map(|(generation, name)| drivers.client(*generation, name))
            .collect();
        let (alice, others) = clients.split_first().unwrap();
        let group = alice.new_group(&others.iter().map(Client::inbox_id).collect::<Vec<_>>());
        alice.send(&group, "welcome");
        for other in others {
            arrives(other, &group);
            other.sync_all();
            assert_eq!(other.texts(&group), ["welcome"], "{}", other.name());
        }
        agree(&clients.iter().collect::<Vec<_>>(), &group);
    }
}

#[test]
fn every_installation_reads_until_it_is_revoked() {
    let net = network!();
    for (one, other) in [(Five, Six), (Six, Five)] {
        let (here, there) = (net.driver(one), net.driver(other));
        let bob = there.client("bob");
        let phone = here.client("phone");
        let again = Options {
            wallet: Some(phone.wallet().to_owned()),
            ..Options::default()
        };
        let laptop = there.client_with("laptop", &again);
        assert_eq!(phone.inbox_id(), laptop.inbox_id());

        let group = bob.new_group(&[phone.inbox_id()]);
        bob.send(&group, "to both");
        for installation in [&phone, &laptop] {
            arrives(installation, &group);
            installation.sync_all();
            assert_eq!(installation.texts(&group), ["to both"]);
        }
        // One that comes later is let in by whoever sends next; the SDK looks for new ones every few seconds.
        let tablet = here.client_with("tablet", &again);
        wait::until("the third installation to be let in", || {
            bob.send(&group, "is there a third?");
            tablet.sync();
            tablet.has(&group).then_some(())
        });
        bob.send(&group, "to all three");
        for installation in [&phone, &laptop, &tablet] {
            installation.sync_all();
            assert_eq!(installation.texts(&group).last().unwrap(), "to all three");
        }
        agree(&[&bob, &phone, &laptop, &tablet], &group);

        phone.revoke(&[laptop.installation_id()]);
        let mut left = vec![phone.installation_id(), tablet.installation_id()];
        left.sort_unstable();
        assert_eq!(bob.inboxes(&[phone.inbox_id()])[0].installations, left);
        wait::until("the revoked installation to be cut off", || {
            bob.send(&group, "is it gone?");
            laptop.sync_all();
            (!laptop.conversation(&group).active).then_some(())
        });
        bob.send(&group, "to two");
        phone.sync_all();
        phone.send(&group, "from the phone");
        for installation in [&phone, &tablet, &bob] {
            installation.sync_all();
            let texts = installation.texts(&group);
            assert_eq!(texts[texts.len() - 2..], ["to two", "from the phone"]);
        }
        laptop.sync_all();
        assert!(
            !laptop.texts(&group).contains(&"to two".to_owned()),
            "the revoked one reads on"
        );
        let members = bob.members(&group);
        let theirs = members
            .iter()
            .find(|member| member.inbox_id == phone.inbox_id())
            .unwrap();
        assert_eq!(theirs.installations, left);
        agree(&[&bob, &phone, &tablet], &group);
    }
}

#[test]
fn keys_are_rotated_and_groups_go_on() {
    let net = network!();
    let drivers = Drivers::of(&net);
    for (one, other) in [(Five, Six), (Six, Five)] {
        let (alice, bob) = (drivers.client(one, "alice"), drivers.client(other, "bob"));
        let first = alice.key_package_since(bob.installation_id());
        let group = alice.new_group(&[bob.inbox_id()]);
        arrives(&bob, &group);
        // who joined renews its leaf before it sends the first time
        let epoch = bob.debug(&group).epoch;
        bob.send(&group, "with new keys");
        assert!(bob.debug(&group).epoch > epoch, "{other:?} did not update its leaf");
        agree(&[&alice, &bob], &group);
        // who was welcomed by a key package replaces it some seconds later
        wait::until("a new key package", || {
            (alice.key_package_since(bob.installation_id()) > first).then_some(())
        });
        let next = alice.new_group(&[bob.inbox_id()]);
        alice.send(&next, "with the new key package");
        arrives(&bob, &next);
        bob.sync_all();
        assert_eq!(bob.texts(&next), ["with the new key package"]);
        agree(&[&alice, &bob], &next);
    }
}

#[test]
fn consent_travels_between_installations() {
    let net = network!();
    for (one, other) in [(Five, Five), (Six, Six), (Five, Six), (Six, Five)] {
        let (here, there) = (net.driver(one), net.driver(other));
        let options = Options {
            device_sync: true,
            ..Options::default()
        };
        let phone = here.client_with("phone", &options);
        let options = Options {
            wallet: Some(phone.wallet().to_owned()),
            ..options
        };
        let laptop = there.client_with("laptop", &options);
        let bob = there.client("bob");
        let group = bob.new_group(&[phone.inbox_id()]);
        for installation in [&phone, &laptop] {
            arrives(installation, &group);
            assert_eq!(installation.consent("group", &group), "unknown");
        }
        let stream = laptop.stream("consent");
        wait::until("the installations to share a group", || {
            phone.sync_preferences();
            laptop.sync_preferences();
            phone.set_consent("group", &group, "denied");
            phone.set_consent("inbox", bob.inbox_id(), "allowed");
            phone.sync_preferences();
            laptop.sync_preferences();
            let heard = (laptop.consent("group", &group), laptop.consent("inbox", bob.inbox_id()));
            (heard == ("denied".to_owned(), "allowed".to_owned())).then_some(())
        });
        stream.wait_for("what the other installation decided", |event| {
            matches!(event, Event::Consent(_)).then_some(())
        });
    }
}

#[test]
fn a_new_installation_is_sent_the_history() {
    let net = network!();
    let archives = Archives::start();
    // an installation of generation 6 does not hear what one of 5 asks for
    for (one, other) in [(Five, Five), (Six, Six), (Five, Six)] {
        let (here, there) = (net.driver(one), net.driver(other));
        let options = Options {
            device_sync: true,
            history_url: Some(archives.url()),
            ..Options::default()
        };
        let (phone, bob) = (here.client_with("phone", &options), there.client("bob"));
        let group = bob.new_group(&[phone.inbox_id()]);
        bob.send(&group, "before the laptop");
        arrives(&phone, &group);

        let again = Options {
            wallet: Some(phone.wallet().to_owned()),
            ..options
        };
        let laptop = there.client_with("laptop", &again);
        wait::until("the installations to share a group", || {
            phone.sync_preferences();
            laptop.sync_preferences();
            let request = json!({ "historyUrl": archives.url() });
            laptop.ask::<Value>("sendSyncRequest", request).ok()
        });
        wait::until("the history to come to the new installation", || {
            phone.sync_preferences();
            laptop.sync_preferences();
            (laptop.has(&group) && laptop.texts(&group) == ["before the laptop"]).then_some(())
        });
        // what it has of the group is history: it is a member once somebody lets it in
        wait::until("the new installation to be let in", || {
            bob.send(&group, "is there a laptop?");
            laptop.sync_all();
            let now = laptop.conversation(&group).active && laptop.texts(&group).len() > 1;
            now.then_some(())
        });
        agree(&[&bob, &phone, &laptop], &group);
    }
    assert!(archives.count() >= 3);
}

#[test]
fn who_was_away_catches_up_over_pages() {
    let net = network!();
    for (one, other) in [(Five, Six), (Six, Five)] {
        let here = net.driver(one);
        let alice = here.client("alice");
        let options = Options {
            db: Some(net.dir().join(format!("{other:?}.db3"))),
            ..Options::default()
        };
        let away = net.driver(other);
        let bob = away.client_with("bob", &options);
        let group = alice.new_group(&[bob.inbox_id()]);
        alice.send(&group, "before");
        arrives(&bob, &group);
        bob.sync_all();
        away.kill();

        // the node answers with a hundred at a time
        let mut sent = vec!["before".to_owned()];
        for number in 0..230 {
            sent.push(format!("text {number}"));
            alice.send(&group, sent.last().unwrap());
            if number % 50 == 0 {
                alice.rename(&group, &format!("name {number}"));
            }
        }
        let back = net.driver(other);
        let options = Options {
            wallet: Some(bob.wallet().to_owned()),
            ..options
        };
        let again = back.client_with("bob", &options);
        assert_eq!(again.installation_id(), bob.installation_id());
        again.sync_all();
        assert_eq!(again.texts(&group), sent);
        assert_eq!(again.conversation(&group).name, "name 200");
        again.send(&group, "back");
        alice.sync_all();
        assert_eq!(alice.texts(&group).last().unwrap(), "back");
        agree(&[&alice, &again], &group);
    }
}

#[test]
fn more_welcomes_than_a_page_are_read() {
    let net = network!();
    let (here, there) = (net.driver(Five), net.driver(Six));
    let (alice, bob) = (here.client("alice"), there.client("bob"));
    let groups: BTreeSet<String> = (0..110).map(|_| alice.new_group(&[bob.inbox_id()])).collect();
    bob.sync();
    let found: BTreeSet<String> = bob.conversations().into_iter().map(|found| found.id).collect();
    assert_eq!(found, groups);
}

#[test]
fn streams_go_on_after_the_node_restarted() {
    let mut net = network!();
    let drivers = Drivers::of(&net);
    let (alice, bob) = (drivers.client(Five, "alice"), drivers.client(Six, "bob"));
    let group = alice.new_group(&[bob.inbox_id()]);
    arrives(&bob, &group);
    let streams = [alice.stream("messages"), bob.stream("messages")];
    alice.send(&group, "from alice");
    bob.send(&group, "from bob");
    streams[0].wait_for_text("from bob");
    streams[1].wait_for_text("from alice");

    net.node.stop();
    net.node.start();
    for stream in &streams {
        stream.wait_for("the stream to open again", |event| {
            (*event == Event::Restarted).then_some(())
        });
    }
    resent(&alice, &group, "alice again").unwrap();
    resent(&bob, &group, "bob again").unwrap();
    streams[0].wait_for_text("bob again");
    streams[1].wait_for_text("alice again");
    for client in [&alice, &bob] {
        client.sync_all();
        assert_eq!(
            client.texts(&group),
            ["from alice", "from bob", "alice again", "bob again"]
        );
    }
    agree(&[&alice, &bob], &group);
}

/// Sends a text; once more if the connection broke that the SDK held.
fn resent(client: &Client, group: &str, text: &str) -> Result<String, Refused> {
    client.try_send(group, text).or_else(|_| client.try_send(group, text))
}
