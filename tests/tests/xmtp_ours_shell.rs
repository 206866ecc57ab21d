//! `chancery xmtp` and its shell are called wrongly: each mistake has its code, and the shell goes on.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect stops"
)]

use std::path::Path;

use chancery_tests::{Command, Outcome, binary, xmtp::Network};
use serde_json::{Value, json};

fn xmtp(arguments: &[&str]) -> Outcome {
    Command::new(&binary::chancery())
        .args(["xmtp"])
        .args(arguments)
        .arg("--json")
        .run()
}

fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777
}

#[test]
fn what_is_asked_wrongly_has_a_code_and_the_shell_goes_on() {
    let net = Network::without_sdk();
    let alice = net.ours("alice");
    let (inbox, conversation) = ("ab".repeat(32), "ab".repeat(16));
    let long = format!("send {conversation} {}", "x".repeat(1 << 20));
    for (line, code) in [
        ("bogus", "XMTP_COMMAND_UNKNOWN"),
        ("INFO", "XMTP_COMMAND_UNKNOWN"),
        ("{\"op\":\"info\"}", "XMTP_COMMAND_UNKNOWN"),
        ("info now", "XMTP_COMMAND_USAGE"),
        ("group", "XMTP_COMMAND_USAGE"),
        ("group friends", "XMTP_COMMAND_USAGE"),
        (&format!("group friends {conversation}"), "XMTP_COMMAND_INBOX"),
        ("dm 0x00", "XMTP_COMMAND_INBOX"),
        (
            "dm 0x0000000000000000000000000000000000000001",
            "XMTP_COMMAND_NOBODY_THERE",
        ),
        ("messages 00", "XMTP_COMMAND_CONVERSATION"),
        (&format!("messages {conversation}"), "XMTP_CLIENT_NO_CONVERSATION"),
        (&format!("members {conversation}"), "XMTP_CLIENT_NO_CONVERSATION"),
        (&format!("debug {conversation}"), "XMTP_CLIENT_NO_CONVERSATION"),
        (&format!("send {conversation} hello"), "XMTP_CLIENT_NO_CONVERSATION"),
        (&format!("rename {conversation} hello"), "XMTP_CLIENT_NO_CONVERSATION"),
        (&format!("update-keys {conversation}"), "XMTP_CLIENT_NO_CONVERSATION"),
        (&format!("leave {conversation}"), "XMTP_CLIENT_NO_CONVERSATION"),
        (&format!("add {conversation} {inbox}"), "XMTP_CLIENT_NO_CONVERSATION"),
        (
            &format!("promote {conversation} {inbox}"),
            "XMTP_CLIENT_NO_CONVERSATION",
        ),
        (&format!("send {conversation}"), "XMTP_COMMAND_USAGE"),
        (&format!("send {conversation} \"open"), "XMTP_COMMAND_QUOTES"),
        (&format!("promote {conversation} {inbox} king"), "XMTP_COMMAND_USAGE"),
        ("revoke 00", "XMTP_COMMAND_INSTALLATION"),
        ("stream", "XMTP_COMMAND_USAGE"),
        ("stream maybe", "XMTP_COMMAND_USAGE"),
        (&long, "XMTP_COMMAND_TOO_LONG"),
    ] {
        let answer = alice.shell().try_ask(line).expect("an answer");
        let short: String = line.chars().take(80).collect();
        assert_eq!(
            (&answer["ok"], &answer["code"]),
            (&json!(false), &json!(code)),
            "{short}: {answer}"
        );
        assert!(answer["error"].is_string(), "{short}: {answer}");
    }
    // blank lines are no requests
    let answer = alice.shell().try_ask("\n \t\ninfo").unwrap();
    assert_eq!(
        (&answer["ok"], &answer["inboxId"]),
        (&json!(true), &json!(alice.inbox_id()))
    );
    let commands = alice.ask("help").unwrap();
    assert!(
        commands["commands"]
            .as_array()
            .unwrap()
            .contains(&json!("send CONV TEXT"))
    );
    assert_eq!(alice.shell().log(), "", "nothing but answers");
    assert_eq!(alice.ask("quit").unwrap(), json!({ "ok": true }));
    assert_eq!(alice.shell().try_ask("info"), None, "the shell has ended");
}

