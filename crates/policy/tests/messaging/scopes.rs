//! Scopes, lists of them, and merging (signet spec 2.1, 2.2).

use std::collections::BTreeSet;

use chancery_base::ErrorCode as _;
use chancery_policy::messaging::{Scope, ScopeCategory, ScopeSet, Scopes};
use proptest::prelude::*;
use serde_json::json;

use super::scopes;

/// The table of the spec.
const TABLE: [(&str, &str); 6] = [
    ("messaging", "send reply react read-receipt attachment"),
    (
        "group-management",
        "add-member remove-member promote-admin demote-admin update-permission",
    ),
    ("metadata", "update-name update-description update-image"),
    ("access", "invite join leave create-group create-dm"),
    (
        "observation",
        "read-messages read-history list-members list-conversations read-permissions stream-messages stream-conversations",
    ),
    (
        "egress",
        "forward-to-provider store-excerpts use-for-memory quote-revealed summarize",
    ),
];

fn all() -> Vec<&'static str> {
    TABLE.iter().flat_map(|(_, scopes)| scopes.split(' ')).collect()
}

/// Any two lists, as a naive model has them.
fn lists() -> impl Strategy<Value = (Vec<&'static str>, Vec<&'static str>)> {
    let list = || prop::collection::vec(prop::sample::select(all()), 0..8);
    (list(), list())
}

fn set((allow, deny): &(Vec<&str>, Vec<&str>)) -> ScopeSet {
    ScopeSet {
        allow: scopes(allow),
        deny: scopes(deny),
    }
}

#[test]
fn there_are_thirty_in_the_order_of_the_table() {
    let names: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    assert_eq!(names, all());
    assert_eq!(names.len(), 30);
    assert!(Scope::ALL.is_sorted());
}

#[test]
fn the_six_categories_share_no_scope_and_leave_none_out() {
    let sizes: Vec<_> = ScopeCategory::ALL
        .iter()
        .map(|category| category.scopes().len())
        .collect();
    assert_eq!(sizes, [5, 5, 3, 5, 7, 5]);
    for (category, (name, members)) in ScopeCategory::ALL.into_iter().zip(TABLE) {
        assert_eq!(category.to_string(), name);
        assert_eq!(
            category.scopes(),
            scopes(&members.split(' ').collect::<Vec<_>>()),
            "{name}"
        );
    }
}

#[test]
fn each_is_read_and_written_as_its_text() {
    for text in all() {
        let scope: Scope = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(serde_json::to_value(scope).unwrap(), json!(text));
        assert_eq!(scope.to_string(), text);
    }
}

#[test]
fn the_documents_other_name_is_read_and_never_written() {
    let scope: Scope = serde_json::from_value(json!("view-permissions")).unwrap();
    assert_eq!(scope, Scope::ReadPermissions);
    assert_eq!(serde_json::to_value(scope).unwrap(), json!("read-permissions"));
}

