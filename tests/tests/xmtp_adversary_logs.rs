//! Identity logs that lie: a node tells everybody of an entry by which an installation comes into an inbox, and the entry
//! breaks a rule. A member adds that installation to a group, and welcomes guests to groups in which it is. Nobody lets it
//! in, ours for the reason that the log is invalid, and all go on with one another.
//!
//! With official clients the tests need the SDKs ([`Sdk::find`]): they are skipped without them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::{convert::Infallible, sync::Arc};

use chancery_base::ErrorCode as _;
use chancery_tests::{
    skip,
    xmtp::{
        Client as Official, Driver, Generation, Liar, Sdk, arrives,
        hostile::{Draft, Insider, Lie, lies, register},
    },
};
use chancery_xmtp_client::{
    client::{Client, Message},
    group::{GroupState, with_membership},
    network::{Grpc, NodeApi},
};
use chancery_xmtp_wire::{
    content::Content,
    group::PolicySet,
    identity::{AccountId, IdentityLog, IdentityUpdate, InboxId, InstallationKey, NoChain, Signature, SignerRole},
};
use openmls::group::GroupId;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A group by a member without scruples, in which a client of ours is, and somebody who says why we refuse what we refuse.
struct Stage {
    runtime: Runtime,
    liar: Liar,
    node: Arc<dyn NodeApi>,
    maker: Insider,
    witness: Insider,
    stranger: Insider,
    ours: Client,
}

/// An inbox of which the node lies.
struct Victim {
    owner: Insider,
    intruder: Insider,
    /// The last true entry.
    last: u64,
    /// The entry that is none.
    lie: u64,
}

impl Stage {
    fn set() -> Self {
        let runtime = Runtime::new().unwrap();
        let (liar, node, maker, witness, stranger, ours) = runtime.block_on(async {
            let liar = Liar::start().await;
            let node: Arc<dyn NodeApi> = Arc::new(Grpc::new(liar.url().parse().unwrap()).unwrap());
            let maker = Insider::register(&node, 1).await;
            let witness = Insider::register(&node, 2).await;
            let stranger = Insider::register(&node, 3).await;
            let ours = register(&node).await;
            (liar, node, maker, witness, stranger, ours)
        });
        Self {
            runtime,
            liar,
            node,
            maker,
            witness,
            stranger,
            ours,
        }
    }

    async fn last(&self, inbox: InboxId) -> u64 {
        *self.maker.entries(inbox).await.last().unwrap()
    }

    /// Who is in every group beside the maker.
    fn guests(&self, official: Option<&Official>) -> Vec<(InboxId, InstallationKey)> {
        let mut guests = vec![
            (self.witness.inbox(), self.witness.key()),
            (self.ours.inbox(), self.ours.installation()),
        ];
        guests.extend(official.map(|one| (one.inbox_id().parse().unwrap(), one.installation_key())));
        guests
    }

    /// A group of the maker, the witness, our client and an official one if there is one.
    async fn group(&self, official: Option<&Official>) -> GroupId {
        let mut state = GroupState::new_group(self.maker.inbox(), PolicySet::all_members());
        state
            .membership
            .members
            .insert(self.maker.inbox(), self.last(self.maker.inbox()).await);
        let mut leaves = Vec::new();
        for (inbox, key) in self.guests(official) {
            state.membership.members.insert(inbox, self.last(inbox).await);
            leaves.push(self.maker.fetch(key).await);
        }
        let group = self.maker.create(&state);
        let draft = Draft::context(state.extensions().unwrap()).adding(leaves.clone());
        let made = self.maker.commit(&group, draft);
        self.maker.send(made.commit).await;
        self.maker.merge(&group);
        let cursor = self.maker.cursor(&group).await;
        self.maker.welcome(made.welcome.unwrap(), &leaves, cursor).await;
        self.witness.join().await;
        self.ours.sync().await.unwrap();
        group
    }

    /// Somebody new, and what the node lies of him.
    async fn victim(&self, number: u64, lie: &Lie) -> Victim {
        let owner = Insider::register(&self.node, 1000 + number).await;
        let intruder = owner.unknown(2000 + number);
        let last = self.last(owner.inbox()).await;
        let entry = (lie.entry)(&owner.burglary(&intruder, &self.stranger));
        self.liar.lie(owner.inbox(), last + 1, &entry);
        Victim {
            owner,
            intruder,
            last,
            lie: last + 1,
        }
    }

    /// The commit by which the victim comes as of the lie, the intruder with it; or as of the truth, and alone.
    fn adds(&self, group: &GroupId, victim: &Victim, lying: bool) -> Draft {
        let context = self.maker.look(group, |group| {
            let mut membership = GroupState::of(group).unwrap().membership;
            let entry = if lying { victim.lie } else { victim.last };
            membership.members.insert(victim.owner.inbox(), entry);
            with_membership(group.extensions(), &membership).unwrap()
        });
        let draft = Draft::context(context).adding([victim.owner.key_package()]);
        if lying {
            draft.adding([victim.intruder.key_package()])
        } else {
            draft
        }
    }

