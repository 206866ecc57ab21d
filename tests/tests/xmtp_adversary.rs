//! The official XMTP SDK as the judge of our rules: a hostile member sends each commit of the catalogue into a group with
//! an official member, and the official member takes what we take, and passes over what we refuse.
//!
//! Needs the SDKs ([`Sdk::find`]): the tests are skipped without them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use chancery_base::ErrorCode as _;
use chancery_tests::{
    skip,
    xmtp::{
        Client, Generation, Sdk, arrives,
        hostile::{Attempt, Court, Draft, Moved, Verdict, Who, World, catalogue, fatal, motions},
    },
};
use chancery_xmtp_client::commit::{Effect, Rule};
use chancery_xmtp_wire::{
    content::{Content, MessageId},
    group::field,
};
use openmls::group::GroupId;
use serde_json::{Value, json};

/// A world with an official guest.
struct Stage {
    world: World,
    conversation: String,
}

struct Trial {
    court: Court,
    judge: Client,
    worlds: u64,
}

impl Trial {
    fn open(generation: Generation) -> Option<Self> {
        let court = Court::open()?;
        let judge = court.net.driver(generation).client("judge");
        Some(Self {
            court,
            judge,
            worlds: 0,
        })
    }

    fn stage(&mut self) -> Stage {
        self.worlds += 1;
        let inbox = self.judge.inbox_id().parse().unwrap();
        let guest = [(inbox, self.judge.installation_key())];
        let mut conversation = String::new();
        // who comes new to a group looks for installations that are missing, once
        let settle = |group: &GroupId| {
            conversation = hex(group.as_slice());
            arrives(&self.judge, &conversation);
        };
        let world = World::make(&self.court.node, self.worlds, &guest, settle);
        let world = self.court.runtime.block_on(world);
        Stage { world, conversation }
    }

    /// Sends a commit; what our rules say of it, and whether the official member took it. If both do, they tell the same of
    /// it.
    fn try_on(&self, stage: &Stage, attempt: Attempt) -> (Result<(), String>, bool) {
        let world = &stage.world;
        let by = world.who(attempt.by);
        let made = by.commit(&world.group, attempt.draft);
        let ours = self
            .court
            .runtime
            .block_on(world.stale.judge(&world.group, &made.commit));
        let before = self.judge.debug(&stage.conversation).epoch;
        self.court.runtime.block_on(by.send(made.commit));
        // in some generations it is an error of the sync that a commit is refused
        let _ = self
            .judge
            .ask::<Value>("syncConversation", json!({ "conversation": stage.conversation }));
        let after = self.judge.debug(&stage.conversation);
        assert!(!after.maybe_forked, "{}", after.fork_details);
        let taken = match after.epoch - before {
            0 => false,
            1 => true,
            more => panic!("{more} epochs at once"),
        };
        if !taken {
            by.forget(&world.group);
        }
        if let (Ok(accepted), true) = (&ours, taken) {
            self.tells(stage, &accepted.effect);
        }
        let ours = ours.map(|_| ()).map_err(|error| match error {
            Some(error) => error.code().to_owned(),
            None => "openmls".to_owned(),
        });
        (ours, taken)
    }

