//! Our XMTP client among clients of the official SDK, which is the judge: what either does, all others read alike.
//!
//! Needs the SDKs ([`Sdk::find`]): the tests are skipped without them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::collections::{BTreeMap, BTreeSet};

use chancery_tests::{
    skip, wait,
    xmtp::{
        Client, Driver,
        Generation::{self, Five, Four, Six},
        Network, Options, Party, Said, Sdk, all_agree, comes_to,
    },
};
use serde_json::json;

/// The network, or the end of the test.
macro_rules! network {
    () => {{
        let Some(sdk) = Sdk::find() else {
            skip!("{}", Sdk::MISSING);
        };
        Network::start(sdk)
    }};
}

/// Those that must get along with ours.
const NEW: [Generation; 2] = [Five, Six];

fn official(driver: &Driver, name: &str) -> Party {
    driver.client(name).into()
}

fn ours(net: &Network, name: &str) -> Party {
    net.ours(name).into()
}

/// Makers and joiners, each of one kind and the other: the SDK's of `driver` and ours, and ours and the SDK's.
fn both_ways(net: &Network, driver: &Driver) -> [(Party, Party); 2] {
    [
        (official(driver, "alice"), ours(net, "bob")),
        (ours(net, "alice"), official(driver, "bob")),
    ]
}

#[test]
fn a_group_is_the_same_for_all_whoever_made_it() {
    let net = network!();
    let drivers = Generation::ALL.map(|generation| net.driver(generation));
    for driver in &drivers {
        for (maker, joiner) in both_ways(&net, driver) {
            let third = ours(&net, "carol");
            let fourth = official(&drivers[1], "dave");
            let all = [&maker, &joiner, &third, &fourth];
            let others: Vec<&str> = all[1..].iter().map(|party| party.inbox_id()).collect();
            let group = maker.new_group(&others);
            for party in &all[1..] {
                comes_to(party, &group);
            }
            let mut sent = Vec::new();
            for round in 0..3 {
                for party in all {
                    let text = format!("{round} by {party}: ä\n\"quoted\"");
                    sent.push(Said {
                        id: party.send(&group, &text),
                        sender: party.inbox_id().to_owned(),
                        text,
                    });
                }
            }
            for party in all {
                party.sync_all();
                assert_eq!(party.said(&group), sent, "what {party} has of the group of {maker}");
                assert_eq!(party.group_name(&group), "a group");
            }
            all_agree(&all, &group);
        }
    }
}

#[test]
fn a_dm_is_found_from_both_sides() {
    let net = network!();
    for driver in [net.driver(Four), net.driver(Five), net.driver(Six)] {
        for (maker, joiner) in both_ways(&net, &driver) {
            let dm = maker.new_dm(joiner.inbox_id());
            maker.send(&dm, "there");
            comes_to(&joiner, &dm);
            assert_eq!(
                joiner.new_dm(maker.inbox_id()),
                dm,
                "{joiner} makes another DM with {maker}"
            );
            joiner.send(&dm, "and back");
            for party in [&maker, &joiner] {
                party.sync_all();
                assert_eq!(party.texts(&dm), ["there", "and back"], "{party}");
            }
            all_agree(&[&maker, &joiner], &dm);
        }
    }
}

#[test]
fn dms_that_both_made_at_once_become_one_conversation() {
    let net = network!();
    for driver in NEW.map(|generation| net.driver(generation)) {
        let (alice, bob) = (official(&driver, "alice"), ours(&net, "bob"));
        let hers = alice.new_dm(bob.inbox_id());
        let his = bob.new_dm(alice.inbox_id());
        assert_ne!(hers, his);
        alice.send(&hers, "from alice");
        bob.send(&his, "from bob");
        for party in [&alice, &bob] {
            party.sync_all();
        }
        for (party, peer) in [(&alice, &bob), (&bob, &alice)] {
            let dm = party.new_dm(peer.inbox_id());
            assert!([&hers, &his].contains(&&dm), "{party} made a third one");
            let texts: BTreeSet<String> = party.texts(&dm).into_iter().collect();
            assert_eq!(
                texts,
                ["from alice".to_owned(), "from bob".to_owned()].into(),
                "{party}"
            );
        }
        for (party, peer) in [(&alice, &bob), (&bob, &alice)] {
            let text = format!("once more by {party}");
            party.send(&party.new_dm(peer.inbox_id()), &text);
            peer.sync_all();
            let heard = peer.texts(&peer.new_dm(party.inbox_id()));
            assert!(heard.contains(&text), "{peer} has {heard:?}");
        }
    }
}

