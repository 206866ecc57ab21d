//! What is installed and granted, with the seed's names.

use std::{path::Path, sync::Arc};

use chancery_base::{Clock, Rng, ed25519::SecretKey};
use chancery_manifest::{Manifest, Options, SignedDocument as _};
use chancery_policy::Capability;

use crate::{
    enforcer::Verdict,
    engine::{Settings, Skills},
    error::SkillsError,
    grants::{GrantRequest, GrantStatus, GrantsOf},
    install::{ApproveNone, InstallError, InstallOptions, Installed},
    owner::Owner,
    package::Package,
    store::model::{Grant, Scheme, Skill},
    system::{OsRng, SystemClock},
};

/// Skills and their grants: in memory for as long as the process lives ([`new`](Self::new)), or in a directory
/// ([`open`](Self::open)).
#[derive(Clone)]
pub struct CapabilityRegistry {
    skills: Skills,
    owner: Option<Arc<dyn Owner>>,
}

impl Default for CapabilityRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl CapabilityRegistry {
    /// A registry in memory, whose owner is the program: with a key made for it, the machine's time and its randomness.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Arc::new(SystemClock), Arc::new(OsRng))
    }

    /// The same with another clock and other randomness.
    #[must_use]
    pub fn with(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        let owner = SecretKey::generate(&rng);
        Self {
            skills: Skills::memory(Settings::new(clock, rng, owner.public())),
            owner: Some(Arc::new(owner)),
        }
    }

    /// The registry in `dir`. Without `owner` it answers, and takes back; it does not install or grant.
    ///
    /// # Errors
    /// Those of [`Skills::open`].
    pub fn open(dir: &Path, settings: Settings, owner: Option<Arc<dyn Owner>>) -> Result<Self, SkillsError> {
        let skills = Skills::open(dir, settings)?;
        Ok(Self { skills, owner })
    }

    /// The engine below.
    #[must_use]
    pub fn skills(&self) -> &Skills {
        &self.skills
    }

    pub(crate) fn owner(&self) -> Result<&dyn Owner, SkillsError> {
        self.owner.as_deref().ok_or(SkillsError::NotTheOwner)
    }

    /// Registers a skill that the program itself vouches for, signed or not, without granting it anything. A signature that
    /// is there must be good, and an id that belongs to a key stays with it.
    ///
    /// # Errors
    /// [`InstallError`].
    pub fn register_skill(&self, package: &Package) -> Result<Installed, InstallError> {
        let options = InstallOptions {
            allow_unsigned: true,
            ..InstallOptions::seed()
        };
        self.skills.install(package, &options, &ApproveNone, self.owner()?)
    }

    /// The manifest of the skill, while it is in force.
    ///
    /// # Errors
    /// Those of [`Skills::load`], except that a skill that is not installed is none.
    pub fn get_skill(&self, id: &str) -> Result<Option<Manifest>, SkillsError> {
        match self.skills.load(id) {
            Ok(loaded) => Ok(Some(loaded.manifest)),
            Err(SkillsError::NotInstalled { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The skills that are installed, in the order in which they were; copies.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn list_skills(&self) -> Result<Vec<Skill>, SkillsError> {
        Ok(self.skills.list()?.into_iter().map(|status| status.skill).collect())
    }

    /// Removes a skill with its grants; whether it was there.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn remove_skill(&self, id: &str) -> Result<bool, SkillsError> {
        self.skills.remove(id)
    }

    /// Grants what the skill asks for, or less.
    ///
    /// # Errors
    /// Those of [`Skills::grant`].
    pub fn grant_capability(&self, request: &GrantRequest) -> Result<Grant, SkillsError> {
        self.skills.grant(self.owner()?, request)
    }

    /// The grants of a skill that are in force; copies, so that changing them grants nothing.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn get_grants(&self, id: &str) -> Result<Vec<GrantStatus>, SkillsError> {
        self.skills.grants(id)
    }

    /// Takes all grants of a skill back; how many there were.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn revoke_grants(&self, id: &str) -> Result<usize, SkillsError> {
        self.skills.revoke_grants(&GrantsOf::Skill(id.to_owned()))
    }

    /// Whether the skill has any grant for `capability` that is not over, in whatever session and on whatever. To know on
    /// what, ask the enforcer.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn has_grant(&self, id: &str, capability: Capability) -> Result<bool, SkillsError> {
        let snapshot = self.skills.snapshot()?;
        let standing = snapshot.skills.get(id);
        let in_force = standing.is_some_and(|standing| standing.verdict == Verdict::InForce);
        let mut grants = snapshot.grants_of(id);
        let now = self.skills.now();
        Ok(in_force
            && grants.any(|active| {
                let grant = &active.grant;
                grant.permission.capability() == capability
                    && active.for_version
                    && grant.expires_at.is_none_or(|end| now < end)
                    && grant.max_uses.is_none_or(|limit| active.used < limit)
            }))
    }
}

