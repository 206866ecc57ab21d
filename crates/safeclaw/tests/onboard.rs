//! `onboard`: makes what is missing, destroys nothing.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;
#[path = "common/terminal.rs"]
mod terminal;

use common::{Home, PASSPHRASE, mode};
use serde_json::json;
use terminal::Terminal;

#[test]
fn a_new_home_gets_vault_owner_key_and_signing_key_all_private() {
    let home = Home::new();
    let shown = home.open(&["--json", "onboard", "--yes"]).json();
    for made in ["vault", "owner", "signingKey"] {
        assert_eq!(shown[made]["made"], true, "{made}");
    }
    let owner = shown["owner"]["publicKey"].as_str().unwrap();
    let signing = shown["signingKey"]["publicKey"].as_str().unwrap();
    assert_ne!(owner, signing);
    assert_eq!(home.read("owner.pub"), format!("{owner}\n"));
    assert_eq!(home.mode(""), 0o700);
    for entry in std::fs::read_dir(home.path("")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    // the private half is where the original keeps it, in its form: PKCS#8 of 48 bytes in hex (safeclaw spec 4.1)
    let private = home.open(&["vault", "get", "signing_private_key"]).ok().stdout;
    assert_eq!(private.len(), 96);
    assert!(private.starts_with("302e020100300506032b657004220420"));
    let human = home.open(&["onboard"]).ok().all();
    assert!(human.contains(signing) && human.contains("safeclaw doctor"), "{human}");
    assert!(!human.contains(&private[32..]) && !human.contains(PASSPHRASE));
}

#[test]
fn onboarding_again_changes_nothing() {
    let home = Home::new();
    let first = home.open(&["--json", "onboard"]).json();
    home.run_with_stdin(
        &["--passphrase", &home.passphrase(), "vault", "set", "token", "-"],
        b"kept",
    )
    .ok();
    let vault = home.read("vault.json");
    let again = home.open(&["--json", "onboard", "--yes"]).json();
    for made in ["vault", "owner", "signingKey"] {
        assert_eq!(again[made]["made"], false, "{made}");
    }
    assert_eq!(again["owner"]["keyid"], first["owner"]["keyid"]);
    assert_eq!(again["signingKey"]["keyid"], first["signingKey"]["keyid"]);
    assert_eq!(home.read("vault.json"), vault);
    assert_eq!(home.open(&["vault", "get", "token"]).ok().stdout, "kept");
}

#[test]
fn what_is_missing_is_made_and_the_owner_key_outlives_passphrase_rotation_and_migration_of_files() {
    let home = Home::new();
    home.open(&["vault", "init"]).ok();
    let first = home.open(&["--json", "onboard"]).json();
    assert_eq!(
        (&first["vault"]["made"], &first["owner"]["made"]),
        (&json!(false), &json!(true))
    );
    home.open(&["vault", "rotate"]).ok();
    std::fs::remove_file(home.path("owner.pub")).unwrap();
    home.open(&["vault", "delete", "signing_private_key", "--yes"]).ok();
    let again = home.open(&["--json", "onboard"]).json();
    assert_eq!(again["owner"]["publicKey"], first["owner"]["publicKey"]);
    assert_ne!(again["signingKey"]["publicKey"], first["signingKey"]["publicKey"]);
}

#[test]
fn another_owner_key_in_its_place_is_noticed() {
    let home = Home::new();
    home.open(&["onboard"]).ok();
    // a key of somebody else: RFC 8032 section 7.1, test 1
    home.file(
        ".safeclaw/owner.pub",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n",
    );
    let refused = home.open(&["--json", "onboard"]).refused();
    assert_eq!(refused, (4, "SAFECLAW_OWNER_CHANGED".to_owned()));
}

#[test]
fn a_wrong_passphrase_onboards_nothing() {
    let home = Home::new();
    home.open(&["vault", "init"]).ok();
    let run = home.run_with_stdin(
        &["--json", "--passphrase", "-", "onboard"],
        b"wrong horse battery staple\n",
    );
    assert_eq!(run.refused(), (9, "VAULT_WRONG_KEY".to_owned()));
    assert!(!home.path("owner.pub").exists());
}

#[test]
fn without_terminal_and_passphrase_nothing_is_made() {
    let home = Home::new();
    let refused = home.run(&["--json", "onboard", "--yes"]).refused();
    assert_eq!(refused, (1, "TERMINAL_REQUIRED".to_owned()));
    assert!(!home.path("vault.json").exists());
    assert_eq!(
        home.run(&["--json", "onboard", "now"]).refused(),
        (1, "SAFECLAW_USAGE".to_owned())
    );
}

#[test]
fn a_reset_asks_and_moves_everything_away() {
    let home = Home::new();
    let first = home.open(&["--json", "onboard"]).json();
    let vault = home.read("vault.json");
    let refused = home.open(&["--json", "onboard", "--reset"]).refused();
    assert_eq!(refused, (1, "TERMINAL_REQUIRED".to_owned()));
    assert_eq!(home.read("vault.json"), vault);
    let again = home.open(&["--json", "onboard", "--reset", "--yes"]).json();
    let backup = std::path::PathBuf::from(again["backup"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(backup.join("vault.json")).unwrap(), vault);
    assert_eq!(mode(&backup), 0o700);
    assert_ne!(again["owner"]["keyid"], first["owner"]["keyid"]);
    // and where there is nothing to reset
    let new = Home::new();
    assert_eq!(
        new.open(&["--json", "onboard", "--reset"]).json()["backup"],
        json!(null)
    );
}

#[test]
fn a_vault_of_the_original_is_offered_a_migration() {
    let home = Home::new();
    std::fs::create_dir(home.path("")).unwrap();
    // safeclaw spec 10.2
    let entry = json!({ "ciphertext": "WyF7wCd02K1r6b6ZxYra", "iv": "BNTNS1MIT7dxDaZx", "authTag": "oeGff+rH92JZDr08sSEbLQ==" });
    let vault = json!({ "version": 1, "entries": { "github_token": entry } }).to_string();
    home.file(".safeclaw/vault.json", &vault);
    home.file(".safeclaw/vault.json.salt", "000102030405060708090a0b0c0d0e0f");
    let refused = home.open(&["--json", "onboard"]).refused();
    assert_eq!(refused, (1, "TERMINAL_REQUIRED".to_owned()));
    assert_eq!(home.read("vault.json"), vault);
    home.open(&["onboard", "--yes"]).ok();
    assert_eq!(home.read("vault.json.v1"), vault);
    assert_eq!(
        home.open(&["vault", "get", "github_token"]).ok().stdout,
        "hello vault \u{2713}"
    );
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    std::fs::create_dir(home.path("")).unwrap();
    std::fs::set_permissions(home.path(""), std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = home.open(&["--json", "onboard", "--yes"]).refused();
    assert_eq!(refused, (1, "SAFECLAW_FILE_FAILED".to_owned()));
}

#[test]
fn at_a_terminal_it_asks_for_the_passphrase_twice_and_a_reset_for_a_yes() {
    let home = Home::new();
    let Some(mut terminal) = Terminal::run(&home, &["onboard"]) else {
        return;
    };
    for question in ["New passphrase of the vault:", "Once more:"] {
        terminal.expect(question);
        terminal.types(PASSPHRASE);
    }
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("signing key: SHA256:") && !screen.contains(PASSPHRASE),
        "{screen}"
    );
    let vault = home.read("vault.json");
    for (answer, expected) in [("", 7), ("n", 7), ("yeah", 7)] {
        let mut terminal = Terminal::run(&home, &["onboard", "--reset"]).unwrap();
        terminal.expect("Begin anew?");
        terminal.expect("[y/N]");
        terminal.types(answer);
        let (code, screen) = terminal.end();
        assert_eq!(code, expected, "{screen}");
        assert_eq!(home.read("vault.json"), vault);
    }
}

#[test]
fn a_vault_that_is_gone_is_not_followed_by_another_one() {
    let home = Home::new();
    home.open(&["onboard"]).ok();
    std::fs::remove_file(home.path("vault.json")).unwrap();
    for command in ["onboard", "vault init"] {
        let arguments: Vec<&str> = ["--json"].into_iter().chain(command.split(' ')).collect();
        let error = home.open(&arguments).error(9);
        assert_eq!(error["code"], "VAULT_NOT_FOUND", "{command}");
        assert!(error["hint"].as_str().unwrap().contains("backup"), "{error}");
        assert!(!home.path("vault.json").exists(), "{command}");
    }
    home.open(&["onboard", "--reset", "--yes"]).ok();
}
