//! Reveals (signet spec 4.1).

use chancery_base::{ErrorCode as _, Millis};
use chancery_policy::messaging::{
    MAX_REVEALS, Message, MessageType, Reveal, RevealAccess, RevealRequest, RevealScope, RevealTarget, Reveals,
};
use proptest::prelude::*;
use serde_json::json;

use super::{CHAT, OTHER_CHAT, id, text_message, time};

const NOW: Millis = Millis(5000);

fn request(id: &str, chat: &str, scope: RevealScope, target: &str, expires_at: Option<Millis>) -> RevealRequest {
    RevealRequest {
        id: id.to_owned(),
        chat: chat.to_owned(),
        target: RevealTarget::parse(scope, target).unwrap(),
        requested_by: "cred_0000000000000001".to_owned(),
        expires_at,
    }
}

fn reveal(id: &str, chat: &str, scope: RevealScope, target: &str, expires_at: Option<Millis>) -> Reveal {
    Reveal::grant(request(id, chat, scope, target, expires_at), "owner", Millis(0))
}

fn one(reveal: Reveal) -> Reveals {
    Reveals::try_from(vec![reveal]).unwrap()
}

/// A target of each scope that stands for `answer` below, and one that does not.
const TARGETS: [(RevealScope, &str, &str); 5] = [
    (RevealScope::Message, "msg_0000000000000001", "msg_0000000000000002"),
    (RevealScope::Thread, "msg_00000000000000aa", "msg_00000000000000ab"),
    (
        RevealScope::TimeWindow,
        "1970-01-01T00:00:00.000Z|1970-01-01T00:00:01.000Z",
        "1970-01-01T00:00:01.001Z|1970-01-01T00:00:02.000Z",
    ),
    (RevealScope::ContentType, "xmtp.org/reply:1.0", "xmtp.org/text:1.0"),
    (RevealScope::Sender, "alice", "bob"),
];

