//! Chats, invites and members (signet spec 9.5, 11.4).

use crate::{Category, ConversationId, Json, record::inbox::CleanupPlan};

shape! {
    /// A group as the network has it, under our id.
    record ChatInfo {
        /// Its id.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// Its name.
        name: String,
        /// What it is about.
        description: String,
        /// Its picture.
        image_url?: String,
        /// Who is in it; nobody for a credential that may not list members.
        member_inbox_ids: Vec<String>,
        /// Since when there is one.
        created_at: crate::Timestamp,
    }
}

impl ChatInfo {
    /// The same with its members only if `shown`.
    #[must_use]
    pub fn with_members_if(mut self, shown: bool) -> Self {
        if !shown {
            self.member_inbox_ids.clear();
        }
        self
    }
}

shape! {
    /// The chats of an identity.
    record ChatList {
        /// Each.
        groups: Vec<ChatInfo>,
    }
}

shape! {
    /// Something beside the main thing went wrong.
    record Warning {
        /// How.
        category: Category,
        /// For people.
        message: String,
    }
}

shape! {
    /// What lets somebody in.
    record Invite {
        /// The link.
        invite_url: String,
        /// The chat.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// Its name.
        group_name: String,
        /// Who invites.
        creator_inbox_id: String,
        /// What tells this invite from others.
        invite_tag: String,
    }
}

shape! {
    /// An invite does not count any more.
    record InviteRevoked {
        /// The chat.
        chat_id: ConversationId,
        /// What tells the invite from others.
        invite_tag: String,
        /// Always `true`.
        revoked: bool,
    }
}

words! {
    /// Where the name of a profile comes from.
    pub enum ProfileSource {
        /// It was given.
        Explicit = "explicit",
        /// It is the operator's label.
        OperatorDefault = "operator-default",
    }
}

shape! {
    /// A profile was published.
    record ProfileApplied {
        /// The chat.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// The name.
        profile_name: String,
        /// Where it comes from.
        profile_source: ProfileSource,
        /// Always `true`.
        profile_applied: bool,
    }
}

shape! {
    /// A chat was made. That its profile or invite was not is a warning: the chat is there all the same.
    record ChatCreated {
        /// The chat.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// Its name.
        name: String,
        /// Who made it.
        creator_inbox_id: String,
        /// How many are in it.
        member_count: u32,
        /// The profile.
        profile?: ProfileApplied,
        /// Why there is none.
        profile_warning?: Warning,
        /// The invite.
        invite?: Invite,
        /// Why there is none.
        invite_warning?: Warning,
    }
}

shape! {
    /// A chat was joined.
    record ChatJoined {
        /// The chat.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// The new identity.
        identity_id: String,
        /// What the network calls that.
        inbox_id: String,
        /// The invite.
        invite_tag: String,
        /// Name of the group.
        group_name: String,
        /// Who invited.
        creator_inbox_id: String,
        /// The name that was published.
        profile_name?: String,
        /// Where it comes from.
        profile_source?: ProfileSource,
        /// Whether it was published.
        profile_applied?: bool,
    }
}

words! {
    /// What a member may do in a group.
    pub enum MemberRole {
        /// What everybody may.
        Member = "member",
        /// Administer it.
        Admin = "admin",
        /// Administer it and its admins.
        SuperAdmin = "super_admin",
    }
}

shape! {
    /// A member.
    record Member {
        /// What the network calls it.
        inbox_id: String,
        /// What it may do.
        role?: MemberRole,
    }
}

shape! {
    /// Who is in a chat.
    record ChatMembers {
        /// The chat.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// Who is in it.
        members: Vec<Member>,
        /// How many.
        member_count: u32,
    }
}

shape! {
    /// Somebody was added or removed.
    record MembersChanged {
        /// The chat.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// How many are in it now.
        member_count: u32,
    }
}

shape! {
    /// Somebody may do more, or less.
    record RoleChanged {
        /// The chat.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// Who.
        inbox_id: String,
        /// What it may do now.
        role: MemberRole,
    }
}

shape! {
    /// A chat was left.
    record ChatLeft {
        /// The chat.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// Always `true`.
        left_group: bool,
        /// Whether what was here of it is gone.
        purged: bool,
        /// What went.
        cleanup?: CleanupPlan,
    }
}

shape! {
    /// What was here of a chat is gone, or would be.
    record ChatRemoved {
        /// The chat.
        chat_id: ConversationId,
        /// What the network calls it.
        group_id: String,
        /// Whether it is gone.
        removed: bool,
        /// What went, or would.
        cleanup: CleanupPlan,
    }
}

shape! {
    /// What was fetched.
    record ChatSynced {
        /// The chats.
        chat_ids: Vec<ConversationId>,
    }
}

words! {
    /// Whom or what consent is about.
    pub enum EntityType {
        /// An inbox.
        InboxId = "inbox_id",
        /// A group.
        GroupId = "group_id",
    }
}

words! {
    /// Whether somebody may write.
    pub enum ConsentState {
        /// Nobody has said.
        Unknown = "unknown",
        /// Yes.
        Allowed = "allowed",
        /// No.
        Denied = "denied",
    }
}

shape! {
    /// Whether somebody may write.
    record Consent {
        /// Who.
        entity: String,
        /// What that is.
        entity_type: EntityType,
        /// Whether.
        state: ConsentState,
    }
}

shape! {
    /// All that the signet holds but secrets.
    record StateExport {
        /// How the daemon fares.
        status: crate::record::status::Status,
        /// Operators.
        operators: Vec<crate::record::operator::OperatorRecord>,
        /// Policies.
        policies: Vec<crate::record::policy::PolicyRecord>,
        /// Credentials.
        credentials: Vec<crate::record::credential::CredentialRecord>,
        /// Identities.
        identities: Vec<Json>,
        /// What could not be read.
        errors?: Vec<String>,
    }
}
