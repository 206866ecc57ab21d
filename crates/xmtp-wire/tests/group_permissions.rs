//! The evaluator of permissions against a model that counts ranks, over every policy, actor and change there is up to a
//! depth of two.

use chancery_xmtp_wire::{
    group::{
        DmMembers, MemberRule, PermissionRule, Policy, PolicySet, Role,
        evaluate::{Actor, AddedInbox, Changes, Denied, RemovedInbox},
    },
    identity::InboxId,
};

const ROLES: [Role; 3] = [Role::Member, Role::Admin, Role::SuperAdmin];

fn inbox(byte: u8) -> InboxId {
    InboxId::from_bytes([byte; 32])
}

fn actor(role: Role) -> Actor {
    Actor {
        inbox_id: inbox(1),
        role,
    }
}

/// In the model, a role is a rank from 0 to 2, and a policy the least rank that it lets through; 3 is nobody's.
trait Rank: Copy + 'static {
    const ALL: &'static [Self];
    fn rank(self) -> u8;
}

impl Rank for MemberRule {
    const ALL: &'static [Self] = &[Self::Everybody, Self::Admins, Self::SuperAdmins, Self::Nobody];
    fn rank(self) -> u8 {
        match self {
            Self::Everybody => 0,
            Self::Admins => 1,
            Self::SuperAdmins => 2,
            Self::Nobody => 3,
        }
    }
}

impl Rank for PermissionRule {
    const ALL: &'static [Self] = &[Self::Admins, Self::SuperAdmins, Self::Nobody];
    fn rank(self) -> u8 {
        match self {
            Self::Admins => 1,
            Self::SuperAdmins => 2,
            Self::Nobody => 3,
        }
    }
}

/// Every rule, every condition over one or two of them, and every condition over two such: with the model's rank.
fn policies<R: Rank>() -> Vec<(Policy<R>, u8)> {
    let level = |below: &[(Policy<R>, u8)]| {
        let mut out = Vec::new();
        for (left, low) in below {
            out.push((Policy::All(vec![left.clone()]), *low));
            out.push((Policy::Any(vec![left.clone()]), *low));
            for (right, high) in below {
                let both = vec![left.clone(), right.clone()];
                out.push((Policy::All(both.clone()), *low.max(high)));
                out.push((Policy::Any(both), *low.min(high)));
            }
        }
        out
    };
    let rules: Vec<_> = R::ALL.iter().map(|rule| (Policy::Rule(*rule), rule.rank())).collect();
    let conditions = level(&rules);
    let mut all = level(&conditions);
    all.extend(conditions);
    all.extend(rules);
    all
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Member => 0,
        Role::Admin => 1,
        Role::SuperAdmin => 2,
    }
}

fn added(by: Actor) -> Changes<'static> {
    Changes {
        added: vec![AddedInbox { inbox_id: inbox(9), by }],
        ..Changes::default()
    }
}

fn removed(role: Role, by: Actor) -> Changes<'static> {
    Changes {
        removed: vec![RemovedInbox { role, by }],
        ..Changes::default()
    }
}

#[test]
fn adding_and_removing_members_and_changing_fields() {
    let mut set = PolicySet::dm();
    for (policy, least) in policies::<MemberRule>() {
        set.add_member = policy.clone();
        set.remove_member = policy.clone();
        set.update_metadata.insert("group_name".to_owned(), policy);
        for role in ROLES {
            let may = rank(role) >= least;
            let unless = |denied| if may { Ok(()) } else { Err(denied) };
            let actor = actor(role);
            assert_eq!(set.evaluate(&actor, &added(actor), None), unless(Denied::AddMember));
            for target in [Role::Member, Role::Admin] {
                assert_eq!(
                    set.evaluate(&actor, &removed(target, actor), None),
                    unless(Denied::RemoveMember)
                );
            }
            let field = Changes {
                fields: vec!["group_name"],
                ..Changes::default()
            };
            let denied = Denied::Metadata("group_name".to_owned());
            assert_eq!(set.evaluate(&actor, &field, None), unless(denied));
        }
    }
}

#[test]
fn making_and_unmaking_admins() {
    let mut set = PolicySet::dm();
    for (policy, least) in policies::<PermissionRule>() {
        set.add_admin = policy.clone();
        set.remove_admin = policy;
        for role in ROLES {
            let may = rank(role) >= least;
            let change = Changes {
                admins_added: true,
                ..Changes::default()
            };
            let expected = if may { Ok(()) } else { Err(Denied::AddAdmin) };
            assert_eq!(set.evaluate(&actor(role), &change, None), expected);
            let change = Changes {
                admins_removed: true,
                ..Changes::default()
            };
            let expected = if may { Ok(()) } else { Err(Denied::RemoveAdmin) };
            assert_eq!(set.evaluate(&actor(role), &change, None), expected);
        }
    }
}

