//! Commits of which the catalogue is made.

use chancery_xmtp_client::identity::Installation;
use chancery_xmtp_wire::{
    group::{MemberRule, Policy, field},
    identity::InboxId,
};

use super::{
    super::{Draft, Insider, Who, World},
    Attempt, by,
};

pub(super) fn keys_renewed(_: &World) -> Attempt {
    by(Who::Maker, Draft::default())
}

pub(super) fn claims(insider: &Insider, inbox: InboxId) -> Draft {
    let installation = Installation::new(insider.installation.key().clone(), inbox);
    Draft {
        leaf: Some(installation.credential()),
        ..Draft::default()
    }
}

pub(super) fn adds_stranger(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership
            .members
            .insert(world.stranger.inbox(), world.last(&world.stranger));
    });
    Draft::context(context).adding([world.stranger.key_package()])
}

pub(super) fn removes_reduced(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership.members.remove(&world.reduced.inbox());
    });
    Draft::context(context).removing([world.reduced.key(), world.stale.key()])
}

pub(super) fn removes_super(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership.members.remove(&world.other_super.inbox());
    });
    Draft::context(context).removing([world.other_super.key()])
}

pub(super) fn drops_stale(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership
            .members
            .insert(world.reduced.inbox(), world.last(&world.reduced));
    });
    Draft::context(context).removing([world.stale.key()])
}

pub(super) fn adds_fresh(world: &World) -> Draft {
    let context = world.membership(|membership| {
        membership
            .members
            .insert(world.member.inbox(), world.last(&world.member));
    });
    Draft::context(context).adding([world.fresh.key_package()])
}

pub(super) fn renames(world: &World) -> Draft {
    Draft::context(world.field(field::GROUP_NAME, "renamed"))
}

pub(super) fn admins(world: &World, change: impl FnOnce(&mut Vec<String>, &mut Vec<String>)) -> Draft {
    Draft::context(world.metadata(|metadata| change(&mut metadata.admins, &mut metadata.super_admins)))
}

pub(super) fn promotes(world: &World, who: &Insider) -> Draft {
    admins(world, |admins, _| admins.push(who.inbox().to_string()))
}

pub(super) fn demotes_admin(world: &World) -> Draft {
    admins(world, |admins, _| admins.clear())
}

pub(super) fn exalts(world: &World, who: &Insider) -> Draft {
    admins(world, |_, supers| supers.push(who.inbox().to_string()))
}

pub(super) fn humbles_other(world: &World) -> Draft {
    admins(world, |_, supers| {
        supers.retain(|id| *id != world.other_super.inbox().to_string())
    })
}

pub(super) fn opens_up(world: &World) -> Draft {
    Draft::context(world.permissions(|set| set.add_member = Policy::Rule(MemberRule::Everybody)))
}
