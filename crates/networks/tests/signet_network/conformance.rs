//! What every network does.

use std::{collections::BTreeSet, sync::Arc};

use chancery_base::Millis;
use chancery_signet::network::{
    Change, Consent, ConsentSubject, Content, ConversationName, Cursor, Details, Event, Inbox, InboxName, InviteTerms,
    Message, MessageName, MessageQuery, NetworkError, Role,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::{
    places::{Place, local},
    world::{MOMENT, PATIENCE, eventually, joined, keys, next, said, say, text, texts, up_to},
};

/// A name that nobody has.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

async fn group(maker: &dyn Inbox, members: &[&Arc<dyn Inbox>]) -> ConversationName {
    let names: Vec<_> = members.iter().map(|member| member.name().clone()).collect();
    let made = maker.create_group(&names, &Details::default()).await.unwrap();
    for member in members {
        joined(&***member, &made).await;
    }
    made
}

async fn all_messages(inbox: &dyn Inbox, conversation: &ConversationName) -> Vec<Message> {
    let query = MessageQuery {
        conversation,
        before: None,
        after: None,
        limit: 1000,
    };
    inbox.messages(query).await.unwrap()
}

pub(crate) async fn opening_again_gives_the_same_inbox(place: &Place) {
    let name = place.open(1).await.name().clone();
    assert_eq!(*place.open(1).await.name(), name);
    assert_ne!(*place.open(2).await.name(), name);
    // other keys do not open what these made
    let other = place.network.open(&local(1), keys(3)).await;
    assert!(matches!(other, Err(NetworkError::Local(_))));
    assert_eq!(*place.open(1).await.name(), name);
}

pub(crate) async fn one_at_a_time_has_an_inbox_open(place: &Place) {
    let inbox = place.open(1).await;
    let second = place.network.open(&local(1), keys(1)).await;
    assert!(matches!(second, Err(NetworkError::Local(_))));
    drop(inbox);
    place.open(1).await;
}

pub(crate) async fn an_inbox_is_found_by_name_and_address(place: &Place) {
    let name = place.open(1).await.name().clone();
    let address = (place.address)(1);
    let upper = format!("0x{}", address[2..].to_uppercase());
    for asked in [name.0.clone(), address, upper] {
        assert_eq!(
            place.network.resolve(&asked).await.unwrap().as_ref(),
            Some(&name),
            "{asked}"
        );
    }
    for asked in [
        NOBODY.to_owned(),
        (place.address)(2),
        "nobody".to_owned(),
        String::new(),
    ] {
        assert_eq!(place.network.resolve(&asked).await.unwrap(), None, "{asked}");
    }
}

pub(crate) async fn an_inbox_is_forgotten(place: &Place) {
    let inbox = place.open(1).await;
    let name = inbox.name().clone();
    inbox.create_group(&[], &Details::default()).await.unwrap();
    assert!(matches!(
        place.network.forget(&local(1)).await,
        Err(NetworkError::Local(_))
    ));
    drop(inbox);
    place.network.forget(&local(1)).await.unwrap();
    place.network.forget(&local(1)).await.unwrap();
    place.network.forget(&local(9)).await.unwrap();
    // the network knows it still
    assert_eq!(place.network.resolve(&name.0).await.unwrap(), Some(name.clone()));
    let again = place.open(1).await;
    assert_eq!(*again.name(), name);
    assert_eq!(again.conversations().await.unwrap(), []);
    assert_eq!(again.end().await.unwrap(), Cursor(0));
}

pub(crate) async fn a_conversation_comes_before_what_is_said_there(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let details = Details {
        title: "The title".to_owned(),
        description: "What it is about".to_owned(),
        image_url: "https://example.org/a.png".to_owned(),
    };
    let names = [bob.name().clone()];
    let made = alice.create_group(&names, &details).await.unwrap();
    say(&*alice, &made, "hello").await;
    for inbox in [&alice, &bob] {
        let heard = up_to(&mut inbox.events(Cursor(0)), "hello").await;
        let Event::Joined(first) = &heard[0].1 else {
            panic!("{heard:?}");
        };
        assert_eq!((&first.name, &first.details, &first.peer), (&made, &details, &None));
        assert!(first.active);
        let members: BTreeSet<_> = first.members.iter().collect();
        assert!(members.is_subset(&BTreeSet::from([alice.name(), bob.name()])));
        // one that adds the member, and the text
        let added = heard.iter().filter_map(|(_, event)| match event {
            Event::Said(message) if message.content.content_type == "xmtp.org/groupUpdated:1.0" => Some(message),
            _ => None,
        });
        let added: Vec<_> = added.collect();
        assert_eq!(added.len(), 1);
        let body = &added[0].content.body;
        assert_eq!(body["initiatedByInboxId"], alice.name().0);
        assert_eq!(body["addedInboxes"], json!([{ "inboxId": bob.name().0 }]));
        assert_eq!(heard.len(), 3);
        let Event::Said(hello) = &heard[2].1 else {
            panic!("{heard:?}");
        };
        assert_eq!((&hello.conversation, &hello.sender), (&made, alice.name()));
    }
}

pub(crate) async fn the_log_goes_on_from_every_place(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let one = group(&*alice, &[&bob]).await;
    for said in ["one", "two"] {
        say(&*alice, &one, said).await;
    }
    let two = group(&*bob, &[&alice]).await;
    say(&*bob, &one, "three").await;
    say(&*alice, &two, "four").await;
    for inbox in [&alice, &bob] {
        let mut all = up_to(&mut inbox.events(Cursor(0)), "four").await;
        // two conversations have no order between each other: wait for the other one, too
        if !texts(&all).contains(&"three".to_owned()) {
            let from = all.last().unwrap().0;
            all.extend(up_to(&mut inbox.events(from), "three").await);
        }
        assert_eq!(texts(&all).into_iter().collect::<BTreeSet<_>>().len(), 4);
        assert!(all.is_sorted_by(|(a, _), (b, _)| a < b));
        for (index, (cursor, _)) in all.iter().enumerate() {
            let mut events = inbox.events(*cursor);
            for expected in &all[index + 1..] {
                let (cursor, event) = next(&mut events).await;
                assert_eq!((cursor, kind(&event)), (expected.0, kind(&expected.1)));
            }
            assert!(tokio::time::timeout(MOMENT / 10, events.next()).await.is_err());
        }
        let (last, _) = all.last().unwrap();
        assert_eq!(inbox.end().await.unwrap(), *last);
    }
}

/// What an event is about: what a conversation is now may have changed.
fn kind(event: &Event) -> Result<&Message, &ConversationName> {
    match event {
        Event::Said(message) => Ok(message),
        Event::Joined(conversation) => Err(&conversation.name),
    }
}

pub(crate) async fn nothing_is_skipped_or_repeated_across_reopening(place: &Place) {
    let alice = place.open(1).await;
    let mut bob = place.open(2).await;
    let made = group(&*alice, &[&bob]).await;
    let expected: Vec<_> = (0..12).map(|number| format!("number {number}")).collect();
    let (mut heard, mut at) = (Vec::new(), Cursor(0));
    for pair in expected.chunks(2) {
        // one while it is open, and one while it is not
        say(&*alice, &made, &pair[0]).await;
        let mut events = bob.events(at);
        let mut some = up_to(&mut events, &pair[0]).await;
        drop(bob);
        say(&*alice, &made, &pair[1]).await;
        bob = place.open(2).await;
        at = some.last().unwrap().0;
        heard.append(&mut some);
    }
    heard.extend(up_to(&mut bob.events(at), &expected[11]).await);
    assert_eq!(texts(&heard), expected);
    assert!(heard.is_sorted_by(|(a, _), (b, _)| a < b));
    let joined = heard.iter().filter(|(_, event)| matches!(event, Event::Joined(_)));
    assert_eq!(joined.count(), 1);
}

pub(crate) async fn a_stream_ends_with_its_inbox(place: &Place) {
    let inbox = place.open(1).await;
    let mut waiting = inbox.events(Cursor(0));
    assert!(tokio::time::timeout(MOMENT, waiting.next()).await.is_err());
    let unread = inbox.events(Cursor(0));
    drop(inbox);
    let ended = tokio::time::timeout(PATIENCE, waiting.next()).await;
    assert!(ended.unwrap().is_none());
    // and one that nobody reads does not keep it open
    place.open(1).await;
    drop(unread);
}

pub(crate) async fn a_place_beyond_the_end_is_an_error(place: &Place) {
    let inbox = place.open(1).await;
    let Cursor(end) = inbox.end().await.unwrap();
    let mut events = inbox.events(Cursor(end + 1));
    let first = tokio::time::timeout(PATIENCE, events.next()).await.unwrap();
    assert!(matches!(first, Some(Err(NetworkError::Local(_)))));
    assert!(events.next().await.is_none());
}

pub(crate) async fn the_same_key_is_the_same_message(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let made = group(&*alice, &[&bob]).await;
    let first = alice.send(&made, &text("once"), "key").await.unwrap();
    assert_eq!(alice.send(&made, &text("once"), "key").await.unwrap().name, first.name);
    let other_key = alice.send(&made, &text("once"), "key two").await.unwrap();
    let other_content = alice.send(&made, &text("twice"), "key").await.unwrap();
    let names = BTreeSet::from([first.name.clone(), other_key.name, other_content.name]);
    assert_eq!(names.len(), 3);
    drop(alice);
    let alice = place.open(1).await;
    assert_eq!(alice.send(&made, &text("once"), "key").await.unwrap().name, first.name);
    say(&*alice, &made, "end").await;
    let heard = up_to(&mut bob.events(Cursor(0)), "end").await;
    assert_eq!(texts(&heard), ["once", "once", "twice", "end"]);
}

pub(crate) async fn contents_come_as_they_were_sent(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let made = group(&*alice, &[&bob]).await;
    let first = say(&*alice, &made, "first").await;
    let contents = [
        (
            "xmtp.org/reaction:1.0",
            json!({ "reference": first.0, "action": "added", "content": "👍", "schema": "unicode" }),
        ),
        (
            "xmtp.org/reply:1.0",
            json!({ "reference": first.0, "content": { "type": "xmtp.org/text:1.0", "payload": { "text": "re" } } }),
        ),
        ("xmtp.org/readReceipt:1.0", json!({})),
        (
            "xmtp.org/agentSeal:1.0",
            json!({ "contentType": "xmtp.org/agentSeal:1.0", "chain": {} }),
        ),
        ("xmtp.org/text:1.0", json!({ "text": "last" })),
    ];
    for (number, (name, body)) in contents.iter().enumerate() {
        let content = Content {
            content_type: (*name).to_owned(),
            body: body.clone(),
        };
        bob.send(&made, &content, &number.to_string()).await.unwrap();
    }
    for inbox in [&alice, &bob] {
        let heard = up_to(&mut inbox.events(Cursor(0)), "last").await;
        let heard: Vec<_> = heard
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Said(message) if message.sender == *bob.name() => Some(message),
                _ => None,
            })
            .collect();
        let said: Vec<_> = heard
            .iter()
            .map(|message| (message.content.content_type.as_str(), message.content.body.clone()))
            .collect();
        assert_eq!(said, contents);
        let replies: Vec<_> = heard.iter().filter_map(|message| message.reply_to.as_ref()).collect();
        assert_eq!(replies, [&first]);
    }
}

