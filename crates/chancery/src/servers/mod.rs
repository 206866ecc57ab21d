//! Engines behind their ports: what the subcommands run alone and the demo runs together.

mod registry;
mod relay;
pub mod signet;

pub use registry::RegistryServer;
pub use relay::RelayServer;
