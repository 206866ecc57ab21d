//! A group in which every rule can be broken.

use std::{collections::BTreeMap, sync::Arc};

use chancery_xmtp_client::{
    group::{GroupState, with_membership, with_metadata, with_permissions},
    network::NodeApi,
};
use chancery_xmtp_wire::{
    group::{GroupMembership, MutableMetadata, PolicySet},
    identity::{InboxId, InstallationKey},
};
use openmls::{
    extensions::{Extension, ExtensionType, Extensions, UnknownExtension},
    group::{GroupContext, GroupId},
};

use super::{Draft, Insider};

/// A member of the world who makes commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The maker of the group, a super admin.
    Maker,
    /// Another installation of the maker's. Its inbox has revoked it since, and the group does not know.
    Revoked,
    /// Another super admin.
    Super,
    /// An admin.
    Admin,
    /// A member, with a second installation that the group does not know.
    Member,
    /// A member whose second installation is in the group, and has been revoked since.
    Reduced,
}

/// A group under the permissions by which only admins do anything, and those around it.
pub struct World {
    /// The group.
    pub group: GroupId,
    /// [`Who::Maker`].
    pub maker: Insider,
    /// [`Who::Revoked`].
    pub revoked: Insider,
    /// [`Who::Super`].
    pub other_super: Insider,
    /// [`Who::Admin`].
    pub admin: Insider,
    /// [`Who::Member`].
    pub member: Insider,
    /// The installation of that member which is not in the group.
    pub fresh: Insider,
    /// [`Who::Reduced`].
    pub reduced: Insider,
    /// The installation of that member which is in the group and revoked.
    pub stale: Insider,
    /// Somebody who is not in the group.
    pub stranger: Insider,
    /// Somebody else who is not.
    pub outsider: Insider,
    /// The entries of the logs of all of them.
    pub logs: BTreeMap<InboxId, Vec<u64>>,
}

impl World {
    /// Makes the inboxes on `node` and the group, in which `guests` are members too. When the group is there, `settle` may
    /// let them arrive: what they do then is taken by all. Only after that installations come and go.
    pub async fn make(
        node: &Arc<dyn NodeApi>,
        seed: u64,
        guests: &[(InboxId, InstallationKey)],
        settle: impl FnOnce(&GroupId),
    ) -> Self {
        let seed = |number: u64| seed.wrapping_mul(1000).wrapping_add(number);
        let maker = Insider::register(node, seed(1)).await;
        let revoked = maker.second(seed(2)).await;
        let other_super = Insider::register(node, seed(3)).await;
        let admin = Insider::register(node, seed(4)).await;
        let member = Insider::register(node, seed(5)).await;
        let reduced = Insider::register(node, seed(6)).await;
        let stale = reduced.second(seed(7)).await;

        let mut state = GroupState::new_group(maker.inbox(), PolicySet::admins_only());
        state.metadata.admins.push(admin.inbox().to_string());
        state.metadata.super_admins.push(other_super.inbox().to_string());
        let group = maker.create(&state);
        let own = [&maker, &revoked, &other_super, &admin, &member, &reduced, &stale];
        let mut members: Vec<_> = own.iter().map(|insider| (insider.inbox(), insider.key())).collect();
        members.extend(guests);
        let mut key_packages = Vec::new();
        for (inbox, installation) in &members {
            let last = *maker.entries(*inbox).await.last().unwrap();
            state.membership.members.insert(*inbox, last);
            if *installation != maker.key() {
                key_packages.push(maker.fetch(*installation).await);
            }
        }
        let made = maker.commit(
            &group,
            Draft::context(state.extensions().unwrap()).adding(key_packages.clone()),
        );
        maker.send(made.commit).await;
        maker.merge(&group);
        let cursor = maker.cursor(&group).await;
        maker.welcome(made.welcome.unwrap(), &key_packages, cursor).await;
        for insider in &own[1..] {
            insider.join().await;
        }

        settle(&group);
        for insider in own {
            insider.catch_up(&group, cursor).await;
        }

        let fresh = member.second(seed(8)).await;
        maker.revoke(revoked.key()).await;
        reduced.revoke(stale.key()).await;
        let stranger = Insider::register(node, seed(9)).await;
        let outsider = Insider::register(node, seed(10)).await;
        let mut logs = BTreeMap::new();
        for insider in own.into_iter().chain([&stranger, &outsider]) {
            logs.insert(insider.inbox(), maker.entries(insider.inbox()).await);
        }
        Self {
            group,
            maker,
            revoked,
            other_super,
            admin,
            member,
            fresh,
            reduced,
            stale,
            stranger,
            outsider,
            logs,
        }
    }

    /// A member.
    #[must_use]
    pub fn who(&self, who: Who) -> &Insider {
        match who {
            Who::Maker => &self.maker,
            Who::Revoked => &self.revoked,
            Who::Super => &self.other_super,
            Who::Admin => &self.admin,
            Who::Member => &self.member,
            Who::Reduced => &self.reduced,
        }
    }

    /// All installations in the group but those of guests.
    #[must_use]
    pub fn inside(&self) -> [&Insider; 7] {
        [
            &self.maker,
            &self.revoked,
            &self.other_super,
            &self.admin,
            &self.member,
            &self.reduced,
            &self.stale,
        ]
    }

    /// The last entry of a log.
    #[must_use]
    pub fn last(&self, insider: &Insider) -> u64 {
        *self.logs[&insider.inbox()].last().unwrap()
    }

    /// The context of the group.
    #[must_use]
    pub fn context(&self) -> Extensions<GroupContext> {
        self.maker.look(&self.group, |group| group.extensions().clone())
    }

    fn state(&self) -> GroupState {
        GroupState::parse(&self.context()).unwrap()
    }

    /// The context with another membership.
    #[must_use]
    pub fn membership(&self, change: impl FnOnce(&mut GroupMembership)) -> Extensions<GroupContext> {
        let mut membership = self.state().membership;
        change(&mut membership);
        with_membership(&self.context(), &membership).unwrap()
    }

    /// The context with other metadata.
    #[must_use]
    pub fn metadata(&self, change: impl FnOnce(&mut MutableMetadata)) -> Extensions<GroupContext> {
        let mut metadata = self.state().metadata;
        change(&mut metadata);
        with_metadata(&self.context(), &metadata).unwrap()
    }

    /// The context with a field of the metadata set.
    #[must_use]
    pub fn field(&self, name: &str, value: &str) -> Extensions<GroupContext> {
        self.metadata(|metadata| {
            metadata.attributes.insert(name.to_owned(), value.to_owned());
        })
    }

    /// The context with other permissions.
    #[must_use]
    pub fn permissions(&self, change: impl FnOnce(&mut PolicySet)) -> Extensions<GroupContext> {
        let mut permissions = self.state().permissions;
        change(&mut permissions);
        with_permissions(&self.context(), &permissions).unwrap()
    }

    /// The context with the data of an extension replaced, or without the extension.
    #[must_use]
    pub fn extension(&self, number: u16, data: Option<Vec<u8>>) -> Extensions<GroupContext> {
        let mut context = self.context();
        match data {
            Some(data) => {
                let extension = Extension::Unknown(number, UnknownExtension(data));
                context.add_or_replace(extension).unwrap();
            }
            None => {
                context.remove(ExtensionType::Unknown(number));
            }
        }
        context
    }
}
