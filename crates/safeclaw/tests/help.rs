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
            format!("$ safeclaw {path} --help\n{}\n\n", help.trim_end()).replace("  --help\n", " --help\n")
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
        assert!(is_group || help.contains("Examples:\n  safeclaw"), "{path}");
    }
}

#[test]
fn the_exit_codes_are_in_the_help() {
    let help = Home::new().run(&["--help"]).ok().stdout;
    for kind in [
        "0 done",
        "1 called wrongly",
        "2 invalid manifest",
        "3 signature",
        "4 trust",
        "5 revoked",
    ] {
        assert!(help.contains(kind), "{kind}");
    }
    for kind in ["6 downgrade", "7 denied by you", "8 sandbox", "9 vault"] {
        assert!(help.contains(kind), "{kind}");
    }
}

#[test]
fn without_a_command_there_is_help() {
    let run = Home::new().run(&[]).ok();
    assert!(
        run.stdout.contains("Usage: safeclaw [OPTIONS] [COMMAND]"),
        "{}",
        run.stdout
    );
    let run = Home::new().run(&["--version"]).ok();
    assert!(run.stdout.starts_with("safeclaw "), "{}", run.stdout);
}

#[test]
fn what_is_called_wrongly_ends_with_1_because_2_is_a_manifests() {
    let home = Home::new();
    for arguments in [
        &["bogus", "--json"][..],
        &["--json", "completions"],
        &["completions", "tcsh", "--json"],
        &["--json", "--color", "purple", "completions", "bash"],
        &["skill", "bogus", "--json"],
        &["skill", "--json"],
    ] {
        assert_eq!(
            home.run(arguments).refused(),
            (1, "SAFECLAW_USAGE".to_owned()),
            "{arguments:?}"
        );
    }
    let run = home.run(&["bogus"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("unrecognized subcommand"), "{}", run.stderr);
}

#[test]
fn a_passphrase_in_the_argument_list_is_refused_and_not_repeated() {
    let run = Home::new().run(&["--passphrase", "hunter2hunter2", "--json", "completions", "bash"]);
    assert!(!run.all().contains("hunter2"));
    assert_eq!(run.refused(), (1, "SAFECLAW_SECRET_BARE".to_owned()));
}

#[test]
fn without_a_home_nothing_runs() {
    let home = Home::new();
    let mut command = home.command(&["--json", "completions", "bash"]);
    let run = common::Run::from(command.env_remove("HOME").output().unwrap());
    assert_eq!(run.refused(), (1, "SAFECLAW_HOME_REQUIRED".to_owned()));
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = Home::new().run(&["completions", shell]).ok();
        assert!(run.stdout.contains("skill"), "{shell}");
    }
}

#[test]
fn colour_is_never_where_it_is_not_wanted() {
    let home = Home::new();
    let run = home.run(&["--color", "never", "bogus"]);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    let run = home.run(&["--color", "always", "bogus"]);
    assert!(run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
}

#[test]
fn what_is_no_command_of_yours_is_not_suggested() {
    let home = Home::new();
    for typed in ["frob", "_probe", "__probe"] {
        let run = home.run(&[typed]);
        assert_eq!(run.code, 1, "{typed}");
        assert!(
            !run.stderr.contains("'__probe'") || typed == "__probe",
            "{}",
            run.stderr
        );
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = home.run(&["completions", shell]).ok();
        assert!(!run.stdout.contains("__probe"), "{shell}");
    }
}

#[test]
fn who_names_no_capability_is_told_all_of_them() {
    for arguments in [
        &["skill", "grant", "a", "fs:raed"][..],
        &["skill", "revoke", "--skill", "a", "--capability", "x"],
    ] {
        let run = Home::new().run(arguments);
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(
            run.stderr.contains("fs:read") && run.stderr.contains("secret:write"),
            "{}",
            run.stderr
        );
    }
}