#[test]
fn streams_tell_what_the_other_kind_says() {
    let net = network!();
    for driver in NEW.map(|generation| net.driver(generation)) {
        for (maker, joiner) in both_ways(&net, &driver) {
            let there = joiner.listen();
            let group = maker.new_group(&[joiner.inbox_id()]);
            let back = maker.listen();
            let texts: Vec<String> = (0..20).map(|number| format!("text {number}")).collect();
            for text in &texts {
                maker.send(&group, text);
            }
            there.hears(texts.last().unwrap());
            assert_eq!(there.texts(), texts, "{maker} to {joiner}");
            let dm = maker.new_dm(joiner.inbox_id());
            maker.send(&dm, "between us");
            there.hears("between us");
            joiner.send(&group, "back");
            back.hears("back");
            all_agree(&[&maker, &joiner], &group);
        }
    }
}

#[test]
fn streams_go_on_after_the_node_restarted() {
    let mut net = network!();
    let driver = net.driver(Six);
    let (alice, bob) = (official(&driver, "alice"), ours(&net, "bob"));
    let group = bob.new_group(&[alice.inbox_id()]);
    comes_to(&alice, &group);
    let heard = bob.listen();
    alice.send(&group, "before");
    heard.hears("before");
    net.node.stop();
    net.node.start();
    // the connection that the SDK held is gone
    alice
        .try_send(&group, "after")
        .or_else(|_| alice.try_send(&group, "after"))
        .unwrap();
    heard.hears("after");
    assert_eq!(heard.texts().len(), bob.texts(&group).len());
    all_agree(&[&alice, &bob], &group);
}

#[test]
fn members_roles_and_names_are_the_same_for_all() {
    let net = network!();
    for driver in NEW.map(|generation| net.driver(generation)) {
        for (alice, bob) in both_ways(&net, &driver) {
            let (carol, dave) = (official(&driver, "carol"), ours(&net, "dave"));
            let group = alice.new_group(&[bob.inbox_id(), carol.inbox_id()]);
            for party in [&bob, &carol] {
                comes_to(party, &group);
            }
            bob.add(&group, dave.inbox_id());
            comes_to(&dave, &group);
            alice.sync_all();
            alice.promote(&group, bob.inbox_id());
            alice.promote(&group, carol.inbox_id());
            bob.sync_all();
            bob.rename(&group, "renamed by bob");
            all_agree(&[&alice, &bob, &carol, &dave], &group);
            alice.demote(&group, carol.inbox_id());
            bob.sync_all();
            bob.remove(&group, carol.inbox_id());
            dave.sync_all();
            dave.send(&group, "without carol");

            let inside = [&alice, &bob, &dave];
            all_agree(&inside, &group);
            let roles: BTreeMap<String, String> = [(&alice, "superAdmin"), (&bob, "admin"), (&dave, "member")]
                .map(|(party, role)| (party.inbox_id().to_owned(), role.to_owned()))
                .into();
            for party in inside {
                assert_eq!(party.roles(&group), roles, "{party}");
                assert_eq!(party.group_name(&group), "renamed by bob", "{party}");
                assert!(party.texts(&group).contains(&"without carol".to_owned()), "{party}");
                assert!(party.is_active(&group));
            }
            carol.sync_all();
            assert!(!carol.is_active(&group), "{carol} does not know that she is out");
            assert!(carol.try_send(&group, "from outside").is_err());
            assert!(!carol.texts(&group).contains(&"without carol".to_owned()));
            // and in again, by the other kind
            dave.add(&group, carol.inbox_id());
            wait::until("carol to be in again", || {
                carol.sync_all();
                carol.is_active(&group).then_some(())
            });
            carol.send(&group, "in again");
            all_agree(&[&alice, &bob, &dave, &carol], &group);
            for party in [&alice, &bob, &dave, &carol] {
                assert_eq!(party.texts(&group).last().unwrap(), "in again", "{party}");
            }
        }
    }
}