fn with_answer(check: impl Fn(&Message<'_, str>)) {
    let (reply, text) = (id("xmtp.org/reply:1.0"), id("xmtp.org/text:1.0"));
    check(&Message {
        message_type: MessageType {
            id: &reply,
            nested: Some(&text),
        },
        reference: Some("msg_00000000000000aa"),
        ..text_message(&reply)
    });
}

#[test]
fn each_scope_reveals_what_it_names_and_nothing_else() {
    with_answer(|answer| {
        for (scope, fitting, other) in TARGETS {
            let shows = |target| {
                one(reveal("r", CHAT, scope, target, None))
                    .matching(answer, NOW)
                    .is_some()
            };
            assert!(shows(fitting), "{scope}");
            assert!(!shows(other), "{scope}");
        }
    });
}

#[test]
fn no_scope_reveals_anything_of_another_chat() {
    with_answer(|answer| {
        for (scope, fitting, _) in TARGETS {
            let reveals = one(reveal("r", OTHER_CHAT, scope, fitting, None));
            assert!(reveals.matching(answer, NOW).is_none(), "{scope}");
        }
    });
}

#[test]
fn a_thread_is_its_root_and_the_replies_to_it() {
    let (text, reaction) = (id("xmtp.org/text:1.0"), id("xmtp.org/reaction:1.0"));
    let root = Message {
        id: "msg_00000000000000aa",
        ..text_message(&text)
    };
    let reacting = Message {
        reference: Some("msg_00000000000000aa"),
        ..text_message(&reaction)
    };
    let thread = reveal("r", CHAT, RevealScope::Thread, "msg_00000000000000aa", None);
    assert!(thread.matches(&root, NOW));
    assert!(!thread.matches(&reacting, NOW), "a reaction is in no thread");
    with_answer(|answer| assert!(thread.matches(answer, NOW)));
}

#[test]
fn a_reveal_is_over_at_its_end_swept_or_not() {
    with_answer(|answer| {
        for (scope, fitting, _) in TARGETS {
            for (expires, shows) in [
                (None, true),
                (Some(5001), true),
                (Some(5000), false),
                (Some(4999), false),
            ] {
                let mut reveals = one(reveal("r", CHAT, scope, fitting, expires.map(Millis)));
                assert_eq!(reveals.matching(answer, NOW).is_some(), shows, "{scope} {expires:?}");
                assert_eq!(reveals.active(NOW).count(), usize::from(shows));
                assert_eq!(reveals.expire(NOW).len(), usize::from(!shows));
                assert_eq!(reveals.matching(answer, NOW).is_some(), shows);
                assert_eq!(Vec::from(reveals).len(), usize::from(shows));
            }
        }
    });
}

#[test]
fn an_expired_reveal_does_not_hide_a_lasting_one_of_the_same_target() {
    with_answer(|answer| {
        let reveals = Reveals::try_from(vec![
            reveal("short", CHAT, RevealScope::Sender, "alice", Some(Millis(1))),
            reveal("long", CHAT, RevealScope::Sender, "alice", None),
            reveal("over", CHAT, RevealScope::Sender, "alice", Some(Millis(2))),
        ]);
        assert_eq!(reveals.unwrap().matching(answer, NOW).unwrap().id(), "long");
    });
}

#[test]
fn a_reveal_ends_when_it_is_taken_away_or_the_credential_ends() {
    with_answer(|answer| {
        let mut reveals = one(reveal("a", CHAT, RevealScope::Sender, "alice", None));
        reveals
            .add(reveal("b", CHAT, RevealScope::Message, answer.id, None))
            .unwrap();
        assert_eq!(reveals.remove("b").unwrap().id(), "b");
        assert!(reveals.remove("b").is_none());
        assert!(reveals.matching(answer, NOW).is_some());
        reveals.clear();
        assert!(reveals.matching(answer, NOW).is_none());
    });
}

#[test]
fn granting_again_under_one_id_replaces_what_was_granted() {
    with_answer(|answer| {
        let mut reveals = one(reveal("a", CHAT, RevealScope::Sender, "alice", Some(Millis(1))));
        let longer = reveal("a", CHAT, RevealScope::Sender, "alice", Some(Millis(1))).until(None);
        reveals.add(longer).unwrap();
        assert!(reveals.matching(answer, NOW).is_some());
        reveals
            .add(reveal("a", CHAT, RevealScope::Sender, "bob", None))
            .unwrap();
        assert!(reveals.matching(answer, NOW).is_none());
        assert_eq!(Vec::from(reveals).len(), 1);
    });
}

#[test]
fn there_is_a_limit_and_it_is_an_answer() {
    let mut reveals = Reveals::default();
    for n in 0..MAX_REVEALS {
        let added = reveals.add(reveal(
            &n.to_string(),
            CHAT,
            RevealScope::Message,
            &format!("msg_{n:016x}"),
            None,
        ));
        added.unwrap();
    }
    let error = reveals
        .add(reveal("more", CHAT, RevealScope::Sender, "alice", None))
        .unwrap_err();
    assert_eq!(error.code(), "SIGNET_REVEALS_FULL");
    let again = reveal("7", CHAT, RevealScope::Sender, "alice", None);
    assert!(
        reveals.add(again).is_ok(),
        "one that is there already takes no more room"
    );
}

#[test]
fn requests_and_grants_are_written_as_the_spec_has_them() {
    let written = json!({
        "revealId": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "groupId": CHAT,
        "scope": "time-window",
        "targetId": "2026-01-01T00:00:00.000Z|2026-01-02T00:00:00.000Z",
        "requestedBy": "cred_0000000000000001",
        "expiresAt": null,
    });
    let request: RevealRequest = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&request).unwrap(), written);
    let granted =
        Reveal::grant(request, "owner", time("2026-01-03T00:00:00Z")).until(Some(time("2026-01-04T00:00:00Z")));
    let access = json!({
        "revealId": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
        "grantedAt": "2026-01-03T00:00:00.000Z",
        "grantedBy": "owner",
        "expiresAt": "2026-01-04T00:00:00.000Z",
    });
    assert_eq!(serde_json::to_value(granted.access()).unwrap(), access);
    assert_eq!(
        serde_json::to_value(&granted).unwrap(),
        json!({"access": access, "request": written})
    );
    assert_eq!(
        serde_json::from_value::<RevealAccess>(access).unwrap(),
        *granted.access()
    );
}

#[test]
fn a_request_needs_every_member_in_its_form() {
    let good = json!({"revealId": "r", "groupId": CHAT, "scope": "sender", "targetId": "alice", "requestedBy": "c", "expiresAt": "2026-01-01T00:00:00Z"});
    assert!(serde_json::from_value::<RevealRequest>(good.clone()).is_ok());
    for member in ["revealId", "groupId", "scope", "targetId", "requestedBy", "expiresAt"] {
        let mut json = good.clone();
        json.as_object_mut().unwrap().remove(member);
        assert!(
            serde_json::from_value::<RevealRequest>(json).is_err(),
            "without {member}"
        );
        let mut json = good.clone();
        json[member] = json!(7);
        assert!(
            serde_json::from_value::<RevealRequest>(json).is_err(),
            "{member} is a number"
        );
    }
    for (member, value) in [
        ("scope", "contentType"),
        ("scope", "time_window"),
        ("targetId", ""),
        ("targetId", "al\u{0}ice"),
        ("expiresAt", ""),
        ("expiresAt", "2026-01-01"),
        ("expiresAt", "2026-01-01T00:00:00"),
        ("expiresAt", "2026-01-01T00:00:00+00:00"),
        ("expiresAt", "2026-01-01t00:00:00z"),
    ] {
        let mut json = good.clone();
        json[member] = json!(value);
        assert!(
            serde_json::from_value::<RevealRequest>(json).is_err(),
            "{member} {value}"
        );
    }
    let mut json = good;
    json["targetId"] = json!("x".repeat(257));
    assert!(serde_json::from_value::<RevealRequest>(json).is_err());
}

