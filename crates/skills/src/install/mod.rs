//! Installing: all of it, or nothing (safeclaw spec 7.3).
//!
//! Read, parse, judge the signature, decide on trust, look at revocations, versions and what is new, ask the owner, keep
//! the content, and commit skill, pin, grants, trust and audit record in one transaction. State is written after
//! everything was verified, never before.

mod approval;
mod error;
mod plan;
mod verify;

use std::num::NonZeroUsize;

use chancery_audit::{Outcome, Record};
use chancery_base::{Category, ErrorCode as _, Millis};
use chancery_manifest::{Envelope, KeyId, Manifest, SignedDocument as _};
use semver::Version;
use serde_json::json;

use crate::{
    broker::RootRecord,
    enforcer::Snapshot,
    engine::{Skills, cut},
    error::SkillsError,
    grants::{GrantRequest, RECORDED, described},
    owner::{Owner, Signed},
    package::Package,
    registry::CapabilityRegistry,
    store::{
        commands::{Decided, Install, Remove},
        model::{Grant, GrantedBy, Pin, Scheme, Skill},
    },
};
use verify::Signatures;

pub use approval::{Approval, ApproveAll, ApproveNone, Approver, Ask, Newness};
pub use error::InstallError;
pub use plan::Plan;

/// What an install accepts. The default is what the program does; [`seed`](Self::seed) is what the library of the seed
/// did.
#[derive(Debug, Clone)]
pub struct InstallOptions {
    /// Take a skill that nobody signed.
    pub allow_unsigned: bool,
    /// Grant everything that is asked for, without asking anybody. The grants say `policy`.
    pub auto_approve: bool,
    /// Take a signature of the original's kind that does not cover all of the manifest, with a warning; the content is
    /// pinned instead. Not for an id of which a version was installed that was signed as a whole.
    pub accept_partial: bool,
    /// Trust whoever signs an id that is not bound to anybody yet. For libraries.
    pub trust_first: bool,
    /// Trust this key with this id: the full fingerprint, which the owner has compared.
    pub trust_key: Option<KeyId>,
    /// The statement by which a pinned key hands over to another.
    pub rotation: Option<Envelope>,
    /// Take a version that is older than the highest that was installed, this time.
    pub allow_downgrade: bool,
    /// Refuse when a revocation list is out of date, instead of warning.
    pub require_fresh: bool,
    /// How many keys must have signed an id that is not bound to anybody yet. What is bound keeps at least its own.
    pub threshold: NonZeroUsize,
    /// The version of this program, for skills that need a newer one.
    pub host_version: Option<Version>,
}

impl Default for InstallOptions {
    fn default() -> Self {
        Self {
            allow_unsigned: false,
            auto_approve: false,
            accept_partial: false,
            trust_first: false,
            trust_key: None,
            rotation: None,
            allow_downgrade: false,
            require_fresh: false,
            threshold: NonZeroUsize::MIN,
            host_version: None,
        }
    }
}

impl InstallOptions {
    /// What the seed's `install(manifest)` accepts: whoever signed first is trusted with the id, and a signature may cover
    /// only part of the manifest. Key changes, downgrades and republished versions are refused all the same.
    #[must_use]
    pub fn seed() -> Self {
        Self {
            accept_partial: true,
            trust_first: true,
            ..Self::default()
        }
    }
}

/// What somebody should know about a skill that is installed all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Nobody signed it.
    Unsigned,
    /// The signature does not cover this member, nor maybe others.
    Partial {
        /// As a JSON pointer.
        pointer: String,
    },
    /// A revocation list is out of date.
    StaleRevocations {
        /// Who signed it.
        issuer: String,
        /// When it ended.
        ended: Millis,
    },
    /// A remark about the manifest.
    Manifest(String),
    /// A grant was not made, because what it is for is not there or could be written by the skill.
    NotGranted {
        /// What.
        what: String,
        /// Why not.
        why: String,
    },
}

/// An install that was done.
#[derive(Debug)]
pub struct Installed {
    /// The skill.
    pub skill: Skill,
    /// The grants that it has now.
    pub grants: Vec<Grant>,
    /// What somebody should know.
    pub warnings: Vec<Warning>,
}

/// Installs skills, with the seed's names.
#[derive(Debug)]
pub struct SkillInstaller<'r> {
    registry: &'r CapabilityRegistry,
}

impl<'r> SkillInstaller<'r> {
    /// An installer into `registry`.
    #[must_use]
    pub fn new(registry: &'r CapabilityRegistry) -> Self {
        Self { registry }
    }

    /// Verifies `package` and registers it; with `auto_approve` grants what it asks for, else nothing.
    ///
    /// # Errors
    /// [`InstallError`]; nothing has changed then.
    pub fn install(&self, package: &Package, options: &InstallOptions) -> Result<Manifest, InstallError> {
        self.registry
            .skills()
            .install(package, options, &ApproveNone, self.registry.owner()?)?;
        Ok(package.manifest.clone())
    }
}