impl std::fmt::Debug for CapabilityRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CapabilityRegistry")
            .field("skills", &self.skills)
            .field("owner", &self.owner.is_some())
            .finish()
    }
}

/// An installed skill and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillStatus {
    /// The skill.
    pub skill: Skill,
    /// Whether it may do anything.
    pub standing: SkillStanding,
}

/// Whether a skill may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkillStanding {
    /// What its grants say.
    InForce,
    /// Nothing: the owner did not sign what is in the database.
    Unverified,
    /// Nothing: its key, its manifest or its version was revoked.
    Revoked,
}

/// A skill that was read back and checked.
#[derive(Debug, Clone)]
pub struct LoadedSkill {
    /// The skill.
    pub skill: Skill,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Skills {
    /// The skills that are installed, in the order in which they were.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn list(&self) -> Result<Vec<SkillStatus>, SkillsError> {
        let snapshot = self.snapshot()?;
        let mut all: Vec<SkillStatus> = snapshot
            .state
            .skills
            .values()
            .map(|row| SkillStatus {
                skill: row.value.clone(),
                standing: match snapshot.skills.get(&row.value.id).map(|standing| standing.verdict) {
                    Some(Verdict::InForce) => SkillStanding::InForce,
                    Some(Verdict::Revoked) => SkillStanding::Revoked,
                    Some(Verdict::Unverified) | None => SkillStanding::Unverified,
                },
            })
            .collect();
        all.sort_by(|a, b| (a.skill.installed_at, &a.skill.id).cmp(&(b.skill.installed_at, &b.skill.id)));
        Ok(all)
    }

    /// The skill `id`, to be run: in force, with its manifest and files read back and hashed again.
    ///
    /// # Errors
    /// [`SkillsError::NotInstalled`], [`SkillsError::NotInForce`], [`SkillsError::Content`] when what is kept is not what
    /// was put there.
    pub fn load(&self, id: &str) -> Result<LoadedSkill, SkillsError> {
        let snapshot = self.snapshot()?;
        let skill = self.installed(&snapshot, id)?.clone();
        let contents = &self.inner.contents;
        let damaged = || SkillsError::NotInForce { id: id.to_owned() };
        // what the original signed carries its signature inside; what scheme 2 signed is read as it was signed
        let payload = contents.get(&skill.manifest)?;
        let manifest = match (&skill.scheme, &skill.envelope) {
            (Scheme::V2, _) | (_, None) => Manifest::read(&payload).map_err(|_| damaged())?,
            (_, Some(source)) => {
                let source = contents.get(source)?;
                Manifest::parse(
                    &source,
                    &Options {
                        builtin: true,
                        ..Options::default()
                    },
                )
                .map_err(|_| damaged())?
            }
        };
        if manifest.payload().as_bytes() != &*payload || manifest.id().as_str() != id {
            return Err(damaged());
        }
        for sha256 in &skill.files {
            contents.get(sha256)?;
        }
        Ok(LoadedSkill { skill, manifest })
    }

    /// Where the content of that SHA-256 lies, for mounting it; `None` in memory.
    #[must_use]
    pub fn content_path(&self, sha256: &str) -> Option<std::path::PathBuf> {
        self.inner.contents.path(sha256)
    }
}
