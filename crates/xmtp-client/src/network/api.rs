//! What a client asks of a node, and what it gets.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use chancery_xmtp_wire::{
    identity::{Identifier, IdentityUpdate, InboxId, InstallationKey},
    proto::mls::message_contents::WelcomeWrapperAlgorithm,
};
use futures_util::Stream;
use openmls::group::GroupId;

use super::NodeError;

/// A future behind a pointer, so that the port works as `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, NodeError>> + Send + 'a>>;

/// A stream behind a pointer. Its first error is its end.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, NodeError>> + Send>>;

/// An entry of an identity log, parsed and believed by nobody yet.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedUpdate {
    /// Its number, greater than those before it.
    pub sequence_id: u64,
    /// The node's clock, nanoseconds since the Unix epoch.
    pub server_timestamp_ns: u64,
    /// The update.
    pub update: IdentityUpdate,
}

/// A message of a group as the network keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEnvelope {
    /// Its id: the order of the group.
    pub id: u64,
    /// When the node took it, nanoseconds since the Unix epoch.
    pub created_ns: u64,
    /// The group, as the node says.
    pub group: GroupId,
    /// An `MLSMessage` (RFC 9420 6).
    pub data: Bytes,
}

/// What a welcome is, still wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WelcomeBody {
    /// A welcome.
    Welcome {
        /// The wrapped `MLSMessage`.
        data: Bytes,
        /// The key for which it was wrapped; empty where a pointer points to it.
        hpke_public_key: Bytes,
        /// How it was wrapped.
        algorithm: WelcomeWrapperAlgorithm,
        /// A wrapped `WelcomeMetadata`; empty from clients that send none.
        metadata: Bytes,
    },
    /// A pointer to a welcome that several installations share, wrapped by X-Wing.
    Pointer {
        /// The wrapped `WelcomePointer`.
        data: Bytes,
        /// The key for which it was wrapped.
        hpke_public_key: Bytes,
    },
}

/// A welcome as the network keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WelcomeEnvelope {
    /// Its id: the order of the destination.
    pub id: u64,
    /// When the node took it, nanoseconds since the Unix epoch.
    pub created_ns: u64,
    /// What it is.
    pub body: WelcomeBody,
}

/// A welcome to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WelcomeToSend {
    /// An installation, or the destination that a pointer names: 32 bytes.
    pub destination: [u8; 32],
    /// What it is.
    pub body: WelcomeBody,
}

/// A page of a log, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// From where to ask on; `None` when there was no more.
    pub next: Option<u64>,
}

/// A node. Ids are exclusive where they say `after`; 0 is before the first.
pub trait NodeApi: Send + Sync {
    /// Appends `update` to the log of its inbox. What is in the log already is not appended again; a node may say so, or that
    /// all is well: read the log.
    fn publish_identity_update<'a>(&'a self, update: &'a IdentityUpdate) -> BoxFuture<'a, ()>;

    /// The entries of each log after the given one, in the order of the request.
    fn identity_updates<'a>(&'a self, after: &'a [(InboxId, u64)]) -> BoxFuture<'a, Vec<Vec<LoggedUpdate>>>;

    /// The inbox of each identifier, in the order of the request; `None` where there is none.
    fn inbox_ids<'a>(&'a self, identifiers: &'a [Identifier]) -> BoxFuture<'a, Vec<Option<InboxId>>>;

    /// Replaces the key package of the installation that made it (a bare `KeyPackage`).
    fn upload_key_package(&self, key_package: Bytes) -> BoxFuture<'_, ()>;

    /// The key package of each installation, in the order of the request; `None` where there is none.
    fn key_packages<'a>(&'a self, installations: &'a [InstallationKey]) -> BoxFuture<'a, Vec<Option<Bytes>>>;

    /// Appends to groups, in this order. The same bytes twice are taken once.
    fn send_group_messages(&self, messages: Vec<(Bytes, Bytes)>) -> BoxFuture<'_, ()>;

    /// A page of a group.
    fn group_messages<'a>(&'a self, group: &'a GroupId, after: u64) -> BoxFuture<'a, Page<GroupEnvelope>>;

    /// Sends welcomes. The same bytes to the same destination twice are taken once.
    fn send_welcomes(&self, welcomes: Vec<WelcomeToSend>) -> BoxFuture<'_, ()>;

    /// A page of what was sent to a destination.
    fn welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, Page<WelcomeEnvelope>>;

    /// What comes to each group, from after the given ids on.
    fn follow_groups<'a>(&'a self, after: &'a [(GroupId, u64)]) -> BoxFuture<'a, BoxStream<GroupEnvelope>>;

    /// What comes to a destination, from after the given id on.
    fn follow_welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, BoxStream<WelcomeEnvelope>>;
}