#[test]
fn who_tries_what_he_may_not_changes_nothing_and_goes_on() {
    let net = network!();
    for driver in NEW.map(|generation| net.driver(generation)) {
        for (alice, bob) in both_ways(&net, &driver) {
            let (carol, dave) = (official(&driver, "carol"), ours(&net, "dave"));
            let all = [&alice, &bob, &carol, &dave];
            let others: Vec<&str> = all[1..].iter().map(|party| party.inbox_id()).collect();
            let group = alice.new_group(&others);
            for party in &all[1..] {
                comes_to(party, &group);
            }
            // the SDK sends such a commit, and makes its next one with the same key
            for (number, party) in [&bob, &carol, &dave].into_iter().enumerate() {
                assert!(
                    party.try_remove(&group, alice.inbox_id()).is_err(),
                    "{party} removed {alice}"
                );
                let name = format!("named {number}");
                party.rename(&group, &name);
                all_agree(&all, &group);
                for party in all {
                    assert_eq!(party.group_name(&group), name, "{party}");
                    assert_eq!(party.roles(&group).len(), 4, "{party}");
                }
            }
        }
    }
}

#[test]
fn one_of_ours_that_is_removed_knows_it_and_comes_back() {
    let net = network!();
    let driver = net.driver(Six);
    let (alice, bob) = (official(&driver, "alice"), ours(&net, "bob"));
    let group = alice.new_group(&[bob.inbox_id()]);
    comes_to(&bob, &group);
    bob.send(&group, "in");
    for round in 0..3 {
        alice.sync_all();
        alice.remove(&group, bob.inbox_id());
        bob.sync_all();
        assert!(!bob.is_active(&group), "round {round}");
        assert!(bob.try_send(&group, "from outside").is_err());
        alice.send(&group, "not for bob");
        alice.add(&group, bob.inbox_id());
        bob.sync_all();
        assert!(bob.is_active(&group), "round {round}");
        bob.send(&group, &format!("back {round}"));
        all_agree(&[&alice, &bob], &group);
    }
    assert_eq!(bob.texts(&group), ["in", "back 0", "back 1", "back 2"]);
}

#[test]
fn who_leaves_is_let_go_by_the_other_kind() {
    let net = network!();
    for driver in NEW.map(|generation| net.driver(generation)) {
        for (alice, bob) in both_ways(&net, &driver) {
            let group = alice.new_group(&[bob.inbox_id()]);
            comes_to(&bob, &group);
            bob.leave(&group);
            wait::until(&format!("{bob} to be let go by {alice}"), || {
                alice.sync_all();
                (alice.roles(&group).len() == 1).then_some(())
            });
            bob.sync_all();
            assert!(!bob.is_active(&group), "{bob}");
            all_agree(&[&alice], &group);
        }
    }
}

#[test]
fn keys_are_renewed_and_groups_go_on() {
    let net = network!();
    for driver in NEW.map(|generation| net.driver(generation)) {
        for (alice, bob) in both_ways(&net, &driver) {
            let group = alice.new_group(&[bob.inbox_id()]);
            comes_to(&bob, &group);
            for round in 0..3 {
                for party in [&alice, &bob] {
                    party.sync_all();
                    let epoch = party.standing(&group).epoch;
                    if let Party::Ours(ours) = party {
                        ours.update_keys(&group);
                        assert!(party.standing(&group).epoch > epoch, "{party} has its old keys");
                    }
                    party.send(&group, &format!("{round} by {party}"));
                }
            }
            all_agree(&[&alice, &bob], &group);
            assert_eq!(alice.said(&group), bob.said(&group));
            assert_eq!(alice.said(&group).len(), 6);
        }
    }
}

#[test]
fn large_groups_are_welcomed_by_pointer_both_ways() {
    let net = network!();
    for driver in NEW.map(|generation| net.driver(generation)) {
        for (maker, joiner) in both_ways(&net, &driver) {
            let mut others = vec![joiner];
            for name in ["carol", "dave"] {
                others.push(ours(&net, name));
                others.push(official(&driver, &format!("{name} too")));
            }
            let ids: Vec<&str> = others.iter().map(Party::inbox_id).collect();
            let group = maker.new_group(&ids);
            maker.send(&group, "welcome");
            for other in &others {
                comes_to(other, &group);
                other.sync_all();
                assert_eq!(other.texts(&group), ["welcome"], "{other} in the group of {maker}");
            }
            let all: Vec<&Party> = others.iter().chain([&maker]).collect();
            all_agree(&all, &group);
        }
    }
}

