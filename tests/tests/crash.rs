//! Registry, relay and connectors are killed (SIGKILL) at random moments while agents talk, and started again on the same
//! ports and files. No message that a connector acknowledged is lost, and whatever comes twice says so.
//!
//! `CHANCERY_CRASH_KILLS` is how often (10; a night takes 1000), `CHANCERY_CRASH_SEED` repeats a run's choices: who is
//! killed, after how much progress and for how long. What the operating system makes of them differs from run to run.
#![allow(
    clippy::expect_used,
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

use chancery_base::{Clock as _, Ulid};
use chancery_serve::system::{OsRng, SystemClock};
use chancery_tests::{Connector, Process, Received, Site, Webhook, http, wait};
use serde_json::{Value, json};

/// Messages on their way at most: enough that a kill hits some at every stage.
const UNDER_WAY: usize = 150;
/// Conversations from one agent to another; the first of them has no name.
const CONVERSATIONS: usize = 4;
/// What a webhook takes for an answer: the longer, the more deliveries a kill interrupts.
const WEBHOOK_DELAY: Duration = Duration::from_millis(15);
/// Deliveries that one connector makes at the same time.
const IN_FLIGHT: usize = 16;
/// How long the test waits for progress before it kills somebody all the same.
const IMPATIENCE: Duration = Duration::from_secs(3);
/// How long everything may take to settle when nobody is killed any more: connections come back within 15 s, and a message
/// that was refused meanwhile is tried again within 30 s.
const SETTLE: Duration = Duration::from_secs(120);

/// What the relay is told beside the rates that [`Site`] raises.
const LIMITS: [(&str, &str); 2] = [
    ("RELAY_QUEUE_MAX_MESSAGES_PER_AGENT", "100000"),
    ("RELAY_RETRY_MAX_ATTEMPTS", "1000"),
];

#[test]
fn no_acknowledged_message_is_lost() {
    let kills = variable("CHANCERY_CRASH_KILLS").unwrap_or(10);
    let seed = variable("CHANCERY_CRASH_SEED").unwrap_or_else(|| {
        let now = SystemClock.now().0;
        u64::try_from(now).unwrap_or_default() & 0xffff_ffff
    });
    say(&format!(
        "crash: CHANCERY_CRASH_SEED={seed} CHANCERY_CRASH_KILLS={kills}; no limits of requests a minute, {LIMITS:?}"
    ));
    let mut town = Town::start();
    let load = Load::of(&town);
    let began = Instant::now();
    let deaths = std::thread::scope(|scope| {
        for sender in 0..town.people.len() {
            let (load, random) = (&load, Random(seed ^ (sender as u64 + 1)));
            scope.spawn(move || load.drive(sender, random));
        }
        // also when this one panics: the others are waited for
        let stop = Stop(&load);
        let deaths = town.kill_at_random(kills, &load, Random(seed));
        town.wait_ready();
        drop(stop);
        deaths
    });
    say(&format!("crash: {kills} kills in {:?}", began.elapsed()));

    let sent = load.sent.into_inner().unwrap();
    assert!(!sent.is_empty());
    let held = town.settle(&sent);
    town.release(&held);
    town.receipts(&sent);
    let (mut repeats, mut dead) = (0, 0);
    for (at, person) in town.people.iter().enumerate() {
        let mine: BTreeSet<&Message> = sent.iter().filter(|message| message.to == at).collect();
        let received = person.hook.received();
        let by_key = by_key(&received);
        repeats += each_repeat_is_marked(person, &by_key, &deaths[at]);
        let listed = town.dead_letters(at);
        dead += listed.len();
        each_arrived_once(&mine, &by_key, &listed);
        in_order(person, &received);
    }
    say(&format!(
        "crash: {} messages acknowledged, all delivered or listed; {} held and released, {dead} dead letters, {repeats} \
         repeats, all marked; {:?} in all",
        sent.len(),
        held.iter().map(Vec::len).sum::<usize>(),
        began.elapsed()
    ));
}

/// A message: its id, and its number in its conversation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Message {
    id: String,
    from: usize,
    to: usize,
    conversation: usize,
    number: u64,
}

impl Message {
    fn of(received: &Received) -> Self {
        let payload = &received.body["metadata"]["payload"];
        let member = |name: &str| {
            payload[name]
                .as_u64()
                .unwrap_or_else(|| panic!("no {name} in {payload}"))
        };
        let small = |name: &str| usize::try_from(member(name)).unwrap();
        Self {
            id: received.body["metadata"]["messageId"]
                .as_str()
                .expect("an id")
                .to_owned(),
            from: small("from"),
            to: small("to"),
            conversation: small("conversation"),
            number: member("number"),
        }
    }

