//! `skill ...`, command by command: what each takes, and what it refuses with which code.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;
#[path = "common/skill.rs"]
mod skill;

use common::{Home, PASSPHRASE, mode};
use serde_json::{Value, json};
use skill::{change, failed, fingerprint, folder, install, installed, manifest, onboarded, reads, signed, text};

const ID: &str = "acme.notes";

/// A publisher who installed a skill of their own, without grants.
fn with_skill() -> Home {
    let home = onboarded();
    let https =
        json!({ "capability": "net:https", "constraints": { "hosts": ["example.com"] }, "reason": "Look words up" });
    let folder = signed(
        &home,
        "notes",
        &manifest(ID, "1.0.0", &[reads(&["/srv/notes"]), https]),
        "default",
    );
    let key = fingerprint(&home, "default");
    install(&home, &folder, &["--trust-key", &key]).ok();
    home
}

#[track_caller]
fn refused(home: &Home, arguments: &[&str]) -> (i32, String) {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let run = home.open(&all);
    assert!(!run.all().contains(PASSPHRASE));
    run.refused()
}

#[test]
fn commands_that_need_a_vault_or_an_owner_say_so() {
    let home = Home::new();
    let draft = folder(&home, "draft", &manifest(ID, "1.0.0", &[]));
    for arguments in [
        &["skill", "list"][..],
        &["skill", "show", ID],
        &["skill", "grants"],
        &["skill", "grant", ID, "fs:read"],
        &["skill", "revoke", "--skill", ID],
        &["skill", "remove", ID, "--yes"],
        &["skill", "install", text(&draft)],
    ] {
        assert_eq!(
            refused(&home, arguments),
            failed(1, "SAFECLAW_NOT_ONBOARDED"),
            "{arguments:?}"
        );
    }
    assert_eq!(
        refused(&home, &["skill", "sign", text(&draft)]),
        failed(9, "VAULT_NOT_FOUND")
    );
    // what only looks at a folder needs neither, and makes nothing
    home.run(&["skill", "validate", text(&draft)]).ok();
    home.run(&["skill", "inspect", text(&draft)]).ok();
    assert_eq!(home.run(&["skill", "verify", text(&draft)]).code, 3);
    assert!(!home.path("").exists());
}

#[test]
fn wrong_calls_end_with_1() {
    let home = Home::new();
    for arguments in [
        &["skill", "new"][..],
        &["skill", "new", "Acme Notes"],
        &["skill", "new", "../x"],
        &["skill", "validate"],
        &["skill", "validate", "x", "--profile", "lax"],
        &["skill", "sign", "x", "--threshold", "0"],
        &["skill", "verify", "x", "--key", "abc"],
        &["skill", "install", "x", "--trust-key", "SHA256:abc"],
        &["skill", "install", "x", "--grant", "some"],
        &["skill", "install", "x", "--allow-unsigned"],
        &["skill", "install", "x", "--dry-run", "--revocations", "y"],
        &["skill", "install", "x", "--threshold", "-1"],
        &["skill", "grant", ID],
        &["skill", "grant", ID, "fs:execute"],
        &["skill", "grant", ID, "fs:read", "--max-uses", "0"],
        &["skill", "grant", ID, "fs:read", "--version-range", "^1"],
        &["skill", "revoke"],
        &["skill", "revoke", "not-an-id"],
        &["skill", "revoke", "--capability", "fs:read"],
        &["skill", "revoke", "--skill", ID, "--key", "SHA256:abc"],
        &["skill", "diff", "x"],
        &["skill", "test", ID],
    ] {
        assert_eq!(refused(&home, arguments), failed(1, "SAFECLAW_USAGE"), "{arguments:?}");
    }
}

#[test]
fn new_makes_a_skill_that_validates_and_overwrites_nothing() {
    let home = Home::new();
    let made = home.run(&["--json", "skill", "new", ID, "--dir", "skills"]).json();
    assert_eq!(made["files"], json!(["manifest.json", "SKILL.md", "calls.json"]));
    let folder = home.dir.path().join("skills").join(ID);
    let valid = home
        .run(&["--json", "skill", "validate", text(&folder), "--require-constraints"])
        .json();
    assert_eq!((&valid["valid"], &valid["problems"]), (&json!(true), &json!([])));
    assert_eq!(mode(&folder.join("manifest.json")) & !0o044, 0o600);
    let again = refused(&home, &["skill", "new", ID, "--dir", "skills"]);
    assert_eq!(again, failed(1, "SAFECLAW_FILE_EXISTS"));
    std::fs::write(home.dir.path().join("file"), "").unwrap();
    assert_eq!(
        refused(&home, &["skill", "new", ID, "--dir", "file"]),
        failed(1, "SAFECLAW_FILE_FAILED")
    );
}

