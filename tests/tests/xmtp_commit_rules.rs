//! Our rules for commits, each broken by a member who knows how: the commit is refused by that rule and no other, and the
//! same commit without the fault is accepted.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::sync::Arc;

use chancery_base::ErrorCode as _;
use chancery_serve::system::SystemClock;
use chancery_tests::xmtp::hostile::{
    Attempt, Draft, Insider, Moved, Verdict, Who, World, catalogue, fatal, motions, register,
};
use chancery_xmtp_client::{
    client::Message,
    commit::{Accepted, Rule, speaks_for},
    group::{GroupState, with_metadata},
    network::{MemoryNode, NodeApi},
};
use chancery_xmtp_wire::{
    content::Content,
    group::{FieldChange, PolicySet, ProtocolVersion, field},
    identity::InboxId,
};
use openmls::group::GroupId;

fn node() -> Arc<dyn NodeApi> {
    Arc::new(MemoryNode::new(Arc::new(SystemClock)))
}

/// What `witness` says of a commit of `by`'s, which is then forgotten.
async fn verdict(group: &GroupId, by: &Insider, witness: &Insider, draft: Draft) -> Result<Accepted, String> {
    let made = by.commit(group, draft);
    by.forget(group);
    witness.judge(group, &made.commit).await.map_err(|error| match error {
        Some(error) => error.code().to_owned(),
        None => "openmls".to_owned(),
    })
}

async fn tried(world: &World, attempt: Attempt) -> Result<Accepted, String> {
    verdict(&world.group, world.who(attempt.by), &world.stale, attempt.draft).await
}

