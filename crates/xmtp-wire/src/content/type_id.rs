//! Names of content types.

use std::{fmt, str::FromStr};

use super::ContentError;

/// Who defines a type, what it is called, and its version: `xmtp.org/text:1.0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentTypeId {
    /// Who defines it: a DNS name. Not empty.
    pub authority: String,
    /// Its name under that authority. Not empty.
    pub name: String,
    /// Versions that differ here do not read each other.
    pub major: u32,
    /// A later one adds something that may be passed over.
    pub minor: u32,
}

macro_rules! known {
    ($($(#[$doc:meta])* $variant:ident = $name:literal $major:literal, push $push:literal;)+) => {
        /// The types of content that all apps share, under authority `xmtp.org`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum KnownType {
            $($(#[$doc])* $variant,)+
        }

        impl KnownType {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            const fn parts(self) -> (&'static str, u32, bool) {
                match self {
                    $(Self::$variant => ($name, $major, $push),)+
                }
            }
        }
    };
}

known! {
    /// Text.
    Text = "text" 1, push true;
    /// Markdown.
    Markdown = "markdown" 1, push true;
    /// A reaction to a message.
    Reaction = "reaction" 2, push false;
    /// A reaction as it was written before version 2: JSON. Read, and not written any more (CTYPE-022).
    LegacyReaction = "reaction" 1, push false;
    /// An answer to a message, with content of its own.
    Reply = "reply" 1, push true;
    /// Everything so far was read.
    ReadReceipt = "readReceipt" 1, push false;
    /// A file.
    Attachment = "attachment" 1, push true;
    /// A file that lies elsewhere, encrypted.
    RemoteAttachment = "remoteStaticAttachment" 1, push true;
    /// Several such files.
    MultiRemoteAttachment = "multiRemoteStaticAttachment" 1, push true;
    /// A transaction on a blockchain.
    TransactionReference = "transactionReference" 1, push true;
    /// A request to make transactions.
    WalletSendCalls = "walletSendCalls" 1, push true;
    /// What a commit changed. Made from the commit by whoever receives it, and never sent.
    GroupUpdated = "group_updated" 1, push false;
    /// A member asks to be removed.
    LeaveRequest = "leave_request" 1, push false;
}

impl KnownType {
    /// Its id.
    #[must_use]
    pub fn id(self) -> ContentTypeId {
        let (name, major, _) = self.parts();
        ContentTypeId {
            authority: ContentTypeId::XMTP.to_owned(),
            name: name.to_owned(),
            major,
            minor: 0,
        }
    }

    /// Whether whoever receives such a message is told so at once, unless the sender says otherwise (CTYPE-010).
    #[must_use]
    pub fn should_push(self) -> bool {
        self.parts().2
    }
}

impl ContentTypeId {
    /// The authority of the types that all apps share.
    pub const XMTP: &str = "xmtp.org";

    /// The shared type that this is, whatever the minor version (CTYPE-001).
    #[must_use]
    pub fn known(&self) -> Option<KnownType> {
        KnownType::ALL.iter().copied().find(|known| {
            let (name, major, _) = known.parts();
            self.authority == Self::XMTP && self.name == name && self.major == major
        })
    }
}

impl fmt::Display for ContentTypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}.{}", self.authority, self.name, self.major, self.minor)
    }
}

impl FromStr for ContentTypeId {
    type Err = ContentError;

    /// Reads `authority/name:major.minor`.
    fn from_str(text: &str) -> Result<Self, ContentError> {
        let parts = || {
            let (authority, rest) = text.split_once('/')?;
            let (name, version) = rest.rsplit_once(':')?;
            let (major, minor) = version.split_once('.')?;
            let number = |text: &str| {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse().ok().filter(|_| digits)
            };
            let id = Self {
                authority: authority.to_owned(),
                name: name.to_owned(),
                major: number(major)?,
                minor: number(minor)?,
            };
            (!id.authority.is_empty() && !id.name.is_empty()).then_some(id)
        };
        parts().ok_or(ContentError::TypeId)
    }
}
