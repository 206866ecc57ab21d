//! Granting and taking back.

use std::path::Path;

use chancery_base::{Millis, Ulid};
use chancery_manifest::VersionRange;
use chancery_policy::{Capability, Constraints, Permission, Set};
use serde_json::json;

use crate::{
    broker::RootRecord,
    enforcer::{Snapshot, Verdict},
    engine::{Skills, cut},
    error::SkillsError,
    executable,
    owner::{Owner, Signed},
    store::{
        commands::{AddGrants, Decided, RevokeGrants},
        model::{Grant, GrantedBy, Skill},
    },
};

/// On what terms something is granted. The default is: until it is revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Until when, exclusive.
    pub expires_at: Option<Millis>,
    /// How many times; each use is counted on the disk before it happens.
    pub max_uses: Option<u32>,
    /// In which session only.
    pub session_id: Option<String>,
    /// For which versions of the skill only.
    pub version_range: Option<VersionRange>,
}

impl Terms {
    /// For one use.
    #[must_use]
    pub fn once() -> Self {
        Self {
            max_uses: Some(1),
            ..Self::default()
        }
    }
}

/// What the owner grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRequest {
    /// To which skill.
    pub skill_id: String,
    /// What: no more than the skill asks for.
    pub permission: Permission,
    /// On what terms.
    pub terms: Terms,
    /// When; now where it is not said.
    pub granted_at: Option<Millis>,
    /// By whom.
    pub granted_by: GrantedBy,
}

impl GrantRequest {
    /// `permission` for `skill_id`, by the owner, until it is revoked.
    #[must_use]
    pub fn new(skill_id: impl Into<String>, permission: Permission) -> Self {
        Self {
            skill_id: skill_id.into(),
            permission,
            terms: Terms::default(),
            granted_at: None,
            granted_by: GrantedBy::User,
        }
    }
}

/// Which grants are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantsOf {
    /// One grant.
    Id(Ulid),
    /// All of a skill.
    Skill(String),
    /// All of a skill for one capability.
    Capability(String, Capability),
    /// All given to what one key signed.
    Signer(String),
}

impl Skills {
    /// Grants what `request` says. Granted directories are looked at, and programs found and hashed, now.
    ///
    /// # Errors
    /// [`SkillsError::NotInstalled`] and [`SkillsError::NotInForce`], [`SkillsError::NotAsked`] when the manifest does not
    /// ask for all of it, [`SkillsError::BadTerms`], [`SkillsError::Writable`] for a program that the skill may write,
    /// [`SkillsError::NotTheOwner`] and [`SkillsError::Owner`], and failures of the store.
    pub fn grant(&self, owner: &dyn Owner, request: &GrantRequest) -> Result<Grant, SkillsError> {
        let mut grants = self.grant_all(owner, std::slice::from_ref(request))?;
        grants.pop().ok_or(SkillsError::Stale)
    }

    /// Whether the installed skill asks for `permission`, or more: what is worth knowing before anybody signs.
    ///
    /// # Errors
    /// [`SkillsError::NotInstalled`] and [`SkillsError::NotInForce`], [`SkillsError::NotAsked`] when the manifest does not
    /// ask for all of it.
    pub fn may_be_granted(&self, skill_id: &str, permission: &Permission) -> Result<(), SkillsError> {
        let snapshot = self.snapshot()?;
        must_be_asked(self.installed(&snapshot, skill_id)?, permission)
    }

    /// Grants all of `requests`, or none.
    ///
    /// # Errors
    /// As [`grant`](Self::grant).
    pub fn grant_all(&self, owner: &dyn Owner, requests: &[GrantRequest]) -> Result<Vec<Grant>, SkillsError> {
        self.must_be_owner(owner)?;
        let Some(first) = requests.first() else {
            return Ok(Vec::new());
        };
        let snapshot = self.snapshot()?;
        let mut signed = Vec::with_capacity(requests.len());
        for request in requests {
            let skill = self.installed(&snapshot, &request.skill_id)?;
            signed.push(Signed::new(self.prepare(&snapshot, skill, request)?, owner)?);
        }
        let grants: Vec<Grant> = signed.iter().map(|grant| grant.value.clone()).collect();
        // what one record cannot hold is in the rows all the same
        let told: Vec<_> = grants.iter().take(RECORDED).map(described).collect();
        let record = self.record(
            "grant.add",
            &first.skill_id,
            json!({ "count": grants.len(), "grants": told }),
        );
        let step = AddGrants {
            revision: snapshot.state.revision,
            grants: signed,
            record,
        };
        match self.inner.store.run(step)? {
            Decided::Done => {}
            Decided::Stale => return Err(SkillsError::Stale),
        }
        self.changed()?;
        Ok(grants)
    }

