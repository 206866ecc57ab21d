//! The whole `--help` tree, as it is checked in. `CHANCERY_BLESS=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use std::path::Path;

use common::Home;

/// Every command, and the commands that `--help` of a group lists.
fn commands(home: &Home, path: &[&str], out: &mut Vec<(String, String)>) {
    let mut arguments = path.to_vec();
    arguments.push("--help");
    let mut command = home.command(&arguments);
    // the width of the terminal must not matter
    command.env("COLUMNS", "100");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{path:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    out.push((path.join(" "), help.clone()));
    let Some((_, listed)) = help.split_once("\nCommands:\n") else {
        return;
    };
    let names = listed.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?.split_whitespace().next()?;
        (!line.starts_with("   ") && name != "help").then_some(name)
    });
    for name in names {
        let mut path = path.to_vec();
        path.push(name);
        commands(home, &path, out);
    }
}

fn tree() -> Vec<(String, String)> {
    let mut out = Vec::new();
    commands(&Home::new(), &[], &mut out);
    out
}

#[test]
fn the_help_tree_is_what_is_checked_in() {
    let text: String = tree()
        .iter()
        .map(|(path, help)| {
            format!("$ clawdentity {path} --help\n{}\n\n", help.trim_end()).replace("  --help\n", " --help\n")
        })
        .collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help.txt");
    if std::env::var_os("CHANCERY_BLESS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        text == known,
        "the help changed; look at it, then run again with CHANCERY_BLESS=1\n{text}"
    );
}

#[test]
fn every_command_shows_examples() {
    for (path, help) in tree() {
        let is_group = help.contains("\nCommands:\n") && !path.is_empty();
        assert!(is_group || help.contains("Examples:\n  clawdentity"), "{path}");
    }
}

#[test]
fn no_command_of_a_later_issue_is_there() {
    let paths: Vec<String> = tree().into_iter().map(|(path, _)| path).collect();
    assert!(
        !paths
            .iter()
            .any(|path| path.contains("provider") || path.contains("install") || path.contains("service"))
    );
    let home = Home::new();
    assert_eq!(home.run(&["provider", "status"]).code, 2);
    assert_eq!(home.run(&["connector", "service", "install", "alpha"]).code, 2);
}

#[test]
fn without_a_command_there_is_help() {
    let run = Home::new().run(&[]).ok();
    assert!(
        run.stdout.contains("Usage: clawdentity [OPTIONS] [COMMAND]"),
        "{}",
        run.stdout
    );
    let run = Home::new().run(&["--version"]).ok();
    assert!(run.stdout.starts_with("clawdentity "), "{}", run.stdout);
}

#[test]
fn the_package_name_is_a_command_too() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_clawdentity-cli"))
        .arg("--version")
        .output()
        .unwrap();
    assert!(output.status.success());
}

#[test]
fn wrong_arguments_are_exit_code_2_with_the_code_that_the_skill_names() {
    let home = Home::new();
    let code = |arguments: &[&str]| home.run(arguments).error(2)["code"].as_str().unwrap().to_owned();
    assert_eq!(code(&["bogus", "--json"]), "CLI_USAGE");
    assert_eq!(code(&["--json", "config", "get"]), "CLI_USAGE");
    assert_eq!(
        code(&["pair", "status", "alpha", "--json"]),
        "CLI_PAIR_STATUS_TICKET_REQUIRED"
    );
    assert_eq!(
        code(&["pair", "start", "alpha", "--ttl-seconds", "0", "--json"]),
        "CLI_PAIR_START_INVALID_TTL"
    );
    assert_eq!(
        code(&["pair", "start", "alpha", "--ttl-seconds", "x", "--json"]),
        "CLI_PAIR_START_INVALID_TTL"
    );
    let wait = [
        "pair",
        "status",
        "alpha",
        "--ticket",
        "t",
        "--wait-seconds",
        "-1",
        "--json",
    ];
    assert_eq!(code(&wait), "CLI_PAIR_STATUS_WAIT_INVALID");
    let wait = [
        "pair",
        "start",
        "alpha",
        "--wait",
        "--poll-interval-seconds=0",
        "--json",
    ];
    assert_eq!(code(&wait), "CLI_PAIR_STATUS_WAIT_INVALID");
    assert_eq!(
        code(&["admin", "bootstrap", "--json"]),
        "CLI_ADMIN_BOOTSTRAP_SECRET_REQUIRED"
    );
    assert_eq!(
        code(&["invite", "redeem", "c", "--json"]),
        "CLI_INVITE_REDEEM_DISPLAY_NAME_REQUIRED"
    );
    assert_eq!(code(&["api-key", "revoke", "--json"]), "CLI_API_KEY_ID_REQUIRED");
    for days in ["0", "91", "x"] {
        assert_eq!(
            code(&["agent", "create", "alpha", "--ttl-days", days, "--json"]),
            "CLI_USAGE"
        );
    }
    assert_eq!(code(&["agent", "--json"]), "CLI_USAGE");
    // for people
    let run = home.run(&["config", "get"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(
        run.stderr.contains("required arguments were not provided"),
        "{}",
        run.stderr
    );
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = Home::new().run(&["completions", shell]).ok();
        assert!(run.stdout.contains("connector"), "{shell}");
    }
}