#[test]
fn the_calls_of_a_new_skill_are_as_expected_once_it_has_what_it_asks_for() {
    let home = onboarded();
    home.run(&["skill", "new", "my.draft"]).ok();
    let folder = home.dir.path().join("my.draft");
    install(
        &home,
        &folder,
        &["--allow-unsigned", "--i-understand", "--grant", "all"],
    )
    .ok();
    let calls = folder.join("calls.json");
    let shown = home.run(&["--json", "skill", "test", "my.draft", text(&calls)]).json();
    assert_eq!(
        (&shown["unexpected"], shown["calls"].as_array().unwrap().len()),
        (&json!(0), 3)
    );
}

#[test]
fn validate_names_every_problem_with_code_and_place() {
    let home = Home::new();
    let mut bad = manifest("Acme", "one", &[json!({ "capability": "fs:fly", "reason": "" })]);
    bad["surprise"] = json!(1);
    let folder = folder(&home, "bad", &bad);
    let run = home.run(&["--json", "skill", "validate", text(&folder)]);
    assert_eq!((run.code, run.stderr.as_str()), (2, ""));
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    let mut found: Vec<(&str, &str)> = shown["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["code"].as_str().unwrap(), problem["pointer"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    for wanted in [
        ("E_CAPABILITY", "/requiredCapabilities/0/capability"),
        ("E_ID", "/id"),
        ("E_REASON", "/requiredCapabilities/0/reason"),
        ("E_SEMVER", "/version"),
        ("E_UNKNOWN", "/surprise"),
    ] {
        assert!(found.contains(&wanted), "{wanted:?} is not among {found:?}");
    }
}

#[test]
fn a_request_without_limits_is_a_warning_or_an_error() {
    let home = Home::new();
    let wide = json!({ "capability": "fs:read", "reason": "Read files" });
    let folder = folder(&home, "wide", &manifest(ID, "1.0.0", &[wide]));
    let shown = home.run(&["--json", "skill", "validate", text(&folder)]).json();
    assert_eq!(shown["problems"][0]["code"], json!("E_UNCONSTRAINED"));
    assert_eq!(shown["problems"][0]["severity"], json!("warning"));
    let run = home.run(&["--json", "skill", "validate", text(&folder), "--require-constraints"]);
    assert_eq!(run.code, 2);
}

