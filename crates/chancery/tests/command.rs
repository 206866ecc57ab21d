//! The command line: help, completions, what is called wrongly, and the demo.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::process::{Command, Output};

use serde_json::Value;

fn chancery(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chancery"))
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn help_has_examples_everywhere() {
    for command in [
        vec![],
        vec!["registry"],
        vec!["proxy"],
        vec!["demo"],
        vec!["completions"],
    ] {
        let mut arguments = command.clone();
        arguments.push("--help");
        let help = chancery(&arguments);
        assert!(help.status.success());
        let text = stdout(&help);
        assert!(text.contains("Examples:"), "{command:?}: {text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{command:?}: {text}"
        );
    }
}

#[test]
fn it_knows_its_version() {
    assert_eq!(
        stdout(&chancery(&["--version"])),
        format!("chancery {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn every_shell_can_complete_it() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = chancery(&["completions", shell, "--json"]);
        assert!(script.status.success());
        assert!(stdout(&script).contains("print-bootstrap-secret"), "{shell}");
    }
}

#[test]
fn a_wrong_call_is_told_on_stderr_with_2() {
    let wrong = chancery(&["registry", "--listen", "nowhere", "--json"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(stdout(&wrong), "");
    let failure: Value = serde_json::from_slice(&wrong.stderr).unwrap();
    assert_eq!(failure["error"]["code"], "CHANCERY_USAGE");
    let message = failure["error"]["message"].as_str().unwrap();
    assert!(message.contains("nowhere"), "{message}");

    let wrong = chancery(&["proxy", "--bogus"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("--bogus"));
}

#[test]
fn a_secret_that_cannot_be_read_is_not_replaced_by_another() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let data = dir.path().to_str().unwrap();
    let run = |value: &[u8]| {
        Command::new(env!("CARGO_BIN_EXE_chancery"))
            .args(["registry", "--listen", "127.0.0.1:0", "--data-dir", data, "--json"])
            .env("BOOTSTRAP_SECRET", std::ffi::OsStr::from_bytes(value))
            .output()
            .unwrap()
    };
    let unreadable = run(b"\xff");
    assert_eq!(unreadable.status.code(), Some(1));
    let told = String::from_utf8(unreadable.stderr).unwrap();
    assert!(
        told.contains("VARIABLE_NOT_TEXT") && told.contains("BOOTSTRAP_SECRET"),
        "{told}"
    );
    assert!(!dir.path().join("signing.key").exists());

    // a broken file is named as the file that it is, not as the variable that it stands for
    std::fs::write(dir.path().join("signing.key"), "garbage").unwrap();
    let broken = run(b"a-secret-that-is-long-enough");
    assert_eq!(broken.status.code(), Some(1));
    let told = String::from_utf8(broken.stderr).unwrap();
    assert!(
        told.contains("DATA_DIR_FILE_INVALID") && told.contains("signing.key"),
        "{told}"
    );
    assert!(!told.contains("garbage"), "{told}");
}

#[test]
fn the_demo_shows_that_everything_works() {
    let demo = chancery(&["demo", "--json"]);
    let lines: Vec<Value> = stdout(&demo)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        assert_eq!(line["ok"], true, "{line}");
        assert!(line["ms"].is_u64() && line["detail"].is_string(), "{line}");
    }
    let steps: Vec<_> = lines.iter().map(|line| line["step"].as_str().unwrap()).collect();
    let told = [
        "bootstrap",
        "invite",
        "humans",
        "agents",
        "pairing",
        "message",
        "answer",
        "offline",
        "receipt",
        "replay",
        "revocation",
    ];
    for step in told {
        assert!(steps.contains(&step), "{steps:?}");
    }
    assert!(demo.status.success());
    assert_eq!(String::from_utf8_lossy(&demo.stderr), "");
}
