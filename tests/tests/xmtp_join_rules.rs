//! Our rules for joining, each broken by whoever adds us: the welcome is refused by that rule and no other, and the same
//! welcome without the fault is accepted.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::sync::Arc;

use chancery_serve::system::SystemClock;
use chancery_tests::xmtp::hostile::{Draft, Insider};
use chancery_xmtp_client::{
    group::GroupState,
    join::Joining,
    network::{MemoryNode, NodeApi},
};
use chancery_xmtp_wire::{
    group::{DmMembers, GROUP_PERMISSIONS, MemberRule, PermissionRule, Policy, PolicySet, ProtocolVersion, field},
    identity::InboxId,
};
use openmls::{extensions::ExtensionType, key_packages::KeyPackage};

/// Somebody who makes groups, one who is added to them, and one who may be there too.
struct Scene {
    maker: Insider,
    guest: Insider,
    other: Insider,
    /// Another installation of the other's.
    second: Insider,
}

impl Scene {
    async fn set() -> Self {
        let node: Arc<dyn NodeApi> = Arc::new(MemoryNode::new(Arc::new(SystemClock)));
        let other = Insider::register(&node, 3).await;
        Self {
            maker: Insider::register(&node, 1).await,
            guest: Insider::register(&node, 2).await,
            second: other.second(4).await,
            other,
        }
    }

    async fn last(&self, inbox: InboxId) -> u64 {
        *self.maker.entries(inbox).await.last().unwrap()
    }

    /// A group with these inboxes.
    async fn state(&self, members: &[&Insider]) -> GroupState {
        let mut state = GroupState::new_group(self.maker.inbox(), PolicySet::all_members());
        self.fill(&mut state, members).await;
        state
    }

    async fn dm(&self) -> GroupState {
        let mut state = GroupState::new_dm(self.maker.inbox(), self.guest.inbox());
        self.fill(&mut state, &[&self.guest]).await;
        state
    }

    async fn fill(&self, state: &mut GroupState, members: &[&Insider]) {
        for insider in members.iter().chain([&&self.maker]) {
            let last = self.last(insider.inbox()).await;
            state.membership.members.insert(insider.inbox(), last);
        }
    }

    /// What the guest says of a group with this context and these leaves, beside its own and the maker's.
    async fn invited(&self, state: &GroupState, leaves: &[KeyPackage]) -> Result<Joining, String> {
        self.invited_by(state, leaves, Draft::context(state.extensions().unwrap()))
            .await
    }

    async fn invited_by(&self, state: &GroupState, leaves: &[KeyPackage], draft: Draft) -> Result<Joining, String> {
        let group = self.maker.create(state);
        let guest = self.guest.key_package();
        let draft = draft.adding([guest.clone()]).adding(leaves.iter().cloned());
        let made = self.maker.commit(&group, draft);
        self.maker.welcome(made.welcome.unwrap(), &[guest], 0).await;
        self.guest.consider().await.map_err(str::to_owned)
    }
}

#[tokio::test]
async fn a_group_whose_leaves_are_those_of_its_members_is_joined() {
    let scene = Scene::set().await;
    let state = scene.state(&[&scene.guest, &scene.other]).await;
    let leaves = [scene.other.key_package(), scene.second.key_package()];
    let joining = scene.invited(&state, &leaves).await.unwrap();
    assert_eq!(joining.added_by, scene.maker.inbox());
    assert_eq!((joining.state, joining.pause), (state, None));
}

#[tokio::test]
async fn a_leaf_of_nobody_in_the_membership_refuses_the_group() {
    let scene = Scene::set().await;
    let state = scene.state(&[&scene.guest]).await;
    let refused = scene.invited(&state, &[scene.other.key_package()]).await;
    assert_eq!(refused.unwrap_err(), "XMTP_JOIN_NOT_IN_MEMBERSHIP");
}

#[tokio::test]
async fn a_leaf_that_names_an_inbox_it_is_not_of_refuses_the_group() {
    let scene = Scene::set().await;
    let state = scene.state(&[&scene.guest]).await;
    // as if it were another installation of the maker's
    let lies = scene.other.key_package_as(scene.maker.inbox());
    let refused = scene.invited(&state, &[lies]).await;
    assert_eq!(refused.unwrap_err(), "XMTP_JOIN_NOT_AN_INSTALLATION");
}

#[tokio::test]
async fn a_missing_installation_refuses_the_group_unless_it_could_not_be_added() {
    let scene = Scene::set().await;
    let mut state = scene.state(&[&scene.guest, &scene.other]).await;
    let leaves = [scene.other.key_package()];
    let refused = scene.invited(&state, &leaves).await;
    assert_eq!(refused.unwrap_err(), "XMTP_JOIN_MISSING");
    let key = scene.second.key().as_bytes().to_vec();
    state.membership.failed_installations.insert(key);
    assert!(scene.invited(&state, &leaves).await.is_ok());
}

