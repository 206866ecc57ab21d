//! From the relay's `deliver` frame to the webhook.

use std::time::Duration;

use chancery_connector::{InboundState, Verified};
use tokio::time::Instant;

use crate::support::*;

const PAYLOAD: &str = "{ \"message\" : \"hi\" }";

#[tokio::test(start_paused = true)]
async fn a_signed_message_is_verified_stored_acknowledged_and_delivered_verbatim() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let incoming = Incoming::in_lane(PAYLOAD, "c1");
    assert_eq!(session.deliver(&incoming).await["accepted"], true);
    let attempt = world.attempt().await;
    let delivery = attempt.delivery.clone();
    assert_eq!(delivery.id, incoming.id);
    assert_eq!(delivery.message_id, incoming.message_id);
    assert_eq!(delivery.attempt, 1);
    assert_eq!(delivery.payload.get(), PAYLOAD);
    assert_eq!(delivery.from, agent(2).did);
    assert_eq!(delivery.conversation_id.as_deref(), Some("c1"));
    assert_eq!(delivery.verified, Verified::EndToEnd);
    let identity = delivery.identity.unwrap();
    assert_eq!(identity.issuer, ISSUER);
    assert_eq!(identity.agent_did, agent(2).did.as_str());
    attempt.ok();
    let status = world.status().await;
    assert_eq!(
        (&status["inbound"]["pending"], &status["inbound"]["deadLetter"]),
        (&0.into(), &0.into())
    );
    assert_eq!(status["inbound"]["openclawHook"]["lastAttemptStatus"], "ok");
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_is_refused_and_never_stored() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let incoming = Incoming::new(PAYLOAD);
    session
        .say_text(&incoming.text(|payload| payload.replace("hi", "ho")))
        .await;
    let ack = session.hear().await;
    assert_eq!(
        (&ack["accepted"], &ack["reason"]),
        (&false.into(), &"the sender's signature does not verify".into())
    );
    world.no_attempt(Duration::from_secs(10)).await;
    assert_eq!(world.status().await["inbound"]["pending"], 0);
    // and it does not take the place of the real one
    assert_eq!(session.deliver(&incoming).await["accepted"], true);
}

#[tokio::test(start_paused = true)]
async fn an_unsigned_message_is_the_relays_word_alone() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let incoming = Incoming {
        signed: false,
        with_ait: false,
        ..Incoming::new(PAYLOAD)
    };
    assert_eq!(session.deliver(&incoming).await["accepted"], true);
    let attempt = world.attempt().await;
    assert_eq!(attempt.delivery.verified, Verified::RelayAsserted);
    assert_eq!(attempt.delivery.identity, None);
}

#[tokio::test(start_paused = true)]
async fn a_signature_without_a_known_key_is_refused_and_a_key_once_known_survives_a_crash() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let without = || Incoming {
        with_ait: false,
        ..Incoming::new(PAYLOAD)
    };
    assert_eq!(session.deliver(&without()).await["accepted"], false);
    assert_eq!(session.deliver(&Incoming::new(PAYLOAD)).await["accepted"], true);
    assert_eq!(session.deliver(&without()).await["accepted"], true);
    world.crash();
    world.start();
    let mut session = world.session().await;
    assert_eq!(session.deliver(&without()).await["accepted"], true);
}

