//! Hostile welcomes: each breaks one rule, and goes to a client of ours and to an official one. Ours refuses it for that
//! rule's reason, the official one does not have the group either, and what comes after it arrives.
//!
//! With official clients the tests need the SDKs ([`Sdk::find`]): they are skipped without them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::sync::Arc;

use chancery_serve::system::SystemClock;
use chancery_tests::{
    skip, wait,
    xmtp::{
        Client as Official, Generation, Sdk,
        hostile::{Court, Hall, Insider, Invitation, Verdict, invitations, register},
    },
};
use chancery_xmtp_client::{
    client::Client,
    network::{MemoryNode, NodeApi},
};
use openmls::group::GroupId;
use serde_json::{Value, json};

/// What official clients follow and ours does not: nobody else can tell, so this parts nobody from anybody. 1.9.1 and
/// 1.11.0-dev do the same here.
const STRICTER: [&str; 8] = [
    // they join, and cannot say who may do what
    "there are no permissions",
    "the permissions cannot be read",
    // they look at who the DM is between, not at who is there
    "a DM with a third member",
    // they hold a DM to its lack of admins, not to its permissions
    "a DM to which everybody may add",
    "a DM from which everybody may remove",
    "a DM in which super admins make admins",
    "a DM in which super admins unmake admins",
    "a DM in which super admins change the permissions",
];

fn has(client: &Client, group: &GroupId) -> bool {
    client.conversation(group).is_ok()
}

fn hex(group: &GroupId) -> String {
    group.as_slice().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn knows(official: &Official, group: &GroupId) -> bool {
    official
        .ask::<Value>("conversation", json!({ "conversation": hex(group) }))
        .is_ok()
}

/// What our rules say of an invitation, in a word.
async fn said(hall: &Hall, invitation: &Invitation, guest: &Insider) -> Verdict {
    let mut invite = hall.invite(guest.inbox(), invitation.dm).await;
    (invitation.fault)(hall, guest.inbox(), &mut invite);
    hall.send(invite, guest.key()).await;
    match guest.consider().await {
        Ok(_) => Verdict::Accepted,
        Err(code) => Verdict::Refused(code),
    }
}

/// Sends a client of ours an invitation, and the same without the fault; which of them it follows.
async fn ours_follows(hall: &Hall, invitation: &Invitation, node: &Arc<dyn NodeApi>) -> (bool, bool) {
    let client = register(node).await;
    let mut invite = hall.invite(client.inbox(), invitation.dm).await;
    (invitation.fault)(hall, client.inbox(), &mut invite);
    let hostile = hall.send(invite, client.installation()).await;
    let invite = hall.invite(client.inbox(), invitation.dm).await;
    let honest = hall.send(invite, client.installation()).await;
    let synced = client.sync().await;
    assert!(synced.is_ok(), "{}: {synced:?}", invitation.name);
    (has(&client, &hostile), has(&client, &honest))
}

#[tokio::test]
async fn each_rule_refuses_the_welcome_that_breaks_it_and_the_next_one_is_followed() {
    let node: Arc<dyn NodeApi> = Arc::new(MemoryNode::new(Arc::new(SystemClock)));
    let hall = Hall::open(&node, 1).await;
    let guest = Insider::register(&node, 2).await;
    let _ = guest.pre_shared_key();
    let mut wrong = Vec::new();
    for invitation in invitations() {
        let (name, expected) = (invitation.name, invitation.verdict);
        let found = said(&hall, &invitation, &guest).await;
        if found != expected {
            wrong.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
        let (hostile, honest) = ours_follows(&hall, &invitation, &node).await;
        if hostile != (expected == Verdict::Accepted) {
            wrong.push(format!("{name}: followed by the client: {hostile}"));
        }
        if !honest {
            wrong.push(format!("{name}: what comes next is not followed"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn agrees_with(generation: Generation) {
    let Some(court) = Court::open() else {
        skip!("{}", Sdk::MISSING);
    };
    let driver = court.net.driver(generation);
    let hall = court.runtime.block_on(Hall::open(&court.node, 1));
    let mut apart = Vec::new();
    for (number, invitation) in invitations().into_iter().enumerate() {
        let name = invitation.name;
        let (ours, ours_next) = court.runtime.block_on(ours_follows(&hall, &invitation, &court.node));
        let judge = driver.client(&format!("judge {number}"));
        let inbox = judge.inbox_id().parse().unwrap();
        let key = judge.installation_key();
        let (hostile, honest) = court.runtime.block_on(async {
            let mut invite = hall.invite(inbox, invitation.dm).await;
            (invitation.fault)(&hall, inbox, &mut invite);
            let hostile = hall.send(invite, key).await;
            let invite = hall.invite(inbox, invitation.dm).await;
            (hostile, hall.send(invite, key).await)
        });
        wait::until(&format!("what comes after: {name}"), || {
            // in some generations it is an error of the sync that a welcome is refused
            let _ = judge.ask::<Value>("sync", json!({}));
            knows(&judge, &honest).then_some(())
        });
        let theirs = knows(&judge, &hostile);
        if theirs != (ours || STRICTER.contains(&name))
            || ours != (invitation.verdict == Verdict::Accepted)
            || !ours_next
        {
            apart.push(format!(
                "{name}: {:?}, followed by ours: {ours}, the next one too: {ours_next}, by the official client: {theirs}",
                invitation.verdict
            ));
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}

#[test]
fn the_official_client_of_generation_five_follows_what_we_follow_and_eight_that_we_do_not() {
    agrees_with(Generation::Five);
}

#[test]
fn the_official_client_of_generation_six_follows_what_we_follow_and_eight_that_we_do_not() {
    agrees_with(Generation::Six);
}