    /// The skill `id` as it is installed and in force.
    pub(crate) fn installed<'s>(&self, snapshot: &'s Snapshot, id: &str) -> Result<&'s Skill, SkillsError> {
        let (Some(standing), Some(row)) = (snapshot.skills.get(id), snapshot.state.skills.get(id)) else {
            return Err(SkillsError::NotInstalled { id: id.to_owned() });
        };
        if standing.verdict == Verdict::InForce {
            Ok(&row.value)
        } else {
            Err(SkillsError::NotInForce { id: id.to_owned() })
        }
    }

    /// The grant that `request` comes to for `skill`, with what its paths and programs are now.
    pub(crate) fn prepare(
        &self,
        snapshot: &Snapshot,
        skill: &Skill,
        request: &GrantRequest,
    ) -> Result<Grant, SkillsError> {
        must_be_asked(skill, &request.permission)?;
        let now = self.now();
        let terms = &request.terms;
        if terms.expires_at.is_some_and(|end| end <= now) {
            return Err(SkillsError::BadTerms("it would have ended already"));
        }
        if terms.max_uses == Some(0) {
            return Err(SkillsError::BadTerms("it could not be used once"));
        }
        let permission = match request.permission.constraints() {
            Constraints::Executables(_) => self.bound(snapshot, skill, &request.permission)?,
            _ => request.permission.clone(),
        };
        let roots = match permission.constraints() {
            Constraints::Paths(set) => set
                .as_slice()
                .iter()
                .map(|path| RootRecord::of(Path::new(path.as_str())))
                .collect::<Result<_, _>>()
                .map_err(SkillsError::io("look at a granted path"))?,
            _ => Vec::new(),
        };
        Ok(Grant {
            id: self.new_id(),
            skill_id: skill.id.clone(),
            signer: skill.signer.clone(),
            reason_shown: skill
                .reasons
                .iter()
                .zip(&skill.requests)
                .find(|(_, asked)| parts(&permission).iter().any(|part| part.within(asked)))
                .map(|(reason, _)| reason.clone())
                .unwrap_or_default(),
            permission,
            granted_at: request.granted_at.unwrap_or(now),
            granted_by: request.granted_by,
            expires_at: terms.expires_at,
            max_uses: terms.max_uses,
            session_id: terms.session_id.clone(),
            version_range: terms.version_range.clone(),
            manifest: skill.manifest.clone(),
            roots,
        })
    }

    /// The same programs, each bound to the file that it is now. What is not there is not granted.
    fn bound(&self, snapshot: &Snapshot, skill: &Skill, permission: &Permission) -> Result<Permission, SkillsError> {
        let Constraints::Executables(set) = permission.constraints() else {
            return Ok(permission.clone());
        };
        let mut bound = Vec::new();
        for asked in set.as_slice() {
            let found = match asked.pin() {
                // bound before: to that file it stays bound, whatever has taken its place
                Some((path, sha256)) => Some((path.clone(), *sha256)),
                None => executable::resolve(asked).map_err(SkillsError::io("read a program"))?,
            };
            let Some((path, sha256)) = found else { continue };
            let file = self.inner.programs.open(&path, &sha256);
            if file.is_ok_and(|file| self.may_write(snapshot, &skill.id, Path::new(path.as_str()), &file)) {
                return Err(SkillsError::Writable {
                    id: skill.id.clone(),
                    path: path.to_string(),
                });
            }
            if asked.is_interpreter() {
                tracing::warn!(skill = skill.id, program = %path, "a program that runs whatever it is told to is granted");
            }
            let pinned = asked.clone().pinned(path, sha256);
            bound.push(pinned.map_err(|_| SkillsError::Invalid("the path of a program"))?);
        }
        let set = Set::new(bound).map_err(|_| SkillsError::BadTerms("none of the programs is there"))?;
        Permission::new(permission.capability(), Constraints::Executables(set))
            .map_err(|_| SkillsError::Invalid("a permission"))
    }

    /// Takes grants back; how many were in force. It needs no key, and acts on the next check of every process.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn revoke_grants(&self, which: &GrantsOf) -> Result<usize, SkillsError> {
        let snapshot = self.reload()?;
        let ids: Vec<Ulid> = snapshot
            .state
            .grants
            .iter()
            .filter(|(id, row)| match which {
                GrantsOf::Id(wanted) => *id == wanted,
                GrantsOf::Skill(skill) => row.grant.skill_id == *skill,
                GrantsOf::Capability(skill, capability) => {
                    row.grant.skill_id == *skill && row.grant.permission.capability() == *capability
                }
                GrantsOf::Signer(signer) => row.grant.signer == *signer,
            })
            .map(|(id, _)| *id)
            .collect();
        let listed: Vec<String> = ids.iter().take(100).map(ToString::to_string).collect();
        let subject = match which {
            GrantsOf::Id(id) => id.to_string(),
            GrantsOf::Skill(text) | GrantsOf::Capability(text, _) | GrantsOf::Signer(text) => text.clone(),
        };
        let record = self.record("grant.revoke", &subject, json!({ "grants": listed }));
        let now = self.now();
        let revoked = self.inner.store.run(RevokeGrants { ids, now, record })?;
        self.changed()?;
        Ok(revoked)
    }

    /// The grants of `skill_id` that are in force, oldest first; copies.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn grants(&self, skill_id: &str) -> Result<Vec<GrantStatus>, SkillsError> {
        let snapshot = self.snapshot()?;
        Ok(snapshot
            .grants_of(skill_id)
            .map(|active| GrantStatus {
                grant: active.grant.clone(),
                used: active.used,
                for_version: active.for_version,
            })
            .collect())
    }
}

