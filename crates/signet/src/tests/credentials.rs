//! What becomes of connections when their credential changes.

use chancery_base::ed25519::SecretKey;
use chancery_policy::messaging::Scope;
use chancery_signet_wire::frame::{CloseCode, Event, proof_text};
use serde_json::json;

use super::*;
use crate::AuthRefused;

async fn connected(seed: u64) -> (World, ConversationName, Issued, HarnessSession) {
    let world = World::new(seed).await;
    let (name, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let mut session = world.connect(&issued, None).await;
    assert_eq!(next(&mut session).await, None);
    (world, name, issued, session)
}

async fn refused(world: &World, login: HarnessLogin) -> AuthRefused {
    world.traffic.authenticate(login).await.unwrap_err()
}

#[tokio::test]
async fn a_revoked_credential_is_told_so_and_its_connection_ends_at_once() {
    let (world, name, issued, mut session) = connected(1).await;
    let began = std::time::Instant::now();
    world
        .sql(format!(
            "UPDATE credentials SET status = 'revoked', revocation_reason = 'owner-initiated' WHERE id = '{}'",
            issued.id()
        ))
        .await;
    world.say_text(&name, "not for you").await;
    let Event::AgentRevoked(revoked) = event(&mut session).await.event else {
        panic!()
    };
    let revocation: serde_json::Value = revoked.revocation.read().unwrap();
    assert_eq!(revocation["reason"], "owner-initiated");
    assert_eq!(revocation["chatId"], issued.chats[0].to_string());
    assert_eq!(
        next(&mut session).await,
        Some(Outgoing::Close(CloseCode::CredentialRevoked))
    );
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(refused(&world, login(&issued, None, None)).await, AuthRefused::Refused);
    world.settle().await;
    assert!(!kept(&world).await.iter().any(|event| event.contains("not for you")));
}

#[tokio::test]
async fn widening_asks_for_another_token_and_then_closes() {
    let (world, _, issued, mut session) = connected(2).await;
    world
        .sql(format!(
            "UPDATE credentials SET status = 'revoked', revocation_reason = 'reauthorization-required',
             revocation_note = 'Material change: added: invite' WHERE id = '{}'",
            issued.id()
        ))
        .await;
    let Event::ReauthorizationRequired(event) = event(&mut session).await.event else {
        panic!()
    };
    assert_eq!(event.reason, "Material change: added: invite");
    assert_eq!(next(&mut session).await, Some(Outgoing::Close(CloseCode::Reauthorize)));
}

#[tokio::test]
async fn an_expired_credential_is_told_so_and_closes() {
    let (world, name, issued, mut session) = connected(3).await;
    world.pass(3_600_000);
    // nothing is let through even before anybody swept
    world.say_text(&name, "too late").await;
    world.settle().await;
    assert!(!kept(&world).await.iter().any(|event| event.contains("too late")));
    assert_eq!(refused(&world, login(&issued, None, None)).await, AuthRefused::Refused);
    world.sql("UPDATE credentials SET status = 'expired'").await;
    assert!(matches!(event(&mut session).await.event, Event::CredentialExpired(_)));
    assert_eq!(
        next(&mut session).await,
        Some(Outgoing::Close(CloseCode::CredentialExpired))
    );
}

#[tokio::test]
async fn a_request_after_the_end_of_the_credential_closes_the_connection() {
    let (world, _, _, mut session) = connected(4).await;
    world.pass(3_600_000);
    let answer = session.harness().answer(
        "r".to_owned(),
        Request::parse(r#"{"type":"list_conversations","requestId":"r"}"#)
            .unwrap()
            .1,
    );
    assert_eq!(answer.await, None);
    assert_eq!(
        next(&mut session).await,
        Some(Outgoing::Close(CloseCode::CredentialExpired))
    );
    drop(world);
}

#[tokio::test]
async fn narrowing_is_told_and_acts_on_the_same_connection() {
    let (world, name, issued, mut session) = connected(5).await;
    world.say_text(&name, "seen").await;
    message(&mut session).await;
    let narrowed = ScopeSet::allowing([Scope::Send, Scope::StreamMessages]);
    let text = serde_json::to_string(&narrowed).unwrap();
    world
        .sql(format!(
            "UPDATE credentials SET effective = '{text}' WHERE id = '{}'",
            issued.id()
        ))
        .await;
    let Event::ScopesUpdated(updated) = event(&mut session).await.event else {
        panic!()
    };
    assert_eq!(updated.permissions, narrowed);
    world.say_text(&name, "unseen").await;
    world.settle().await;
    assert_eq!(next(&mut session).await, None);
    assert!(!kept(&world).await.iter().any(|event| event.contains("unseen")));
}

#[tokio::test]
async fn a_harness_may_give_scopes_up_and_is_cut_off_when_it_asks_for_more() {
    let (world, _, _, mut session) = connected(6).await;
    let narrowed = ask(&session, json!({"type": "update_scopes", "deny": ["react"]}))
        .await
        .unwrap();
    assert_eq!(narrowed["updated"], true);
    assert_eq!(narrowed["reason"], "Material change: changed: react (allow -> deny)");
    assert!(matches!(event(&mut session).await.event, Event::ScopesUpdated(_)));
    let same = ask(&session, json!({"type": "update_scopes"})).await.unwrap();
    assert_eq!(same, json!({"updated": true, "material": false, "reason": null}));
    let widened = ask(&session, json!({"type": "update_scopes", "allow": ["send", "invite"]}))
        .await
        .unwrap();
    assert_eq!(widened["updated"], false);
    let Event::ReauthorizationRequired(event) = event(&mut session).await.event else {
        panic!()
    };
    assert_eq!(
        event.reason,
        "Material change: added: invite; removed: reply, read-messages, stream-messages"
    );
    assert_eq!(next(&mut session).await, Some(Outgoing::Close(CloseCode::Reauthorize)));
    drop(world);
}

#[tokio::test]
async fn nobody_acts_for_an_operator_that_is_suspended() {
    let (world, _, issued, mut session) = connected(7).await;
    world.sql("UPDATE operators SET status = 'suspended'").await;
    assert_eq!(next(&mut session).await, Some(Outgoing::Close(CloseCode::Reauthorize)));
    assert_eq!(refused(&world, login(&issued, None, None)).await, AuthRefused::Refused);
}

#[tokio::test]
async fn a_token_that_nobody_was_given_is_refused_with_the_same_words() {
    let (world, _, issued, _) = connected(8).await;
    let mut unknown = login(&issued, None, None);
    unknown.auth.token = BearerToken::new("a guess".to_owned());
    let refusal = refused(&world, unknown).await;
    assert_eq!(
        (refusal, refusal.close()),
        (AuthRefused::Refused, CloseCode::AuthFailed)
    );
    assert_eq!(refusal.to_string(), "Auth failed");
}

#[tokio::test]
async fn a_credential_bound_to_a_key_wants_a_proof_over_this_connection() {
    let world = World::new(9).await;
    let (_, chat) = world.chat().await;
    let key = SecretKey::from_seed(&[7; 32]);
    let issued = Issued {
        key: Some(key.public().to_bytes().to_vec()),
        ..Issued::new(1, USUAL, chat)
    };
    world.issue(&issued).await;
    let proven = |nonce: &str, signed: &str| {
        let mut login = login(&issued, None, None);
        login.auth.proof = Some(key.sign(proof_text(signed, &issued.token()).as_bytes()));
        login.nonce = Some(nonce.to_owned());
        login
    };
    assert_eq!(refused(&world, login(&issued, None, None)).await, AuthRefused::Refused);
    assert_eq!(refused(&world, proven("b", "a")).await, AuthRefused::Refused);
    let mut without = proven("a", "a");
    without.nonce = None;
    assert_eq!(refused(&world, without).await, AuthRefused::Refused);
    assert!(world.traffic.authenticate(proven("a", "a")).await.is_ok());
}

#[tokio::test]
async fn a_credential_bound_to_a_uid_is_of_no_use_under_another() {
    let world = World::new(10).await;
    let (_, chat) = world.chat().await;
    let issued = Issued {
        uid: Some(1001),
        ..Issued::new(1, USUAL, chat)
    };
    world.issue(&issued).await;
    for uid in [None, Some(1000)] {
        let login = HarnessLogin {
            uid: PeerUid::new(move || uid),
            ..login(&issued, None, None)
        };
        assert_eq!(refused(&world, login).await, AuthRefused::Refused);
    }
    let login = HarnessLogin {
        uid: PeerUid::new(|| Some(1001)),
        ..login(&issued, None, None)
    };
    assert!(world.traffic.authenticate(login).await.is_ok());
}

#[tokio::test]
async fn the_kernel_is_asked_for_a_uid_only_when_one_is_bound() {
    let world = World::new(11).await;
    let (_, chat) = world.chat().await;
    let issued = Issued::new(1, USUAL, chat);
    world.issue(&issued).await;
    let login = HarnessLogin {
        uid: PeerUid::new(|| panic!("nobody needs to know")),
        ..login(&issued, None, None)
    };
    assert!(world.traffic.authenticate(login).await.is_ok());
}
