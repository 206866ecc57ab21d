//! What the tests of the vault share.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_base::{Rng, digest};
use chancery_vault::{KeySource, Secret, Vault, create_key_file};

/// Bytes that differ from call to call and not from run to run.
pub(crate) struct Counted(AtomicU64);

impl Counted {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed << 32))
    }
}

impl Rng for Counted {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let block = digest::sha256(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

/// A private folder with a key file; a vault has room beside it.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) source: KeySource,
    pub(crate) rng: Counted,
}

impl World {
    pub(crate) fn empty() -> Self {
        let dir = private_dir();
        let rng = Counted::new(1);
        let key = dir.path().join("vault.key");
        create_key_file(&key, &rng).unwrap();
        Self {
            path: dir.path().join("vault.json"),
            source: KeySource::KeyFile(key),
            dir,
            rng,
        }
    }

    /// With a vault that holds these.
    pub(crate) fn with(entries: &[(&str, &str)]) -> Self {
        let world = Self::empty();
        let mut vault = Vault::create(&world.path, &world.source, &world.rng).unwrap();
        for (name, value) in entries {
            vault.set(name, Secret::from(*value)).unwrap();
        }
        vault.save(&world.rng).unwrap();
        world
    }

    pub(crate) fn open(&self) -> Vault {
        Vault::open(&self.path, &self.source).unwrap()
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes the vault file as somebody else would who can.
    pub(crate) fn overwrite(&self, bytes: &[u8]) {
        std::fs::write(&self.path, bytes).unwrap();
    }
}

pub(crate) fn text(vault: &Vault, name: &str) -> Option<String> {
    let value = vault.get(name).unwrap()?;
    Some(value.as_str().unwrap().to_owned())
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Says that a test did not run; with `CHANCERY_REQUIRE=all` it fails instead.
pub(crate) fn skip(missing: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let required = std::env::var("CHANCERY_REQUIRE").is_ok_and(|value| value == "all");
    assert!(!required, "{test} needs {missing}");
    // not through print: the test runner would keep the line to itself
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {missing}");
}

/// Whether there is Node; says so when not.
pub(crate) fn has_node() -> bool {
    let found = Command::new("node").arg("--version").output().is_ok();
    if !found {
        skip("node");
    }
    found
}

/// Runs a script of this folder with these arguments and this input, and returns what it printed.
pub(crate) fn node(script: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{script} failed");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder of its own, mode 0700.
pub(crate) fn private_dir() -> tempfile::TempDir {
    let mode = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(mode).tempdir().unwrap()
}
