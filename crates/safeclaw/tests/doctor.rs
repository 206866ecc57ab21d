//! `doctor`: the truth about files, vault, records and kernel.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::{
    fs::Permissions,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    process::Command,
};

use chancery_store::rusqlite::Connection;
use common::{Home, PASSPHRASE, Run, skip};
use serde_json::Value;

const ALICE: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const ALICE_ID: &str = "SHA256:If4x36FUomFia_hUBG_SJxt77UtqvkWqWId-9H-XIbk";

fn home() -> Home {
    let home = Home::new();
    home.open(&["onboard"]).ok();
    home
}

/// A home in which something was decided.
fn decided() -> Home {
    let home = home();
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
    home
}

/// The report, its exit code checked against it.
#[track_caller]
fn report(run: Run) -> Value {
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let count = |status: &str| {
        let all = report["checks"].as_array().unwrap().iter();
        all.filter(|check| check["status"] == status).count()
    };
    assert_eq!(report["passed"], count("pass"));
    assert_eq!(report["warnings"], count("warn"));
    assert_eq!(report["failed"], count("fail"));
    assert_eq!(run.code, i32::from(count("fail") > 0), "{report:#}");
    assert_eq!(
        report["status"],
        if count("fail") > 0 { "unhealthy" } else { "healthy" }
    );
    report
}

fn doctor(home: &Home) -> Value {
    report(home.run(&["--json", "doctor"]))
}

/// Status and message of the first finding `id`.
#[track_caller]
fn finding(report: &Value, id: &str) -> (String, String) {
    let found = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["id"] == id);
    let found = found.unwrap_or_else(|| panic!("no {id} in {report:#}"));
    let text = |member: &str| found[member].as_str().unwrap().to_owned();
    (text("status"), text("message"))
}

/// The messages of what is wrong.
fn faults(report: &Value) -> Vec<(String, String)> {
    let wrong = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] == "fail");
    wrong
        .map(|check| {
            assert!(check["remediationHint"].is_string(), "{check}");
            let text = |member: &str| check[member].as_str().unwrap().to_owned();
            (text("id"), text("message"))
        })
        .collect()
}

/// What is wrong, which is one thing.
#[track_caller]
fn fault(home: &Home) -> (String, String) {
    let faults = faults(&doctor(home));
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.into_iter().next().unwrap()
}

#[test]
fn a_sound_home_is_healthy_and_the_sandbox_is_said_to_be_missing() {
    let home = decided();
    let report = doctor(&home);
    assert_eq!(faults(&report), []);
    for id in [
        "directory",
        "files",
        "vault",
        "owner",
        "config",
        "database",
        "audit",
        "skills.rows",
        "runtime.node",
    ] {
        assert_eq!(finding(&report, id).0, "pass", "{id}");
    }
    assert_eq!(finding(&report, "sandbox").0, "warn");
    let human = home.run(&["doctor"]).ok().stdout;
    assert!(human.contains("[PASS] Vault: format 2"), "{human}");
    assert!(human.contains("[WARN] Sandbox:"), "{human}");
    let last = human.lines().last().unwrap();
    let words: Vec<&str> = last.split(' ').collect();
    assert!(
        matches!(words[..], [_, "passed,", _, "warnings,", "0", "failed"]),
        "{last}"
    );
}

#[test]
fn the_vault_is_opened_only_with_a_passphrase_and_a_wrong_one_is_a_failure() {
    let home = home();
    assert!(finding(&doctor(&home), "vault").1.contains("not tried"));
    let opened = report(home.open(&["--json", "doctor"]));
    assert!(finding(&opened, "vault").1.contains("it does"));
    assert!(finding(&opened, "owner").1.contains("and the vault's"));
    let run = home.run_with_stdin(
        &["--json", "--passphrase", "-", "doctor"],
        b"wrong horse battery staple\n",
    );
    assert!(!run.all().contains("horse") && !run.all().contains(PASSPHRASE));
    let (id, message) = faults(&report(run)).remove(0);
    assert_eq!(id, "vault");
    assert!(message.contains("VAULT_WRONG_KEY"), "{message}");
}

