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
        .map(|(path, help)| format!("$ xs {path} --help\n{}\n\n", help.trim_end()).replace("  --help\n", " --help\n"))
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
        assert!(is_group || help.contains("Examples:\n  xs"), "{path}");
    }
}

/// Signet spec 1.11.
#[test]
fn the_exit_codes_are_in_the_help() {
    let help = Home::new().run(&["--help"]).ok().stdout;
    for code in [
        "0 done",
        "1 called",
        "2 not found",
        "4 not permitted",
        "5 timed out",
        "6 daemon",
        "8 internal",
        "9 not",
        "130 called off",
    ] {
        assert!(help.contains(code), "{code}");
    }
}

#[test]
fn without_a_command_there_is_help() {
    let run = Home::new().run(&[]).ok();
    assert!(run.stdout.contains("Usage: xs [OPTIONS] [COMMAND]"), "{}", run.stdout);
    // signet spec 9.1: from source
    assert_eq!(Home::new().run(&["--version"]).ok().stdout, "xs dev (dev)\n");
}

#[test]
fn what_is_called_wrongly_ends_with_1() {
    let home = Home::new();
    for arguments in [
        &["bogus", "--json"][..],
        &["--json", "completion"],
        &["completion", "tcsh", "--output=json"],
        &["operator", "--output", "ndjson"],
    ] {
        assert_eq!(
            home.run(arguments).refused(1)["error"],
            "ValidationError",
            "{arguments:?}"
        );
    }
    let run = home.run(&["bogus"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("unrecognized subcommand"), "{}", run.stderr);
}

#[test]
fn without_a_home_nothing_runs() {
    let home = Home::new();
    let mut command = home.command(&["--json", "status"]);
    let run = common::Run::from(command.env_remove("HOME").output().unwrap());
    assert_eq!(run.refused(1)["context"]["field"], "HOME");
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = Home::new().run(&["completion", shell]).ok();
        assert!(run.stdout.contains("operator"), "{shell}");
    }
}
