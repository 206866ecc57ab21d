//! What the tests of custody share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses some of it")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chancery_base::{Clock, Millis, Rng, digest};
use chancery_custody::{Custody, CustodyError, KeyHolder, Places, Plan, RootPlan, init};
use chancery_keys::{Approval, Asked, Clearance, Gates, Request, RootSecret, What};
use chancery_vault::{KeySource, Secret, Vault};

pub const OWNERS_PASSPHRASE: &str = "the owner's own words";
pub const NOW: Millis = Millis(1_767_225_600_000);

/// Bytes that differ from call to call and not from run to run.
pub struct Counted(AtomicU64);

impl Counted {
    pub fn new(seed: u64) -> Self {
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

/// A clock that the test moves.
pub struct Hands(AtomicI64);

impl Hands {
    pub fn new() -> Self {
        Self(AtomicI64::new(NOW.0))
    }

    pub fn forward(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

/// A home for keys. The daemon's vault opens with a key file; the owner's with [`OWNERS_PASSPHRASE`].
pub struct World {
    pub dir: tempfile::TempDir,
    pub places: Places,
    pub source: KeySource,
    pub rng: Counted,
    pub clock: Hands,
}

impl World {
    pub fn empty() -> Self {
        let dir = private_dir();
        let places = Places::in_dir(dir.path().join("signet"));
        Self {
            source: KeySource::KeyFile(places.key_file()),
            places,
            dir,
            rng: Counted::new(1),
            clock: Hands::new(),
        }
    }

    pub fn plan(&self) -> Plan {
        Plan {
            places: self.places.clone(),
            vault: self.source.clone(),
            root: RootPlan::Passphrase(Secret::from(OWNERS_PASSPHRASE)),
            gates: Gates::default(),
        }
    }

    /// With all keys.
    pub fn new() -> (Self, Custody) {
        let world = Self::empty();
        let made = init(&world.plan(), &world.clock, &world.rng).unwrap();
        (world, made.custody)
    }

    pub fn open(&self, gates: Gates) -> Custody {
        Custody::open(&self.places, &self.source, gates).unwrap()
    }

    /// What the daemon's vault holds, as whoever has its key sees it.
    pub fn entries(&self) -> BTreeMap<String, String> {
        let vault = Vault::open(&self.places.vault(), &self.source).unwrap();
        let value = |name: &String| vault.get(name).unwrap().unwrap().as_str().unwrap().to_owned();
        vault.names().iter().map(|name| (name.clone(), value(name))).collect()
    }

    /// Changes of the daemon's vault so far.
    pub fn changes(&self) -> u64 {
        let vault = Vault::open(&self.places.vault(), &self.source).unwrap();
        vault.last_seen().counter
    }

    /// The root key, as only the owner's passphrase gives it.
    pub fn root(&self) -> RootSecret {
        let source = KeySource::Passphrase(Secret::from(OWNERS_PASSPHRASE));
        let vault = Vault::open(&self.places.owner_vault(), &source).unwrap();
        RootSecret::from_bytes(&vault.derive("signet.root/0").unwrap()).unwrap()
    }

    /// Clearance for `what`, which nobody has to approve.
    pub fn open_clearance(&self, custody: &mut Custody, what: What) -> Clearance {
        match custody
            .approvals()
            .ask(what, 60_000, self.clock.now(), &self.rng)
            .unwrap()
        {
            Asked::Open(clearance) => clearance,
            Asked::Waiting(request) => panic!("{request:?} waits"),
        }
    }

    /// Clearance for `what`, which the owner approves.
    pub fn approved(&self, custody: &mut Custody, what: What) -> Clearance {
        let request = match custody
            .approvals()
            .ask(what, 60_000, self.clock.now(), &self.rng)
            .unwrap()
        {
            Asked::Open(_) => panic!("nobody was asked"),
            Asked::Waiting(request) => request,
        };
        let approval = yes(&request, &self.root());
        custody.approvals().settle(&approval, self.clock.now()).unwrap()
    }

    pub fn rotate(&self, custody: &mut Custody, holder: &KeyHolder) -> Result<chancery_custody::Rotated, CustodyError> {
        let what = custody.rotation(holder)?;
        let clearance = self.open_clearance(custody, what);
        custody.rotate(holder, clearance, self.clock.now(), &self.rng)
    }
}

pub fn yes(request: &Request, root: &RootSecret) -> Approval {
    Approval {
        request: request.id,
        signature: root.sign(&request.hash().unwrap()).unwrap(),
    }
}

pub fn operator(n: u8) -> KeyHolder {
    format!("op_{n:016x}").parse().unwrap()
}

/// A folder of its own, mode 0700.
pub fn private_dir() -> tempfile::TempDir {
    let mode = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(mode).tempdir().unwrap()
}

pub fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// All files below `dir`.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Says that a test did not run; with `CHANCERY_REQUIRE=all` it fails instead.
pub fn skip(missing: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let required = std::env::var("CHANCERY_REQUIRE").is_ok_and(|value| value == "all");
    assert!(!required, "{test} needs {missing}");
    // not through print: the test runner would keep the line to itself
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {missing}");
}

/// This test binary, to run one of its tests as a process of its own: it sees `ACT` and `IN` in its environment.
pub fn child(test: &str, act: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--quiet", "--test-threads=1"])
        .env("ACT", act)
        .env("IN", dir)
        .stdin(Stdio::null());
    command
}

/// What [`child`] was told; `None` in the ordinary run of the test.
pub fn told() -> Option<(String, PathBuf)> {
    let act = std::env::var("ACT").ok()?;
    Some((act, PathBuf::from(std::env::var_os("IN")?)))
}
