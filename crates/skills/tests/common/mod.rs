//! A clock that is moved, randomness from a seed, and publishers who sign manifests.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that meets what it did not expect stops there"
)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use chancery_base::{Clock, Millis, Rng, digest, ed25519::SecretKey};
use chancery_manifest::{Envelope, KeyId, Manifest, Options, json, legacy};
use chancery_policy::{Capability, Context, Permission};
use chancery_skills::{
    ApproveAll, Approver, CapabilityEnforcer, Faults, InstallError, InstallOptions, Installed, Package, Settings,
    Skills, TrustRequest,
};
use serde_json::{Value, json};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_790_000_000_000)))
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Relaxed))
    }
}

/// Bytes that follow from a seed.
#[derive(Debug)]
pub(crate) struct SeededRng(AtomicU64);

impl SeededRng {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(seed << 32)))
    }
}

impl Rng for SeededRng {
    fn fill(&self, out: &mut [u8]) {
        for piece in out.chunks_mut(32) {
            let bytes = digest::sha256(self.0.fetch_add(1, Relaxed).to_be_bytes());
            piece.copy_from_slice(bytes.get(..piece.len()).unwrap());
        }
    }
}

/// The key of the publisher `n`.
pub(crate) fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

pub(crate) fn owner() -> SecretKey {
    SecretKey::from_seed(&[0xf0; 32])
}

/// The manifest of `id` that asks for `requests`: pairs of capability and constraints.
pub(crate) fn manifest(id: &str, version: &str, requests: &[(&str, Value)]) -> Value {
    let requests: Vec<Value> = requests
        .iter()
        .map(|(capability, constraints)| {
            let mut request = json!({ "capability": capability, "reason": "for the test" });
            if !constraints.is_null() {
                request["constraints"] = constraints.clone();
            }
            request
        })
        .collect();
    json!({
        "schemaVersion": 2,
        "id": id,
        "version": version,
        "name": "A skill",
        "description": "A skill of the tests",
        "requiredCapabilities": requests,
        "tools": [],
    })
}

/// `manifest` with the key of `key`, signed by it with scheme 2.
pub(crate) fn signed(manifest: &Value, key: &SecretKey) -> Package {
    signed_by(manifest, &[key])
}

/// The same with the signatures of several.
pub(crate) fn signed_by(manifest: &Value, keys: &[&SecretKey]) -> Package {
    let mut manifest = manifest.clone();
    if let Some(first) = keys.first() {
        manifest["publicKey"] = chancery_manifest::key_text::public_key_to_hex(&first.public()).into();
    }
    let text = manifest.to_string();
    let parsed = Manifest::parse(text.as_bytes(), &Options::default()).unwrap();
    let envelope = Envelope::sign(&parsed, keys).unwrap();
    Package::of_manifest(text.as_bytes(), Some(envelope), &Options::default()).unwrap()
}

/// `manifest` signed as the original signs.
pub(crate) fn legacy_signed(manifest: &Value, key: &SecretKey) -> Package {
    let mut manifest = manifest.clone();
    manifest.as_object_mut().unwrap().remove("schemaVersion");
    let document = json::read(manifest.to_string().as_bytes(), &json::Limits::default()).unwrap();
    let signed = legacy::sign(&document, key).unwrap();
    let text = serde_json::to_string(&signed).unwrap();
    Package::of_manifest(text.as_bytes(), None, &Options::default()).unwrap()
}

/// `manifest` that nobody signed.
pub(crate) fn unsigned(manifest: &Value) -> Package {
    Package::of_manifest(manifest.to_string().as_bytes(), None, &Options::default()).unwrap()
}

/// An engine with its owner.
pub(crate) struct House {
    pub(crate) skills: Skills,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) owner: SecretKey,
}

impl House {
    pub(crate) fn settings(clock: &Arc<FakeClock>) -> Settings {
        Settings::new(Arc::clone(clock) as Arc<dyn Clock>, SeededRng::new(7), owner().public())
    }

    pub(crate) fn in_memory() -> Self {
        let clock = FakeClock::new();
        Self {
            skills: Skills::memory(Self::settings(&clock)),
            clock,
            owner: owner(),
        }
    }

    pub(crate) fn in_dir(dir: &Path) -> Self {
        let clock = FakeClock::new();
        Self {
            skills: Skills::open(dir, Self::settings(&clock)).unwrap(),
            clock,
            owner: owner(),
        }
    }

    /// The same directory as another process would open it.
    pub(crate) fn again(&self, dir: &Path, rng: u64) -> Self {
        let mut settings = Self::settings(&self.clock);
        settings.rng = SeededRng::new(rng);
        Self {
            skills: Skills::open(dir, settings).unwrap(),
            clock: Arc::clone(&self.clock),
            owner: owner(),
        }
    }

    pub(crate) fn with_faults(dir: &Path, clock: &Arc<FakeClock>, rng: u64, faults: Faults) -> Self {
        let mut settings = Self::settings(clock);
        settings.rng = SeededRng::new(rng);
        settings.faults = faults;
        Self {
            skills: Skills::open(dir, settings).unwrap(),
            clock: Arc::clone(clock),
            owner: owner(),
        }
    }

    /// Trusts publisher `n` with every id.
    pub(crate) fn trust(&self, n: u8) {
        self.trust_with(n, &["*"]);
    }

    pub(crate) fn trust_with(&self, n: u8, scopes: &[&str]) {
        let request = TrustRequest {
            key: key(n).public(),
            label: format!("publisher {n}"),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            source: "test".to_owned(),
            not_after: None,
        };
        self.skills.trust(&self.owner, &request).unwrap();
    }

    pub(crate) fn install(&self, package: &Package) -> Result<Installed, InstallError> {
        self.install_with(package, &InstallOptions::default(), &ApproveAll)
    }

    pub(crate) fn install_with(
        &self,
        package: &Package,
        options: &InstallOptions,
        approver: &dyn Approver,
    ) -> Result<Installed, InstallError> {
        self.skills.install(package, options, approver, &self.owner)
    }

    pub(crate) fn enforcer(&self) -> CapabilityEnforcer {
        CapabilityEnforcer::of(&self.skills)
    }

    /// What is granted to `id`, as text.
    pub(crate) fn granted(&self, id: &str) -> Vec<String> {
        let mut all: Vec<String> = self
            .skills
            .grants(id)
            .unwrap()
            .iter()
            .map(|status| text(&status.grant.permission))
            .collect();
        all.sort();
        all
    }
}

pub(crate) fn text(permission: &Permission) -> String {
    format!(
        "{} {}",
        permission.capability(),
        permission.constraints().texts().join(",")
    )
    .trim()
    .to_owned()
}

pub(crate) fn keyid(n: u8) -> KeyId {
    KeyId::of(&key(n).public())
}

/// `capability` within `constraints`; `null` for none.
pub(crate) fn permission(capability: &str, constraints: &Value) -> Permission {
    let constraints = Some(constraints).filter(|constraints| !constraints.is_null());
    Permission::from_request(capability.parse().unwrap(), constraints).unwrap()
}

pub(crate) fn path(path: &str) -> Context<'_> {
    Context {
        path: Some(path),
        ..Context::default()
    }
}

pub(crate) fn host(host: &str) -> Context<'_> {
    Context {
        host: Some(host),
        ..Context::default()
    }
}

pub(crate) fn executable(executable: &str) -> Context<'_> {
    Context {
        executable: Some(executable),
        ..Context::default()
    }
}

pub(crate) const READ: Capability = Capability::FsRead;
