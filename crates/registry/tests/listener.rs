//! The registry behind a real socket: the feed flushes each event, and a drain does not wait for it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::time::{Duration, Instant};

use chancery_serve::{Bound, ServerConfig};
use common::World;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut all = String::new();
    let mut buffer = [0; 4096];
    while !all.contains(text) {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "ended without {text:?}: {all}");
        all.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    all
}

#[tokio::test]
async fn a_revocation_reaches_a_reader_over_tcp_and_the_drain_is_short() {
    let world = World::sqlite().await;
    let (human, _) = world.human().await;
    let agent = world.agent(&human, "alpha").await;
    let bound = Bound::bind(&ServerConfig::new("127.0.0.1:0".parse().unwrap()))
        .await
        .unwrap();
    let address = bound.local_addr();
    let stop = CancellationToken::new();
    let server = tokio::spawn(bound.run(world.registry.router(), stop.clone()));

    let mut feed = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /internal/v1/revocations?after=0 HTTP/1.1\r\nhost: {address}\r\nx-claw-service-id: {}\r\n\
         x-claw-service-secret: {}\r\n\r\n",
        common::SERVICE_ID,
        common::SERVICE_SECRET
    );
    feed.write_all(request.as_bytes()).await.unwrap();
    let head = until(&mut feed, "heartbeat").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/event-stream"), "{head}");

    let began = Instant::now();
    world
        .delete(&format!("/v1/agents/{}", agent.id))
        .bearer(&human.key)
        .send()
        .await
        .ok(204);
    until(&mut feed, "\"entry\"").await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());

    let began = Instant::now();
    world.registry.end_feeds();
    stop.cancel();
    drop(feed);
    server.await.unwrap().unwrap();
    world.registry.close().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
