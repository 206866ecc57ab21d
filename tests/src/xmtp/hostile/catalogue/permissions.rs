//! What the permissions do not allow.

use super::{
    super::{Draft, Who},
    Case, Verdict, by,
    drafts::{
        adds_stranger, admins, demotes_admin, exalts, humbles_other, opens_up, promotes, removes_reduced,
        removes_super, renames,
    },
    refused,
};

pub(super) fn all() -> Vec<Case> {
    vec![
        refused!(
            "XMTP_COMMIT_DENIED_ADD_MEMBER",
            "a member adds somebody",
            |world| by(Who::Member, adds_stranger(world)),
            |world| by(Who::Admin, adds_stranger(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_REMOVE_MEMBER",
            "a member removes another",
            |world| by(Who::Member, removes_reduced(world)),
            |world| by(Who::Admin, removes_reduced(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_REMOVE_SUPER_ADMIN_MEMBER",
            "a super admin removes another super admin",
            |world| by(Who::Maker, removes_super(world)),
            |world| by(Who::Maker, removes_reduced(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_METADATA",
            "a member renames the group",
            |world| by(Who::Member, renames(world)),
            |world| by(Who::Admin, renames(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_METADATA",
            "a member sets a field that nobody knows",
            |world| by(Who::Member, Draft::context(world.field("colour", "red"))),
            |world| by(Who::Admin, Draft::context(world.field("colour", "red")))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_METADATA",
            "an admin sets a field that is for super admins",
            |world| by(Who::Admin, Draft::context(world.field("_colour", "red"))),
            |world| by(Who::Super, Draft::context(world.field("_colour", "red")))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_ADD_ADMIN",
            "a member makes itself an admin",
            |world| by(Who::Member, promotes(world, &world.member)),
            |world| by(Who::Super, promotes(world, &world.member))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_REMOVE_ADMIN",
            "a member unmakes an admin",
            |world| by(Who::Member, demotes_admin(world)),
            |world| by(Who::Super, demotes_admin(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_ADD_SUPER_ADMIN",
            "an admin makes itself a super admin",
            |world| by(Who::Admin, exalts(world, &world.admin)),
            |world| by(Who::Maker, exalts(world, &world.admin))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_REMOVE_SUPER_ADMIN",
            "an admin unmakes a super admin",
            |world| by(Who::Admin, humbles_other(world)),
            |world| by(Who::Maker, humbles_other(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_LAST_SUPER_ADMIN",
            "a super admin leaves the group without one",
            |world| by(Who::Maker, admins(world, |_, supers| supers.clear())),
            |world| by(Who::Maker, humbles_other(world))
        ),
        refused!(
            "XMTP_COMMIT_DENIED_PERMISSIONS",
            "an admin changes the permissions",
            |world| by(Who::Admin, opens_up(world)),
            |world| by(Who::Super, opens_up(world))
        ),
    ]
}
