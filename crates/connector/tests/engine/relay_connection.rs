//! Heartbeats, reconnecting, and tokens.

use std::time::Duration;

use chancery_connector::{CredentialError, DialError, LinkEvent};
use chancery_relay_wire::Frame;
use tokio::time::Instant;

use crate::support::*;

fn refused(status: u16, code: &str) -> DialError {
    DialError::Refused {
        status,
        code: Some(code.to_owned()),
        message: String::new(),
        retry_after: None,
    }
}

fn waits(world: &World) -> Vec<f64> {
    let dials = world.relay.dials.lock().unwrap();
    dials.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
}

fn assert_near(waits: &[f64], nominal: &[f64]) {
    assert_eq!(waits.len(), nominal.len(), "{waits:?}");
    for (wait, nominal) in waits.iter().zip(nominal) {
        assert!((nominal * 0.79..=nominal * 1.21 + 0.01).contains(wait), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_go_at_once_and_every_20_seconds_and_are_answered() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let mut at = Vec::new();
    for _ in 0..3 {
        let frame = session.hear_any().await;
        assert_eq!(frame["type"], "heartbeat");
        at.push(session.at.elapsed().as_secs());
        session.say(Frame::HeartbeatAck { ack_id: id_of(&frame) }).await;
    }
    assert_eq!(at, [0, 20, 40]);
    let id = fresh_id();
    session.say(Frame::Heartbeat { id }).await;
    let ack = session.hear_any().await;
    assert_eq!(
        (&ack["type"], &ack["ackId"]),
        (&"heartbeat_ack".into(), &id.to_string().into())
    );
    let status = world.status().await;
    assert_eq!(status["websocket"]["connected"], true);
    assert_eq!(status["websocket"]["metrics"]["heartbeat_sent"], 3);
    assert_eq!(status["websocket"]["metrics"]["reconnect_attempts"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_without_an_answer_in_15_seconds_ends_the_connection() {
    let mut world = World::new(Setup::default());
    let first = world.session().await;
    let second = world.session().await;
    let waited = (second.at - first.at).as_secs_f64();
    assert!((15.3..=15.7).contains(&waited), "{waited}");
    assert_eq!(
        world.status().await["websocket"]["metrics"]["heartbeat_ack_timeouts"],
        1
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_relay_is_tried_after_half_a_second_doubling_to_15() {
    let refusals = (0..8).map(|_| DialError::Unreachable("refused".to_owned())).collect();
    let mut world = World::new(Setup {
        refusals,
        ..Setup::default()
    });
    world.session().await;
    assert_near(&waits(&world), &[0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_worked_starts_the_waits_anew_and_one_that_did_not_does_not() {
    let refusals = (0..3).map(|_| DialError::Unreachable("refused".to_owned())).collect();
    let mut world = World::new(Setup {
        refusals,
        ..Setup::default()
    });
    // it opens and breaks at once, without a frame
    drop(world.session().await);
    let mut session = world.session().await;
    assert_near(&waits(&world), &[0.5, 1.0, 2.0, 4.0]);
    session.say(Frame::Heartbeat { id: fresh_id() }).await;
    session.hear().await;
    drop(session);
    world.session().await;
    assert_near(&waits(&world)[4..], &[0.5]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_refreshed_and_tried_again_once_at_once() {
    let refusals = vec![
        refused(401, "PROXY_AGENT_ACCESS_INVALID"),
        refused(401, "PROXY_AGENT_ACCESS_INVALID"),
    ];
    let mut world = World::new(Setup {
        refusals,
        ..Setup::default()
    });
    world.session().await;
    assert_eq!(world.tokens.refreshes.lock().unwrap().len(), 1);
    let waits = waits(&world);
    assert!(waits[0] < 0.01, "{waits:?}");
    assert_near(&waits[1..], &[0.5]);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_agent_tries_slowly_and_does_not_refresh() {
    let refusals = vec![refused(401, "PROXY_AUTH_REVOKED"), refused(403, "PROXY_AUTH_FORBIDDEN")];
    let mut world = World::new(Setup {
        refusals,
        ..Setup::default()
    });
    settle().await;
    assert_eq!(world.status().await["websocket"]["lastErrorCode"], "PROXY_AUTH_REVOKED");
    world.session().await;
    assert_near(&waits(&world), &[60.0, 60.0]);
    assert_eq!(world.tokens.refreshes.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_replayed_proof_is_made_anew_and_the_token_kept() {
    let mut world = World::new(Setup {
        refusals: vec![refused(401, "PROXY_AUTH_REPLAY")],
        ..Setup::default()
    });
    world.session().await;
    assert_near(&waits(&world), &[0.5]);
    assert_eq!(world.tokens.refreshes.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_refuses_to_refresh_is_asked_slowly() {
    let world = World::new(Setup {
        refusals: vec![refused(401, "PROXY_AGENT_ACCESS_INVALID")],
        ..Setup::default()
    });
    world
        .tokens
        .fails
        .lock()
        .unwrap()
        .push_back(CredentialError::Refused("revoked".to_owned()));
    let mut world = world;
    world.session().await;
    assert_near(&waits(&world), &[60.0]);
}

#[tokio::test(start_paused = true)]
async fn a_session_closed_for_its_token_gets_another_one() {
    let mut world = World::new(Setup::default());
    let session = world.session().await;
    session
        .tx
        .send(LinkEvent::Closed {
            code: Some(4401),
            reason: "expired".to_owned(),
        })
        .await
        .unwrap();
    let begun = Instant::now();
    world.session().await;
    assert!(begun.elapsed() < Duration::from_millis(10));
    assert_eq!(world.tokens.refreshes.lock().unwrap().len(), 1);
}

async fn closed_for_its_token(world: &mut World) {
    let closed = LinkEvent::Closed {
        code: Some(4401),
        reason: "revoked".to_owned(),
    };
    world.session().await.tx.send(closed).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_says_revoked_ends_the_agent_at_once() {
    let mut world = World::new(Setup::default());
    let said = CredentialError::Revoked("AGENT_AUTH_REFRESH_REVOKED".to_owned());
    world.tokens.fails.lock().unwrap().push_back(said);
    closed_for_its_token(&mut world).await;
    assert_eq!(world.status().await["status"], "revoked");
    assert_eq!(waits(&world).len(), 0, "it is not asked again at once");
}

#[tokio::test(start_paused = true)]
async fn after_a_close_and_a_refused_refresh_the_relay_is_asked_at_once_why() {
    let mut world = World::new(Setup::default());
    let refused_refresh = CredentialError::Refused("no".to_owned());
    world.tokens.fails.lock().unwrap().push_back(refused_refresh);
    settle().await;
    let why = refused(401, "PROXY_AUTH_REVOKED");
    world.relay.refusals.lock().unwrap().push_back(why);
    closed_for_its_token(&mut world).await;
    assert_eq!(world.status().await["status"], "revoked");
    world.session().await;
    assert!(waits(&world)[1] > 45.0, "and then slowly");
}

#[tokio::test(start_paused = true)]
async fn two_connectors_of_one_agent_do_not_throw_each_other_out_all_the_time() {
    let mut world = World::new(Setup::default());
    let session = world.session().await;
    session.say(Frame::Heartbeat { id: fresh_id() }).await;
    let reason = "superseded_by_new_connection".to_owned();
    session
        .tx
        .send(LinkEvent::Closed {
            code: Some(1000),
            reason,
        })
        .await
        .unwrap();
    world.session().await;
    assert!(waits(&world)[0] >= 15.0);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_refreshed_when_a_fifth_of_its_life_is_left() {
    let mut world = World::new(Setup::default());
    let begun = Instant::now();
    let mut session = world.session().await;
    session.hears_nothing(Duration::from_secs(1600)).await;
    let refreshes = world.tokens.refreshes.lock().unwrap().clone();
    let at: Vec<_> = refreshes.iter().map(|at| (*at - begun).as_secs()).collect();
    assert_eq!(at.len(), 2, "{at:?}");
    assert!((720..=722).contains(&at[0]) && (1440..=1444).contains(&at[1]), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn frames_that_are_not_understood_are_ignored_or_refused_and_the_session_goes_on() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "{}",
        "nonsense",
        "{\"type\":\"new\",\"v\":1,\"id\":\"x\",\"ts\":\"y\"}",
        "\u{0}",
        &deep,
    ] {
        session.say_text(text).await;
    }
    let id = fresh_id();
    session
        .say_text(&format!(
            "{{\"type\":\"deliver\",\"v\":1,\"id\":\"{id}\",\"ts\":\"now\",\"payload\":1}}"
        ))
        .await;
    let ack = session.hear().await;
    assert_eq!(
        (&ack["ackId"], &ack["accepted"]),
        (&id.to_string().into(), &false.into())
    );
    assert_eq!(session.deliver(&Incoming::new("1")).await["accepted"], true);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_run() {
    async fn run() -> Vec<String> {
        let mut world = World::new(Setup {
            refusals: vec![
                DialError::Unreachable("no".to_owned()),
                refused(401, "PROXY_AUTH_REPLAY"),
            ],
            ..Setup::default()
        });
        let begun = Instant::now();
        let mut trace = Vec::new();
        for n in 0..20 {
            let request = chancery_connector::OutboundRequest {
                conversation_id: Some(format!("lane {}", n % 4)),
                ..chancery_connector::OutboundRequest::new(agent(2).did, raw(&n.to_string()))
            };
            world.connector().send(request).await.unwrap();
        }
        let mut session = world.session().await;
        for n in 0..30 {
            let frame = session.hear().await;
            trace.push(format!("{:?} {frame}", begun.elapsed()));
            match n % 3 {
                0 => session.ack_enqueue(&frame).await,
                1 => session.enqueue_ack(id_of(&frame), false, None, Some(true)).await,
                _ => {}
            }
        }
        trace
    }
    assert_eq!(run().await, run().await);
}
