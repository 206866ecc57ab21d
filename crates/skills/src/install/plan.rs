//! What an install would do.

use chancery_manifest::Manifest;
use chancery_policy::{Constraints, Permission, Set};
use semver::Version;

use super::{Ask, InstallError, InstallOptions, Newness, Warning, verify::Signatures};
use crate::{
    enforcer::{Active, Snapshot, Verdict},
    engine::Skills,
    grants::{parts, text},
    package::Package,
    store::model::{GrantedBy, Scheme, Skill},
};

/// What an install would do, before anybody approved anything.
#[derive(Debug)]
pub struct Plan {
    /// The skill.
    pub id: String,
    /// The version that would be installed.
    pub version: Version,
    /// The version that is installed now.
    pub previous: Option<String>,
    /// Whose it is.
    pub signer: String,
    /// How the signature was judged.
    pub scheme: Scheme,
    /// SHA-256 of the manifest.
    pub manifest_sha256: String,
    /// Names of the keys that are trusted because of this install.
    pub newly_trusted: Vec<String>,
    /// Whether the skill changes hands: no grant comes along.
    pub changes_hands: bool,
    /// Whether an older version takes the place of a newer one.
    pub downgrade: bool,
    /// What the owner is asked.
    pub asks: Vec<Ask>,
    /// What is granted now and goes on.
    pub kept: Vec<Permission>,
    /// What is granted now and ends, because it is no longer asked for.
    pub dropped: Vec<Permission>,
    /// What somebody should know.
    pub warnings: Vec<Warning>,
    pub(super) signatures: Signatures,
    pub(super) revision: u64,
    /// Grants that go on, each with its narrower permission where it has one.
    pub(super) going_on: Vec<(chancery_base::Ulid, Option<Permission>)>,
}

impl Skills {
    /// Judges `package` as [`install`](Self::install) does, and says what it would do. Nothing is written.
    ///
    /// # Errors
    /// [`InstallError`]: what `install` would refuse.
    pub fn plan(&self, package: &Package, options: &InstallOptions) -> Result<Plan, InstallError> {
        let snapshot = self.snapshot()?;
        self.plan_on(&snapshot, package, options)
    }

    pub(super) fn plan_on(
        &self,
        snapshot: &Snapshot,
        package: &Package,
        options: &InstallOptions,
    ) -> Result<Plan, InstallError> {
        let manifest = &package.manifest;
        let id = manifest.id().as_str();
        self.step("verify")?;
        let mut signatures = self.signatures(snapshot, package, options)?;
        self.step("revocations")?;
        let mut warnings = std::mem::take(&mut signatures.warnings);
        self.must_not_be_revoked(snapshot, package, &signatures, options, &mut warnings)?;
        self.step("versions")?;
        let downgrade = self.version_policy(snapshot, package, options)?;
        self.still_wanted(manifest, options)?;
        self.step("diff")?;
        let installed = snapshot.state.skills.get(id).map(|row| &row.value);
        let standing = snapshot.skills.get(id);
        let same_hands = installed.is_some_and(|skill| skill.signer == signatures.signer)
            && standing.is_some_and(|standing| standing.verdict != Verdict::Unverified);
        let before = installed.filter(|_| same_hands);
        let (mut kept, mut dropped, mut going_on) = (Vec::new(), Vec::new(), Vec::new());
        for active in snapshot.grants_of(id) {
            let permission = &active.grant.permission;
            match narrowed(active, manifest).filter(|_| same_hands) {
                Some(narrower) => {
                    if narrower != *permission {
                        dropped.push(permission.clone());
                    }
                    going_on.push((active.grant.id, (narrower != *permission).then(|| narrower.clone())));
                    kept.push(narrower);
                }
                None => dropped.push(permission.clone()),
            }
        }
        warnings.extend(
            manifest
                .warnings()
                .iter()
                .map(|problem| Warning::Manifest(problem.to_string())),
        );
        Ok(Plan {
            id: id.to_owned(),
            version: manifest.version().clone(),
            previous: installed.map(|skill| skill.version.clone()),
            signer: signatures.signer.clone(),
            scheme: signatures.scheme,
            manifest_sha256: package.manifest_sha256(),
            newly_trusted: signatures
                .publishers
                .iter()
                .map(|publisher| publisher.keyid.clone())
                .collect(),
            changes_hands: installed.is_some() && !same_hands,
            downgrade,
            asks: asks(snapshot, manifest, &signatures.signer, before),
            kept,
            dropped,
            warnings,
            signatures,
            revision: snapshot.state.revision,
            going_on,
        })
    }

