//! What the log says of a harness.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use crate::{
    client::Client,
    world::{USUAL, World},
};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn neither_tokens_nor_contents_are_logged() {
    let kept = Kept::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(kept.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    let (mut client, issued) = world.harness(&USUAL).await;
    client.ask(world.text_request("what the agent says")).await.unwrap();
    world.say("what the person says").await;
    client.event_of("message.visible").await;
    let mut stranger = Client::open(world.address).await;
    stranger.auth("a-token-that-is-no-token", None).await;
    stranger.closed().await;
    client.socket.close(None).await.unwrap();
    world.until_left(0).await;
    let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a harness was let in"), "{log}");
    for secret in [
        issued.token.as_str(),
        "a-token-that-is-no-token",
        "what the agent says",
        "what the person says",
    ] {
        assert!(!log.contains(secret), "{log}");
    }
}
