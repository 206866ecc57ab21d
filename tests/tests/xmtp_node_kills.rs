//! `chancery xmtp-node` is killed (SIGKILL) at random moments while official clients of two generations send and commit, and
//! started again on the same port and files. No client forks, no message whose send was acknowledged is missing at any
//! member, and streams and sends go on.
//!
//! `CHANCERY_XMTP_KILLS` is how often (3), `CHANCERY_XMTP_KILLS_SEED` repeats a run's choices: after how much progress the
//! node is killed and for how long. Acknowledged means that the SDK's call to send returned the message id.
//!
//! Needs the SDKs ([`Sdk::find`]): the test is skipped without them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{
    collections::BTreeSet,
    io::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chancery_base::Clock as _;
use chancery_serve::system::SystemClock;
use chancery_tests::{
    skip, wait,
    xmtp::{Client, Generation, Network, Options, Sdk, Stream, agree, arrives},
};

/// Groups that all clients are members of.
const GROUPS: usize = 3;
/// One of so many turns is a commit.
const COMMITS: usize = 8;
/// One of so many turns makes a new group, with everybody.
const NEW_GROUPS: usize = 24;
/// How long it may take until messages go through again: the SDK waits some seconds before it tries once more.
const RECOVERY: Duration = Duration::from_secs(90);

#[test]
fn no_client_forks_and_no_acknowledged_message_is_lost() {
    let Some(sdk) = Sdk::find() else {
        skip!("{}", Sdk::MISSING);
    };
    let kills = variable("CHANCERY_XMTP_KILLS").unwrap_or(3);
    let seed = variable("CHANCERY_XMTP_KILLS_SEED")
        .unwrap_or_else(|| u64::try_from(SystemClock.now().0).unwrap_or_default() & 0xffff_ffff);
    say(&format!(
        "xmtp-node kills: CHANCERY_XMTP_KILLS_SEED={seed} CHANCERY_XMTP_KILLS={kills}"
    ));

    let mut net = Network::start(sdk);
    let clients = clients(&net);
    let groups = groups(&clients);
    let streams: Vec<Stream> = clients.iter().map(|client| client.stream("messages")).collect();
    let inboxes: Vec<&str> = clients.iter().map(Client::inbox_id).collect();
    let load = Load::default();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (at, client) in clients.iter().enumerate() {
            let (load, groups, random) = (&load, &groups, Random(seed ^ (at as u64 + 1)));
            let others = inboxes.iter().copied().filter(|inbox| *inbox != client.inbox_id());
            let others: Vec<&str> = others.collect();
            scope.spawn(move || load.drive(client, &others, groups, random));
        }
        // also when this one panics: the others are waited for
        let stop = Stop(&load);
        kill_at_random(&mut net, kills, &load, Random(seed));
        drop(stop);
    });
    let (sent, made) = (load.sent.into_inner().unwrap(), load.groups.into_inner().unwrap());
    let (commits, failed) = (load.commits.into_inner(), load.failed.into_inner());
    say(&format!(
        "xmtp-node kills: {kills} in {:?}; {} messages, {commits} commits and {} new groups acknowledged, {failed} \
         refused",
        began.elapsed(),
        sent.len(),
        made.len()
    ));
    assert!(commits > 0, "no commit went through");

    everybody_sends_and_streams(&clients, &groups, &streams);
    for group in groups.iter().chain(&made) {
        clients.iter().for_each(|client| arrives(client, group));
        agree(&clients.iter().collect::<Vec<_>>(), group);
        nothing_is_missing(&clients, group, &sent);
    }
    the_commit_logs_are_whole(&clients, &groups);
    say(&format!(
        "xmtp-node kills: all there, nobody forked; {:?} in all",
        began.elapsed()
    ));
}

/// Two of each generation that must survive this.
fn clients(net: &Network) -> Vec<Client> {
    let generations = [Generation::Five, Generation::Six].map(|generation| net.driver(generation));
    // those that can compare their commits with the log at the node do so all the time
    let options = Options {
        workers: vec![("CommitLog".to_owned(), 500)],
        ..Options::default()
    };
    let names = ["alice", "bob", "carol", "dave"].iter().enumerate();
    names
        .map(|(at, name)| generations[at % 2].client_with(name, &options))
        .collect()
}

/// Groups of all of them, each made by another.
fn groups(clients: &[Client]) -> Vec<String> {
    let made = clients.iter().take(GROUPS).map(|owner| {
        let others = clients.iter().filter(|client| client.inbox_id() != owner.inbox_id());
        let group = owner.new_group(&others.clone().map(Client::inbox_id).collect::<Vec<_>>());
        others.for_each(|other| arrives(other, &group));
        group
    });
    made.collect()
}

/// A message that the SDK acknowledged.
struct Sent {
    group: String,
    id: String,
}

