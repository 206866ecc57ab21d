//! Each rule of an inbox, broken by an update that breaks nothing else.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod people;

use std::convert::Infallible;

use chancery_xmtp_wire::identity::{
    AccountId, Action, AdmissionError, AssociationError, AssociationState, IdentityLog, InboxId, InstallationKey,
    MAX_ACTIONS, MAX_INSTALLATIONS, MAX_LOG_ACTIONS, MAX_UPDATES, MemberIdentifier, NoChain, Signature, Update,
    VerifiedUpdate,
};
use people::{
    Signed, Signer, add, change_recovery, contract, create, inbox_of, installation, members, members_of, opened_by,
    revoke, signed, then, these, verified, wallet,
};

/// What the next update with these actions is refused with, by readers and by a node alike.
fn refused(log: &IdentityLog, actions: &[Signed<'_>]) -> AssociationError {
    refused_update(log, verified(log.inbox_id(), log.last_sequence_id() + 1, actions))
}

fn refused_update(log: &IdentityLog, update: VerifiedUpdate) -> AssociationError {
    let mut log = log.clone();
    let (before, entries) = (log.state().cloned(), log.len());
    let admission = log.admit(&update).unwrap_err();
    assert_eq!(log.append(log.last_sequence_id() + 1, update).unwrap_err(), admission);
    assert_eq!((log.state(), log.len()), (before.as_ref(), entries), "nothing changed");
    match admission {
        AdmissionError::Association(error) => error,
        other => panic!("{other:?}"),
    }
}

/// What a node refuses and readers take.
fn not_admitted(log: &IdentityLog, actions: &[Signed<'_>]) -> AdmissionError {
    let update = verified(log.inbox_id(), log.last_sequence_id() + 1, actions);
    let error = log.admit(&update).unwrap_err();
    log.clone().append(log.last_sequence_id() + 1, update).unwrap();
    error
}

#[test]
fn the_creator_is_the_first_member_and_recovers() {
    let owner = wallet(1);
    let log = opened_by(&owner);
    assert_eq!(members(&log), these(&[&owner]));
    assert_eq!(log.state().unwrap().recovery(), &owner.identifier());
}

#[test]
fn one_signature_of_a_wallet_opens_an_inbox_and_adds_an_installation() {
    let (owner, phone) = (wallet(1), installation(1));
    let mut log = IdentityLog::new(inbox_of(&owner));
    then(&mut log, &[create(&owner), add(&owner, &phone)]);
    let entry = log.state().unwrap().member(&phone.member()).cloned().unwrap();
    assert_eq!(entry.added_by, Some(owner.member()));
    assert_eq!(entry.added_at_ns, Some(1_000_000_000));
}

#[test]
fn creation_comes_first() {
    let (owner, phone) = (wallet(1), installation(1));
    let empty = IdentityLog::new(inbox_of(&owner));
    for actions in [
        [add(&owner, &phone)],
        [revoke(&owner, &phone)],
        [change_recovery(&owner, &wallet(2))],
    ] {
        assert_eq!(refused(&empty, &actions), AssociationError::NotCreated);
    }
    let late = [add(&owner, &phone), create(&owner)];
    assert_eq!(refused(&empty, &late), AssociationError::NotCreated);
}

#[test]
fn creation_happens_once() {
    let owner = wallet(1);
    let twice = [create(&owner), create(&owner)];
    let empty = IdentityLog::new(inbox_of(&owner));
    assert_eq!(refused(&empty, &twice), AssociationError::AlreadyCreated);
    assert_eq!(
        refused(&opened_by(&owner), &[create(&owner)]),
        AssociationError::AlreadyCreated
    );
}

#[test]
fn the_owner_signs_the_creation() {
    let (owner, other, phone) = (wallet(1), wallet(2), installation(1));
    for signer in [&other, &phone] {
        let forged = [(create(&owner).0, vec![signer])];
        assert_eq!(
            refused(&IdentityLog::new(inbox_of(&owner)), &forged),
            AssociationError::NotOwner(owner.identifier())
        );
    }
}

#[test]
fn an_update_names_the_inbox_that_it_creates() {
    let owner = wallet(1);
    let named = InboxId::from_bytes([7; 32]);
    let update = verified(named, 1, &[create(&owner)]);
    let actual = inbox_of(&owner);
    assert_eq!(
        AssociationState::apply(None, &update),
        Err(AssociationError::WrongInbox { named, actual })
    );
}

#[test]
fn an_update_stays_within_its_inbox() {
    let (owner, phone) = (wallet(1), installation(1));
    let log = opened_by(&owner);
    let named = inbox_of(&wallet(2));
    let update = verified(named, 2, &[add(&owner, &phone)]);
    let wrong = AssociationError::WrongInbox {
        named,
        actual: log.inbox_id(),
    };
    assert_eq!(AssociationState::apply(log.state(), &update), Err(wrong.clone()));
    assert_eq!(refused_update(&log, update), wrong);
}

#[test]
fn a_log_begins_with_its_own_inbox() {
    let (owner, other) = (wallet(1), wallet(2));
    let wrong = AssociationError::WrongInbox {
        named: inbox_of(&other),
        actual: inbox_of(&owner),
    };
    let update = verified(inbox_of(&other), 1, &[create(&other)]);
    assert_eq!(refused_update(&IdentityLog::new(inbox_of(&owner)), update), wrong);
}

#[test]
fn the_new_member_signs() {
    let (owner, other, phone, tablet) = (wallet(1), wallet(2), installation(1), installation(2));
    let log = opened_by(&owner);
    // by another of its kind, and by one of another kind
    for (member, signer) in [(&phone, &tablet), (&phone, &other), (&other, &phone)] {
        let forged = [(add(&owner, member).0, vec![&owner, signer])];
        assert_eq!(
            refused(&log, &forged),
            AssociationError::NewMemberMismatch(member.member())
        );
    }
}

#[test]
fn a_member_or_the_recovery_identifier_vouches() {
    let (owner, stranger, phone, keeper) = (wallet(1), wallet(2), installation(1), wallet(3));
    let mut log = opened_by(&owner);
    assert_eq!(
        refused(&log, &[add(&stranger, &phone)]),
        AssociationError::NotAMember(stranger.member())
    );
    assert_eq!(
        refused(&log, &[add(&phone, &stranger)]),
        AssociationError::NotAMember(phone.member())
    );
    then(&mut log, &[change_recovery(&owner, &keeper)]);
    then(&mut log, &[add(&keeper, &phone)]);
    assert_eq!(
        members(&log),
        these(&[&owner, &phone]),
        "the keeper itself is no member"
    );
}

#[test]
fn a_revoked_member_vouches_for_nobody() {
    let (owner, second, phone) = (wallet(1), wallet(2), installation(1));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &second)]);
    then(&mut log, &[revoke(&owner, &second)]);
    assert_eq!(
        refused(&log, &[add(&second, &phone)]),
        AssociationError::NotAMember(second.member())
    );
}