#[test]
fn before_onboarding_it_warns_and_makes_nothing() {
    let home = Home::new();
    let report = doctor(&home);
    assert_eq!(finding(&report, "directory").0, "warn");
    assert!(!home.path("").exists());
}

#[test]
fn what_others_may_read_is_named() {
    let home = home();
    for (path, mode) in [("vault.json", 0o640), ("owner.pub", 0o606), ("", 0o755)] {
        let path = home.path(path);
        let before = std::fs::metadata(&path).unwrap().permissions();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let faults = faults(&doctor(&home));
        let named = faults.iter().any(|(_, message)| {
            message.contains(&format!("mode {mode:04o}"))
                && message.contains(path.to_str().unwrap().trim_end_matches('/'))
        });
        assert!(named, "{faults:?}");
        std::fs::set_permissions(&path, before).unwrap();
    }
    assert_eq!(faults(&doctor(&home)), []);
}

#[test]
fn links_and_other_things_in_the_place_of_files_are_named() {
    let home = home();
    let link = home.path("link");
    std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
    let (id, message) = fault(&home);
    assert_eq!(id, "files");
    assert!(message.contains("symbolic link"), "{message}");
    std::fs::remove_file(&link).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(&link).unwrap();
    assert!(fault(&home).1.contains("no ordinary file"));
    drop(listener);
    std::fs::remove_file(&link).unwrap();
    // the directory itself
    std::fs::rename(home.path(""), home.dir.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(home.dir.path().join("elsewhere"), home.dir.path().join(".safeclaw")).unwrap();
    let faults = faults(&doctor(&home));
    assert!(
        faults
            .iter()
            .any(|(id, message)| id == "directory" && message.contains("symbolic link")),
        "{faults:?}"
    );
}

#[test]
fn a_file_of_somebody_else_is_named() {
    let home = home();
    let us = std::fs::metadata(home.path("owner.pub")).unwrap().uid();
    let other = us + 1;
    if std::os::unix::fs::chown(home.path("owner.pub"), Some(other), None).is_err() {
        return skip("the right to give files away (root)");
    }
    let faults = faults(&doctor(&home));
    let words = format!("belongs to user {other}, not to {us}");
    assert!(faults.iter().any(|(_, message)| message.contains(&words)), "{faults:?}");
}

#[test]
fn a_damaged_vault_key_or_configuration_is_a_failure() {
    let home = home();
    let (vault, owner) = (home.read("vault.json"), home.read("owner.pub"));
    home.file(".safeclaw/vault.json", &vault[..100]);
    assert!(fault(&home).1.contains("VAULT_CORRUPT"));
    home.file(".safeclaw/vault.json", &vault);
    home.file(".safeclaw/owner.pub", "no key\n");
    assert!(fault(&home).1.contains("SAFECLAW_KEY_INVALID"));
    home.file(".safeclaw/owner.pub", &format!("{ALICE}\n"));
    let (id, message) = faults(&report(home.open(&["--json", "doctor"]))).remove(0);
    assert_eq!(id, "owner");
    assert!(message.contains("SAFECLAW_OWNER_CHANGED"), "{message}");
    home.file(".safeclaw/owner.pub", &owner);
    // the members of safeclaw spec 11.1, and what is none
    home.file(
        ".safeclaw/safeclaw.json",
        r#"{"model":"m","systemPrompt":"s","maxToolRounds":3,"temperature":0.5,"maxTokens":10,"maxContextTokens":10,
            "gateway":{"host":"127.0.0.1","port":18799},"sandbox":{"enabled":true,"timeout":1000}}"#,
    );
    assert_eq!(finding(&doctor(&home), "config").0, "pass");
    for bad in [
        "{",
        "[]",
        r#"{"modle":"m"}"#,
        r#"{"model":1}"#,
        r#"{"model":"a","model":"b"}"#,
        r#"{"gateway":{"port":65536}}"#,
        r#"{"sandbox":{"enabled":true,"off":true}}"#,
    ] {
        home.file(".safeclaw/safeclaw.json", bad);
        assert!(fault(&home).1.contains("SAFECLAW_CONFIG_INVALID"), "{bad}");
    }
}

