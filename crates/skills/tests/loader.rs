//! Reading skills from files, and what becomes of the files that come with them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc};

use chancery_base::digest;
use chancery_manifest::{Code, Envelope, Manifest, Options};
use chancery_skills::{
    ApproveAll, ApproveNone, CapabilityRegistry, GrantRequest, InstallError, InstallOptions, LoadError, Owner,
    SkillInstaller, SkillLoader, SkillsError,
};
use common::{FakeClock, House, key, manifest, permission, signed};
use serde_json::{Value, json};

/// What is done to a bundle after it was signed.
type Change = fn(&Path);

/// A folder with a signed skill of two files.
fn bundle(dir: &Path) -> Value {
    fs::create_dir_all(dir.join("bin")).unwrap();
    let files = [("bin/run", "#!/bin/sh\n", "0755"), ("notes.md", "notes", "0644")];
    let mut text = manifest("s", "1.0.0", &[]);
    text["files"] = files
        .iter()
        .map(|(path, content, mode)| {
            fs::write(dir.join(path), content).unwrap();
            json!({ "path": path, "sha256": digest::sha256_hex(content), "size": content.len(), "mode": mode })
        })
        .collect();
    text["entrypoint"] = json!({ "kind": "process", "path": "bin/run", "args": [], "protocol": "jsonl" });
    write(dir, &text);
    text
}

fn write(dir: &Path, text: &Value) {
    let mut text = text.clone();
    text["publicKey"] = chancery_manifest::key_text::public_key_to_hex(&key(1).public()).into();
    let text = text.to_string();
    let parsed = Manifest::parse(text.as_bytes(), &Options::default()).unwrap();
    fs::write(dir.join("manifest.json"), &text).unwrap();
    let envelope = Envelope::sign(&parsed, &[&key(1)]).unwrap();
    fs::write(dir.join("manifest.json.dsse"), envelope.to_json()).unwrap();
}

#[test]
fn a_folder_is_loaded_with_its_envelope_and_files_and_installed_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    bundle(&dir);
    let house = House::in_dir(&folder.path().join("skills"));
    house.trust(1);
    // by the folder or by the manifest in it
    SkillLoader::new().load_from_file(dir.join("manifest.json")).unwrap();
    let package = SkillLoader::new().load_from_file(&dir).unwrap();
    let installed = house.install(&package).unwrap();
    assert_eq!(installed.skill.files.len(), 2);
    for (sha256, content) in installed.skill.files.iter().zip(["#!/bin/sh\n", "notes"]) {
        let path = house.skills.content_path(sha256).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), content);
    }
    // gone with the skill
    house.skills.remove("s").unwrap();
    for sha256 in &installed.skill.files {
        assert!(!house.skills.content_path(sha256).unwrap().exists());
    }
}

#[test]
fn a_file_that_is_not_what_the_manifest_says_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, Change); 5] = [
        ("changed", |dir| fs::write(dir.join("notes.md"), "other").unwrap()),
        ("longer", |dir| {
            fs::write(dir.join("notes.md"), "notes and more").unwrap()
        }),
        ("shorter", |dir| fs::write(dir.join("notes.md"), "note").unwrap()),
        ("missing", |dir| fs::remove_file(dir.join("notes.md")).unwrap()),
        ("a link", |dir| {
            fs::rename(dir.join("notes.md"), dir.join("elsewhere")).unwrap();
            symlink("elsewhere", dir.join("notes.md")).unwrap();
        }),
    ];
    for (what, change) in cases {
        let dir = folder.path().join(what);
        bundle(&dir);
        change(&dir);
        assert!(SkillLoader::new().load_from_file(&dir).is_err(), "{what}");
    }
}

#[test]
fn a_manifest_beside_another_envelope_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = bundle(folder.path());
    text["name"] = "Another".into();
    fs::write(folder.path().join("manifest.json"), text.to_string()).unwrap();
    let error = SkillLoader::new().load_from_file(folder.path()).unwrap_err();
    assert!(matches!(error, LoadError::NotWhatWasSigned), "{error}");
}

#[test]
fn a_link_in_the_place_of_a_manifest_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
    fs::write(&real, manifest("s", "1.0.0", &[]).to_string()).unwrap();
    symlink(&real, &link).unwrap();
    SkillLoader::new().load_from_file(&real).unwrap();
    let error = SkillLoader::new().load_from_file(&link).unwrap_err();
    assert!(matches!(error, LoadError::Read { .. }), "{error}");
}