#[test]
fn nobody_adds_itself() {
    let owner = wallet(1);
    assert_eq!(
        refused(&opened_by(&owner), &[add(&owner, &owner)]),
        AssociationError::AddsItself(owner.member())
    );
}

#[test]
fn an_installation_adds_wallets_and_no_installation() {
    let (owner, phone, tablet, second) = (wallet(1), installation(1), installation(2), wallet(2));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &phone)]);
    assert_eq!(
        refused(&log, &[add(&phone, &tablet)]),
        AssociationError::InstallationAddsInstallation
    );
    then(&mut log, &[add(&phone, &second)]);
    assert_eq!(members(&log), these(&[&owner, &phone, &second]));
}

#[test]
fn only_the_recovery_identifier_revokes() {
    let (owner, second, phone, keeper) = (wallet(1), wallet(2), installation(1), wallet(3));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &second)]);
    then(&mut log, &[add(&owner, &phone)]);
    for signer in [&second, &phone, &keeper] {
        assert_eq!(
            refused(&log, &[revoke(signer, &owner)]),
            AssociationError::NotRecovery(signer.member())
        );
    }
    then(&mut log, &[change_recovery(&owner, &keeper)]);
    assert_eq!(
        refused(&log, &[revoke(&owner, &second)]),
        AssociationError::NotRecovery(owner.member())
    );
    then(&mut log, &[revoke(&keeper, &second)]);
    assert_eq!(members(&log), these(&[&owner, &phone]));
}

