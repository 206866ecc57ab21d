//! Settings of a connector, each limit with its reason.

use std::time::Duration;

use chancery_base::ed25519::SecretKey;
use chancery_identity::AgentDid;

/// What one connector runs with.
#[derive(Debug, Clone)]
pub struct ConnectorConfig {
    /// The agent.
    pub agent: AgentDid,
    /// Its key: signs messages and receipts.
    pub key: SecretKey,
    /// Times.
    pub timing: Timing,
    /// Sizes.
    pub limits: Limits,
}

impl ConnectorConfig {
    /// The defaults for `agent`.
    #[must_use]
    pub fn new(agent: AgentDid, key: SecretKey) -> Self {
        Self {
            agent,
            key,
            timing: Timing::default(),
            limits: Limits::default(),
        }
    }
}

/// Times, all of them sleeps of the runtime except where they are compared with stored times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// How long an attempt to connect may take: past it a silent relay counts as away.
    pub connect_timeout: Duration,
    /// Between our heartbeats; the original's.
    pub heartbeat_interval: Duration,
    /// How long an acknowledgement (heartbeat, enqueue, receipt) may take; the original's.
    pub ack_timeout: Duration,
    /// First wait before a new connection; it doubles. The original's.
    pub reconnect_min: Duration,
    /// Longest wait before a new connection; the original's.
    pub reconnect_max: Duration,
    /// A session of this length was a good one: the next wait is the shortest again.
    pub stable_after: Duration,
    /// Wait after a refusal that time does not mend (revoked, forbidden): the owner may, so it is not given up.
    pub refused_retry: Duration,
    /// First wait after a failed delivery or refused enqueue; it doubles.
    pub retry_min: Duration,
    /// Longest of these waits.
    pub retry_max: Duration,
    /// Age at which an inbound message that still fails is given up. `CONNECTOR_INBOUND_MAX_AGE_MS`.
    pub inbound_max_age: Duration,
    /// Age at which an outbound message that no relay took is given up. `CONNECTOR_OUTBOUND_MAX_AGE_MS`.
    pub outbound_max_age: Duration,
    /// Most that one delivery may take, whatever the provider does: longer than any provider's own limit.
    pub delivery_ceiling: Duration,
    /// How long a sender's token may take to be checked; below the relay's own wait for our acknowledgement.
    pub verify_timeout: Duration,
    /// How long a settled message is remembered, for `GET /v1/outbound/{id}` and against repeats. Relays repeat for an hour.
    /// What was signed longer ago than this counts as the relay's word alone: nobody would recognise a repeat.
    pub retention: Duration,
    /// Life of an access token until the first refresh shows it; a fifth of it before the end a new one is fetched.
    pub access_ttl: Duration,
    /// How long deliveries in progress may take when the connector stops.
    pub stop_grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(15),
            heartbeat_interval: Duration::from_secs(20),
            ack_timeout: Duration::from_secs(15),
            reconnect_min: Duration::from_millis(500),
            reconnect_max: Duration::from_secs(15),
            stable_after: Duration::from_secs(10),
            refused_retry: Duration::from_secs(60),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            inbound_max_age: Duration::from_secs(24 * 3600),
            outbound_max_age: Duration::from_secs(7 * 24 * 3600),
            delivery_ceiling: Duration::from_secs(60),
            verify_timeout: Duration::from_secs(5),
            retention: Duration::from_secs(7 * 24 * 3600),
            access_ttl: Duration::from_secs(15 * 60),
            stop_grace: Duration::from_secs(10),
        }
    }
}

/// Sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Messages waiting for the relay; the original's. Beyond it senders get 507.
    pub outbox_messages: u64,
    /// Messages on their way to the relay without its answer: enough to fill one batch of its writer.
    pub enqueue_window: usize,
    /// Messages in the inbox that were not delivered; the original's. `CONNECTOR_INBOUND_INBOX_MAX_MESSAGES`.
    pub inbox_messages: u64,
    /// Their bytes; the original's. `CONNECTOR_INBOUND_INBOX_MAX_BYTES`.
    pub inbox_bytes: u64,
    /// Deliveries at the same time, each of another lane: what a local agent platform can take.
    pub deliveries: usize,
    /// Failures that time does not mend before a message is given up; the original's.
    pub refusals: u32,
    /// Receipts on their way to the relay without its answer.
    pub receipt_window: usize,
    /// Receipts kept for a relay that does not take them; the oldest go first.
    pub receipts: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            outbox_messages: 10_000,
            enqueue_window: 64,
            inbox_messages: 100_000,
            inbox_bytes: 2 << 30,
            deliveries: 16,
            refusals: 5,
            receipt_window: 64,
            receipts: 100_000,
        }
    }
}
