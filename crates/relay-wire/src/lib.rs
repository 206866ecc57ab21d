//! What registry, relay and connector say to one another: WebSocket frames, HTTP bodies, header and route names.
//!
//! Frames are read from and written to text without a copy of their payload: its bytes stay as the first sender wrote
//! them.

/// `Debug` that shows these members and leaves out the others, which are secrets: a body may end up in a log.
macro_rules! debug_without_secrets {
    ($body:ident: $($member:ident),+) => {
        impl std::fmt::Debug for $body {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($body))$(.field(stringify!($member), &self.$member))+.finish_non_exhaustive()
            }
        }
    };
}

pub mod frame;
pub mod header;
pub mod limits;
pub mod media;
pub mod registry;
pub mod relay;
pub mod route;

pub use frame::Frame;
