//! `xs daemon start` and `xs reset`, beside a double of the program with the engines.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use common::{
    Home, Run,
    double::{Answer, Double},
};
use serde_json::json;

/// `xs` with a double of `chancery` beside it, which is this shell script.
fn beside(home: &Home, script: &str) -> PathBuf {
    let folder = home.path("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let xs = folder.join("xs");
    std::fs::copy(env!("CARGO_BIN_EXE_xs"), &xs).unwrap();
    let double = folder.join("chancery");
    std::fs::write(&double, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(double, Permissions::from_mode(0o700)).unwrap();
    xs
}

fn run(home: &Home, xs: &std::path::Path, arguments: &[&str]) -> Run {
    home.command_of(xs, arguments).output().unwrap().into()
}

const LINE: &str = r#"printf '{"status":"running","pid":%s,"ws":"ws://127.0.0.1:8393","adminSocket":"/s","env":"local","dataDir":"/d"}\n' $$"#;

#[test]
fn in_the_foreground_it_becomes_the_daemon() {
    let home = Home::new().initialized();
    let xs = beside(&home, "echo \"$@\" \"[$XMTP_SIGNET_DAEMON_CHILD]\"; exit 7");
    let ran = run(&home, &xs, &["daemon", "start"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "signet []\n"));
    let config = home.config();
    let ran = run(&home, &xs, &["daemon", "start", "--config", config.to_str().unwrap()]);
    assert_eq!(ran.stdout, format!("signet --config {} []\n", config.display()));
}

#[test]
fn in_the_background_it_is_waited_for_and_told_where_it_serves() {
    let home = Home::new().initialized();
    // what a terminal's end does not reach is in a session of its own
    let xs = beside(
        &home,
        &format!(
            "echo started >&2; echo \"$XMTP_SIGNET_DAEMON_CHILD $(cut -d' ' -f6 /proc/$$/stat) $$\" > {}/child; {LINE}; exec sleep 60",
            home.dir.path().display()
        ),
    );
    let started = run(&home, &xs, &["daemon", "start", "--daemon", "--json"]).json();
    let pid = started["pid"].as_u64().unwrap();
    let child = std::fs::read_to_string(home.path("child")).unwrap();
    let alive = std::path::Path::new(&format!("/proc/{pid}")).exists();
    std::process::Command::new("kill")
        .arg(pid.to_string())
        .status()
        .unwrap();
    assert!(alive);
    assert_eq!(child, format!("1 {pid} {pid}\n"));
    assert_eq!(
        (&started["status"], &started["ws"]),
        (&json!("running"), &json!("ws://127.0.0.1:8393"))
    );
    let log = home.data("daemon.log");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "started\n");
    assert_eq!(common::mode(&log), 0o600);
}

#[test]
fn one_that_does_not_start_says_why_with_its_exit_code() {
    let home = Home::new().initialized();
    let xs = beside(
        &home,
        "echo noise >&2; echo 'message: the vault is locked' >&2; echo 'hint: none' >&2; exit 9",
    );
    let error = run(&home, &xs, &["daemon", "start", "--daemon", "--json"]).refused(9);
    assert_eq!(error["message"], "the daemon did not start: the vault is locked");
    assert!(error["hint"].as_str().unwrap().contains("daemon.log"));
    // a line that is none
    let xs = beside(&home, "echo hello; exec sleep 60");
    let begun = Instant::now();
    assert_eq!(
        run(&home, &xs, &["daemon", "start", "--daemon", "--json"]).refused(8)["category"],
        "internal"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn no_second_one_none_without_keys_and_none_without_its_program() {
    let home = Home::new();
    let xs = beside(&home, "exit 0");
    let error = run(&home, &xs, &["daemon", "start", "--json"]).refused(9);
    assert_eq!(
        (&error["category"], &error["hint"]),
        (&json!("auth"), &json!("xs init"))
    );
    let home = Home::new().initialized();
    let xs = beside(&home, "exit 0");
    let _double = Double::listen(&home, |_, _| Answer::Gone);
    let error = run(&home, &xs, &["daemon", "start", "--json"]).refused(1);
    assert!(error["message"].as_str().unwrap().contains("already"));
    std::fs::remove_file(home.path("bin/chancery")).unwrap();
    let home = home.with("PATH", "/nonexistent");
    assert_eq!(
        run(&home, &xs, &["daemon", "start", "--json"]).refused(2)["category"],
        "not_found"
    );
}

#[test]
fn a_reset_lists_first_and_takes_only_what_is_ours() {
    let home = Home::new().initialized();
    home.file("data/xmtp-signet/letters.txt", "mine");
    home.file("data/xmtp-signet/inbox/a.db", "x");
    let shown = home.run(&["reset"]).ok();
    let plan: Vec<&str> = shown.stdout.lines().collect();
    assert!(
        plan.contains(&format!("remove {}", home.data("vault.json").display()).as_str()),
        "{plan:?}"
    );
    assert!(
        !shown.stdout.contains("letters") && !shown.stdout.contains("config.toml"),
        "{plan:?}"
    );
    assert_eq!(
        shown.stderr,
        "This will remove everything that the signet keeps here.\nRun with --force to execute.\n"
    );
    assert!(home.data("vault.json").exists());

    let done = home.run(&["reset", "--force", "--json"]).json();
    assert_eq!(done["executed"], true);
    for gone in ["vault.json", "vault.key", "owner", "inbox"] {
        assert!(!home.data(gone).exists(), "{gone}");
    }
    assert!(home.data("letters.txt").exists() && home.config().exists());
    home.run(&["reset", "--force", "--all"]).ok();
    assert!(!home.config().exists());
    // again: there is nothing
    assert_eq!(
        home.run(&["reset", "--force", "--json"]).json(),
        json!({"executed": true, "actions": []})
    );
}

#[test]
fn a_reset_tells_the_chats_and_saves_the_log_first() {
    let home = Home::new().initialized();
    home.file("data/xmtp-signet/signet.db", "x");
    // whose log would be lost
    assert_eq!(home.run(&["reset", "--json"]).refused(1)["category"], "validation");
    home.run(&["reset", "--keep-audit=false"]).ok();
    let socket = home.socket();
    let double = Double::listen(&home, move |method, _| {
        Answer::Data(match method {
            "credential.list" => json!([{"id": "cred_a7f30c2e91d4b856"}]),
            "credential.revoke" => json!({"revoked": true}),
            "admin.logs-export" => json!([{"action": "a"}, {"action": "b"}]),
            "signet.stop" => {
                std::fs::remove_file(&socket).unwrap();
                json!({"stopped": true})
            }
            other => panic!("{other}"),
        })
    });
    // not while it runs
    assert_eq!(
        home.run(&["reset", "--force", "--json"]).refused(1)["hint"],
        "xs reset --stop"
    );
    let planned = home.run(&["reset", "--stop", "--json"]).json();
    assert_eq!(planned["executed"], false);
    assert_eq!(planned["actions"][0], "revoke credential cred_a7f30c2e91d4b856");
    home.run(&["reset", "--stop", "--force"]).ok();
    let methods: Vec<String> = double.requests().into_iter().map(|(method, _)| method).collect();
    let tail = &methods[methods.len() - 4..];
    assert_eq!(
        tail,
        [
            "credential.list",
            "credential.revoke",
            "admin.logs-export",
            "signet.stop"
        ]
    );
    assert!(!home.data("signet.db").exists());
    let saved: Vec<PathBuf> = std::fs::read_dir(home.path("state/xmtp-signet"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(saved.len(), 1);
    assert_eq!(
        std::fs::read_to_string(&saved[0]).unwrap(),
        "{\"action\":\"a\"}\n{\"action\":\"b\"}\n"
    );
}
