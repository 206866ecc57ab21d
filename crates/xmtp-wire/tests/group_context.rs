//! The extensions of a group's context: read, written, and refused where they break a rule.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::collections::BTreeMap;

use chancery_xmtp_wire::{
    group::{
        ConversationType, Disappearing, DmMembers, FieldChange, GroupError, GroupMembership, ImmutableMetadata,
        MemberRule, MutableMetadata, PermissionRule, Policy, PolicySet, ProtocolVersion, Role, field,
    },
    identity::InboxId,
    mls::TlsError,
    proto::mls::message_contents as wire,
};
use prost::Message as _;
use serde_json::Value;

fn inbox(byte: u8) -> InboxId {
    InboxId::from_bytes([byte; 32])
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// What the official client wrote into its default group and DM.
fn official(name: &str) -> Vec<u8> {
    let vectors: Value = serde_json::from_str(include_str!("../../../vectors/xmtp.json")).unwrap();
    unhex(vectors[name].as_str().unwrap())
}

#[test]
fn the_default_permissions_are_those_of_the_official_client() {
    for (name, ours) in [
        ("group_permissions", PolicySet::all_members()),
        ("dm_permissions", PolicySet::dm()),
    ] {
        let theirs = official(name);
        assert_eq!(PolicySet::parse(&theirs).unwrap(), ours, "{name}");
        // maps have no order on the wire, so what was written is compared as it is read
        let written = wire::GroupMutablePermissionsV1::decode(&*ours.encode()).unwrap();
        assert_eq!(written, wire::GroupMutablePermissionsV1::decode(&*theirs).unwrap());
    }
}

#[test]
fn a_group_for_admins_lets_admins_do_what_everybody_does_elsewhere() {
    let (admins, everybody) = (PolicySet::admins_only(), PolicySet::all_members());
    assert_eq!(admins.add_member, Policy::Rule(MemberRule::Admins));
    let of = |set: &PolicySet, rule| {
        let rules = set
            .update_metadata
            .iter()
            .filter(|(_, policy)| **policy == Policy::Rule(rule));
        rules.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let usual = of(&everybody, MemberRule::Everybody);
    assert_eq!(
        usual,
        [
            field::APP_DATA,
            field::DESCRIPTION,
            field::GROUP_IMAGE_URL_SQUARE,
            field::GROUP_NAME
        ]
    );
    assert!(usual.iter().all(|name| of(&admins, MemberRule::Admins).contains(name)));
    assert_eq!(of(&admins, MemberRule::Everybody), Vec::<String>::new());
    for (ours, theirs) in [
        (&admins.add_admin, &everybody.add_admin),
        (&admins.remove_admin, &everybody.remove_admin),
        (&admins.update_permissions, &everybody.update_permissions),
    ] {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn policies_of_every_kind_are_read_and_written() {
    let mut set = PolicySet::all_members();
    set.add_member = Policy::Any(vec![
        Policy::Rule(MemberRule::SuperAdmins),
        Policy::All(vec![
            Policy::Rule(MemberRule::Everybody),
            Policy::Rule(MemberRule::Nobody),
        ]),
    ]);
    set.update_metadata
        .insert("_mine".to_owned(), Policy::All(vec![Policy::Rule(MemberRule::Admins)]));
    set.add_admin = Policy::All(vec![
        Policy::Rule(PermissionRule::Admins),
        Policy::Any(vec![Policy::Rule(PermissionRule::Nobody)]),
    ]);
    assert_eq!(PolicySet::parse(&set.encode()), Ok(set));
}

fn permissions(change: impl FnOnce(&mut wire::PolicySet)) -> Result<PolicySet, GroupError> {
    let mut wire = wire::GroupMutablePermissionsV1::decode(&*official("group_permissions")).unwrap();
    change(wire.policies.as_mut().unwrap());
    PolicySet::parse(&wire.encode_to_vec())
}

#[test]
fn what_is_no_policy_is_refused() {
    use wire::{membership_policy, metadata_policy, permissions_update_policy};
    assert!(permissions(|_| {}).is_ok());
    assert_eq!(PolicySet::parse(&[0xff]), Err(GroupError::Malformed("permissions")));
    assert_eq!(PolicySet::parse(&[]), Err(GroupError::MissingPolicy("anything")));
    assert_eq!(
        permissions(|set| set.add_member_policy = None),
        Err(GroupError::MissingPolicy("adding members"))
    );
    assert_eq!(
        permissions(|set| set.remove_member_policy = None),
        Err(GroupError::MissingPolicy("removing members"))
    );
    assert_eq!(
        permissions(|set| set.add_admin_policy = None),
        Err(GroupError::MissingPolicy("adding admins"))
    );
    assert_eq!(
        permissions(|set| set.remove_admin_policy = None),
        Err(GroupError::MissingPolicy("removing admins"))
    );
    assert_eq!(
        permissions(|set| set.update_permissions_policy = None),
        Err(GroupError::MissingPolicy("permissions"))
    );

    // no kind, a rule that is none, a condition over nothing
    let kinds = [
        None,
        Some(membership_policy::Kind::Base(0)),
        Some(membership_policy::Kind::Base(5)),
        Some(membership_policy::Kind::AndCondition(Default::default())),
        Some(membership_policy::Kind::AnyCondition(Default::default())),
    ];
    for kind in kinds {
        let policy = wire::MembershipPolicy { kind };
        assert_eq!(
            permissions(|set| set.add_member_policy = Some(policy)),
            Err(GroupError::UnknownPolicy("adding members"))
        );
    }
    let kinds = [
        None,
        Some(metadata_policy::Kind::Base(0)),
        Some(metadata_policy::Kind::Base(5)),
        Some(metadata_policy::Kind::AnyCondition(Default::default())),
    ];
    for kind in kinds {
        let policy = wire::MetadataPolicy { kind };
        assert_eq!(
            permissions(|set| drop(set.update_metadata_policy.insert("x".to_owned(), policy))),
            Err(GroupError::UnknownPolicy("metadata"))
        );
    }
    // 4 is a rule for metadata, and none here
    for kind in [
        None,
        Some(permissions_update_policy::Kind::Base(0)),
        Some(permissions_update_policy::Kind::Base(4)),
    ] {
        let policy = wire::PermissionsUpdatePolicy { kind };
        assert_eq!(
            permissions(|set| set.add_admin_policy = Some(policy)),
            Err(GroupError::UnknownPolicy("adding admins"))
        );
    }
}

#[test]
fn policies_that_are_nested_without_end_are_refused() {
    let mut policy = wire::MembershipPolicy {
        kind: Some(wire::membership_policy::Kind::Base(1)),
    };
    for _ in 0..10_000 {
        let condition = wire::membership_policy::AndCondition { policies: vec![policy] };
        policy = wire::MembershipPolicy {
            kind: Some(wire::membership_policy::Kind::AndCondition(condition)),
        };
        if policy.encoded_len() > 600 {
            break;
        }
    }
    assert_eq!(
        permissions(|set| set.add_member_policy = Some(policy)),
        Err(GroupError::Malformed("permissions"))
    );
}

#[test]
fn immutable_metadata_lies_in_a_tls_vector() {
    let dm = ImmutableMetadata {
        conversation_type: ConversationType::Dm,
        creator: inbox(0xab).to_string(),
        dm_members: Some(DmMembers {
            one: inbox(0xab),
            two: inbox(0xcd),
        }),
        oneshot: None,
    };
    let bytes = dm.encode().unwrap();
    // 2 bytes of field 1, 66 of field 3 and 139 of field 4 follow, after their length in its two-byte form
    assert_eq!(bytes[..6], [0x40, 207, 0x08, 2, 0x1a, 64]);
    assert_eq!(bytes.len(), 2 + 207);
    assert_eq!(ImmutableMetadata::parse(&bytes), Ok(dm));
    assert_eq!(
        ImmutableMetadata::parse(&bytes[2..]),
        Err(GroupError::Framing(TlsError::Trailing))
    );
    assert_eq!(
        ImmutableMetadata::parse(&bytes[..208]),
        Err(GroupError::Framing(TlsError::Truncated))
    );
}

fn immutable(change: impl FnOnce(&mut wire::GroupMetadataV1)) -> Result<ImmutableMetadata, GroupError> {
    let mut message = wire::GroupMetadataV1 {
        conversation_type: 1,
        creator_inbox_id: inbox(1).to_string(),
        ..Default::default()
    };
    change(&mut message);
    let message = message.encode_to_vec();
    let mut bytes = Vec::new();
    chancery_xmtp_wire::mls::tls::write_vector(&message, &mut bytes).unwrap();
    ImmutableMetadata::parse(&bytes)
}

#[test]
fn immutable_metadata_that_breaks_a_rule_is_refused() {
    let member = |id: &str| {
        Some(wire::Inbox {
            inbox_id: id.to_owned(),
        })
    };
    let members = |one, two| {
        Some(wire::DmMembers {
            dm_member_one: one,
            dm_member_two: two,
        })
    };
    let (one, two) = (inbox(1).to_string(), inbox(2).to_string());
    for number in 1..=4 {
        let read = immutable(|message| {
            message.conversation_type = number;
            message.dm_members = members(member(&one), member(&two));
        });
        assert!(read.is_ok(), "{number}");
    }
    for number in [0, 5, -1] {
        assert_eq!(
            immutable(|message| message.conversation_type = number),
            Err(GroupError::ConversationType(number))
        );
    }
    assert_eq!(
        immutable(|message| message.conversation_type = 2),
        Err(GroupError::DmMembers)
    );
    assert_eq!(
        immutable(|message| message.dm_members = members(member(&one), None)),
        Err(GroupError::DmMembers)
    );
    // what names nobody is no reason to refuse what all others read
    let read = immutable(|message| message.dm_members = members(member("me"), member(&two)));
    assert_eq!(read.unwrap().dm_members, None);
    let read = immutable(|message| message.creator_inbox_id = "me".into());
    assert_eq!(read.unwrap().creator, "me");
    assert_eq!(
        ImmutableMetadata::parse(&[1, 0xff]),
        Err(GroupError::Malformed("immutable metadata"))
    );
}

#[test]
fn all_groups_of_a_dm_have_one_key() {
    let (low, high) = (inbox(0x0a), inbox(0xf0));
    let key = format!("dm:{}:{}", "0a".repeat(32), "f0".repeat(32));
    assert_eq!(DmMembers { one: low, two: high }.to_string(), key);
    assert_eq!(DmMembers { one: high, two: low }.to_string(), key);
    assert!(DmMembers { one: low, two: high }.contains(&high));
    assert!(!DmMembers { one: low, two: high }.contains(&inbox(1)));
}

#[test]
fn mutable_metadata_is_read_and_written() {
    let mut metadata = MutableMetadata::new_group(&inbox(7));
    metadata.attributes.insert("of our own".to_owned(), "kept".to_owned());
    metadata.admins.push("whatever a super admin writes there".to_owned());
    assert_eq!(MutableMetadata::parse(&metadata.encode()), Ok(metadata));
    // an empty list is there, a missing one is not: the official client writes 12 00 1a 00
    assert_eq!(
        MutableMetadata::parse(&[0x12, 0, 0x1a, 0]),
        Ok(MutableMetadata::default())
    );
    assert_eq!(MutableMetadata::parse(&[0x12, 0]), Err(GroupError::AdminLists));
    assert_eq!(MutableMetadata::parse(&[0x1a, 0]), Err(GroupError::AdminLists));
    assert_eq!(
        MutableMetadata::parse(&[0xff]),
        Err(GroupError::Malformed("mutable metadata"))
    );
}

#[test]
fn a_member_is_what_the_lists_say() {
    let mut metadata = MutableMetadata::new_group(&inbox(1));
    metadata.admins = vec![inbox(2).to_string(), inbox(1).to_string()];
    assert_eq!(metadata.role(&inbox(1)), Role::SuperAdmin);
    assert_eq!(metadata.role(&inbox(2)), Role::Admin);
    assert_eq!(metadata.role(&inbox(3)), Role::Member);
    assert_eq!(MutableMetadata::new_dm().role(&inbox(1)), Role::Member);
}

#[test]
fn every_changed_field_is_found() {
    let with = |fields: &[(&str, &str)]| MutableMetadata {
        attributes: fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Default::default()
    };
    let (old, new) = (
        with(&[("a", "same"), ("b", "old"), ("c", "gone")]),
        with(&[("a", "same"), ("b", "new"), ("d", "")]),
    );
    let change = |field: &str, old: Option<&str>, new: Option<&str>| FieldChange {
        field: field.to_owned(),
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
    };
    assert_eq!(
        old.changes(&new),
        [
            change("b", Some("old"), Some("new")),
            change("c", Some("gone"), None),
            change("d", None, Some(""))
        ]
    );
    assert!(old.changes(&old).is_empty());
}

#[test]
fn long_values_are_refused_in_bytes_not_letters() {
    let check = |field: &str, value: String| {
        FieldChange {
            field: field.to_owned(),
            old: None,
            new: Some(value),
        }
        .check_limit()
    };
    for (field, limit) in field::LIMITS {
        assert_eq!(check(field, "x".repeat(limit)), Ok(()));
        assert_eq!(
            check(field, "x".repeat(limit + 1)),
            Err(GroupError::FieldTooLong { field, limit })
        );
        assert!(check(field, "ü".repeat(limit / 2 + 1)).is_err());
    }
    assert_eq!(check("any other", "x".repeat(100_000)), Ok(()));
    let gone = FieldChange {
        field: field::GROUP_NAME.to_owned(),
        old: Some("x".repeat(1000)),
        new: None,
    };
    assert_eq!(gone.check_limit(), Ok(()));
}

#[test]
fn messages_disappear_if_both_times_are_positive() {
    let read = |from: Option<&str>, after: Option<&str>| {
        let fields = [
            (field::MESSAGE_DISAPPEAR_FROM_NS, from),
            (field::MESSAGE_DISAPPEAR_IN_NS, after),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        MutableMetadata {
            attributes: fields.collect::<BTreeMap<_, _>>(),
            ..Default::default()
        }
        .disappearing()
    };
    assert_eq!(read(Some("5"), Some("6")), Some(Disappearing { from_ns: 5, in_ns: 6 }));
    for (from, after) in [
        (None, Some("6")),
        (Some("5"), None),
        (Some("0"), Some("6")),
        (Some("5"), Some("-6")),
        (Some("soon"), Some("6")),
    ] {
        assert_eq!(read(from, after), None);
    }
}

#[test]
fn membership_is_read_written_and_compared() {
    let membership = |members: &[(u8, u64)]| GroupMembership {
        members: members
            .iter()
            .map(|(id, sequence_id)| (inbox(*id), *sequence_id))
            .collect(),
        failed_installations: [vec![9; 32]].into(),
    };
    let (old, new) = (
        membership(&[(1, 5), (2, 6), (3, 7)]),
        membership(&[(2, 6), (3, 8), (4, 1)]),
    );
    assert_eq!(GroupMembership::parse(&old.encode()), Ok(old.clone()));
    let diff = old.diff(&new);
    assert_eq!(
        (diff.added, diff.removed, diff.updated),
        (vec![inbox(4)], vec![inbox(1)], vec![(inbox(3), 7, 8)])
    );
    assert_eq!(old.diff(&old), Default::default());
    assert_eq!(
        GroupMembership::parse(&[0xff]),
        Err(GroupError::Malformed("membership"))
    );
    let strange = wire::GroupMembership {
        members: [("me".to_owned(), 1)].into(),
        failed_installations: Vec::new(),
    };
    assert_eq!(
        GroupMembership::parse(&strange.encode_to_vec()),
        Err(GroupError::InboxId("membership"))
    );
}

#[test]
fn versions_are_ordered_as_the_reference_orders_them() {
    let version = |text: &str| text.parse::<ProtocolVersion>().unwrap();
    let ascending = [
        "0.9.9",
        "1.9.1",
        "1.10.0",
        "1.10.0-dev",
        "1.10.1",
        "1.11.0-dev",
        "2.0.0",
    ];
    for pair in ascending.windows(2) {
        assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
    }
    assert_eq!(version("1.10.0"), ProtocolVersion::new(1, 10, 0));
    for text in [
        "", "1", "1.2", "1.2.3.4", "1.2.x", "1.2.-dev", "v1.2.3", "-1.2.3", "1.2.3 ",
    ] {
        assert!(text.parse::<ProtocolVersion>().is_err(), "{text}");
    }
}
