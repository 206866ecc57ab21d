//! What an approval binds: one thing, once, in time, by the root key (design decision 15).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

use std::sync::atomic::{AtomicU64, Ordering};

use chancery_base::{Millis, Rng, digest};
use chancery_keys::{
    Approval, ApprovalError, Approvals, Asked, Gates, Operation, Request, RootKeyError, RootSecret, RootSignature,
    What,
    approval::{MAX_LIFE_MS, MAX_WAITING},
};
use serde_json::{Value, json};

const NOW: Millis = Millis(1_000_000);

#[derive(Default)]
struct Counted(AtomicU64);

impl Rng for Counted {
    fn fill(&self, out: &mut [u8]) {
        let block = digest::sha256(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        out.copy_from_slice(&block[..out.len()]);
    }
}

fn root() -> RootSecret {
    RootSecret::from_bytes(&[5; 32]).unwrap()
}

fn rotate() -> What {
    What {
        credential: Some("cred_0000000000000001".to_owned()),
        policy_version: Some("7".to_owned()),
        seal_id: Some("seal_0000000000000001".to_owned()),
        ..What::new(
            Operation::OperationalKeyRotation,
            "keys.rotate",
            json!({ "operator": "op_0000000000000001" }),
        )
    }
}

fn asked(approvals: &mut Approvals, what: What, rng: &Counted) -> Request {
    match approvals.ask(what, 60_000, NOW, rng).unwrap() {
        Asked::Waiting(request) => request,
        Asked::Open(_) => panic!("it waits for nobody"),
    }
}

fn yes(request: &Request, key: &RootSecret) -> Approval {
    Approval {
        request: request.id,
        signature: key.sign(&request.hash().unwrap()).unwrap(),
    }
}

fn all() -> Approvals {
    Approvals::new(Gates::ALL, root().public())
}

#[test]
fn approved_is_what_was_asked_once_and_in_time() {
    let (mut approvals, rng) = (all(), Counted::default());
    let request = asked(&mut approvals, rotate(), &rng);
    let approval = yes(&request, &root());
    let clearance = approvals.settle(&approval, NOW.plus(59_999)).unwrap();
    let evidence = clearance.spend(&rotate(), NOW.plus(59_999)).unwrap().unwrap();
    assert_eq!(evidence.request, request.id);
    assert_eq!(evidence.approver_fingerprint, root().public().fingerprint());
    // the same answer again
    assert_eq!(approvals.settle(&approval, NOW).unwrap_err(), ApprovalError::Unknown);
}

#[test]
fn nothing_else_can_be_done_with_it() {
    let (mut approvals, rng) = (all(), Counted::default());
    let others = [
        What {
            operation: Operation::AgentCreation,
            ..rotate()
        },
        What {
            action: "keys.init".to_owned(),
            ..rotate()
        },
        What {
            parameters: json!({ "operator": "op_0000000000000002" }),
            ..rotate()
        },
        What {
            parameters: json!({ "operator": "op_0000000000000001", "all": true }),
            ..rotate()
        },
        What {
            parameters: Value::Null,
            ..rotate()
        },
        What {
            credential: None,
            ..rotate()
        },
        What {
            credential: Some("cred_0000000000000002".to_owned()),
            ..rotate()
        },
        What {
            policy_version: Some("8".to_owned()),
            ..rotate()
        },
        What {
            seal_id: Some("seal_0000000000000002".to_owned()),
            ..rotate()
        },
    ];
    for other in others {
        let request = asked(&mut approvals, rotate(), &rng);
        // nor does its signature fit the other question
        let about_other = Request {
            what: other.clone(),
            ..request.clone()
        };
        assert_ne!(about_other.hash().unwrap(), request.hash().unwrap());
        let wrong = Approval {
            request: request.id,
            signature: yes(&about_other, &root()).signature,
        };
        assert_eq!(approvals.settle(&wrong, NOW).unwrap_err(), ApprovalError::Signature);
        let clearance = approvals.settle(&yes(&request, &root()), NOW).unwrap();
        assert_eq!(clearance.spend(&other, NOW).unwrap_err(), ApprovalError::Other);
    }
}

#[test]
fn end_and_number_of_the_question_are_bound_too() {
    let (mut approvals, rng) = (all(), Counted::default());
    let request = asked(&mut approvals, rotate(), &rng);
    let again = asked(&mut approvals, rotate(), &rng);
    let later = Request {
        expires_at: request.expires_at.plus(1),
        ..request.clone()
    };
    for other in [&again, &later] {
        let wrong = Approval {
            request: request.id,
            signature: yes(other, &root()).signature,
        };
        assert_eq!(approvals.settle(&wrong, NOW).unwrap_err(), ApprovalError::Signature);
    }
    // a wrong answer takes the question from nobody
    assert!(approvals.settle(&yes(&request, &root()), NOW).is_ok());
}

#[test]
fn who_is_late_has_not_approved() {
    let (mut approvals, rng) = (all(), Counted::default());
    let request = asked(&mut approvals, rotate(), &rng);
    assert_eq!(approvals.waiting(NOW).count(), 1);
    assert_eq!(approvals.waiting(request.expires_at).count(), 0);
    let approval = yes(&request, &root());
    assert_eq!(
        approvals.settle(&approval, request.expires_at).unwrap_err(),
        ApprovalError::Expired
    );
    // and it is not used later than it was good for
    let request = asked(&mut approvals, rotate(), &rng);
    let clearance = approvals.settle(&yes(&request, &root()), NOW).unwrap();
    assert_eq!(
        clearance.spend(&rotate(), request.expires_at).unwrap_err(),
        ApprovalError::Expired
    );
    // nobody can ask for more than five minutes
    match approvals.ask(rotate(), i64::MAX, NOW, &rng).unwrap() {
        Asked::Waiting(request) => assert_eq!(request.expires_at, NOW.plus(MAX_LIFE_MS)),
        Asked::Open(_) => panic!("it waits for nobody"),
    }
}

#[test]
fn another_key_approves_nothing() {
    let (mut approvals, rng) = (all(), Counted::default());
    let request = asked(&mut approvals, rotate(), &rng);
    let other = RootSecret::from_bytes(&[6; 32]).unwrap();
    assert_eq!(
        approvals.settle(&yes(&request, &other), NOW).unwrap_err(),
        ApprovalError::Signature
    );
}

#[test]
fn an_answer_from_before_a_restart_opens_nothing() {
    let rng = Counted::default();
    let request = asked(&mut all(), rotate(), &rng);
    assert_eq!(
        all().settle(&yes(&request, &root()), NOW).unwrap_err(),
        ApprovalError::Unknown
    );
    let mut approvals = all();
    let request = asked(&mut approvals, rotate(), &rng);
    assert!(approvals.withdraw(request.id));
    assert_eq!(
        approvals.settle(&yes(&request, &root()), NOW).unwrap_err(),
        ApprovalError::Unknown
    );
}

#[test]
fn what_no_gate_holds_is_open_and_bound_all_the_same() {
    let mut approvals = Approvals::new(Gates::default(), root().public());
    let rng = Counted::default();
    for operation in Operation::SWITCHED {
        let what = What { operation, ..rotate() };
        let Asked::Open(clearance) = approvals.ask(what.clone(), 1000, NOW, &rng).unwrap() else {
            panic!("{operation} waits");
        };
        assert_eq!(clearance.spend(&what, NOW), Ok(None));
    }
    let Asked::Open(clearance) = approvals.ask(rotate(), 1000, NOW, &rng).unwrap() else {
        panic!("it waits");
    };
    let other = What {
        parameters: Value::Null,
        ..rotate()
    };
    assert_eq!(clearance.spend(&other, NOW), Err(ApprovalError::Other));
    // the words of a wallet wait whatever the switches say
    let backup = What::new(Operation::WalletBackup, "wallet.backup", Value::Null);
    assert!(matches!(approvals.ask(backup, 1000, NOW, &rng), Ok(Asked::Waiting(_))));
}

#[test]
fn questions_that_nobody_can_read_are_not_asked() {
    let (mut approvals, rng) = (all(), Counted::default());
    for parameters in [
        json!("x".repeat(20_000)),
        json!({ "a": [9_007_199_254_740_993_u64] }),
        json!(-9_007_199_254_740_993_i64),
    ] {
        let what = What { parameters, ..rotate() };
        assert_eq!(
            approvals.ask(what, 1000, NOW, &rng).unwrap_err(),
            ApprovalError::Parameters
        );
    }
    for _ in 0..MAX_WAITING {
        asked(&mut approvals, rotate(), &rng);
    }
    assert_eq!(
        approvals.ask(rotate(), 1000, NOW, &rng).unwrap_err(),
        ApprovalError::Full
    );
    // they make room when they are over
    assert!(approvals.ask(rotate(), 1000, NOW.plus(60_000), &rng).is_ok());
}

#[test]
fn questions_and_answers_travel_as_json() {
    let (mut approvals, rng) = (all(), Counted::default());
    let request = asked(&mut approvals, rotate(), &rng);
    let sent = serde_json::to_string(&request).unwrap();
    let arrived: Request = serde_json::from_str(&sent).unwrap();
    assert_eq!(arrived.hash().unwrap(), request.hash().unwrap());
    let answer = serde_json::to_string(&yes(&arrived, &root())).unwrap();
    let answer: Approval = serde_json::from_str(&answer).unwrap();
    assert!(approvals.settle(&answer, NOW).is_ok());
}

#[test]
fn a_signature_is_der_in_hex_and_nothing_else() {
    let signature = root().sign(&[1; 32]).unwrap();
    let text = signature.to_string();
    assert_eq!(RootSignature::parse(&text), Ok(signature));
    for wrong in [
        "",
        "30",
        &text.to_uppercase(),
        &format!("{text}00"),
        &"00".repeat(200),
        &text[..text.len() - 2],
    ] {
        assert_eq!(RootSignature::parse(wrong), Err(RootKeyError::Signature), "{wrong}");
    }
    assert_eq!(format!("{:?}", root()), "RootSecret(..)");
    assert!(RootSecret::from_bytes(&[0; 32]).is_none());
    assert!(RootSecret::from_bytes(&[0xff; 32]).is_none());
}
