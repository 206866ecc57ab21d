//! A random walk of two clients of the official SDK and two of ours through two groups and their DMs: whatever they do, in
//! whatever order, they end in one epoch, with the same members and messages, and none forked.
//!
//! One thing is excused: members of SDK 5.5.0 and older never read what is overtaken behind an empty leaf, which
//! `xmtp_sdk_overtaken` shows; and then they must lack it, so that nothing else hides behind the excuse.
//!
//! `CHANCERY_XMTP_WALK_SEED=N` begins with another seed (1), `CHANCERY_XMTP_WALK_SEEDS=N` walks more of them (1), and
//! `CHANCERY_XMTP_WALK_STEPS=N` further (300). Needs the SDKs ([`Sdk::find`]): skipped without them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

mod end;
mod group;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    sync::Barrier,
};

use chancery_tests::{
    skip,
    xmtp::{
        Generation::{Five, Six},
        Network, Party, Said, Sdk, comes_to,
    },
};
use group::{Group, Sent};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Walkers 0 and 1 are the SDK's, 2 and 3 are ours.
const WALKERS: usize = 4;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number")),
        Err(_) => default,
    }
}

#[test]
fn whatever_they_do_they_end_alike() {
    let Some(sdk) = Sdk::find() else {
        skip!("{}", Sdk::MISSING);
    };
    let first = number("CHANCERY_XMTP_WALK_SEED", 1);
    for seed in first..first + number("CHANCERY_XMTP_WALK_SEEDS", 1) {
        let mut walk = Walk::begin(sdk.clone(), seed);
        let steps = usize::try_from(number("CHANCERY_XMTP_WALK_STEPS", 300)).unwrap();
        while walk.counts.values().sum::<usize>() < steps {
            walk.step();
        }
        walk.end();
    }
}

struct Walk {
    seed: u64,
    random: ChaCha20Rng,
    parties: Vec<Party>,
    groups: Vec<Group>,
    /// What each pair said among themselves.
    whispers: BTreeMap<(usize, usize), BTreeSet<String>>,
    step: usize,
    log: Vec<String>,
    counts: BTreeMap<&'static str, usize>,
    /// Texts that members of 5.5.0 rightly lack.
    excused: usize,
    net: Network,
}

impl Walk {
    fn begin(sdk: Sdk, seed: u64) -> Self {
        // not through print: the test runner would keep the line to itself
        let _ = writeln!(std::io::stderr(), "walk: CHANCERY_XMTP_WALK_SEED={seed}");
        let net = Network::start(sdk);
        let parties: Vec<Party> = vec![
            net.driver(Five).client("five").into(),
            net.driver(Six).client("six").into(),
            net.ours("one").into(),
            net.ours("two").into(),
        ];
        let mut walk = Self {
            seed,
            random: ChaCha20Rng::seed_from_u64(seed),
            parties,
            groups: Vec::new(),
            whispers: BTreeMap::new(),
            step: 0,
            log: Vec::new(),
            counts: BTreeMap::new(),
            excused: 0,
            net,
        };
        for maker in [0, 2] {
            walk.make_group(maker);
        }
        walk
    }

    fn make_group(&mut self, maker: usize) {
        let mut leaves: Vec<usize> = (0..WALKERS).filter(|walker| *walker != maker).collect();
        let id = self.parties[maker].new_group(&[self.id(leaves[0])]);
        for walker in &leaves[1..] {
            // one after the other, so that it is known who has which leaf
            self.parties[maker].add(&id, self.id(*walker));
        }
        leaves.insert(0, maker);
        for party in &self.parties {
            comes_to(party, &id);
        }
        self.groups.push(Group::new(id, &leaves));
    }

    fn id(&self, walker: usize) -> &str {
        self.parties[walker].inbox_id()
    }

