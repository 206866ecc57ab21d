//! What the signet, its harnesses and its owner say to one another: ids, records, frames, the admin socket, and the table of
//! actions from which command line, HTTP, JSON-RPC and MCP are made.
//!
//! What a caller sends is read strictly: unknown, missing, repeated and ill-typed members are refused, each with its place.
//! What the signet sends is written byte for byte the same each time, and read by its clients with room for what a newer
//! signet adds.

#[macro_use]
mod shape;

pub mod action;
pub mod adapter;
pub mod admin;
mod envelope;
mod failure;
pub mod frame;
pub mod http;
mod id;
mod json;
pub mod limits;
mod name;
mod object;
pub mod record;
mod resolve;
pub mod schema;
mod text;
mod token;

pub use envelope::{ActionResult, Meta, Pagination, TaggedFailure};
pub use failure::{Category, Class, Context, Failure, FailureBody};
pub use id::{
    AnyId, AnyIdError, Conversation, ConversationId, Credential, CredentialId, Id, IdError, Inbox, InboxId, Key, KeyId,
    Message, MessageId, Network, NetworkId, Operator, OperatorId, Policy, PolicyId, Resource, ResourceKind, Seal,
    SealId,
};
pub use json::Json;
pub use name::{ApprovalId, Author, ConnectionId, NameError, Timestamp, Uuid};
pub use object::Refusal;
pub use resolve::{Identity, resolve, resolve_any, select_identity};
pub use shape::UnknownWord;
pub use text::{
    Flag, IdempotencyKey, Label, List, ListError, NotPositive, OrNull, Positive, Reference, Text, TextError,
};
pub use token::BearerToken;
