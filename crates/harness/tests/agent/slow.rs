//! Harnesses that read slowly, or not at all (signet spec 5.6).

use chancery_signet::{SendBuffer, TrafficSettings};
use serde_json::{Value, json};

use crate::{
    client::Client,
    world::{Issued, Setup, USUAL, World},
};

/// Much more of these than a connection's buffers in the kernel hold.
const MESSAGES: u64 = 250;

fn words(n: u64) -> String {
    format!("{n} {}", "x".repeat(60_000))
}

async fn world(send_buffer: SendBuffer) -> World {
    World::with(Setup {
        traffic: TrafficSettings {
            send_buffer,
            ..Setup::default().traffic
        },
        ..Setup::default()
    })
    .await
}

/// A harness that was let in over a connection that holds little.
async fn narrow(world: &World, issued: &Issued) -> Client {
    let mut client = Client::narrow(world.address).await;
    client.auth(&issued.token, None).await;
    assert_eq!(client.hear().await["type"], "authenticated");
    client
}

/// Says a lot, and returns when `reader` has read all of it.
async fn say_much(world: &World, reader: &mut Client) {
    say(world, reader, MESSAGES).await;
}

async fn say(world: &World, reader: &mut Client, messages: u64) {
    for n in 0..messages {
        world.say(&words(n)).await;
        loop {
            let frame = reader.hear().await;
            if frame["event"]["content"]["text"] == words(n) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_slow_harness_is_told_and_gets_everything() {
    let world = world(SendBuffer { soft: 4, hard: 1000 }).await;
    let issued = world.issue(&USUAL).await;
    let mut slow = narrow(&world, &issued).await;
    // another connection of the same credential is not held up
    let (mut quick, _) = world.let_in(&issued, None).await;
    say_much(&world, &mut quick).await;
    let mut warnings = 0;
    let mut expected = 0;
    while expected < MESSAGES {
        let frame = slow.hear().await;
        if frame["type"] == "backpressure" {
            assert_eq!(frame["limit"], 1000);
            assert!(frame["buffered"].as_u64().unwrap() >= 4);
            warnings += 1;
        } else if frame["event"]["type"] == "message.visible" {
            assert_eq!(frame["event"]["content"]["text"], words(expected));
            expected += 1;
        }
    }
    assert!(warnings >= 1);
    let beat = json!({"type": "heartbeat", "credentialId": issued.id});
    assert_eq!(slow.ask(beat).await, Ok(Value::Null));
}

#[tokio::test]
async fn a_harness_that_lets_too_much_wait_is_closed_and_may_resume() {
    let world = world(SendBuffer { soft: 4, hard: 40 }).await;
    let issued = world.issue(&USUAL).await;
    let mut slow = narrow(&world, &issued).await;
    let (mut quick, _) = world.harness(&USUAL).await;
    // some of these are on their way to it, and the others may wait
    say(&world, &mut quick, 30).await;
    drop(quick);
    // what is said at once is delivered at once
    for n in 0..MESSAGES {
        world.say(&words(n)).await;
    }
    let (code, reason, told) = slow.ended().await;
    assert_eq!((code, reason.as_str()), (4008, "Send buffer full"));
    // what it got has no hole, so that it can go on from there
    let seqs: Vec<u64> = told.iter().filter_map(|frame| frame["seq"].as_u64()).collect();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seqs:?}");
    let last = seqs.last().copied().unwrap();
    let (mut again, answer) = world.let_in(&issued, Some(last)).await;
    assert_eq!(answer["resumedFromSeq"], last);
    assert_eq!(again.event().await.0, last + 1);
}

#[tokio::test]
async fn a_harness_that_never_reads_is_cut() {
    let world = world(SendBuffer { soft: 4, hard: 16 }).await;
    let issued = world.issue(&USUAL).await;
    let stuck = narrow(&world, &issued).await;
    let (mut other, beside) = world.harness(&USUAL).await;
    // the other one reads, and is held up by nothing
    say_much(&world, &mut other).await;
    world.until_left(1).await;
    let beat = json!({"type": "heartbeat", "credentialId": beside.id});
    assert_eq!(other.ask(beat).await, Ok(Value::Null));
    drop(stuck);
}

#[tokio::test]
async fn a_revoked_harness_that_does_not_read_is_cut() {
    let world = world(SendBuffer { soft: 500, hard: 1000 }).await;
    let issued = world.issue(&USUAL).await;
    let stuck = narrow(&world, &issued).await;
    let (mut other, _) = world.harness(&USUAL).await;
    say_much(&world, &mut other).await;
    assert_eq!(world.harnesses.connections(), 2);
    world
        .owner("credential.revoke", json!({"credentialId": issued.id}))
        .await;
    world.until_left(1).await;
    drop(stuck);
}
