//! `audit`: what is installed, granted and decided, and whether the record of it holds together.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use std::sync::Arc;

use chancery_manifest::key_text;
use chancery_policy::{Capability, Context};
use chancery_serve::system::{OsRng, SystemClock};
use chancery_skills::{CapabilityEnforcer, Settings, Skills};
use chancery_store::rusqlite::Connection;
use common::Home;
use serde_json::{Value, json};

/// RFC 8032 section 7.1, test 1; the fingerprint by Python's hashlib and base64.
const ALICE: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const ALICE_ID: &str = "SHA256:If4x36FUomFia_hUBG_SJxt77UtqvkWqWId-9H-XIbk";

fn home() -> Home {
    let home = Home::new();
    home.open(&["onboard"]).ok();
    home
}

fn trust(home: &Home) {
    home.open(&[
        "key",
        "trust",
        ALICE,
        "--scope",
        "acme.*",
        "--label",
        "Acme",
        "--fingerprint",
        ALICE_ID,
    ])
    .ok();
}

/// Installs a skill that may read `~/data`.
fn install(home: &Home) {
    let folder = home.dir.path().join("demo");
    std::fs::create_dir(&folder).unwrap();
    std::fs::create_dir(home.dir.path().join("data")).unwrap();
    std::fs::write(home.dir.path().join("data/a"), "a").unwrap();
    let manifest = json!({ "schemaVersion": 2, "id": "demo", "version": "1.0.0", "name": "Demo",
        "requiredCapabilities": [{ "capability": "fs:read", "reason": "Read its data",
            "constraints": { "paths": [home.dir.path().join("data")] } }], "tools": [] });
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let folder = folder.to_str().unwrap();
    home.open(&[
        "skill",
        "install",
        folder,
        "--allow-unsigned",
        "--i-understand",
        "--grant",
        "all",
    ])
    .ok();
}

/// What a program that runs skills would ask, and which answers it gets.
fn ask(home: &Home, path: &str) -> bool {
    let owner = key_text::public_key_from_hex(home.read("owner.pub").trim()).unwrap();
    let settings = Settings::new(Arc::new(SystemClock), Arc::new(OsRng), owner);
    let skills = Skills::open(&home.path(""), settings).unwrap();
    let context = Context {
        path: Some(path),
        ..Context::default()
    };
    CapabilityEnforcer::of(&skills)
        .check("demo", Capability::FsRead, &context)
        .is_ok()
}

/// Runs `sql` on the database, as somebody with the file would.
fn meddle(home: &Home, sql: &str) {
    Connection::open(home.path("skills.db"))
        .unwrap()
        .execute_batch(sql)
        .unwrap();
}

fn audit(home: &Home) -> Value {
    home.run(&["--json", "audit", "--verify"]).json()
}