#[test]
fn a_vault_of_the_original_is_worth_a_word() {
    let home = Home::new();
    std::fs::create_dir(home.path("")).unwrap();
    std::fs::set_permissions(home.path(""), Permissions::from_mode(0o700)).unwrap();
    home.file(".safeclaw/vault.json", r#"{"version":1,"entries":{}}"#);
    let report = doctor(&home);
    assert_eq!(finding(&report, "vault").0, "warn");
}

#[test]
fn records_rows_and_content_that_were_meddled_with_are_failures() {
    let home = decided();
    let meddle = |sql: &str| {
        let database = Connection::open(home.path("skills.db")).unwrap();
        database.execute_batch(sql).unwrap();
    };
    // a grant of trust that the owner never signed
    meddle("UPDATE publishers SET body = replace(body, 'acme.*', '*')");
    let (id, message) = fault(&home);
    assert_eq!(id, "skills.rows");
    assert!(message.contains(ALICE_ID), "{message}");
    meddle("DELETE FROM publishers");
    meddle("UPDATE audit SET actor = 'nobody' WHERE seq = 1");
    let (id, message) = fault(&home);
    assert_eq!(id, "audit");
    assert!(message.contains("record 1"), "{message}");
}

#[test]
fn content_that_is_not_what_was_installed_is_a_failure() {
    let home = home();
    let folder = home.dir.path().join("demo");
    std::fs::create_dir(&folder).unwrap();
    let manifest =
        r#"{"schemaVersion":2,"id":"demo","version":"1.0.0","name":"Demo","requiredCapabilities":[],"tools":[]}"#;
    std::fs::write(folder.join("manifest.json"), manifest).unwrap();
    home.open(&[
        "skill",
        "install",
        folder.to_str().unwrap(),
        "--allow-unsigned",
        "--i-understand",
    ])
    .ok();
    assert!(finding(&doctor(&home), "skills.content").1.starts_with("1 skill,"));
    let blobs = home.path("blobs/sha256");
    for blob in std::fs::read_dir(blobs).unwrap() {
        std::fs::write(blob.unwrap().path(), "other bytes").unwrap();
    }
    let (id, message) = fault(&home);
    assert_eq!(id, "skills.content");
    assert!(message.contains("demo"), "{message}");
}

#[test]
fn a_file_that_is_no_database_is_a_failure() {
    let home = decided();
    for name in ["skills.db", "skills.db-wal", "skills.db-shm"] {
        let _ = std::fs::remove_file(home.path(name));
    }
    home.file(".safeclaw/skills.db", &"no database at all ".repeat(100));
    let (id, _) = fault(&home);
    assert_eq!(id, "database");
}

#[test]
fn it_changes_nothing() {
    let home = decided();
    let state = || {
        let mut files: Vec<_> = [
            "vault.json",
            "vault.json.seen",
            "owner.pub",
            "skills.db",
            "skills.changes",
        ]
        .into_iter()
        .map(|name| std::fs::read(home.path(name)).unwrap())
        .collect();
        let mut names: Vec<_> = std::fs::read_dir(home.path(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort_unstable();
        files.push(format!("{names:?}").into_bytes());
        files
    };
    let before = state();
    home.open(&["doctor"]).ok();
    assert!(state() == before);
}

#[test]
fn what_it_says_of_namespaces_is_what_another_program_meets() {
    let report = doctor(&home());
    let said = finding(&report, "kernel.namespaces").0 == "pass";
    let Ok(output) = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--net", "true"])
        .output()
    else {
        return skip("unshare (util-linux)");
    };
    assert_eq!(said, output.status.success());
}

#[test]
fn what_it_says_of_landlock_and_seccomp_is_what_the_kernel_lists() {
    let report = doctor(&home());
    let Ok(actions) = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail") else {
        return skip("/proc/sys/kernel/seccomp");
    };
    assert_eq!(
        finding(&report, "kernel.seccomp").0 == "pass",
        actions.contains("errno")
    );
    let Ok(modules) = std::fs::read_to_string("/sys/kernel/security/lsm") else {
        return skip("/sys/kernel/security");
    };
    assert_eq!(
        finding(&report, "kernel.landlock").0 == "pass",
        modules.contains("landlock")
    );
}