pub(crate) async fn messages_are_asked_for_by_time_and_number(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let made = group(&*alice, &[&bob]).await;
    for number in 0..5 {
        say(&*alice, &made, &format!("number {number}")).await;
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    up_to(&mut bob.events(Cursor(0)), "number 4").await;
    let all = all_messages(&*bob, &made).await;
    let numbers: Vec<_> = all.iter().filter_map(said).collect();
    assert_eq!(numbers, ["number 0", "number 1", "number 2", "number 3", "number 4"]);
    assert!(all.is_sorted_by_key(|message| message.sent_at));
    let times: Vec<Millis> = all.iter().filter(|m| said(m).is_some()).map(|m| m.sent_at).collect();
    let ask = |before: Option<usize>, after: Option<usize>, limit| {
        let query = MessageQuery {
            conversation: &made,
            before: before.map(|index| times[index]),
            after: after.map(|index| times[index]),
            limit,
        };
        let bob = &bob;
        async move {
            let found = bob.messages(query).await.unwrap();
            found.iter().filter_map(said).collect::<Vec<_>>()
        }
    };
    assert_eq!(ask(None, None, 2).await, ["number 3", "number 4"]);
    assert_eq!(ask(Some(3), None, 2).await, ["number 1", "number 2"]);
    assert_eq!(ask(None, Some(2), 9).await, ["number 3", "number 4"]);
    assert_eq!(ask(Some(3), Some(0), 9).await, ["number 1", "number 2"]);
    assert_eq!(ask(Some(0), Some(4), 9).await, [""; 0]);
    assert_eq!(ask(None, None, 0).await, [""; 0]);
    // what was just sent is there
    say(&*bob, &made, "just now").await;
    assert_eq!(
        said(all_messages(&*bob, &made).await.last().unwrap()).as_deref(),
        Some("just now")
    );
}

pub(crate) async fn a_message_is_found_by_its_name(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let made = group(&*alice, &[&bob]).await;
    let name = say(&*alice, &made, "here").await;
    up_to(&mut bob.events(Cursor(0)), "here").await;
    for inbox in [&alice, &bob] {
        let found = inbox.message(&name).await.unwrap().unwrap();
        assert_eq!(
            (&found.name, &found.conversation, &found.sender),
            (&name, &made, alice.name())
        );
        assert_eq!(said(&found).as_deref(), Some("here"));
        assert_eq!(inbox.message(&MessageName(NOBODY.to_owned())).await.unwrap(), None);
        assert_eq!(inbox.message(&MessageName("none".to_owned())).await.unwrap(), None);
    }
}

pub(crate) async fn a_group_is_what_was_asked_for(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let details = Details {
        title: "t".repeat(100),
        description: "d".to_owned(),
        image_url: String::new(),
    };
    let made = alice.create_group(&[bob.name().clone()], &details).await.unwrap();
    joined(&*bob, &made).await;
    for inbox in [&alice, &bob] {
        let shown = inbox.conversation(&made).await.unwrap();
        assert_eq!((&shown.details, shown.active), (&details, true));
        let members: BTreeSet<_> = shown.members.iter().collect();
        assert_eq!(members, BTreeSet::from([alice.name(), bob.name()]));
        assert_eq!(inbox.conversations().await.unwrap(), [shown]);
    }
    let roles = |inbox: &InboxName, members: &[chancery_signet::network::Member]| {
        members.iter().find(|member| member.inbox == *inbox).unwrap().role
    };
    let members = bob.members(&made).await.unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(
        (roles(alice.name(), &members), roles(bob.name(), &members)),
        (Role::SuperAdmin, Role::Member)
    );
    let too_long = Details {
        title: "t".repeat(101),
        ..Details::default()
    };
    let refused = alice.create_group(&[], &too_long).await;
    assert!(matches!(refused, Err(NetworkError::Invalid(_))));
}

/// The bodies of changes of groups in an inbox's log, up to a text.
async fn changes(inbox: &dyn Inbox, last: &str) -> Vec<Value> {
    let heard = up_to(&mut inbox.events(Cursor(0)), last).await;
    let changes = heard.into_iter().filter_map(|(_, event)| match event {
        Event::Said(message) if message.content.content_type == "xmtp.org/groupUpdated:1.0" => {
            Some(message.content.body)
        }
        _ => None,
    });
    changes.collect()
}

pub(crate) async fn a_group_changes(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let made = group(&*alice, &[&bob]).await;
    let fields = [
        (Change::Title("new".to_owned()), "group_name", "new"),
        (Change::Description("about".to_owned()), "description", "about"),
        (
            Change::ImageUrl("https://example.org/b".to_owned()),
            "group_image_url_square",
            "https://example.org/b",
        ),
    ];
    for (change, ..) in &fields {
        bob.change(&made, change).await.unwrap();
    }
    say(&*bob, &made, "done").await;
    let seen = changes(&*alice, "done").await;
    for (body, (_, name, value)) in seen[1..].iter().zip(&fields) {
        assert_eq!(body["initiatedByInboxId"], bob.name().0);
        let expected = json!([{ "fieldName": name, "oldValue": "", "newValue": value }]);
        assert_eq!(body["metadataFieldsChanged"], expected);
    }
    assert_eq!(seen.len(), 4);
    let details = alice.conversation(&made).await.unwrap().details;
    let values = [details.title, details.description, details.image_url];
    assert_eq!(
        values.each_ref().map(String::as_str),
        fields.each_ref().map(|(.., value)| *value)
    );
    let too_long = alice.change(&made, &Change::Title("t".repeat(101))).await;
    assert!(matches!(too_long, Err(NetworkError::Invalid(_))));
}

pub(crate) async fn members_come_and_go(place: &Place) {
    let (alice, bob, carol) = (place.open(1).await, place.open(2).await, place.open(3).await);
    let made = group(&*alice, &[&bob]).await;
    say(&*alice, &made, "before").await;
    let carols = vec![carol.name().clone()];
    bob.change(&made, &Change::Add(carols.clone())).await.unwrap();
    joined(&*carol, &made).await;
    say(&*alice, &made, "among three").await;
    // who came later does not know what was said before
    let heard = up_to(&mut carol.events(Cursor(0)), "among three").await;
    assert_eq!(texts(&heard), ["among three"]);

    let refused = bob.change(&made, &Change::Remove(carols.clone())).await;
    assert!(matches!(refused, Err(NetworkError::Forbidden(_))));
    alice.change(&made, &Change::Remove(carols.clone())).await.unwrap();
    say(&*alice, &made, "among two").await;
    let seen = changes(&*bob, "among two").await;
    assert_eq!(
        seen.last().unwrap()["removedInboxes"],
        json!([{ "inboxId": carol.name().0 }])
    );
    eventually("she is out", || async {
        !carol.conversation(&made).await.unwrap().active
    })
    .await;
    let refused = carol.send(&made, &text("still here"), "key").await;
    assert!(matches!(refused, Err(NetworkError::Forbidden(_))));

    // who is let in again hears what is said from then on, in the same conversation
    alice.change(&made, &Change::Add(carols)).await.unwrap();
    say(&*alice, &made, "again").await;
    let heard = up_to(&mut carol.events(Cursor(0)), "again").await;
    assert_eq!(texts(&heard), ["among three", "again"]);
    let joined = heard.iter().filter(|(_, event)| matches!(event, Event::Joined(_)));
    assert_eq!(joined.count(), 1);
    assert!(carol.conversation(&made).await.unwrap().active);
}

pub(crate) async fn roles_are_given_and_taken(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let made = group(&*alice, &[&bob]).await;
    let give = |role| Change::Role(bob.name().clone(), role);
    let role = || async {
        let members = alice.members(&made).await.unwrap();
        members
            .into_iter()
            .find(|member| member.inbox == *bob.name())
            .unwrap()
            .role
    };
    let refused = bob.change(&made, &Change::Role(bob.name().clone(), Role::Admin)).await;
    assert!(matches!(refused, Err(NetworkError::Forbidden(_))));
    for given in [
        Role::Admin,
        Role::SuperAdmin,
        Role::Admin,
        Role::Admin,
        Role::SuperAdmin,
        Role::Member,
    ] {
        alice.change(&made, &give(given)).await.unwrap();
        assert_eq!(role().await, given);
    }
    say(&*alice, &made, "done").await;
    let seen = changes(&*bob, "done").await;
    assert!(
        seen.iter()
            .any(|body| body["addedAdminInboxes"] == json!([{ "inboxId": bob.name().0 }]))
    );
    let nobody = alice
        .change(&made, &Change::Role(InboxName(NOBODY.to_owned()), Role::Admin))
        .await;
    assert!(matches!(nobody, Err(NetworkError::NotFound(_))));
}

pub(crate) async fn a_direct_conversation_is_one(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let dm = alice.create_dm(bob.name()).await.unwrap();
    assert_eq!(alice.create_dm(bob.name()).await.unwrap(), dm);
    joined(&*bob, &dm).await;
    assert_eq!(bob.create_dm(alice.name()).await.unwrap(), dm);
    let shown = bob.conversation(&dm).await.unwrap();
    assert_eq!(shown.peer.as_ref(), Some(alice.name()));
    say(&*bob, &dm, "between us").await;
    let heard = up_to(&mut alice.events(Cursor(0)), "between us").await;
    assert!(matches!(&heard[0].1, Event::Joined(first) if first.peer.as_ref() == Some(bob.name())));
    for change in [
        Change::Add(vec![place.open(3).await.name().clone()]),
        Change::Remove(vec![bob.name().clone()]),
        Change::Role(bob.name().clone(), Role::Admin),
        Change::Leave,
    ] {
        let refused = alice.change(&dm, &change).await;
        assert!(
            matches!(refused, Err(NetworkError::Forbidden(_))),
            "{change:?}: {refused:?}"
        );
    }
    let oneself = alice.create_dm(alice.name()).await;
    assert!(matches!(oneself, Err(NetworkError::Invalid(_))));
}

pub(crate) async fn whoever_leaves_is_out(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let made = group(&*alice, &[&bob]).await;
    let refused = alice.change(&made, &Change::Leave).await;
    assert!(matches!(refused, Err(NetworkError::Forbidden(_))));
    bob.change(&made, &Change::Leave).await.unwrap();
    eventually("he is out", || async { !bob.conversation(&made).await.unwrap().active }).await;
    eventually("she sees it", || async {
        alice.members(&made).await.unwrap().len() == 1
    })
    .await;
    say(&*alice, &made, "alone").await;
    let seen = changes(&*alice, "alone").await;
    assert_eq!(
        seen.last().unwrap()["leftInboxes"],
        json!([{ "inboxId": bob.name().0 }])
    );
}

pub(crate) async fn consent_is_remembered(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let made = group(&*alice, &[&bob]).await;
    let chat = ConsentSubject::Conversation(made.clone());
    let person = ConsentSubject::Inbox(alice.name().clone());
    assert_eq!(alice.consent(&chat).await.unwrap(), Consent::Allowed);
    for subject in [&chat, &person] {
        assert_eq!(bob.consent(subject).await.unwrap(), Consent::Unknown);
        for consent in [Consent::Denied, Consent::Allowed, Consent::Unknown, Consent::Denied] {
            bob.set_consent(subject, consent).await.unwrap();
            assert_eq!(bob.consent(subject).await.unwrap(), consent);
        }
    }
    drop(bob);
    let bob = place.open(2).await;
    assert_eq!(bob.consent(&chat).await.unwrap(), Consent::Denied);
    assert_eq!(bob.consent(&person).await.unwrap(), Consent::Denied);
    // who speaks where nobody decided wants it
    bob.set_consent(&chat, Consent::Unknown).await.unwrap();
    say(&*bob, &made, "hello").await;
    assert_eq!(bob.consent(&chat).await.unwrap(), Consent::Allowed);
}

fn terms(conversation: &ConversationName) -> InviteTerms {
    InviteTerms {
        conversation: conversation.clone(),
        tag: "x7k2m9q4t1".to_owned(),
        title: Some("The room".to_owned()),
        description: Some("What it is about".to_owned()),
        expires_at: Some(Millis(1_900_000_000_999)),
        single_use: true,
    }
}

pub(crate) async fn an_invite_leads_back_to_who_made_it(place: &Place) {
    let (alice, bob) = (place.open(1).await, place.open(2).await);
    let made = group(&*alice, &[]).await;
    let link = alice.invite(&terms(&made)).await.unwrap();
    assert!(link.starts_with("https://"), "{link}");
    let slug = place.network.read_invite(&link).await.unwrap().slug;
    // whoever asks sends it as text among texts: no word of people is as long
    assert!(slug.len() >= 50 && !slug.contains(char::is_whitespace), "{slug}");
    for text in [link.clone(), slug.clone(), format!(" {slug}\n")] {
        let returned = alice.returned(&text).await.unwrap();
        assert_eq!((returned.tag.as_str(), &returned.conversation), ("x7k2m9q4t1", &made));
        assert_eq!(returned.expires_at, Some(Millis(1_900_000_000_000)));
        assert_eq!(returned.conversation_expires_at, None);
    }
    // it leads nowhere for another
    let foreign = bob.returned(&link).await;
    assert!(matches!(foreign, Err(NetworkError::Forbidden(_))), "{foreign:?}");
    for text in ["", "hello", "https://example.org/v2?i=", &"a".repeat(80)] {
        let none = alice.returned(text).await;
        assert!(matches!(none, Err(NetworkError::Invalid(_))), "{text}: {none:?}");
    }
    // and for who opens the inbox again
    drop(alice);
    let alice = place.open(1).await;
    assert_eq!(alice.returned(&slug).await.unwrap().conversation, made);
    let nowhere = alice.invite(&terms(&ConversationName(NOBODY[..32].to_owned()))).await;
    assert!(matches!(nowhere, Err(NetworkError::NotFound(_))));
    let untagged = InviteTerms {
        tag: String::new(),
        ..terms(&made)
    };
    assert!(matches!(alice.invite(&untagged).await, Err(NetworkError::Invalid(_))));
}

pub(crate) async fn an_invite_says_to_others_who_made_it(place: &Place) {
    let alice = place.open(1).await;
    let made = group(&*alice, &[]).await;
    let link = alice.invite(&terms(&made)).await.unwrap();
    let read = place.network.read_invite(&link).await.unwrap();
    assert_eq!((&read.maker, read.tag.as_str()), (alice.name(), "x7k2m9q4t1"));
    assert_eq!(read.title.as_deref(), Some("The room"));
    assert_eq!(read.expires_at, Some(Millis(1_900_000_000_000)));
    assert_eq!(place.network.read_invite(&read.slug).await.unwrap(), read);
    // nothing of where it leads
    assert!(!read.slug.contains(&made.0));
    for text in ["", "hello", &"a".repeat(80)] {
        let none = place.network.read_invite(text).await;
        assert!(matches!(none, Err(NetworkError::Invalid(_))), "{text}: {none:?}");
    }
    let plain = InviteTerms {
        title: None,
        description: None,
        expires_at: None,
        single_use: false,
        ..terms(&made)
    };
    let read = alice.invite(&plain).await.unwrap();
    let read = place.network.read_invite(&read).await.unwrap();
    assert_eq!((read.title, read.expires_at), (None, None));
}

pub(crate) async fn what_is_not_there_is_not_found(place: &Place) {
    let inbox = place.open(1).await;
    let nowhere = ConversationName(NOBODY[..32].to_owned());
    let nobody = InboxName(NOBODY.to_owned());
    let not_found = |error: NetworkError| assert!(matches!(error, NetworkError::NotFound(_)), "{error:?}");
    not_found(inbox.send(&nowhere, &text("x"), "key").await.unwrap_err());
    not_found(inbox.conversation(&nowhere).await.unwrap_err());
    not_found(inbox.members(&nowhere).await.unwrap_err());
    not_found(inbox.sync(Some(&nowhere)).await.unwrap_err());
    not_found(
        inbox
            .change(&nowhere, &Change::Title("x".to_owned()))
            .await
            .unwrap_err(),
    );
    not_found(inbox.create_dm(&nobody).await.unwrap_err());
    let subject = ConsentSubject::Conversation(nowhere.clone());
    not_found(inbox.consent(&subject).await.unwrap_err());
    not_found(inbox.set_consent(&subject, Consent::Allowed).await.unwrap_err());
    let query = MessageQuery {
        conversation: &nowhere,
        before: None,
        after: None,
        limit: 1,
    };
    not_found(inbox.messages(query).await.unwrap_err());
    let made = inbox.create_group(&[], &Details::default()).await.unwrap();
    not_found(
        inbox
            .change(&made, &Change::Add(vec![nobody.clone()]))
            .await
            .unwrap_err(),
    );
    not_found(inbox.create_group(&[nobody], &Details::default()).await.unwrap_err());
    inbox.sync(None).await.unwrap();
    inbox.sync(Some(&made)).await.unwrap();
}

pub(crate) async fn two_inboxes_of_one_process_have_logs_of_their_own(place: &Place) {
    let (alice, bob, carol) = (place.open(1).await, place.open(2).await, place.open(3).await);
    let with_bob = group(&*alice, &[&bob]).await;
    let with_carol = group(&*alice, &[&carol]).await;
    for number in 0..4 {
        say(&*alice, &with_bob, &format!("bob {number}")).await;
        say(&*alice, &with_carol, &format!("carol {number}")).await;
    }
    for (inbox, name) in [(&bob, "bob"), (&carol, "carol")] {
        let expected: Vec<_> = (0..4).map(|number| format!("{name} {number}")).collect();
        let heard = up_to(&mut inbox.events(Cursor(0)), &expected[3]).await;
        assert_eq!(texts(&heard), expected);
        assert_eq!(inbox.conversations().await.unwrap().len(), 1);
    }
}
