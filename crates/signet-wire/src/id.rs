//! Ids of what the signet holds: a prefix that tells the kind, and 16 lower-case hex digits.
//!
//! They are local: what the network calls an inbox, a group or a message never leaves the signet.

use std::{fmt, marker::PhantomData, str::FromStr};

use chancery_base::{Rng, hex};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::shape::parsed;

words! {
    /// The kinds of things that have such an id.
    pub enum ResourceKind {
        /// A profile that an agent works under.
        Operator = "operator",
        /// A managed identity.
        Inbox = "inbox",
        /// A chat.
        Conversation = "conversation",
        /// A set of scopes to use again.
        Policy = "policy",
        /// What a harness is let in with.
        Credential = "credential",
        /// A declaration to the chat.
        Seal = "seal",
        /// A public key.
        Key = "key",
        /// A message.
        Message = "message",
        /// Something else of the network's.
        Network = "network",
    }
}

impl ResourceKind {
    /// Prefixes of all kinds. None is the beginning of another.
    pub const PREFIXES: [&'static str; 9] = [
        "op_", "inbox_", "conv_", "policy_", "cred_", "seal_", "key_", "msg_", "xmtp_",
    ];

    /// What ids of this kind begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Operator => "op_",
            Self::Inbox => "inbox_",
            Self::Conversation => "conv_",
            Self::Policy => "policy_",
            Self::Credential => "cred_",
            Self::Seal => "seal_",
            Self::Key => "key_",
            Self::Message => "msg_",
            Self::Network => "xmtp_",
        }
    }
}

/// A kind, as a type.
pub trait Resource {
    /// The kind.
    const KIND: ResourceKind;
}

/// An id of a `K`.
pub struct Id<K> {
    body: [u8; 8],
    kind: PhantomData<fn() -> K>,
}

/// The text is not an id of the kind that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid {0} ID format: expected {prefix} and 16 lower-case hex digits", prefix = .0.prefix())]
pub struct IdError(pub ResourceKind);

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $id:ident = $variant:ident;)+) => {
        $(
            #[doc = concat!("Marks ids of the kind [`ResourceKind::", stringify!($variant), "`].")]
            #[derive(Debug)]
            pub enum $kind {}

            impl Resource for $kind {
                const KIND: ResourceKind = ResourceKind::$variant;
            }

            $(#[$doc])*
            pub type $id = Id<$kind>;
        )+
    };
}

kinds! {
    /// `op_…`
    Operator, OperatorId = Operator;
    /// `inbox_…`
    Inbox, InboxId = Inbox;
    /// `conv_…`
    Conversation, ConversationId = Conversation;
    /// `policy_…`
    Policy, PolicyId = Policy;
    /// `cred_…`
    Credential, CredentialId = Credential;
    /// `seal_…`
    Seal, SealId = Seal;
    /// `key_…`
    Key, KeyId = Key;
    /// `msg_…`
    Message, MessageId = Message;
    /// `xmtp_…`
    Network, NetworkId = Network;
}

impl<K: Resource> Id<K> {
    /// A new id from 8 random bytes.
    #[must_use]
    pub fn generate(rng: &impl Rng) -> Self {
        Self::from_bytes(rng.bytes::<8>())
    }

    /// The id with this body.
    #[must_use]
    pub const fn from_bytes(body: [u8; 8]) -> Self {
        Self {
            body,
            kind: PhantomData,
        }
    }

    /// The body.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.body
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.body.cmp(&other.body)
    }
}

impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.body.hash(state);
    }
}

impl<K: Resource> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        AnyId::from(*self).fmt(f)
    }
}

impl<K: Resource> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        AnyId::from(*self).fmt(f)
    }
}

impl<K: Resource> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(K::KIND.prefix())
            .and_then(|digits| hex::decode_array(digits).ok())
            .map(Self::from_bytes)
            .ok_or(IdError(K::KIND))
    }
}

impl<K: Resource> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Resource> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

impl<K: Resource> JsonSchema for Id<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}Id", K::KIND).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": format!("^{}[0-9a-f]{{16}}$", K::KIND.prefix())})
    }
}

/// An id whose kind is told by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyId {
    /// The kind.
    pub kind: ResourceKind,
    /// The 8 bytes that the hex digits stand for.
    pub body: [u8; 8],
}

/// The text is an id of no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ID: expected a known prefix and 16 lower-case hex digits")]
pub struct AnyIdError;

impl<K: Resource> From<Id<K>> for AnyId {
    fn from(id: Id<K>) -> Self {
        Self {
            kind: K::KIND,
            body: id.body,
        }
    }
}

impl FromStr for AnyId {
    type Err = AnyIdError;

    fn from_str(text: &str) -> Result<Self, AnyIdError> {
        ResourceKind::ALL
            .iter()
            .find_map(|kind| {
                let body = hex::decode_array(text.strip_prefix(kind.prefix())?).ok()?;
                Some(Self { kind: *kind, body })
            })
            .ok_or(AnyIdError)
    }
}

impl fmt::Display for AnyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.prefix())?;
        f.write_str(&hex::encode(self.body))
    }
}
