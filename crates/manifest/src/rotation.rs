//! A key hands over to another (safeclaw spec 15.2).

use chancery_base::{Millis, ed25519::PublicKey};
use serde::Serialize;

use crate::{
    code::Code,
    form::{Form, Need},
    id::SkillId,
    json::{self, At},
    key_id::KeyId,
    key_text, manifest,
    problem::Problems,
    signed::{SignedDocument, read_payload},
};

const MAX_SKILLS: usize = 256;
const MAX_REASON: usize = 512;

/// What the holder of a key says: from now on my skills are signed by this other key. It counts when the old key signed it,
/// and, so that nobody hands over to a key whose holder knows nothing of it, the new key, too:
/// [`verify_rotation`](crate::Envelope::verify_rotation).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The key that hands over.
    pub from: PublicKey,
    /// The key that takes over.
    pub to: PublicKey,
    /// Of which skills; empty means all that are pinned to the old key.
    pub skills: Vec<SkillId>,
    /// When it was said.
    pub issued: Millis,
    /// Why, in one line of at most 512 characters.
    pub reason: Option<String>,
}

#[derive(Serialize)]
struct Wire<'a> {
    from: String,
    to: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    skills: &'a [SkillId],
    issued: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Rotation {
    /// Whether it speaks of `skill`.
    #[must_use]
    pub fn covers(&self, skill: &SkillId) -> bool {
        self.skills.is_empty() || self.skills.contains(skill)
    }

    /// Name of the key that hands over.
    #[must_use]
    pub fn from_id(&self) -> KeyId {
        KeyId::of(&self.from)
    }

    /// Name of the key that takes over.
    #[must_use]
    pub fn to_id(&self) -> KeyId {
        KeyId::of(&self.to)
    }
}

impl SignedDocument for Rotation {
    const PAYLOAD_TYPE: &'static str = "application/vnd.safeclaw.key-rotation.v1+json";

    fn payload(&self) -> String {
        let wire = Wire {
            from: key_text::public_key_to_hex(&self.from),
            to: key_text::public_key_to_hex(&self.to),
            skills: &self.skills,
            issued: self.issued.to_rfc3339(),
            reason: self.reason.as_deref(),
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

fn read(value: &json::Value, form: &mut Form) -> Option<Rotation> {
    let at = &At::ROOT;
    let object = form.as_object(value, at)?;
    form.only(object, at, &["from", "to", "skills", "issued", "reason"]);
    let mut key = |name| {
        let text = form.string(object, at, name, Need::Required)?;
        let key = key_text::public_key_from_hex(text);
        key.map_err(|error| form.error(Code::KeyEnc, &at.member(name), &error.to_string()))
            .ok()
    };
    let (from, to) = (key("from"), key("to"));
    if from.is_some() && from == to {
        form.error(Code::Value, &at.member("to"), "the key that hands over");
    }
    let list = at.member("skills");
    let items = form.array(object, at, "skills");
    if object.get("skills").is_some() && !(1..=MAX_SKILLS).contains(&items.len()) {
        let message = format!("1 to {MAX_SKILLS} ids; leave it out to hand over all");
        form.error(Code::Value, &list, &message);
    }
    let mut skills = Vec::new();
    for (index, item) in items.iter().take(MAX_SKILLS).enumerate() {
        let place = list.item(index);
        let id = form.as_string(item, &place).map(str::parse::<SkillId>);
        match id {
            Some(Ok(id)) => skills.push(id),
            Some(Err(error)) => form.error(Code::Id, &place, &error.to_string()),
            None => {}
        }
    }
    let issued = manifest::time(object, at, "issued", Need::Required, form);
    let reason = form.shown(object, at, "reason", (Code::Reason, MAX_REASON));
    Some(Rotation {
        from: from?,
        to: to?,
        skills,
        issued: issued?,
        reason: reason.map(str::to_owned),
    })
}
