//! All four stages (signet spec 4), and reading on demand (9.8).

use chancery_base::{ErrorCode as _, Millis};
use chancery_policy::messaging::{
    Allowlist, Bounds, Chats, Dropped, HiddenMode, Message, MessageType, Occasion, Reveal, RevealRequest, RevealScope,
    RevealTarget, Reveals, Scope, ScopeMode, ScopeSet, Unseen, Visibility,
};

use super::{CHAT, OTHER_CHAT, id, scopes, text_message};

const NOW: Millis = Millis(10_000);

fn bounds(allow: &[&str]) -> Bounds {
    Bounds {
        chats: Chats::new(ScopeMode::PerChat, [CHAT]).unwrap(),
        scopes: ScopeSet {
            allow: scopes(allow),
            ..ScopeSet::default()
        },
        types: Allowlist::default(),
        issued_at: Millis(500),
        hidden_mode: HiddenMode::Drop,
    }
}

fn revealing(chat: &str, message: &str) -> Reveals {
    let mut reveals = Reveals::default();
    let request = RevealRequest {
        id: "r1".to_owned(),
        chat: chat.to_owned(),
        target: RevealTarget::parse(RevealScope::Message, message).unwrap(),
        requested_by: "cred_0000000000000001".to_owned(),
        expires_at: None,
    };
    reveals.add(Reveal::grant(request, "owner", Millis(0))).unwrap();
    reveals
}

#[test]
fn what_passes_is_the_message_itself() {
    let text = id("xmtp.org/text:1.0");
    let message = Message {
        seal: Some("seal_0000000000000001"),
        ..text_message(&text)
    };
    let bounds = bounds(&["read-messages", "stream-messages"]);
    let seen = bounds
        .project(&message, Occasion::Live, &Reveals::default(), NOW)
        .unwrap();
    assert!(
        std::ptr::eq(seen.content().unwrap(), message.content),
        "not a copy of it"
    );
    assert!(std::ptr::eq(seen.content_type(), &text));
    assert_eq!(
        (
            seen.id(),
            seen.chat(),
            seen.sender(),
            seen.sent_at(),
            seen.seal(),
            seen.thread()
        ),
        (message.id, CHAT, "alice", Millis(1000), message.seal, None)
    );
    assert_eq!(seen.visibility(), Visibility::Visible);
}

#[test]
fn a_message_of_another_chat_is_dropped_first() {
    let unknown = id("example.com/unknown:1.0");
    let message = Message {
        chat: OTHER_CHAT,
        ..text_message(&unknown)
    };
    let every = ScopeSet::allowing(Scope::ALL);
    let bounds = Bounds {
        scopes: every,
        ..bounds(&[])
    };
    for occasion in [Occasion::Live, Occasion::Read, Occasion::Reveal] {
        let reveals = revealing(OTHER_CHAT, message.id);
        let dropped = bounds.project(&message, occasion, &reveals, NOW);
        assert_eq!(dropped.unwrap_err(), Dropped::Chat);
    }
}

#[test]
fn a_type_that_is_not_let_through_is_dropped_second_even_if_revealed() {
    let unknown = id("example.com/unknown:1.0");
    let bounds = bounds(&["stream-messages"]);
    let dropped = bounds.project(
        &text_message(&unknown),
        Occasion::Live,
        &revealing(CHAT, "msg_0000000000000001"),
        NOW,
    );
    assert_eq!(dropped.unwrap_err(), Dropped::ContentType);
}

#[test]
fn a_reply_that_holds_an_unknown_type_is_dropped() {
    let (reply, unknown) = (id("xmtp.org/reply:1.0"), id("example.com/unknown:1.0"));
    let message = Message {
        message_type: MessageType {
            id: &reply,
            nested: Some(&unknown),
        },
        ..text_message(&reply)
    };
    let bounds = bounds(&["read-messages", "stream-messages"]);
    let dropped = bounds.project(&message, Occasion::Live, &Reveals::default(), NOW);
    assert_eq!(dropped.unwrap_err(), Dropped::ContentType);
}

#[test]
fn a_redacted_message_says_everything_but_what_it_says() {
    let text = id("xmtp.org/text:1.0");
    let message = text_message(&text);
    let bounds = Bounds {
        hidden_mode: HiddenMode::Redact,
        ..bounds(&["stream-messages"])
    };
    let seen = bounds
        .project(&message, Occasion::Live, &Reveals::default(), NOW)
        .unwrap();
    assert_eq!(seen.visibility(), Visibility::Redacted);
    assert_eq!(seen.content(), None);
    assert_eq!(
        (seen.id(), seen.sender(), seen.sent_at()),
        (message.id, "alice", Millis(1000))
    );
    let revealed = bounds
        .project(&message, Occasion::Live, &revealing(CHAT, message.id), NOW)
        .unwrap();
    assert_eq!(
        (revealed.visibility(), revealed.content()),
        (Visibility::Revealed, Some("hi"))
    );
}

#[test]
fn a_denied_read_is_no_read() {
    let text = id("xmtp.org/text:1.0");
    let mut bounds = bounds(&["read-messages", "stream-messages"]);
    bounds.scopes.deny = scopes(&["read-messages"]);
    let dropped = bounds.project(&text_message(&text), Occasion::Live, &Reveals::default(), NOW);
    assert_eq!(dropped.unwrap_err(), Dropped::Hidden);
}

