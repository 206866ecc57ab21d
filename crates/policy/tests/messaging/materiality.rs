//! What a change of scopes means (signet spec 2.4).

use std::collections::BTreeSet;

use chancery_policy::messaging::{Change, CredentialEffect, Materiality, Scope, ScopeSet, Scopes, SealEffect};
use proptest::prelude::*;
use serde_json::Value;

use super::scopes;

/// Which lists a scope is in: bits 1 and 2 are allow and deny of the old set, 4 and 8 of the new.
type Membership = u8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Nothing,
    Added,
    Removed,
    DenyToAllow,
    AllowToDeny,
}

/// The table of the spec, a row a line.
fn naive(bits: Membership) -> Class {
    let [old_allow, old_deny, new_allow, new_deny] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
    let (old, new) = (old_allow && !old_deny, new_allow && !new_deny);
    match (old, new) {
        (false, true) if old_allow || old_deny => Class::DenyToAllow,
        (false, true) => Class::Added,
        (true, false) if new_deny => Class::AllowToDeny,
        (true, false) => Class::Removed,
        _ => Class::Nothing,
    }
}

/// The two sets in which each scope has its membership.
fn sets(memberships: &[(Scope, Membership)]) -> (ScopeSet, ScopeSet) {
    let list = |bit: u8| -> Scopes {
        let listed = memberships.iter().filter(|(_, bits)| bits & bit != 0);
        listed.map(|(scope, _)| *scope).collect()
    };
    let old = ScopeSet {
        allow: list(1),
        deny: list(2),
    };
    let new = ScopeSet {
        allow: list(4),
        deny: list(8),
    };
    (old, new)
}

fn class(change: Materiality, scope: Scope) -> Class {
    let groups = [
        (Class::Added, change.added()),
        (Class::Removed, change.removed()),
        (Class::DenyToAllow, change.deny_to_allow()),
        (Class::AllowToDeny, change.allow_to_deny()),
    ];
    let found: Vec<_> = groups.iter().filter(|(_, scopes)| scopes.contains(scope)).collect();
    assert!(found.len() < 2, "{scope} is in two groups");
    found.first().map_or(Class::Nothing, |(class, _)| *class)
}

#[test]
fn the_table_over_every_membership_of_every_scope() {
    for scope in Scope::ALL {
        for bits in 0..16 {
            let (old, new) = sets(&[(scope, bits)]);
            let change = Materiality::between(old, new);
            let expected = naive(bits);
            assert_eq!(class(change, scope), expected, "{scope} {bits:04b}");
            assert_eq!(change.is_material(), expected != Class::Nothing);
            assert_eq!(
                change.requires_reauthorization(),
                matches!(expected, Class::Added | Class::DenyToAllow)
            );
        }
    }
}

#[test]
fn two_scopes_do_not_influence_each_other() {
    for first in 0..16 {
        for second in 0..16 {
            let (old, new) = sets(&[(Scope::Send, first), (Scope::Summarize, second)]);
            let change = Materiality::between(old, new);
            assert_eq!(class(change, Scope::Send), naive(first));
            assert_eq!(class(change, Scope::Summarize), naive(second));
        }
    }
}

/// Where no scope is in both lists and what is allowed changes, the delta of a seal says the same.
#[test]
fn what_seals_say_about_unambiguous_changes_is_the_same() {
    let vectors: Value = serde_json::from_str(include_str!("../../../../vectors/signet.json")).unwrap();
    let rows = vectors["keys_seals"]["deltaTruthTable"]["rows"].as_array().unwrap();
    let mut compared = 0;
    for row in rows {
        let bits = u8::try_from(row[0].as_u64().unwrap()).unwrap();
        let both_lists = bits & 3 == 3 || bits & 12 == 12;
        if both_lists || (bits & 1 != 0) == (bits & 4 != 0) {
            continue;
        }
        let (old, new) = sets(&[(Scope::Send, bits)]);
        let change = Materiality::between(old, new);
        let delta = &row[1];
        let moved = delta["changed"][0]["to"].as_str();
        let expected = match (delta["added"][0].as_str(), delta["removed"][0].as_str(), moved) {
            (Some("send"), None, None) => Class::Added,
            (None, Some("send"), None) => Class::Removed,
            (None, None, Some("allow")) => Class::DenyToAllow,
            (None, None, Some("deny")) => Class::AllowToDeny,
            other => panic!("{other:?}"),
        };
        assert_eq!(class(change, Scope::Send), expected, "{row}");
        compared += 1;
    }
    assert_eq!(compared, 4);
}

