//! What was taken back: keys, manifests, versions; here, or by a list that somebody signed.

use std::collections::{BTreeMap, BTreeSet};

use std::num::NonZeroUsize;

use chancery_base::Millis;
use chancery_manifest::{Envelope, KeyId, RevocationList, VersionRange};
use semver::Version;
use serde_json::json;

use crate::{
    engine::{Skills, cut},
    error::SkillsError,
    package::hex,
    store::{
        commands::{AcceptList, Revoke},
        model::{AcceptedList, Publisher, Revocation, Revoked, Skill, State},
    },
};

/// Everything that is revoked, in a form that is quick to ask.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    keys: BTreeSet<String>,
    /// By digest, and whose it must be where a publisher says so.
    manifests: BTreeSet<(String, Option<String>)>,
    skills: BTreeMap<String, Vec<VersionRange>>,
}

impl Revocations {
    pub(crate) fn of(state: &State) -> Self {
        let mut all = Self::default();
        for revocation in state.revocations.values() {
            all.add(&revocation.what, None);
        }
        for list in state.lists.values() {
            let by = (!list.by_owner).then_some(list.issuer.as_str());
            list.entries.iter().for_each(|entry| all.add(entry, by));
        }
        all
    }

    fn add(&mut self, what: &Revoked, by: Option<&str>) {
        match what {
            Revoked::Key { keyid } => {
                self.keys.insert(keyid.clone());
            }
            Revoked::Manifest { sha256 } => {
                self.manifests.insert((sha256.clone(), by.map(str::to_owned)));
            }
            Revoked::Skill { id, versions } => self.skills.entry(id.clone()).or_default().push(versions.clone()),
        }
    }

    /// What of an installed skill is revoked.
    pub(crate) fn of_skill(&self, skill: &Skill) -> Option<&'static str> {
        let version = Version::parse(&skill.version).ok();
        let keys: Vec<&str> = skill.signer.split('+').collect();
        self.find(&skill.id, version.as_ref(), &skill.manifest, &keys)
    }

    /// What of a skill is revoked: its key, its manifest or its version.
    pub(crate) fn find(
        &self,
        id: &str,
        version: Option<&Version>,
        manifest: &str,
        keys: &[&str],
    ) -> Option<&'static str> {
        if keys.iter().any(|key| self.keys.contains(*key)) {
            return Some("key");
        }
        let by = |by: Option<&str>| self.manifests.contains(&(manifest.to_owned(), by.map(str::to_owned)));
        if by(None) || keys.iter().any(|key| by(Some(*key))) {
            return Some("manifest");
        }
        let ranges = self.skills.get(id)?;
        // a version that cannot be read is in every range
        let hit = ranges
            .iter()
            .any(|range| version.is_none_or(|version| range.contains(version)));
        hit.then_some("version")
    }

    /// Whether a key is revoked.
    pub(crate) fn has_key(&self, keyid: &str) -> bool {
        self.keys.contains(keyid)
    }
}

/// Entries of `list` that are its issuer's to revoke: all for the owner (`None`), its own for a publisher.
fn entries(list: &RevocationList, issuer: &KeyId, publisher: Option<&Publisher>) -> Vec<Revoked> {
    let mut entries = Vec::new();
    for keyid in &list.keys {
        if publisher.is_none() || keyid == issuer {
            entries.push(Revoked::Key {
                keyid: keyid.to_string(),
            });
        }
    }
    entries.extend(
        list.manifests
            .iter()
            .map(|digest| Revoked::Manifest { sha256: hex(digest) }),
    );
    for revoked in &list.skills {
        if publisher.is_none_or(|publisher| publisher.speaks_for(revoked.id.as_str())) {
            entries.push(Revoked::Skill {
                id: revoked.id.to_string(),
                versions: revoked.versions.clone(),
            });
        }
    }
    entries
}