#[test]
fn revoking_a_wallet_revokes_the_installations_that_it_added() {
    let (owner, second, third) = (wallet(1), wallet(2), wallet(3));
    let (phone, tablet) = (installation(1), installation(2));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &second)]);
    then(&mut log, &[add(&second, &phone)]);
    then(&mut log, &[add(&second, &third)]);
    then(&mut log, &[add(&third, &tablet)]);
    let at = then(&mut log, &[revoke(&owner, &second)]);
    // a wallet that it added stays, and what that added
    assert_eq!(members(&log), these(&[&owner, &third, &tablet]));
    let gone = log.diff(at - 1, at).unwrap();
    assert_eq!((gone.added, gone.removed), (vec![], these(&[&second, &phone])));
}

#[test]
fn revoking_who_is_no_member_revokes_what_it_added() {
    let (owner, keeper, phone) = (wallet(1), wallet(3), installation(1));
    let mut log = opened_by(&owner);
    then(&mut log, &[change_recovery(&owner, &keeper)]);
    then(&mut log, &[add(&keeper, &phone)]);
    then(&mut log, &[revoke(&keeper, &keeper)]);
    assert_eq!(members(&log), these(&[&owner]));
}

#[test]
fn the_recovery_identifier_may_leave_and_recovers_still() {
    let (owner, second) = (wallet(1), wallet(2));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &second)]);
    then(&mut log, &[revoke(&owner, &owner)]);
    assert_eq!(members(&log), these(&[&second]));
    then(&mut log, &[revoke(&owner, &second)]);
    assert_eq!(members(&log), vec![]);
    then(&mut log, &[add(&owner, &second)]);
}

#[test]
fn only_the_recovery_identifier_hands_its_role_on() {
    let (owner, second, phone) = (wallet(1), wallet(2), installation(1));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &second)]);
    then(&mut log, &[add(&owner, &phone)]);
    for signer in [&second, &phone] {
        assert_eq!(
            refused(&log, &[change_recovery(signer, &second)]),
            AssociationError::NotRecovery(signer.member())
        );
    }
}

#[test]
fn an_update_is_all_or_nothing() {
    let (owner, second, stranger, phone) = (wallet(1), wallet(2), wallet(9), installation(1));
    let log = opened_by(&owner);
    // `refused` sees that the first action left no trace
    let half = [add(&owner, &second), add(&stranger, &phone)];
    assert_eq!(refused(&log, &half), AssociationError::NotAMember(stranger.member()));
}

#[test]
fn a_signature_is_used_once() {
    let (owner, second, phone) = (wallet(1), wallet(2), installation(1));
    let mut log = opened_by(&owner);
    let added = verified(log.inbox_id(), 2, &[add(&owner, &second)]);
    log.append(2, added.clone()).unwrap();
    let revoked = verified(log.inbox_id(), 3, &[revoke(&owner, &second)]);
    log.append(3, revoked.clone()).unwrap();
    let handed_on = verified(log.inbox_id(), 4, &[change_recovery(&owner, &phone_keeper())]);
    log.append(4, handed_on.clone()).unwrap();
    // what was revoked comes not back by what let it in
    for again in [added, revoked, handed_on] {
        assert_eq!(refused_update(&log, again), AssociationError::Replay);
    }
    // a new signature does it
    then(&mut log, &[add(&owner, &second)]);
    then(&mut log, &[add(&owner, &phone)]);
}

fn phone_keeper() -> Signer {
    wallet(3)
}

#[test]
fn the_consent_of_a_new_member_is_good_for_one_addition() {
    let (owner, second, phone) = (wallet(1), wallet(2), installation(1));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &second)]);
    then(&mut log, &[add(&owner, &phone)]);
    then(&mut log, &[revoke(&owner, &phone)]);
    // the text does not say who vouches: of the same time it is the same, and the phone has signed it
    let again = verified(log.inbox_id(), 3, &[add(&second, &phone)]);
    assert_eq!(refused_update(&log, again), AssociationError::Replay);
}

