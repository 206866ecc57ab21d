//! Inputs about inboxes, chats and consent.

use crate::{Label, List, Positive, Reference, Text, record::chat::EntityType};

shape! {
    /// `inbox.create`.
    #[derive(Default)]
    input InboxCreate {
        /// Its name.
        label?: Label,
        /// The operator that it belongs to.
        operator_id?: Reference,
    }
}

shape! {
    /// What names an inbox.
    input ByInbox {
        /// The inbox.
        inbox_id: Reference,
    }
}

shape! {
    /// `inbox.link`.
    input InboxLink {
        /// The inbox.
        inbox_id: Reference,
        /// The operator.
        operator_id: Reference,
    }
}

shape! {
    /// `inbox.rm`.
    input InboxRemove {
        /// The inbox.
        inbox_id: Reference,
        /// Whether to do it; else the answer is what would be done.
        execute?: bool,
    }
}

shape! {
    /// `chat.create`.
    input ChatCreate {
        /// Who is in it, beside who makes it: inbox ids or addresses.
        member_inbox_ids: List<Reference>,
        /// Its name.
        name?: Label,
        /// The identity that makes it.
        creator_identity_label?: Reference,
        /// The operator whose identity makes it.
        operator_id?: Reference,
    }
}

shape! {
    /// `chat.list`.
    #[derive(Default)]
    input ChatList {
        /// The identity whose chats.
        identity_label?: Reference,
        /// The operator whose chats.
        operator_id?: Reference,
    }
}

shape! {
    /// What names a chat.
    input ByChat {
        /// The chat.
        chat_id: Reference,
    }
}

shape! {
    /// `chat.update`; at least one of the three.
    input ChatUpdate {
        /// The chat.
        chat_id: Reference,
        /// Its name.
        name?: Label,
        /// What it is about.
        description?: Text,
        /// Its picture.
        image_url?: Text,
    }
}

shape! {
    /// `chat.sync`.
    #[derive(Default)]
    input ChatSync {
        /// The chat; all when absent.
        chat_id?: Reference,
        /// The identity whose chats.
        identity_label?: Reference,
    }
}

shape! {
    /// `chat.update-profile`.
    input ChatUpdateProfile {
        /// The chat.
        chat_id: Reference,
        /// The identity.
        identity_label?: Reference,
        /// The operator whose label is the name.
        operator_id?: Reference,
        /// The name.
        profile_name?: Label,
    }
}

shape! {
    /// `chat.join`.
    input ChatJoin {
        /// The link, or the part of it that counts.
        invite_url: Text,
        /// Name of the new identity.
        label?: Label,
        /// The operator that it belongs to.
        operator_id?: Reference,
        /// The name that the chat sees.
        profile_name?: Label,
        /// How long to wait to be let in, seconds.
        timeout_seconds?: Positive,
    }
}

shape! {
    /// `chat.invite`.
    input ChatInvite {
        /// The chat.
        chat_id: Reference,
        /// The identity that invites.
        identity_label?: Reference,
        /// Name of the chat, as the invite says it.
        name?: Label,
        /// What the chat is about, as the invite says it.
        description?: Text,
        /// How long it counts, seconds; until it is revoked when absent.
        expires_in_seconds?: Positive,
        /// Whether it is good for one.
        single_use?: bool,
    }
}

shape! {
    /// `chat.revoke-invite`.
    input ChatRevokeInvite {
        /// The chat.
        chat_id: Reference,
        /// What tells the invite from others.
        invite_tag: Reference,
    }
}

shape! {
    /// `chat.leave`.
    input ChatLeave {
        /// The chat.
        chat_id: Reference,
        /// Whether to forget what is here of it.
        purge?: bool,
    }
}

shape! {
    /// `chat.rm`.
    input ChatRemove {
        /// The chat.
        chat_id: Reference,
        /// Whether to do it; else the answer is what would be done.
        force?: bool,
    }
}

shape! {
    /// Who is added or removed.
    input ChatMember {
        /// The chat.
        chat_id: Reference,
        /// Who, as the network calls them.
        inbox_id: Reference,
        /// The identity that does it.
        identity_label?: Reference,
    }
}

shape! {
    /// Whose role changes.
    input ChatMemberRole {
        /// The chat.
        chat_id: Reference,
        /// Who, as the network calls them.
        inbox_id: Reference,
    }
}

shape! {
    /// Whom consent is about.
    input ConsentOf {
        /// Who.
        entity: Reference,
        /// What that is; `inbox_id` when absent.
        entity_type?: EntityType,
        /// The identity that consents.
        identity_label?: Reference,
    }
}

impl ConsentOf {
    /// What the entity is.
    #[must_use]
    pub fn entity_type(&self) -> EntityType {
        self.entity_type.unwrap_or(EntityType::InboxId)
    }
}