#[tokio::test]
async fn a_membership_as_of_no_entry_refuses_the_group() {
    let scene = Scene::set().await;
    for entry in [0, 1_000_000, u64::MAX] {
        let mut state = scene.state(&[&scene.guest]).await;
        state.membership.members.insert(scene.maker.inbox(), entry);
        let refused = scene.invited(&state, &[]).await;
        assert_eq!(refused.unwrap_err(), "XMTP_JOIN_SEQUENCE_UNKNOWN", "{entry}");
    }
}

#[tokio::test]
async fn a_context_that_cannot_be_read_refuses_the_group() {
    let scene = Scene::set().await;
    let state = scene.state(&[&scene.guest]).await;
    let mut context = state.extensions().unwrap();
    context.remove(ExtensionType::Unknown(GROUP_PERMISSIONS));
    let refused = scene.invited_by(&state, &[], Draft::context(context)).await;
    assert_eq!(refused.unwrap_err(), "XMTP_JOIN_CONTEXT");
}

#[tokio::test]
async fn a_pre_shared_key_refuses_the_group() {
    let scene = Scene::set().await;
    let state = scene.state(&[&scene.guest]).await;
    let _ = scene.guest.pre_shared_key();
    let mut draft = Draft::context(state.extensions().unwrap());
    draft.proposals.push(scene.maker.pre_shared_key());
    let refused = scene.invited_by(&state, &[], draft).await;
    assert_eq!(refused.unwrap_err(), "XMTP_JOIN_PRE_SHARED_KEY");
}

#[tokio::test]
async fn a_group_that_demands_more_than_we_can_do_is_joined_and_pauses() {
    let scene = Scene::set().await;
    let mut state = scene.state(&[&scene.guest]).await;
    let name = field::MINIMUM_SUPPORTED_PROTOCOL_VERSION;
    for (demanded, pause) in [
        ("2.0.0", Some(ProtocolVersion::new(2, 0, 0))),
        ("1.0.0", None),
        ("soon", None),
    ] {
        state.metadata.attributes.insert(name.into(), demanded.into());
        assert_eq!(scene.invited(&state, &[]).await.unwrap().pause, pause, "{demanded}");
    }
}

#[tokio::test]
async fn a_dm_between_us_and_whoever_added_us_is_joined() {
    let scene = Scene::set().await;
    let state = scene.dm().await;
    assert_eq!(scene.invited(&state, &[]).await.unwrap().state, state);
    // which of the two is named first says nothing
    let mut turned = state.clone();
    turned.immutable.dm_members = Some(DmMembers {
        one: scene.guest.inbox(),
        two: scene.maker.inbox(),
    });
    assert!(scene.invited(&turned, &[]).await.is_ok());
}

#[tokio::test]
async fn a_dm_between_others_is_refused() {
    let scene = Scene::set().await;
    let mut state = scene.dm().await;
    for (one, two) in [(&scene.maker, &scene.other), (&scene.other, &scene.guest)] {
        state.immutable.dm_members = Some(DmMembers {
            one: one.inbox(),
            two: two.inbox(),
        });
        let refused = scene.invited(&state, &[]).await;
        assert_eq!(refused.unwrap_err(), "XMTP_JOIN_DM_MEMBERS");
    }
}

#[tokio::test]
async fn a_dm_with_somebody_above_the_other_is_refused() {
    let scene = Scene::set().await;
    let state = scene.dm().await;
    let id = scene.maker.inbox().to_string();
    let (mut admin, mut super_admin) = (state.clone(), state);
    admin.metadata.admins.push(id.clone());
    super_admin.metadata.super_admins.push(id);
    for state in [admin, super_admin] {
        let refused = scene.invited(&state, &[]).await;
        assert_eq!(refused.unwrap_err(), "XMTP_JOIN_DM_ADMINS");
    }
}

#[tokio::test]
async fn a_dm_that_could_get_other_members_is_refused() {
    let scene = Scene::set().await;
    let state = scene.dm().await;
    let changes: [fn(&mut PolicySet); 5] = [
        |set| set.add_member = Policy::Rule(MemberRule::Everybody),
        |set| set.remove_member = Policy::Rule(MemberRule::Everybody),
        |set| set.add_admin = Policy::Rule(PermissionRule::SuperAdmins),
        |set| set.remove_admin = Policy::Rule(PermissionRule::SuperAdmins),
        |set| set.update_permissions = Policy::Rule(PermissionRule::SuperAdmins),
    ];
    for change in changes {
        let mut state = state.clone();
        change(&mut state.permissions);
        let refused = scene.invited(&state, &[]).await;
        assert_eq!(refused.unwrap_err(), "XMTP_JOIN_DM_PERMISSIONS");
    }
}
