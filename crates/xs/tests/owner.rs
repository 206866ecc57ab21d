//! What only the owner may decide: asked for by the daemon, answered at the terminal, and by nothing else.
//!
//! The double asks as the daemon does, with the crate `keys`: whether an answer counts is judged by [`Approvals`].

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use std::sync::{Arc, Mutex};

use chancery_base::{Millis, Rng};
use chancery_keys::{Approval, Approvals, Asked, Gates, Operation, RootKey, What};
use common::{
    Home, OWNER,
    double::{Answer, Double},
    terminal::Terminal,
};
use serde_json::{Value, json};

const ACTION: &str = "c56a4180-65aa-42ec-a945-5fd21dec0538";
const NOW: Millis = Millis(1_767_225_600_000);

struct Sevens;

impl Rng for Sevens {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

/// A double that asks the owner of `home`, and what became of the answers.
fn asking(home: &Home) -> (Double, Arc<Mutex<Vec<bool>>>) {
    let vault = home.run(&["init", "--json"]).json();
    let root: RootKey = RootKey::parse(vault["rootPublicKey"].as_str().unwrap()).unwrap();
    let approvals = Mutex::new(Approvals::new(Gates::ALL, root));
    let verdicts = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&verdicts);
    let double = Double::listen(home, move |method, params| match method {
        "approval.settle" => {
            let approval: Approval = serde_json::from_value(params.clone()).unwrap();
            let settled = approvals.lock().unwrap().settle(&approval, NOW);
            log.lock().unwrap().push(settled.is_ok());
            Answer::Data(json!({"actionId": ACTION, "verdict": "approved"}))
        }
        _ => {
            let what = What::new(Operation::ScopeExpansion, method, params.clone());
            let asked = approvals.lock().unwrap().ask(what, 60_000, NOW, &Sevens).unwrap();
            let Asked::Waiting(request) = asked else {
                unreachable!("every gate is on")
            };
            let root = json!({"platform": "software-vault", "publicKey": root, "createdAt": NOW});
            Answer::Error(
                json!({"code": -32003, "message": "The owner has to approve this", "data": {
                "_tag": "PermissionError", "code": 1200, "category": "permission", "name": "PermissionError",
                "context": {"approval": {"request": request, "root": root}}}}),
            )
        }
    });
    (double, verdicts)
}

#[test]
fn the_owner_says_yes_at_the_terminal_to_exactly_what_was_asked() {
    let home = Home::new().initialized();
    let (double, verdicts) = asking(&home);
    let Some(mut terminal) = Terminal::run(&home, &["action", "approve", ACTION]) else {
        return;
    };
    // what is to be done is shown before anything is typed
    terminal.expect("action.approve");
    terminal.expect(ACTION);
    terminal.expect("assphrase");
    terminal.types(OWNER);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("verdict: approved") && !screen.contains(OWNER),
        "{screen}"
    );
    assert_eq!(*verdicts.lock().unwrap(), [true]);
    let methods: Vec<String> = double.requests().into_iter().map(|(method, _)| method).collect();
    assert_eq!(methods, ["action.approve", "approval.settle"]);
}

#[test]
fn without_a_terminal_nobody_says_yes_whatever_is_on_stdin() {
    let home = Home::new().initialized();
    let (double, verdicts) = asking(&home);
    let mut child = std::process::Command::new("setsid");
    child
        .arg("--wait")
        .arg(env!("CARGO_BIN_EXE_xs"))
        .args(["action", "approve", ACTION, "--json"]);
    child.env_clear().envs(home.environment()).current_dir(home.dir.path());
    child.stdin(std::fs::File::open(home.path("owner-passphrase")).unwrap());
    let run = common::Run::from(child.output().unwrap());
    let error = run.refused(4);
    assert_eq!(error["category"], "permission");
    assert!(verdicts.lock().unwrap().is_empty());
    assert_eq!(double.requests().len(), 1);
}

#[test]
fn another_passphrase_is_no_yes() {
    let home = Home::new().initialized();
    let (_double, verdicts) = asking(&home);
    let Some(mut terminal) = Terminal::run(&home, &["action", "approve", ACTION]) else {
        return;
    };
    for _ in 0..3 {
        terminal.expect("assphrase");
        terminal.types("not the owner's words");
    }
    let (code, screen) = terminal.end();
    assert_eq!(code, 9, "{screen}");
    assert!(verdicts.lock().unwrap().is_empty());
}

#[test]
fn a_permission_failure_that_asks_nothing_stays_one() {
    let home = Home::new();
    let _double = Double::listen(&home, |_, _| {
        Answer::Error(
            json!({"code": -32003, "message": "no", "data": {"_tag": "PermissionError", "code": 1200,
            "category": "permission", "name": "PermissionError", "context": {"approval": Value::Null}}}),
        )
    });
    assert_eq!(
        home.run(&["action", "approve", ACTION, "--json"]).refused(4)["message"],
        "no"
    );
}