#[test]
fn three_installations_of_one_inbox_read_until_one_is_revoked() {
    let net = network!();
    for driver in NEW.map(|generation| net.driver(generation)) {
        for revoked_is_ours in [false, true] {
            let bob = official(&driver, "bob");
            let carol = ours(&net, "carol");
            // one wallet: two installations of one kind, and one of the other, which comes later
            let phone = net.ours("phone");
            let again = Options {
                wallet: Some(phone.wallet()),
                ..Options::default()
            };
            let laptop: Party = driver.client_with("laptop", &again).into();
            let wallet = phone.wallet();
            let phone: Party = phone.into();
            assert_eq!(phone.inbox_id(), laptop.inbox_id());
            let group = bob.new_group(&[phone.inbox_id(), carol.inbox_id()]);
            bob.send(&group, "to two");
            for party in [&phone, &laptop, &carol] {
                comes_to(party, &group);
                party.sync_all();
                assert_eq!(party.texts(&group), ["to two"], "{party}");
            }
            let tablet: Party = net.ours_with("tablet", Some(&wallet)).into();
            let inviter = if revoked_is_ours { &carol } else { &bob };
            wait::until(&format!("the third installation to be let in by {inviter}"), || {
                inviter.send(&group, "is there a third?");
                tablet.sync_all();
                tablet.has(&group).then_some(())
            });
            carol.sync_all();
            carol.send(&group, "to all three");
            for party in [&phone, &laptop, &tablet] {
                party.sync_all();
                assert_eq!(party.texts(&group).last().unwrap(), "to all three", "{party}");
            }
            all_agree(&[&bob, &carol, &phone, &laptop, &tablet], &group);

            let (out, by) = if revoked_is_ours {
                (&tablet, &laptop)
            } else {
                (&laptop, &phone)
            };
            by.revoke(out.installation_id());
            wait::until(&format!("{out} to be cut off"), || {
                inviter.send(&group, "is it gone?");
                out.sync_all();
                (!out.is_active(&group)).then_some(())
            });
            let left: Vec<&Party> = [&bob, &carol, &phone, &laptop, &tablet]
                .into_iter()
                .filter(|party| party.installation_id() != out.installation_id())
                .collect();
            bob.sync_all();
            bob.send(&group, "without it");
            for party in &left {
                party.sync_all();
                assert_eq!(party.texts(&group).last().unwrap(), "without it", "{party}");
            }
            out.sync_all();
            assert!(!out.texts(&group).contains(&"without it".to_owned()), "{out} reads on");
            all_agree(&left, &group);
            let keys = bob.installations_in(&group).remove(phone.inbox_id()).unwrap();
            assert_eq!(keys.len(), 2);
            assert!(!keys.contains(out.installation_id()));
        }
    }
}

