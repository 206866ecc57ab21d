//! What is configured, and every limit with its reason.

use std::time::Duration;

use chancery_signet_wire::{frame, limits};

/// Bytes that are read at a time: ten requests, in one call. The default of the library would cost 128 KiB a connection.
pub(crate) const READ_BUFFER: usize = 1024;
/// Bytes that are written at a time; what is ready together is rarely more.
pub(crate) const WRITE_BUFFER: usize = 16 * 1024;
/// Longest text that goes out as one frame. Longer ones go in pieces that are not copied, so that a connection holds no more
/// than the write buffer and one piece, whatever it is sent and however slowly it reads.
pub(crate) const PIECE: usize = 16 * 1024;
/// Frames of one kind (events, requests, answers) that are taken before the others get their turn.
pub(crate) const AT_ONCE: usize = 64;
/// Bytes of requests that are being answered; the client is not read on while there are more. One of the longest frames, or
/// more ordinary ones than may be under way.
pub(crate) const MAX_IN_FLIGHT_BYTES: usize = 1024 * 1024;
/// Longest frame before a harness is let in, bytes: the longest token and what is around it.
pub(crate) const MAX_LOGIN_BYTES: usize = 2 * limits::MAX_TOKEN_BYTES;
/// Frames before a harness is let in: two of its own, and a ping or two.
pub(crate) const MAX_LOGIN_FRAMES: usize = 8;
/// Failed logins of one address in [`FAILURE_WINDOW`] that are answered at once.
pub(crate) const MAX_FAILURES: u32 = 5;
/// See [`MAX_FAILURES`].
pub(crate) const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// Addresses whose failures are counted.
pub(crate) const MAX_FAILING: usize = 4096;
/// How long the answer to one failure more waits. Nobody guesses 32 bytes; this keeps a broken client from asking the
/// database in a loop.
pub(crate) const FAILURE_DELAY: Duration = Duration::from_secs(1);
/// How long a client that does not read may hold up the end of its connection. A revoked one is gone within a second.
pub(crate) const STUCK_GRACE: Duration = Duration::from_millis(500);
/// The same for one that is closed because it does not read: it may learn that if it begins to.
pub(crate) const SLOW_GRACE: Duration = Duration::from_secs(5);
/// How long the client may take to answer the close frame. Then the connection is cut.
pub(crate) const PARTING: Duration = Duration::from_secs(2);

/// What is configured of the WebSocket (`[ws]`; signet spec 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Path; `/v1/agent`.
    pub path: String,
    /// Time between two heartbeats of the signet.
    pub heartbeat: Duration,
    /// Heartbeats in whose time nothing was heard: after so many a connection is dead. At least one.
    pub missed_heartbeats: u32,
    /// In what time a connection says who it is.
    pub auth_timeout: Duration,
    /// How long requests under way are waited for when the signet ends.
    pub drain: Duration,
    /// Longest frame that a harness may send, bytes; in pieces, all of them together.
    pub max_frame_bytes: usize,
    /// How many frames a connection may send; any number when absent, since what costs something has limits of its own.
    pub rate: Option<FrameRate>,
    /// Web pages that may connect, by origin (`https://example.com`, RFC 6454). Others may not.
    pub origins: Vec<String>,
    /// Connections that have not said who they are yet. One more pushes the oldest out, so that whoever comes with a token
    /// gets through, however many come without.
    pub unauthenticated: usize,
}

/// So many frames in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    /// How many.
    pub frames: u32,
    /// In which time.
    pub window: Duration,
}

/// The values of the original where it has them.
impl Default for Settings {
    fn default() -> Self {
        Self {
            path: frame::PATH.to_owned(),
            heartbeat: Duration::from_secs(30),
            missed_heartbeats: 3,
            auth_timeout: Duration::from_secs(5),
            drain: Duration::from_secs(5),
            max_frame_bytes: limits::MAX_FRAME_BYTES,
            rate: None,
            origins: Vec::new(),
            unauthenticated: 64,
        }
    }
}

impl Settings {
    /// After which silence a connection is dead.
    pub(crate) fn dead_after(&self) -> Duration {
        self.heartbeat.saturating_mul(self.missed_heartbeats.max(1))
    }
}