    /// No way back to an older version, and one version has one content. Whether it is an allowed downgrade.
    fn version_policy(
        &self,
        snapshot: &Snapshot,
        package: &Package,
        options: &InstallOptions,
    ) -> Result<bool, InstallError> {
        let manifest = &package.manifest;
        let (id, version) = (manifest.id().as_str(), manifest.version());
        let sha256 = package.manifest_sha256();
        let known = snapshot.state.versions.iter().filter(|((skill, _), _)| skill == id);
        for ((_, other), content) in known {
            // versions that differ in build metadata alone are one version
            let same = Version::parse(other).is_ok_and(|other| other.cmp_precedence(version).is_eq());
            if same && *content != sha256 {
                return Err(InstallError::Republished {
                    id: id.to_owned(),
                    version: version.clone(),
                });
            }
        }
        let highest = snapshot.pins.get(id).and_then(|pin| Version::parse(&pin.highest).ok());
        match highest {
            Some(highest) if version.cmp_precedence(&highest).is_lt() => {
                if options.allow_downgrade {
                    Ok(true)
                } else {
                    Err(InstallError::Downgrade {
                        id: id.to_owned(),
                        version: version.clone(),
                        highest,
                    })
                }
            }
            _ => Ok(false),
        }
    }

    fn still_wanted(&self, manifest: &Manifest, options: &InstallOptions) -> Result<(), InstallError> {
        let id = || manifest.id().to_string();
        if let Some(ended) = manifest.expires().filter(|end| self.now() >= *end) {
            return Err(InstallError::Expired { id: id(), ended });
        }
        match (manifest.min_host_version(), &options.host_version) {
            (Some(needs), Some(host)) if host < needs => Err(InstallError::HostTooOld {
                id: id(),
                needs: needs.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// What is left of a grant under a manifest that may ask for less: `None` when nothing is.
fn narrowed(active: &Active, manifest: &Manifest) -> Option<Permission> {
    let granted = parts(&active.grant.permission);
    let asked: Vec<Permission> = manifest
        .requests()
        .iter()
        .flat_map(|request| parts(&request.permission))
        .collect();
    let mut left: Vec<Permission> = Vec::new();
    for part in &granted {
        if asked.iter().any(|wide| part.within(wide)) {
            left.push(part.clone());
        } else {
            left.extend(asked.iter().filter(|narrow| narrow.within(part)).cloned());
        }
    }
    if left.len() == granted.len() && left.iter().eq(granted.iter()) {
        return Some(active.grant.permission.clone());
    }
    join(&left)
}

/// One permission of the parts of one capability.
fn join(parts: &[Permission]) -> Option<Permission> {
    let first = parts.first()?;
    macro_rules! together {
        ($kind:ident) => {{
            let patterns = parts.iter().flat_map(|part| match part.constraints() {
                Constraints::$kind(set) => set.as_slice().to_vec(),
                _ => Vec::new(),
            });
            Constraints::$kind(Set::new(patterns).ok()?)
        }};
    }
    let constraints = match first.constraints() {
        Constraints::Unconstrained => Constraints::Unconstrained,
        Constraints::Paths(_) => together!(Paths),
        Constraints::Hosts(_) => together!(Hosts),
        Constraints::Executables(_) => together!(Executables),
        Constraints::Names(_) => together!(Names),
    };
    Permission::new(first.capability(), constraints).ok()
}

/// What the owner is asked: every request of a new skill, and of a known one what the installed version did not ask for.
fn asks(snapshot: &Snapshot, manifest: &Manifest, signer: &str, before: Option<&Skill>) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for request in manifest.requests() {
        let wanted = parts(&request.permission);
        let (permission, newness) = match before {
            None => (Some(request.permission.clone()), Newness::FirstInstall),
            Some(before) => {
                let new: Vec<Permission> = wanted
                    .into_iter()
                    .filter(|part| !before.requests.iter().any(|asked| part.within(asked)))
                    .collect();
                let capability = request.permission.capability();
                let known = before.requests.iter().any(|asked| asked.capability() == capability);
                let newness = if known {
                    Newness::Widened(new.iter().flat_map(|part| part.constraints().texts()).collect())
                } else {
                    Newness::NewCapability
                };
                (join(&new), newness)
            }
        };
        let Some(permission) = permission else { continue };
        // two requests for the same thing are one
        if asks.iter().any(|ask| permission.within(&ask.permission)) {
            continue;
        }
        asks.push(Ask {
            skill_id: manifest.id().to_string(),
            name: manifest.name().to_owned(),
            version: manifest.version().to_string(),
            signer: signer.to_owned(),
            interpreters: interpreters(&permission),
            wider_than: wider_than(snapshot, manifest.id().as_str(), &permission),
            permission,
            reason: request.reason.clone(),
            newness,
        });
    }
    asks
}

fn interpreters(permission: &Permission) -> Vec<String> {
    match permission.constraints() {
        Constraints::Executables(set) => {
            let interpreters = set.as_slice().iter().filter(|program| program.is_interpreter());
            interpreters.map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    }
}

/// How many similar grants are shown.
const SHOWN: usize = 5;

fn wider_than(snapshot: &Snapshot, id: &str, permission: &Permission) -> Vec<String> {
    let similar: Vec<&Permission> = snapshot
        .skills
        .iter()
        .filter(|(other, _)| *other != id)
        .flat_map(|(_, standing)| &standing.grants)
        .filter(|active| active.grant.granted_by != GrantedBy::Builtin)
        .map(|active| &active.grant.permission)
        .filter(|granted| granted.capability() == permission.capability())
        .collect();
    if similar.iter().any(|granted| permission.within(granted)) {
        return Vec::new();
    }
    similar.into_iter().take(SHOWN).map(text).collect()
}
