//! Welcomes that nobody should follow, and those that only look like it.

mod contexts;
mod dms;
mod leaves;
mod wrapping;

use std::sync::Arc;

use chancery_xmtp_client::{
    group::GroupState,
    network::{NodeApi, WelcomeBody},
};
use chancery_xmtp_wire::{
    group::PolicySet,
    identity::{InboxId, InstallationKey},
};
use openmls::{
    extensions::Extensions,
    group::{GroupContext, GroupId},
    key_packages::KeyPackage,
    messages::proposals::Proposal,
};

use super::{Draft, Insider, Verdict, insider::welcome_bytes};

/// Who invites, and who else is there.
pub struct Hall {
    /// Makes groups.
    pub maker: Insider,
    /// A member of the groups, by two installations.
    pub other: Insider,
    /// The second installation of that member.
    pub second: Insider,
    /// Somebody who is in none.
    pub outsider: Insider,
    /// The last entry of the outsider's log.
    pub outside: u64,
}

/// An invitation that is still to be made.
pub struct Invite {
    /// What the group is, and who is in it.
    pub state: GroupState,
    /// Its context, when it is not the one that says just that.
    pub context: Option<Extensions<GroupContext>>,
    /// The leaves beside those of the maker and the guest.
    pub leaves: Vec<KeyPackage>,
    /// What else the commit says.
    pub proposals: Vec<Proposal>,
    /// Whether the guest is told no tree.
    pub without_tree: bool,
    /// Whether the guest is no member, and is welcomed nonetheless.
    pub without_guest: bool,
    /// Up to where the group was before the guest's time, they say.
    pub cursor: u64,
    /// What is done to the welcome before it is wrapped.
    pub unwrapped: fn(&mut Vec<u8>),
    /// What is done to it afterwards.
    pub wrapped: fn(&mut WelcomeBody),
}

/// A way to invite.
pub struct Invitation {
    /// What is done.
    pub name: &'static str,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Whether it is one to a DM.
    pub dm: bool,
    /// What sets it apart from one that is followed.
    pub fault: fn(&Hall, InboxId, &mut Invite),
}

/// All of them.
#[must_use]
pub fn invitations() -> Vec<Invitation> {
    let mut all = leaves::all();
    all.extend(contexts::all());
    all.extend(dms::all());
    all.extend(wrapping::all());
    all
}

const fn to_group(code: &'static str, name: &'static str, fault: fn(&Hall, InboxId, &mut Invite)) -> Invitation {
    Invitation {
        name,
        verdict: Verdict::Refused(code),
        dm: false,
        fault,
    }
}

const fn to_dm(code: &'static str, name: &'static str, fault: fn(&Hall, InboxId, &mut Invite)) -> Invitation {
    Invitation {
        dm: true,
        ..to_group(code, name, fault)
    }
}

const fn followed(name: &'static str, fault: fn(&Hall, InboxId, &mut Invite)) -> Invitation {
    Invitation {
        name,
        verdict: Verdict::Accepted,
        dm: false,
        fault,
    }
}

impl Hall {
    /// Registers all of them on `node`.
    pub async fn open(node: &Arc<dyn NodeApi>, seed: u64) -> Self {
        let seed = |number: u64| seed.wrapping_mul(1000).wrapping_add(number);
        let other = Insider::register(node, seed(3)).await;
        let outsider = Insider::register(node, seed(2)).await;
        Self {
            maker: Insider::register(node, seed(1)).await,
            second: other.second(seed(4)).await,
            other,
            outside: *outsider.entries(outsider.inbox()).await.last().unwrap(),
            outsider,
        }
    }

    /// An invitation without fault, to a group with the other in it or to a DM.
    pub async fn invite(&self, guest: InboxId, dm: bool) -> Invite {
        let mut state = if dm {
            GroupState::new_dm(self.maker.inbox(), guest)
        } else {
            GroupState::new_group(self.maker.inbox(), PolicySet::all_members())
        };
        let mut leaves = Vec::new();
        let mut members = vec![self.maker.inbox(), guest];
        if !dm {
            members.push(self.other.inbox());
            leaves.extend([self.other.key_package(), self.second.key_package()]);
        }
        for inbox in members {
            let last = *self.maker.entries(inbox).await.last().unwrap();
            state.membership.members.insert(inbox, last);
        }
        Invite {
            state,
            context: None,
            leaves,
            proposals: Vec::new(),
            without_tree: false,
            without_guest: false,
            cursor: 0,
            unwrapped: |_| (),
            wrapped: |_| (),
        }
    }

    /// Makes the group and sends the welcome to the guest.
    pub async fn send(&self, invite: Invite, guest: InstallationKey) -> GroupId {
        let group = self.maker.create(&invite.state);
        let guest = self.maker.fetch(guest).await;
        let context = invite.context.unwrap_or_else(|| invite.state.extensions().unwrap());
        let mut draft = Draft::context(context).adding(invite.leaves);
        if !invite.without_guest {
            draft = draft.adding([guest.clone()]);
        }
        draft.proposals = invite.proposals;
        draft.without_tree = invite.without_tree;
        let made = self.maker.commit(&group, draft);
        self.maker.send(made.commit).await;
        self.maker.merge(&group);
        let mut welcome = welcome_bytes(made.welcome.unwrap());
        (invite.unwrapped)(&mut welcome);
        let mut sealed = self.maker.seal(&welcome, &guest, invite.cursor);
        (invite.wrapped)(&mut sealed.body);
        self.maker.send_welcomes(vec![sealed]).await;
        group
    }
}
