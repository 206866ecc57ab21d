//! The node, as a client needs it.
//!
//! [`NodeApi`] is what an inbox asks of a node, in typed values that are parsed where they come in; what a client must not
//! believe a node (identity updates, key packages, the contents of messages) is verified by whoever asks. [`Grpc`] speaks to
//! a real one, [`MemoryNode`] is one, and [`Faulty`] is a bad way to either. Every error says whether the same request may do later ([`NodeError::is_retryable`]): a failure of that kind
//! must never move a cursor.

mod api;
mod endpoint;
mod error;
mod faulty;
mod grpc;
mod memory;
mod parse;

pub use api::{
    BoxFuture, BoxStream, GroupEnvelope, LoggedUpdate, NodeApi, Page, WelcomeBody, WelcomeEnvelope, WelcomeToSend,
};
pub use endpoint::{Endpoint, EndpointError};
pub use error::NodeError;
pub use faulty::{Faults, Faulty};
pub use grpc::Grpc;
pub use memory::MemoryNode;