    /// Sends that commit, which the maker takes back if it is the lie; what our rules say of it.
    async fn try_on(&self, group: &GroupId, victim: &Victim, lying: bool) -> Result<(), String> {
        let before = self.maker.cursor(group).await;
        let made = self.maker.commit(group, self.adds(group, victim, lying));
        let judged = self.witness.judge(group, &made.commit).await;
        self.maker.send(made.commit).await;
        if lying {
            self.maker.forget(group);
        } else {
            self.maker.merge(group);
            self.witness.catch_up(group, before).await;
        }
        judged.map(|_| ()).map_err(|error| match error {
            Some(error) => error.code().to_owned(),
            None => "openmls".to_owned(),
        })
    }

    /// What our rules say of a welcome to a group in which the victim is, as of the lie or of the truth.
    async fn invite(&self, victim: &Victim, lying: bool) -> (GroupId, Result<(), &'static str>) {
        let group = self.send_invitation(victim, lying, None).await;
        (group, self.witness.consider().await.map(|_| ()))
    }

    /// Sends such a welcome to all guests.
    async fn send_invitation(&self, victim: &Victim, lying: bool, official: Option<&Official>) -> GroupId {
        let mut state = GroupState::new_group(self.maker.inbox(), PolicySet::all_members());
        let members = &mut state.membership.members;
        members.insert(self.maker.inbox(), self.last(self.maker.inbox()).await);
        let mut leaves = Vec::new();
        for (inbox, key) in self.guests(official) {
            members.insert(inbox, self.last(inbox).await);
            leaves.push(self.maker.fetch(key).await);
        }
        members.insert(victim.owner.inbox(), if lying { victim.lie } else { victim.last });
        let mut others = vec![victim.owner.key_package()];
        if lying {
            others.push(victim.intruder.key_package());
        }
        let group = self.maker.create(&state);
        let draft = Draft::context(state.extensions().unwrap())
            .adding(leaves.clone())
            .adding(others);
        let made = self.maker.commit(&group, draft);
        self.maker.send(made.commit).await;
        self.maker.merge(&group);
        self.maker.welcome(made.welcome.unwrap(), &leaves, 0).await;
        group
    }
}

/// What our replay of a log says of its last entry.
fn fault(log: &[IdentityUpdate], inbox: InboxId) -> String {
    let mut replayed = IdentityLog::new(inbox);
    for (number, entry) in (1..).zip(log) {
        let verified = match entry.verify(&NoChain) {
            Ok(verified) => verified,
            Err(error) => return format!("{error:?}"),
        };
        if let Err(error) = replayed.append(number, verified) {
            return format!("{error:?}");
        }
    }
    "none".into()
}

