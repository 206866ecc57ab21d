//! The faults of the network in memory; what every network must do is tested with the adapters.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chancery_base::{Clock, Millis};
use chancery_signet::network::{
    Content, ConversationName, Cursor, Event, Inbox, InboxKeys, Network as _, NetworkError, State,
    memory::MemoryNetwork,
};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;
use zeroize::Zeroizing;

/// A clock that stands until it is moved.
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

struct Two {
    clock: Arc<Hand>,
    network: MemoryNetwork,
    alice: Arc<dyn Inbox>,
    bob: Arc<dyn Inbox>,
    dm: ConversationName,
}

impl Two {
    async fn new() -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(1_000)));
        let network = MemoryNetwork::new(clock.clone());
        let alice = network.open("alice", keys(1)).await.unwrap();
        let bob = network.open("bob", keys(2)).await.unwrap();
        let dm = alice.create_dm(bob.name()).await.unwrap();
        Self {
            clock,
            network,
            alice,
            bob,
            dm,
        }
    }

    async fn say(&self, text: &str) -> Result<(), NetworkError> {
        self.alice.send(&self.dm, &content(text), text).await.map(|_| ())
    }
}

fn keys(byte: u8) -> InboxKeys {
    InboxKeys {
        identity: Zeroizing::new([byte; 32]),
        database: Zeroizing::new([byte; 32]),
    }
}

fn content(text: &str) -> Content {
    Content {
        content_type: "xmtp.org/text:1.0".to_owned(),
        body: json!({ "text": text }),
    }
}

/// What was said in the log of an inbox, as far as it is there now.
fn texts(inbox: &dyn Inbox) -> Vec<String> {
    let mut events = inbox.events(Cursor(0));
    let mut texts = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        if let (_, Event::Said(message)) = event.unwrap()
            && let Some(text) = message.content.body["text"].as_str()
        {
            texts.push(text.to_owned());
        }
    }
    texts
}

#[tokio::test]
async fn a_send_whose_answer_is_lost_went_out_and_sent_again_is_the_same_message() {
    let two = Two::new().await;
    two.network.lose_answers(1);
    assert!(two.say("one").await.unwrap_err().is_retryable());
    assert_eq!(texts(&*two.bob), ["one"]);
    two.say("one").await.unwrap();
    assert_eq!(texts(&*two.bob), ["one"]);
}

#[tokio::test]
async fn a_send_that_is_lost_did_not_go_out() {
    let two = Two::new().await;
    two.network.lose_sends(1);
    assert!(two.say("one").await.unwrap_err().is_retryable());
    assert_eq!(texts(&*two.bob), [""; 0]);
    two.say("one").await.unwrap();
    assert_eq!(texts(&*two.bob), ["one"]);
}

#[tokio::test]
async fn whoever_is_cut_off_reads_everything_later() {
    let two = Two::new().await;
    two.network.set_inbox_reachable(two.bob.name(), false);
    assert_eq!(two.bob.health().state, State::Disconnected);
    two.say("one").await.unwrap();
    assert_eq!(texts(&*two.bob), [""; 0]);
    assert!(two.bob.sync(None).await.unwrap_err().is_retryable());
    two.network.set_inbox_reachable(two.bob.name(), true);
    assert_eq!(two.bob.health().state, State::Live);
    assert_eq!(texts(&*two.bob), ["one"]);
    two.network.set_reachable(false);
    assert!(two.say("two").await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn what_is_delayed_comes_when_the_clock_says_so() {
    let two = Two::new().await;
    let mut events = two.bob.events(two.bob.end().await.unwrap());
    two.network.set_delay(Duration::from_millis(50));
    two.say("one").await.unwrap();
    assert!(events.next().now_or_never().is_none());
    two.clock.0.fetch_add(49, Ordering::SeqCst);
    two.network.tick();
    assert!(events.next().now_or_never().is_none());
    two.clock.0.fetch_add(1, Ordering::SeqCst);
    two.network.tick();
    assert!(events.next().now_or_never().is_some());
}
