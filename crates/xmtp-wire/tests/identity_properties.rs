//! What holds for every log: it is what a simpler model says, and no byte of what is signed can be changed.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod people;

use std::collections::{BTreeMap, BTreeSet};

use chancery_xmtp_wire::{
    identity::{AssociationState, IdentityLog, IdentityUpdate, MemberIdentifier, NoChain},
    proto::identity::associations as proto,
};
use people::{Signed, Signer, add, change_recovery, create, inbox_of, installation, members, revoke, signed, wallet};
use proptest::prelude::*;
use prost::Message as _;

/// What somebody tries: the numbers are people, those below 4 wallets, the others installations.
#[derive(Debug, Clone, Copy)]
enum Try {
    Add(usize, usize),
    Revoke(usize, usize),
    ChangeRecovery(usize, usize),
    /// The update of this place in the log once more, its signatures with it.
    Again(usize),
}

fn tries() -> impl Strategy<Value = Vec<Vec<Try>>> {
    let one = prop_oneof![
        6 => (0..8_usize, 0..8_usize).prop_map(|(by, who)| Try::Add(by, who)),
        3 => (0..4_usize, 0..8_usize).prop_map(|(by, who)| Try::Revoke(by, who)),
        1 => (0..4_usize, 0..4_usize).prop_map(|(by, who)| Try::ChangeRecovery(by, who)),
        1 => (0..8_usize).prop_map(Try::Again),
    ];
    prop::collection::vec(prop::collection::vec(one, 1..4), 0..24)
}

/// An inbox as one would explain it: who is in, who brought them, who may throw out.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    brought_by: BTreeMap<usize, Option<usize>>,
    recovery: usize,
}

impl Model {
    /// Whether it is allowed; then it is done.
    fn tries(&mut self, attempt: Try) -> bool {
        match attempt {
            Try::Add(by, who) => {
                let vouches = self.brought_by.contains_key(&by) || by == self.recovery;
                let allowed = vouches && by != who && !(by >= 4 && who >= 4);
                if allowed {
                    self.brought_by.insert(who, Some(by));
                }
                allowed
            }
            Try::Revoke(by, who) => {
                if by == self.recovery {
                    self.brought_by.remove(&who);
                    self.brought_by
                        .retain(|child, parent| *child < 4 || *parent != Some(who));
                }
                by == self.recovery
            }
            Try::ChangeRecovery(by, who) => {
                let allowed = by == self.recovery;
                if allowed {
                    self.recovery = who;
                }
                allowed
            }
            Try::Again(_) => false,
        }
    }
}

fn people() -> Vec<Signer> {
    (0..4).map(|n| wallet(n + 1)).chain((4..8).map(installation)).collect()
}

