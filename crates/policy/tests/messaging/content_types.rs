//! Content types and the three tiers (signet spec 3).

use std::collections::BTreeSet;

use chancery_base::ErrorCode as _;
use chancery_policy::messaging::{Allowlist, ContentTypeId, MessageType, WellKnown};
use proptest::prelude::*;
use serde_json::json;

use super::{id, ids};

const FIVE: [&str; 5] = [
    "xmtp.org/text:1.0",
    "xmtp.org/reaction:1.0",
    "xmtp.org/reply:1.0",
    "xmtp.org/readReceipt:1.0",
    "xmtp.org/groupUpdated:1.0",
];

/// The ids of the spec beside the five.
const OTHERS: [&str; 9] = [
    "xmtp.org/agentSeal:1.0",
    "xmtp.org/agentRevocation:1.0",
    "xmtp.org/agentLiveness:1.0",
    "xmtp.org/verificationRequest:1.0",
    "xmtp.org/verificationStatement:1.0",
    "convos.org/join_request:1.0",
    "convos.org/profile_update:1.0",
    "convos.org/profile_snapshot:1.0",
    "convos.app/inviteJoinError:1.0",
];

/// The grammar of the spec with `_` allowed in names, by hand: `^[a-z0-9.-]+/[a-zA-Z0-9_]+:\d+\.\d+$`.
fn fits(text: &str) -> bool {
    let run = |text: &mut &str, fits: fn(char) -> bool| {
        let rest = text.trim_start_matches(fits);
        let some = rest.len() < text.len();
        *text = rest;
        some
    };
    let one = |text: &mut &str, expected: char| match text.strip_prefix(expected) {
        Some(rest) => {
            *text = rest;
            true
        }
        None => false,
    };
    let mut rest = text;
    run(&mut rest, |c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-'))
        && one(&mut rest, '/')
        && run(&mut rest, |c| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_'))
        && one(&mut rest, ':')
        && run(&mut rest, |c| c.is_ascii_digit())
        && one(&mut rest, '.')
        && run(&mut rest, |c| c.is_ascii_digit())
        && rest.is_empty()
}

#[test]
fn the_ids_of_the_spec_are_known_and_stay_as_they_are() {
    let texts: Vec<_> = WellKnown::ALL.iter().map(|known| known.as_str()).collect();
    assert_eq!(texts, [&FIVE[..], &OTHERS[..]].concat());
    for (text, known) in texts.into_iter().zip(WellKnown::ALL) {
        assert_eq!(id(text).as_str(), text);
        assert_eq!(id(text).known(), Some(*known));
        assert_eq!(id(text), ContentTypeId::from(*known));
        assert_eq!(serde_json::to_value(id(text)).unwrap(), json!(text));
    }
    assert_eq!(WellKnown::BASELINE.map(WellKnown::as_str), FIVE);
}

#[test]
fn the_networks_names_become_ours() {
    for (authority, name, major, minor, ours) in [
        ("xmtp.org", "text", 1, 0, "xmtp.org/text:1.0"),
        ("xmtp.org", "reaction", 1, 0, "xmtp.org/reaction:1.0"),
        ("xmtp.org", "reaction", 2, 0, "xmtp.org/reaction:1.0"),
        ("xmtp.org", "reply", 1, 0, "xmtp.org/reply:1.0"),
        ("xmtp.org", "readReceipt", 1, 0, "xmtp.org/readReceipt:1.0"),
        ("xmtp.org", "group_updated", 1, 0, "xmtp.org/groupUpdated:1.0"),
        ("xmtp.org", "text", 1, 3, "xmtp.org/text:1.0"),
        (
            "convos.org",
            "invite_join_error",
            1,
            0,
            "convos.app/inviteJoinError:1.0",
        ),
        ("xmtp.org", "attachment", 1, 0, "xmtp.org/attachment:1.0"),
        ("example.com", "text", 1, 2, "example.com/text:1.2"),
        ("xmtp.org", "text", 2, 0, "xmtp.org/text:2.0"),
        ("xmtp.org", "reaction", 3, 0, "xmtp.org/reaction:3.0"),
        ("xmtp.org", "group_updated", 2, 0, "xmtp.org/group_updated:2.0"),
    ] {
        let read = ContentTypeId::from_network(authority, name, major, minor).unwrap();
        assert_eq!(read.as_str(), ours);
        let written = format!("{authority}/{name}:{major}.{minor}");
        assert_eq!(id(&written), read, "the same from an id in a list or a request");
    }
    assert_eq!(id("xmtp.org/text:01.00"), id("xmtp.org/text:1.0"));
    for label in [
        "inviteJoinError",
        "invite_join_error",
        "convos.org/invite_join_error:1.0",
    ] {
        let read = ContentTypeId::from_label(label).unwrap();
        assert_eq!(read.known(), Some(WellKnown::InviteJoinError));
    }
    assert!(ContentTypeId::from_label("text").is_err());
}

#[test]
fn what_breaks_the_grammar_is_refused() {
    for text in [
        "",
        "text",
        "xmtp.org/text",
        "xmtp.org/text:1",
        "xmtp.org/text:1.",
        "xmtp.org/text:.0",
        "xmtp.org/text:1.0.0",
        "xmtp.org/text:+1.0",
        "xmtp.org/text:-1.0",
        "xmtp.org/text:1.0 ",
        " xmtp.org/text:1.0",
        "xmtp.org/text:1.0\n",
        "/text:1.0",
        "xmtp.org/:1.0",
        "XMTP.org/text:1.0",
        "xmtp.org/te-xt:1.0",
        "xmtp.org/a/text:1.0",
        "xmtp.org/text:١.0",
        "xmtp.org/text:4294967296.0",
    ] {
        assert!(text.parse::<ContentTypeId>().is_err(), "{text:?}");
        assert!(serde_json::from_value::<ContentTypeId>(json!(text)).is_err());
    }
    let long = format!("{}/text:1.0", "a".repeat(600));
    assert_eq!(
        long.parse::<ContentTypeId>().unwrap_err().code(),
        "SIGNET_CONTENT_TYPE_INVALID"
    );
}

#[test]
fn without_any_list_the_five_pass_and_nothing_else() {
    let list = Allowlist::effective(None, None, None).unwrap();
    assert_eq!(list.iter().cloned().collect::<BTreeSet<_>>(), ids(&FIVE));
    for text in OTHERS {
        assert!(!list.contains(&id(text)), "{text}");
    }
    assert!(!list.contains(&id("example.com/unknown:1.0")));
    assert!(!list.contains(&id("xmtp.org/text:2.0")));
}

#[test]
fn the_signets_list_takes_the_place_of_the_five_and_the_others_only_narrow() {
    let signet = ids(&["xmtp.org/text:1.0", "xmtp.org/attachment:1.0", "xmtp.org/reply:1.0"]);
    let operator = ids(&["xmtp.org/attachment:1.0", "xmtp.org/reply:1.0", "xmtp.org/reaction:1.0"]);
    let credential = ids(&["xmtp.org/attachment:1.0", "xmtp.org/text:1.0"]);
    let list = Allowlist::effective(Some(&signet), Some(&operator), Some(&credential)).unwrap();
    assert_eq!(serde_json::to_value(&list).unwrap(), json!(["xmtp.org/attachment:1.0"]));
    assert_eq!(
        serde_json::from_value::<Allowlist>(json!(["xmtp.org/attachment:1.0"])).unwrap(),
        list
    );
}

#[test]
fn lists_that_share_nothing_are_an_error() {
    let (text, reply, none) = (ids(&["xmtp.org/text:1.0"]), ids(&["xmtp.org/reply:1.0"]), ids(&[]));
    for (signet, operator, credential) in [
        (Some(&none), None, None),
        (None, Some(&none), None),
        (None, None, Some(&none)),
        (Some(&text), Some(&reply), None),
        (Some(&text), None, Some(&reply)),
        (None, Some(&text), Some(&reply)),
    ] {
        assert!(Allowlist::effective(signet, operator, credential).is_err());
    }
    assert!(serde_json::from_value::<Allowlist>(json!([])).is_err());
}

#[test]
fn a_reply_passes_only_with_what_it_holds() {
    let reply = id("xmtp.org/reply:1.0");
    let file = id("xmtp.org/attachment:1.0");
    let text = id("xmtp.org/text:1.0");
    let list = Allowlist::default();
    let holding = |nested| MessageType { id: &reply, nested };
    assert!(list.permits(holding(Some(&text))));
    assert!(!list.permits(holding(Some(&file))));
    assert!(!list.permits(holding(None)));
    assert!(list.permits(MessageType::plain(&text)));
}

/// A list, or none.
fn tier() -> impl Strategy<Value = Option<Vec<&'static str>>> {
    let pool = [&FIVE[..], &OTHERS[..2], &["example.com/x:1.0"]].concat();
    prop::option::of(prop::collection::vec(prop::sample::select(pool), 0..8))
}

proptest! {
    #[test]
    fn an_allowlist_is_what_is_in_every_list(signet in tier(), operator in tier(), credential in tier()) {
        let sets = [&signet, &operator, &credential].map(|tier| tier.as_ref().map(|tier| ids(tier)));
        let list = Allowlist::effective(sets[0].as_ref(), sets[1].as_ref(), sets[2].as_ref()).ok();
        let base = signet.unwrap_or(FIVE.to_vec());
        let mut expected: Vec<_> = base
            .into_iter()
            .filter(|text| operator.as_ref().is_none_or(|tier| tier.contains(text)))
            .filter(|text| credential.as_ref().is_none_or(|tier| tier.contains(text)))
            .collect();
        expected.sort_unstable();
        expected.dedup();
        let mut got: Vec<_> = list.iter().flat_map(Allowlist::iter).map(ToString::to_string).collect();
        got.sort_unstable();
        prop_assert_eq!(list.is_none(), expected.is_empty());
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn exactly_what_fits_the_grammar_is_read(
        text in "[a-zA-Z./:_ -]{0,4}/?[a-zA-Z_-]{0,6}:?[0-9]{0,3}\\.?[0-9 ]{0,2}|[a-z.]{1,3}/[a-z_-]{1,3}:[0-9]{1,2}\\.[0-9]{1,2}"
    ) {
        prop_assert_eq!(text.parse::<ContentTypeId>().is_ok(), fits(&text), "{}", text);
    }

    #[test]
    fn an_id_is_the_same_after_writing_and_reading(
        authority in prop::sample::select(vec!["xmtp.org", "convos.org", "convos.app", "a-b.c"]),
        name in "[a-zA-Z0-9_]{1,12}|text|reaction|group_updated|groupUpdated|inviteJoinError",
        major in 0..4_u32,
        minor in 0..3_u32,
    ) {
        let id = ContentTypeId::from_network(authority, &name, major, minor).unwrap();
        prop_assert_eq!(id.as_str().parse::<ContentTypeId>().unwrap(), id);
    }

    #[test]
    fn no_text_stops_a_reader(text in "\\PC*") {
        let _ = ContentTypeId::from_label(&text);
        let _ = ContentTypeId::from_network(&text, &text, 1, 0);
    }
}