#[test]
fn the_reason_names_each_part_that_is_not_empty() {
    let set = |allow: &[&str], deny: &[&str]| ScopeSet {
        allow: scopes(allow),
        deny: scopes(deny),
    };
    let reason = |old, new| Materiality::between(old, new).reason();
    let none = set(&[], &[]);
    assert_eq!(reason(none, none), None);
    assert_eq!(reason(none, set(&[], &["send"])), None);
    assert_eq!(reason(set(&["send"], &[]), set(&["send"], &["reply"])), None);
    // the worked exchange of appendix B
    assert_eq!(
        reason(set(&["send", "reply"], &[]), set(&["send", "reply", "invite"], &[])).unwrap(),
        "Material change: added: invite"
    );
    assert_eq!(
        reason(set(&["join"], &["leave"]), set(&["send", "reply", "leave"], &[])).unwrap(),
        "Material change: added: send, reply; removed: join; changed: leave (deny -> allow)"
    );
    assert_eq!(
        reason(set(&["send"], &[]), set(&[], &["send"])).unwrap(),
        "Material change: changed: send (allow -> deny)"
    );
    assert_eq!(
        reason(set(&["send", "join"], &["reply"]), set(&["reply"], &["send"])).unwrap(),
        "Material change: removed: join; changed: send (allow -> deny), reply (deny -> allow)"
    );
}

#[test]
fn what_each_change_needs() {
    let change = |bits| {
        let (old, new) = sets(&[(Scope::UseForMemory, bits)]);
        Change::Scopes(Materiality::between(old, new))
    };
    use CredentialEffect as Credential;
    for (case, change, credential, seal) in [
        ("narrowing by removal", change(1), Credential::InPlace, SealEffect::New),
        ("narrowing by deny", change(1 | 8), Credential::InPlace, SealEffect::New),
        (
            "widening",
            change(4),
            Credential::Reauthorize,
            SealEffect::RevokedThenFirst,
        ),
        (
            "deny to allow",
            change(2 | 4),
            Credential::Reauthorize,
            SealEffect::RevokedThenFirst,
        ),
        ("same scopes", change(1 | 4), Credential::InPlace, SealEffect::None),
        (
            "content types",
            Change::ContentTypes,
            Credential::InPlace,
            SealEffect::None,
        ),
        ("reveal", Change::Reveal, Credential::InPlace, SealEffect::None),
        (
            "operator, chats, ttl",
            Change::Binding,
            Credential::Refused,
            SealEffect::None,
        ),
        ("renewal", Change::Renewal, Credential::InPlace, SealEffect::None),
        (
            "key rotation",
            Change::KeyRotation,
            Credential::InPlace,
            SealEffect::Allowed,
        ),
        (
            "read elevation",
            Change::Elevation,
            Credential::InPlace,
            SealEffect::New,
        ),
        ("disclosures", Change::Disclosure, Credential::InPlace, SealEffect::New),
        ("revoked", Change::End, Credential::Ended, SealEffect::Revoked),
    ] {
        let effects = change.effects();
        assert_eq!((effects.credential, effects.seal), (credential, seal), "{case}");
    }
}

fn memberships() -> impl Strategy<Value = Vec<(Scope, Membership)>> {
    prop::collection::vec(0..16_u8, 30).prop_map(|bits| Scope::ALL.into_iter().zip(bits).collect())
}

proptest! {
    #[test]
    fn any_two_sets_are_judged_scope_by_scope(memberships in memberships()) {
        let (old, new) = sets(&memberships);
        let change = Materiality::between(old, new);
        for (scope, bits) in memberships {
            prop_assert_eq!(class(change, scope), naive(bits));
        }
        prop_assert_eq!(Materiality::between(old.disjoint(), new.disjoint()), change);
    }

    /// No way of listing scopes gives more without being asked for again.
    #[test]
    fn nothing_is_gained_in_place(memberships in memberships()) {
        let (old, new) = sets(&memberships);
        let change = Change::Scopes(Materiality::between(old, new));
        if change.effects().credential == CredentialEffect::InPlace {
            prop_assert!((new.effective() - old.effective()).is_empty());
        }
    }

    #[test]
    fn the_reason_is_read_back_as_the_change(memberships in memberships()) {
        let (old, new) = sets(&memberships);
        let change = Materiality::between(old, new);
        let reason = change.reason().unwrap_or_default();
        let mut seen = BTreeSet::new();
        for part in reason.strip_prefix("Material change: ").unwrap_or_default().split("; ").filter(|part| !part.is_empty()) {
            let (group, items) = part.split_once(": ").unwrap();
            for item in items.split(", ") {
                let (name, class) = match group {
                    "added" => (item, Class::Added),
                    "removed" => (item, Class::Removed),
                    _ => match item.split_once(' ').unwrap() {
                        (name, "(deny -> allow)") => (name, Class::DenyToAllow),
                        (name, _) => (name, Class::AllowToDeny),
                    },
                };
                let scope = super::scope(name);
                prop_assert_eq!(self::class(change, scope), class);
                seen.insert(scope);
            }
        }
        let expected = memberships.iter().filter(|(_, bits)| naive(*bits) != Class::Nothing).count();
        prop_assert_eq!(seen.len(), expected);
    }
}
