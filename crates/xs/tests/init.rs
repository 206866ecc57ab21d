//! `xs init`: configuration and keys, once, and nothing where the owner cannot be asked (signet spec 9.3).

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use common::{Home, OWNER, mode, terminal::Terminal};
use serde_json::json;

fn entries(home: &Home) -> Vec<String> {
    let mut all: Vec<String> = std::fs::read_dir(home.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    all.sort();
    all
}

#[test]
fn keys_and_configuration_are_made_once() {
    let home = Home::new();
    let owner = home.owner();
    let arguments = [
        "init",
        "--env",
        "local",
        "--label",
        "owner",
        "--owner-passphrase",
        &owner,
        "--json",
    ];
    let made = home.run(&arguments).json();
    assert_eq!(made["initialized"], true);
    assert_eq!(made["preset"], "recommended");
    assert_eq!(
        made["presetDescription"],
        "per-chat isolation with owner-gated sensitive reads"
    );
    assert_eq!(made["configPath"], home.config().to_str().unwrap());
    assert_eq!(made["configWritten"], true);
    assert_eq!(
        (&made["onboardingScheme"], &made["env"], &made["label"]),
        (&json!("convos"), &json!("local"), &json!("owner"))
    );
    assert_eq!(made["dataDir"], home.data("").to_str().unwrap().trim_end_matches('/'));
    assert_eq!(made["platform"], "software-vault");
    let fingerprint = made["adminKeyFingerprint"].as_str().unwrap();
    assert!(
        fingerprint.len() == 64 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit()),
        "{fingerprint}"
    );
    let config = std::fs::read_to_string(home.config()).unwrap();
    assert!(
        config.contains("adminReadElevation = true") && config.contains("profileName = \"owner\""),
        "{config}"
    );

    // whoever else is on this machine sees nothing of it
    assert_eq!((mode(&home.config()), mode(&home.data(""))), (0o600, 0o700));
    for file in ["vault.json", "vault.key", "owner/vault.json"] {
        assert_eq!(mode(&home.data(file)), 0o600, "{file}");
    }

    // again: the same keys, nothing written
    let before = std::fs::read(home.data("vault.json")).unwrap();
    let again = home.run(&arguments).json();
    assert_eq!(again["configWritten"], false);
    for same in ["rootPublicKey", "operationalKeyId", "adminKeyFingerprint"] {
        assert_eq!(again[same], made[same], "{same}");
    }
    assert_eq!(std::fs::read(home.data("vault.json")).unwrap(), before);
    assert_eq!(std::fs::read_to_string(home.config()).unwrap(), config);
}

#[test]
fn a_preset_is_written_into_a_file_that_is_there() {
    let home = Home::new();
    home.file(
        "config/xmtp-signet/config.toml",
        "# mine\n[ws]\nport = 9000\n[signet]\nenv = \"local\"\n",
    );
    let owner = home.owner();
    let made = home
        .run(&["init", "trusted-local", "--owner-passphrase", &owner, "--json"])
        .json();
    assert_eq!(
        (&made["preset"], &made["configWritten"]),
        (&json!("trusted-local"), &json!(true))
    );
    let config = std::fs::read_to_string(home.config()).unwrap();
    assert!(
        config.starts_with("# mine\n[ws]\nport = 9000\n") && config.contains("identityMode = \"shared\""),
        "{config}"
    );
}

#[test]
fn another_network_than_the_configured_one_is_no_silent_change() {
    let home = Home::new().initialized();
    let owner = home.owner();
    let error = home
        .run(&["init", "--env", "production", "--owner-passphrase", &owner, "--json"])
        .refused(1);
    assert_eq!(error["context"]["field"], "--env");
}

/// Signet spec 9.3: feasibility is known before anything is written.
#[test]
fn where_the_owner_cannot_be_asked_nothing_is_written() {
    let home = Home::new();
    // a passphrase that somebody gave is nobody who was asked
    let vault = home.file("vault-passphrase", "the daemon's own words\n");
    let home = home.with("XMTP_SIGNET_PASSPHRASE_FILE", vault.to_str().unwrap());
    let owner = home.owner();
    let before = entries(&home);
    let error = home
        .run(&[
            "init",
            "hardened",
            "--env",
            "local",
            "--owner-passphrase",
            &owner,
            "--json",
        ])
        .refused(4);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("making the root key") && message.contains("terminal"),
        "{message}"
    );
    assert!(error["hint"].as_str().unwrap().contains("SIGNET_SIGNER_PATH"));
    assert_eq!(entries(&home), before);

    let home = Home::new();
    // no terminal, and no passphrase
    let mut command = home.command(&["init", "--env", "local", "--json"]);
    let run = common::Run::from(without_terminal(&mut command));
    assert_eq!(run.refused(4)["category"], "permission");
    assert!(entries(&home).is_empty());
}

/// A session of its own has no terminal, even where the tests are run at one.
fn without_terminal(command: &mut std::process::Command) -> std::process::Output {
    let mut outer = std::process::Command::new("setsid");
    outer.arg("--wait").arg(command.get_program()).args(command.get_args());
    outer.env_clear();
    for (name, value) in command.get_envs() {
        outer.envs(value.map(|value| (name, value)));
    }
    outer
        .current_dir(command.get_current_dir().unwrap())
        .stdin(std::process::Stdio::null());
    outer.output().unwrap()
}

#[test]
fn a_secret_among_the_arguments_is_refused_and_not_repeated() {
    let home = Home::new();
    let run = home.run(&["init", "--owner-passphrase", "hunter2hunter2", "--json"]);
    assert!(!run.all().contains("hunter2"));
    assert_eq!(run.refused(1)["context"]["field"], "--owner-passphrase");
    assert!(entries(&home).is_empty());
}

#[test]
fn at_a_terminal_the_owner_is_asked_and_hardened_works() {
    let home = Home::new();
    let vault = home.file("vault-passphrase", "the daemon's own words\n");
    let home = home.with("XMTP_SIGNET_PASSPHRASE_FILE", vault.to_str().unwrap());
    let Some(mut terminal) = Terminal::run(&home, &["init", "hardened", "--env", "local"]) else {
        return;
    };
    terminal.expect("assphrase");
    terminal.types(OWNER);
    terminal.expect("nce more");
    terminal.types(OWNER);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("preset: hardened") && !screen.contains(OWNER),
        "{screen}"
    );
    assert!(!home.data("vault.key").exists());
}

#[test]
fn the_data_directory_of_one_run_is_not_written_down() {
    let home = Home::new();
    let elsewhere = home.path("elsewhere");
    let home = home.with("XMTP_SIGNET_DATA_DIR", elsewhere.to_str().unwrap());
    let owner = home.owner();
    let made = home
        .run(&["init", "--env", "local", "--owner-passphrase", &owner, "--json"])
        .json();
    assert_eq!(made["dataDir"], elsewhere.to_str().unwrap());
    assert!(elsewhere.join("vault.json").exists() && !home.data("vault.json").exists());
    assert!(!std::fs::read_to_string(home.config()).unwrap().contains("dataDir"));
}