#[test]
fn an_inbox_is_made_once_and_opened_by_one_at_a_time() {
    let net = Network::without_sdk();
    let (node, dir) = (net.port().url(), net.dir().join("me"));
    std::fs::create_dir(&dir).unwrap();
    let db = dir.join("inbox.db");
    let on = |db: &Path, arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--node", &node, "--db"]).collect();
        let command = Command::new(&binary::chancery()).arg("xmtp").args(arguments);
        command.arg(db).arg("--json").run()
    };

    let failure = on(&db, &["info"]).failure();
    assert_eq!(failure, (1, "XMTP_COMMAND_DB_MISSING".to_owned()));
    assert!(!db.exists(), "asking made a file");

    let made = on(&db, &["new"]).json();
    let again = on(&db, &["new"]).json();
    assert_eq!(made, again);
    assert_eq!(on(&db, &["info"]).json(), made);
    let wallet = dir.join("inbox.db.wallet");
    assert_eq!((mode(&db), mode(&wallet)), (0o600, 0o600));

    // the same wallet in another file is another installation of the inbox
    let phone = dir.join("phone.db");
    let given = wallet.to_string_lossy().into_owned();
    let second = on(&phone, &["new", "--wallet-file", &given]).json();
    assert_eq!(second["inboxId"], made["inboxId"]);
    assert_ne!(second["installationId"], made["installationId"]);
    assert!(
        !dir.join("phone.db.wallet").exists(),
        "a wallet that is given is not copied"
    );
    // and another wallet does not get into this file
    std::fs::write(dir.join("other"), "11".repeat(32)).unwrap();
    let other = dir.join("other").to_string_lossy().into_owned();
    let failure = on(&phone, &["new", "--wallet-file", &other]).failure();
    assert_eq!(failure, (1, "XMTP_CLIENT_OTHER_INBOX".to_owned()));

    let failure = on(&dir.join("x.db"), &["new", "--wallet-file", "/nowhere"]).failure();
    assert_eq!(failure, (1, "XMTP_COMMAND_WALLET_MISSING".to_owned()));
    std::fs::write(dir.join("garbage"), "hunter2").unwrap();
    let garbage = dir.join("garbage").to_string_lossy().into_owned();
    let done = on(&dir.join("x.db"), &["new", "--wallet-file", &garbage]);
    assert_eq!(done.failure(), (1, "XMTP_COMMAND_WALLET_INVALID".to_owned()));
    assert!(!done.stderr.contains("hunter2"));
    assert!(!dir.join("x.db").exists());

    let ours = net.ours("alice");
    let open = ours.db().to_owned();
    // who answers has its file open
    assert_eq!(ours.installations().len(), 1);
    assert_eq!(on(&open, &["info"]).failure(), (1, "XMTP_INBOX_LOCKED".to_owned()));
    // a file that holds something else
    let letter = dir.join("letter.db");
    std::fs::write(
        &letter,
        "Dear Bob, this is no database, and it is long enough to be one.",
    )
    .unwrap();
    let (code, name) = on(&letter, &["info"]).failure();
    assert!(code == 1 && name.starts_with("XMTP_INBOX_"), "{name}");
    assert!(std::fs::read_to_string(&letter).unwrap().starts_with("Dear Bob"));
}

#[test]
fn commands_are_called_wrongly() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("me.db").to_string_lossy().into_owned();
    for arguments in [
        &["bogus"][..],
        &["new"],
        &["info", "--db", &db, "--node", "nowhere"],
        &["info", "--db", &db, "--node", "http://example.org"],
        &["info", "--db", &db, "--network", "moon"],
        &["info", "--db", &db, "--network", "dev", "--node", "local"],
        &["dm", "--db", &db],
        &["dm", "--db", &db, "somebody"],
        &["group", "--db", &db],
        &["send", "--db", &db, "00", "text"],
        &["send", "--db", &db, &"0".repeat(32)],
    ] {
        let done = xmtp(arguments);
        assert_eq!(
            done.failure(),
            (2, "CHANCERY_USAGE".to_owned()),
            "{arguments:?}: {}",
            done.stderr
        );
        assert_eq!(done.stdout, "", "{arguments:?}");
    }
    // nobody listens there
    let done = xmtp(&["new", "--db", &db, "--node", "http://127.0.0.1:1"]);
    assert_eq!(
        done.failure(),
        (1, "XMTP_CLIENT_NODE_UNAVAILABLE".to_owned()),
        "{}",
        done.stderr
    );
}

#[test]
fn help_has_examples_everywhere() {
    for command in [
        &[][..],
        &["new"],
        &["info"],
        &["group"],
        &["dm"],
        &["send"],
        &["list"],
        &["stream"],
        &["shell"],
    ] {
        let help = Command::new(&binary::chancery())
            .arg("xmtp")
            .args(command)
            .arg("--help")
            .run()
            .ok();
        assert!(help.stdout.contains("Examples:"), "{command:?}: {}", help.stdout);
        let narrow = help.stdout.lines().all(|line| line.chars().count() <= 100);
        assert!(narrow, "{command:?}: {}", help.stdout);
    }
}

#[test]
fn an_inbox_goes_on_after_a_registration_that_was_cut_short() {
    let net = Network::without_sdk();
    let dir = net.dir().join("cut");
    std::fs::create_dir(&dir).unwrap();
    let db = dir.join("inbox.db");
    let new = |node: &str| {
        let command = Command::new(&binary::chancery()).args(["xmtp", "new", "--json", "--node", node, "--db"]);
        command.arg(&db).run()
    };
    assert_eq!(new("http://127.0.0.1:1").failure().1, "XMTP_CLIENT_NODE_UNAVAILABLE");
    let wallet = std::fs::read(dir.join("inbox.db.wallet")).unwrap();
    let shell = Command::new(&binary::chancery())
        .args(["xmtp", "info", "--json", "--db"])
        .arg(&db)
        .run();
    assert_eq!(shell.failure(), (1, "XMTP_CLIENT_NOT_REGISTERED".to_owned()));
    let made: Value = new(&net.port().url()).json();
    assert_eq!(std::fs::read(dir.join("inbox.db.wallet")).unwrap(), wallet);
    assert_eq!(made["inboxId"].as_str().unwrap().len(), 64);
}