/// What the clients do until they are told to stop.
#[derive(Default)]
struct Load {
    sent: Mutex<Vec<Sent>>,
    groups: Mutex<Vec<String>>,
    commits: AtomicUsize,
    failed: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    /// Sends to a group at random, again and again; renames it now and then, or makes a new one with `everybody`.
    fn drive(&self, client: &Client, everybody: &[&str], groups: &[String], mut random: Random) {
        let mut number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let group = &groups[random.below(groups.len())];
            let name = format!("{} {number}", client.name());
            let done = if random.below(NEW_GROUPS) == 0 {
                let made = client.try_new_group(everybody);
                made.map(|made| self.groups.lock().unwrap().push(made)).is_ok()
            } else if random.below(COMMITS) == 0 {
                let renamed = client.try_rename(group, &name);
                renamed.map(|()| self.commits.fetch_add(1, Ordering::Relaxed)).is_ok()
            } else {
                let id = client.try_send(group, &name);
                let sent = id.map(|id| {
                    self.sent.lock().unwrap().push(Sent {
                        group: group.clone(),
                        id,
                    })
                });
                sent.is_ok()
            };
            if !done {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
            number += 1;
        }
    }

    fn progress(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

/// Tells the clients to stop when it is dropped.
struct Stop<'a>(&'a Load);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Kills the node so often, each time when some more messages were acknowledged, and starts it again after a moment.
fn kill_at_random(net: &mut Network, kills: u64, load: &Load, mut random: Random) {
    for number in 1..=kills {
        let goal = load.progress() + 1 + random.below(40);
        wait::within(
            RECOVERY,
            &format!("messages to go through before kill {number}"),
            || (load.progress() >= goal).then_some(()),
        );
        assert!(net.node.is_running(), "the node ended by itself");
        net.node.kill();
        std::thread::sleep(Duration::from_millis(random.below(300) as u64));
        net.node.start();
    }
    let goal = load.progress() + 20;
    wait::within(RECOVERY, "messages to go through after the last kill", || {
        (load.progress() >= goal).then_some(())
    });
}

/// Every client can send, and every other one gets it by the stream that it opened before the first kill.
fn everybody_sends_and_streams(clients: &[Client], groups: &[String], streams: &[Stream]) {
    for (at, client) in clients.iter().enumerate() {
        // a stream that is being opened again does not yield what came just before: send until all have heard
        let mut tries = 0;
        wait::within(
            RECOVERY,
            &format!("all streams to yield what {} sends", client.name()),
            || {
                tries += 1;
                let text = format!("{} is back {tries}", client.name());
                client.try_send(&groups[at % groups.len()], &text).ok()?;
                let heard = |(of, stream): (usize, &Stream)| of == at || stream.texts().contains(&text);
                let soon = Instant::now() + Duration::from_secs(3);
                while Instant::now() < soon {
                    if streams.iter().enumerate().all(heard) {
                        return Some(());
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                None
            },
        );
    }
}

/// Every member has every message of the group that was acknowledged, and all have the same published ones.
fn nothing_is_missing(clients: &[Client], group: &str, sent: &[Sent]) {
    let acknowledged: BTreeSet<&str> = sent
        .iter()
        .filter(|sent| sent.group == group)
        .map(|sent| &*sent.id)
        .collect();
    let published = |client: &Client| {
        client.sync_conversation(group);
        let messages = client.messages(group).into_iter();
        let messages = messages.filter(|message| message.status == "published" && message.text().is_some());
        messages.map(|message| message.id).collect::<BTreeSet<_>>()
    };
    let all = wait::within(RECOVERY, "the members to have the same messages", || {
        let all: Vec<BTreeSet<String>> = clients.iter().map(published).collect();
        all.iter().all(|theirs| *theirs == all[0]).then_some(all)
    });
    let missing: Vec<&&str> = acknowledged.iter().filter(|id| !all[0].contains(**id)).collect();
    assert!(missing.is_empty(), "acknowledged, and nowhere in {group}: {missing:?}");
}

/// Of groups whose maker keeps a log of commits at the node, every client that reads it finds its own commits there.
fn the_commit_logs_are_whole(clients: &[Client], groups: &[String]) {
    let newest = |client: &&Client| client.driver().generation() == Generation::Six;
    for (maker, group) in clients.iter().zip(groups).filter(|(maker, _)| newest(maker)) {
        for client in clients.iter().filter(newest) {
            let what = format!("{} to compare the log that {} keeps", client.name(), maker.name());
            let debug = wait::within(RECOVERY, &what, || {
                let debug = client.debug(group);
                debug.commit_log_forked.is_some().then_some(debug)
            });
            assert_eq!(debug.commit_log_forked, Some(false), "{debug:#?}");
        }
    }
}

/// Numbers from a seed (splitmix64).
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
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

/// On stderr in any case: the seed is needed when the test fails, and the figures when it does not.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