#[test]
fn the_five_scopes_are_texts_of_the_wire() {
    let texts = ["message", "thread", "time-window", "content-type", "sender"];
    assert_eq!(RevealScope::ALL.map(RevealScope::as_str), texts);
    for (scope, text) in RevealScope::ALL.into_iter().zip(texts) {
        assert_eq!(serde_json::to_value(scope).unwrap(), json!(text));
        assert_eq!(text.parse::<RevealScope>().unwrap(), scope);
        assert_eq!(serde_json::from_value::<RevealScope>(json!(text)).unwrap(), scope);
    }
    assert!("group".parse::<RevealScope>().is_err());
}

#[test]
fn a_grant_for_another_request_is_refused() {
    let json = json!({
        "access": {"revealId": "a", "grantedAt": "2026-01-01T00:00:00Z", "grantedBy": "owner", "expiresAt": null},
        "request": {"revealId": "b", "groupId": CHAT, "scope": "sender", "targetId": "alice", "requestedBy": "c", "expiresAt": null},
    });
    assert!(serde_json::from_value::<Reveal>(json).is_err());
}

/// What can be revealed, in few words so that it often meets a message.
fn any_reveal() -> impl Strategy<Value = Reveal> {
    let target = prop_oneof![
        "[mn]".prop_map(|id| (RevealScope::Message, id)),
        "[mn]".prop_map(|id| (RevealScope::Thread, id)),
        "[ab]".prop_map(|id| (RevealScope::Sender, id)),
        prop::sample::select(vec!["xmtp.org/text:1.0", "xmtp.org/reply:1.0", "xmtp.org/reaction:1.0"])
            .prop_map(|id| (RevealScope::ContentType, id.to_owned())),
        (0..4_i64, 0..4_i64).prop_map(|(start, length)| {
            let window = format!("{}|{}", Millis(start), Millis(start + length));
            (RevealScope::TimeWindow, window)
        }),
    ];
    let expires = prop::option::of((0..6_i64).prop_map(Millis));
    ("[0-9]", "[cd]", target, expires)
        .prop_map(|(id, chat, (scope, target), expires)| reveal(&id, &chat, scope, &target, expires))
}

/// What a naive list does: a grant replaces the one with its id.
fn naive_add(list: &mut Vec<Reveal>, reveal: Reveal) {
    list.retain(|other| other.id() != reveal.id());
    list.push(reveal);
}

/// The table of the spec, from the parts of the request as they are on the wire.
fn naive_matches(reveal: &Reveal, message: &Message<'_, str>, now: Millis) -> bool {
    let request = serde_json::to_value(reveal.request()).unwrap();
    let target = request["targetId"].as_str().unwrap();
    let is_reply = message.message_type.id.as_str() == "xmtp.org/reply:1.0";
    let fits = match request["scope"].as_str().unwrap() {
        "message" => message.id == target,
        "thread" => message.id == target || (is_reply && message.reference == Some(target)),
        "sender" => message.sender == target,
        "content-type" => message.message_type.id.as_str() == target,
        _ => {
            let (start, end) = target.split_once('|').unwrap();
            let sent = message.sent_at.to_rfc3339();
            start <= sent.as_str() && sent.as_str() <= end
        }
    };
    let ends = serde_json::to_value(reveal.access()).unwrap()["expiresAt"].clone();
    let over = ends.as_str().is_some_and(|ends| ends <= now.to_rfc3339().as_str());
    fits && !over && request["groupId"] == message.chat
}

proptest! {
    #[test]
    fn reveals_answer_as_a_list_that_is_gone_through(
        reveals in prop::collection::vec(any_reveal(), 0..12),
        (id, chat, sender, reference) in ("[mno]", "[cd]", "[abx]", prop::option::of("[mno]")),
        content_type in prop::sample::select(vec!["xmtp.org/text:1.0", "xmtp.org/reply:1.0", "xmtp.org/reaction:1.0"]),
        (sent, now, sweep, restore) in (0..8_i64, 0..8_i64, any::<bool>(), any::<bool>()),
        removed in prop::option::of("[0-9]"),
    ) {
        let (content_type, text) = (super::id(content_type), super::id("xmtp.org/text:1.0"));
        let message = Message {
            id: &id,
            chat: &chat,
            sender: &sender,
            message_type: MessageType { id: &content_type, nested: Some(&text) },
            content: "",
            sent_at: Millis(sent),
            reference: reference.as_deref(),
            seal: None,
        };
        let (mut ours, mut list) = (Reveals::default(), Vec::new());
        for reveal in reveals {
            ours.add(reveal.clone()).unwrap();
            naive_add(&mut list, reveal);
        }
        if let Some(removed) = removed {
            ours.remove(&removed);
            list.retain(|reveal| reveal.id() != removed);
        }
        if sweep {
            ours.expire(Millis(now));
        }
        if restore {
            ours = serde_json::from_str(&serde_json::to_string(&ours).unwrap()).unwrap();
        }
        let expected: Vec<_> = list.iter().filter(|reveal| naive_matches(reveal, &message, Millis(now))).collect();
        let found = ours.matching(&message, Millis(now));
        prop_assert_eq!(found.is_some(), !expected.is_empty());
        prop_assert!(found.is_none_or(|found| expected.contains(&found)));
    }
}