impl Skills {
    /// Installs `package` in the place of the version that is there. `approver` decides each request that is new, unless
    /// `options` approve all; the owner's key signs what was decided.
    ///
    /// # Errors
    /// [`InstallError`]; registry, grants, trust and content are as they were then.
    pub fn install(
        &self,
        package: &Package,
        options: &InstallOptions,
        approver: &dyn Approver,
        owner: &dyn Owner,
    ) -> Result<Installed, InstallError> {
        self.must_be_owner(owner)?;
        self.step("lock")?;
        let lock = self.lock_contents(true)?;
        let done = self.install_locked(package, options, approver, owner);
        if let Err(error) = &done {
            self.record_refusal(package, error);
        }
        // what the version before kept, or what a failed install has left; the next opening does it if this does not
        if let Err(error) = self.sweep_locked() {
            tracing::warn!(%error, "content that no skill names was not swept");
        }
        drop(lock);
        done
    }

    /// Records that `package` was refused: who is refused today may be looked for tomorrow. [`install`](Self::install) does so
    /// itself; whoever [plans](Self::plan) first and goes no further calls this.
    pub fn record_refusal(&self, package: &Package, error: &InstallError) {
        let manifest = &package.manifest;
        let detail = json!({
            "version": cut(&manifest.version().to_string(), 256),
            "manifest": package.manifest_sha256(),
            "code": error.code(),
        });
        let record = Record {
            outcome: match error.category() {
                Category::Internal | Category::Unavailable => Outcome::Failed,
                _ => Outcome::Denied,
            },
            ..self.record("skill.install", manifest.id().as_str(), detail)
        };
        if !self.inner.store.note(record) {
            tracing::error!(skill = %manifest.id(), "a refused install was not recorded");
        }
    }

    fn install_locked(
        &self,
        package: &Package,
        options: &InstallOptions,
        approver: &dyn Approver,
        owner: &dyn Owner,
    ) -> Result<Installed, InstallError> {
        let snapshot = self.reload()?;
        let mut plan = self.plan_on(&snapshot, package, options)?;
        self.step("approve")?;
        let by = if options.auto_approve {
            GrantedBy::Policy
        } else {
            GrantedBy::User
        };
        let approver: &dyn Approver = if options.auto_approve { &ApproveAll } else { approver };
        let mut approved = Vec::new();
        for ask in &plan.asks {
            match approver.decide(ask) {
                Approval::Grant { terms, only } => {
                    let permission = only.unwrap_or_else(|| ask.permission.clone());
                    if !permission.within(&ask.permission) {
                        return Err(SkillsError::NotAsked {
                            id: plan.id,
                            what: crate::grants::text(&permission),
                        }
                        .into());
                    }
                    approved.push(GrantRequest {
                        skill_id: plan.id.clone(),
                        permission,
                        terms,
                        granted_at: None,
                        granted_by: by,
                    });
                }
                Approval::Leave => {}
                Approval::Decline => return Err(InstallError::Declined { id: plan.id }),
            }
        }
        let skill = self.keep(package, &plan)?;
        let grants = self.granted(&snapshot, &skill, &mut plan, &approved, owner)?;
        self.commit(&snapshot, plan, skill, grants, owner)
    }

    /// Writes the content; what it comes to.
    fn keep(&self, package: &Package, plan: &Plan) -> Result<Skill, InstallError> {
        let (contents, faults) = (&self.inner.contents, &self.inner.settings.faults);
        let put = |bytes: &[u8]| contents.put(bytes, faults).map_err(SkillsError::from);
        let manifest = &package.manifest;
        let envelope = match &package.envelope {
            Some(envelope) => put(envelope.to_json().as_bytes())?,
            // a signature of the original's kind is in the manifest as it came
            None => put(&package.source)?,
        };
        Ok(Skill {
            id: plan.id.clone(),
            version: plan.version.to_string(),
            name: manifest.name().to_owned(),
            signer: plan.signer.clone(),
            scheme: plan.scheme,
            manifest: put(manifest.payload().as_bytes())?,
            envelope: Some(envelope),
            files: package
                .files
                .iter()
                .map(|(_, bytes)| put(bytes))
                .collect::<Result<_, _>>()?,
            requests: manifest
                .requests()
                .iter()
                .map(|request| request.permission.clone())
                .collect(),
            reasons: manifest
                .requests()
                .iter()
                .map(|request| request.reason.clone())
                .collect(),
            installed_at: self.now(),
        })
    }

