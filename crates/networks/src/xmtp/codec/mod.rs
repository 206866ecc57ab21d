//! Contents, as the signet has them in JSON (signet spec 3) and as XMTP has them in bytes.
//!
//! What comes in is named by the one name that the signet has for its type. What is of no type that is known here keeps its
//! name and loses its content: there is only what its writer wants shown instead. What claims a known type and is not what
//! that demands is [`UNREADABLE`], so that nothing is let through under a name that it does not deserve.
//!
//! What goes out is the same bytes for the same JSON, always: the message's id depends on them.

mod read;
mod shapes;
#[cfg(test)]
mod tests;
mod write;

pub use read::{read, unreadable};
pub use write::write;

/// The type of what cannot be read: no list of types lets it through by itself.
pub const UNREADABLE: &str = "chancery.invalid/unreadable:1.0";

/// Largest content that is sent, in bytes. A node takes 25 MiB in one request at most, and a message that it refuses would
/// hold up those behind it; who has more to send sends a remote attachment.
pub const MAX_CONTENT: usize = 1 << 20;

/// How deep replies to replies are read and written; a reply that goes deeper is unreadable there.
const DEPTH: usize = 4;
