//! Signed lists of what is not to be used any more (safeclaw spec 15.3).

use chancery_base::Millis;
use semver::Version;
use serde::Serialize;

use crate::{
    code::Code,
    form::{Form, Need},
    hex,
    id::SkillId,
    json::{self, At, Object, Value},
    key_id::KeyId,
    manifest,
    problem::Problems,
    signed::{SignedDocument, read_payload},
    version::VersionRange,
};

/// Most entries of each kind; more do not fit into a document anyway.
const MAX_ENTRIES: usize = 4096;

/// What whoever signs it revokes. Whether that is theirs to revoke is for the reader to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// Rises with every list of the same signer; a lower one is an old list put back. Up to 2^53 - 1.
    pub sequence: u64,
    /// When it was made.
    pub issued: Millis,
    /// When a newer one should be there.
    pub expires: Millis,
    /// Keys.
    pub keys: Vec<KeyId>,
    /// Manifests, by [`digest`](crate::Manifest::digest).
    pub manifests: Vec<[u8; 32]>,
    /// Versions of skills.
    pub skills: Vec<RevokedSkill>,
}

/// Versions of a skill that are revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedSkill {
    /// The skill.
    pub id: SkillId,
    /// Which of its versions.
    pub versions: VersionRange,
}

#[derive(Serialize)]
struct Wire<'a> {
    sequence: u64,
    issued: String,
    expires: String,
    keys: &'a [KeyId],
    manifests: Vec<String>,
    skills: &'a [RevokedSkill],
}

impl RevocationList {
    /// Whether `key` is revoked.
    #[must_use]
    pub fn revokes_key(&self, key: &KeyId) -> bool {
        self.keys.contains(key)
    }

    /// Whether the manifest of this digest is revoked.
    #[must_use]
    pub fn revokes_manifest(&self, digest: &[u8; 32]) -> bool {
        self.manifests.contains(digest)
    }

    /// Whether this version of `skill` is revoked.
    #[must_use]
    pub fn revokes_version(&self, skill: &SkillId, version: &Version) -> bool {
        self.skills
            .iter()
            .any(|revoked| revoked.id == *skill && revoked.versions.contains(version))
    }
}

impl SignedDocument for RevocationList {
    const PAYLOAD_TYPE: &'static str = "application/vnd.safeclaw.revocations.v1+json";

    fn payload(&self) -> String {
        let wire = Wire {
            sequence: self.sequence,
            issued: self.issued.to_rfc3339(),
            expires: self.expires.to_rfc3339(),
            keys: &self.keys,
            manifests: self.manifests.iter().map(|digest| hex::encode(digest)).collect(),
            skills: &self.skills,
        };
        chancery_base::json::canonical(&wire).unwrap_or_default()
    }

    fn read(payload: &[u8]) -> Result<Self, Problems> {
        let value = read_payload(payload)?;
        let mut form = Form::default();
        let read = read(&value, &mut form);
        form.finish()?;
        read.ok_or_else(Problems::unread)
    }
}

fn read(value: &json::Value, form: &mut Form) -> Option<RevocationList> {
    let at = &At::ROOT;
    let object = form.as_object(value, at)?;
    form.only(
        object,
        at,
        &["sequence", "issued", "expires", "keys", "manifests", "skills"],
    );
    let sequence = form
        .member(object, at, "sequence", Need::Required)
        .and_then(|value| form.expect(value.as_u53(), &at.member("sequence"), "a whole number"));
    let issued = manifest::time(object, at, "issued", Need::Required, form);
    let expires = manifest::time(object, at, "expires", Need::Required, form);
    if issued.is_some() && expires <= issued {
        form.error(Code::Value, &at.member("expires"), "not after it was issued");
    }
    let keys = list(object, "keys", form, |item, at, form| {
        let key = form.as_string(item, at)?.parse::<KeyId>();
        key.map_err(|error| form.error(Code::KeyEnc, at, &error.to_string()))
            .ok()
    });
    let manifests = list(object, "manifests", form, |item, at, form| {
        let text = form.as_string(item, at)?;
        let digest = hex::decode(text).filter(|_| !text.contains(|c: char| c.is_ascii_uppercase()));
        if digest.is_none() {
            form.error(Code::Value, at, "a SHA-256 has 64 lower-case hex digits");
        }
        digest
    });
    let skills = list(object, "skills", form, |item, at, form| {
        let object = form.as_object(item, at)?;
        form.only(object, at, &["id", "versions"]);
        let id = form.string(object, at, "id", Need::Required).and_then(|text| {
            let id = text.parse::<SkillId>();
            id.map_err(|error| form.error(Code::Id, &at.member("id"), &error.to_string()))
                .ok()
        });
        let versions = form.string(object, at, "versions", Need::Required).and_then(|text| {
            let range = text.parse::<VersionRange>();
            range
                .map_err(|error| form.error(Code::SemVer, &at.member("versions"), &error.to_string()))
                .ok()
        });
        Some(RevokedSkill {
            id: id?,
            versions: versions?,
        })
    });
    Some(RevocationList {
        sequence: sequence?,
        issued: issued?,
        expires: expires?,
        keys,
        manifests,
        skills,
    })
}

/// A list that must be there, so that a misspelt one does not revoke nothing.
fn list<T>(
    object: &Object,
    name: &str,
    form: &mut Form,
    mut read: impl FnMut(&Value, &At<'_>, &mut Form) -> Option<T>,
) -> Vec<T> {
    let at = At::ROOT.member(name);
    form.member(object, &At::ROOT, name, Need::Required);
    let items = form.array(object, &At::ROOT, name);
    if items.len() > MAX_ENTRIES {
        form.error(Code::Size, &at, &format!("more than {MAX_ENTRIES} entries"));
    }
    let items = items.iter().take(MAX_ENTRIES).enumerate();
    items
        .filter_map(|(index, item)| read(item, &at.item(index), form))
        .collect()
}