#[test]
fn the_originals_rules_are_there_to_compare() {
    let home = Home::new();
    let loose = home.file(
        "loose.json",
        r#"{"id":"../../x","version":"banana","name":" ","tools":5}"#,
    );
    assert_eq!(home.run(&["skill", "validate", text(&loose)]).code, 2);
    home.run(&["skill", "validate", text(&loose), "--profile", "legacy"])
        .ok();
    let bare = home.file("bare.json", r#"{"id":"x","version":""}"#);
    let run = home.run(&["--json", "skill", "validate", text(&bare), "--profile", "legacy"]);
    assert_eq!(run.code, 2);
    assert!(run.stdout.contains("Missing required field: version"), "{}", run.stdout);
}

/// Each command that reads a manifest reads nothing else in its place.
#[test]
fn what_is_no_manifest_is_refused_by_every_command_that_reads_one() {
    let home = onboarded();
    let dir = home.dir.path();
    let good = home.file("good.json", &manifest(ID, "1.0.0", &[]).to_string());
    let bad = home.file("bad.json", "{\"id\": ");
    let array = home.file("array.json", "[]");
    let latin = dir.join("latin.json");
    std::fs::write(&latin, b"{\"id\": \"\xe9\"}").unwrap();
    let twice = home.file("twice.json", r#"{"id":"a","id":"b","version":"1.0.0","name":"n"}"#);
    let huge = dir.join("huge.json");
    std::fs::write(&huge, vec![b' '; 256 * 1024 + 1]).unwrap();
    let link = dir.join("link.json");
    std::os::unix::fs::symlink(&good, &link).unwrap();
    let pipe = dir.join("pipe.json");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let none = dir.join("none.json");
    for (path, exit, code) in [
        (&bad, 2, "SKILL_MANIFEST_INVALID"),
        (&array, 2, "SKILL_MANIFEST_INVALID"),
        (&latin, 2, "SKILL_MANIFEST_INVALID"),
        (&twice, 2, "SKILL_MANIFEST_INVALID"),
        (&huge, 2, "SAFECLAW_FILE_TOO_LARGE"),
        (&link, 2, "SAFECLAW_FILE_UNREADABLE"),
        (&pipe, 2, "SAFECLAW_FILE_UNREADABLE"),
        (&none, 1, "SAFECLAW_FILE_UNREADABLE"),
    ] {
        for command in ["sign", "verify", "inspect", "install"] {
            let answer = refused(&home, &["skill", command, text(path)]);
            assert_eq!(answer, failed(exit, code), "{command} {}", path.display());
        }
        let answer = refused(&home, &["skill", "diff", text(path), text(&good)]);
        assert_eq!(answer.0, exit, "diff {}", path.display());
        assert_eq!(
            home.run(&["skill", "validate", text(path)]).code,
            exit,
            "{}",
            path.display()
        );
    }
    assert!(installed(&home).is_empty());
}

#[test]
fn sign_lists_every_file_and_what_was_signed_stays_readable() {
    let home = onboarded();
    let mut draft = manifest(ID, "1.0.0", &[reads(&["/srv/notes"])]);
    draft["files"] = json!([]);
    let folder = folder(&home, "notes", &draft);
    std::fs::create_dir(folder.join("bin")).unwrap();
    let program = folder.join("bin/run");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(folder.join(".secret"), "not published").unwrap();
    let run = home.open(&["skill", "sign", text(&folder)]).ok();
    assert!(
        run.stderr.contains(".secret begins with a dot and is left out"),
        "{run:?}"
    );
    let signed: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let listed: Vec<Value> = signed["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| json!([file["path"], file["size"], file["mode"], file["sha256"]]))
        .collect();
    assert_eq!(
        listed,
        [
            // by sha256sum
            json!([
                "bin/run",
                10,
                "0755",
                "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf"
            ]),
            json!([
                "help.txt",
                16,
                "0644",
                "e8149e4a5afce00561c857686a5e14c725e26c103cac8702e4127ee66b566ada"
            ]),
        ]
    );
    assert_eq!(mode(&folder.join("manifest.json")) & !0o044, 0o600);
    assert!(!run.all().contains(PASSPHRASE));

    // the same again is the same; a changed file is a new content
    let before = std::fs::read(folder.join("manifest.json.dsse")).unwrap();
    home.open(&["skill", "sign", text(&folder)]).ok();
    assert_eq!(std::fs::read(folder.join("manifest.json.dsse")).unwrap(), before);
    change(&folder, "help.txt", |text| format!("{text}More.\n"));
    home.open(&["skill", "sign", text(&folder)]).ok();
    assert_ne!(std::fs::read(folder.join("manifest.json.dsse")).unwrap(), before);
    home.run(&["skill", "verify", text(&folder)]).ok();
}

#[test]
fn sign_refuses_what_a_skill_cannot_hold_and_keys_that_are_not_there() {
    let home = onboarded();
    let folder = folder(&home, "notes", &manifest(ID, "1.0.0", &[]));
    assert_eq!(
        refused(&home, &["skill", "sign", text(&folder), "--key", "nobody"]),
        failed(9, "SAFECLAW_KEY_NOT_FOUND")
    );
    let before = std::fs::read(folder.join("manifest.json")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
    assert_eq!(
        refused(&home, &["skill", "sign", text(&folder)]),
        failed(2, "SAFECLAW_FILE_UNREADABLE")
    );
    assert_eq!(std::fs::read(folder.join("manifest.json")).unwrap(), before);
    assert!(!folder.join("manifest.json.dsse").exists());
}

#[test]
fn verify_says_which_keys_signed_and_counts_only_those_that_are_asked_for() {
    let home = onboarded();
    let folder = signed(&home, "notes", &manifest(ID, "1.0.0", &[]), "default");
    let exported = home.open(&["--json", "key", "export"]).json();
    let key = exported["publicKey"].as_str().unwrap();
    home.run(&["skill", "verify", text(&folder), "--key", key]).ok();
    // RFC 8032 section 7.1, test 1
    let other = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let run = home.run(&["--json", "skill", "verify", text(&folder), "--key", other]);
    assert_eq!((run.code, run.stderr.as_str()), (3, ""));
    let shown: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(shown["verdict"], json!("too-few"));
    assert_eq!(shown["signers"][0]["verified"], json!(false));
    let garbage = folder.join("manifest.json.dsse");
    std::fs::write(&garbage, "{}").unwrap();
    assert_eq!(
        refused(&home, &["skill", "verify", text(&folder)]),
        failed(3, "ENVELOPE_FORMAT")
    );
}

#[test]
fn inspect_shows_what_it_asks_for_and_believes_nothing() {
    let home = onboarded();
    let folder = signed(
        &home,
        "notes",
        &manifest(ID, "1.0.0", &[reads(&["/srv/notes"])]),
        "default",
    );
    let key = fingerprint(&home, "default");
    let shown = home.run(&["--json", "skill", "inspect", text(&folder)]).json();
    assert_eq!(shown["claimedSigners"], json!([key]));
    assert_eq!(
        shown["requests"],
        json!([{ "capability": "fs:read", "constraints": { "paths": ["/srv/notes"] }, "reason": "Find notes by word" }])
    );
    assert_eq!(shown["tools"][0]["requires"], json!(["fs:read"]));
    let human = home.run(&["skill", "inspect", text(&folder)]).ok().stdout;
    assert!(human.contains("(not checked)"), "{human}");
}

#[test]
fn show_and_list_say_how_a_skill_stands() {
    let home = with_skill();
    let shown = home.run(&["--json", "skill", "show", ID]).json();
    assert_eq!(
        (&shown["standing"], &shown["scheme"]),
        (&json!("in-force"), &json!("v2"))
    );
    assert_eq!(shown["contents"]["requests"].as_array().unwrap().len(), 2);
    assert_eq!(
        refused(&home, &["skill", "show", "acme.none"]),
        failed(1, "SKILLS_NOT_INSTALLED")
    );
    assert_eq!(
        refused(&home, &["skill", "grants", "acme.none"]),
        failed(1, "SKILLS_NOT_INSTALLED")
    );
    assert_eq!(home.mode(""), 0o700);
    for file in ["skills.db", "owner.pub", "vault.json"] {
        assert_eq!(home.mode(file), 0o600, "{file}");
    }
}

#[test]
fn grants_are_limited_as_they_were_asked_for_or_refused() {
    let home = with_skill();
    let grant = |arguments: &[&str]| {
        let mut all = vec!["skill", "grant", ID];
        all.extend(arguments);
        refused(&home, &all)
    };
    for (arguments, exit, code) in [
        (&["fs:read", "--host", "example.com"][..], 1, "SAFECLAW_USAGE"),
        (&["fs:read", "--path", "notes"], 1, "SAFECLAW_USAGE"),
        (&["fs:read", "--path", "/srv/notes/../x"], 1, "SAFECLAW_USAGE"),
        (&["net:https", "--host", "https://example.com/"], 1, "SAFECLAW_USAGE"),
        (&["fs:read", "--path", "/srv/notes-old"], 1, "SKILLS_NOT_ASKED"),
        (&["fs:write", "--path", "/srv/notes"], 1, "SKILLS_NOT_ASKED"),
        (&["fs:write"], 1, "SKILLS_NOT_ASKED"),
        (&["net:http"], 1, "SKILLS_NOT_ASKED"),
        (&["net:https", "--host", "*.example.com"], 1, "SKILLS_NOT_ASKED"),
        (&["fs:read", "--expires", "yesterday"], 1, "SAFECLAW_TIME_INVALID"),
        (&["fs:read", "--expires", "2020-01-01"], 1, "SAFECLAW_TIME_INVALID"),
    ] {
        assert_eq!(grant(arguments), failed(exit, code), "{arguments:?}");
    }
    assert_eq!(
        refused(&home, &["skill", "grant", "acme.none", "fs:read"]),
        failed(1, "SKILLS_NOT_INSTALLED")
    );
    let made = home
        .open(&[
            "--json",
            "skill",
            "grant",
            ID,
            "net:https",
            "--host",
            "EXAMPLE.com.",
            "--max-uses",
            "3",
            "--session",
            "s1",
            "--version-range",
            ">=1.0.0, <2.0.0",
            "--expires",
            "7d",
        ])
        .json();
    let grant = &made["grants"][0];
    assert_eq!(grant["permission"]["constraints"]["hosts"], json!(["example.com"]));
    assert_eq!((&grant["maxUses"], &grant["used"]), (&json!(3), &json!(0)));
    assert_eq!(
        (&grant["sessionId"], &grant["versionRange"]),
        (&json!("s1"), &json!(">=1.0.0, <2.0.0"))
    );
    let calls = home.file(
        "calls.json",
        r#"{"calls":[{"capability":"net:https","host":"example.com","expect":"allowed"}]}"#,
    );
    assert_eq!(home.run(&["skill", "test", ID, text(&calls)]).code, 1);
    home.run(&["skill", "test", ID, text(&calls), "--session", "s1"]).ok();
    // trying a call out uses nothing up
    let grants = home.run(&["--json", "skill", "grants", ID]).json();
    assert_eq!(grants["grants"][0]["used"], json!(0));
}

#[test]
fn what_is_taken_back_is_gone_and_what_is_not_there_is_said() {
    let home = with_skill();
    let key = fingerprint(&home, "default");
    let unknown = failed(1, "SAFECLAW_GRANT_UNKNOWN");
    for which in [
        &["01KA3V9M5T2R8Q6XWZ4YH7C1BD"][..],
        &["--skill", ID],
        &["--skill", "acme.none"],
        &["--skill", ID, "--capability", "fs:read"],
        &["--key", &key],
    ] {
        let mut arguments = vec!["skill", "revoke"];
        arguments.extend(which);
        assert_eq!(refused(&home, &arguments), unknown, "{which:?}");
    }
    let give = || {
        home.open(&["skill", "grant", ID, "fs:read"]).ok();
        home.open(&["skill", "grant", ID, "net:https"]).ok();
    };
    let left = || {
        home.run(&["--json", "skill", "grants"]).json()["grants"]
            .as_array()
            .unwrap()
            .len()
    };
    give();
    let one = ["--json", "skill", "revoke", "--skill", ID, "--capability", "fs:read"];
    assert_eq!(home.run(&one).json(), json!({ "revoked": 1 }));
    assert_eq!(left(), 1);
    give();
    assert_eq!(
        home.run(&["--json", "skill", "revoke", "--key", &key]).json()["revoked"],
        json!(3)
    );
    assert_eq!(left(), 0);
}

#[test]
fn remove_asks_and_a_dry_run_removes_nothing() {
    let home = with_skill();
    home.open(&["skill", "grant", ID, "fs:read"]).ok();
    let dry = home.run(&["--json", "skill", "remove", ID, "--dry-run"]).json();
    assert_eq!(
        dry,
        json!({ "id": ID, "version": "1.0.0", "grants": 1, "removed": false })
    );
    assert_eq!(refused(&home, &["skill", "remove", ID]), failed(1, "TERMINAL_REQUIRED"));
    assert_eq!(installed(&home).len(), 1);
    home.run(&["skill", "remove", ID, "--yes"]).ok();
    assert_eq!(
        refused(&home, &["skill", "remove", ID, "--yes"]),
        failed(1, "SKILLS_NOT_INSTALLED")
    );
    // another key does not take the id over
    home.open(&["key", "new", "--label", "other"]).ok();
    let other = fingerprint(&home, "other");
    let stranger = signed(&home, "stranger", &manifest(ID, "2.0.0", &[]), "other");
    assert_eq!(
        install(&home, &stranger, &["--trust-key", &other]).refused(),
        failed(4, "SKILL_KEY_CHANGED")
    );
}

#[test]
fn example_calls_are_strictly_read() {
    let home = with_skill();
    for (name, text_of) in [
        ("none.json", ""),
        ("array.json", "[]"),
        ("unknown.json", r#"{"calls":[],"more":1}"#),
        ("expect.json", r#"{"calls":[{"tool":"read_note","expect":"maybe"}]}"#),
        ("missing.json", r#"{"calls":[{"tool":"read_note"}]}"#),
        (
            "both.json",
            r#"{"calls":[{"tool":"read_note","capability":"fs:read","expect":"denied"}]}"#,
        ),
        ("neither.json", r#"{"calls":[{"path":"/x","expect":"denied"}]}"#),
        (
            "capability.json",
            r#"{"calls":[{"capability":"fs:fly","expect":"denied"}]}"#,
        ),
    ] {
        let file = home.file(name, text_of);
        assert_eq!(
            refused(&home, &["skill", "test", ID, text(&file)]),
            failed(1, "SAFECLAW_CALLS_INVALID"),
            "{name}"
        );
    }
    let calls = home.file("calls.json", r#"{"calls":[]}"#);
    assert_eq!(
        refused(&home, &["skill", "test", "acme.none", text(&calls)]),
        failed(1, "SKILLS_NOT_INSTALLED")
    );
}

#[test]
fn a_file_of_calls_writes_no_line_of_its_own() {
    let home = with_skill();
    let forged = "   2. denied   fs:read /etc/passwd";
    let calls = json!({ "calls": [
        { "capability": "fs:read", "path": format!("/x\n{forged}"), "expect": "denied" },
        { "capability": "net:https", "host": format!("x\n{forged}"), "expect": "denied" },
    ] });
    let file = home.file("calls.json", &calls.to_string());
    let shown = home.run(&["skill", "test", ID, text(&file)]).ok().stdout;
    assert!(shown.contains("/etc/passwd"), "{shown}");
    assert!(!shown.lines().any(|line| line == forged), "{shown}");
}

#[test]
fn example_calls_say_why() {
    let home = with_skill();
    home.open(&["skill", "grant", ID, "fs:read"]).ok();
    let calls = json!({ "calls": [
        { "tool": "read_note", "arguments": { "path": 5 }, "expect": "denied" },
        { "tool": "read_note", "arguments": { "path": "/srv/notes/a", "extra": 1 }, "expect": "denied" },
        { "tool": "no_such_tool", "expect": "denied" },
        { "capability": "fs:read", "expect": "denied" },
        { "capability": "fs:read", "path": "/srv/notes/../../etc/passwd", "expect": "denied" },
        { "capability": "fs:read", "path": "/srv/notes", "expect": "allowed" },
    ] });
    let file = home.file("calls.json", &calls.to_string());
    let shown = home.run(&["--json", "skill", "test", ID, text(&file)]).json();
    let why: Vec<&str> = shown["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["why"].as_str().unwrap_or_default())
        .collect();
    assert!(why[0].contains("the arguments do not fit the schema"), "{}", why[0]);
    assert!(why[1].contains("the arguments do not fit the schema"), "{}", why[1]);
    assert!(why[2].contains("there is no tool"), "{}", why[2]);
    assert!(why[3].ends_with("no path given"), "{}", why[3]);
    assert!(
        why[4].ends_with("path \"/etc/passwd\" not in allowed paths"),
        "{}",
        why[4]
    );
    assert_eq!(why[5], "");
}

#[test]
fn a_folder_with_skill_md_becomes_a_skill_whose_tools_are_requests() {
    let home = onboarded();
    let folder = home.dir.path().join("pdf-forms");
    std::fs::create_dir(&folder).unwrap();
    let skill_md =
        "---\nname: pdf-forms\ndescription: Fills in forms.\nallowed-tools: Read WebSearch\n---\n\n# Forms\n";
    std::fs::write(folder.join("SKILL.md"), skill_md).unwrap();
    std::fs::write(folder.join("fields.txt"), "name\n").unwrap();
    let dry = home
        .run(&["--json", "skill", "import", text(&folder), "--dry-run"])
        .json();
    assert_eq!(dry["written"], Value::Null);
    assert!(!folder.join("manifest.json").exists());
    let shown = home.run(&["--json", "skill", "import", text(&folder)]).json();
    assert_eq!(
        (&shown["id"], &shown["version"]),
        (&json!("pdf-forms"), &json!("0.1.0"))
    );
    assert_eq!(shown["files"], json!(["SKILL.md", "fields.txt"]));
    assert_eq!(shown["requests"][0]["capability"], json!("fs:read"));
    assert_eq!(
        refused(&home, &["skill", "import", text(&folder)]),
        failed(1, "SAFECLAW_FILE_EXISTS")
    );
    // it signs and installs as any other, and has nothing granted
    home.open(&["skill", "sign", text(&folder)]).ok();
    let key = fingerprint(&home, "default");
    let done = install(&home, &folder, &["--trust-key", &key]).json();
    assert_eq!(done["grants"], json!([]));
}

#[test]
fn a_folder_that_is_none_is_not_imported() {
    let home = Home::new();
    let folder = home.dir.path().join("broken");
    assert_eq!(
        refused(&home, &["skill", "import", text(&folder)]),
        failed(1, "SAFECLAW_FILE_UNREADABLE")
    );
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("SKILL.md"), "---\nname: Other Name\n---\n").unwrap();
    assert_eq!(
        refused(&home, &["skill", "import", text(&folder)]),
        failed(2, "SKILL_MANIFEST_INVALID")
    );
    assert!(!folder.join("manifest.json").exists());
}

#[test]
fn a_diff_says_what_was_widened_narrowed_added_and_removed() {
    let home = Home::new();
    let https = json!({ "capability": "net:https", "constraints": { "hosts": ["a.example"] }, "reason": "Ask" });
    let env = json!({ "capability": "env:read", "constraints": { "names": ["LANG"] }, "reason": "Know the language" });
    let write =
        |paths: &[&str]| json!({ "capability": "fs:write", "constraints": { "paths": paths }, "reason": "Keep" });
    let old = folder(
        &home,
        "old",
        &manifest(ID, "1.0.0", &[reads(&["/a/b"]), write(&["/a", "/b"]), https]),
    );
    let new = folder(
        &home,
        "new",
        &manifest(ID, "1.1.0", &[reads(&["/a"]), write(&["/a"]), env]),
    );
    let diff = |old, new| home.run(&["--json", "skill", "diff", text(old), text(new)]).json();
    let shown = diff(&old, &new);
    let changes: Vec<&Value> = shown["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["change"])
        .collect();
    assert_eq!(changes, ["widened", "narrowed", "added", "removed"]);
    assert_eq!(shown["needsApproval"], json!(true));
    assert_eq!(diff(&old, &old)["needsApproval"], json!(false));
    assert_eq!(
        refused(&home, &["skill", "diff", "acme.none", text(&new)]),
        failed(1, "SAFECLAW_NOT_ONBOARDED")
    );
}

#[test]
fn a_diff_of_less_does_not_say_more() {
    let home = Home::new();
    let old = folder(&home, "old", &manifest(ID, "1.0.0", &[reads(&["/a", "/b"])]));
    let new = folder(&home, "new", &manifest(ID, "1.1.0", &[reads(&["/a"])]));
    let said = |old, new| home.run(&["skill", "diff", text(old), text(new)]).ok().stdout;
    assert!(said(&old, &new).contains("no more than before"));
    assert!(said(&new, &old).contains("It asks for more than before"));
}

#[test]
fn what_is_wrong_with_a_file_names_the_file() {
    let home = Home::new();
    let two = home.file("two.json", "{\"id\":\"A\",\"version\":\"1\",\"name\":\"x\"}");
    let none = home.file("none.json", "{\"id\":1");
    let message = |arguments: &[&str]| {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let run = home.run(&all);
        let code = run.code;
        run.error(code)["message"].as_str().unwrap().to_owned()
    };
    let told = message(&["skill", "inspect", text(&two)]);
    assert!(told.starts_with(&format!("{}:\n  E_ID at /id", text(&two))), "{told}");
    for command in ["inspect", "sign"] {
        let told = message(&["skill", command, text(&none)]);
        assert!(told.starts_with(&format!("{}: E_JSON", text(&none))), "{told}");
    }
    let told = message(&["skill", "test", "acme.notes", text(&none)]);
    assert!(told.starts_with(text(&none)), "{told}");
    let renamed = home.dir.path().join("renamed");
    std::fs::create_dir(&renamed).unwrap();
    std::fs::write(
        renamed.join("SKILL.md"),
        "---\nname: pdf-forms\ndescription: Fills forms.\n---\nFill them.\n",
    )
    .unwrap();
    let error = home.run(&["--json", "skill", "import", text(&renamed)]).error(2);
    assert!(error["hint"].as_str().unwrap().contains("rename"), "{error}");
}