#[test]
fn the_word_of_a_member_is_good_for_one_addition() {
    let (owner, guest) = (wallet(1), contract(1, 5));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &guest)]);
    then(&mut log, &[revoke(&owner, &guest)]);
    // the guest signs the old text anew, and brings the owner's old signature
    let again = signed(log.inbox_id(), 2, &[add(&owner, &guest)])
        .try_map(|_, signature| {
            Ok::<_, Infallible>(match signature {
                Signature::Erc6492 {
                    account,
                    block_number,
                    signature,
                } => Signature::Erc6492 {
                    account: *account,
                    block_number: *block_number,
                    signature: [signature, &b"!"[..]].concat(),
                },
                other => other.clone(),
            })
        })
        .unwrap();
    let again = again.verify(&people::Chains).unwrap();
    assert_eq!(refused_update(&log, again), AssociationError::Replay);
}

#[test]
fn the_same_signature_in_another_encoding_is_a_replay() {
    let (owner, second) = (wallet(1), wallet(2));
    let mut log = opened_by(&owner);
    let added = signed(log.inbox_id(), 2, &[add(&owner, &second)]);
    log.append(2, added.verify(&NoChain).unwrap()).unwrap();
    then(&mut log, &[revoke(&owner, &second)]);
    let other_encoding = added
        .try_map(|_, signature| match signature {
            Signature::Erc191(bytes) => {
                let mut bytes = *bytes;
                bytes[64] -= 27;
                Ok::<_, Infallible>(Signature::Erc191(bytes))
            }
            other => panic!("{other:?}"),
        })
        .unwrap();
    assert_ne!(other_encoding, added);
    let again = other_encoding.verify(&NoChain).unwrap();
    assert_eq!(refused_update(&log, again), AssociationError::Replay);
}

#[test]
fn a_contract_signs_from_the_chain_that_it_was_added_on() {
    let (home, elsewhere) = (contract(1, 5), contract(10, 5));
    let (phone, second) = (installation(1), wallet(2));
    let mut log = opened_by(&home);
    let mismatch = AssociationError::ChainMismatch {
        known: Some(1),
        signed: Some(10),
    };
    for actions in [
        [add(&elsewhere, &phone)],
        [revoke(&elsewhere, &second)],
        [change_recovery(&elsewhere, &second)],
    ] {
        assert_eq!(refused(&log, &actions), mismatch);
    }
    // also when it is no member any more
    then(&mut log, &[revoke(&home, &home)]);
    for actions in [[add(&elsewhere, &phone)], [revoke(&elsewhere, &second)]] {
        assert_eq!(refused(&log, &actions), mismatch);
    }
    then(&mut log, &[add(&home, &phone)]);
}

#[test]
fn a_wallet_with_a_key_does_not_become_a_contract() {
    let owner = wallet(1);
    let log = opened_by(&owner);
    let MemberIdentifier::Ethereum(address) = owner.member() else {
        unreachable!()
    };
    let contract = Signer::Contract(AccountId { chain_id: 1, address });
    assert_eq!(
        refused(&log, &[add(&contract, &installation(1))]),
        AssociationError::ChainMismatch {
            known: None,
            signed: Some(1)
        }
    );
}

#[test]
fn the_recovery_role_is_bound_to_the_chain_of_the_member_that_gets_it() {
    let (owner, home, elsewhere) = (wallet(1), contract(1, 5), contract(10, 5));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &home)]);
    then(&mut log, &[change_recovery(&owner, &home)]);
    assert_eq!(
        refused(&log, &[revoke(&elsewhere, &owner)]),
        AssociationError::ChainMismatch {
            known: Some(1),
            signed: Some(10)
        }
    );
    then(&mut log, &[revoke(&home, &owner)]);
}

#[test]
fn sequence_ids_rise() {
    let owner = wallet(1);
    let mut log = IdentityLog::new(inbox_of(&owner));
    let first = verified(inbox_of(&owner), 1, &[create(&owner)]);
    assert_eq!(log.append(0, first.clone()).unwrap_err(), AdmissionError::OutOfOrder);
    log.append(5, first).unwrap();
    let second = verified(inbox_of(&owner), 2, &[add(&owner, &wallet(2))]);
    assert_eq!(log.append(5, second.clone()).unwrap_err(), AdmissionError::OutOfOrder);
    log.append(9, second).unwrap();
}

