//! What must be so at the end of the walk.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
};

use chancery_tests::{
    wait,
    xmtp::{Envelope, Generation, Party, Said, all_agree},
};

use super::{
    WALKERS, Walk,
    group::{Group, Sent},
};

impl Walk {
    pub(crate) fn end(&mut self) {
        self.step += 1;
        for group in 0..self.groups.len() {
            self.settle(group);
        }
        for ((one, other), texts) in &self.whispers {
            for (walker, peer) in [(*one, *other), (*other, *one)] {
                let party = &self.parties[walker];
                party.sync_all();
                let has: BTreeSet<String> = party.texts(&party.new_dm(self.id(peer))).into_iter().collect();
                assert_eq!(has, *texts, "{party} with {}", self.parties[peer]);
            }
        }
        let (seed, counts, excused) = (self.seed, &self.counts, self.excused);
        let _ = writeln!(std::io::stderr(), "walk {seed}: {counts:?}, excused: {excused}");
    }

    /// Lets all in again, and looks whether they have the same.
    fn settle(&mut self, group: usize) {
        let maker = self.groups[group].maker;
        while self.groups[group].members.len() < WALKERS {
            self.step += 1;
            self.add(group, maker);
        }
        self.step += 1;
        let id = self.groups[group].id.clone();
        for walker in 0..WALKERS {
            wait::until(&format!("{} to be in group {group}", self.parties[walker]), || {
                self.parties[walker].sync_all();
                self.parties[walker].is_active(&id).then_some(())
            });
            self.read(walker);
            self.say(group, walker);
        }
        all_agree(&self.parties.iter().collect::<Vec<_>>(), &id);
        self.has_one_name_and_roles(group);
        self.excused += self.has_all_texts(group);
    }

    fn has_one_name_and_roles(&self, group: usize) {
        let group = &self.groups[group];
        let names: BTreeSet<String> = self.parties.iter().map(|party| party.group_name(&group.id)).collect();
        match &group.name {
            Some(name) => assert_eq!(names, [name.clone()].into()),
            None => assert_eq!(names.len(), 1, "{names:?}"),
        }
        let role = |walker: usize| match walker {
            walker if walker == group.maker => "superAdmin",
            walker if group.admins.contains(&walker) => "admin",
            _ => "member",
        };
        let roles: BTreeMap<String, String> = (0..WALKERS)
            .map(|walker| (self.id(walker).to_owned(), role(walker).to_owned()))
            .collect();
        assert_eq!(self.parties[group.maker].roles(&group.id), roles);
    }

    /// Looks whether each has what it must, nothing else, and in one order. How many texts were excused?
    fn has_all_texts(&self, group: usize) -> usize {
        let group = &self.groups[group];
        let envelopes = self.net.envelopes(&group.id);
        let said: Vec<Vec<Said>> = self.parties.iter().map(|party| party.said(&group.id)).collect();
        // who made it was there all the time
        let all = &said[group.maker];
        let sent: BTreeSet<&str> = group.sent.iter().map(|sent| sent.said.text.as_str()).collect();
        let raced: BTreeSet<&str> = group
            .sent
            .iter()
            .filter(|sent| sent.raced)
            .map(|sent| sent.said.text.as_str())
            .collect();
        let mut excused = 0;
        for (walker, party) in self.parties.iter().enumerate() {
            let has = &said[walker];
            let texts: BTreeSet<&str> = has.iter().map(|said| said.text.as_str()).collect();
            assert_eq!(has.len(), texts.len(), "{party} has some twice");
            assert!(texts.is_subset(&sent), "{party} has more than was sent");
            let one_by_one = |said: &[Said], other: &[Said]| -> Vec<Said> {
                let one_by_one = |said: &&Said| other.contains(said) && !raced.contains(said.text.as_str());
                said.iter().filter(one_by_one).cloned().collect()
            };
            assert_eq!(one_by_one(has, all), one_by_one(all, has), "{party}");
            for sent in &group.sent {
                // a client that was told of a failure may send it all the same later: then it has it as sent
                let of_sender = said[sent.walker].iter().find(|said| said.text == sent.said.text);
                let known = if sent.sure { Some(&sent.said) } else { of_sender };
                let Some(one) = known else { continue };
                let there = has.contains(one);
                let was_in = sent.members.contains(&walker);
                assert!(!there || was_in || !sent.fresh, "{party} reads {one:?}");
                if !was_in || group.joined[walker] > sent.known_since {
                    continue;
                }
                if self.cannot_read(walker, group, sent, one, &envelopes) {
                    assert!(
                        !there,
                        "{party} reads {one:?}, which was overtaken behind an empty leaf"
                    );
                    excused += 1;
                } else {
                    assert!(there, "{party} lacks {one:?}");
                }
            }
        }
        excused
    }

    /// Whether that text was overtaken behind an empty leaf, and the walker cannot read such.
    fn cannot_read(&self, walker: usize, group: &Group, sent: &Sent, said: &Said, envelopes: &[Envelope]) -> bool {
        let Party::Official(client) = &self.parties[walker] else {
            return false;
        };
        if client.driver().generation() > Generation::Five || sent.walker == walker {
            return false;
        }
        let sent_ns = self.parties[sent.walker].sent_ns(&group.id, &said.id);
        let envelope = envelopes.iter().find(|envelope| Some(envelope.sent_ns) == sent_ns);
        envelope.is_some_and(|envelope| {
            group.is_behind_an_empty_leaf(sent.walker, envelope.epoch) && client.was_overtaken(&group.id, envelope)
        })
    }
}
