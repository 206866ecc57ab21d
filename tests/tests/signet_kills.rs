//! `chancery signet` is killed (SIGKILL) at random moments while a harness sends and a person answers, and started again on
//! the same files. For the harness, which resumes with the number of the last event it has, numbers neither skip nor repeat;
//! everything that it was acknowledged is in the chat, and nothing is there twice; what is held stays held.
//!
//! `CHANCERY_SIGNET_KILLS` is how often (3), `CHANCERY_SIGNET_KILLS_SEED` repeats a run's choices.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chancery_base::Clock as _;
use chancery_serve::system::SystemClock;
use chancery_tests::{
    Port,
    signet::{Agent, Event, Harness, Home, text_in},
    wait,
    xmtp::{Network, Ours},
};

/// Sends that are acknowledged between two kills, at least.
const PROGRESS: usize = 4;
/// How long it may take until sends go through again: an inbox that finds its node anew waits some seconds.
const RECOVERY: Duration = Duration::from_secs(90);
const SCOPES: &str = "send,read-messages,stream-messages";

#[test]
fn numbers_neither_skip_nor_repeat_and_nothing_is_sent_twice() {
    let kills = variable("CHANCERY_SIGNET_KILLS").unwrap_or(3);
    let seed = variable("CHANCERY_SIGNET_KILLS_SEED")
        .unwrap_or_else(|| u64::try_from(SystemClock.now().0).unwrap_or_default() & 0xffff_ffff);
    say(&format!(
        "signet kills: CHANCERY_SIGNET_KILLS_SEED={seed} CHANCERY_SIGNET_KILLS={kills}"
    ));
    let began = Instant::now();
    let net = Network::without_sdk();
    let port = Port::free();
    let home = Home::new()
        .on(net.port())
        .with("XMTP_SIGNET_WS_PORT", &port.number().to_string())
        // the test is no agent that says too much
        .with("XMTP_SIGNET_LIMIT_SENDS_PER_MINUTE", "6000")
        .with("XMTP_SIGNET_LIMIT_SEND_BURST", "6000")
        .with("XMTP_SIGNET_CREDENTIAL_TTL_SECONDS", "86400")
        .with("XMTP_SIGNET_ACTION_EXPIRY_SECONDS", "86400")
        .initialized();
    let mut daemon = home.daemon();
    let ada = net.ours("ada");
    let agent = home.agent("steady", "desk", &[ada.inbox_id()], SCOPES);
    let held = hold(&home, &agent, port.address());

    let load = Load::default();
    let person = std::thread::scope(|scope| {
        let harness = scope.spawn(|| load.harness(&agent, port.address()));
        let person = scope.spawn(|| load.person(&ada, &agent.group));
        // also when this one panics: the others are waited for
        let stop = Stop(&load);
        let mut random = Random(seed);
        for kill in 0..kills {
            let before = load.sent.load(Ordering::SeqCst);
            let enough = before + PROGRESS + usize::try_from(random.below(8)).unwrap();
            wait::within(RECOVERY, &format!("sends before kill {kill}"), || {
                (load.sent.load(Ordering::SeqCst) >= enough).then_some(())
            });
            std::thread::sleep(Duration::from_millis(random.below(40)));
            daemon.process.kill();
            std::thread::sleep(Duration::from_millis(random.below(200)));
            daemon.process.start();
        }
        let before = load.sent.load(Ordering::SeqCst);
        wait::within(RECOVERY, "sends after the last kill", || {
            (load.sent.load(Ordering::SeqCst) >= before + PROGRESS).then_some(())
        });
        drop(stop);
        harness.join().unwrap();
        person.join().unwrap()
    });

    everything_is_there_once(&ada, &agent, &load, &person, port.address());
    let waiting = home.ask(&["action", "list"]);
    let waiting: BTreeSet<&str> = waiting["actions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|action| action["actionId"].as_str())
        .collect();
    assert_eq!(waiting, held.iter().map(String::as_str).collect());
    assert_eq!(home.ask(&["logs", "verify"])["ok"], true);
    say(&format!(
        "signet kills: {kills}; {} sends, {} of the person's messages, {} events, {} connections, {:?}",
        load.sent.load(Ordering::SeqCst),
        person.len(),
        load.events.lock().unwrap().len(),
        load.connections.load(Ordering::SeqCst),
        began.elapsed()
    ));
}

/// Three actions that wait for the owner.
fn hold(home: &Home, agent: &Agent, at: SocketAddr) -> Vec<String> {
    home.ask(&[
        "policy",
        "create",
        "--label",
        "drafts",
        "--allow",
        "send",
        "--confirm",
        "send",
    ]);
    let drafts = home.issue(&agent.operator, &agent.chat, &["--policy", "drafts"]);
    let mut harness = Harness::connect(at, drafts["token"].as_str().unwrap(), None);
    let held = (0..3).map(|n| harness.send(&agent.chat, &format!("held {n}"))["actionId"].clone());
    held.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// What goes on while the daemon is killed.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    sent: AtomicUsize,
    connections: AtomicUsize,
    /// All events of the harness's credential, in the order in which they came.
    events: Mutex<Vec<Event>>,
    /// What was acknowledged to the harness: its words, and the message's id.
    acknowledged: Mutex<BTreeMap<String, String>>,
}

/// Ends the load.
struct Stop<'a>(&'a Load);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
    }
}

