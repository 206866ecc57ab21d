//! What registry, relay and connector say to one another: WebSocket frames, HTTP bodies, header and route names.
//!
//! Frames are read from and written to text without a copy of their payload: its bytes stay as the first sender wrote
//! them.

pub mod frame;
pub mod header;
pub mod limits;
pub mod media;
pub mod registry;
pub mod relay;
pub mod route;

pub use frame::Frame;
