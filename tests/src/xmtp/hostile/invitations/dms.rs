//! DMs that are none.

use chancery_xmtp_wire::group::{DmMembers, MemberRule, PermissionRule, Policy};

use super::{Invitation, to_dm};

pub(super) fn all() -> Vec<Invitation> {
    let mut all = members();
    all.extend(permissions());
    all
}

fn members() -> Vec<Invitation> {
    vec![
        to_dm(
            "XMTP_JOIN_DM_MEMBERS",
            "a DM between the maker and somebody else",
            |hall, _, invite| {
                invite.state.immutable.dm_members = Some(DmMembers {
                    one: hall.maker.inbox(),
                    two: hall.other.inbox(),
                });
            },
        ),
        to_dm(
            "XMTP_JOIN_DM_MEMBERS",
            "a DM between the guest and somebody else",
            |hall, guest, invite| {
                invite.state.immutable.dm_members = Some(DmMembers {
                    one: hall.other.inbox(),
                    two: guest,
                });
            },
        ),
        to_dm("XMTP_JOIN_CONTEXT", "a DM between nobody", |_, _, invite| {
            invite.state.immutable.dm_members = None;
        }),
        to_dm("XMTP_JOIN_DM_MEMBERS", "a DM with a third member", |hall, _, invite| {
            let members = &mut invite.state.membership.members;
            members.insert(hall.outsider.inbox(), hall.outside);
            invite.leaves.push(hall.outsider.key_package());
        }),
        to_dm("XMTP_JOIN_DM_ADMINS", "a DM with an admin", |hall, _, invite| {
            invite.state.metadata.admins.push(hall.maker.inbox().to_string());
        }),
        to_dm("XMTP_JOIN_DM_ADMINS", "a DM with a super admin", |hall, _, invite| {
            invite.state.metadata.super_admins.push(hall.maker.inbox().to_string());
        }),
    ]
}

fn permissions() -> Vec<Invitation> {
    const CODE: &str = "XMTP_JOIN_DM_PERMISSIONS";
    vec![
        to_dm(CODE, "a DM to which everybody may add", |_, _, invite| {
            invite.state.permissions.add_member = Policy::Rule(MemberRule::Everybody);
        }),
        to_dm(CODE, "a DM from which everybody may remove", |_, _, invite| {
            invite.state.permissions.remove_member = Policy::Rule(MemberRule::Everybody);
        }),
        to_dm(CODE, "a DM in which super admins make admins", |_, _, invite| {
            invite.state.permissions.add_admin = Policy::Rule(PermissionRule::SuperAdmins);
        }),
        to_dm(CODE, "a DM in which super admins unmake admins", |_, _, invite| {
            invite.state.permissions.remove_admin = Policy::Rule(PermissionRule::SuperAdmins);
        }),
        to_dm(
            CODE,
            "a DM in which super admins change the permissions",
            |_, _, invite| {
                invite.state.permissions.update_permissions = Policy::Rule(PermissionRule::SuperAdmins);
            },
        ),
    ]
}
