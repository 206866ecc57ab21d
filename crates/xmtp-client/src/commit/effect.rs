//! What a commit did.

use chancery_xmtp_wire::{content::GroupUpdated, group::FieldChange, identity::InboxId};

/// What a commit changed that people want to hear of. Everything is in the order of the ids or names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Who made it.
    pub actor: InboxId,
    /// Inboxes that came.
    pub added: Vec<InboxId>,
    /// Inboxes that were removed.
    pub removed: Vec<InboxId>,
    /// Fields of the metadata that changed.
    pub fields: Vec<FieldChange>,
    /// Inboxes that became admins. Strings, as in the metadata.
    pub admins_added: Vec<String>,
    /// Inboxes that are admins no more.
    pub admins_removed: Vec<String>,
    /// Inboxes that became super admins.
    pub super_admins_added: Vec<String>,
    /// Inboxes that are super admins no more.
    pub super_admins_removed: Vec<String>,
    /// Whether the permissions are others.
    pub permissions: bool,
}

impl Effect {
    /// Whether there is nothing that a `group_updated` would say: keys were renewed, installations came or went, or
    /// permissions changed. Official clients record none then.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.fields.is_empty()
            && self.admins_added.is_empty()
            && self.admins_removed.is_empty()
            && self.super_admins_added.is_empty()
            && self.super_admins_removed.is_empty()
    }

    /// The content that official clients record for this commit. Who is in `asked_to_leave` has left rather than been
    /// removed: those whose leave request was read before.
    #[must_use]
    pub fn to_group_updated(&self, asked_to_leave: &[InboxId]) -> GroupUpdated {
        use chancery_xmtp_wire::proto::mls::message_contents::group_updated::{Inbox, MetadataFieldChange};
        let inbox = |inbox_id: &dyn ToString| Inbox {
            inbox_id: inbox_id.to_string(),
        };
        let ids = |list: &[InboxId]| list.iter().map(|id| inbox(id)).collect::<Vec<_>>();
        let names = |list: &[String]| list.iter().map(|id| inbox(id)).collect::<Vec<_>>();
        let (left, removed): (Vec<_>, Vec<_>) = self.removed.iter().partition(|id| asked_to_leave.contains(id));
        let fields = self.fields.iter().map(|change| MetadataFieldChange {
            field_name: change.field.clone(),
            old_value: change.old.clone(),
            new_value: change.new.clone(),
        });
        GroupUpdated {
            initiated_by_inbox_id: self.actor.to_string(),
            added_inboxes: ids(&self.added),
            removed_inboxes: ids(&removed),
            metadata_field_changes: fields.collect(),
            left_inboxes: ids(&left),
            added_admin_inboxes: names(&self.admins_added),
            removed_admin_inboxes: names(&self.admins_removed),
            added_super_admin_inboxes: names(&self.super_admins_added),
            removed_super_admin_inboxes: names(&self.super_admins_removed),
        }
    }
}
