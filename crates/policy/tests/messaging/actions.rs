//! What a request takes (signet spec 2.3).

use chancery_base::{Category, ErrorCode as _, Millis};
use chancery_policy::messaging::{
    Action, Allowlist, Bounds, ChatAction, Chats, ContentTypeId, HiddenMode, MessageType, Refusal, Scope, ScopeMode,
    ScopeSet,
};

use super::{CHAT, OTHER_CHAT, id, ids, scope, scopes};

/// The actions in a chat that have a scope of their own, by its name.
const NAMED: [(&str, ChatAction<'static>); 19] = [
    ("add-member", ChatAction::AddMember),
    ("remove-member", ChatAction::RemoveMember),
    ("promote-admin", ChatAction::PromoteAdmin),
    ("demote-admin", ChatAction::DemoteAdmin),
    ("update-permission", ChatAction::UpdatePermission),
    ("update-name", ChatAction::UpdateName),
    ("update-description", ChatAction::UpdateDescription),
    ("update-image", ChatAction::UpdateImage),
    ("invite", ChatAction::Invite),
    ("leave", ChatAction::Leave),
    ("list-members", ChatAction::ListMembers),
    ("read-permissions", ChatAction::ReadPermissions),
    ("stream-messages", ChatAction::StreamMessages),
    ("read-history", ChatAction::ReadHistory),
    ("forward-to-provider", ChatAction::ForwardToProvider),
    ("store-excerpts", ChatAction::StoreExcerpts),
    ("use-for-memory", ChatAction::UseForMemory),
    ("quote-revealed", ChatAction::QuoteRevealed),
    ("summarize", ChatAction::Summarize),
];

const CHATLESS: [(&str, Action); 5] = [
    ("join", Action::Join),
    ("create-group", Action::CreateGroup),
    ("create-dm", Action::CreateDm),
    ("list-conversations", Action::ListConversations),
    ("stream-conversations", Action::StreamConversations),
];

/// What is sent, what a reply holds, and the scopes that it takes.
const SENT: [(&str, Option<&str>, &[&str]); 17] = [
    ("xmtp.org/text:1.0", None, &["send"]),
    ("example.com/poll:1.0", None, &["send"]),
    ("xmtp.org/reaction:1.0", None, &["react"]),
    ("xmtp.org/reaction:2.0", None, &["react"]),
    ("xmtp.org/reaction:9.9", None, &["react"]),
    ("xmtp.org/readReceipt:1.0", None, &["read-receipt"]),
    ("xmtp.org/attachment:1.0", None, &["attachment"]),
    ("xmtp.org/remoteStaticAttachment:1.0", None, &["attachment"]),
    ("xmtp.org/multiRemoteStaticAttachment:1.0", None, &["attachment"]),
    ("xmtp.org/attachment:7.0", None, &["attachment"]),
    ("xmtp.org/reply:1.0", Some("xmtp.org/text:1.0"), &["reply"]),
    ("xmtp.org/reply:2.0", Some("xmtp.org/text:1.0"), &["reply"]),
    (
        "xmtp.org/reply:1.0",
        Some("xmtp.org/attachment:1.0"),
        &["reply", "attachment"],
    ),
    ("xmtp.org/reply:1.0", Some("xmtp.org/reaction:1.0"), &["reply", "react"]),
    (
        "xmtp.org/reply:1.0",
        Some("xmtp.org/readReceipt:1.0"),
        &["reply", "read-receipt"],
    ),
    ("xmtp.org/verificationRequest:1.0", None, &["send"]),
    ("convos.org/profile_update:1.0", None, &["send"]),
];

fn bounds(scopes: ScopeSet, types: &[&str]) -> Bounds {
    Bounds {
        chats: Chats::new(ScopeMode::PerChat, [CHAT]).unwrap(),
        scopes,
        types: Allowlist::effective(Some(&ids(types)), None, None).unwrap(),
        issued_at: Millis(0),
        hidden_mode: HiddenMode::Drop,
    }
}

fn with_type<T>(content: &str, nested: Option<&str>, run: impl FnOnce(ChatAction<'_>) -> T) -> T {
    let (content, nested): (ContentTypeId, Option<ContentTypeId>) = (id(content), nested.map(id));
    run(ChatAction::Send(MessageType {
        id: &content,
        nested: nested.as_ref(),
    }))
}

/// `action` takes exactly `needed`: with all of them it is done, without one of them not, nor if one is denied.
fn takes(action: ChatAction<'_>, needed: &[&str], types: &[&str]) {
    let exactly = ScopeSet {
        allow: scopes(needed),
        ..ScopeSet::default()
    };
    assert_eq!(bounds(exactly, types).may_in(CHAT, action), Ok(()), "{action:?}");
    assert_eq!(
        bounds(exactly, types).may_in(OTHER_CHAT, action),
        Err(Refusal::Chat(OTHER_CHAT.to_owned()))
    );
    for missing in needed {
        let all = ScopeSet::allowing(Scope::ALL);
        let without = ScopeSet {
            allow: all.allow - scope(missing).into(),
            ..all
        };
        let denied = ScopeSet {
            deny: scope(missing).into(),
            ..all
        };
        for scopes in [without, denied] {
            let refused = bounds(scopes, types).may_in(CHAT, action);
            assert_eq!(refused, Err(Refusal::Scope(scope(missing))), "{action:?}");
        }
    }
}

#[test]
fn each_action_in_a_chat_takes_the_scope_of_its_name() {
    for (name, action) in NAMED {
        takes(action, &[name], &["xmtp.org/text:1.0"]);
    }
}

#[test]
fn each_action_outside_of_chats_takes_the_scope_of_its_name() {
    for (name, action) in CHATLESS {
        let all = ScopeSet::allowing(Scope::ALL);
        let only = ScopeSet::allowing([scope(name)]);
        let types = &["xmtp.org/text:1.0"];
        assert_eq!(bounds(only, types).may(action), Ok(()));
        let without = ScopeSet::allowing((all.allow - scope(name).into()).iter());
        let denied = ScopeSet {
            deny: scope(name).into(),
            ..all
        };
        for scopes in [without, denied] {
            assert_eq!(bounds(scopes, types).may(action), Err(Refusal::Scope(scope(name))));
        }
    }
}

/// What is left are the scopes of sending, and `read-messages`, which projection asks for.
#[test]
fn every_scope_is_asked_for_by_something() {
    let named = NAMED.iter().map(|(name, _)| *name);
    let chatless = CHATLESS.iter().map(|(name, _)| *name);
    let sent = SENT.iter().flat_map(|(_, _, needed)| needed.iter().copied());
    let asked: std::collections::BTreeSet<_> = named
        .chain(chatless)
        .chain(sent)
        .chain(["read-messages"])
        .map(scope)
        .collect();
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), Scope::ALL);
}