#[test]
fn a_file_is_read_no_further_than_it_may_be_long() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifest.json");
    fs::write(&file, vec![b' '; (256 << 10) + 1]).unwrap();
    let error = SkillLoader::new().load_from_file(&file).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { .. }), "{error}");
    // and what never ends is no file
    let error = SkillLoader::new().load_from_file("/dev/zero").unwrap_err();
    assert!(matches!(error, LoadError::Read { .. }), "{error}");
}

#[test]
fn what_is_missing_is_said_in_the_systems_and_the_originals_words() {
    let loader = SkillLoader::new();
    let error = loader.load_from_file("/nonexistent/manifest.json").unwrap_err();
    assert!(error.to_string().contains("No such file"), "{error}");
    let LoadError::Manifest(problems) = loader.load_from_string("{}").unwrap_err() else {
        panic!("a problem of the manifest");
    };
    let missing: Vec<&str> = problems
        .as_slice()
        .iter()
        .filter(|problem| problem.code == Code::Missing)
        .map(|problem| problem.message.as_str())
        .collect();
    assert_eq!(missing.first(), Some(&"Missing required field: id"));
    assert!(missing.len() > 1, "all at once");
    // one at a time, as the original did
    let error = loader.legacy_from_string("{}").unwrap_err();
    assert_eq!(error.to_string(), "Missing required field: id");
    let error = loader.legacy_from_string("5").unwrap_err();
    assert_eq!(error.to_string(), "Manifest must be a JSON object");
    loader
        .legacy_from_string(r#"{"id":"../../x","version":"banana","name":" ","tools":5}"#)
        .unwrap();
}

#[test]
fn a_registry_in_a_directory_answers_without_its_owner_and_decides_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = FakeClock::new();
    let settings = || House::settings(&clock);
    let package = signed(
        &manifest("s", "1.0.0", &[("env:read", json!({ "names": ["HOME"] }))]),
        &key(1),
    );
    {
        let owner: Arc<dyn Owner> = Arc::new(common::owner());
        let registry = CapabilityRegistry::open(folder.path(), settings(), Some(owner)).unwrap();
        SkillInstaller::new(&registry)
            .install(&package, &InstallOptions::seed())
            .unwrap();
    }
    let registry = CapabilityRegistry::open(folder.path(), settings(), None).unwrap();
    assert_eq!(registry.list_skills().unwrap()[0].id, "s");
    let request = GrantRequest::new("s", permission("env:read", &json!({ "names": ["HOME"] })));
    assert!(matches!(
        registry.grant_capability(&request),
        Err(SkillsError::NotTheOwner)
    ));
    assert!(matches!(
        SkillInstaller::new(&registry).install(&package, &InstallOptions::seed()),
        Err(InstallError::Engine(SkillsError::NotTheOwner))
    ));
    assert!(registry.remove_skill("s").unwrap());
    assert!(!registry.remove_skill("s").unwrap());
    assert!(registry.get_skill("s").unwrap().is_none());
}

#[test]
fn what_the_program_vouches_for_is_registered_and_an_id_that_belongs_to_a_key_is_not_taken() {
    let registry = CapabilityRegistry::new();
    let mine = common::unsigned(&manifest("mine", "1.0.0", &[]));
    registry.register_skill(&mine).unwrap();
    assert!(registry.get_skill("mine").unwrap().is_some());
    registry
        .register_skill(&signed(&manifest("s", "1.0.0", &[]), &key(1)))
        .unwrap();
    let other = common::unsigned(&manifest("s", "1.1.0", &[]));
    assert!(matches!(
        registry.register_skill(&other),
        Err(InstallError::KeyChanged { .. })
    ));
}

#[test]
fn another_content_that_nobody_signed_starts_with_nothing() {
    let house = House::in_memory();
    let requests = [("env:read", json!({ "names": ["HOME"] }))];
    let options = InstallOptions {
        allow_unsigned: true,
        ..InstallOptions::default()
    };
    let install = |version: &str, approver: &dyn chancery_skills::Approver| {
        let package = common::unsigned(&manifest("s", version, &requests));
        house.install_with(&package, &options, approver).unwrap();
    };
    install("1.0.0", &ApproveAll);
    assert_eq!(house.granted("s").len(), 1);
    install("1.0.1", &ApproveNone);
    assert!(house.granted("s").is_empty());
}

#[test]
fn the_owner_is_told_of_programs_that_run_anything() {
    let house = House::in_memory();
    house.trust(1);
    let requests = [(
        "process:spawn",
        json!({ "executables": ["git", "bash", "/usr/bin/python3.11"] }),
    )];
    let package = signed(&manifest("s", "1.0.0", &requests), &key(1));
    let plan = house.skills.plan(&package, &InstallOptions::default()).unwrap();
    assert_eq!(plan.asks[0].interpreters, ["bash", "/usr/bin/python3.11"]);
}
