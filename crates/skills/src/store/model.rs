//! What the store keeps.

use std::collections::BTreeMap;

use chancery_base::{
    Millis, Ulid,
    ed25519::{PublicKey, Signature},
};
use chancery_manifest::VersionRange;
use chancery_policy::Permission;
use serde::{Deserialize, Serialize};

use crate::{
    broker::RootRecord,
    owner::{Signed, Statement},
};

/// How the signature of an installed skill was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scheme {
    /// No signature.
    Unsigned,
    /// The original's form, covering the whole manifest.
    Legacy,
    /// The original's form, which leaves nested members unsigned; the content was pinned instead.
    LegacyPartial,
    /// DSSE over the canonical manifest.
    V2,
}

/// An installed skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Skill {
    /// Its id.
    pub id: String,
    /// Its version, SemVer.
    pub version: String,
    /// Its name.
    pub name: String,
    /// Whose it is: the id of the key that signed it, or of the content where nobody did. Grants belong to this.
    pub signer: String,
    /// How its signature was judged.
    pub scheme: Scheme,
    /// SHA-256 of the manifest as kept.
    pub manifest: String,
    /// SHA-256 of the envelope as kept.
    pub envelope: Option<String>,
    /// SHA-256 of each file that came with it.
    pub files: Vec<String>,
    /// What it asks for: no grant goes beyond.
    pub requests: Vec<Permission>,
    /// Why, in the publisher's words, in the same order.
    pub reasons: Vec<String>,
    /// When it was installed.
    pub installed_at: Millis,
}

impl Statement for Skill {
    const KIND: &'static str = "skill";
}

/// What an id is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pin {
    /// The id.
    pub skill_id: String,
    /// Whose it is; see [`Skill::signer`].
    pub signer: String,
    /// The keys that may sign it; none for what is unsigned.
    pub keys: Vec<PublicKey>,
    /// How many of them must.
    pub threshold: usize,
    /// The highest version that was installed.
    pub highest: String,
    /// SHA-256 of the manifest of that version.
    pub manifest: String,
    /// Keys that took over from others, by name, and when that was said: a statement by one of them must be newer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken_over: BTreeMap<String, Millis>,
    /// Whether a version was installed that was signed as a whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

impl Statement for Pin {
    const KIND: &'static str = "pin";
}

/// Where a publisher's key came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Publisher {
    /// The id of the key.
    pub keyid: String,
    /// The key.
    pub key: PublicKey,
    /// What the owner calls it.
    pub label: String,
    /// Ids of skills it may publish: exact, or a prefix that ends in `*`.
    pub scopes: Vec<String>,
    /// Since when.
    pub added_at: Millis,
    /// How the owner came by the key.
    pub source: String,
    /// Until when it may publish.
    pub not_after: Option<Millis>,
}

impl Statement for Publisher {
    const KIND: &'static str = "publisher";
}

/// Who granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GrantedBy {
    /// The owner, asked.
    User,
    /// The program, for a skill that is part of it.
    Builtin,
    /// A rule of the caller, such as `auto_approve`.
    Policy,
}

/// A grant as the owner signed it (safeclaw spec 15.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// Its id.
    pub id: Ulid,
    /// To which skill.
    pub skill_id: String,
    /// Of whom; see [`Skill::signer`]. The same id signed by another key has none of these grants.
    pub signer: String,
    /// What.
    pub permission: Permission,
    /// When.
    pub granted_at: Millis,
    /// By whom.
    pub granted_by: GrantedBy,
    /// The reason that the skill gave and the owner saw.
    pub reason_shown: String,
    /// Until when, exclusive.
    pub expires_at: Option<Millis>,
    /// How many times.
    pub max_uses: Option<u32>,
    /// In which session only.
    pub session_id: Option<String>,
    /// For which versions of the skill only.
    pub version_range: Option<VersionRange>,
    /// SHA-256 of the manifest that was shown.
    pub manifest: String,
    /// What the granted paths were.
    pub roots: Vec<RootRecord>,
}

impl Statement for Grant {
    const KIND: &'static str = "grant";
}

/// A grant and what became of it since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrantRow {
    pub(crate) grant: Grant,
    pub(crate) body: String,
    /// Gone once it is revoked.
    pub(crate) signature: Option<Signature>,
    pub(crate) used: u32,
    pub(crate) revoked_at: Option<Millis>,
}

impl GrantRow {
    pub(crate) fn new(signed: Signed<Grant>) -> Self {
        Self {
            grant: signed.value,
            body: signed.body,
            signature: Some(signed.signature),
            used: 0,
            revoked_at: None,
        }
    }

    /// The grant with its signature, while it is in force.
    pub(crate) fn signed(&self) -> Option<Signed<Grant>> {
        let signature = self.signature.filter(|_| self.revoked_at.is_none())?;
        Some(Signed {
            value: self.grant.clone(),
            body: self.body.clone(),
            signature,
        })
    }
}

/// What was taken back here. It needs no signature: whoever forges one takes something away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revocation {
    /// Its id.
    pub id: Ulid,
    /// What.
    pub what: Revoked,
    /// When.
    pub at: Millis,
    /// Why.
    pub reason: String,
}

/// What is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Revoked {
    /// A key: everything that it signed.
    Key {
        /// The id of the key.
        keyid: String,
    },
    /// One manifest.
    Manifest {
        /// Its SHA-256.
        sha256: String,
    },
    /// Versions of a skill.
    Skill {
        /// The skill.
        id: String,
        /// Which of its versions.
        versions: VersionRange,
    },
}

/// A revocation list as it was accepted: what of it was its issuer's to revoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptedList {
    /// The id of the key that signed it.
    pub issuer: String,
    /// Its number; a list with a lower one is not accepted after it.
    pub sequence: u64,
    /// When it was made.
    pub issued: Millis,
    /// When there should be a newer one.
    pub expires: Millis,
    /// Whether the owner signed it; a publisher's list reaches no further than its own keys, skills and manifests.
    pub by_owner: bool,
    /// What it takes back.
    pub entries: Vec<Revoked>,
}

/// All tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) revision: u64,
    pub(crate) skills: BTreeMap<String, Signed<Skill>>,
    pub(crate) pins: BTreeMap<String, Signed<Pin>>,
    pub(crate) versions: BTreeMap<(String, String), String>,
    pub(crate) publishers: BTreeMap<String, Signed<Publisher>>,
    pub(crate) grants: BTreeMap<Ulid, GrantRow>,
    pub(crate) revocations: BTreeMap<Ulid, Revocation>,
    pub(crate) lists: BTreeMap<String, AcceptedList>,
}