fn action<'a>(people: &'a [Signer], attempt: Try) -> Option<Signed<'a>> {
    match attempt {
        Try::Add(by, who) => Some(add(&people[by], &people[who])),
        Try::Revoke(by, who) => Some(revoke(&people[by], &people[who])),
        Try::ChangeRecovery(by, who) => Some(change_recovery(&people[by], &people[who])),
        Try::Again(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_log_is_what_the_model_says(updates in tries()) {
        let people = people();
        let inbox = inbox_of(&people[0]);
        let mut log = IdentityLog::new(inbox);
        let mut published = vec![signed(inbox, 1, &[create(&people[0])])];
        log.append(1, published[0].verify(&NoChain).unwrap()).unwrap();
        let mut model = Model { brought_by: BTreeMap::from([(0, None)]), recovery: 0 };
        for (at, tries) in (2..).zip(updates) {
            let again = tries.iter().find_map(|attempt| match attempt {
                Try::Again(place) => Some(published[place % published.len()].clone()),
                _ => None,
            });
            let mut next = model.clone();
            let allowed = tries.iter().all(|attempt| next.tries(*attempt));
            let update = again.unwrap_or_else(|| {
                let actions: Vec<_> = tries.iter().filter_map(|attempt| action(&people, *attempt)).collect();
                signed(inbox, at, &actions)
            });
            let outcome = log.append(at, update.verify(&NoChain).unwrap());
            prop_assert_eq!(outcome.is_ok(), allowed);
            if allowed {
                model = next;
                published.push(update);
            }
            let mut expected: Vec<_> = model.brought_by.keys().map(|who| people[*who].member()).collect();
            expected.sort();
            prop_assert_eq!(members(&log), expected);
            prop_assert_eq!(log.state().unwrap().recovery(), &people[model.recovery].identifier());
            for (who, by) in &model.brought_by {
                let entry = log.state().unwrap().member(&people[*who].member()).unwrap();
                prop_assert_eq!(entry.added_by.clone(), by.map(|by| people[by].member()));
            }
        }
        // read again from the bytes, and from any point of the log, it is the same
        let ids: Vec<_> = (1..=log.last_sequence_id()).filter(|id| log.state_at(*id).is_some()).collect();
        let mut state = None;
        for (id, update) in ids.iter().zip(&published) {
            let bytes = proto::IdentityUpdate::from(update).encode_to_vec();
            let read = IdentityUpdate::decode(&bytes).unwrap().verify(&NoChain).unwrap();
            state = Some(AssociationState::apply(state.as_ref(), &read).unwrap());
            prop_assert_eq!(&state, &log.state_at(*id));
        }
        // what lies between two states leads from one to the other
        for pair in ids.windows(2) {
            let members = |id| log.state_at(id).unwrap().members().map(|(member, _)| member.clone()).collect::<BTreeSet<MemberIdentifier>>();
            let diff = log.diff(pair[0], pair[1]).unwrap();
            let mut walked = members(pair[0]);
            walked.extend(diff.added);
            for member in &diff.removed {
                prop_assert!(walked.remove(member));
            }
            prop_assert_eq!(walked, members(pair[1]));
        }
    }
}

/// An inbox with a second wallet, and an update that does one of everything.
fn log_and_update() -> (IdentityLog, IdentityUpdate) {
    let (owner, second, keeper) = (wallet(1), wallet(2), wallet(3));
    let (phone, tablet) = (installation(1), installation(2));
    let mut log = people::opened_by(&owner);
    people::then(&mut log, &[add(&owner, &second), add(&second, &phone)]);
    let actions = [
        add(&second, &tablet),
        revoke(&owner, &phone),
        change_recovery(&owner, &keeper),
    ];
    let update = signed(log.inbox_id(), 3, &actions);
    (log, update)
}

/// What the log says to these bytes as its next entry.
fn outcome(log: &IdentityLog, bytes: &[u8]) -> Option<AssociationState> {
    let update = IdentityUpdate::decode(bytes).ok()?.verify(&NoChain).ok()?;
    log.admit(&update).ok()
}

#[test]
fn no_byte_of_a_signed_update_can_be_changed() {
    let (log, update) = log_and_update();
    let bytes = proto::IdentityUpdate::from(&update).encode_to_vec();
    let meant = outcome(&log, &bytes).unwrap();
    let mut harmless = 0;
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            let Some(state) = outcome(&log, &changed) else { continue };
            // the text has whole seconds: what lies below them is the sender's to choose, and nothing comes of it
            let read = IdentityUpdate::decode(&changed).unwrap();
            assert_eq!(read.signing_text(), update.signing_text(), "byte {at} ^ {flip:#x}");
            assert_eq!(
                people::members_of(&state),
                people::members_of(&meant),
                "byte {at} ^ {flip:#x}"
            );
            assert_eq!(state.recovery(), meant.recovery());
            harmless += 1;
        }
    }
    assert!(harmless < 40, "{harmless} changes of {} were taken", bytes.len() * 3);
}

proptest! {
    #[test]
    fn no_spoilt_update_is_taken(at: prop::sample::Index, cut in 0..9_usize, with in prop::collection::vec(any::<u8>(), 0..9)) {
        let (log, update) = log_and_update();
        let mut bytes = proto::IdentityUpdate::from(&update).encode_to_vec();
        let meant = outcome(&log, &bytes).unwrap();
        let from = at.index(bytes.len() + 1);
        let to = (from + cut).min(bytes.len());
        bytes.splice(from..to, with);
        if let Some(state) = outcome(&log, &bytes) {
            // only where nothing that is signed changed: a field that nobody knows, or the time below a second
            prop_assert_eq!(IdentityUpdate::decode(&bytes).unwrap().signing_text(), update.signing_text());
            prop_assert_eq!(people::members_of(&state), people::members_of(&meant));
        }
    }
}
