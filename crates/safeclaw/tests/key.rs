//! `key ...`: the keys that sign, and whose are trusted.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;
#[path = "common/terminal.rs"]
mod terminal;

use std::num::NonZeroUsize;

use chancery_base::ed25519::PublicKey;
use chancery_manifest::{Envelope, KeyId, RevocationList, key_text};
use common::{Home, PASSPHRASE, mode};
use serde_json::{Value, json};
use terminal::Terminal;

/// RFC 8032 section 7.1, test 1; the fingerprint by Python's hashlib and base64.
const ALICE: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const ALICE_ID: &str = "SHA256:If4x36FUomFia_hUBG_SJxt77UtqvkWqWId-9H-XIbk";

fn home() -> Home {
    let home = Home::new();
    home.open(&["onboard"]).ok();
    home
}

/// Exit code and name of the failure of a run with the passphrase; it tells no secret.
#[track_caller]
fn refused(home: &Home, arguments: &[&str]) -> (i32, String) {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let run = home.open(&all);
    assert!(!run.all().contains(PASSPHRASE) && !run.all().contains("302e0201"));
    run.refused()
}

fn failed(exit: i32, code: &str) -> (i32, String) {
    (exit, code.to_owned())
}

fn trust_alice(home: &Home) {
    let trust = [
        "key",
        "trust",
        ALICE,
        "--scope",
        "acme.*",
        "--label",
        "Acme",
        "--fingerprint",
        ALICE_ID,
    ];
    home.open(&trust).ok();
}

fn publishers(home: &Home) -> Value {
    // without the passphrase
    home.run(&["--json", "key", "list", "--publishers"]).json()["publishers"].take()
}

fn public(shown: &Value) -> PublicKey {
    key_text::public_key_from_hex(shown["publicKey"].as_str().unwrap()).unwrap()
}

