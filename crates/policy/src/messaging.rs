//! What an agent may see and say in a chat: scopes, content types, projection and reveals (signet spec 2 to 4).
//!
//! A credential's [`Bounds`] answer two questions. [`Bounds::project`] takes every message that arrives through four
//! stages and gives what a harness may see of it, as a [`Projected`] that nothing else makes. [`Bounds::may_in`] and
//! [`Bounds::may`] say whether what a harness asks for may be done. Deny wins, and what is unknown is not allowed.
//!
//! Ids are texts as a harness knows them (`conv_…`, `msg_…`): whoever calls has turned the network's ids into ours.

mod action;
mod allowlist;
mod bounds;
mod change;
mod chats;
mod content_type;
mod materiality;
mod message;
mod projection;
mod refusal;
mod reveal;
mod reveal_target;
mod reveals;
mod scope;
mod scope_set;
mod scopes;
mod visibility;
mod window;
mod wire;

pub use action::{Action, ChatAction};
pub use allowlist::{Allowlist, EmptyAllowlist};
pub use bounds::{Bounds, Unseen};
pub use change::{Change, CredentialEffect, Effects, SealEffect};
pub use chats::{Chats, ChatsError, ScopeMode, UnknownScopeMode};
pub use content_type::{ContentTypeError, ContentTypeId, WellKnown};
pub use materiality::Materiality;
pub use message::{Message, MessageType};
pub use projection::{Dropped, Projected};
pub use refusal::Refusal;
pub use reveal::{Reveal, RevealAccess, RevealRequest};
pub use reveal_target::{RevealError, RevealScope, RevealTarget, TargetId};
pub use reveals::{MAX_REVEALS, Reveals, TooManyReveals};
pub use scope::{Scope, ScopeCategory, UnknownScope};
pub use scope_set::ScopeSet;
pub use scopes::Scopes;
pub use visibility::{HiddenMode, Occasion, Visibility};
pub use window::TimeWindow;
