//! Whose file, which mode, and no links.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops"
)]

mod common;

use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use chancery_base::ErrorCode as _;
use chancery_vault::{Status, Vault, VaultError};
use common::{World, chmod, mode, skip, text};

fn open(path: &Path, world: &World) -> VaultError {
    Vault::open(path, &world.source).unwrap_err()
}

#[test]
fn only_mode_0600_is_taken() {
    let world = World::with(&[("a", "one")]);
    for wrong in [0o644, 0o666, 0o640, 0o400, 0o700, 0o4600] {
        chmod(&world.path, wrong);
        let error = open(&world.path, &world);
        assert!(
            matches!(error, VaultError::Permissions { expected: 0o600, .. }),
            "{wrong:o}: {error}"
        );
        assert!(
            error
                .to_string()
                .ends_with(&format!("chmod 0600 {}", world.path.display()))
        );
        assert!(matches!(Status::of(&world.path), Err(VaultError::Permissions { .. })));
    }
    chmod(&world.path, 0o600);
    world.open();
}

#[test]
fn only_a_folder_of_mode_0700_is_taken() {
    let world = World::with(&[("a", "one")]);
    for wrong in [0o755, 0o777, 0o750] {
        chmod(world.dir.path(), wrong);
        let error = open(&world.path, &world);
        assert!(
            matches!(error, VaultError::Permissions { expected: 0o700, .. }),
            "{wrong:o}: {error}"
        );
        let error = Vault::create(&world.beside("new.json"), &world.source, &world.rng).unwrap_err();
        assert!(matches!(error, VaultError::Permissions { expected: 0o700, .. }));
    }
    chmod(world.dir.path(), 0o700);
    world.open();
}

#[test]
fn a_folder_of_a_wrong_mode_while_a_vault_is_open_does_not_move_it() {
    // the descriptor is the folder: another one of its name is not written to
    let world = World::with(&[("a", "one")]);
    let mut vault = world.open();
    let place = world.dir.path().to_owned();
    let moved = place.with_extension("moved");
    std::fs::rename(&place, &moved).unwrap();
    std::fs::create_dir(&place).unwrap();
    vault.set("a", "changed".into()).unwrap();
    vault.save(&world.rng).unwrap();
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    std::fs::remove_dir(&place).unwrap();
    std::fs::rename(&moved, &place).unwrap();
    assert_eq!(text(&world.open(), "a").as_deref(), Some("changed"));
}

#[test]
fn a_link_a_folder_or_a_pipe_in_the_place_of_the_vault_is_refused() {
    let world = World::with(&[("a", "one")]);
    let link = world.beside("link.json");
    symlink(&world.path, &link).unwrap();
    assert!(matches!(open(&link, &world), VaultError::NotAFile(_)));
    let folder = world.beside("folder.json");
    std::fs::create_dir(&folder).unwrap();
    assert!(matches!(open(&folder, &world), VaultError::NotAFile(_)));
    let pipe = world.beside("pipe.json");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(matches!(open(&pipe, &world), VaultError::NotAFile(_)));
    // and none of them is made anew
    for path in [&link, &folder, &pipe] {
        let error = Vault::create(path, &world.source, &world.rng).unwrap_err();
        assert!(matches!(error, VaultError::Exists(_)));
    }
    let dangling = world.beside("dangling.json");
    symlink(world.beside("nowhere"), &dangling).unwrap();
    let error = Vault::create(&dangling, &world.source, &world.rng).unwrap_err();
    assert!(matches!(error, VaultError::Exists(_)));
    assert!(!world.beside("nowhere").exists());
}

#[test]
fn links_in_the_place_of_the_files_beside_it_are_refused() {
    for beside in ["vault.json.seen", "vault.json.lock"] {
        let world = World::with(&[("a", "one")]);
        let target = world.beside("target");
        std::fs::rename(world.beside(beside), &target).unwrap();
        symlink(&target, world.beside(beside)).unwrap();
        assert!(matches!(open(&world.path, &world), VaultError::NotAFile(_)), "{beside}");
    }
}

#[test]
fn a_temporary_file_that_somebody_left_or_laid_is_replaced_and_not_written_through() {
    let world = World::with(&[("a", "one")]);
    let victim = world.beside("victim");
    std::fs::write(&victim, "untouched").unwrap();
    symlink(&victim, world.beside("vault.json.new")).unwrap();
    let mut vault = world.open();
    vault.set("a", "changed".into()).unwrap();
    vault.save(&world.rng).unwrap();
    assert_eq!(std::fs::read(&victim).unwrap(), b"untouched");
    assert!(!std::fs::symlink_metadata(&world.path).unwrap().is_symlink());
    assert_eq!(mode(&world.path), 0o600);
    assert_eq!(text(&world.open(), "a").as_deref(), Some("changed"));
}

#[test]
fn a_vault_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        skip("root, to give a file away");
        return;
    }
    let world = World::with(&[("a", "one")]);
    chown(&world.path, Some(12345), None).unwrap();
    let error = open(&world.path, &world);
    assert!(matches!(error, VaultError::Owner { owner: 12345, .. }), "{error}");
    chown(&world.path, Some(0), None).unwrap();
    world.open();
    chown(world.dir.path(), Some(12345), None).unwrap();
    assert!(matches!(
        open(&world.path, &world),
        VaultError::Owner { owner: 12345, .. }
    ));
}

#[test]
fn nothing_there_is_said_so() {
    let world = World::empty();
    assert!(matches!(open(&world.path, &world), VaultError::NotFound(_)));
    assert_eq!(open(&world.beside("none/vault.json"), &world).code(), "VAULT_IO");
}
