//! As a new user: one person writes, signs and publishes a skill, another one installs it, limits it, and meets everything
//! that can go wrong. Two homes, the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;
#[path = "common/skill.rs"]
mod skill;

use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use chancery_base::{Clock, Millis};
use chancery_safeclaw::{CliError, Context, Given, cli::Cli, execute};
use chancery_terminal::Output;
use clap::Parser as _;
use common::Home;
use serde_json::{Value, json};
use skill::{
    allowed, change, failed, fetched, fingerprint, folder, install, installed, manifest, onboarded, reading, reads,
    signed, text,
};

const ID: &str = "acme.notes";

/// Two onboarded homes: who publishes, and who installs.
fn two() -> (Home, Home) {
    (onboarded(), onboarded())
}

/// An owner who has 1.0.0 of the skill, which asks for `/srv/notes`, without grants, and the publisher.
fn with_installed() -> (Home, Home) {
    let (publisher, owner) = two();
    let published = signed(
        &publisher,
        "notes-1.0.0",
        &manifest(ID, "1.0.0", &[reads(&["/srv/notes"])]),
        "default",
    );
    let key = fingerprint(&publisher, "default");
    install(&owner, &fetched(&owner, &published), &["--trust-key", &key]).ok();
    (publisher, owner)
}

#[test]
fn from_the_first_line_to_the_revocation() {
    let (publisher, owner) = two();

    // write
    let dir = publisher.dir.path();
    publisher.run(&["skill", "new", ID, "--dir", text(dir)]).ok();
    let written = dir.join(ID);
    let valid = publisher.run(&["--json", "skill", "validate", text(&written)]).json();
    assert_eq!((&valid["valid"], &valid["problems"]), (&json!(true), &json!([])));
    std::fs::write(
        written.join("manifest.json"),
        manifest(ID, "1.0.0", &[reads(&["/srv/notes"])]).to_string(),
    )
    .unwrap();

    // sign, and look at what was signed
    let sign = publisher.open(&["--json", "skill", "sign", text(&written)]).json();
    let key = fingerprint(&publisher, "default");
    assert_eq!(sign["signers"], json!([key]));
    assert_eq!(sign["files"], json!(2), "SKILL.md and calls.json");
    let verified = publisher.run(&["--json", "skill", "verify", text(&written)]).json();
    assert_eq!(
        (&verified["verdict"], &verified["covered"]),
        (&json!("accept"), &json!(true))
    );
    assert_eq!(verified["signers"][0]["keyid"], json!(key));

    // publish as a folder, fetch it, refuse to trust whoever signed
    let folder = fetched(&owner, &written);
    assert_eq!(install(&owner, &folder, &[]).refused(), failed(4, "SKILL_UNTRUSTED"));
    let wrong = fingerprint(&owner, "default");
    assert_eq!(
        install(&owner, &folder, &["--trust-key", &wrong]).refused(),
        failed(4, "SKILL_UNTRUSTED")
    );
    assert!(installed(&owner).is_empty());

    // a dry run changes nothing and needs no passphrase
    let dry = owner
        .run(&[
            "--json",
            "skill",
            "install",
            text(&folder),
            "--trust-key",
            &key,
            "--dry-run",
        ])
        .json();
    assert_eq!(dry["installed"], json!(false));
    assert_eq!(dry["asks"][0]["constraints"]["paths"], json!(["/srv/notes"]));
    assert_eq!(dry["asks"][0]["reason"], json!("Find notes by word"));
    assert!(installed(&owner).is_empty());

    // install: nothing is granted yet, so everything is refused
    let done = install(&owner, &folder, &["--trust-key", &key]).json();
    assert_eq!((&done["installed"], &done["grants"]), (&json!(true), &json!([])));
    let calls = [
        reading("/srv/notes/2026/a.md"),
        reading("/srv/notes/2025/a.md"),
        reading("/srv/notes-old/a.md"),
        reading("/srv/notes/2026/../2025/a.md"),
        json!({ "capability": "net:https", "host": "example.com" }),
    ];
    assert_eq!(allowed(&owner, ID, &calls), [false; 5]);

    // grant narrowly
    let narrow = ["--json", "skill", "grant", ID, "fs:read", "--path", "/srv/notes/2026"];
    owner.open(&narrow).ok();
    assert_eq!(allowed(&owner, ID, &calls), [true, false, false, false, false]);

    // not beyond what it asks for
    let beyond = ["--json", "skill", "grant", ID, "fs:read", "--path", "/srv"];
    assert_eq!(owner.open(&beyond).refused(), failed(1, "SKILLS_NOT_ASKED"));
    let other = ["--json", "skill", "grant", ID, "net:https", "--host", "example.com"];
    assert_eq!(owner.open(&other).refused(), failed(1, "SKILLS_NOT_ASKED"));

    // widen
    owner.open(&["--json", "skill", "grant", ID, "fs:read"]).ok();
    assert_eq!(allowed(&owner, ID, &calls), [true, true, false, true, false]);

    // upgrade: what is new is asked, what was granted stays
    let https =
        json!({ "capability": "net:https", "constraints": { "hosts": ["example.com"] }, "reason": "Look words up" });
    let wider = manifest(ID, "1.1.0", &[reads(&["/srv/notes", "/srv/drafts"]), https]);
    let upgrade = fetched(&owner, &signed(&publisher, "notes-1.1.0", &wider, "default"));
    let diff = owner.run(&["--json", "skill", "diff", ID, text(&upgrade)]).json();
    let changes: Vec<&Value> = diff["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["change"])
        .collect();
    assert_eq!(changes, ["widened", "added"]);
    assert_eq!(diff["needsApproval"], json!(true));
    let done = install(&owner, &upgrade, &[]).json();
    let asked: Vec<Value> = done["asks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ask| json!([ask["capability"], ask["constraints"]]))
        .collect();
    assert_eq!(
        asked,
        [
            json!(["fs:read", { "paths": ["/srv/drafts"] }]),
            json!(["net:https", { "hosts": ["example.com"] }]),
        ]
    );
    assert_eq!(done["previous"], json!("1.0.0"));
    assert_eq!(allowed(&owner, ID, &calls), [true, true, false, true, false]);
    assert_eq!(allowed(&owner, ID, &[reading("/srv/drafts/a.md")]), [false]);

    // a changed key
    publisher.open(&["key", "new", "--label", "second"]).ok();
    let next = manifest(ID, "1.2.0", &[reads(&["/srv/notes"])]);
    let changed = fetched(&owner, &signed(&publisher, "notes-1.2.0", &next, "second"));
    assert_eq!(install(&owner, &changed, &[]).refused(), failed(4, "SKILL_KEY_CHANGED"));
    let second = fingerprint(&publisher, "second");
    assert_eq!(
        install(&owner, &changed, &["--trust-key", &second]).refused(),
        failed(4, "SKILL_KEY_CHANGED")
    );
    let statement = dir.join("rotation.dsse");
    let rotate = [
        "key",
        "rotate",
        "--from",
        "default",
        "--to",
        "second",
        "--out",
        text(&statement),
    ];
    publisher.open(&rotate).ok();
    let done = install(&owner, &changed, &["--rotation", text(&statement)]).json();
    assert_eq!(done["signer"], json!(second));
    assert_eq!((&done["changesHands"], &done["grants"]), (&json!(true), &json!([])));
    assert_eq!(allowed(&owner, ID, &calls), [false; 5], "grants belong to the key");
    owner.open(&["skill", "grant", ID, "fs:read"]).ok();
    assert!(allowed(&owner, ID, &calls)[0]);

    // no way back, neither by version nor by content
    let old = manifest(ID, "1.1.5", &[reads(&["/srv/notes"])]);
    let old = fetched(&owner, &signed(&publisher, "notes-1.1.5", &old, "second"));
    assert_eq!(install(&owner, &old, &[]).refused(), failed(6, "SKILL_DOWNGRADE"));
    let again = manifest(ID, "1.2.0", &[reads(&["/srv/notes", "/srv/more"])]);
    let again = fetched(&owner, &signed(&publisher, "notes-1.2.0-again", &again, "second"));
    assert_eq!(install(&owner, &again, &[]).refused(), failed(6, "SKILL_REPUBLISHED"));
    assert_eq!(installed(&owner)[0].1, "1.2.0");

    // take back one grant, without the passphrase
    let grants = owner.run(&["--json", "skill", "grants", ID]).json();
    let grant = grants["grants"][0]["id"].as_str().unwrap();
    owner.run(&["skill", "revoke", grant]).ok();
    assert_eq!(allowed(&owner, ID, &calls), [false; 5]);

    // the key is lost: the publisher says so, and nothing that it signed does anything any more
    let list = dir.join("revocations.json");
    publisher
        .open(&["key", "revoke", "second", "--list", text(&list), "--key", "second"])
        .ok();
    let after = manifest(ID, "1.3.0", &[reads(&["/srv/notes"])]);
    let after = fetched(&owner, &signed(&publisher, "notes-1.3.0", &after, "second"));
    let run = install(&owner, &after, &["--revocations", text(&list)]);
    assert_eq!(run.refused(), failed(5, "SKILL_REVOKED"));
    let standing = installed(&owner);
    assert_eq!(standing, [(ID.to_owned(), "1.2.0".to_owned(), "revoked".to_owned())]);

    // all of it was recorded, what was refused too, and the record is whole
    let audit = owner.run(&["--json", "audit", "--verify", "--limit", "1000"]).json();
    let decisions = audit["decisions"].as_array().unwrap();
    let refused: Vec<&str> = decisions
        .iter()
        .rev()
        .filter(|record| record["kind"] == json!("skill.install") && record["outcome"] == json!("denied"))
        .map(|record| record["detail"]["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        refused,
        [
            "SKILL_UNTRUSTED",
            "SKILL_UNTRUSTED",
            "SKILL_KEY_CHANGED",
            "SKILL_KEY_CHANGED",
            "SKILL_DOWNGRADE",
            "SKILL_REPUBLISHED",
            "SKILL_REVOKED",
        ]
    );
    for kind in ["skill.install", "grant.add", "grant.revoke", "revocation.list"] {
        let done = |record: &&Value| record["kind"] == json!(kind) && record["outcome"] == json!("done");
        assert!(decisions.iter().any(|record| done(&record)), "{kind}");
    }

    // and away with it
    assert_eq!(
        owner.run(&["--json", "skill", "remove", ID, "--yes"]).json()["removed"],
        json!(true)
    );
    assert!(installed(&owner).is_empty());
}

#[test]
fn a_manifest_that_was_changed_after_signing_is_refused() {
    let (publisher, owner) = two();
    let published = signed(
        &publisher,
        "notes",
        &manifest(ID, "1.0.0", &[reads(&["/srv/notes"])]),
        "default",
    );
    let key = fingerprint(&publisher, "default");
    let folder = fetched(&owner, &published);
    change(&folder, "manifest.json", |text| text.replace("/srv/notes", "/etc"));
    assert_eq!(
        install(&owner, &folder, &["--trust-key", &key]).refused(),
        failed(3, "SKILL_NOT_WHAT_WAS_SIGNED")
    );
    // and without the envelope nobody has signed it
    std::fs::remove_file(folder.join("manifest.json.dsse")).unwrap();
    assert_eq!(
        install(&owner, &folder, &["--trust-key", &key]).refused(),
        failed(3, "SKILL_UNSIGNED")
    );
    assert!(installed(&owner).is_empty());
}

#[test]
fn an_envelope_whose_payload_was_changed_is_refused() {
    let (publisher, owner) = two();
    let published = signed(
        &publisher,
        "notes",
        &manifest(ID, "1.0.0", &[reads(&["/srv/notes"])]),
        "default",
    );
    let key = fingerprint(&publisher, "default");
    let evil = signed(&owner, "evil", &manifest(ID, "1.0.0", &[reads(&["/etc"])]), "default");
    // the publisher's signature over what somebody else wrote, whose key it names as its own
    let envelope = |folder: &std::path::Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json.dsse")).unwrap()).unwrap()
    };
    let brought = |folder: &std::path::Path| -> Value {
        let manifest: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
        manifest["publicKey"].clone()
    };
    let theirs = brought(&published).as_str().unwrap().to_owned();
    let mine = brought(&evil).as_str().unwrap().to_owned();
    change(&evil, "manifest.json", |text| text.replace(&mine, &theirs));
    owner.open(&["skill", "sign", text(&evil)]).ok();
    change(&evil, "manifest.json", |text| text.replace(&mine, &theirs));
    let payload = chancery_base::b64::encode_standard(
        chancery_manifest::SignedDocument::payload(
            &chancery_manifest::Manifest::parse(
                &std::fs::read(evil.join("manifest.json")).unwrap(),
                &chancery_manifest::Options::default(),
            )
            .unwrap(),
        )
        .as_bytes(),
    );
    let mut forged = envelope(&published);
    forged["payload"] = payload.into();
    std::fs::write(evil.join("manifest.json.dsse"), forged.to_string()).unwrap();
    assert_eq!(
        install(&owner, &evil, &["--trust-key", &key]).refused(),
        failed(3, "SKILL_SIGNATURE_INVALID")
    );
}

#[test]
fn a_file_that_was_changed_after_signing_is_refused() {
    let (publisher, owner) = two();
    let published = signed(
        &publisher,
        "notes",
        &manifest(ID, "1.0.0", &[reads(&["/srv/notes"])]),
        "default",
    );
    let key = fingerprint(&publisher, "default");
    let folder = fetched(&owner, &published);
    change(&folder, "help.txt", |text| text.replace("note", "pass"));
    let verify = owner.run(&["--json", "skill", "verify", text(&folder)]);
    assert_eq!(verify.refused(), failed(3, "SKILL_FILE_MISMATCH"));
    assert_eq!(
        install(&owner, &folder, &["--trust-key", &key]).refused(),
        failed(3, "SKILL_FILE_MISMATCH")
    );
    std::fs::remove_file(folder.join("help.txt")).unwrap();
    assert_eq!(install(&owner, &folder, &["--trust-key", &key]).code, 1);
    std::os::unix::fs::symlink("/etc/passwd", folder.join("help.txt")).unwrap();
    assert_eq!(install(&owner, &folder, &["--trust-key", &key]).code, 2);
    assert!(installed(&owner).is_empty());
}

#[test]
fn what_nobody_signed_needs_two_flags() {
    let owner = onboarded();
    let draft = folder(&owner, "draft", &manifest(ID, "0.1.0", &[reads(&["/srv/notes"])]));
    assert_eq!(install(&owner, &draft, &[]).refused(), failed(3, "SKILL_UNSIGNED"));
    assert_eq!(
        install(&owner, &draft, &["--allow-unsigned"]).refused(),
        failed(1, "SAFECLAW_USAGE")
    );
    let done = install(
        &owner,
        &draft,
        &["--allow-unsigned", "--i-understand", "--grant", "all"],
    );
    assert!(done.stderr.contains("nobody signed this skill"), "{done:?}");
    let done = done.json();
    assert_eq!(done["scheme"], json!("unsigned"));
    assert_eq!(done["grants"].as_array().unwrap().len(), 1);
    // another content under the same version starts with nothing, even so
    std::fs::write(
        draft.join("manifest.json"),
        manifest(ID, "0.1.1", &[reads(&["/srv/notes"])]).to_string(),
    )
    .unwrap();
    let done = install(&owner, &draft, &["--allow-unsigned", "--i-understand"]).json();
    assert_eq!(done["grants"], json!([]));
}

#[test]
fn the_originals_signature_is_refused_as_partial_unless_its_content_is_pinned() {
    let (publisher, owner) = two();
    let mut old = manifest(ID, "1.0.0", &[reads(&["/srv/notes"])]);
    let members = old.as_object_mut().unwrap();
    members.remove("schemaVersion");
    for name in ["requires", "effects"] {
        members["tools"][0].as_object_mut().unwrap().remove(name);
    }
    let written = folder(&publisher, "old", &old);
    let sign = publisher.open(&["--json", "skill", "sign", text(&written), "--legacy"]);
    assert!(
        sign.stderr
            .contains("does not cover /requiredCapabilities/0/capability"),
        "{sign:?}"
    );
    std::fs::remove_file(written.join("manifest.json.dsse")).unwrap();
    let key = fingerprint(&publisher, "default");
    let verify = publisher.run(&["--json", "skill", "verify", text(&written)]);
    assert_eq!(verify.code, 3);
    let shown: Value = serde_json::from_str(&verify.stdout).unwrap();
    assert_eq!(
        (&shown["verdict"], &shown["covered"]),
        (&json!("partial"), &json!(false))
    );
    let folder = fetched(&owner, &written);
    assert_eq!(
        install(&owner, &folder, &["--trust-key", &key]).refused(),
        failed(3, "SKILL_SIGNATURE_PARTIAL")
    );
    let done = install(&owner, &folder, &["--trust-key", &key, "--accept-partial-signature"]).json();
    assert_eq!(done["scheme"], json!("legacy-partial"));
}

#[test]
fn a_skill_that_two_keys_must_sign_needs_both() {
    let (publisher, owner) = two();
    publisher.open(&["key", "new", "--label", "second"]).ok();
    let (first, second) = (fingerprint(&publisher, "default"), fingerprint(&publisher, "second"));
    let published = signed(&publisher, "notes", &manifest(ID, "1.0.0", &[]), "default");
    let one = fetched(&owner, &published);
    let verify = owner.run(&["--json", "skill", "verify", text(&one), "--threshold", "2"]);
    assert_eq!(verify.code, 3);
    for label in ["default", "second"] {
        let key = owner.file(label, publisher.open(&["key", "export", label]).ok().stdout.trim());
        let id = fingerprint(&publisher, label);
        let trust = [
            "key",
            "trust",
            text(&key),
            "--scope",
            "acme.*",
            "--label",
            label,
            "--fingerprint",
            &id,
        ];
        owner.open(&trust).ok();
    }
    assert_eq!(
        install(&owner, &one, &["--threshold", "2"]).refused(),
        failed(4, "SKILL_UNTRUSTED")
    );
    // the second signs the same bytes
    let sign = publisher
        .open(&[
            "--json",
            "skill",
            "sign",
            text(&published),
            "--key",
            "second",
            "--threshold",
            "2",
        ])
        .json();
    assert_eq!(
        (&sign["signers"], &sign["missing"]),
        (&json!([first, second]), &json!(0))
    );
    let both = fetched(&owner, &published);
    install(&owner, &both, &["--threshold", "2"]).ok();
    // and from now on both must
    let next = signed(&publisher, "next", &manifest(ID, "1.1.0", &[]), "default");
    assert_eq!(install(&owner, &next, &[]).code, 4);
}

#[test]
fn without_the_passphrase_nothing_is_installed_or_granted_and_everything_is_taken_back() {
    let (_, owner) = with_installed();
    let mut closed = owner;
    closed.file("passphrase", "not the passphrase of this vault\n");
    let run = closed.open(&["--json", "skill", "grant", ID, "fs:read"]);
    assert_eq!(run.refused(), failed(9, "VAULT_WRONG_KEY"));
    let run = closed.run(&["--json", "skill", "grant", ID, "fs:read"]);
    assert_eq!(run.refused(), failed(1, "TERMINAL_REQUIRED"));
    let folder = closed.dir.path().join("notes-1.0.0");
    assert_eq!(install(&closed, &folder, &[]).refused(), failed(9, "VAULT_WRONG_KEY"));
    assert_eq!(allowed(&closed, ID, &[reading("/srv/notes/a.md")]), [false]);
    closed.vars.clear();
    closed.run(&["skill", "remove", ID, "--yes"]).ok();
    assert!(installed(&closed).is_empty());
}

/// A clock that is set.
struct Watch(AtomicI64);

impl Clock for Watch {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a command at a time of our choice: the same steps and files, another clock.
fn at(now: Millis, home: &Home, arguments: &[&str]) -> (Result<(), CliError>, Value) {
    let out = Shared::default();
    let output = Arc::new(Output::to(true, out.clone(), Shared::default()));
    let passphrase = Given::File(text(&home.dir.path().join("passphrase")).to_owned());
    let mut context = Context::new(home.dir.path(), Some(passphrase), output);
    context.clock = Arc::new(Watch(AtomicI64::new(now.0)));
    let cli = Cli::parse_from(["safeclaw"].iter().chain(arguments));
    let done = execute(cli, &context);
    let shown = serde_json::from_slice(&out.0.lock().unwrap()).unwrap_or_default();
    (done, shown)
}

#[test]
fn a_grant_ends_when_its_time_is_over() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let (_, owner) = with_installed();
    let now = Millis::parse_rfc3339("2030-01-01T00:00:00Z").unwrap();
    at(now, &owner, &["skill", "grant", ID, "fs:read", "--expires", "7d"])
        .0
        .unwrap();
    let calls = json!({ "calls": [
        { "tool": "read_note", "arguments": { "path": "/srv/notes/a.md" }, "expect": "allowed" },
    ] });
    let calls = owner.file("calls.json", &calls.to_string());
    let test = ["skill", "test", ID, text(&calls)];
    at(now.plus(7 * DAY - 1), &owner, &test).0.unwrap();
    let (done, shown) = at(now.plus(7 * DAY), &owner, &test);
    assert_eq!(done.unwrap_err().code(), "SAFECLAW_CALLS_UNEXPECTED");
    let why = shown["calls"][0]["why"].as_str().unwrap();
    assert!(why.ends_with("grant expired"), "{why}");
    let (_, shown) = at(now.plus(7 * DAY), &owner, &["skill", "grants", ID]);
    assert_eq!(shown["grants"][0]["state"], json!("expired"));
}

#[test]
fn a_revocation_list_that_is_out_of_date_warns_or_refuses() {
    let (publisher, owner) = with_installed();
    let list = publisher.dir.path().join("revocations.json");
    let lost = "SHA256:If4x36FUomFia_hUBG_SJxt77UtqvkWqWId-9H-XIbk";
    let revoke = [
        "key",
        "revoke",
        lost,
        "--list",
        text(&list),
        "--key",
        "default",
        "--expires",
        "1d",
    ];
    publisher.open(&revoke).ok();
    let next = signed(&publisher, "next", &manifest(ID, "1.1.0", &[]), "default");
    let next = text(&next);
    let later = Millis::parse_rfc3339("2090-01-01T00:00:00Z").unwrap();
    let fresh = [
        "skill",
        "install",
        next,
        "--revocations",
        text(&list),
        "--require-fresh",
    ];
    let (refused, _) = at(later, &owner, &fresh);
    let refused = refused.unwrap_err();
    assert_eq!((refused.code(), refused.exit_code()), ("SKILL_REVOCATIONS_STALE", 5));
    let (done, shown) = at(later, &owner, &["skill", "install", next]);
    done.unwrap();
    assert!(shown["warnings"][0].as_str().unwrap().contains("ended at"), "{shown}");
}

#[test]
fn what_an_owner_is_told_helps_and_what_cannot_be_is_said_before_the_passphrase() {
    let (publisher, owner) = two();
    let first = signed(
        &publisher,
        "notes",
        &manifest(ID, "1.0.0", &[reads(&["/srv/notes"])]),
        "default",
    );
    let first = fetched(&owner, &first);
    // a fingerprint that was compared, and another one that signed
    let other = fingerprint(&owner, "default");
    let error = install(&owner, &first, &["--trust-key", &other]).error(4);
    assert_eq!(error["code"], json!("SKILL_UNTRUSTED"));
    assert!(error["hint"].as_str().unwrap().contains(&other), "{error}");
    assert!(!error["hint"].as_str().unwrap().contains("--trust-key"), "{error}");
    let key = fingerprint(&publisher, "default");
    install(&owner, &first, &["--trust-key", &key]).json();

    // nobody types a passphrase for what cannot be granted
    let beyond = ["--json", "skill", "grant", ID, "fs:read", "--path", "/srv"];
    assert_eq!(owner.run(&beyond).refused(), failed(1, "SKILLS_NOT_ASKED"));
    let relative = ["--json", "skill", "grant", ID, "fs:read", "--path", "notes"];
    let error = owner.run(&relative).error(1);
    assert_eq!(error["message"], json!("--path notes: not an absolute path"));
    let nameless = ["--json", "skill", "grant", ID, "fs:read", "--session", ""];
    assert_eq!(owner.run(&nameless).refused(), failed(1, "SAFECLAW_USAGE"));
    owner.open(&["skill", "grant", ID, "fs:read"]).ok();

    // a draft of the same name beside one is not what is installed
    let draft = manifest(ID, "9.0.0", &[reads(&["/srv/notes", "/etc"])]);
    skill::folder(&owner, ID, &draft);
    let next = fetched(
        &owner,
        &signed(
            &publisher,
            "notes-2",
            &manifest(ID, "2.0.0", &[reads(&["/etc"])]),
            "default",
        ),
    );
    let diff = owner.run(&["--json", "skill", "diff", ID, text(&next)]).json();
    assert_eq!(diff["old"]["version"], json!("1.0.0"));
    let diff = owner
        .run(&["--json", "skill", "diff", "./acme.notes", text(&next)])
        .json();
    assert_eq!(diff["old"]["version"], json!("9.0.0"));

    // the same list with every install; a grant of what is revoked is none
    let list = publisher.dir.path().join("list.dsse");
    publisher
        .open(&["key", "revoke", "default", "--list", text(&list), "--key", "default"])
        .ok();
    for _ in 0..2 {
        let run = install(&owner, &next, &["--revocations", text(&list)]);
        assert_eq!(run.refused(), failed(5, "SKILL_REVOKED"));
    }
    let again = ["--json", "skill", "grant", ID, "fs:read"];
    assert_eq!(owner.run(&again).refused(), failed(5, "SKILLS_NOT_IN_FORCE"));
    let grants = owner.run(&["--json", "skill", "grants"]).json();
    assert_eq!(grants["grants"][0]["state"], json!("skill not in force"));
    let human = owner.run(&["skill", "grants"]).ok().stdout;
    assert!(human.contains("which is revoked: none of this is in force"), "{human}");
    let audit = owner.run(&["audit"]).ok().stdout;
    assert!(
        audit.contains("denied  skill.install  acme.notes 2.0.0 (SKILL_REVOKED)"),
        "{audit}"
    );
}

#[test]
fn a_warning_is_given_once() {
    let owner = onboarded();
    let draft = skill::folder(&owner, "draft", &manifest(ID, "0.1.0", &[]));
    let run = owner.open(&["skill", "install", text(&draft), "--allow-unsigned", "--i-understand"]);
    assert_eq!(run.ok().stderr.matches("nobody signed").count(), 1);
}
