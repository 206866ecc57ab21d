//! The binaries of the workspace.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, Mutex, PoisonError},
    time::SystemTime,
};

static FRESH: LazyLock<Mutex<BTreeMap<String, PathBuf>>> = LazyLock::new(Mutex::default);

/// The workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Path of the binary `name` of `package`, from the target directory and profile of the running test. It is built first
/// when it is missing, or older than a source or manifest of the workspace's crates: `cargo test --workspace` has built it
/// already, `cargo test -p chancery-tests` has not. With `CHANCERY_TESTS_BUILD=no` whatever is there is used.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn path(package: &str, name: &str) -> PathBuf {
    let mut fresh = FRESH.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = fresh.get(name) {
        return path.clone();
    }
    // <target>/<profile>/deps/<test>
    let test = std::env::current_exe().expect("the path of this test");
    let profile_dir = test
        .ancestors()
        .find(|dir| dir.ends_with("deps"))
        .and_then(Path::parent);
    let profile_dir = profile_dir.expect("a test of cargo's is in deps").to_owned();
    let path = profile_dir.join(name);
    let built = path.metadata().and_then(|found| found.modified()).ok();
    let may_build = std::env::var("CHANCERY_TESTS_BUILD").as_deref() != Ok("no");
    if may_build && built.is_none_or(|built| newest(&workspace()) > built) {
        build(package, name, &profile_dir);
    }
    fresh.insert(name.to_owned(), path.clone());
    path
}

/// `chancery`.
#[must_use]
pub fn chancery() -> PathBuf {
    path("chancery", "chancery")
}

/// `clawdentity`.
#[must_use]
pub fn clawdentity() -> PathBuf {
    path("chancery-clawdentity", "clawdentity")
}

/// `xs`.
#[must_use]
pub fn xs() -> PathBuf {
    path("chancery-xs", "xs")
}

fn build(package: &str, name: &str, profile_dir: &Path) {
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let target = profile_dir.parent().expect("a target directory");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).args([
        "build",
        "--quiet",
        "--package",
        package,
        "--bin",
        name,
        "--profile",
        profile,
    ]);
    let built = cargo.arg("--target-dir").arg(target).output().expect("cargo");
    assert!(
        built.status.success(),
        "cannot build {name}:\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
}

/// When a source or manifest of the crates was last changed.
fn newest(workspace: &Path) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut open = vec![workspace.join("crates")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                // tests of a crate are no part of its binaries
                if !path.ends_with("tests") {
                    open.push(path);
                }
            } else if let Ok(changed) = entry.metadata().and_then(|found| found.modified()) {
                newest = newest.max(changed);
            }
        }
    }
    newest
}
