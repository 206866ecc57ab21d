//! What changes a group, and how its members read it.

use serde_json::{Value, json};

use crate::network::{Content, Details, InboxName, NetworkError, Role};

/// Longest fields of a group, in bytes: as on XMTP.
const LIMITS: [(&str, usize); 3] = [
    ("group_name", 100),
    ("description", 1000),
    ("group_image_url_square", 2048),
];

/// What one commit changes in a group.
#[derive(Default)]
pub(super) struct Updated {
    pub(super) added: Vec<InboxName>,
    pub(super) removed: Vec<InboxName>,
    pub(super) left: Vec<InboxName>,
    pub(super) fields: Vec<(&'static str, String, String)>,
    pub(super) roles: Vec<(&'static str, InboxName)>,
}

impl Updated {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.left.is_empty()
            && self.fields.is_empty()
            && self.roles.is_empty()
    }

    pub(super) fn field(&mut self, number: usize, old: &mut String, new: &str) -> Result<(), NetworkError> {
        let (name, limit) = LIMITS.get(number).copied().unwrap_or_default();
        if new.len() > limit {
            return Err(too_long(name, limit));
        }
        if old != new {
            let old = std::mem::replace(old, new.to_owned());
            self.fields.push((name, old, new.to_owned()));
        }
        Ok(())
    }

    pub(super) fn content(&self, by: &InboxName) -> Content {
        let inboxes = |inboxes: &[InboxName]| -> Value {
            let one = |inbox: &InboxName| json!({ "inboxId": inbox.0 });
            inboxes.iter().map(one).collect()
        };
        let field =
            |(name, old, new): &(&str, String, String)| json!({ "fieldName": name, "oldValue": old, "newValue": new });
        let mut body = json!({
            "initiatedByInboxId": by.0,
            "addedInboxes": inboxes(&self.added),
            "removedInboxes": inboxes(&self.removed),
            "metadataFieldsChanged": self.fields.iter().map(field).collect::<Value>(),
        });
        if let Some(body) = body.as_object_mut() {
            if !self.left.is_empty() {
                body.insert("leftInboxes".to_owned(), inboxes(&self.left));
            }
            for (field, inbox) in &self.roles {
                body.insert((*field).to_owned(), inboxes(std::slice::from_ref(inbox)));
            }
        }
        Content {
            content_type: "xmtp.org/groupUpdated:1.0".to_owned(),
            body,
        }
    }
}

/// How the log calls it when somebody becomes another thing.
pub(super) fn role_changes(old: Role, new: Role) -> Vec<&'static str> {
    let mut changes = Vec::new();
    match old {
        _ if old == new => return changes,
        Role::Member => {}
        Role::Admin => changes.push("removedAdminInboxes"),
        Role::SuperAdmin => changes.push("removedSuperAdminInboxes"),
    }
    match new {
        Role::Member => {}
        Role::Admin => changes.push("addedAdminInboxes"),
        Role::SuperAdmin => changes.push("addedSuperAdminInboxes"),
    }
    changes
}

/// Whether no field is too long.
pub(super) fn check(details: &Details) -> Result<(), NetworkError> {
    let fields = [&details.title, &details.description, &details.image_url];
    for (field, (name, limit)) in fields.into_iter().zip(LIMITS) {
        if field.len() > limit {
            return Err(too_long(name, limit));
        }
    }
    Ok(())
}

fn too_long(name: &str, limit: usize) -> NetworkError {
    NetworkError::Invalid(format!("{name} has more than {limit} bytes"))
}