    fn epoch(&self, group: usize, walker: usize) -> u64 {
        self.parties[walker].standing(&self.groups[group].id).epoch
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.random.next_u32()).unwrap() % end
    }

    /// One of them, if there is any.
    fn one_of(&mut self, of: impl IntoIterator<Item = usize>) -> Option<usize> {
        let of: Vec<usize> = of.into_iter().collect();
        (!of.is_empty()).then(|| of[self.below(of.len())])
    }

    fn note(&mut self, what: &'static str, text: String) {
        *self.counts.entry(what).or_default() += 1;
        self.log.push(format!("{}: {what} {text}", self.step));
    }

    fn read(&mut self, walker: usize) {
        self.parties[walker].sync_all();
        for group in &mut self.groups {
            group.read[walker] = self.step;
        }
    }

    /// Reads first, or sometimes not, where what it knows is old and yet not too old: messages of three epochs ago are
    /// nobody's to read.
    fn maybe_read(&mut self, group: usize, walker: usize) {
        let known = &self.groups[group];
        let missed = |(step, by): &&(usize, usize)| *step >= known.read[walker] && *by != walker;
        let behind = known.commits.iter().filter(missed).count();
        let stale = behind <= 1 && known.joined[walker] <= known.read[walker] && known.read[walker] > 0;
        if !stale || self.below(10) < 6 {
            self.read(walker);
        }
    }

    fn step(&mut self) {
        self.step += 1;
        let group = self.below(self.groups.len());
        self.act(group);
        // without a sync, which would change what happens next
        let id = &self.groups[group].id;
        let epochs: Vec<u64> = self.parties.iter().map(|party| party.standing(id).epoch).collect();
        if let Some(line) = self.log.last_mut() {
            line.push_str(&format!(" -> {epochs:?}"));
        }
    }

    fn act(&mut self, group: usize) {
        let members = self.groups[group].members.clone();
        let Some(walker) = self.one_of(members) else { return };
        match self.below(100) {
            0..35 => self.say(group, walker),
            35..47 => self.rename(group, walker),
            47..57 => self.add(group, walker),
            57..63 => self.remove(group),
            63..73 => self.promote_or_demote(group),
            73..79 => self.renew(group),
            79..84 => self.overreach(group),
            84..89 => self.race(group),
            89..92 => self.restart(),
            92..96 => self.whisper(walker),
            _ => {
                let walker = self.below(WALKERS);
                self.note("read", format!("by {walker}"));
                self.read(walker);
            }
        }
    }

    fn say(&mut self, group: usize, walker: usize) {
        self.maybe_read(group, walker);
        let text = format!("{} by {walker}", self.step);
        self.note("say", format!("{group} by {walker}"));
        let id = self.parties[walker].send(&self.groups[group].id, &text);
        self.was_sent(group, walker, Some(id), text);
    }

    fn was_sent(&mut self, group: usize, walker: usize, id: Option<String>, text: String) {
        let sender = self.id(walker).to_owned();
        let (step, group) = (self.step, &mut self.groups[group]);
        group.sent.push(Sent {
            walker,
            raced: false,
            sure: id.is_some(),
            said: Said {
                id: id.unwrap_or_default(),
                sender,
                text,
            },
            members: group.members.clone(),
            known_since: group.read[walker],
            fresh: group.read[walker] == step,
        });
        // who says something the first time renews its keys before
        group.commits.push((step, walker));
    }

    fn rename(&mut self, group: usize, walker: usize) {
        self.maybe_read(group, walker);
        let name = format!("named at {}", self.step);
        self.note("rename", format!("{group} by {walker}"));
        self.parties[walker].rename(&self.groups[group].id, &name);
        self.groups[group].name = Some(name);
        self.groups[group].commits.push((self.step, walker));
    }

    fn add(&mut self, group: usize, walker: usize) {
        let out = (0..WALKERS).filter(|walker| !self.groups[group].members.contains(walker));
        let out: Vec<usize> = out.collect();
        let Some(new) = self.one_of(out) else { return };
        self.read(walker);
        self.note("add", format!("{new} to {group} by {walker}"));
        self.parties[walker].add(&self.groups[group].id, self.id(new));
        let epoch = self.epoch(group, walker);
        let step = self.step;
        let group = &mut self.groups[group];
        group.joins(new, epoch);
        group.joined[new] = step;
        group.commits.push((step, walker));
        // it has to learn of it before it does anything
        group.read[new] = 0;
    }

    fn remove(&mut self, group: usize) {
        let known = &self.groups[group];
        let (maker, members, admins) = (known.maker, known.members.clone(), known.admins.clone());
        let Some(walker) = self.one_of(
            members
                .iter()
                .copied()
                .filter(|one| *one == maker || admins.contains(one)),
        ) else {
            return;
        };
        let plain = members.into_iter().filter(|one| *one != maker && !admins.contains(one));
        let Some(gone) = self.one_of(plain) else {
            return;
        };
        self.read(walker);
        self.note("remove", format!("{gone} from {group} by {walker}"));
        self.parties[walker].remove(&self.groups[group].id, self.id(gone));
        let epoch = self.epoch(group, walker);
        let group = &mut self.groups[group];
        group.is_removed(gone, epoch);
        group.commits.push((self.step, walker));
    }

    fn promote_or_demote(&mut self, group: usize) {
        let known = &self.groups[group];
        let maker = known.maker;
        let Some(walker) = self.one_of(known.members.clone().into_iter().filter(|one| *one != maker)) else {
            return;
        };
        self.read(maker);
        let (id, is_admin) = (
            self.groups[group].id.clone(),
            self.groups[group].admins.contains(&walker),
        );
        let (party, peer) = (&self.parties[maker], self.id(walker));
        if is_admin {
            party.demote(&id, peer);
            self.note("demote", format!("{walker} in {group}"));
            self.groups[group].admins.remove(&walker);
        } else {
            party.promote(&id, peer);
            self.note("promote", format!("{walker} in {group}"));
            self.groups[group].admins.insert(walker);
        }
        self.groups[group].commits.push((self.step, maker));
    }

    fn renew(&mut self, group: usize) {
        let members = self.groups[group].members.clone();
        let Some(walker) = self.one_of(members.into_iter().filter(|walker| *walker >= 2)) else {
            return;
        };
        self.maybe_read(group, walker);
        self.note("renew", format!("{group} by {walker}"));
        let Party::Ours(ours) = &self.parties[walker] else {
            panic!("{walker} is not ours")
        };
        ours.update_keys(&self.groups[group].id);
        self.groups[group].commits.push((self.step, walker));
    }

    /// A member like others tries to remove the maker.
    fn overreach(&mut self, group: usize) {
        let known = &self.groups[group];
        let (maker, admins) = (known.maker, known.admins.clone());
        let plain = known
            .members
            .clone()
            .into_iter()
            .filter(|one| *one != maker && !admins.contains(one));
        let Some(walker) = self.one_of(plain) else { return };
        self.read(walker);
        self.note("overreach", format!("in {group} by {walker}"));
        let id = self.groups[group].id.clone();
        let before = self.parties[maker].roles(&id);
        let tried = self.parties[walker].try_remove(&id, self.id(maker));
        assert!(
            tried.is_err(),
            "{} removed {}",
            self.parties[walker],
            self.parties[maker]
        );
        self.read(maker);
        assert!(
            self.parties[maker].roles(&id).contains_key(self.id(maker)),
            "{before:?}"
        );
        self.groups[group].commits.push((self.step, walker));
    }

    /// All members at once: at most two name the group, for the SDK gives up after three lost races, the others say
    /// something.
    fn race(&mut self, group: usize) {
        let members: Vec<usize> = self.groups[group].members.iter().copied().collect();
        for walker in &members {
            self.read(*walker);
        }
        let first = self.below(members.len());
        let renames: BTreeSet<usize> = members.iter().cycle().skip(first).take(2).copied().collect();
        self.note("race", format!("in {group} of {members:?}, {renames:?} name it"));
        let (id, step, begin) = (&self.groups[group].id, self.step, Barrier::new(members.len()));
        let sent: Vec<_> = std::thread::scope(|scope| {
            let runners: Vec<_> = members
                .iter()
                .map(|walker| {
                    let (party, begin, renames) = (&self.parties[*walker], &begin, &renames);
                    scope.spawn(move || {
                        let text = format!("{step} by {walker}");
                        begin.wait();
                        let (said, done) = if renames.contains(walker) {
                            (None, party.try_rename(id, &text).map(drop))
                        } else {
                            let sent = party.try_send(id, &text);
                            (Some((*walker, sent.clone().ok(), text)), sent.map(drop))
                        };
                        // the SDK calls it a failure to be overtaken, and does it all the same later
                        let excused = matches!(party, Party::Official(_));
                        assert!(done.is_ok() || excused, "{party}: {done:?}");
                        said
                    })
                })
                .collect();
            runners.into_iter().map(|runner| runner.join().unwrap()).collect()
        });
        for (walker, id, text) in sent.into_iter().flatten() {
            self.was_sent(group, walker, id, text);
            if let Some(sent) = self.groups[group].sent.last_mut() {
                sent.raced = true;
            }
        }
        let group = &mut self.groups[group];
        group.name = None;
        group.commits.extend(members.iter().map(|walker| (step, *walker)));
    }

    /// Says something to one alone, in the DM of the two.
    fn whisper(&mut self, walker: usize) {
        let Some(peer) = self.one_of((0..WALKERS).filter(|peer| *peer != walker)) else {
            return;
        };
        if self.below(2) == 0 {
            self.read(walker);
        }
        self.note("whisper", format!("to {peer} by {walker}"));
        let text = format!("{} by {walker}", self.step);
        let dm = self.parties[walker].new_dm(self.id(peer));
        self.parties[walker].send(&dm, &text);
        let pair = (walker.min(peer), walker.max(peer));
        self.whispers.entry(pair).or_default().insert(text);
    }

    /// One of ours is killed and starts again.
    fn restart(&mut self) {
        let walker = 2 + self.below(2);
        self.note("restart", format!("of {walker}"));
        let Party::Ours(ours) = self.parties[walker].clone() else {
            panic!("{walker} is not ours")
        };
        self.parties[walker] = ours.restarted().into();
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "walk {}:\n{}", self.seed, self.log.join("\n"));
        }
    }
}