#[tokio::test(start_paused = true)]
async fn a_message_for_somebody_else_or_with_somebody_elses_token_is_refused() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let text = Incoming::new(PAYLOAD).text(|payload| payload);
    session
        .say_text(&text.replace(agent(1).did.as_str(), agent(3).did.as_str()))
        .await;
    assert_eq!(session.hear().await["reason"], "not addressed to this agent");
    let text = Incoming::new(PAYLOAD).text(|payload| payload);
    session.say_text(&text.replace(&agent(2).ait, &agent(3).ait)).await;
    assert_eq!(session.hear().await["reason"], "the identity token is not the sender's");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_acknowledged_and_delivered_once_also_after_a_crash() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let incoming = Incoming::new(PAYLOAD);
    session.deliver(&incoming).await;
    world.attempt().await.ok();
    settle().await;
    let repeat = Incoming {
        attempt: 2,
        payload: incoming.payload.clone(),
        message_id: incoming.message_id.clone(),
        ..incoming
    };
    assert_eq!(session.deliver(&repeat).await["accepted"], true);
    world.crash();
    world.start();
    let mut session = world.session().await;
    assert_eq!(session.deliver(&repeat).await["accepted"], true);
    world.no_attempt(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn one_message_id_for_two_messages_is_refused() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let first = Incoming::new("1");
    let second = Incoming {
        message_id: first.message_id.clone(),
        ..Incoming::new("2")
    };
    assert_eq!(session.deliver(&first).await["accepted"], true);
    assert_eq!(session.deliver(&second).await["accepted"], false);
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_names_the_cap() {
    let mut world = World::new(Setup {
        change: |config| {
            config.limits.inbox_messages = 2;
            config.limits.inbox_bytes = 40;
        },
        ..Setup::default()
    });
    let mut session = world.session().await;
    assert_eq!(session.deliver(&Incoming::new(PAYLOAD)).await["accepted"], true);
    let long = Incoming::new(&format!("\"{}\"", "x".repeat(30)));
    assert_eq!(session.deliver(&long).await["reason"], "the inbox is full: 40 bytes");
    assert_eq!(session.deliver(&Incoming::new("1")).await["accepted"], true);
    assert_eq!(
        session.deliver(&Incoming::new("2")).await["reason"],
        "the inbox is full: 2 messages"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lane_is_delivered_in_order_one_at_a_time_and_lanes_side_by_side() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    for (payload, lane) in [("1", "a"), ("2", "a"), ("3", "b")] {
        session.deliver(&Incoming::in_lane(payload, lane)).await;
    }
    let one = world.attempt().await;
    let three = world.attempt().await;
    assert_eq!((one.delivery.payload.get(), three.delivery.payload.get()), ("1", "3"));
    world.no_attempt(Duration::from_secs(5)).await;
    one.fail(true);
    let one = world.attempt().await;
    assert_eq!((one.delivery.payload.get(), one.delivery.attempt), ("1", 2));
    one.ok();
    assert_eq!(world.attempt().await.delivery.payload.get(), "2");
    three.ok();
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_are_delivered_at_the_same_time() {
    let mut world = World::new(Setup {
        change: |config| config.limits.deliveries = 2,
        ..Setup::default()
    });
    let mut session = world.session().await;
    for lane in ["a", "b", "c"] {
        session.deliver(&Incoming::in_lane("1", lane)).await;
    }
    let first = world.attempt().await;
    let _second = world.attempt().await;
    world.no_attempt(Duration::from_secs(5)).await;
    first.ok();
    world.attempt().await;
}

#[tokio::test(start_paused = true)]
async fn failures_that_time_may_mend_wait_one_second_doubling_to_sixty() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    session.deliver(&Incoming::new(PAYLOAD)).await;
    let mut last: Option<Instant> = None;
    for (n, nominal) in [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
        .into_iter()
        .enumerate()
    {
        let attempt = world.attempt().await;
        assert_eq!(attempt.delivery.attempt, u32::try_from(n).unwrap() + 1);
        if let Some(last) = last {
            let wait = (attempt.at - last).as_secs_f64();
            assert!((nominal * 0.79..=nominal * 1.21).contains(&wait), "{n}: {wait}");
        }
        last = Some(attempt.at);
        attempt.fail(true);
    }
    let status = world.status().await;
    assert_eq!(status["inbound"]["pending"], 1);
    assert_eq!(status["inbound"]["openclawHook"]["lastAttemptStatus"], "failed");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_five_times_is_a_dead_letter_and_can_be_replayed_or_purged() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let incoming = Incoming::new(PAYLOAD);
    session.deliver(&incoming).await;
    let mut last: Option<Instant> = None;
    for n in 0..5 {
        let attempt = world.attempt().await;
        if let Some(last) = last {
            let wait = (attempt.at - last).as_secs_f64();
            let nominal = 10.0 * f64::from(1 << (n - 1));
            assert!((nominal * 0.79..=nominal * 1.21).contains(&wait), "{n}: {wait}");
        }
        last = Some(attempt.at);
        attempt.fail(false);
    }
    settle().await;
    let (count, dead) = world
        .connector()
        .list_inbound(InboundState::DeadLettered, 10)
        .await
        .unwrap();
    assert_eq!((count, dead[0].request_id, dead[0].attempt_count), (1, incoming.id, 5));
    assert_eq!(
        dead[0].last_error.as_deref(),
        Some("refused 5 times: the webhook said no")
    );
    assert_eq!(world.status().await["inbound"]["deadLetter"], 1);

    assert_eq!(
        world
            .connector()
            .replay_dead_letters(Some(vec![fresh_id()]))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        world
            .connector()
            .replay_dead_letters(Some(vec![incoming.id]))
            .await
            .unwrap(),
        1
    );
    for n in 0..5 {
        let attempt = world.attempt().await;
        assert_eq!(attempt.delivery.attempt, 6 + n);
        attempt.fail(false);
    }
    settle().await;
    assert_eq!(world.connector().purge_dead_letters(None).await.unwrap(), 1);
    assert_eq!(world.status().await["inbound"]["deadLetter"], 0);
    // what was purged does not come back
    let mut session = world.last_session().await;
    assert_eq!(
        session.deliver(&Incoming { attempt: 2, ..incoming }).await["accepted"],
        true
    );
    world.no_attempt(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_keeps_failing_is_given_up_at_its_age() {
    let mut world = World::new(Setup {
        change: |config| config.timing.inbound_max_age = Duration::from_secs(300),
        ..Setup::default()
    });
    let mut session = world.session().await;
    session.deliver(&Incoming::new(PAYLOAD)).await;
    let begun = Instant::now();
    loop {
        let attempt = world.attempt().await;
        let at = attempt.at;
        attempt.fail(true);
        settle().await;
        if world.status().await["inbound"]["deadLetter"] == 1 {
            assert!((300..=375).contains(&(at - begun).as_secs()));
            break;
        }
        assert!((at - begun).as_secs() < 300);
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_never_answers_is_cut_off() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    session.deliver(&Incoming::new(PAYLOAD)).await;
    let first = world.attempt().await;
    let second = world.attempt().await;
    assert_eq!(second.delivery.attempt, 2);
    assert!((60..63).contains(&(second.at - first.at).as_secs()));
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_an_uncertain_message_goes_again_where_the_receiver_deduplicates() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let incoming = Incoming::new(PAYLOAD);
    session.deliver(&incoming).await;
    let _unanswered = world.attempt().await;
    world.crash();
    world.start();
    let attempt = world.attempt().await;
    assert_eq!((attempt.delivery.id, attempt.delivery.attempt), (incoming.id, 2));
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_an_uncertain_message_is_held_where_the_receiver_does_not() {
    let mut world = World::new(Setup {
        deduplicates: false,
        ..Setup::default()
    });
    let mut session = world.session().await;
    let incoming = Incoming::in_lane("1", "a");
    session.deliver(&incoming).await;
    session.deliver(&Incoming::in_lane("2", "a")).await;
    let _unanswered = world.attempt().await;
    world.crash();
    world.start();
    // the conversation goes on
    let next = world.attempt().await;
    assert_eq!((next.delivery.payload.get(), next.delivery.attempt), ("2", 1));
    next.ok();
    world.no_attempt(Duration::from_secs(600)).await;
    let status = world.status().await;
    assert_eq!(
        (&status["inbound"]["held"], &status["inboundDetail"]["heldCount"]),
        (&1.into(), &1.into())
    );
    let (count, held) = world.connector().list_inbound(InboundState::Held, 10).await.unwrap();
    assert_eq!((count, held[0].request_id), (1, incoming.id));
    let reason = held[0].last_error.as_deref().unwrap_or_default();
    assert!(reason.contains("died while it delivered"), "{reason}");

    assert_eq!(world.connector().release_held(None).await.unwrap(), 1);
    let attempt = world.attempt().await;
    assert_eq!((attempt.delivery.id, attempt.delivery.attempt), (incoming.id, 2));
    attempt.ok();
    assert_eq!(world.status().await["inbound"]["held"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_delivered_in_order_after_a_crash() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    for payload in ["1", "2", "3"] {
        session.deliver(&Incoming::in_lane(payload, "a")).await;
    }
    world.attempt().await.fail(true);
    settle().await;
    world.crash();
    world.start();
    for (payload, number) in [("1", 2), ("2", 1), ("3", 1)] {
        let attempt = world.attempt().await;
        assert_eq!(
            (attempt.delivery.payload.get(), attempt.delivery.attempt),
            (payload, number)
        );
        attempt.ok();
    }
}

#[tokio::test(start_paused = true)]
async fn an_orderly_stop_lets_a_delivery_end() {
    let mut world = World::new(Setup {
        deduplicates: false,
        ..Setup::default()
    });
    let mut session = world.session().await;
    session.deliver(&Incoming::new(PAYLOAD)).await;
    let attempt = world.attempt().await;
    let connector = world.connector.take().unwrap();
    let stopping = tokio::spawn(connector.shutdown());
    settle().await;
    attempt.ok();
    stopping.await.unwrap();
    world.start();
    let status = world.status().await;
    assert_eq!(
        (&status["inbound"]["held"], &status["inbound"]["pending"]),
        (&0.into(), &0.into())
    );
}

/// A relay may keep what it delivered, and deliver it again when everybody has forgotten it.
#[tokio::test(start_paused = true)]
async fn an_old_signature_does_not_vouch_for_a_message_that_may_be_a_repeat() {
    let mut world = World::new(Setup::default());
    let mut session = world.session().await;
    let incoming = Incoming::new(PAYLOAD);
    assert_eq!(session.deliver(&incoming).await["accepted"], true);
    let attempt = world.attempt().await;
    assert_eq!(attempt.delivery.verified, Verified::EndToEnd);
    attempt.ok();
    assert_eq!(world.status().await["inbound"]["pending"], 0);
    drop(session);
    world.crash();
    tokio::time::advance(Duration::from_secs(10 * 24 * 3600)).await;
    world.start();
    // until the message is forgotten
    tokio::time::sleep(Duration::from_secs(700)).await;
    // nobody answered the heartbeats of these
    while world.sessions.try_recv().is_ok() {}
    let mut session = world.session().await;
    let again = Incoming {
        message_id: incoming.message_id.clone(),
        ..Incoming::new(PAYLOAD)
    };
    assert_eq!(session.deliver(&again).await["accepted"], true);
    let delivery = world.attempt().await.delivery;
    assert_eq!(delivery.id, again.id, "it is forgotten");
    assert_eq!(delivery.verified, Verified::RelayAsserted);
}