    /// The official member has recorded what we would record, byte for byte: its id is a hash of it. It says nothing where we
    /// say nothing.
    fn tells(&self, stage: &Stage, effect: &Effect) {
        let world = &stage.world;
        let sent = self.court.runtime.block_on(world.maker.messages(&world.group, 0));
        let created_ns = sent.last().unwrap().created_ns;
        let content = Content::GroupUpdated(effect.to_group_updated(&[]))
            .encode()
            .unwrap()
            .encode();
        let id = MessageId::of(world.group.as_slice(), &created_ns.to_string(), &content);
        let told = self.judge.messages(&stage.conversation);
        let found = told.iter().any(|message| message.id == hex(&id.to_bytes()));
        assert_eq!(found, !effect.is_empty(), "{effect:?}: {:?}", told.last());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every commit, and the same without the fault, by another member if need be: after a commit that was refused the group
/// goes on in the epoch in which it was.
fn agrees_with(generation: Generation, but_takes: &[&str]) {
    let Some(mut trial) = Trial::open(generation) else {
        skip!("{}", Sdk::MISSING);
    };
    let mut apart = Vec::new();
    let mut stage = trial.stage();
    for case in catalogue() {
        let (ours, theirs) = trial.try_on(&stage, (case.attempt)(&stage.world));
        if (ours.is_ok() || but_takes.contains(&case.name)) != theirs {
            let name = case.name;
            apart.push(format!(
                "{name}: {ours:?} with us, taken by the official member: {theirs}"
            ));
        }
        if theirs {
            stage = trial.stage();
        }
        let (ours, theirs) = trial.try_on(&stage, (case.honest)(&stage.world));
        if ours.is_err() || !theirs {
            let name = case.name;
            apart.push(format!(
                "{name}, without the fault: {ours:?} with us, taken by the official member: {theirs}"
            ));
        }
        stage = trial.stage();
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}

/// We refuse the commit by which a group loses what it is. Official clients take it, and with that lose the group: whoever is
/// left goes on without them.
#[test]
fn a_group_that_is_nothing_any_more_cannot_be_opened_by_the_official_member_and_goes_on_for_us() {
    let Some(mut trial) = Trial::open(Generation::Five) else {
        skip!("{}", Sdk::MISSING);
    };
    let stage = trial.stage();
    let world = &stage.world;
    let attempt = (fatal().attempt)(world);
    let by = world.who(attempt.by);
    let made = by.commit(&world.group, attempt.draft);
    by.forget(&world.group);
    let judged = trial
        .court
        .runtime
        .block_on(world.stale.judge(&world.group, &made.commit));
    assert_eq!(judged, Err(Some(Rule::Context.into())));
    let open = json!({ "conversation": stage.conversation });
    assert!(trial.judge.ask::<Value>("debug", open.clone()).is_ok());
    trial.court.runtime.block_on(by.send(made.commit));
    let _ = trial.judge.ask::<Value>("syncConversation", open.clone());
    assert!(trial.judge.ask::<Value>("debug", open).is_err());

    let next = world.maker.commit(&world.group, Draft::default());
    let judged = trial
        .court
        .runtime
        .block_on(world.stale.judge(&world.group, &next.commit));
    assert!(judged.is_ok(), "{judged:?}");
}

/// Sends proposals that stand alone and a commit that names them: what our rules would say of it if we kept such proposals,
/// and whether the official member took it. As we are, we cannot even read it.
fn move_and_commit(trial: &mut Trial, make: fn(&World) -> Moved) -> (Verdict, bool) {
    let Stage { world, conversation } = trial.stage();
    let Moved { proposals, by, path } = make(&world);
    let by = world.who(by);
    by.hear(&world.group, &proposals);
    let commit = by.commit_heard(&world.group, path).commit;
    let runtime = &trial.court.runtime;
    assert_eq!(runtime.block_on(world.stale.judge(&world.group, &commit)), Err(None));
    let judged = runtime.block_on(world.stale.judge_keeping(&world.group, &proposals, &commit));
    let verdict = match judged {
        Ok(_) => Verdict::Accepted,
        Err(Some(error)) => Verdict::Refused(error.code()),
        Err(None) => Verdict::Refused("openmls"),
    };
    let before = trial.judge.debug(&conversation).epoch;
    for message in proposals.into_iter().chain([commit]) {
        runtime.block_on(by.send(message));
        let open = json!({ "conversation": conversation });
        let _ = trial.judge.ask::<Value>("syncConversation", open);
    }
    let after = trial.judge.debug(&conversation);
    assert!(!after.maybe_forked, "{}", after.fork_details);
    (verdict, after.epoch > before)
}

/// Every motion, and the same without the fault: `takes` are those of which the official member takes the latter.
fn agrees_on_motions_with(generation: Generation, takes: &[&str]) {
    let Some(mut trial) = Trial::open(generation) else {
        skip!("{}", Sdk::MISSING);
    };
    let mut apart = Vec::new();
    for motion in motions() {
        let name = motion.name;
        let (ours, theirs) = move_and_commit(&mut trial, motion.attempt);
        if ours != motion.verdict || theirs {
            apart.push(format!(
                "{name}: {ours:?} with us, taken by the official member: {theirs}"
            ));
        }
        let (ours, theirs) = move_and_commit(&mut trial, motion.honest);
        if ours != Verdict::Accepted || theirs != takes.contains(&name) {
            apart.push(format!(
                "{name}, without the fault: {ours:?} with us, taken by the official member: {theirs}"
            ));
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}

/// As 1.9.1 we keep no proposals.
#[test]
fn a_commit_that_names_proposals_is_passed_over_by_the_official_member_of_generation_five_and_by_us() {
    agrees_on_motions_with(Generation::Five, &[]);
}

/// 1.11.0-dev, a version that we do not claim, takes a commit that names the proposal of another context, if that breaks no
/// rule, and we pass over it. One that names proposals to add, remove or renew leaves it does not take either.
#[test]
fn a_commit_that_names_proposals_is_taken_by_the_official_member_of_generation_six_if_they_rename_the_group() {
    agrees_on_motions_with(Generation::Six, &["an admin proposes a name, a member commits"]);
}

/// By an external commit, for which a member gave away what the group is.
fn keeps_out(generation: Generation) {
    let Some(mut trial) = Trial::open(generation) else {
        skip!("{}", Sdk::MISSING);
    };
    let stage = trial.stage();
    let world = &stage.world;
    let commit = world.stranger.enters(&world.maker.group_info(&world.group));
    let runtime = &trial.court.runtime;
    let judged = runtime.block_on(world.stale.judge(&world.group, &commit));
    assert_eq!(judged, Err(Some(Rule::ProposerNotMember.into())));
    let before = trial.judge.debug(&stage.conversation).epoch;
    runtime.block_on(world.stranger.send(commit));
    let open = json!({ "conversation": stage.conversation });
    let _ = trial.judge.ask::<Value>("syncConversation", open);
    assert_eq!(trial.judge.debug(&stage.conversation).epoch, before);

    // and the group goes on
    let honest = Attempt {
        by: Who::Admin,
        draft: Draft::context(world.field(field::GROUP_NAME, "renamed")),
    };
    assert_eq!(trial.try_on(&stage, honest), (Ok(()), true));
}

#[test]
fn who_enters_by_itself_is_kept_out_by_the_official_member_of_generation_five_and_by_us() {
    keeps_out(Generation::Five);
}

#[test]
fn who_enters_by_itself_is_kept_out_by_the_official_member_of_generation_six_and_by_us() {
    keeps_out(Generation::Six);
}

#[test]
fn the_official_member_of_generation_five_takes_what_we_take_and_nothing_else() {
    agrees_with(Generation::Five, &[]);
}

/// libxmtp 1.11.0-dev does not look at the credential in a committer's new leaf; 1.9.1 does, and so do we.
#[test]
fn the_official_member_of_generation_six_takes_what_we_take_and_any_name_in_a_committers_leaf() {
    let names = [
        "a leaf names nobody",
        "a member says that it is the maker",
        "a member says that it is a stranger",
    ];
    agrees_with(Generation::Six, &names);
}
