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

use std::sync::Arc;

use chancery_base::ErrorCode as _;
use chancery_tests::{
    skip,
    xmtp::{
        Client, Generation, Network, Sdk, arrives,
        hostile::{Attempt, Draft, Who, World, catalogue, fatal},
    },
};
use chancery_xmtp_client::{
    commit::{Effect, Rule},
    network::{Grpc, NodeApi},
};
use chancery_xmtp_wire::{
    content::{Content, MessageId},
    group::field,
    identity::InstallationKey,
};
use openmls::group::GroupId;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A world with an official guest.
struct Stage {
    world: World,
    conversation: String,
}

struct Court {
    runtime: Runtime,
    node: Arc<dyn NodeApi>,
    judge: Client,
    worlds: u64,
    _net: Network,
}

impl Court {
    fn open(generation: Generation) -> Option<Self> {
        let net = Network::start(Sdk::find()?);
        let judge = net.driver(generation).client("judge");
        let runtime = Runtime::new().unwrap();
        let endpoint = format!("http://{}", net.port().address()).parse().unwrap();
        let node = {
            let _inside = runtime.enter();
            Grpc::new(endpoint).unwrap()
        };
        Some(Self {
            runtime,
            node: Arc::new(node),
            judge,
            worlds: 0,
            _net: net,
        })
    }

    fn stage(&mut self) -> Stage {
        self.worlds += 1;
        let inbox = self.judge.inbox_id().parse().unwrap();
        let guest = [(inbox, installation(&self.judge))];
        let mut conversation = String::new();
        // who comes new to a group looks for installations that are missing, once
        let settle = |group: &GroupId| {
            conversation = hex(group.as_slice());
            arrives(&self.judge, &conversation);
        };
        let world = World::make(&self.node, self.worlds, &guest, settle);
        let world = self.runtime.block_on(world);
        Stage { world, conversation }
    }

    /// Sends a commit; what our rules say of it, and whether the official member took it. If both do, they tell the same of
    /// it.
    fn try_on(&self, stage: &Stage, attempt: Attempt) -> (Result<(), String>, bool) {
        let world = &stage.world;
        let by = world.who(attempt.by);
        let made = by.commit(&world.group, attempt.draft);
        let ours = self.runtime.block_on(world.stale.judge(&world.group, &made.commit));
        let before = self.judge.debug(&stage.conversation).epoch;
        self.runtime.block_on(by.send(made.commit));
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
        let sent = self.runtime.block_on(world.maker.messages(&world.group, 0));
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

fn installation(client: &Client) -> InstallationKey {
    let digits = client.installation_id().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
    InstallationKey::from_bytes(bytes.try_into().unwrap())
}

/// Every commit, and the same without the fault, by another member if need be: after a commit that was refused the group
/// goes on in the epoch in which it was.
fn agrees_with(generation: Generation, but_takes: &[&str]) {
    let Some(mut court) = Court::open(generation) else {
        skip!("{}", Sdk::MISSING);
    };
    let mut apart = Vec::new();
    let mut stage = court.stage();
    for case in catalogue() {
        let (ours, theirs) = court.try_on(&stage, (case.attempt)(&stage.world));
        if (ours.is_ok() || but_takes.contains(&case.name)) != theirs {
            let name = case.name;
            apart.push(format!(
                "{name}: {ours:?} with us, taken by the official member: {theirs}"
            ));
        }
        if theirs {
            stage = court.stage();
        }
        let (ours, theirs) = court.try_on(&stage, (case.honest)(&stage.world));
        if ours.is_err() || !theirs {
            let name = case.name;
            apart.push(format!(
                "{name}, without the fault: {ours:?} with us, taken by the official member: {theirs}"
            ));
        }
        stage = court.stage();
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}

/// We refuse the commit by which a group loses what it is. Official clients take it, and with that lose the group: whoever is
/// left goes on without them.
#[test]
fn a_group_that_is_nothing_any_more_cannot_be_opened_by_the_official_member_and_goes_on_for_us() {
    let Some(mut court) = Court::open(Generation::Five) else {
        skip!("{}", Sdk::MISSING);
    };
    let stage = court.stage();
    let world = &stage.world;
    let attempt = (fatal().attempt)(world);
    let by = world.who(attempt.by);
    let made = by.commit(&world.group, attempt.draft);
    by.forget(&world.group);
    let judged = court.runtime.block_on(world.stale.judge(&world.group, &made.commit));
    assert_eq!(judged, Err(Some(Rule::Context.into())));
    let open = json!({ "conversation": stage.conversation });
    assert!(court.judge.ask::<Value>("debug", open.clone()).is_ok());
    court.runtime.block_on(by.send(made.commit));
    let _ = court.judge.ask::<Value>("syncConversation", open.clone());
    assert!(court.judge.ask::<Value>("debug", open).is_err());

    let next = world.maker.commit(&world.group, Draft::default());
    let judged = court.runtime.block_on(world.stale.judge(&world.group, &next.commit));
    assert!(judged.is_ok(), "{judged:?}");
}

/// A proposal of its own is passed over, and so is a commit that names one rather than has it. libxmtp keeps proposals only
/// from the version on that we do not claim.
#[test]
fn a_commit_that_names_a_proposal_is_passed_over_by_the_official_member_and_by_us() {
    let Some(mut court) = Court::open(Generation::Five) else {
        skip!("{}", Sdk::MISSING);
    };
    let stage = court.stage();
    let world = &stage.world;
    let (proposal, commit) = world
        .maker
        .propose(&world.group, world.field(field::GROUP_NAME, "proposed"));
    let before = court.judge.debug(&stage.conversation).epoch;
    for message in [proposal, commit.clone()] {
        court.runtime.block_on(world.maker.send(message));
        let open = json!({ "conversation": stage.conversation });
        let _ = court.judge.ask::<Value>("syncConversation", open);
    }
    assert_eq!(court.judge.debug(&stage.conversation).epoch, before);
    let judged = court.runtime.block_on(world.stale.judge(&world.group, &commit));
    assert_eq!(judged, Err(None));

    // and the group goes on
    let honest = Attempt {
        by: Who::Admin,
        draft: Draft::context(world.field(field::GROUP_NAME, "renamed")),
    };
    assert_eq!(court.try_on(&stage, honest), (Ok(()), true));
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
