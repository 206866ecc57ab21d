//! Names of content types, in one form each (signet spec 3).

use std::{borrow::Cow, fmt, str::FromStr};

use chancery_base::{Category, ErrorCode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest id that is read, in bytes: a DNS name has at most 253, and no type that is known comes near the rest.
const MAX_LEN: usize = 512;

macro_rules! well_known {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)+) => {
        /// The types that the signet has something to do with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum WellKnown {
            $($(#[$doc])* $variant,)+
        }

        impl WellKnown {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its id, such as `xmtp.org/text:1.0`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

well_known! {
    /// Text.
    Text = "xmtp.org/text:1.0";
    /// A reaction to a message.
    Reaction = "xmtp.org/reaction:1.0";
    /// An answer to a message, with content of its own.
    Reply = "xmtp.org/reply:1.0";
    /// Everything so far was read.
    ReadReceipt = "xmtp.org/readReceipt:1.0";
    /// What a commit changed in a group. Made by whoever receives it, and never sent.
    GroupUpdated = "xmtp.org/groupUpdated:1.0";
    /// A seal.
    AgentSeal = "xmtp.org/agentSeal:1.0";
    /// The end of a seal.
    AgentRevocation = "xmtp.org/agentRevocation:1.0";
    /// An agent's sign of life.
    AgentLiveness = "xmtp.org/agentLiveness:1.0";
    /// A request to verify a seal.
    VerificationRequest = "xmtp.org/verificationRequest:1.0";
    /// What a verifier found.
    VerificationStatement = "xmtp.org/verificationStatement:1.0";
    /// Convos: a request to be let in.
    JoinRequest = "convos.org/join_request:1.0";
    /// Convos: a member's profile.
    ProfileUpdate = "convos.org/profile_update:1.0";
    /// Convos: the profiles of all members.
    ProfileSnapshot = "convos.org/profile_snapshot:1.0";
    /// Convos: why somebody is not let in.
    InviteJoinError = "convos.app/inviteJoinError:1.0";
}

/// A content type, `authority/type:major.minor`, in the one form that it has here.
///
/// Names that the network has for well-known types are read as those (`group_updated`, reactions of version 2, any minor
/// version, since that only adds what may be passed over). A major version that is not known is a type of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentTypeId(Repr);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Known(WellKnown),
    /// Never the text of one that is known.
    Other(Box<str>),
}

/// What sending something of a type means (signet spec 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Reply,
    Reaction,
    ReadReceipt,
    Attachment,
    /// What only a signet says, or nobody at all.
    Reserved,
    Other,
}

/// The text is no content type: it has to be `authority/type:major.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a content type: it has to be written as authority/type:major.minor")]
pub struct ContentTypeError;

impl WellKnown {
    /// The five that are let through unless something else is configured.
    pub const BASELINE: [Self; 5] = [
        Self::Text,
        Self::Reaction,
        Self::Reply,
        Self::ReadReceipt,
        Self::GroupUpdated,
    ];

    /// The type, without the network's other names for it.
    fn of(authority: &str, name: &str, major: u32) -> Option<Self> {
        match (authority, name, major) {
            ("xmtp.org", "reaction", 2) => Some(Self::Reaction),
            ("xmtp.org", "group_updated", 1) => Some(Self::GroupUpdated),
            ("convos.org", "invite_join_error", 1) => Some(Self::InviteJoinError),
            (_, _, 1) => Self::ALL.iter().copied().find(|known| {
                let named = known.as_str().strip_suffix(":1.0").and_then(|id| id.split_once('/'));
                named == Some((authority, name))
            }),
            _ => None,
        }
    }
}

impl ContentTypeId {
    /// The type that the network calls this.
    ///
    /// # Errors
    /// [`ContentTypeError`] when the authority is not made of `a-z`, `0-9`, `.` and `-`, or the name of letters, digits
    /// and `_`, when one of them is empty, or when they are too long.
    pub fn from_network(authority: &str, name: &str, major: u32, minor: u32) -> Result<Self, ContentTypeError> {
        let authority_fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        let name_fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if authority.is_empty()
            || name.is_empty()
            || authority.len() + name.len() > MAX_LEN
            || !authority.bytes().all(authority_fits)
            || !name.bytes().all(name_fits)
        {
            return Err(ContentTypeError);
        }
        Ok(Self(match WellKnown::of(authority, name, major) {
            Some(known) => Repr::Known(known),
            None => Repr::Other(format!("{authority}/{name}:{major}.{minor}").into()),
        }))
    }

    /// As reading an id, and also from the two labels without authority that Convos' errors come under.
    ///
    /// # Errors
    /// [`ContentTypeError`] for any other text that is no id.
    pub fn from_label(label: &str) -> Result<Self, ContentTypeError> {
        match label {
            "inviteJoinError" | "invite_join_error" => Ok(WellKnown::InviteJoinError.into()),
            _ => label.parse(),
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Known(known) => known.as_str(),
            Repr::Other(text) => text,
        }
    }

    /// Which of those that the signet has something to do with, if any.
    #[must_use]
    pub fn known(&self) -> Option<WellKnown> {
        match self.0 {
            Repr::Known(known) => Some(known),
            Repr::Other(_) => None,
        }
    }

    /// Whether this is a reply, of any version.
    #[must_use]
    pub fn is_reply(&self) -> bool {
        self.class() == Class::Reply
    }

    /// What sending it means, whatever the version: a later one is no way around a scope.
    pub(super) fn class(&self) -> Class {
        if let Repr::Known(known) = self.0 {
            return match known {
                WellKnown::Reply => Class::Reply,
                WellKnown::Reaction => Class::Reaction,
                WellKnown::ReadReceipt => Class::ReadReceipt,
                WellKnown::GroupUpdated
                | WellKnown::AgentSeal
                | WellKnown::AgentRevocation
                | WellKnown::AgentLiveness
                | WellKnown::VerificationStatement => Class::Reserved,
                _ => Class::Other,
            };
        }
        let name = self.as_str().strip_prefix("xmtp.org/");
        match name.and_then(|rest| rest.split_once(':')).map(|(name, _)| name) {
            Some("reply") => Class::Reply,
            Some("reaction") => Class::Reaction,
            Some("readReceipt") => Class::ReadReceipt,
            Some("attachment" | "remoteStaticAttachment" | "multiRemoteStaticAttachment") => Class::Attachment,
            Some(
                "group_updated"
                | "groupUpdated"
                | "agentSeal"
                | "agentRevocation"
                | "agentLiveness"
                | "verificationStatement",
            ) => Class::Reserved,
            _ => Class::Other,
        }
    }
}

impl From<WellKnown> for ContentTypeId {
    fn from(known: WellKnown) -> Self {
        Self(Repr::Known(known))
    }
}

impl FromStr for ContentTypeId {
    type Err = ContentTypeError;

    fn from_str(text: &str) -> Result<Self, ContentTypeError> {
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            // the network has 32 bits for each
            text.parse::<u32>().ok().filter(|_| digits)
        };
        let parts = || {
            let (authority, rest) = text.split_once('/')?;
            let (name, version) = rest.split_once(':')?;
            let (major, minor) = version.split_once('.')?;
            Some((authority, name, number(major)?, number(minor)?))
        };
        let (authority, name, major, minor) = parts().ok_or(ContentTypeError)?;
        Self::from_network(authority, name, major, minor)
    }
}

impl fmt::Display for ContentTypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ContentTypeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ContentTypeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl ErrorCode for ContentTypeError {
    fn code(&self) -> &'static str {
        "SIGNET_CONTENT_TYPE_INVALID"
    }

    fn category(&self) -> Category {
        Category::Input
    }
}