#[test]
fn an_unknown_scope_is_refused_in_either_list() {
    for text in [
        "",
        "Send",
        "send ",
        "sendx",
        "read_messages",
        "messaging",
        "*",
        "all",
        "ｓｅｎｄ",
    ] {
        assert!(text.parse::<Scope>().is_err(), "{text:?}");
        for json in [
            json!({"allow": [text], "deny": []}),
            json!({"allow": [], "deny": [text]}),
        ] {
            assert!(serde_json::from_value::<ScopeSet>(json.clone()).is_err(), "{json}");
        }
    }
    let error = "no-such\nscope".parse::<Scope>().unwrap_err();
    assert_eq!(error.to_string(), r#""no-such\nscope" is not one of the thirty scopes"#);
    assert_eq!(error.code(), "SIGNET_SCOPE_UNKNOWN");
    assert_eq!("x".repeat(1000).parse::<Scope>().unwrap_err().0.len(), 32);
}

#[test]
fn both_lists_are_required() {
    for json in [
        json!({}),
        json!({"allow": []}),
        json!({"deny": []}),
        json!({"allow": null, "deny": []}),
        json!({"allow": "send", "deny": []}),
        json!({"allow": [1], "deny": []}),
        json!([["send"], []]),
        json!([]),
        json!(null),
    ] {
        assert!(serde_json::from_value::<ScopeSet>(json.clone()).is_err(), "{json}");
    }
    let twice = r#"{"allow":["send"],"deny":["send"],"deny":[]}"#;
    assert!(serde_json::from_str::<ScopeSet>(twice).is_err());
}

#[test]
fn lists_come_out_sorted_and_without_repeats() {
    let json = json!({"allow": ["summarize", "send", "reply", "send"], "deny": ["join", "invite", "join"], "more": 1});
    let set: ScopeSet = serde_json::from_value(json).unwrap();
    assert_eq!(
        serde_json::to_string(&set).unwrap(),
        r#"{"allow":["send","reply","summarize"],"deny":["invite","join"]}"#
    );
    assert_eq!(set.allow.to_string(), "send, reply, summarize");
    assert_eq!(Scopes::NONE.to_string(), "");
}

#[test]
fn neither_policy_nor_lists_allow_nothing() {
    let set = ScopeSet::merge(None, None);
    assert!(Scope::ALL.into_iter().all(|scope| !set.may(scope)));
}

#[test]
fn a_denied_scope_that_nobody_allowed_stays_listed() {
    let deny = ScopeSet {
        deny: scopes(&["invite"]),
        ..ScopeSet::allowing([Scope::Send])
    };
    let merged = ScopeSet::merge(Some(deny), Some(ScopeSet::allowing([Scope::Reply])));
    assert_eq!(
        serde_json::to_value(merged).unwrap(),
        json!({"allow": ["send", "reply"], "deny": ["invite"]})
    );
}

/// For each scope, each membership in the four lists: deny in any of them wins.
#[test]
fn deny_wins_over_every_allow() {
    for scope in Scope::ALL {
        for bits in 0..16_u8 {
            let list = |bit: u8| if bits & bit == 0 { Scopes::NONE } else { scope.into() };
            let policy = ScopeSet {
                allow: list(1),
                deny: list(2),
            };
            let own = ScopeSet {
                allow: list(4),
                deny: list(8),
            };
            let merged = ScopeSet::merge(Some(policy), Some(own));
            let expected = bits & (1 | 4) != 0 && bits & (2 | 8) == 0;
            assert_eq!(merged.may(scope), expected, "{scope} {bits:04b}");
            assert!(Scope::ALL.into_iter().all(|other| other == scope || !merged.may(other)));
        }
    }
}

#[test]
fn an_update_keeps_the_list_that_it_does_not_name() {
    let old = set(&(vec!["send"], vec!["join"]));
    assert_eq!(old.replaced(None, None), old);
    assert_eq!(
        old.replaced(Some(scopes(&["reply"])), None),
        set(&(vec!["reply"], vec!["join"]))
    );
    assert_eq!(old.replaced(None, Some(Scopes::NONE)), set(&(vec!["send"], vec![])));
}

proptest! {
    #[test]
    fn merging_is_the_difference_of_the_joined_lists(policy in prop::option::of(lists()), own in prop::option::of(lists())) {
        let merged = ScopeSet::merge(policy.as_ref().map(set), own.as_ref().map(set));
        let both = [policy.unwrap_or_default(), own.unwrap_or_default()];
        let deny: BTreeSet<_> = both.iter().flat_map(|lists| lists.1.clone()).collect();
        let allow: BTreeSet<_> = both.iter().flat_map(|lists| lists.0.clone()).filter(|scope| !deny.contains(scope)).collect();
        for text in all() {
            prop_assert_eq!(merged.may(super::scope(text)), allow.contains(text));
            prop_assert_eq!(merged.deny.contains(super::scope(text)), deny.contains(text));
        }
        prop_assert!((merged.allow & merged.deny).is_empty());
    }

    #[test]
    fn sets_are_the_same_in_any_order_and_after_writing_and_reading(lists in lists(), seed in any::<u64>()) {
        let set = set(&lists);
        let (mut allow, deny) = lists;
        allow.sort_by_key(|scope| seed.wrapping_mul(scope.len() as u64 + u64::from(scope.as_bytes()[0])));
        allow.extend(allow.clone());
        prop_assert_eq!(self::set(&(allow, deny)), set);
        prop_assert_eq!(serde_json::from_value::<ScopeSet>(serde_json::to_value(set).unwrap()).unwrap(), set);
    }

    #[test]
    fn leaving_out_what_is_denied_changes_nothing_that_may_be_done(lists in lists()) {
        let set = set(&lists);
        for scope in Scope::ALL {
            prop_assert_eq!(set.disjoint().may(scope), set.may(scope));
        }
        prop_assert_eq!(set.disjoint().deny, set.deny);
    }
}