    fn payload(&self, filler: &str) -> Value {
        json!({
            "message": filler,
            "from": self.from,
            "to": self.to,
            "conversation": self.conversation,
            "number": self.number,
        })
    }
}

/// An agent, its connector and its webhook.
struct Person {
    did: String,
    connector: Connector,
    hook: Webhook,
    /// Whether the webhook recognises repeats, so that the connector may repeat after a crash.
    deduplicates: bool,
}

/// A site and three agents who are all paired with one another. The webhook of the last one does not deduplicate.
struct Town {
    site: Site,
    people: Vec<Person>,
}

/// When a connector came back from the dead.
type Deaths = Vec<Instant>;

impl Town {
    fn start() -> Self {
        let site = Site::start_with(&LIMITS);
        let admin = site.admin();
        let agents = [("Alice", "alpha"), ("Bob", "beta"), ("Carol", "gamma")].map(|(owner, name)| {
            let owner = admin.invite(owner);
            owner.agent(name)
        });
        for (at, agent) in agents.iter().enumerate() {
            for other in &agents[at + 1..] {
                agent.pair_with(other);
            }
        }
        let people = agents.iter().enumerate().map(|(at, agent)| {
            let deduplicates = at + 1 < agents.len();
            let hook = Webhook::start();
            hook.delay(WEBHOOK_DELAY);
            let url = hook.url();
            let mut arguments = vec!["--deliver-url", &url];
            if deduplicates {
                arguments.push("--provider-deduplicates");
            }
            let mut connector = Connector::prepare(agent, &arguments);
            connector.start();
            Person {
                did: agent.did().to_owned(),
                connector,
                hook,
                deduplicates,
            }
        });
        let people = people.collect();
        Self { site, people }
    }

    /// Relay, registry and connectors: the relay twice, because everything goes through it.
    fn victims(&mut self) -> Vec<&mut Process> {
        let connectors = self.people.iter_mut().map(|person| &mut person.connector.process);
        [&mut self.site.relay, &mut self.site.registry]
            .into_iter()
            .chain(connectors)
            .collect()
    }

