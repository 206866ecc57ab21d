//! Private files.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chancery_base::ErrorCode as _;
use chancery_store::files::{create_private_dir, is_private, read_private, write_private};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_private_file_is_0600_and_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret.key");
    write_private(&path, b"one").unwrap();
    assert_eq!(read_private(&path).unwrap(), b"one");
    assert_eq!(mode(&path), 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(!is_private(&path).unwrap());
    write_private(&path, b"two").unwrap();
    assert_eq!(read_private(&path).unwrap(), b"two");
    assert!(is_private(&path).unwrap());
    // nothing temporary stays
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("folder");
    std::fs::create_dir(&path).unwrap();
    let error = write_private(&path, b"bytes").unwrap_err();
    assert_eq!(error.code(), "STORE_FILE_FAILED");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    assert!(
        write_private(&dir.path().join("missing/file"), b"")
            .unwrap_err()
            .is_not_found()
    );
}

#[test]
fn a_private_folder_is_0700_all_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("a/b/c");
    create_private_dir(&below).unwrap();
    create_private_dir(&below).unwrap();
    for folder in ["a", "a/b", "a/b/c"] {
        assert_eq!(mode(&dir.path().join(folder)), 0o700);
    }
}

#[test]
fn a_folder_that_exists_keeps_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    create_private_dir(dir.path()).unwrap();
    assert_eq!(mode(dir.path()), 0o755);
}

#[test]
fn a_file_in_the_way_of_a_folder_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    write_private(&path, b"").unwrap();
    assert!(create_private_dir(&path).is_err());
    assert!(create_private_dir(&path.join("below")).is_err());
}

#[test]
fn what_is_not_there_is_not_found() {
    let error = read_private(Path::new("/nonexistent/file")).unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(error.code(), "STORE_FILE_NOT_FOUND");
    assert_eq!(error.path(), Path::new("/nonexistent/file"));
}

#[test]
fn a_file_beyond_the_limit_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    std::fs::File::create(&path).unwrap().set_len(17 << 20).unwrap();
    assert_eq!(read_private(&path).unwrap_err().code(), "STORE_FILE_TOO_LARGE");
}