#[test]
fn what_only_super_admins_may_no_policy_gives() {
    for (policy, _) in policies::<PermissionRule>() {
        let mut set = PolicySet::all_members();
        set.update_permissions = policy;
        for role in ROLES {
            let only_super = |denied| if role == Role::SuperAdmin { Ok(()) } else { Err(denied) };
            let change = Changes {
                permissions: true,
                ..Changes::default()
            };
            assert_eq!(
                set.evaluate(&actor(role), &change, None),
                only_super(Denied::Permissions)
            );
            let change = Changes {
                super_admins_added: true,
                super_admins_left: 2,
                ..Changes::default()
            };
            assert_eq!(
                set.evaluate(&actor(role), &change, None),
                only_super(Denied::AddSuperAdmin)
            );
            let change = Changes {
                super_admins_removed: true,
                super_admins_left: 1,
                ..Changes::default()
            };
            assert_eq!(
                set.evaluate(&actor(role), &change, None),
                only_super(Denied::RemoveSuperAdmin)
            );
        }
    }
}

#[test]
fn a_group_keeps_a_super_admin() {
    let change = Changes {
        super_admins_removed: true,
        super_admins_left: 0,
        ..Changes::default()
    };
    let set = PolicySet::all_members();
    assert_eq!(
        set.evaluate(&actor(Role::SuperAdmin), &change, None),
        Err(Denied::LastSuperAdmin)
    );
}

#[test]
fn a_super_admin_is_removed_by_nobody() {
    let mut set = PolicySet::all_members();
    set.remove_member = Policy::Rule(MemberRule::Everybody);
    let actor = actor(Role::SuperAdmin);
    assert_eq!(
        set.evaluate(&actor, &removed(Role::SuperAdmin, actor), None),
        Err(Denied::RemoveSuperAdminMember)
    );
}

#[test]
fn a_field_without_a_policy_is_for_admins_and_with_an_underscore_for_super_admins() {
    let set = PolicySet::all_members();
    for (field, least) in [("new in a later version", 1), ("_new", 2), ("_", 2), ("", 1)] {
        for role in ROLES {
            assert_eq!(set.may_change(role, field), rank(role) >= least, "{field:?} {role:?}");
        }
    }
    let mut set = set;
    set.update_metadata
        .insert("_new".to_owned(), Policy::Rule(MemberRule::Everybody));
    assert!(set.may_change(Role::Member, "_new"), "a policy that is there decides");
}

#[test]
fn whoever_proposed_answers_for_members_and_the_committer_for_the_rest() {
    let mut set = PolicySet::all_members();
    set.add_member = Policy::Rule(MemberRule::Admins);
    let (member, admin) = (
        actor(Role::Member),
        Actor {
            inbox_id: inbox(2),
            role: Role::Admin,
        },
    );
    assert_eq!(set.evaluate(&member, &added(admin), None), Ok(()));
    assert_eq!(set.evaluate(&admin, &added(member), None), Err(Denied::AddMember));
}

#[test]
fn one_change_too_many_refuses_the_commit() {
    let set = PolicySet::all_members();
    let member = actor(Role::Member);
    let mut changes = added(member);
    changes.fields = vec!["group_name", "description"];
    assert_eq!(set.evaluate(&member, &changes, None), Ok(()));
    changes.fields.push("message_disappear_in_ns");
    assert_eq!(
        set.evaluate(&member, &changes, None),
        Err(Denied::Metadata("message_disappear_in_ns".to_owned()))
    );
}

#[test]
fn a_dm_takes_its_two_members_and_nobody_else() {
    let set = PolicySet::dm();
    let members = DmMembers {
        one: inbox(1),
        two: inbox(2),
    };
    let add = |ids: &[u8]| {
        let by = actor(Role::Member);
        let added = ids.iter().map(|id| AddedInbox {
            inbox_id: inbox(*id),
            by,
        });
        let changes = Changes {
            added: added.collect(),
            ..Changes::default()
        };
        set.evaluate(&by, &changes, Some(&members))
    };
    assert_eq!(add(&[2]), Ok(()));
    assert_eq!(add(&[1]), Err(Denied::AddMember), "not oneself");
    assert_eq!(add(&[3]), Err(Denied::AddMember));
    assert_eq!(add(&[2, 3]), Err(Denied::AddMember));
    let outsider = Actor {
        inbox_id: inbox(3),
        role: Role::Member,
    };
    let changes = Changes {
        added: vec![AddedInbox {
            inbox_id: inbox(1),
            by: outsider,
        }],
        ..Changes::default()
    };
    assert_eq!(
        set.evaluate(&outsider, &changes, Some(&members)),
        Ok(()),
        "as the reference"
    );
    assert_eq!(set.evaluate(&outsider, &changes, None), Err(Denied::AddMember));
}

#[test]
fn nothing_changed_is_allowed_to_everybody() {
    for set in [PolicySet::all_members(), PolicySet::admins_only(), PolicySet::dm()] {
        assert_eq!(set.evaluate(&actor(Role::Member), &Changes::default(), None), Ok(()));
    }
}
