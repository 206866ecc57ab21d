//! How connections end (signet spec 5.6).

use std::time::{Duration, Instant};

use chancery_harness::Settings;
use serde_json::json;

use crate::{
    client::Client,
    world::{Gate, USUAL, World},
};

#[tokio::test]
async fn at_the_end_harnesses_are_told_and_nobody_more_is_let_in() {
    let world = World::new().await;
    let (mut client, _) = world.harness(&USUAL).await;
    let mut waiting = Client::open(world.address).await;
    world.signet.say_farewell();
    let drained = world.harnesses.drained();
    let watch = async {
        let (code, reason, told) = client.ended().await;
        assert_eq!((code, reason.as_str()), (1001, "The signet is ending"));
        let farewell = json!({"type": "signet.shutdown", "reason": "signet_shutdown"});
        assert_eq!(told.last(), Some(&farewell));
        assert!(told.iter().all(|told| told["event"]["type"] != "credential.expired"));
        assert_eq!(waiting.closed().await.0, 1001);
    };
    tokio::join!(drained, watch);
    assert_eq!(world.harnesses.connections(), 0);
    let refused = Client::try_open(world.address, "/v1/agent", &[]).await.err();
    assert_eq!(refused, Some((503, "HARNESS_ENDING".to_owned())));
}

#[tokio::test]
async fn requests_under_way_are_answered_before_the_end() {
    let world = World::new().await;
    let (mut client, _) = world.harness(&USUAL).await;
    world.gate.send_replace(Gate::Shut);
    let mut request = world.text_request("last words");
    request["requestId"] = json!("last");
    client.say(request).await;
    // by when the one before it is under way
    let early = client.ask(json!({"type": "ack", "seq": 1})).await;
    assert!(early.is_ok());
    world.signet.say_farewell();
    let open = async {
        assert_eq!(client.hear().await["type"], "signet.shutdown");
        let mut late = world.text_request("too late");
        late["requestId"] = json!("late");
        client.say(late).await;
        world.gate.send_replace(Gate::Open);
        let (code, _, told) = client.ended().await;
        assert_eq!(code, 1001);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["requestId"], &told[0]["ok"]), (&json!("last"), &json!(true)));
    };
    tokio::join!(world.harnesses.drained(), open);
    assert_eq!(world.said().await.len(), 1);
}

#[tokio::test]
async fn the_end_waits_so_long_and_no_longer() {
    let world = World::ws(Settings {
        drain: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    let (mut client, _) = world.harness(&USUAL).await;
    world.gate.send_replace(Gate::Shut);
    let mut request = world.text_request("never");
    request["requestId"] = json!("never");
    client.say(request).await;
    client.ask(json!({"type": "ack", "seq": 1})).await.unwrap();
    let begun = Instant::now();
    world.signet.say_farewell();
    let watch = async {
        let (code, _, told) = client.ended().await;
        assert_eq!(code, 1001);
        assert!(told.iter().all(|frame| frame["requestId"] != "never"), "{told:?}");
    };
    tokio::join!(world.harnesses.drained(), watch);
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn who_does_not_answer_the_farewell_is_cut() {
    let world = World::ws(Settings {
        drain: Duration::from_millis(300),
        ..Settings::default()
    })
    .await;
    let (client, _) = world.harness(&USUAL).await;
    let waiting = Client::open(world.address).await;
    world.signet.say_farewell();
    let drained = tokio::time::timeout(crate::world::LONG, world.harnesses.drained());
    assert!(drained.await.is_ok());
    assert_eq!(world.harnesses.connections(), 0);
    drop((client, waiting));
}

#[tokio::test]
async fn a_harness_that_leaves_is_answered_and_gone() {
    let world = World::new().await;
    let (mut client, _) = world.harness(&USUAL).await;
    client.socket.close(None).await.unwrap();
    // the other side confirms, and the stream ends without an error
    while let Some(message) = futures_util::StreamExt::next(&mut client.socket).await {
        message.unwrap();
    }
    world.until_left(0).await;
}

#[tokio::test]
async fn a_harness_that_vanishes_is_gone_and_its_request_is_done_all_the_same() {
    let world = World::new().await;
    let (mut client, _) = world.harness(&USUAL).await;
    let mut request = world.text_request("my last");
    request["requestId"] = json!("r1");
    client.say(request).await;
    client.ask(json!({"type": "ack", "seq": 1})).await.unwrap();
    drop(client);
    world.until_left(0).await;
}
