//! From `POST /v1/outbound` to the relay's acknowledgement.

use std::{collections::BTreeSet, time::Duration};

use chancery_base::ed25519::Signature;
use chancery_connector::{DialError, OutboundRequest, OutboundState, Recipient, SendError};
use chancery_identity::message::{self, SignedMessage};

use crate::support::*;

fn request(payload: &str) -> OutboundRequest {
    OutboundRequest::new(agent(2).did, raw(payload))
}

fn in_lane(payload: &str, lane: &str) -> OutboundRequest {
    OutboundRequest {
        conversation_id: Some(lane.to_owned()),
        ..request(payload)
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_out_signed_under_the_id_that_was_promised() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let payload = "{ \"b\": 1,\"a\" : [ 2 ] }";
    let id = world.connector().send(in_lane(payload, "c1")).await.unwrap();
    let frame = session.hear().await;
    assert_eq!(frame["type"], "enqueue");
    assert_eq!(frame["id"], id.to_string());
    assert_eq!(frame["messageId"], id.to_string());
    assert_eq!(frame["lane"], "c1");
    let sent_at = frame["sentAt"].as_str().unwrap();
    let sig = Signature::from_b64(frame["sig"].as_str().unwrap()).unwrap();
    let signed = SignedMessage {
        message_id: &id.to_string(),
        from: &agent(1).did,
        to: &agent(2).did,
        lane: "c1",
        content_type: "",
        sent_at,
        payload: payload.as_bytes(),
    };
    message::verify(&signed, &sig, &agent(1).key.public()).unwrap();
    assert_eq!(
        world.connector().outbound(id).await.unwrap().state,
        OutboundState::Queued
    );
    session.ack_enqueue(&frame).await;
    settle().await;
    assert_eq!(
        world.connector().outbound(id).await.unwrap().state,
        OutboundState::Accepted
    );
    assert_eq!(world.status().await["outbound"]["queue"]["pendingCount"], 0);
}

#[tokio::test(start_paused = true)]
async fn an_unacknowledged_message_goes_again_with_the_same_id_over_the_next_connection() {
    let mut world = World::new(Setup::default());
    let mut first = world.session().await;
    let id = world.connector().send(request("1")).await.unwrap();
    let sent = first.hear().await;
    drop(first);
    let mut second = world.session().await;
    let again = second.hear().await;
    for member in ["id", "messageId", "sentAt", "sig", "payload"] {
        assert_eq!(sent[member], again[member], "{member}");
    }
    assert_eq!(again["id"], id.to_string());
}

#[tokio::test(start_paused = true)]
async fn what_a_connection_took_and_did_not_send_goes_over_the_next_one() {
    let mut world = World::new(Setup {
        refusals: vec![DialError::Unreachable("not yet".to_owned())],
        // more than the connection takes at once
        change: |config| config.limits.enqueue_window = 100,
        ..Setup::default()
    });
    let mut ids = BTreeSet::new();
    for n in 0..100 {
        let id = world.connector().send(in_lane("1", &format!("c{n}"))).await.unwrap();
        ids.insert(id);
    }
    let first = world.session().await;
    settle().await;
    drop(first);
    let mut second = world.session().await;
    while !ids.is_empty() {
        let frame = second.hear().await;
        ids.remove(&id_of(&frame));
        second.ack_enqueue(&frame).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_survives_a_crash_and_goes_with_the_same_id_and_signature() {
    let mut world = World::new(Setup::default());
    let mut first = world.session().await;
    world.connector().send(request("1")).await.unwrap();
    let sent = first.hear().await;
    world.crash();
    world.start();
    let mut second = world.session().await;
    let again = second.hear().await;
    assert_eq!((&sent["id"], &sent["sig"]), (&again["id"], &again["sig"]));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_relay_does_not_answer_goes_again_after_15_seconds_and_a_wait() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let begun = tokio::time::Instant::now();
    world.connector().send(request("1")).await.unwrap();
    let sent = session.hear().await;
    let again = session.hear().await;
    assert_eq!(sent["id"], again["id"]);
    let waited = begun.elapsed().as_secs_f64();
    assert!((15.8..=16.3).contains(&waited), "{waited}");
    // an answer to the first sending counts, however late
    session.ack_enqueue(&sent).await;
    session.hears_nothing(Duration::from_secs(60)).await;
    assert_eq!(world.status().await["outbound"]["queue"]["pendingCount"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_lane_keeps_its_order_past_a_refusal_and_other_lanes_go_on() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    for (payload, lane) in [("1", "a"), ("2", "a"), ("3", "b")] {
        world.connector().send(in_lane(payload, lane)).await.unwrap();
    }
    let one = session.hear().await;
    let three = session.hear().await;
    assert_eq!((&one["payload"], &three["payload"]), (&1.into(), &3.into()));
    session
        .enqueue_ack(id_of(&one), false, Some("PROXY_RELAY_QUEUE_FULL"), Some(true))
        .await;
    session.ack_enqueue(&three).await;
    let again = session.hear().await;
    assert_eq!(again["id"], one["id"]);
    session.ack_enqueue(&again).await;
    assert_eq!(session.hear().await["payload"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_for_good_is_listed_with_its_reason_and_frees_its_lane() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let id = world.connector().send(request("1")).await.unwrap();
    world.connector().send(request("2")).await.unwrap();
    session.hear().await;
    session
        .enqueue_ack(id, false, Some("PROXY_AUTH_FORBIDDEN"), Some(false))
        .await;
    assert_eq!(session.hear().await["payload"], 2);
    let (count, dead) = world
        .connector()
        .list_outbound(OutboundState::DeadLettered, 10)
        .await
        .unwrap();
    assert_eq!(count, 1);
    assert_eq!(dead[0].message_id, id);
    assert_eq!(dead[0].reason.as_deref(), Some("PROXY_AUTH_FORBIDDEN: said the relay"));
    assert_eq!(dead[0].verified, None);
}

#[tokio::test(start_paused = true)]
async fn refusals_wait_one_second_doubling_to_sixty() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let id = world.connector().send(request("1")).await.unwrap();
    let mut waits = Vec::new();
    session.hear().await;
    for _ in 0..8 {
        let refused = tokio::time::Instant::now();
        session.enqueue_ack(id, false, None, Some(true)).await;
        session.hear().await;
        waits.push(refused.elapsed().as_secs_f64());
    }
    for (wait, nominal) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]) {
        assert!((nominal * 0.79..=nominal * 1.21).contains(wait), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_does_not_say_whether_later_helps_is_asked_five_times() {
    let mut world = World::new(Setup {
        negotiates: false,
        ..Setup::default()
    });
    let mut session = world.session().await;
    let id = world.connector().send(request("1")).await.unwrap();
    for _ in 0..5 {
        let frame = session.hear().await;
        assert_eq!(frame["id"], id.to_string());
        session.enqueue_ack(id, false, None, None).await;
    }
    session.hears_nothing(Duration::from_secs(100)).await;
    assert_eq!(
        world.connector().outbound(id).await.unwrap().state,
        OutboundState::DeadLettered
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_relay_is_sent_nothing_that_it_does_not_know() {
    let mut world = World::new(Setup {
        negotiates: false,
        ..Setup::default()
    });
    let mut session = world.session().await;
    let request = OutboundRequest {
        content_type: Some("text/plain".to_owned()),
        ..in_lane("{\"message\":\"hi\"}", "c9")
    };
    world.connector().send(request).await.unwrap();
    let frame = session.hear().await;
    let names: Vec<_> = frame.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["conversationId", "id", "payload", "toAgentDid", "ts", "type", "v"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_window_holds_at_most_its_number_of_messages() {
    let mut world = World::new(Setup {
        change: |config| config.limits.enqueue_window = 2,
        ..Setup::default()
    });
    let mut session = world.session().await;
    for lane in ["a", "b", "c"] {
        world.connector().send(in_lane("1", lane)).await.unwrap();
    }
    let first = session.hear().await;
    session.hear().await;
    session.hears_nothing(Duration::from_secs(5)).await;
    session.ack_enqueue(&first).await;
    assert_eq!(session.hear().await["conversationId"], "c");
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_is_an_answer() {
    let world = World::new(Setup {
        change: |config| config.limits.outbox_messages = 2,
        ..Setup::default()
    });
    world.connector().send(request("1")).await.unwrap();
    world.connector().send(request("2")).await.unwrap();
    let error = world.connector().send(request("3")).await.unwrap_err();
    assert!(matches!(error, SendError::QueueFull(2)), "{error}");
    assert_eq!(world.status().await["outbound"]["queue"]["pendingCount"], 2);
}

#[tokio::test(start_paused = true)]
async fn repeating_a_request_with_its_id_sends_once_and_another_message_under_it_is_refused() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let id = fresh_id();
    let with_id = |payload| OutboundRequest {
        message_id: Some(id),
        ..request(payload)
    };
    assert_eq!(world.connector().send(with_id("1")).await.unwrap(), id);
    assert_eq!(world.connector().send(with_id("1")).await.unwrap(), id);
    assert!(matches!(
        world.connector().send(with_id("2")).await,
        Err(SendError::IdConflict)
    ));
    let frame = session.hear().await;
    session.ack_enqueue(&frame).await;
    assert_eq!(world.connector().send(with_id("1")).await.unwrap(), id);
    session.hears_nothing(Duration::from_secs(30)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_frame_cannot_carry_is_refused_before_it_is_stored() {
    let world = World::new(Setup::default());
    let send = async |request: OutboundRequest| world.connector().send(request).await.unwrap_err();
    let big = format!("\"{}\"", "x".repeat(1024 * 1024));
    assert!(matches!(send(request(&big)).await, SendError::TooLarge(_)));
    for lane in ["", " ", "a\nb", &"x".repeat(257)] {
        assert!(matches!(
            send(in_lane("1", lane)).await,
            SendError::Member {
                member: "conversationId",
                ..
            }
        ));
    }
    for url in ["/x", "ftp://a/", "nothing"] {
        let request = OutboundRequest {
            reply_to: Some(url.to_owned()),
            ..request("1")
        };
        assert!(
            matches!(send(request).await, SendError::Member { member: "replyTo", .. }),
            "{url}"
        );
    }
    for reserved in [
        "application/vnd.chancery.sealed+json",
        "Application/Vnd.Chancery.Blob+JSON; a=b",
    ] {
        let request = OutboundRequest {
            content_type: Some(reserved.to_owned()),
            ..request("1")
        };
        assert!(matches!(send(request).await, SendError::Reserved(_)));
    }
    assert_eq!(world.status().await["outbound"]["queue"]["pendingCount"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_found_by_its_alias() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let named = |alias: &str| OutboundRequest {
        to: Recipient::Alias(alias.to_owned()),
        ..request("1")
    };
    world.connector().send(named("beta")).await.unwrap();
    assert_eq!(session.hear().await["toAgentDid"], agent(2).did.as_str());
    assert!(matches!(
        world.connector().send(named("gamma")).await,
        Err(SendError::UnknownPeer(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_no_relay_takes_is_given_up_at_its_age() {
    let mut world = World::new(Setup {
        change: |config| config.timing.outbound_max_age = Duration::from_secs(100),
        ..Setup::default()
    });
    let mut session = world.session().await;
    let id = world.connector().send(request("1")).await.unwrap();
    for _ in 0..12 {
        settle().await;
        tokio::time::sleep(Duration::from_secs(15)).await;
        while session.rx.try_recv().is_ok_and(|_| true) {}
        if session.rx.is_closed() {
            session = world.session().await;
        }
    }
    let view = world.connector().outbound(id).await.unwrap();
    assert_eq!(view.state, OutboundState::DeadLettered);
    assert_eq!(view.reason.as_deref(), Some("not taken by the relay in 100 s"));
}