impl Skills {
    /// Accepts a signed list in the place of its issuer's list before. The issuer is the owner, or a trusted publisher,
    /// whose list reaches no further than its own key, its own manifests and the ids it may publish. A key that is revoked
    /// has no more lists; the last one stays. The list that is in force already changes nothing.
    ///
    /// # Errors
    /// [`SkillsError::UntrustedList`]; [`SkillsError::OldList`] when its sequence does not rise; [`SkillsError::Invalid`]
    /// when it is none; failures of the store.
    pub fn accept_revocations(&self, envelope: &Envelope) -> Result<AcceptedList, SkillsError> {
        let snapshot = self.snapshot()?;
        let owner = self.inner.settings.owner;
        let mut found = None;
        for signature in envelope.signatures() {
            let publisher = snapshot.publishers.get(&signature.keyid.to_string());
            let key = match publisher {
                _ if KeyId::of(&owner) == signature.keyid => Some((owner, None)),
                Some(publisher) => Some((publisher.key, Some(publisher))),
                None => None,
            };
            if let Some((key, publisher)) = key {
                found = Some((signature.keyid, key, publisher));
                break;
            }
        }
        let (issuer, key, publisher) = found.ok_or(SkillsError::UntrustedList)?;
        let verified = envelope
            .verify_as::<RevocationList>(&[key], NonZeroUsize::MIN)
            .map_err(|_| SkillsError::UntrustedList)?;
        let list = verified.get();
        let accepted = AcceptedList {
            issuer: issuer.to_string(),
            sequence: list.sequence,
            issued: list.issued,
            expires: list.expires,
            by_owner: publisher.is_none(),
            entries: entries(list, &issuer, publisher),
        };
        // who passes the same list with every install is told nothing new
        if snapshot.state.lists.get(&accepted.issuer) == Some(&accepted) {
            return Ok(accepted);
        }
        // whoever has a revoked key, which may be the reason for it, would take back with it that it is revoked
        if publisher.is_some() && snapshot.revocations.has_key(&issuer.to_string()) {
            return Err(SkillsError::UntrustedList);
        }
        let record = self.record(
            "revocation.list",
            &accepted.issuer,
            json!({ "sequence": accepted.sequence, "entries": accepted.entries.len() }),
        );
        let step = AcceptList {
            list: accepted.clone(),
            record,
        };
        if !self.inner.store.run(step)? {
            return Err(SkillsError::OldList);
        }
        self.changed()?;
        Ok(accepted)
    }

    /// The lists that were accepted, one an issuer.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn revocation_lists(&self) -> Result<Vec<AcceptedList>, SkillsError> {
        Ok(self.snapshot()?.state.lists.values().cloned().collect())
    }

    /// The lists that are out of date: who signed them, and since when.
    pub(crate) fn stale_lists(&self, state: &State) -> Vec<(String, Millis)> {
        let now = self.now();
        let stale = state.lists.values().filter(|list| now >= list.expires);
        stale.map(|list| (list.issuer.clone(), list.expires)).collect()
    }

    /// Takes back a key, a manifest or versions of a skill. It needs no key, acts on the next check of every process, and
    /// is not undone: what is to come back comes back under another key, or as another version.
    ///
    /// # Errors
    /// Failures of the store.
    pub fn revoke(&self, what: Revoked, reason: &str) -> Result<Revocation, SkillsError> {
        let revocation = Revocation {
            id: self.new_id(),
            what,
            at: self.now(),
            reason: cut(reason, 1024),
        };
        let (kind, subject) = match &revocation.what {
            Revoked::Key { keyid } => ("key", keyid.clone()),
            Revoked::Manifest { sha256 } => ("manifest", sha256.clone()),
            Revoked::Skill { id, versions } => ("skill", format!("{id} {versions}")),
        };
        let record = self.record(
            "revocation.add",
            &subject,
            json!({ "what": kind, "reason": revocation.reason }),
        );
        self.inner.store.run(Revoke {
            revocation: revocation.clone(),
            record,
        })?;
        self.changed()?;
        Ok(revocation)
    }

    /// What was taken back here, oldest first.
    ///
    /// # Errors
    /// [`SkillsError`] when the tables cannot be read.
    pub fn revocations(&self) -> Result<Vec<Revocation>, SkillsError> {
        Ok(self.snapshot()?.state.revocations.values().cloned().collect())
    }
}