#[test]
fn what_was_sent_before_the_credential_is_history_and_what_was_sent_with_it_is_not() {
    let text = id("xmtp.org/text:1.0");
    let without = bounds(&["read-messages", "stream-messages"]);
    let with = bounds(&["read-messages", "stream-messages", "read-history"]);
    let at = |bounds: &Bounds, sent| {
        let message = Message {
            sent_at: Millis(sent),
            ..text_message(&text)
        };
        let seen = bounds.project(&message, Occasion::Live, &Reveals::default(), NOW);
        seen.map(|seen| seen.visibility())
    };
    assert_eq!(at(&without, 499), Err(Dropped::Hidden));
    assert_eq!(at(&without, 500), Ok(Visibility::Visible));
    assert_eq!(at(&with, 499), Ok(Visibility::Historical));
    assert_eq!(at(&with, 500), Ok(Visibility::Visible));
}

#[test]
fn only_a_reply_belongs_to_a_thread() {
    let text = id("xmtp.org/text:1.0");
    for (content_type, thread) in [
        ("xmtp.org/reply:1.0", Some("msg_00000000000000aa")),
        ("xmtp.org/reaction:1.0", None),
        ("xmtp.org/text:1.0", None),
    ] {
        let content_type = id(content_type);
        let message = Message {
            message_type: MessageType {
                id: &content_type,
                nested: content_type.is_reply().then_some(&text),
            },
            reference: Some("msg_00000000000000aa"),
            ..text_message(&content_type)
        };
        let bounds = bounds(&["read-messages", "stream-messages"]);
        let seen = bounds
            .project(&message, Occasion::Live, &Reveals::default(), NOW)
            .unwrap();
        assert_eq!(seen.thread(), thread, "{content_type}");
    }
}

/// Each combination of what the stages look at, beside the four rules one after the other.
#[test]
fn no_stage_lets_through_what_another_stops() {
    let (text, unknown) = (id("xmtp.org/text:1.0"), id("example.com/unknown:1.0"));
    for bits in 0..32_u8 {
        let [in_chat, known, read, stream, revealed] = [1, 2, 4, 8, 16].map(|bit| bits & bit != 0);
        let message = Message {
            chat: if in_chat { CHAT } else { OTHER_CHAT },
            ..text_message(if known { &text } else { &unknown })
        };
        let mut allow = Vec::new();
        allow.extend(read.then_some("read-messages"));
        allow.extend(stream.then_some("stream-messages"));
        let reveals = if revealed {
            revealing(message.chat, message.id)
        } else {
            Reveals::default()
        };
        let seen = bounds(&allow).project(&message, Occasion::Live, &reveals, NOW);
        let expected = if !in_chat {
            Err(Dropped::Chat)
        } else if !known {
            Err(Dropped::ContentType)
        } else if stream && read {
            Ok(Visibility::Visible)
        } else if stream && revealed {
            Ok(Visibility::Revealed)
        } else {
            Err(Dropped::Hidden)
        };
        assert_eq!(seen.map(|seen| seen.visibility()), expected, "{bits:05b}");
    }
}

#[test]
fn whoever_may_not_read_cannot_tell_why() {
    let text = id("xmtp.org/text:1.0");
    let message = text_message(&text);
    let before = Message {
        sent_at: Millis(0),
        ..message
    };
    let reader = bounds(&["read-messages"]);
    let reveals = revealing(CHAT, message.id);
    let none = Reveals::default();
    for (bounds, chat, message, reveals) in [
        (&reader, OTHER_CHAT, &message, &none),
        (
            &reader,
            CHAT,
            &Message {
                chat: OTHER_CHAT,
                ..message
            },
            &none,
        ),
        (&reader, CHAT, &before, &none),
        (&bounds(&["stream-messages", "read-history"]), CHAT, &message, &none),
        (&bounds(&["stream-messages", "read-history"]), CHAT, &message, &reveals),
    ] {
        assert_eq!(bounds.read(chat, message, reveals, NOW).unwrap_err(), Unseen);
    }
    assert_eq!(Unseen.code(), "SIGNET_NOT_FOUND");
    assert_eq!(Unseen.status(), 404);
    assert_eq!(Unseen.to_string(), "not found");
    let both = Bounds {
        chats: Chats::new(ScopeMode::Shared, [CHAT, OTHER_CHAT]).unwrap(),
        ..reader.clone()
    };
    assert!(both.read(CHAT, &message, &none, NOW).is_ok());
    assert_eq!(both.read(OTHER_CHAT, &message, &none, NOW).unwrap_err(), Unseen);
    let seen = reader.read(CHAT, &message, &none, NOW).unwrap();
    assert_eq!((seen.visibility(), seen.content()), (Visibility::Visible, Some("hi")));
    assert!(reader.may_read(CHAT).is_ok());
    assert!(reader.may_read(OTHER_CHAT).is_err());
    assert!(bounds(&["read-history"]).may_read(CHAT).is_err());
}