#[test]
fn what_is_sent_decides_which_scope_it_takes() {
    for (content, nested, needed) in SENT {
        let types: Vec<_> = [Some(content), nested].into_iter().flatten().collect();
        with_type(content, nested, |action| takes(action, needed, &types));
    }
}

#[test]
fn nobody_sends_what_only_a_signet_or_the_network_says() {
    for content in [
        "xmtp.org/agentSeal:1.0",
        "xmtp.org/agentRevocation:1.0",
        "xmtp.org/agentLiveness:1.0",
        "xmtp.org/verificationStatement:1.0",
        "xmtp.org/groupUpdated:1.0",
        "xmtp.org/group_updated:1.0",
        "xmtp.org/agentSeal:2.0",
        "xmtp.org/group_updated:3.1",
    ] {
        let bounds = bounds(ScopeSet::allowing(Scope::ALL), &[content, "xmtp.org/reply:1.0"]);
        for (outer, nested) in [(content, None), ("xmtp.org/reply:1.0", Some(content))] {
            let refused = with_type(outer, nested, |action| bounds.may_in(CHAT, action));
            assert_eq!(refused, Err(Refusal::Reserved(id(content))), "{content}");
        }
    }
}

#[test]
fn a_reply_says_what_it_holds_and_that_is_no_reply() {
    let bounds = bounds(ScopeSet::allowing(Scope::ALL), &["xmtp.org/reply:1.0"]);
    for nested in [None, Some("xmtp.org/reply:1.0"), Some("xmtp.org/reply:2.0")] {
        let refused = with_type("xmtp.org/reply:1.0", nested, |action| bounds.may_in(CHAT, action));
        assert_eq!(refused, Err(Refusal::Nested));
    }
}

#[test]
fn only_types_that_are_let_through_are_sent() {
    let bounds = bounds(
        ScopeSet::allowing(Scope::ALL),
        &["xmtp.org/text:1.0", "xmtp.org/reply:1.0"],
    );
    for (content, nested, refused) in [
        ("xmtp.org/reaction:1.0", None, "xmtp.org/reaction:1.0"),
        ("xmtp.org/text:2.0", None, "xmtp.org/text:2.0"),
        (
            "xmtp.org/reply:1.0",
            Some("xmtp.org/attachment:1.0"),
            "xmtp.org/attachment:1.0",
        ),
    ] {
        let answer = with_type(content, nested, |action| bounds.may_in(CHAT, action));
        assert_eq!(answer, Err(Refusal::ContentType(id(refused))));
    }
    let answer = with_type("xmtp.org/reply:1.0", Some("xmtp.org/text:1.0"), |action| {
        bounds.may_in(CHAT, action)
    });
    assert_eq!(answer, Ok(()));
}

#[test]
fn the_chat_is_asked_about_before_the_scope_and_the_scope_before_the_type() {
    let nothing = bounds(ScopeSet::default(), &["xmtp.org/text:1.0"]);
    let poll =
        |chat: &str, bounds: &Bounds| with_type("example.com/poll:1.0", None, |action| bounds.may_in(chat, action));
    assert_eq!(poll(OTHER_CHAT, &nothing), Err(Refusal::Chat(OTHER_CHAT.to_owned())));
    assert_eq!(poll(CHAT, &nothing), Err(Refusal::Scope(Scope::Send)));
    let sender = bounds(ScopeSet::allowing([Scope::Send]), &["xmtp.org/text:1.0"]);
    assert_eq!(
        poll(CHAT, &sender),
        Err(Refusal::ContentType(id("example.com/poll:1.0")))
    );
}

#[test]
fn anybody_whom_the_chat_concerns_may_ask_for_a_reveal() {
    let nothing = bounds(ScopeSet::default(), &["xmtp.org/text:1.0"]);
    assert_eq!(nothing.may_in(CHAT, ChatAction::RequestReveal), Ok(()));
    assert!(nothing.may_in(OTHER_CHAT, ChatAction::RequestReveal).is_err());
}

#[test]
fn a_refusal_names_what_is_missing() {
    let chat = Refusal::Chat(CHAT.to_owned());
    assert!(chat.to_string().contains(CHAT));
    assert_eq!(
        Refusal::Scope(Scope::ReadReceipt).to_string(),
        "the credential does not allow 'read-receipt'"
    );
    for refusal in [
        chat,
        Refusal::Scope(Scope::Send),
        Refusal::ContentType(id("a.b/c:1.0")),
        Refusal::Reserved(id("xmtp.org/agentSeal:1.0")),
    ] {
        assert_eq!((refusal.category(), refusal.status()), (Category::Forbidden, 403));
    }
}