    /// The grants that the skill has from now on.
    fn granted(
        &self,
        snapshot: &Snapshot,
        skill: &Skill,
        plan: &mut Plan,
        approved: &[GrantRequest],
        owner: &dyn Owner,
    ) -> Result<Vec<Signed<Grant>>, InstallError> {
        let mut grants = Vec::new();
        for (id, narrower) in &plan.going_on {
            let Some(row) = snapshot.state.grants.get(id) else {
                continue;
            };
            let Some(signed) = row.signed() else { continue };
            let Some(permission) = narrower else {
                grants.push(signed);
                continue;
            };
            let request = GrantRequest::new(&skill.id, permission.clone());
            let prepared = match self.prepare(snapshot, skill, &request) {
                Ok(prepared) => prepared,
                Err(error @ (SkillsError::BadTerms(_) | SkillsError::Writable { .. })) => {
                    plan.warnings.push(not_granted(&request, &error));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            // what was looked at when it was granted stays what was granted
            let roots = prepared
                .roots
                .into_iter()
                .map(|root| known_root(&signed.value.roots, root))
                .collect();
            let narrowed = Grant {
                permission: prepared.permission,
                roots,
                ..signed.value
            };
            grants.push(Signed::new(narrowed, owner).map_err(SkillsError::from)?);
        }
        for request in approved {
            match self.prepare(snapshot, skill, request) {
                Ok(grant) => grants.push(Signed::new(grant, owner).map_err(SkillsError::from)?),
                // a program that is not there cannot be bound; the skill is installed without
                Err(error @ (SkillsError::BadTerms(_) | SkillsError::Writable { .. })) => {
                    plan.warnings.push(not_granted(request, &error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(grants)
    }

    fn commit(
        &self,
        snapshot: &Snapshot,
        plan: Plan,
        skill: Skill,
        grants: Vec<Signed<Grant>>,
        owner: &dyn Owner,
    ) -> Result<Installed, InstallError> {
        let Signatures {
            keys,
            threshold,
            handed_over,
            publishers,
            ..
        } = plan.signatures;
        let before = snapshot.pins.get(&skill.id);
        let (highest, manifest) = match before {
            // the mark stays where it was: a downgrade is allowed once
            Some(pin) if plan.downgrade => (pin.highest.clone(), pin.manifest.clone()),
            _ => (skill.version.clone(), skill.manifest.clone()),
        };
        let mut taken_over = before.map(|pin| pin.taken_over.clone()).unwrap_or_default();
        taken_over.extend(handed_over.map(|(to, at)| (to.to_string(), at)));
        let pin = Pin {
            skill_id: skill.id.clone(),
            signer: skill.signer.clone(),
            keys,
            threshold: threshold.get(),
            highest,
            manifest,
            taken_over,
            whole: skill.scheme.covers_all() || before.is_some_and(|pin| pin.whole),
        };
        let record = self.record(
            "skill.install",
            &skill.id,
            json!({
                "version": skill.version,
                "previous": plan.previous,
                "manifest": skill.manifest,
                "signer": cut(&skill.signer, 512),
                "scheme": skill.scheme,
                "downgrade": plan.downgrade,
                "trusted": plan.newly_trusted,
                "grantCount": grants.len(),
                "grants": grants.iter().take(RECORDED).map(|grant| described(&grant.value)).collect::<Vec<_>>(),
                "warnings": plan.warnings.len(),
            }),
        );
        let sign = |publisher| Signed::new(publisher, owner);
        let step = Install {
            revision: plan.revision,
            skill: Signed::new(skill.clone(), owner).map_err(SkillsError::from)?,
            pin: Signed::new(pin, owner).map_err(SkillsError::from)?,
            grants: grants.clone(),
            publishers: publishers
                .into_iter()
                .map(sign)
                .collect::<Result<_, _>>()
                .map_err(SkillsError::from)?,
            now: self.now(),
            record,
        };
        self.step("commit")?;
        match self.inner.store.run(step).map_err(SkillsError::from)? {
            Decided::Done => {}
            Decided::Stale => return Err(SkillsError::Stale.into()),
        }
        // it is done: what fails from here on does not undo it
        if let Err(error) = self.step("committed").and_then(|()| Ok(self.changed()?)) {
            tracing::warn!(%error, "the install was committed; what follows it was not");
        }
        Ok(Installed {
            skill,
            grants: grants.into_iter().map(|grant| grant.value).collect(),
            warnings: plan.warnings,
        })
    }

    /// Removes a skill and takes its grants; its pin stays. Whether it was installed. It needs no key.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn remove(&self, skill_id: &str) -> Result<bool, SkillsError> {
        let record = self.record("skill.remove", skill_id, json!({}));
        let removed = self.inner.store.run(Remove {
            skill_id: skill_id.to_owned(),
            now: self.now(),
            record,
        })?;
        self.changed()?;
        if removed && let Err(error) = self.sweep() {
            tracing::warn!(%error, "content that no skill names was not swept");
        }
        Ok(removed)
    }

    /// Announces a step of an install.
    fn step(&self, place: &'static str) -> Result<(), InstallError> {
        Ok(self.inner.settings.faults.at(place).map_err(SkillsError::io(place))?)
    }
}

fn known_root(known: &[RootRecord], now: RootRecord) -> RootRecord {
    known.iter().find(|root| root.path == now.path).cloned().unwrap_or(now)
}

fn not_granted(request: &GrantRequest, error: &SkillsError) -> Warning {
    Warning::NotGranted {
        what: crate::grants::text(&request.permission),
        why: error.to_string(),
    }
}

impl Scheme {
    /// Whether all of the manifest is signed.
    #[must_use]
    pub fn covers_all(self) -> bool {
        matches!(self, Self::Legacy | Self::V2)
    }
}