#[tokio::test]
async fn each_rule_refuses_the_commit_that_breaks_it_and_nothing_else() {
    let world = World::make(&node(), 1, &[], |_| ()).await;
    let mut wrong = Vec::new();
    for case in catalogue().into_iter().chain([fatal()]) {
        let found = tried(&world, (case.attempt)(&world)).await.map(|_| ());
        let expected = match case.verdict {
            Verdict::Accepted => Ok(()),
            Verdict::Refused(code) => Err(code.to_owned()),
        };
        if found != expected {
            wrong.push(format!("{}: {found:?} instead of {expected:?}", case.name));
        }
        let honest = tried(&world, (case.honest)(&world)).await.map(|_| ());
        if honest != Ok(()) {
            wrong.push(format!("{}, without the fault: {honest:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// With who keeps proposals the rules count for those too. Our client keeps none: it passes over them, and over the commits
/// that name them.
#[tokio::test]
async fn each_rule_refuses_the_commit_that_names_a_proposal_which_breaks_it() {
    let node = node();
    let client = register(&node).await;
    let world = World::make(&node, 6, &[(client.inbox(), client.installation())], |_| ()).await;
    client.sync().await.unwrap();
    let epoch = client.debug(&world.group).unwrap().epoch;
    let mut wrong = Vec::new();
    for motion in motions() {
        for (make, expected) in [(motion.attempt, motion.verdict), (motion.honest, Verdict::Accepted)] {
            let Moved { proposals, by, path } = make(&world);
            let by = world.who(by);
            by.hear(&world.group, &proposals);
            let commit = by.commit_heard(&world.group, path).commit;
            let judged = world.stale.judge_keeping(&world.group, &proposals, &commit).await;
            let found = match judged {
                Ok(_) => Verdict::Accepted,
                Err(Some(error)) => Verdict::Refused(error.code()),
                Err(None) => Verdict::Refused("openmls"),
            };
            if found != expected {
                wrong.push(format!("{}: {found:?} instead of {expected:?}", motion.name));
            }
            for message in proposals.into_iter().chain([commit]) {
                by.send(message).await;
            }
            client.sync().await.unwrap();
            assert_eq!(client.debug(&world.group).unwrap().epoch, epoch, "{}", motion.name);
            for insider in world.inside() {
                insider.forget_heard(&world.group);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let made = world.maker.commit(&world.group, Draft::default());
    world.maker.send(made.commit).await;
    client.sync().await.unwrap();
    assert_eq!(client.debug(&world.group).unwrap().epoch, epoch + 1);
}

#[tokio::test]
async fn who_enters_by_itself_is_kept_out() {
    let node = node();
    let client = register(&node).await;
    let world = World::make(&node, 7, &[(client.inbox(), client.installation())], |_| ()).await;
    client.sync().await.unwrap();
    let epoch = client.debug(&world.group).unwrap().epoch;
    let commit = world.stranger.enters(&world.maker.group_info(&world.group));
    let judged = world.stale.judge(&world.group, &commit).await;
    assert_eq!(judged, Err(Some(Rule::ProposerNotMember.into())));
    world.stranger.send(commit).await;
    client.sync().await.unwrap();
    assert_eq!(client.debug(&world.group).unwrap().epoch, epoch);
}

#[tokio::test]
async fn what_a_commit_did_is_told_by_names() {
    let world = World::make(&node(), 2, &[], |_| ()).await;
    let draft = Draft::context(world.metadata(|metadata| {
        metadata.attributes.insert(field::GROUP_NAME.into(), "new".into());
        metadata.admins = vec![world.member.inbox().to_string()];
        metadata.super_admins.pop();
    }));
    let done = verdict(&world.group, &world.maker, &world.stale, draft).await.unwrap();
    assert_eq!(done.actor, world.maker.inbox());
    let told = done.effect.to_group_updated(&[]);
    assert_eq!(told.initiated_by_inbox_id, world.maker.inbox().to_string());
    let name = FieldChange {
        field: "group_name".into(),
        old: Some(String::new()),
        new: Some("new".into()),
    };
    assert_eq!(done.effect.fields, [name]);
    let ids = |found: &[chancery_xmtp_wire::proto::mls::message_contents::group_updated::Inbox]| {
        found.iter().map(|inbox| inbox.inbox_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&told.added_admin_inboxes), [world.member.inbox().to_string()]);
    assert_eq!(ids(&told.removed_admin_inboxes), [world.admin.inbox().to_string()]);
    assert_eq!(
        ids(&told.removed_super_admin_inboxes),
        [world.other_super.inbox().to_string()]
    );
    assert!(told.added_super_admin_inboxes.is_empty() && told.added_inboxes.is_empty());

    let context = world.membership(|membership| {
        membership.members.remove(&world.reduced.inbox());
        membership.members.remove(&world.member.inbox());
        let entry = world.last(&world.stranger);
        membership.members.insert(world.stranger.inbox(), entry);
    });
    let draft = Draft::context(context)
        .adding([world.stranger.key_package()])
        .removing([world.reduced.key(), world.stale.key(), world.member.key()]);
    let done = verdict(&world.group, &world.admin, &world.other_super, draft)
        .await
        .unwrap();
    // who asked to leave has left
    let told = done.effect.to_group_updated(&[world.member.inbox()]);
    assert_eq!(ids(&told.added_inboxes), [world.stranger.inbox().to_string()]);
    assert_eq!(ids(&told.removed_inboxes), [world.reduced.inbox().to_string()]);
    assert_eq!(ids(&told.left_inboxes), [world.member.inbox().to_string()]);

    let keys = verdict(&world.group, &world.admin, &world.stale, Draft::default()).await;
    assert!(keys.unwrap().effect.is_empty());
}

#[tokio::test]
async fn a_group_that_demands_more_than_we_can_do_pauses() {
    let world = World::make(&node(), 3, &[], |_| ()).await;
    for (demanded, pause) in [
        ("1.10.0", None),
        ("1.10.1", Some(ProtocolVersion::new(1, 10, 1))),
        ("1.11.0-dev", Some("1.11.0-dev".parse().unwrap())),
    ] {
        let draft = Draft::context(world.field(field::MINIMUM_SUPPORTED_PROTOCOL_VERSION, demanded));
        let done = verdict(&world.group, &world.maker, &world.stale, draft).await.unwrap();
        assert_eq!(done.pause, pause, "{demanded}");
    }
    // only a super admin's demand counts
    let draft = Draft::context(world.field(field::MINIMUM_SUPPORTED_PROTOCOL_VERSION, "9.0.0"));
    let refused = verdict(&world.group, world.who(Who::Admin), &world.stale, draft).await;
    assert_eq!(refused.unwrap_err(), "XMTP_COMMIT_DENIED_METADATA");
}

#[tokio::test]
async fn a_dm_keeps_its_two_members() {
    let node = node();
    let (me, peer) = (Insider::register(&node, 41).await, Insider::register(&node, 42).await);
    let stranger = Insider::register(&node, 43).await;
    let mut state = GroupState::new_dm(me.inbox(), peer.inbox());
    let group = me.create(&state);
    let last = async |inbox: InboxId| *me.entries(inbox).await.last().unwrap();
    for insider in [&me, &peer] {
        state
            .membership
            .members
            .insert(insider.inbox(), last(insider.inbox()).await);
    }
    let added = me.fetch(peer.key()).await;
    let made = me.commit(
        &group,
        Draft::context(state.extensions().unwrap()).adding([added.clone()]),
    );
    // our own first commit is held to the same rules: it adds the other, which the permissions forbid
    me.merge(&group);
    me.welcome(made.welcome.unwrap(), &[added], 0).await;
    peer.join().await;

    let mut wider = state.clone();
    wider
        .membership
        .members
        .insert(stranger.inbox(), last(stranger.inbox()).await);
    let adds = Draft::context(wider.extensions().unwrap()).adding([stranger.key_package()]);
    let refused = verdict(&group, &peer, &me, adds).await;
    assert_eq!(refused.unwrap_err(), "XMTP_COMMIT_DENIED_ADD_MEMBER");

    let mut narrower = state.clone();
    narrower.membership.members.remove(&me.inbox());
    let removes = Draft::context(narrower.extensions().unwrap()).removing([me.key()]);
    let refused = verdict(&group, &peer, &me, removes).await;
    assert_eq!(refused.unwrap_err(), "XMTP_COMMIT_DENIED_REMOVE_MEMBER");

    let mut above = state.clone();
    above.metadata.super_admins.push(peer.inbox().to_string());
    let refused = verdict(&group, &peer, &me, Draft::context(above.extensions().unwrap())).await;
    assert_eq!(refused.unwrap_err(), "XMTP_COMMIT_DENIED_ADD_SUPER_ADMIN");

    let mut open = state.clone();
    open.permissions = PolicySet::all_members();
    let refused = verdict(&group, &peer, &me, Draft::context(open.extensions().unwrap())).await;
    assert_eq!(refused.unwrap_err(), "XMTP_COMMIT_DENIED_PERMISSIONS");

    // and both may name it
    let mut metadata = state.metadata.clone();
    metadata.attributes.insert(field::GROUP_NAME.into(), "us".into());
    let context = me.look(&group, |group| with_metadata(group.extensions(), &metadata).unwrap());
    let done = verdict(&group, &peer, &me, Draft::context(context)).await.unwrap();
    assert_eq!(done.actor, peer.inbox());
}

#[tokio::test]
async fn who_speaks_through_a_leaf_with_a_foreign_name_is_not_believed() {
    let world = World::make(&node(), 4, &[], |_| ()).await;
    let context = world.membership(|membership| {
        membership
            .members
            .insert(world.stranger.inbox(), world.last(&world.stranger));
    });
    let lies = world.stranger.key_package_as(world.admin.inbox());
    let made = world.maker.commit(&world.group, Draft::context(context).adding([lies]));
    // everybody takes it (`xmtp_adversary`)
    let taken = world.stale.judge(&world.group, &made.commit).await;
    assert!(taken.is_ok(), "{taken:?}");
    world.maker.merge(&world.group);
    for insider in [&world.maker, &world.member] {
        let inboxes: Vec<_> = world.logs.keys().copied().collect();
        insider.read(&inboxes).await;
    }
    world.maker.look(&world.group, |group| {
        for member in group.members() {
            let genuine = member.signature_key != world.stranger.key().as_bytes();
            let found = speaks_for(group, member.index, &world.maker.directory);
            assert_eq!(found, Ok(genuine), "{:?}", member.index);
        }
    });
}

#[tokio::test]
async fn what_such_a_leaf_says_does_not_reach_a_conversation() {
    let node = node();
    let client = register(&node).await;
    let guest = [(client.inbox(), client.installation())];
    let world = World::make(&node, 5, &guest, |_| ()).await;
    client.sync().await.unwrap();

    let context = world.membership(|membership| {
        membership
            .members
            .insert(world.stranger.inbox(), world.last(&world.stranger));
    });
    let lies = [world.stranger.key_package_as(world.admin.inbox())];
    let made = world
        .maker
        .commit(&world.group, Draft::context(context).adding(lies.clone()));
    world.maker.send(made.commit).await;
    world.maker.merge(&world.group);
    let cursor = world.maker.cursor(&world.group).await;
    world.admin.catch_up(&world.group, cursor - 1).await;
    world.maker.welcome(made.welcome.unwrap(), &lies, cursor).await;
    world.stranger.join().await;

    world.admin.send(world.admin.say(&world.group, "the admin")).await;
    world.stranger.send(world.stranger.say(&world.group, "a liar")).await;
    world.maker.send(world.maker.say(&world.group, "the maker")).await;
    client.sync().await.unwrap();
    let messages = client.messages(&world.group).unwrap();
    let text = |message: &Message| match Content::decode(message.content.as_ref()?) {
        Ok(Content::Text(text)) => Some((message.sender, text)),
        _ => None,
    };
    let texts: Vec<_> = messages.iter().filter_map(text).collect();
    let said = [
        (world.admin.inbox(), "the admin".into()),
        (world.maker.inbox(), "the maker".into()),
    ];
    assert_eq!(texts, said);
}