#[test]
fn a_state_is_named_by_an_entry() {
    let (owner, second) = (wallet(1), wallet(2));
    let mut log = IdentityLog::new(inbox_of(&owner));
    log.append(5, verified(inbox_of(&owner), 1, &[create(&owner)])).unwrap();
    log.append(9, verified(inbox_of(&owner), 2, &[add(&owner, &second)]))
        .unwrap();
    assert_eq!(members_of(&log.state_at(5).unwrap()), these(&[&owner]));
    assert_eq!(log.state_at(9).as_ref(), log.state());
    for none in [0, 4, 6, 8, 10] {
        assert_eq!(log.state_at(none), None);
        assert_eq!(log.diff(5, none), None);
    }
}

#[test]
fn a_diff_tells_installations_that_came_and_went() {
    let (owner, phone, tablet) = (wallet(1), installation(1), installation(2));
    let mut log = opened_by(&owner);
    let one = then(&mut log, &[add(&owner, &phone)]);
    then(&mut log, &[add(&owner, &tablet)]);
    let three = then(&mut log, &[revoke(&owner, &phone)]);
    let diff = log.diff(one, three).unwrap();
    assert_eq!(diff.added_installations().collect::<Vec<_>>(), [tablet.key()]);
    assert_eq!(diff.removed_installations().collect::<Vec<_>>(), [phone.key()]);
    assert_eq!(log.diff(0, three).unwrap().added, these(&[&owner, &tablet]));
    let back = log.diff(three, one).unwrap();
    assert_eq!(back.added_installations().collect::<Vec<_>>(), [phone.key()]);
}

#[test]
fn a_node_admits_no_update_that_does_nothing() {
    assert_eq!(not_admitted(&opened_by(&wallet(1)), &[]), AdmissionError::Empty);
}

#[test]
fn a_node_admits_updates_of_256_actions() {
    let (owner, stranger) = (wallet(1), wallet(9));
    let log = opened_by(&owner);
    let revocations = |number| {
        let actions = vec![revoke(&owner, &stranger).0; number];
        let unsigned = Update {
            inbox_id: log.inbox_id(),
            client_timestamp_ns: 2,
            actions,
        };
        let mut signature = None;
        unsigned
            .sign(|_, text| Ok::<_, Infallible>(signature.get_or_insert_with(|| owner.sign(text)).clone()))
            .unwrap()
    };
    log.admit(&revocations(MAX_ACTIONS).verify(&NoChain).unwrap()).unwrap();
    let many = revocations(MAX_ACTIONS + 1);
    assert_eq!(many.within_limits(), Err(AdmissionError::TooManyActions));
    let many = many.verify(&NoChain).unwrap();
    assert_eq!(log.admit(&many), Err(AdmissionError::TooManyActions));
    log.clone().append(2, many).unwrap();
}

#[test]
fn an_update_that_does_nothing_opens_no_inbox() {
    let empty = IdentityLog::new(inbox_of(&wallet(1)));
    let update = verified(empty.inbox_id(), 1, &[]);
    assert_eq!(
        empty.clone().append(1, update),
        Err(AssociationError::NotCreated.into())
    );
}

#[test]
fn a_node_admits_nobody_twice() {
    let (owner, phone, second) = (wallet(1), installation(1), wallet(2));
    let mut log = opened_by(&owner);
    then(&mut log, &[add(&owner, &phone)]);
    then(&mut log, &[add(&owner, &second)]);
    assert_eq!(
        not_admitted(&log, &[add(&second, &phone)]),
        AdmissionError::AlreadyMember(phone.member())
    );
    // also within one update
    let tablet = installation(2);
    assert_eq!(
        not_admitted(&log, &[add(&owner, &tablet), add(&second, &tablet)]),
        AdmissionError::AlreadyMember(tablet.member())
    );
    then(&mut log, &[revoke(&owner, &phone)]);
    then(&mut log, &[add(&second, &phone)]);
}