fn hex(group: &GroupId) -> String {
    group.as_slice().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(client: &Client, group: &GroupId) -> Vec<String> {
    let text = |message: &Message| match Content::decode(message.content.as_ref()?).ok()? {
        Content::Text(text) => Some(text),
        _ => None,
    };
    client.messages(group).unwrap().iter().filter_map(text).collect()
}

#[test]
fn each_lie_breaks_its_rule_and_the_same_entry_without_the_fault_none() {
    let stage = Stage::set();
    stage.runtime.block_on(async {
        for (number, lie) in (0..).zip(lies()) {
            let owner = Insider::register(&stage.node, 1000 + number).await;
            let intruder = owner.unknown(2000 + number);
            let who = owner.burglary(&intruder, &stage.stranger);
            let mut log: Vec<_> = owner.log().await.into_iter().map(|entry| entry.update).collect();
            log.push(who.honest());
            assert_eq!(fault(&log, owner.inbox()), "none");
            *log.last_mut().unwrap() = (lie.entry)(&who);
            let found = fault(&log, owner.inbox());
            assert!(found.contains(lie.rule), "{}: {found}", lie.name);
        }
    });
}

#[test]
fn who_comes_by_a_lie_is_not_let_in_and_our_client_goes_on() {
    let stage = Stage::set();
    stage.runtime.block_on(async {
        let group = stage.group(None).await;
        for (number, lie) in (0..).zip(lies()) {
            let victim = stage.victim(number, &lie).await;
            let epoch = stage.ours.debug(&group).unwrap().epoch;
            let refused = stage.try_on(&group, &victim, true).await;
            assert_eq!(refused, Err("XMTP_COMMIT_IDENTITY_LOG".into()), "{}", lie.name);
            stage.ours.sync().await.unwrap();
            assert_eq!(stage.ours.debug(&group).unwrap().epoch, epoch, "{}", lie.name);

            let (hostile, refused) = stage.invite(&victim, true).await;
            assert_eq!(refused, Err("XMTP_JOIN_IDENTITY_LOG"), "{}", lie.name);
            let (honest, followed) = stage.invite(&victim, false).await;
            assert_eq!(followed, Ok(()), "{}", lie.name);
            stage.ours.sync().await.unwrap();
            assert!(stage.ours.conversation(&hostile).is_err(), "{}", lie.name);
            assert!(stage.ours.conversation(&honest).is_ok(), "{}", lie.name);

            // up to where the log is true he is who he is
            assert_eq!(stage.try_on(&group, &victim, false).await, Ok(()), "{}", lie.name);
            stage.ours.sync().await.unwrap();
            assert_eq!(stage.ours.debug(&group).unwrap().epoch, epoch + 1, "{}", lie.name);
            let members = stage.ours.members(&group).unwrap();
            let member = members.iter().find(|member| member.inbox == victim.owner.inbox());
            assert_eq!(member.unwrap().installations, [victim.owner.key()], "{}", lie.name);
        }
        stage.maker.send(stage.maker.say(&group, "still here")).await;
        stage.ours.sync().await.unwrap();
        assert_eq!(texts(&stage.ours, &group), ["still here"]);
    });
}

/// The entry without fault, but that a contract vouches, whom only somebody with access to a chain could ask.
fn by_a_contract() -> Lie {
    Lie {
        name: "a contract vouches",
        rule: "ChainUnavailable",
        entry: |who| {
            let honest = who.honest();
            let signed = honest.try_map(|role, signature| {
                Ok::<_, Infallible>(match role {
                    SignerRole::ExistingMember => Signature::Erc6492 {
                        account: AccountId {
                            chain_id: 1,
                            address: who.owner.address(),
                        },
                        block_number: 7,
                        signature: vec![7; 65],
                    },
                    _ => signature.clone(),
                })
            });
            signed.unwrap()
        },
    }
}

#[test]
fn a_log_that_cannot_be_verified_here_keeps_no_other_welcome_from_being_followed() {
    let stage = Stage::set();
    stage.runtime.block_on(async {
        let victim = stage.victim(0, &by_a_contract()).await;
        let mut log: Vec<_> = victim.owner.log().await.into_iter().map(|entry| entry.update).collect();
        assert_eq!(fault(&log.split_off(1), victim.owner.inbox()), "ChainUnavailable");
        // up to where it can be verified he is who he is
        let honest = stage.send_invitation(&victim, false, None).await;
        let unknown = stage.send_invitation(&victim, true, None).await;
        let other = stage.group(None).await;
        stage.ours.sync().await.unwrap();
        assert!(stage.ours.conversation(&unknown).is_err());
        assert!(stage.ours.conversation(&honest).is_ok());
        assert!(stage.ours.conversation(&other).is_ok());
    });
}

fn agrees_with(generation: Generation) {
    let Some(sdk) = Sdk::find() else {
        skip!("{}", Sdk::MISSING);
    };
    let stage = Stage::set();
    let dir = tempfile::tempdir().unwrap();
    let driver = Driver::start(&sdk, generation, &stage.liar.url(), dir.path());
    let mut apart = Vec::new();
    for (number, lie) in (0..).zip(lies()) {
        let name = lie.name;
        let judge = driver.client(&format!("judge {number}"));
        let group = stage.runtime.block_on(stage.group(Some(&judge)));
        let conversation = hex(&group);
        arrives(&judge, &conversation);
        let sync = || {
            // in some generations it is an error of the sync that a commit is refused
            let _ = judge.ask::<Value>("syncConversation", json!({ "conversation": conversation }));
            judge.debug(&conversation).epoch
        };
        let before = sync();
        let victim = stage.runtime.block_on(stage.victim(number, &lie));
        let refused = stage.runtime.block_on(stage.try_on(&group, &victim, true));
        let then = sync();
        let taken = stage.runtime.block_on(stage.try_on(&group, &victim, false));
        let after = sync();
        let said = stage.maker.say(&group, "still here");
        stage.runtime.block_on(stage.maker.send(said));
        sync();
        let heard = judge.texts(&conversation);
        let found = (
            refused.is_err(),
            then - before,
            taken.is_ok(),
            after - then,
            heard.len(),
        );
        if found != (true, 0, true, 1, 1) {
            apart.push(format!("{name}: {found:?}, {:?}", judge.debug(&conversation)));
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}

#[test]
fn the_official_member_of_generation_five_does_not_let_the_intruder_in_either() {
    agrees_with(Generation::Five);
}

#[test]
fn the_official_member_of_generation_six_does_not_let_the_intruder_in_either() {
    agrees_with(Generation::Six);
}