#[test]
fn a_new_home_has_nothing_to_show_and_needs_no_passphrase() {
    let shown = audit(&home());
    for member in ["skills", "sessions", "recentExecutions", "decisions", "revocations"] {
        assert_eq!(shown[member], json!([]), "{member}");
    }
    assert!(shown["generatedAt"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn it_shows_skills_grants_executions_and_decisions() {
    let home = home();
    trust(&home);
    install(&home);
    let data = home.dir.path().join("data");
    assert!(ask(&home, data.join("a").to_str().unwrap()));
    assert!(!ask(&home, "/etc/passwd"));
    std::fs::create_dir(home.path("sessions")).unwrap();
    home.file(".safeclaw/sessions/3f2a-b.json", "{}");
    home.file(".safeclaw/sessions/not a session.json", "{}");
    let shown = audit(&home);
    let skill = &shown["skills"][0];
    assert_eq!(
        (&skill["id"], &skill["version"], &skill["name"]),
        (&json!("demo"), &json!("1.0.0"), &json!("Demo"))
    );
    assert_eq!(skill["standing"], "in-force");
    assert_eq!(skill["grants"][0]["capability"], "fs:read");
    assert_eq!(skill["grants"][0]["constraints"], json!([data]));
    assert_eq!(shown["sessions"], json!([{ "id": "3f2a-b" }]));
    let denied = &shown["recentExecutions"][0];
    assert_eq!(
        (&denied["outcome"], &denied["subject"]),
        (&json!("denied"), &json!("/etc/passwd"))
    );
    let decisions: Vec<_> = shown["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| &record["kind"])
        .collect();
    assert_eq!(decisions, ["skill.install", "trust.add"]);
    let human = home.run(&["audit"]).ok().stdout;
    assert!(human.contains("demo@1.0.0  Demo"), "{human}");
    assert!(human.contains(&format!("fs:read [{}]", data.display())), "{human}");
    assert!(human.contains("denied") && human.contains("/etc/passwd"), "{human}");
}

#[test]
fn a_skill_writes_no_line_of_its_own_into_the_record() {
    let home = home();
    install(&home);
    let forged = "  2026-01-01T00:00:00.000Z  done  grant.add  demo";
    assert!(!ask(&home, &format!("/etc/passwd\n{forged}")));
    let human = home.run(&["audit"]).ok().stdout;
    assert!(human.contains("/etc/passwd"), "{human}");
    assert!(!human.lines().any(|line| line == forged), "{human}");
}

#[test]
fn since_and_limit_narrow_the_records() {
    let home = home();
    trust(&home);
    home.run(&["key", "untrust", "Acme"]).ok();
    let decisions = |more: &[&str]| {
        let all = [&["--json", "audit"], more].concat();
        home.run(&all).json()["decisions"].as_array().unwrap().len()
    };
    assert_eq!(decisions(&[]), 2);
    assert_eq!(decisions(&["--limit", "1"]), 1);
    assert_eq!(decisions(&["--since", "1h"]), 2);
    assert_eq!(decisions(&["--since", "2100-01-01"]), 0);
    let newest = home.run(&["--json", "audit", "--limit", "1"]).json();
    assert_eq!(newest["decisions"][0]["kind"], "trust.remove");
    let code = |more: &[&str]| home.run(&[&["--json", "audit"], more].concat()).refused();
    assert_eq!(code(&["--since", "yesterday"]), (1, "SAFECLAW_TIME_INVALID".to_owned()));
    for limit in ["0", "1001", "-1", "many"] {
        assert_eq!(
            code(&[&format!("--limit={limit}")]),
            (1, "SAFECLAW_USAGE".to_owned()),
            "{limit}"
        );
    }
}

#[test]
fn every_decision_with_the_passphrase_is_under_a_signature() {
    let home = home();
    trust(&home);
    let chain = audit(&home)["chain"].take();
    // the decision, and the checkpoint that covers it
    assert_eq!(
        (&chain["records"], &chain["checkpoints"], &chain["covered"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(chain["broken"], Value::Null);
}

#[test]
fn the_first_broken_link_is_named() {
    let meddlings = [
        (
            "UPDATE audit SET outcome = 'denied' WHERE seq = 3",
            3,
            "the record was changed",
        ),
        (
            "DELETE FROM audit WHERE seq = 2",
            2,
            "the record is missing, the next one is 3",
        ),
        (
            "UPDATE audit SET detail = '{' WHERE seq = 1",
            1,
            "what is stored is no record in its one form",
        ),
        (
            "UPDATE audit SET prev = zeroblob(32) WHERE seq = 4",
            4,
            "the record was changed",
        ),
    ];
    for (sql, seq, words) in meddlings {
        let home = home();
        trust(&home);
        home.run(&["key", "untrust", "Acme"]).ok();
        trust(&home);
        home.run(&["audit", "--verify"]).ok();
        meddle(&home, sql);
        let run = home.run(&["--json", "audit", "--verify"]);
        assert_eq!(run.code, 1, "{sql}");
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["chain"]["broken"]["seq"], seq, "{sql}");
        let failure: Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
        assert_eq!(failure["error"]["code"], "SAFECLAW_AUDIT_BROKEN");
        let message = failure["error"]["message"].as_str().unwrap();
        assert_eq!(message, format!("the audit chain is broken at record {seq}: {words}"));
        let human = home.run(&["audit", "--verify"]);
        assert_eq!((human.code, human.stdout.as_str()), (1, ""));
        assert!(human.stderr.contains(&format!("record {seq}")), "{}", human.stderr);
    }
}

#[test]
fn a_chain_of_another_owner_in_its_place_is_not_believed() {
    let (home, other) = (home(), home_of_somebody_else());
    trust(&home);
    std::fs::copy(other.path("skills.db"), home.path("skills.db")).unwrap();
    let run = home.run(&["--json", "audit", "--verify"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("signed by a key that may not"), "{}", run.stderr);
}

fn home_of_somebody_else() -> Home {
    let other = home();
    trust(&other);
    // the database alone holds everything once nobody has it open
    assert!(std::fs::metadata(other.path("skills.db-wal")).map_or(true, |wal| wal.len() == 0));
    other
}

#[test]
fn before_onboarding_it_says_what_to_do_and_makes_nothing() {
    let home = Home::new();
    assert_eq!(
        home.run(&["--json", "audit"]).refused(),
        (1, "SAFECLAW_NOT_ONBOARDED".to_owned())
    );
    assert!(!home.path("").exists());
}
