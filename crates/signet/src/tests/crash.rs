//! The engine dies at any step of its database, and the network loses what it can lose: numbers neither skip nor repeat,
//! nothing that was said is lost, nothing is sent twice, and what is held stays held.

use std::collections::BTreeMap;

use chancery_policy::messaging::Scope;
use chancery_signet_wire::frame::Event;
use serde_json::json;

use super::*;

/// A harness that keeps the number of the last event it has, and comes back with it.
struct Client {
    issued: Issued,
    seen: u64,
    epoch: Option<String>,
    said: Vec<String>,
    ends: usize,
}

impl Client {
    /// Takes what the session sends until it falls silent or ends.
    async fn take(&mut self, session: &mut HarnessSession) {
        for out in drain(session).await {
            let Outgoing::Event(frame) = out else { continue };
            assert_eq!(frame.seq(), self.seen + 1, "a number was skipped or repeated");
            self.seen = frame.seq();
            match Event::parse(frame.event()).unwrap() {
                Event::MessageVisible(message) => {
                    let content: Value = message.content.read().unwrap();
                    self.said.extend(content["text"].as_str().map(str::to_owned));
                }
                Event::RecoveryComplete(end) => {
                    assert_eq!((end.gap, end.reset), (None, None));
                    self.ends += 1;
                }
                _ => {}
            }
        }
    }

    async fn connect(&mut self, world: &World) -> Option<HarnessSession> {
        let login = login(&self.issued, Some(self.seen), self.epoch.clone());
        let session = world.traffic.authenticate(login).await.ok()?;
        let epoch = session.authenticated().stream_epoch.clone();
        assert!(self.epoch.is_none() || self.epoch == epoch, "the stream is another one");
        self.epoch = epoch;
        Some(session)
    }
}

async fn run(seed: u64, rounds: u64) {
    let mut world = World::with(
        seed,
        TrafficSettings {
            request_timeout: Duration::from_millis(300),
            ..TrafficSettings::default()
        },
    )
    .await;
    world.settings.request_timeout = Duration::from_millis(300);
    let (name, chat) = world.chat().await;
    let talker = Issued::new(1, USUAL, chat);
    let asker = Issued {
        confirm: vec![Scope::Send],
        ..Issued::new(2, USUAL, chat)
    };
    world.issue(&talker).await;
    world.issue(&asker).await;
    let mut clients = [talker, asker].map(|issued| Client {
        issued,
        seen: 0,
        epoch: None,
        said: Vec::new(),
        ends: 0,
    });
    let rng = TestRng::new(seed ^ 0xdead);
    let (mut said, mut asked) = (Vec::new(), BTreeMap::new());
    for round in 0..rounds {
        world.traffic.store.die_after(i64::try_from(rng.below(16)).unwrap());
        world.network.lose_answers(usize::try_from(rng.below(2)).unwrap());
        world.network.lose_sends(usize::try_from(rng.below(2)).unwrap());
        for (number, client) in clients.iter_mut().enumerate() {
            let Some(mut session) = client.connect(&world).await else {
                continue;
            };
            for n in 0..rng.below(4) {
                let text = format!("said {round} {number} {n}");
                world.say_text(&name, &text).await;
                said.push(text);
            }
            let text = format!("asked {round} {number}");
            let request = json!({"type": "send_message", "requestId": "r", "groupId": chat, "idempotencyKey": text,
                "contentType": "xmtp.org/text:1.0", "content": {"text": text}});
            let (id, request) = Request::parse(&request.to_string()).unwrap();
            let answer = session.harness().answer(id, request.clone()).await;
            let done = matches!(answer, Some(Response::Success { .. }));
            asked.insert(text, (number, request, done));
            client.take(&mut session).await;
        }
        world.restart().await;
    }
    // everything is well from now on: what was not answered is asked for again, under the same key
    world.network.lose_answers(0);
    world.network.lose_sends(0);
    for (number, request, _) in asked.values() {
        let session = clients[*number].connect(&world).await.unwrap();
        let answer = session.harness().answer("again".to_owned(), request.clone()).await;
        assert!(matches!(answer, Some(Response::Success { .. })), "{answer:?}");
    }
    world.settle().await;
    for client in &mut clients {
        let mut session = client.connect(&world).await.unwrap();
        client.take(&mut session).await;
        assert_eq!(
            client.said, said,
            "seed {seed}: what was said came in another order, or not once"
        );
        assert!(client.ends > 0);
    }
    let out = texts(&world.seen_by_human(&name).await);
    for (text, (number, ..)) in &asked {
        let times = out.iter().filter(|other| *other == text).count();
        // those of the second harness are held, and nobody agreed
        assert_eq!(times, usize::from(*number == 0), "seed {seed}: {text}");
    }
    let held = world.traffic.held_actions(None).await.unwrap().actions;
    assert_eq!(held.len(), asked.values().filter(|(number, ..)| *number == 1).count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_dies_anywhere_goes_on_where_it_was() {
    for seed in 1..=4 {
        run(seed, 8).await;
    }
}

/// The long form: `cargo test -p chancery-signet -- --ignored slow_`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn slow_an_engine_that_dies_a_hundred_times_goes_on_where_it_was() {
    for seed in 100..105 {
        run(seed, 20).await;
    }
}
