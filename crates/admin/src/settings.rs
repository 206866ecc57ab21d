//! What is configured, and every limit of these doors with its reason.

use std::time::Duration;

use chancery_keys::{Gates, approval};
use chancery_signet_wire::limits;

/// How long whoever connects to the socket has to say who it is: a program does it at once.
pub(crate) const AUTH_TIMEOUT: Duration = Duration::from_secs(5);
/// First lines that one connection may get wrong (signet spec 5.8): a stale token, and one more.
pub(crate) const AUTH_TRIES: u32 = 3;
/// Pause after a proof that was none, and after each one that an address sends beyond its limit: guesses cost time.
pub(crate) const AUTH_PAUSE: Duration = Duration::from_millis(500);
/// Window in which proofs that are none are counted for an address.
pub(crate) const AUTH_WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are counted at once.
pub(crate) const AUTH_ADDRESSES: usize = 4096;
/// Requests of one connection that are under way at once: more than a person or a script asks for.
pub(crate) const MAX_IN_FLIGHT: usize = 32;
/// After how long it is worth to try again when as many are under way.
pub(crate) const IN_FLIGHT_RETRY_MS: u64 = 100;
/// Questions of one connection that wait for the owner at once: a person answers one at a time.
pub(crate) const MAX_QUESTIONS: usize = 8;
/// Subscriptions of one connection.
pub(crate) const MAX_SUBSCRIPTIONS: usize = 8;
/// Lines that wait to be written to one connection. With so many nothing more is read from it.
pub(crate) const MAX_UNWRITTEN: usize = 8;
/// How long a client may take to read a line: one that watches may be stopped by its user for a while.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(600);
/// How long requests under way get when the daemon ends.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// What is configured of the admin's doors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What waits for the owner, beside what always does.
    pub gates: Gates,
    /// How long a question to the owner waits; five minutes at most.
    pub approval_life: Duration,
    /// Whether a process of the daemon's own user needs no token on the socket.
    pub peer_credentials: bool,
    /// Connections to the socket at once.
    pub max_connections: usize,
    /// Bytes of the longest line of the socket and the longest body over HTTP.
    pub max_body_bytes: usize,
    /// How long an action may take.
    pub request_timeout: Duration,
    /// Tokens that one address may get wrong over HTTP in a minute before it has to wait for each answer.
    pub auth_failures_per_minute: u32,
}

/// The values of the configuration's defaults.
impl Default for Settings {
    fn default() -> Self {
        Self {
            gates: Gates::default(),
            approval_life: Duration::from_secs(120),
            peer_credentials: true,
            max_connections: 64,
            max_body_bytes: limits::MAX_BODY_BYTES,
            request_timeout: Duration::from_secs(30),
            auth_failures_per_minute: 5,
        }
    }
}

impl Settings {
    /// How long a question waits, milliseconds.
    pub(crate) fn approval_ms(&self) -> i64 {
        i64::try_from(self.approval_life.as_millis()).map_or(approval::MAX_LIFE_MS, |ms| ms.min(approval::MAX_LIFE_MS))
    }
}