    /// Kills `kills` times, each time when some more messages have arrived, and starts again who was killed. Nobody waits
    /// until they are up: they die while they start, too. Returns when each connector was started again.
    fn kill_at_random(&mut self, kills: u64, load: &Load, mut random: Random) -> Vec<Deaths> {
        let mut deaths = vec![Deaths::new(); self.people.len()];
        for _ in 0..kills {
            let goal = load.delivered(self) + random.below(60);
            let patience = Instant::now() + IMPATIENCE;
            while load.delivered(self) < goal && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(2));
            }
            let mut chosen = vec![random.below(self.people.len() + 3).saturating_sub(1)];
            if random.below(4) == 0 {
                chosen.push(random.below(self.people.len() + 2));
            }
            chosen.dedup();
            let mut victims = self.victims();
            for victim in &chosen {
                assert!(victims[*victim].is_running(), "{:?} ended by itself", victims[*victim]);
                victims[*victim].kill();
            }
            std::thread::sleep(Duration::from_millis(random.below(300) as u64));
            for victim in chosen {
                victims[victim].spawn();
                if let Some(connector) = victim.checked_sub(2) {
                    deaths[connector].push(Instant::now());
                }
            }
        }
        deaths
    }

    fn wait_ready(&mut self) {
        for process in self.victims() {
            process.wait_ready();
        }
    }

    /// Waits until nothing is under way any more. Returns what is held for each owner, all of it with its reason.
    fn settle(&self, sent: &[Message]) -> Vec<Vec<String>> {
        wait::within(SETTLE, "all messages to arrive or be listed", || {
            let quiet = self.people.iter().all(|person| {
                let status = person.connector.status();
                status["outbound"]["queue"]["pendingCount"] == 0 && status["inbound"]["pending"] == 0
            });
            if !quiet {
                return None;
            }
            // one that was refused a moment ago waits at the relay, and shows nowhere
            let mut there = BTreeSet::new();
            for (at, person) in self.people.iter().enumerate() {
                there.extend(person.hook.received().iter().map(|received| Message::of(received).id));
                let listed = [self.listed(at, "/v1/inbound/held"), self.dead_letters(at)];
                there.extend(listed.iter().flatten().filter_map(id_of));
            }
            sent.iter().all(|message| there.contains(&message.id)).then_some(())
        });
        let held: Vec<Vec<String>> = (0..self.people.len()).map(|at| self.held(at)).collect();
        for (person, held) in self.people.iter().zip(&held) {
            if person.deduplicates {
                assert!(held.is_empty(), "held although the webhook deduplicates: {held:?}");
            } else {
                // nothing comes twice before the owner says so
                assert_eq!(person.hook.count(), person.hook.distinct().len());
            }
        }
        held
    }

    /// The owners release what is held; it arrives.
    fn release(&self, held: &[Vec<String>]) {
        for (person, held) in self.people.iter().zip(held) {
            let address = person.connector.port().address();
            let answer = http::post(address, "/v1/inbound/held/release", &[], &json!({})).unwrap();
            assert_eq!(answer.json()["releasedCount"], held.len(), "{:?}", answer.json());
            wait::until("what was held to arrive", || {
                let repeated = person.hook.received();
                let arrived = |key: &String| {
                    let mut requests = repeated.iter().filter(|got| got.key.as_ref() == Some(key));
                    requests.any(|got| got.attempt > 1)
                };
                held.iter().all(arrived).then_some(())
            });
        }
    }

    /// Every sender hears, signed by the recipient, that its messages arrived, or that they were given up.
    fn receipts(&self, sent: &[Message]) {
        for message in sent {
            wait::within(SETTLE, &format!("the receipt of {message:?}"), || {
                let view = self.people[message.from].connector.outbound(&message.id);
                let state = view["state"].as_str().unwrap_or_default();
                let known =
                    (state == "delivered_to_webhook" && view["verified"] == "end-to-end") || state == "dead_lettered";
                known.then_some(())
            });
        }
    }

    /// Ids of what is held for one.
    fn held(&self, at: usize) -> Vec<String> {
        self.listed(at, "/v1/inbound/held")
            .iter()
            .map(|item| item["request_id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What a connector gave up on its way out or in.
    fn dead_letters(&self, at: usize) -> Vec<Value> {
        let mut all = self.listed(at, "/v1/inbound/dead-letter");
        for person in 0..self.people.len() {
            let out = self.listed(person, "/v1/outbound/dead-letter");
            all.extend(out.into_iter().filter(|item| item["toAgentDid"] == self.people[at].did));
        }
        all
    }

    /// The items of a list, each with its reason.
    fn listed(&self, at: usize, route: &str) -> Vec<Value> {
        let address = self.people[at].connector.port().address();
        let target = format!("{route}?limit=1000");
        let answer = wait::until("a list", || {
            http::get(address, &target).filter(|answer| answer.status == 200)
        });
        let items = answer.json()["items"].as_array().cloned().unwrap_or_default();
        for item in &items {
            let reason = item.get("reason").or_else(|| item.get("last_error"));
            assert!(reason.is_some_and(Value::is_string), "{item}");
        }
        items
    }
}

/// Messages that agents send, as fast as they arrive.
struct Load {
    addresses: Vec<SocketAddr>,
    dids: Vec<String>,
    sent: Mutex<Vec<Message>>,
    acknowledged: AtomicUsize,
    arrived: AtomicUsize,
    over: AtomicBool,
}

/// Ends the load when it is dropped.
struct Stop<'a>(&'a Load);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

impl Load {
    fn of(town: &Town) -> Self {
        Self {
            addresses: town
                .people
                .iter()
                .map(|person| person.connector.port().address())
                .collect(),
            dids: town.people.iter().map(|person| person.did.clone()).collect(),
            sent: Mutex::default(),
            acknowledged: AtomicUsize::new(0),
            arrived: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Requests to all webhooks so far.
    fn delivered(&self, town: &Town) -> usize {
        let arrived = town.people.iter().map(|person| person.hook.count()).sum();
        self.arrived.store(arrived, Ordering::Release);
        arrived
    }

    /// Sends to the others until the load is over. A message that was not acknowledged is sent again, with the same id, until
    /// it is: its conversation goes on only then.
    fn drive(&self, sender: usize, mut random: Random) {
        let mut numbers = BTreeMap::new();
        while !self.over.load(Ordering::Acquire) {
            let under_way = self
                .acknowledged
                .load(Ordering::Acquire)
                .saturating_sub(self.arrived.load(Ordering::Acquire));
            if under_way >= UNDER_WAY {
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
            let to = (sender + 1 + random.below(self.dids.len() - 1)) % self.dids.len();
            let conversation = random.below(CONVERSATIONS);
            let number = numbers.entry((to, conversation)).or_insert(0);
            *number += 1;
            let message = Message {
                id: Ulid::generate(SystemClock.now(), &OsRng).to_string(),
                from: sender,
                to,
                conversation,
                number: *number,
            };
            let mut body = json!({
                "toAgentDid": self.dids[to],
                "messageId": message.id,
                "payload": message.payload(&"x".repeat(random.below(2000))),
            });
            if conversation > 0 {
                body["conversationId"] = format!("conversation {conversation}").into();
            }
            let until = Instant::now() + SETTLE;
            while !self.try_send(sender, &body) {
                assert!(Instant::now() < until, "the connector of {sender} takes no messages");
                std::thread::sleep(Duration::from_millis(10));
            }
            self.sent.lock().unwrap().push(message);
            self.acknowledged.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn try_send(&self, sender: usize, body: &Value) -> bool {
        match http::post(self.addresses[sender], "/v1/outbound", &[], body) {
            Some(answer) if answer.status == 202 => true,
            Some(answer) if answer.status < 500 => panic!("{:?} to {body}", answer.error()),
            _ => false,
        }
    }
}

fn by_key(received: &[Received]) -> BTreeMap<&str, Vec<&Received>> {
    let mut by_key: BTreeMap<&str, Vec<&Received>> = BTreeMap::new();
    for request in received {
        by_key
            .entry(request.key.as_deref().expect("a key"))
            .or_default()
            .push(request);
    }
    by_key
}

/// Every repeat says that it is one, is the same message, and comes after a death of the connector that was delivering.
/// Returns how many there were.
fn each_repeat_is_marked(person: &Person, by_key: &BTreeMap<&str, Vec<&Received>>, deaths: &Deaths) -> usize {
    let mut repeats = 0;
    let mut after = vec![0; deaths.len()];
    for (key, requests) in by_key {
        for pair in requests.windows(2) {
            let (first, again) = (pair[0], pair[1]);
            repeats += 1;
            assert!(
                again.attempt > first.attempt,
                "{key}: {} after {}",
                again.attempt,
                first.attempt
            );
            assert_eq!(Message::of(first), Message::of(again), "{key}");
            // what a dying connector had sent may be read a moment after its death
            let between =
                |death: &&mut (usize, &Instant)| *death.1 + Duration::from_secs(1) > first.at && *death.1 < again.at;
            let mut all: Vec<_> = deaths.iter().enumerate().collect();
            let death = all.iter_mut().rfind(between);
            let (death, _) = death.unwrap_or_else(|| panic!("{key} came twice, and its connector did not die between"));
            after[*death] += 1;
        }
        assert!(requests.len() <= 1 + deaths.len(), "{key}: {}", requests.len());
    }
    if person.deduplicates {
        assert!(after.iter().all(|count| *count <= IN_FLIGHT), "{after:?}");
    } else {
        assert!(
            repeats <= IN_FLIGHT * deaths.len(),
            "{repeats} repeats of {} deaths",
            deaths.len()
        );
    }
    repeats
}

/// A receiver that deduplicates by key counts each message once, and none is missing that is not listed.
fn each_arrived_once(sent: &BTreeSet<&Message>, by_key: &BTreeMap<&str, Vec<&Received>>, listed: &[Value]) {
    let mut arrived = BTreeMap::new();
    for (key, requests) in by_key {
        let message = Message::of(requests[0]);
        assert_eq!(requests[0].body["metadata"]["verified"], "end-to-end", "{message:?}");
        let earlier = arrived.insert(message.clone(), key);
        assert!(earlier.is_none(), "{message:?} came as {key} and as {earlier:?}");
    }
    let unsent: Vec<_> = arrived.keys().filter(|message| !sent.contains(message)).collect();
    assert!(unsent.is_empty(), "{unsent:?}");
    let listed: BTreeSet<String> = listed.iter().filter_map(id_of).collect();
    let lost: Vec<_> = sent
        .iter()
        .filter(|message| !arrived.contains_key(message) && !listed.contains(&message.id))
        .collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), sent.len());
}

/// The message that an item of a list is about.
fn id_of(item: &Value) -> Option<String> {
    let id = item.get("message_id").or_else(|| item.get("messageId"));
    id?.as_str().map(str::to_owned)
}

/// A conversation comes in the order in which it was sent. Only what was held comes later: it most probably arrived before
/// its connector died, and nothing waits for it.
fn in_order(person: &Person, received: &[Received]) {
    let mut last: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for request in received {
        let message = Message::of(request);
        if !seen.insert(message.clone()) || (!person.deduplicates && request.attempt > 1) {
            continue;
        }
        let last = last.entry((message.from, message.conversation)).or_default();
        if person.deduplicates {
            assert_eq!(message.number, *last + 1, "{message:?}");
        } else {
            assert!(message.number > *last, "{message:?} after {last}");
        }
        *last = message.number;
    }
}

/// Numbers from a seed: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).expect("below a usize")
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
    )
}

/// On stderr in any case: the seed is needed when the test fails, and the figures when it does not.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
