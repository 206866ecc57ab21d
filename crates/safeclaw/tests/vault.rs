//! `vault ...`: secrets in, secrets out, and out of sight.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;
#[path = "common/terminal.rs"]
mod terminal;

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

use common::{Home, PASSPHRASE, Run};
use serde_json::json;
use terminal::Terminal;

const TOKEN: &str = "ghp_q7Rt5yTopSecretToken";

/// A home with an empty vault.
fn home() -> Home {
    let home = Home::new();
    home.open(&["vault", "init"]).ok();
    home
}

/// Exit code and name of the failure of a run with the passphrase.
#[track_caller]
fn refused(home: &Home, arguments: &[&str]) -> (i32, String) {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let run = home.open(&all);
    assert!(!run.all().contains(TOKEN) && !run.all().contains(PASSPHRASE));
    run.refused()
}

fn vault(code: &str) -> (i32, String) {
    (9, code.to_owned())
}

fn usage(code: &str) -> (i32, String) {
    (1, code.to_owned())
}

fn set(home: &Home, name: &str, value: &[u8]) -> Run {
    home.run_with_stdin(&["--passphrase", &home.passphrase(), "vault", "set", name, "-"], value)
}

#[test]
fn init_makes_a_private_directory_and_private_files() {
    let home = Home::new();
    let shown = home.open(&["--json", "vault", "init"]).json();
    assert_eq!(shown["path"], home.path("vault.json").to_str().unwrap());
    assert_eq!(shown["format"], 2);
    assert_eq!(home.mode(""), 0o700);
    for entry in std::fs::read_dir(home.path("")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(common::mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn init_never_overwrites() {
    let home = home();
    let before = home.read("vault.json");
    assert_eq!(refused(&home, &["vault", "init"]), vault("VAULT_EXISTS"));
    assert_eq!(home.read("vault.json"), before);
}

#[test]
fn init_refuses_a_directory_that_others_may_write_to_and_closes_one_that_they_may_read() {
    let home = Home::new();
    std::fs::create_dir(home.path("")).unwrap();
    std::fs::set_permissions(home.path(""), Permissions::from_mode(0o777)).unwrap();
    assert_eq!(refused(&home, &["vault", "init"]), usage("SAFECLAW_FILE_FAILED"));
    std::fs::set_permissions(home.path(""), Permissions::from_mode(0o755)).unwrap();
    home.open(&["vault", "init"]).ok();
    assert_eq!(home.mode(""), 0o700);
}

#[test]
fn a_short_empty_or_missing_passphrase_makes_no_vault() {
    let home = Home::new();
    home.file("short", "1234567\n");
    home.file("empty", "\n");
    let at = |name: &str| format!("@{}", home.dir.path().join(name).display());
    let init = |passphrase: &str| {
        home.run(&["--json", "--passphrase", passphrase, "vault", "init"])
            .refused()
    };
    assert_eq!(init(&at("short")), vault("VAULT_PASSPHRASE_TOO_SHORT"));
    assert_eq!(init(&at("empty")), usage("SECRET_EMPTY"));
    assert_eq!(init(&at("absent")), usage("SECRET_UNREADABLE"));
    assert_eq!(
        home.run(&["--json", "vault", "init"]).refused(),
        usage("TERMINAL_REQUIRED")
    );
    assert!(!home.path("vault.json").exists());
}

#[test]
fn the_variable_names_a_file_with_the_passphrase() {
    let home = Home::new();
    let file = home.dir.path().join("passphrase").display().to_string();
    let home = home.with("SAFECLAW_PASSPHRASE_FILE", &file);
    home.run(&["vault", "init"]).ok();
    assert_eq!(home.run(&["--json", "vault", "list"]).json(), json!({ "names": [] }));
}

#[test]
fn what_is_set_is_what_comes_out() {
    let home = home();
    let shown = home.run_with_stdin(
        &[
            "--json",
            "--passphrase",
            &home.passphrase(),
            "vault",
            "set",
            "github_token",
            "-",
        ],
        format!("{TOKEN}\n").as_bytes(),
    );
    assert_eq!(shown.json(), json!({ "name": "github_token", "replaced": false }));
    // exactly these bytes: nothing is added to them
    assert_eq!(home.open(&["vault", "get", "github_token"]).ok().stdout, TOKEN);
    assert_eq!(
        home.open(&["--json", "vault", "get", "github_token"]).json(),
        json!({ "name": "github_token", "value": TOKEN, "encoding": "utf-8" })
    );
    assert_eq!(
        set(&home, "github_token", b"second").ok().stdout,
        "replaced github_token\n"
    );
    assert_eq!(home.open(&["vault", "get", "github_token"]).ok().stdout, "second");
    assert!(!home.read("vault.json").contains("second"));
}

#[test]
fn a_secret_comes_from_a_file_too_and_need_not_be_text() {
    let home = home();
    let pem = home.file("key.pem", "line 1\nline 2\n");
    home.open(&["vault", "set", "pem", &format!("@{}", pem.display())]).ok();
    assert_eq!(home.open(&["vault", "get", "pem"]).ok().stdout, "line 1\nline 2");
    set(&home, "bytes", b"\xff\x00\n").ok();
    let shown = home.open(&["--json", "vault", "get", "bytes"]).json();
    // of bytes that are no text the last is kept: /wAK is ff 00 0a (RFC 4648)
    assert_eq!(shown, json!({ "name": "bytes", "value": "/wAK", "encoding": "base64" }));
}

#[test]
fn passphrase_and_secret_both_come_over_stdin() {
    let home = home();
    let stdin = format!("{PASSPHRASE}\nvalue\nof two lines\n");
    home.run_with_stdin(&["--passphrase", "-", "vault", "set", "a", "-"], stdin.as_bytes())
        .ok();
    assert_eq!(home.open(&["vault", "get", "a"]).ok().stdout, "value\nof two lines");
}

#[test]
fn a_secret_in_the_argument_list_is_refused_before_anything_is_opened() {
    let home = Home::new();
    assert_eq!(
        refused(&home, &["vault", "set", "github_token", TOKEN]),
        usage("SAFECLAW_SECRET_BARE")
    );
    let run = home.run(&["--json", "vault", "change-passphrase", "--new-passphrase", TOKEN]);
    assert!(!run.all().contains(TOKEN));
    assert_eq!(run.refused(), usage("SAFECLAW_SECRET_BARE"));
    assert_eq!(
        home.run(&["--json", "vault", "migrate", "--new-passphrase", TOKEN])
            .refused(),
        usage("SAFECLAW_SECRET_BARE")
    );
}

#[test]
fn secrets_and_names_that_do_not_fit_are_refused() {
    let home = home();
    let refused_set = |name: &str, value: &[u8]| {
        let run = home.run_with_stdin(
            &["--json", "--passphrase", &home.passphrase(), "vault", "set", name, "-"],
            value,
        );
        run.refused()
    };
    assert_eq!(refused_set("a", &[b'a'; 65_537]), usage("SECRET_TOO_LONG"));
    assert_eq!(refused_set("a", b""), usage("SECRET_EMPTY"));
    assert_eq!(refused_set("", b"x"), vault("VAULT_NAME_INVALID"));
    assert_eq!(refused_set("a\nb", b"x"), vault("VAULT_NAME_INVALID"));
    assert_eq!(refused_set(&"n".repeat(256), b"x"), vault("VAULT_NAME_INVALID"));
    assert_eq!(
        refused(&home, &["vault", "set", "a", "@/nowhere/at/all"]),
        usage("SECRET_UNREADABLE")
    );
    assert_eq!(refused(&home, &["vault", "set"]), usage("SAFECLAW_USAGE"));
    // the largest that fits, and names that the original could not hold
    set(&home, "a", &[b'a'; 65_536]).ok();
    for name in ["__proto__", "constructor"] {
        set(&home, name, b"x").ok();
    }
    assert_eq!(home.open(&["vault", "list"]).ok().stdout, "__proto__\na\nconstructor\n");
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let home = home();
    for command in [
        &["vault", "get", "github_token"][..],
        &["vault", "delete", "github_token", "--yes"],
        &["vault", "delete", "constructor", "--dry-run"],
    ] {
        assert_eq!(
            refused(&home, command),
            vault("SAFECLAW_ENTRY_NOT_FOUND"),
            "{command:?}"
        );
    }
    let nothing = Home::new();
    for command in ["status", "list", "rotate", "migrate", "accept", "change-passphrase"] {
        let run = nothing.open(&["--json", "vault", command]);
        assert_eq!(run.refused(), vault("VAULT_NOT_FOUND"), "{command}");
    }
    assert!(!nothing.path("").exists());
}

#[test]
fn delete_asks_and_a_dry_run_changes_nothing() {
    let home = home();
    set(&home, "a", b"x").ok();
    assert_eq!(refused(&home, &["vault", "delete", "a"]), usage("TERMINAL_REQUIRED"));
    let shown = home.open(&["--json", "vault", "delete", "a", "--dry-run"]).json();
    assert_eq!(shown, json!({ "name": "a", "deleted": false }));
    home.open(&["vault", "get", "a"]).ok();
    let shown = home.open(&["--json", "vault", "delete", "a", "--yes"]).json();
    assert_eq!(shown, json!({ "name": "a", "deleted": true }));
    assert_eq!(
        refused(&home, &["vault", "get", "a"]),
        vault("SAFECLAW_ENTRY_NOT_FOUND")
    );
}

#[test]
fn another_passphrase_opens_nothing() {
    let home = home();
    set(&home, "github_token", TOKEN.as_bytes()).ok();
    let wrong = home.file("wrong", "wrong horse battery staple\n");
    let wrong = format!("@{}", wrong.display());
    for command in [
        &["list"][..],
        &["get", "github_token"],
        &["rotate"],
        &["delete", "github_token", "--yes"],
    ] {
        let mut all = vec!["--json", "--passphrase", &wrong, "vault"];
        all.extend(command);
        let run = home.run(&all);
        assert!(!run.all().contains("horse") && !run.all().contains(TOKEN));
        assert_eq!(run.refused(), vault("VAULT_WRONG_KEY"), "{command:?}");
    }
    assert_eq!(home.open(&["vault", "get", "github_token"]).ok().stdout, TOKEN);
}

#[test]
fn a_changed_passphrase_is_the_only_one_that_opens() {
    let home = home();
    set(&home, "a", b"x").ok();
    let stdin = format!("{PASSPHRASE}\nanother battery staple\n");
    let change = [
        "--passphrase",
        "-",
        "vault",
        "change-passphrase",
        "--new-passphrase",
        "-",
    ];
    home.run_with_stdin(&change, stdin.as_bytes()).ok();
    assert_eq!(refused(&home, &["vault", "get", "a"]), vault("VAULT_WRONG_KEY"));
    let get = ["--passphrase", "-", "vault", "get", "a"];
    assert_eq!(home.run_with_stdin(&get, b"another battery staple\n").ok().stdout, "x");
    let short = [
        "--json",
        "--passphrase",
        "-",
        "vault",
        "change-passphrase",
        "--new-passphrase",
        "-",
    ];
    let run = home.run_with_stdin(&short, b"another battery staple\nshort\n");
    assert_eq!(run.refused(), vault("VAULT_PASSPHRASE_TOO_SHORT"));
}

#[test]
fn rotating_keeps_every_secret_and_the_passphrase() {
    let home = home();
    set(&home, "a", b"x").ok();
    set(&home, "b", b"y").ok();
    let before = home.read("vault.json");
    let shown = home.open(&["--json", "vault", "rotate"]).json();
    assert_eq!(shown["secrets"], 2);
    assert_ne!(home.read("vault.json"), before);
    assert_eq!(home.open(&["vault", "get", "a"]).ok().stdout, "x");
    assert_eq!(home.open(&["vault", "get", "b"]).ok().stdout, "y");
}

#[test]
fn status_needs_no_passphrase_and_tells_no_secret() {
    let home = home();
    set(&home, "github_token", TOKEN.as_bytes()).ok();
    let shown = home.run(&["--json", "vault", "status"]).json();
    assert_eq!(shown["format"], 2);
    assert_eq!(shown["source"], "passphrase");
    assert_eq!(shown["names"], json!(["github_token"]));
    assert!(
        shown["keyDerivation"].as_str().unwrap().starts_with("argon2id"),
        "{shown}"
    );
    assert!(!shown.to_string().contains(TOKEN));
    assert!(home.run(&["vault", "status"]).ok().stdout.contains("secrets: 1"));
}

#[test]
fn a_vault_that_others_can_read_is_not_opened() {
    let home = home();
    let path = home.path("vault.json");
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let error = home.open(&["--json", "vault", "list"]).error(9);
    assert_eq!(error["code"], "VAULT_PERMISSIONS");
    // the words of the original (safeclaw spec 10.1)
    let words = format!(
        "Unsafe permissions on {0}: mode is 0644, expected 0600. Fix with: chmod 0600 {0}",
        path.display()
    );
    assert_eq!(error["message"], words);
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    std::fs::set_permissions(home.path(""), Permissions::from_mode(0o750)).unwrap();
    assert_eq!(refused(&home, &["vault", "status"]), vault("VAULT_PERMISSIONS"));
}

#[test]
fn a_link_in_the_place_of_the_vault_is_not_followed() {
    let home = home();
    std::fs::rename(home.path("vault.json"), home.path("elsewhere.json")).unwrap();
    std::os::unix::fs::symlink(home.path("elsewhere.json"), home.path("vault.json")).unwrap();
    assert_eq!(refused(&home, &["vault", "list"]), vault("VAULT_NOT_A_FILE"));
    assert_eq!(refused(&home, &["vault", "init"]), vault("VAULT_EXISTS"));
}

#[test]
fn a_vault_that_was_cut_off_or_changed_is_damaged() {
    let home = home();
    let text = home.read("vault.json");
    for damaged in [
        &text[..text.len() / 2],
        "",
        "{}",
        &text.replacen("argon2id", "argon2ie", 1),
    ] {
        std::fs::write(home.path("vault.json"), damaged).unwrap();
        assert_eq!(refused(&home, &["vault", "list"]), vault("VAULT_CORRUPT"), "{damaged}");
    }
}

#[test]
fn an_older_vault_is_refused_until_its_owner_accepts_it() {
    let home = home();
    set(&home, "a", b"old").ok();
    let old = home.read("vault.json");
    set(&home, "a", b"new").ok();
    std::fs::write(home.path("vault.json"), old).unwrap();
    let error = home.open(&["--json", "vault", "get", "a"]).error(9);
    assert_eq!(error["code"], "VAULT_ROLLED_BACK");
    assert!(error["hint"].as_str().unwrap().contains("safeclaw vault accept"));
    home.open(&["vault", "accept"]).ok();
    assert_eq!(home.open(&["vault", "get", "a"]).ok().stdout, "old");
}

/// A vault as the original wrote it: salt, key and ciphertext are the vectors of safeclaw spec 10.2.
fn original(home: &Home) {
    std::fs::create_dir(home.path("")).unwrap();
    let entry = json!({ "ciphertext": "WyF7wCd02K1r6b6ZxYra", "iv": "BNTNS1MIT7dxDaZx", "authTag": "oeGff+rH92JZDr08sSEbLQ==" });
    let vault = json!({ "version": 1, "entries": { "github_token": entry } });
    home.file(".safeclaw/vault.json", &vault.to_string());
    home.file(".safeclaw/vault.json.salt", "000102030405060708090a0b0c0d0e0f");
}

#[test]
fn a_vault_of_the_original_is_migrated_and_kept() {
    let home = Home::new();
    original(&home);
    let before = home.read("vault.json");
    // the original leaves its directory open to readers
    std::fs::set_permissions(home.path(""), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(refused(&home, &["vault", "list"]), vault("VAULT_PERMISSIONS"));
    std::fs::set_permissions(home.path(""), Permissions::from_mode(0o700)).unwrap();
    let error = home.open(&["--json", "vault", "list"]).error(9);
    assert_eq!(error["code"], "VAULT_UNSUPPORTED");
    assert!(error["hint"].as_str().unwrap().contains("safeclaw vault migrate"));
    assert_eq!(refused(&home, &["vault", "init"]), vault("VAULT_UNSUPPORTED"));
    assert_eq!(home.run(&["--json", "vault", "status"]).json()["format"], 1);

    std::fs::set_permissions(home.path(""), Permissions::from_mode(0o755)).unwrap();
    let shown = home.open(&["--json", "vault", "migrate"]).json();
    assert_eq!(shown["secrets"], 1);
    assert_eq!(home.mode(""), 0o700);
    assert_eq!(home.read("vault.json.v1"), before);
    assert_eq!((home.mode("vault.json"), home.mode("vault.json.v1")), (0o600, 0o600));
    assert_eq!(
        home.open(&["vault", "get", "github_token"]).ok().stdout,
        "hello vault \u{2713}"
    );
    assert_eq!(refused(&home, &["vault", "migrate"]), vault("VAULT_UNSUPPORTED"));
}

#[test]
fn a_migration_with_the_wrong_passphrase_changes_nothing_and_with_a_new_one_opens_with_that() {
    let home = Home::new();
    original(&home);
    let before = home.read("vault.json");
    let wrong = ["--json", "--passphrase", "-", "vault", "migrate"];
    assert_eq!(
        home.run_with_stdin(&wrong, b"wrong horse battery staple\n").refused(),
        vault("VAULT_WRONG_KEY")
    );
    assert_eq!(home.read("vault.json"), before);
    let migrate = ["--passphrase", "-", "vault", "migrate", "--new-passphrase", "-"];
    home.run_with_stdin(&migrate, format!("{PASSPHRASE}\nanother battery staple\n").as_bytes())
        .ok();
    assert_eq!(refused(&home, &["vault", "list"]), vault("VAULT_WRONG_KEY"));
    let list = ["--passphrase", "-", "vault", "list"];
    assert_eq!(
        home.run_with_stdin(&list, b"another battery staple\n").ok().stdout,
        "github_token\n"
    );
}

#[test]
fn a_keyring_that_is_not_there_is_said_to_be_missing() {
    let home = Home::new();
    original(&home);
    // no search path, so no secret-tool
    let run = home.open(&["--json", "vault", "migrate", "--from", "keyring"]);
    assert_eq!(run.refused(), vault("VAULT_KEYRING_FAILED"));
    assert_eq!(
        refused(&home, &["vault", "migrate", "--from", "tpm"]),
        usage("SAFECLAW_USAGE")
    );
}

#[test]
fn a_passphrase_file_that_others_may_read_is_worth_a_word() {
    let home = home();
    let file = home.dir.path().join("passphrase");
    assert_eq!(home.open(&["vault", "list"]).ok().stderr, "the vault is empty\n");
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let run = home.open(&["--json", "vault", "list"]).ok();
    assert!(run.stderr.contains("others may read"), "{}", run.stderr);
    assert!(!run.stderr.contains(PASSPHRASE));
}

#[test]
fn a_terminal_shows_no_secret_unless_it_is_revealed() {
    let home = home();
    set(&home, "github_token", TOKEN.as_bytes()).ok();
    let passphrase = home.passphrase();
    let get = ["--passphrase", &passphrase, "vault", "get", "github_token"];
    let Some(terminal) = Terminal::run(&home, &get) else {
        return;
    };
    let (code, screen) = terminal.end();
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("--reveal") && !screen.contains(TOKEN), "{screen}");
    let (code, screen) = Terminal::run(&home, &[&get[..], &["--reveal"]].concat()).unwrap().end();
    assert_eq!((code, screen.trim_end()), (0, TOKEN));
}

#[test]
fn at_a_terminal_the_passphrase_and_the_secret_are_asked_for_and_not_shown() {
    let home = Home::new();
    let Some(mut terminal) = Terminal::run(&home, &["vault", "init"]) else {
        return;
    };
    for question in ["New passphrase of the vault:", "Once more:"] {
        terminal.expect(question);
        terminal.types(PASSPHRASE);
    }
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains(PASSPHRASE), "{screen}");
    let mut terminal = Terminal::run(&home, &["vault", "set", "token"]).unwrap();
    for (question, answer) in [
        ("Passphrase of the vault:", PASSPHRASE),
        ("Value of token:", TOKEN),
        ("Once more:", TOKEN),
    ] {
        terminal.expect(question);
        terminal.types(answer);
    }
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(!screen.contains(PASSPHRASE) && !screen.contains(TOKEN), "{screen}");
    assert_eq!(home.open(&["vault", "get", "token"]).ok().stdout, TOKEN);
    let mut terminal = Terminal::run(&home, &["vault", "delete", "token"]).unwrap();
    terminal.expect("Passphrase of the vault:");
    terminal.types(PASSPHRASE);
    terminal.expect("for ever? [y/N]");
    terminal.types("");
    let (code, screen) = terminal.end();
    assert_eq!(code, 7, "{screen}");
    assert_eq!(home.open(&["vault", "get", "token"]).ok().stdout, TOKEN);
}

#[test]
fn a_short_passphrase_is_not_typed_twice() {
    let home = Home::new();
    let Some(mut terminal) = Terminal::run(&home, &["vault", "init"]) else {
        return;
    };
    terminal.expect("New passphrase of the vault:");
    terminal.types("short");
    let (code, screen) = terminal.end();
    assert_eq!(code, 9, "{screen}");
    assert!(
        screen.contains("8 characters") && !screen.contains("Once more"),
        "{screen}"
    );
}

#[test]
fn who_deletes_a_signing_key_is_told_that_it_is_one() {
    let home = home();
    home.open(&["key", "new"]).ok();
    let arguments = ["vault", "delete", "signing_private_key"];
    let Some(mut terminal) = Terminal::run(&home, &arguments) else {
        return;
    };
    terminal.expect("Passphrase of the vault:");
    terminal.types(PASSPHRASE);
    terminal.expect("Delete the signing key \"default\", \"signing_private_key\", from the vault for ever?");
    terminal.types("n");
    assert_eq!(terminal.end().0, 7);
}

#[test]
fn two_new_passphrases_that_differ_make_no_vault() {
    let home = Home::new();
    let Some(mut terminal) = Terminal::run(&home, &["--json", "vault", "init"]) else {
        return;
    };
    terminal.expect("New passphrase of the vault:");
    terminal.types(PASSPHRASE);
    terminal.expect("Once more:");
    terminal.types("correct horse battery stable");
    let (code, screen) = terminal.end();
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("PROMPT_MISMATCH"), "{screen}");
    assert!(!home.path("vault.json").exists());
}
