//! How the commands and engines reach servers: the registry's and the relay's API, and the relay's WebSocket.
//!
//! [`http::HttpClient`] carries every request: bounded in time and size, no redirects, no plain HTTP off this machine, errors
//! as types. [`registry::RegistryClient`] and [`relay::RelayClient`] put the bodies of `chancery-relay-wire` around it, and
//! [`signer::AgentSigner`] adds what shows that an agent is the agent.
//!
//! With feature `xmtp`, which is on by itself, `xmtp` is XMTP as the signet's network.

pub mod directory;
pub mod error;
pub mod feed;
pub mod http;
pub mod link;
pub mod registry;
pub mod relay;
pub mod signer;
pub mod tls;
#[cfg(feature = "xmtp")]
pub mod xmtp;

pub use directory::RegistryDirectory;
pub use error::{HttpError, RemoteError};
pub use http::HttpClient;
pub use registry::RegistryClient;
pub use relay::RelayClient;
pub use signer::AgentSigner;
