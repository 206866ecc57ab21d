//! The signet's WebSocket for agent harnesses, `/v1/agent` (signet spec 5.1 to 5.6).
//!
//! [`Harnesses::router`] serves it. A connection goes from *authenticating* to *active*, from there perhaps to *draining*, and
//! to its end; each is a function that returns what the next one takes, so that none can be left out or come twice:
//!
//! 1. **authenticating** (`login`): one of few places, a few seconds, a few short frames. Who shows a credential's token is
//!    handed a session by the engine.
//! 2. **active** (`connection`): one task. It takes what the session, the client and requests that are being answered have
//!    ready, writes all of it, and flushes once. A client that does not read is not read from either: what waits for it is in
//!    the engine's mailbox, shared with all others that get the same event, and limited there.
//! 3. **draining**: after the signet's farewell, requests under way are still answered.
//! 4. The end: a close frame, and a moment for the client to read it.
//!
//! Tokens and contents are in no log line.

mod connection;
mod end;
mod error;
mod harnesses;
mod lobby;
mod login;
mod origin;
mod settings;
mod socket;
mod upgrade;

pub use error::Refused;
pub use harnesses::Harnesses;
pub use settings::{FrameRate, Settings};
