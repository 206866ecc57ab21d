//! What the tests share: time, chance, keys, patience.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chancery_base::{Clock, Millis, Rng};
use chancery_signet::network::{
    Content, ConversationName, Cursor, Event, Inbox, InboxKeys, Message, MessageName, NetworkError,
};
use futures_util::{StreamExt as _, stream::BoxStream};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;
use zeroize::Zeroizing;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait for what must not happen.
pub(crate) const MOMENT: Duration = Duration::from_millis(50);

pub(crate) struct Now;

impl Clock for Now {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Millis(i64::try_from(since.as_millis()).unwrap())
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Rng for Seeded {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

pub(crate) fn seeded(seed: u64) -> Arc<dyn Rng> {
    Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
}

/// The keys of person number `person`.
pub(crate) fn keys(person: u8) -> InboxKeys {
    InboxKeys {
        identity: Zeroizing::new([person; 32]),
        database: Zeroizing::new([person ^ 0xff; 32]),
    }
}

pub(crate) fn text(text: &str) -> Content {
    Content {
        content_type: "xmtp.org/text:1.0".to_owned(),
        body: json!({ "text": text }),
    }
}

/// Sends a text under a key that is the text.
pub(crate) async fn say(inbox: &dyn Inbox, to: &ConversationName, said: &str) -> MessageName {
    inbox.send(to, &text(said), said).await.unwrap().name
}

pub(crate) fn said(message: &Message) -> Option<String> {
    let text = message.content.body.get("text")?;
    Some(text.as_str()?.to_owned())
}

pub(crate) type Events = BoxStream<'static, Result<(Cursor, Event), NetworkError>>;

/// The next event.
pub(crate) async fn next(events: &mut Events) -> (Cursor, Event) {
    let event = tokio::time::timeout(PATIENCE, events.next()).await;
    event.unwrap().unwrap().unwrap()
}

/// Events up to the text `last`, which is among them.
pub(crate) async fn up_to(events: &mut Events, last: &str) -> Vec<(Cursor, Event)> {
    let mut heard = Vec::new();
    loop {
        heard.push(next(events).await);
        if let Some((_, Event::Said(message))) = heard.last()
            && said(message).as_deref() == Some(last)
        {
            return heard;
        }
    }
}

/// The texts among events.
pub(crate) fn texts(events: &[(Cursor, Event)]) -> Vec<String> {
    let messages = events.iter().filter_map(|(_, event)| match event {
        Event::Said(message) => said(message),
        Event::Joined(_) => None,
    });
    messages.collect()
}

/// Waits until an inbox is in the conversation.
pub(crate) async fn joined(inbox: &dyn Inbox, conversation: &ConversationName) {
    let mut events = inbox.events(Cursor(0));
    loop {
        if let (_, Event::Joined(joined)) = next(&mut events).await
            && joined.name == *conversation
        {
            return;
        }
    }
}

/// Waits until it is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}