#[test]
fn a_commit_that_came_second_is_made_again() {
    let net = network!();
    let drivers = NEW.map(|generation| net.driver(generation));
    let all = [
        official(&drivers[0], "alice"),
        official(&drivers[1], "bob"),
        ours(&net, "carol"),
        ours(&net, "dave"),
    ];
    for maker in [0, 2] {
        let others: Vec<&str> = all
            .iter()
            .map(Party::inbox_id)
            .filter(|id| *id != all[maker].inbox_id())
            .collect();
        let group = all[maker].new_group(&others);
        for party in &all {
            comes_to(party, &group);
            // the keys of who joined are renewed now, not in the race
            party.send(&group, "here");
            party.sync_all();
        }
        for round in 0..5 {
            let begin = std::sync::Barrier::new(all.len());
            std::thread::scope(|scope| {
                for (number, party) in all.iter().enumerate() {
                    let (begin, group) = (&begin, &group);
                    scope.spawn(move || {
                        begin.wait();
                        match number % 2 {
                            0 => party.rename(group, &format!("{round} by {party}")),
                            _ => drop(party.send(group, &format!("{round} by {party}"))),
                        }
                    });
                }
            });
        }
        // and one who does not know of the others' commits at all
        let (stale, fresh) = (&all[2], &all[0]);
        stale.sync_all();
        fresh.sync_all();
        for number in 0..3 {
            fresh.rename(&group, &format!("name {number}"));
        }
        stale.rename(&group, "the last");
        // what came too late for the others' old keys is said once more by whoever reads that
        for party in &all {
            party.sync_all();
        }
        let parties: Vec<&Party> = all.iter().collect();
        all_agree(&parties, &group);
        for party in &all {
            assert_eq!(party.group_name(&group), "the last", "{party}");
            // each has its own opinion on the order of what was said at once
            let sorted = |party: &Party| {
                let mut said = party.said(&group);
                said.sort_by(|one, other| one.id.cmp(&other.id));
                said
            };
            assert_eq!(sorted(party), sorted(&all[0]), "{party}");
        }
    }
}

#[test]
fn one_of_ours_that_was_away_catches_up_over_pages() {
    let net = network!();
    let driver = net.driver(Six);
    let alice = official(&driver, "alice");
    let bob = net.ours("bob");
    let group = alice.new_group(&[bob.inbox_id()]);
    comes_to(&bob.clone().into(), &group);
    bob.shell().kill();
    // the node answers with a hundred at a time
    let mut sent = Vec::new();
    for number in 0..230 {
        sent.push(format!("text {number}"));
        alice.send(&group, sent.last().unwrap());
        if number % 50 == 0 {
            alice.rename(&group, &format!("name {number}"));
        }
    }
    let bob: Party = bob.restarted().into();
    bob.sync_all();
    assert_eq!(bob.texts(&group), sent);
    assert_eq!(bob.group_name(&group), "name 200");
    bob.send(&group, "back");
    alice.sync_all();
    assert_eq!(alice.texts(&group).last().unwrap(), "back");
    all_agree(&[&alice, &bob], &group);
}

#[test]
fn content_of_official_types_is_shown_as_what_it_is() {
    let net = network!();
    for driver in NEW.map(|generation| net.driver(generation)) {
        let alice: Client = driver.client("alice");
        let bob = net.ours("bob");
        let group = alice.new_group(&[bob.inbox_id()]);
        let first = alice.send(&group, "first");
        alice.send_content(&group, "markdown", &json!("# a title"));
        let reply = json!({ "reference": first, "content": { "type": "text", "content": "re" } });
        let reply = alice.send_content(&group, "reply", &reply);
        let reaction = json!({ "reference": first, "referenceInboxId": alice.inbox_id(), "action": 1, "content": "+", "schema": 1 });
        alice.send_content(&group, "reaction", &reaction);
        alice.send_content(&group, "readReceipt", &json!(null));
        alice.rename(&group, "named");
        bob.sync_all();
        let messages = bob.messages(&group);
        let of = |kind: &str| {
            let found = messages.iter().find(|message| message["type"] == kind);
            found.unwrap_or_else(|| panic!("{kind} in {messages:#?}"))["content"].clone()
        };
        assert_eq!(of("xmtp.org/text:1.0"), "first");
        assert_eq!(of("xmtp.org/markdown:1.0"), "# a title");
        let found = messages.iter().find(|message| message["id"] == reply.as_str()).unwrap();
        assert_eq!(
            (&found["content"]["reference"], &found["content"]["content"]),
            (&json!(first), &json!("re"))
        );
        let found = of("xmtp.org/reaction:2.0");
        assert_eq!(
            (&found["reference"], &found["action"], &found["content"]),
            (&json!(first), &json!("added"), &json!("+"))
        );
        assert_eq!(of("xmtp.org/readReceipt:1.0"), json!({}));
        let changes: Vec<_> = messages
            .iter()
            .filter(|message| message["kind"] == "membership")
            .collect();
        let renamed = &changes.last().unwrap()["content"]["metadataFieldChanges"][0];
        assert_eq!(
            (&renamed["fieldName"], &renamed["newValue"]),
            (&json!("group_name"), &json!("named"))
        );
    }
}
