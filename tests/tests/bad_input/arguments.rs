//! Arguments of the commands.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
};

use chancery_tests::{Command, binary};
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn arguments() {
    let world = World::start();
    let dir = world.site.dir().to_owned();
    let file = dir.join("a file");
    std::fs::write(&file, "not what you think").unwrap();
    let file = file.to_string_lossy().into_owned();
    let long = "x".repeat(10_000);
    let before = world.state();
    for (arguments, code, error) in [
        (&["bogus"][..], 2, "CLI_USAGE"),
        (&["agent"][..], 2, "CLI_USAGE"),
        (&["agent", "create"][..], 2, "CLI_USAGE"),
        (&["agent", "create", "a", "b"][..], 2, "CLI_USAGE"),
        (&["agent", "create", "a", "--ttl-days", "many"][..], 2, "CLI_USAGE"),
        (&["agent", "create", "a", "--ttl-days", "-1"][..], 2, "CLI_USAGE"),
        (&["connector", "start", "alpha", "--port", "65536"][..], 2, "CLI_USAGE"),
        (
            &["pair", "confirm", "alpha", "--ticket", "x", "--qr-file", "y"][..],
            2,
            "CLI_PAIR_CONFIRM_INPUT_CONFLICT",
        ),
        (&["pair", "status", "alpha"][..], 2, "CLI_PAIR_STATUS_TICKET_REQUIRED"),
        (&["agent", "create", "../x"][..], 2, ""),
        (&["agent", "create", "."][..], 2, ""),
        (&["agent", "create", ""][..], 2, ""),
        (&["agent", "create", &long][..], 2, ""),
        (&["agent", "create", "a b"][..], 2, ""),
        (&["agent", "inspect", "nobody"][..], 1, ""),
        (&["agent", "inspect", "../../alpha"][..], 2, ""),
        (&["connector", "start", "nobody"][..], 1, ""),
        (&["connector", "start", "alpha", "--bind", "nowhere"][..], 2, ""),
        (&["connector", "start", "alpha", "--deliver-url", "ftp://x"][..], 2, ""),
        (&["connector", "start", "alpha", "--proxy-ws-url", "nowhere"][..], 2, ""),
        (&["pair", "confirm", "alpha", "--ticket", "clwpair1_x"][..], 2, ""),
        (&["pair", "confirm", "alpha", "--ticket", &long][..], 2, ""),
        (&["pair", "confirm", "alpha", "--qr-file", &file][..], 1, ""),
        (&["pair", "confirm", "alpha", "--qr-file", "/dev/null"][..], 1, ""),
        (&["pair", "start", "nobody"][..], 1, ""),
        (
            &["pair", "start", "alpha", "--ttl-seconds", "901"][..],
            1,
            "PROXY_PAIR_INVALID_BODY",
        ),
        (&["config", "set", "bogus", "x"][..], 2, ""),
        (&["config", "init", "--registry-url", "nowhere"][..], 2, ""),
        (
            &["config", "init", "--registry-url", "http://user:hunter2@127.0.0.1"][..],
            2,
            "",
        ),
        (&["invite", "redeem", "", "--display-name", "x"][..], 2, ""),
        (
            &["invite", "create", "--expires-at", "tomorrow"][..],
            1,
            "INVITE_CREATE_FORBIDDEN",
        ),
        (&["api-key", "revoke", "x"][..], 2, ""),
        (
            &["admin", "bootstrap", "--bootstrap-secret", "@/nowhere"][..],
            1,
            "SECRET_UNREADABLE",
        ),
    ] {
        let done = world.alice.run(arguments).run();
        let short: String = arguments.join(" ").chars().take(80).collect();
        let (found, name) = done.failure();
        assert_eq!(found, code, "{short}: {} {}", done.stdout, done.stderr);
        let expected = if error.is_empty() {
            name.starts_with("CLI_")
        } else {
            name == error
        };
        assert!(expected, "{short}: {name:?} {}", done.stderr);
        assert!(!done.stderr.contains("panicked"), "{short}: {}", done.stderr);
        assert!(!done.stderr.contains("hunter2"), "{short}: {}", done.stderr);
    }
    for token in ["not-a-token", "a.b.c", &file, &long] {
        let done = world.alice.run(["verify", token]).run();
        let short: String = token.chars().take(80).collect();
        let verdict: Value = serde_json::from_str(&done.stdout).unwrap_or_default();
        assert_eq!(
            (done.code, &verdict["passed"]),
            (1, &json!(false)),
            "{short}: {}",
            done.stderr
        );
    }
    let no_text = OsStr::from_bytes(b"\xff\xfe");
    let done = world
        .alice
        .run([OsStr::new("agent"), OsStr::new("inspect"), no_text])
        .run();
    assert!((1..=2).contains(&done.code), "{}", done.stderr);

    let chancery = |arguments: &[&str]| {
        let command = Command::new(&binary::chancery()).env("HOME", &dir).arg("--json");
        command.args(arguments.iter().map(OsString::from)).run()
    };
    for (arguments, code) in [
        (&["bogus"][..], 2),
        (&["registry", "--listen", "nowhere"][..], 2),
        (&["registry", "--listen", "127.0.0.1:99999"][..], 2),
        (&["registry", "--data-dir", &file, "--listen", "127.0.0.1:0"][..], 1),
        (
            &["registry", "--data-dir", "/proc/nowhere", "--listen", "127.0.0.1:0"][..],
            1,
        ),
        (
            &["registry", "--issuer-url", "nowhere", "--listen", "127.0.0.1:0"][..],
            1,
        ),
        (
            &["proxy", "--registry-url", "nowhere", "--listen", "127.0.0.1:0"][..],
            1,
        ),
        (
            &["proxy", "--service-credentials", &file, "--listen", "127.0.0.1:0"][..],
            1,
        ),
    ] {
        let done = chancery(arguments);
        let (found, name) = done.failure();
        assert!(
            found == code || (code == 1 && found == 2),
            "{arguments:?}: {found} {}",
            done.stderr
        );
        assert!(!name.is_empty(), "{arguments:?}: {}", done.stderr);
        assert!(!done.stderr.contains("panicked"), "{arguments:?}: {}", done.stderr);
    }
    assert_eq!(world.state(), before);
    world.is_up();
    assert_eq!(
        world.alice.json(["agent", "inspect", "alpha"])["did"],
        world.alpha.did()
    );
}
