//! The thirty permission scopes (signet spec 2.1).

use std::{fmt, str::FromStr};

use chancery_base::{Category, ErrorCode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Scopes;

macro_rules! scopes {
    ($($category:ident { $($(#[$doc:meta])* $scope:ident = $text:literal,)+ })+) => {
        /// One thing that a credential may allow, in the order of the spec's table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope {
            $($($(#[$doc])* $scope,)+)+
        }

        impl Scope {
            /// All thirty, in the order of the table.
            pub const ALL: [Self; 30] = [$($(Self::$scope,)+)+];

            /// The text on the wire, such as `read-messages`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$scope => $text,)+)+
                }
            }

            /// What it belongs to.
            #[must_use]
            pub const fn category(self) -> ScopeCategory {
                match self {
                    $($(Self::$scope => ScopeCategory::$category,)+)+
                }
            }
        }
    };
}

scopes! {
    Messaging {
        /// Sending a message.
        Send = "send",
        /// Answering a message.
        Reply = "reply",
        /// Reacting to a message.
        React = "react",
        /// Telling that everything so far was read.
        ReadReceipt = "read-receipt",
        /// Sending a file.
        Attachment = "attachment",
    }
    GroupManagement {
        /// Adding a member.
        AddMember = "add-member",
        /// Removing a member.
        RemoveMember = "remove-member",
        /// Making a member an admin.
        PromoteAdmin = "promote-admin",
        /// Making an admin a member.
        DemoteAdmin = "demote-admin",
        /// Changing what members may do.
        UpdatePermission = "update-permission",
    }
    Metadata {
        /// Changing the chat's name.
        UpdateName = "update-name",
        /// Changing the chat's description.
        UpdateDescription = "update-description",
        /// Changing the chat's image.
        UpdateImage = "update-image",
    }
    Access {
        /// Making an invite.
        Invite = "invite",
        /// Joining a chat.
        Join = "join",
        /// Leaving a chat.
        Leave = "leave",
        /// Making a group.
        CreateGroup = "create-group",
        /// Making a conversation of two.
        CreateDm = "create-dm",
    }
    Observation {
        /// Seeing what messages say.
        ReadMessages = "read-messages",
        /// Seeing messages from before the credential.
        ReadHistory = "read-history",
        /// Seeing who is in a chat.
        ListMembers = "list-members",
        /// Seeing which chats there are.
        ListConversations = "list-conversations",
        /// Seeing what members may do. Some documents write `view-permissions`, which is read as this.
        ReadPermissions = "read-permissions",
        /// Being told of messages as they come.
        StreamMessages = "stream-messages",
        /// Being told of chats as they come.
        StreamConversations = "stream-conversations",
    }
    Egress {
        /// Passing content on to the provider of a model.
        ForwardToProvider = "forward-to-provider",
        /// Keeping parts of messages.
        StoreExcerpts = "store-excerpts",
        /// Remembering content beyond the conversation.
        UseForMemory = "use-for-memory",
        /// Quoting what was revealed.
        QuoteRevealed = "quote-revealed",
        /// Summing up content.
        Summarize = "summarize",
    }
}

/// What scopes are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeCategory {
    /// `messaging`: saying something.
    Messaging,
    /// `group-management`: who is in a chat, and as what.
    GroupManagement,
    /// `metadata`: how a chat is called and looks.
    Metadata,
    /// `access`: entering, leaving and making chats.
    Access,
    /// `observation`: seeing something.
    Observation,
    /// `egress`: what may be done with what was seen. Disclosed, but nothing that the signet could prevent.
    Egress,
}

/// The text is none of the thirty scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of the thirty scopes")]
pub struct UnknownScope(
    /// The text, cut after 32 characters: the longest scope has 20.
    pub String,
);

impl Scope {
    const ALIAS: &str = "view-permissions";
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        if text == Self::ALIAS {
            return Ok(Self::ReadPermissions);
        }
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope(text.chars().take(32).collect()))
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl ScopeCategory {
    /// All six, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Messaging,
        Self::GroupManagement,
        Self::Metadata,
        Self::Access,
        Self::Observation,
        Self::Egress,
    ];

    /// Its name, such as `group-management`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Messaging => "messaging",
            Self::GroupManagement => "group-management",
            Self::Metadata => "metadata",
            Self::Access => "access",
            Self::Observation => "observation",
            Self::Egress => "egress",
        }
    }

    /// The scopes in it.
    #[must_use]
    pub fn scopes(self) -> Scopes {
        Scope::ALL
            .into_iter()
            .filter(|scope| scope.category() == self)
            .collect()
    }
}

impl fmt::Display for ScopeCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ErrorCode for UnknownScope {
    fn code(&self) -> &'static str {
        "SIGNET_SCOPE_UNKNOWN"
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