/// A grant in force, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantStatus {
    /// The grant.
    pub grant: Grant,
    /// How often it was used.
    pub used: u32,
    /// Whether the installed version is one that it is for.
    pub for_version: bool,
}

/// Refuses what `skill` does not ask for.
fn must_be_asked(skill: &Skill, permission: &Permission) -> Result<(), SkillsError> {
    let more = |part: &Permission| !skill.requests.iter().any(|asked| part.within(asked));
    match parts(permission).iter().find(|part| more(part)) {
        Some(part) => Err(SkillsError::NotAsked {
            id: skill.id.clone(),
            what: text(part),
        }),
        None => Ok(()),
    }
}

/// `permission` as permissions of one pattern each.
pub(crate) fn parts(permission: &Permission) -> Vec<Permission> {
    let capability = permission.capability();
    let each = |constraints| Permission::new(capability, constraints).ok();
    match permission.constraints() {
        Constraints::Unconstrained => vec![permission.clone()],
        Constraints::Paths(set) => split(set.as_slice(), |set| each(Constraints::Paths(set))),
        Constraints::Hosts(set) => split(set.as_slice(), |set| each(Constraints::Hosts(set))),
        Constraints::Executables(set) => split(set.as_slice(), |set| each(Constraints::Executables(set))),
        Constraints::Names(set) => split(set.as_slice(), |set| each(Constraints::Names(set))),
    }
}

fn split<P: Ord + Clone>(patterns: &[P], each: impl Fn(Set<P>) -> Option<Permission>) -> Vec<Permission> {
    patterns
        .iter()
        .filter_map(|pattern| Set::new([pattern.clone()]).ok().and_then(&each))
        .collect()
}

/// `permission` for people: `fs:read /a, /b`.
pub(crate) fn text(permission: &Permission) -> String {
    let patterns = permission.constraints().texts();
    if patterns.is_empty() {
        permission.capability().to_string()
    } else {
        format!("{} {}", permission.capability(), patterns.join(", "))
    }
}

/// Grants that one record describes, and patterns of each: together they stay below what a record may hold.
pub(crate) const RECORDED: usize = 3;
const RECORDED_PATTERNS: usize = 8;

/// What a record says about a grant.
pub(crate) fn described(grant: &Grant) -> serde_json::Value {
    let patterns = grant.permission.constraints().texts();
    json!({
        "grant": grant.id.to_string(),
        "signer": cut(&grant.signer, 512),
        "capability": grant.permission.capability().as_str(),
        "patterns": patterns.iter().take(RECORDED_PATTERNS).map(|text| cut(text, 96)).collect::<Vec<_>>(),
        "patternCount": patterns.len(),
        "expiresAt": grant.expires_at.map(|at| at.to_rfc3339()),
        "maxUses": grant.max_uses,
        "session": grant.session_id.as_deref().map(|session| cut(session, 128)),
    })
}