impl Load {
    /// A harness that says one thing after the other, each until it is acknowledged, and comes back whenever it is cut off.
    fn harness(&self, agent: &Agent, at: SocketAddr) {
        let mut next = 0_usize;
        while !self.stop.load(Ordering::SeqCst) {
            let seen = self.events.lock().unwrap().last().map(|event| event.seq);
            let Ok(mut harness) = Harness::try_connect(at, &agent.token, seen) else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            self.connections.fetch_add(1, Ordering::SeqCst);
            while !self.stop.load(Ordering::SeqCst) {
                let text = format!("agent {next}");
                let mut send = text_in(&agent.chat, &text);
                send["idempotencyKey"] = format!("key-{next}").into();
                let answer = harness.try_ask("send_message", send);
                self.note(&mut harness);
                match answer {
                    Some(Ok(done)) => {
                        let id = done["messageId"].as_str().unwrap().to_owned();
                        self.acknowledged.lock().unwrap().insert(text, id);
                        self.sent.fetch_add(1, Ordering::SeqCst);
                        next += 1;
                    }
                    // the network is away for a moment, or the signet is ending
                    Some(Err(error))
                        if ["network", "timeout", "cancelled"]
                            .iter()
                            .any(|kind| error["category"] == *kind) =>
                    {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    Some(Err(error)) => panic!("{text}: {error}"),
                    None => break,
                }
            }
        }
    }

    /// Takes down what came. The numbers go up by one, over all connections.
    fn note(&self, harness: &mut Harness) {
        let mut events = self.events.lock().unwrap();
        for event in harness.taken() {
            if let Some(last) = events.last() {
                assert_eq!(event.seq, last.seq + 1, "{} came after {}", event.event, last.event);
            }
            events.push(event);
        }
    }

    /// A person who goes on talking whether anybody listens or not. What was said.
    fn person(&self, ada: &Ours, group: &str) -> Vec<String> {
        wait::until("the group", || {
            ada.sync_all();
            ada.has(group).then_some(())
        });
        let mut said = Vec::new();
        while !self.stop.load(Ordering::SeqCst) {
            let text = format!("person {}", said.len());
            ada.send(group, &text);
            said.push(text);
            std::thread::sleep(Duration::from_millis(100));
        }
        said
    }
}

fn everything_is_there_once(ada: &Ours, agent: &Agent, load: &Load, person: &[String], at: SocketAddr) {
    // the rest of the person's words
    let seen = load.events.lock().unwrap().last().map(|event| event.seq);
    let mut harness = Harness::connect(at, &agent.token, seen);
    let last = person.last().unwrap();
    let there = |events: &[Event]| {
        events
            .iter()
            .any(|event| event.event["content"]["text"] == last.as_str())
    };
    let mut done = there(&load.events.lock().unwrap());
    while !done {
        let event = harness.next_event().unwrap();
        let mut events = load.events.lock().unwrap();
        assert_eq!(
            Some(event.seq),
            events.last().map(|last| last.seq + 1).or(Some(event.seq))
        );
        events.push(event);
        done = there(&events);
    }
    let events = load.events.lock().unwrap();
    let mut heard: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for event in events.iter().filter(|event| event.event["type"] == "message.visible") {
        assert!(
            ids.insert(event.event["messageId"].to_string()),
            "twice: {}",
            event.event
        );
        if let Some(text) = event.event["content"]["text"].as_str() {
            *heard.entry(text).or_default() += 1;
        }
    }
    for text in person {
        assert_eq!(heard.get(text.as_str()), Some(&1), "{text}");
    }
    // what the network has, by the person's client
    let acknowledged = load.acknowledged.lock().unwrap();
    let said = wait::within(RECOVERY, "all that was acknowledged", || {
        ada.sync_all();
        let said = ada.texts(&agent.group);
        let texts: BTreeSet<&str> = said.iter().map(String::as_str).collect();
        acknowledged
            .keys()
            .all(|text| texts.contains(text.as_str()))
            .then(|| said.clone())
    });
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for text in &said {
        *count.entry(text).or_default() += 1;
    }
    for (text, times) in &count {
        assert_eq!(*times, 1, "{text} is in the chat {times} times");
    }
    assert!(!count.keys().any(|text| text.starts_with("held")), "{count:?}");
}

/// Choices that follow from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Says something, also to whoever runs the tests without `--nocapture`.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