#[test]
fn a_new_key_is_in_the_vault_and_shows_its_public_half_only() {
    let home = home();
    let run = home.open(&["--json", "key", "new", "--label", "release-2026"]);
    assert!(!run.all().contains("302e0201"));
    let made = run.json();
    assert_eq!(made["keyid"], json!(KeyId::of(&public(&made))));
    let listed = home.open(&["--json", "key", "list"]).json();
    let labels: Vec<_> = listed["signingKeys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["label"])
        .collect();
    assert_eq!(labels, ["default", "release-2026"]);
    assert_eq!(listed["signingKeys"][1]["keyid"], made["keyid"]);
    let human = home.open(&["key", "list"]).ok().stdout;
    assert!(human.contains(made["keyid"].as_str().unwrap()), "{human}");
    // for a pipe: the key and nothing else
    let exported = home.open(&["key", "export", "release-2026"]).ok();
    assert_eq!(exported.stdout, format!("{}\n", made["publicKey"].as_str().unwrap()));
    assert!(exported.stderr.contains(made["keyid"].as_str().unwrap()));
}

#[test]
fn labels_that_are_taken_or_do_not_fit_are_refused() {
    let home = home();
    assert_eq!(refused(&home, &["key", "new"]), failed(9, "VAULT_ENTRY_EXISTS"));
    for label in ["", "a b", "a/b", "\u{e9}", &"l".repeat(65)] {
        assert_eq!(
            refused(&home, &["key", "new", "--label", label]),
            failed(9, "VAULT_NAME_INVALID"),
            "{label}"
        );
    }
    for command in [
        &["key", "export", "nobody"][..],
        &["key", "rotate", "--from", "nobody", "--to", "default", "--out", "x"],
        &["key", "rotate", "--from", "default", "--to", "nobody", "--out", "x"],
    ] {
        assert_eq!(
            refused(&home, command),
            failed(9, "SAFECLAW_KEY_NOT_FOUND"),
            "{command:?}"
        );
    }
    assert!(!home.dir.path().join("x").exists());
}

#[test]
fn the_private_half_goes_to_a_new_private_file_only() {
    let home = home();
    let out = home.dir.path().join("backup.key");
    let path = out.to_str().unwrap();
    for arguments in [
        &["key", "export", "--private"][..],
        &["key", "export", "--private", "--reveal"],
        &["key", "export", "--private", "--out", path],
        &["key", "export", "--reveal"],
    ] {
        assert_eq!(refused(&home, arguments), failed(1, "SAFECLAW_USAGE"), "{arguments:?}");
    }
    let export = ["key", "export", "--private", "--reveal", "--out", path];
    let run = home.open(&export).ok();
    let kept = home.open(&["vault", "get", "signing_private_key"]).ok().stdout;
    assert_eq!(std::fs::read_to_string(&out).unwrap(), kept);
    assert!(!run.all().contains(&kept[32..]));
    assert_eq!(mode(&out), 0o600);
    assert_eq!(refused(&home, &export), failed(1, "SAFECLAW_FILE_EXISTS"));
    // nor through a link that somebody laid there
    let link = home.dir.path().join("link.key");
    std::os::unix::fs::symlink(home.dir.path().join("target.key"), &link).unwrap();
    let through = [
        "key",
        "export",
        "--private",
        "--reveal",
        "--out",
        link.to_str().unwrap(),
    ];
    assert_eq!(refused(&home, &through), failed(1, "SAFECLAW_FILE_EXISTS"));
    assert!(!home.dir.path().join("target.key").exists());
    let nowhere = ["key", "export", "--out", "/nowhere/at/all"];
    assert_eq!(refused(&home, &nowhere), failed(1, "SAFECLAW_FILE_FAILED"));
}

#[test]
fn a_key_is_trusted_for_its_scopes_after_its_fingerprint_was_compared() {
    let home = home();
    let trust = [
        "key", "trust", ALICE, "--scope", "acme.*", "--scope", "notes", "--label", "Acme",
    ];
    assert_eq!(refused(&home, &trust), failed(4, "SAFECLAW_FINGERPRINT_REQUIRED"));
    let mut wrong = trust.to_vec();
    let other = ALICE_ID.replace("If4x", "If4y");
    wrong.extend(["--fingerprint", &other]);
    assert_eq!(refused(&home, &wrong), failed(4, "SAFECLAW_FINGERPRINT_DIFFERS"));
    assert_eq!(publishers(&home), json!([]));
    let mut right = trust.to_vec();
    right.extend(["--fingerprint", ALICE_ID, "--not-after", "2100-01-01"]);
    // the whole fingerprint is shown before anything is decided
    assert!(home.open(&right).ok().stderr.contains(ALICE_ID));
    let known = publishers(&home);
    assert_eq!(known[0]["keyid"], ALICE_ID);
    assert_eq!(known[0]["publicKey"], ALICE);
    assert_eq!(known[0]["scopes"], json!(["acme.*", "notes"]));
    assert_eq!(known[0]["notAfter"], "2100-01-01T00:00:00.000Z");
    assert_eq!(home.mode("skills.db"), 0o600);
}

#[test]
fn at_a_terminal_the_fingerprint_is_shown_and_the_passphrase_says_yes() {
    let home = home();
    let trust = ["key", "trust", ALICE, "--scope", "acme.*", "--label", "Acme"];
    let Some(mut terminal) = Terminal::run(&home, &trust) else {
        return;
    };
    terminal.expect(ALICE_ID);
    terminal.expect("Passphrase of the vault:");
    // Control-C: no
    terminal.types("\u{3}");
    let (code, screen) = terminal.end();
    assert_eq!(code, 7, "{screen}");
    assert_eq!(publishers(&home), json!([]));
    let mut terminal = Terminal::run(&home, &trust).unwrap();
    terminal.expect("Passphrase of the vault:");
    terminal.types("y");
    let (code, screen) = terminal.end();
    assert_eq!(code, 9, "{screen}");
    assert_eq!(publishers(&home), json!([]));
    let mut terminal = Terminal::run(&home, &trust).unwrap();
    terminal.expect("Passphrase of the vault:");
    terminal.types(PASSPHRASE);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert_eq!(publishers(&home)[0]["keyid"], ALICE_ID);
}

#[test]
fn a_key_comes_from_a_file_too() {
    let home = home();
    let file = home.file("alice.pub", &format!("{ALICE}\n"));
    let trust = [
        "key",
        "trust",
        file.to_str().unwrap(),
        "--scope",
        "acme.*",
        "--label",
        "Acme",
    ];
    let mut all = trust.to_vec();
    all.extend(["--fingerprint", ALICE_ID]);
    assert_eq!(home.open(&[&["--json"], &all[..]].concat()).json()["keyid"], ALICE_ID);
}

#[test]
fn what_is_no_key_scope_fingerprint_or_time_is_refused() {
    let home = home();
    let garbage = home.file("garbage.pub", "not a key\n");
    let trust = |key: &str, more: &[&str]| {
        let all = [&["key", "trust", key, "--label", "Acme"], more].concat();
        refused(&home, &all)
    };
    let scope = ["--scope", "acme.*", "--fingerprint", ALICE_ID];
    let small_order = format!("01{}", "00".repeat(31));
    for key in [
        "",
        "abc",
        &ALICE[..63],
        &"0".repeat(65),
        "zz",
        &small_order,
        garbage.to_str().unwrap(),
    ] {
        assert_eq!(trust(key, &scope), failed(1, "SAFECLAW_KEY_INVALID"), "{key}");
    }
    assert_eq!(trust(ALICE, &[]), failed(1, "SAFECLAW_USAGE"));
    for bad in ["", "Acme.*", "a b", "*.acme", "acme.**", "../x"] {
        let scope = ["--scope", bad, "--fingerprint", ALICE_ID];
        assert_eq!(trust(ALICE, &scope), failed(1, "SKILLS_TEXT_INVALID"), "{bad}");
    }
    for bad in ["", "SHA256:abc", ALICE, &ALICE_ID[7..]] {
        assert_eq!(
            trust(ALICE, &["--scope", "acme.*", "--fingerprint", bad]),
            failed(1, "SAFECLAW_KEY_INVALID"),
            "{bad}"
        );
    }
    for bad in ["soon", "", "0d", "2020-01-01"] {
        let all = [&scope[..], &["--not-after", bad]].concat();
        assert_eq!(trust(ALICE, &all), failed(1, "SAFECLAW_TIME_INVALID"), "{bad}");
    }
    assert_eq!(publishers(&home), json!([]));
}

#[test]
fn trusting_needs_the_passphrase_and_nothing_less() {
    let home = home();
    let trust = [
        "key",
        "trust",
        ALICE,
        "--scope",
        "acme.*",
        "--label",
        "Acme",
        "--fingerprint",
        ALICE_ID,
    ];
    let without = [&["--json"], &trust[..]].concat();
    assert_eq!(home.run(&without).refused(), failed(1, "TERMINAL_REQUIRED"));
    let wrong = [&["--json", "--passphrase", "-"], &trust[..]].concat();
    let run = home.run_with_stdin(&wrong, b"wrong horse battery staple\n");
    assert_eq!(run.refused(), failed(9, "VAULT_WRONG_KEY"));
    // a vault of somebody else, with a passphrase of theirs, decides nothing either
    let other = Home::new();
    other.open(&["onboard"]).ok();
    for file in ["vault.json", "vault.json.seen"] {
        std::fs::copy(other.path(file), home.path(file)).unwrap();
    }
    assert_eq!(refused(&home, &trust), failed(4, "SAFECLAW_OWNER_CHANGED"));
    assert_eq!(publishers(&home), json!([]));
}

#[test]
fn untrusting_needs_no_passphrase() {
    let home = home();
    trust_alice(&home);
    assert_eq!(
        home.run(&["--json", "key", "untrust", "Bob"]).refused(),
        failed(1, "SAFECLAW_KEY_INVALID")
    );
    assert_eq!(
        home.run(&["--json", "key", "untrust", "Acme"]).json()["keyid"],
        ALICE_ID
    );
    assert_eq!(publishers(&home), json!([]));
    let again = home.run(&["--json", "key", "untrust", ALICE_ID]);
    assert_eq!(again.refused(), failed(1, "SAFECLAW_KEY_UNKNOWN"));
    trust_alice(&home);
    home.run(&["key", "untrust", ALICE]).ok();
    assert_eq!(publishers(&home), json!([]));
}

#[test]
fn a_label_of_two_keys_names_neither() {
    let home = home();
    trust_alice(&home);
    let other = home.open(&["--json", "key", "new", "--label", "other"]).json();
    let (key, keyid) = (other["publicKey"].as_str().unwrap(), other["keyid"].as_str().unwrap());
    home.open(&[
        "key",
        "trust",
        key,
        "--scope",
        "x",
        "--label",
        "Acme",
        "--fingerprint",
        keyid,
    ])
    .ok();
    assert_eq!(
        home.run(&["--json", "key", "untrust", "Acme"]).refused(),
        failed(1, "SAFECLAW_KEY_INVALID")
    );
}

#[test]
fn revoking_needs_no_passphrase() {
    let home = home();
    trust_alice(&home);
    let shown = home
        .run(&["--json", "key", "revoke", "Acme", "--reason", "laptop stolen"])
        .json();
    assert_eq!(
        (&shown["keyid"], &shown["reason"]),
        (&json!(ALICE_ID), &json!("laptop stolen"))
    );
    for bad in ["", "nobody", "SHA256:abc"] {
        assert_eq!(
            home.run(&["--json", "key", "revoke", bad]).refused(),
            failed(1, "SAFECLAW_KEY_INVALID")
        );
    }
    for arguments in [
        &["key", "revoke", ALICE, "--expires", "7d"][..],
        &["key", "revoke", ALICE, "--key", "default"],
    ] {
        assert_eq!(refused(&home, arguments), failed(1, "SAFECLAW_USAGE"), "{arguments:?}");
    }
}

#[test]
fn a_revocation_list_is_signed_and_continued() {
    let home = home();
    let own = home.open(&["--json", "key", "export"]).json();
    let path = home.dir.path().join("revocations.json");
    let list = path.to_str().unwrap();
    let first = home
        .open(&["--json", "key", "revoke", ALICE, "--list", list, "--expires", "30d"])
        .json();
    assert_eq!(mode(&path), 0o600);
    let read = || {
        let envelope = Envelope::parse(&std::fs::read(&path).unwrap()).unwrap();
        let verified = envelope.verify_as::<RevocationList>(&[public(&own)], NonZeroUsize::MIN);
        verified.unwrap().into_inner()
    };
    let before = read();
    assert_eq!(json!(before.sequence), first["list"]["sequence"]);
    assert_eq!(before.keys, [ALICE_ID.parse().unwrap()]);
    assert_eq!(before.expires.since(before.issued), 30 * 24 * 3600 * 1000);
    // the label of the key that signs means that key
    home.open(&["key", "revoke", "default", "--list", list]).ok();
    let after = read();
    assert!(after.sequence > before.sequence);
    assert_eq!(after.keys, [ALICE_ID.parse().unwrap(), KeyId::of(&public(&own))]);
}

#[test]
fn a_list_that_is_not_of_that_key_is_not_continued_and_nothing_is_revoked() {
    let home = home();
    home.open(&["key", "new", "--label", "other"]).ok();
    let path = home.dir.path().join("revocations.json");
    let list = path.to_str().unwrap();
    home.open(&["key", "revoke", ALICE, "--list", list, "--key", "other"])
        .ok();
    let kept = std::fs::read_to_string(&path).unwrap();
    let revocations = |home: &Home| home.run(&["--json", "audit"]).json()["revocations"].take();
    let before = revocations(&home);
    let revoke = ["key", "revoke", "other", "--list", list];
    assert_eq!(refused(&home, &revoke), failed(1, "SAFECLAW_KEY_INVALID"));
    let revoke = ["key", "revoke", "default", "--list", list];
    assert_eq!(refused(&home, &revoke), failed(1, "SAFECLAW_REVOCATION_LIST_INVALID"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
    for garbage in [
        "{}",
        "",
        &"x".repeat(600_000),
        &kept.replace("\"sig\":\"", "\"sig\":\"AAAA"),
    ] {
        std::fs::write(&path, garbage).unwrap();
        assert_eq!(refused(&home, &revoke), failed(1, "SAFECLAW_REVOCATION_LIST_INVALID"));
    }
    let wrong = ["key", "revoke", ALICE, "--list", list, "--key", "nobody"];
    assert_eq!(refused(&home, &wrong), failed(9, "SAFECLAW_KEY_NOT_FOUND"));
    let ended = ["key", "revoke", ALICE, "--list", list, "--expires", "2020-01-01"];
    assert_eq!(refused(&home, &ended), failed(1, "SAFECLAW_TIME_INVALID"));
    assert_eq!(revocations(&home), before);
}

#[test]
fn a_list_that_cannot_be_written_does_not_keep_the_key_from_being_revoked_here() {
    let home = home();
    let run = home.open(&["--json", "key", "revoke", ALICE, "--list", "/nowhere/at/all"]);
    let error = run.error(1);
    assert_eq!(error["code"], "STORE_FILE_NOT_FOUND");
    assert!(error["hint"].as_str().unwrap().contains("revoked here"), "{error}");
    let revoked = home.run(&["--json", "audit"]).json()["revocations"].take();
    assert_eq!(revoked[0]["what"], ALICE_ID);
}

#[test]
fn a_rotation_is_signed_by_both_keys() {
    let home = home();
    let old = home.open(&["--json", "key", "export"]).json();
    let new = home.open(&["--json", "key", "new", "--label", "next"]).json();
    let path = home.dir.path().join("rotation.dsse");
    let out = path.to_str().unwrap();
    let rotate = [
        "key",
        "rotate",
        "--from",
        "default",
        "--to",
        "next",
        "--skill",
        "acme.notes",
        "--reason",
        "yearly",
        "--out",
        out,
    ];
    let shown = home.open(&[&["--json"], &rotate[..]].concat()).json();
    assert_eq!((&shown["from"], &shown["to"]), (&old["keyid"], &new["keyid"]));
    let envelope = Envelope::parse(&std::fs::read(&path).unwrap()).unwrap();
    let rotation = envelope
        .verify_rotation(&KeyId::of(&public(&old)))
        .unwrap()
        .into_inner();
    assert_eq!((rotation.from, rotation.to), (public(&old), public(&new)));
    assert_eq!(rotation.skills, ["acme.notes".parse().unwrap()]);
    assert_eq!(rotation.reason.as_deref(), Some("yearly"));
    assert_eq!(refused(&home, &rotate), failed(1, "SAFECLAW_FILE_EXISTS"));
    let to_itself = ["key", "rotate", "--from", "next", "--to", "next", "--out", "other"];
    let (exit, _) = refused(&home, &to_itself);
    assert_eq!(exit, 1);
    assert!(!home.dir.path().join("other").exists());
    let bad = [
        "key", "rotate", "--from", "default", "--to", "next", "--skill", "../x", "--out", "other",
    ];
    assert_eq!(refused(&home, &bad), failed(1, "SAFECLAW_USAGE"));
    assert_eq!(
        refused(&home, &["key", "rotate", "--from", "default"]),
        failed(1, "SAFECLAW_USAGE")
    );
}

#[test]
fn before_onboarding_every_command_says_what_to_do() {
    let home = Home::new();
    for command in [
        &["key", "list"][..],
        &["key", "list", "--publishers"],
        &["key", "untrust", ALICE],
        &["key", "revoke", ALICE],
        &[
            "key",
            "trust",
            ALICE,
            "--scope",
            "x",
            "--label",
            "x",
            "--fingerprint",
            ALICE_ID,
        ],
    ] {
        assert_eq!(
            refused(&home, command),
            failed(1, "SAFECLAW_NOT_ONBOARDED"),
            "{command:?}"
        );
    }
    for command in [&["key", "new"][..], &["key", "export"]] {
        assert_eq!(refused(&home, command), failed(9, "VAULT_NOT_FOUND"), "{command:?}");
    }
    assert!(!home.path("").exists());
}

#[test]
fn what_is_said_of_keys_names_what_was_typed() {
    let home = home();
    home.open(&["key", "new", "--label", "second"]).ok();
    let told = |arguments: &[&str]| {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let run = home.open(&all);
        let code = run.code;
        run.error(code)["message"].as_str().unwrap().to_owned()
    };
    assert!(told(&["key", "new", "--label", "second"]).contains("a signing key \"second\""));
    assert!(told(&["key", "new"]).contains("a signing key \"default\""));
    assert!(told(&["key", "new", "--label", "a b"]).contains("letters, digits"));
    let twice = ["key", "rotate", "--from", "second", "--to", "second", "--out", "r"];
    assert!(told(&twice).contains("hand over to itself"));
    for command in ["revoke", "untrust"] {
        assert!(told(&["key", command, "Nobody"]).contains("no label of a publisher"));
    }
}

#[test]
fn a_revoked_key_is_shown_as_one_and_warned_about_when_it_signs() {
    let home = home();
    trust_alice(&home);
    let own = home.open(&["--json", "key", "list"]).json()["signingKeys"][0]["keyid"].take();
    assert_eq!(publishers(&home)[0]["revoked"], json!(false));
    for key in [ALICE_ID, own.as_str().unwrap()] {
        home.run(&["key", "revoke", key]).ok();
    }
    assert_eq!(publishers(&home)[0]["revoked"], json!(true));
    let listed = home.open(&["--json", "key", "list"]).json();
    assert_eq!(listed["signingKeys"][0]["revoked"], json!(true));
    let human = home.open(&["key", "list"]).ok().stdout;
    assert!(
        human.contains("default, REVOKED") && human.contains("acme.*, REVOKED"),
        "{human}"
    );
    home.run(&["skill", "new", "acme.notes"]).ok();
    let signed = home.open(&["skill", "sign", "acme.notes"]).ok();
    assert!(signed.stderr.contains("is revoked"), "{}", signed.stderr);
}

#[test]
fn who_trusts_a_key_again_is_told_what_that_replaces() {
    let home = home();
    trust_alice(&home);
    let again = [
        "key",
        "trust",
        ALICE,
        "--scope",
        "other.*",
        "--label",
        "A",
        "--fingerprint",
        ALICE_ID,
    ];
    let run = home.open(&again).ok();
    assert!(run.stderr.contains("it may publish acme.* until now"), "{}", run.stderr);
    assert_eq!(publishers(&home)[0]["scopes"], json!(["other.*"]));
}