#[test]
fn a_node_admits_no_weak_key() {
    let owner = wallet(1);
    let log = opened_by(&owner);
    // the neutral element as key and as R, and s = 0: R = sB - kA for every text
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let key = InstallationKey::from_bytes(neutral);
    let mut forged = [0; 64];
    forged[0] = 1;
    let update = Update {
        inbox_id: log.inbox_id(),
        client_timestamp_ns: 2_000_000_000,
        actions: vec![Action::Add {
            member: key.into(),
            existing: (),
            new: (),
        }],
    };
    let mut first = true;
    let update = update
        .sign(|_, text| {
            let signature = if std::mem::take(&mut first) {
                owner.sign(text)
            } else {
                Signature::Installation { key, signature: forged }
            };
            Ok::<_, Infallible>(signature)
        })
        .unwrap()
        .verify(&NoChain)
        .unwrap();
    assert_eq!(log.admit(&update), Err(AdmissionError::WeakKey));
    // readers take it, as all others do
    log.clone().append(2, update).unwrap();
}

#[test]
fn a_node_admits_ten_installations() {
    let owner = wallet(1);
    let apps: Vec<_> = (0..=MAX_INSTALLATIONS)
        .map(|n| installation(u8::try_from(n).unwrap()))
        .collect();
    let (last, others) = apps.split_last().unwrap();
    let mut log = opened_by(&owner);
    for app in others {
        then(&mut log, &[add(&owner, app)]);
    }
    assert_eq!(
        not_admitted(&log, &[add(&owner, last)]),
        AdmissionError::TooManyInstallations
    );
    // one for another, and wallets at any time
    then(&mut log, &[revoke(&owner, &others[0]), add(&owner, last)]);
    then(&mut log, &[add(&owner, &wallet(2))]);
    // who came from elsewhere with more can revoke
    let over = verified(
        log.inbox_id(),
        99,
        &[add(&owner, &others[0]), add(&owner, &installation(99))],
    );
    log.append(99, over).unwrap();
    then(&mut log, &[revoke(&owner, &others[1])]);
}

#[test]
fn a_node_admits_1024_actions_in_all_updates_together() {
    let (owner, stranger) = (wallet(1), wallet(9));
    let mut log = opened_by(&owner);
    let revocations = |at: u64, number: usize| {
        let unsigned = Update {
            inbox_id: opened_by(&owner).inbox_id(),
            client_timestamp_ns: at * 1_000_000_000,
            actions: vec![revoke(&owner, &stranger).0; number],
        };
        let mut signature = None;
        let signed =
            unsigned.sign(|_, text| Ok::<_, Infallible>(signature.get_or_insert_with(|| owner.sign(text)).clone()));
        signed.unwrap().verify(&NoChain).unwrap()
    };
    for at in 2..=4 {
        log.append(at, revocations(at, MAX_ACTIONS)).unwrap();
    }
    let had: usize = MAX_LOG_ACTIONS - 3 * MAX_ACTIONS - 1;
    assert_eq!(log.admit(&revocations(5, had + 1)), Err(AdmissionError::LogFull));
    log.admit(&revocations(5, had)).unwrap();
    // who reads a log takes what is in it
    log.append(5, revocations(5, had + 1)).unwrap();
}

#[test]
fn a_node_admits_256_updates() {
    let (owner, second) = (wallet(1), wallet(2));
    let mut log = opened_by(&owner);
    while log.len() < MAX_UPDATES {
        let to = if log.len() % 2 == 1 { &second } else { &owner };
        let by = if log.len() % 2 == 1 { &owner } else { &second };
        let at = log.last_sequence_id() + 1;
        log.append(at, verified(log.inbox_id(), at, &[change_recovery(by, to)]))
            .unwrap();
        if log.len() == MAX_UPDATES - 1 {
            let last = verified(log.inbox_id(), at + 1, &[add(&owner, &installation(1))]);
            log.admit(&last).unwrap();
        }
    }
    assert_eq!(
        not_admitted(&log, &[add(&owner, &installation(1))]),
        AdmissionError::LogFull
    );
}
