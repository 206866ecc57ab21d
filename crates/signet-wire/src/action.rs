//! The table of actions, from which every surface is made: command line, HTTP, JSON-RPC and MCP (signet spec 5.9, appendix
//! A). An action has an id, an input of its own type, and a name for what it answers; its places on the surfaces follow
//! from the id unless the table says otherwise.

mod call;
mod definition;
pub mod input;
mod registry;
mod surface;

pub use call::{Call, table};
pub use definition::{Definition, HttpAuth, HttpMethod, Intent, Shape};
pub use registry::{Entry, Http, Mcp, Registry, RegistryError};
pub use surface::{SURFACE_VERSION, SurfaceMap};
