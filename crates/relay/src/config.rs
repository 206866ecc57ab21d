//! Settings of the relay and its limits, each with its variable and its reason.

use std::time::Duration;

use chancery_identity::Origin;

/// Settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The origin that clients reach this relay at: issuer of pairing tickets. Never taken from a request.
    pub public_origin: Origin,
    /// Further authorities that signatures may name, such as `localhost:4000` beside `127.0.0.1:4000`.
    pub extra_authorities: Vec<String>,
    /// `local`, `development` or `production`: shown by `/health`.
    pub environment: String,
    /// Version that `/health` shows.
    pub version: String,
    /// Whether clients that negotiated nothing get the identity block in `message`
    /// (`INJECT_IDENTITY_INTO_MESSAGE`, default true).
    pub inject_identity: bool,
    /// Whether one proof may open a connection again after its socket closed (`RELAY_LEGACY_RECONNECT`, default false):
    /// published connectors reuse one proof for every reconnect.
    pub legacy_reconnect: bool,
    /// Mailboxes.
    pub mailbox: MailboxLimits,
    /// Deliveries to connected agents.
    pub delivery: DeliveryLimits,
    /// Requests.
    pub rates: RateLimits,
    /// The revocation feed.
    pub feed: FeedLimits,
}

/// Limits of one mailbox.
#[derive(Debug, Clone, Copy)]
pub struct MailboxLimits {
    /// Messages waiting in one mailbox (`RELAY_QUEUE_MAX_MESSAGES_PER_AGENT`, 500): bounds what strangers' traffic can
    /// make this relay store for one agent. One sender may fill half of it.
    pub max_messages: u64,
    /// How long a message waits before it becomes a dead letter (`RELAY_QUEUE_TTL_SECONDS`, 3600), milliseconds.
    pub ttl_ms: i64,
}

impl MailboxLimits {
    /// Messages of one sender waiting in one mailbox: half of it, and one at least, so that nobody can shut others out.
    #[must_use]
    pub fn max_per_sender(&self) -> u64 {
        (self.max_messages / 2).max(1)
    }
}

/// Limits of deliveries to one connected agent.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryLimits {
    /// Lanes with a delivery in flight (`RELAY_MAX_IN_FLIGHT_DELIVERIES`, 5): what an agent works on at a time.
    pub max_in_flight: usize,
    /// Messages held in memory for one connection (`RELAY_SESSION_MAX_MESSAGES`, 256): enough to keep its lanes busy
    /// between two reads of the store.
    pub window_messages: usize,
    /// Bytes held in memory for one connection (`RELAY_SESSION_MAX_BYTES`, 4 MiB); one message is always allowed.
    pub window_bytes: usize,
    /// Enqueues of one connection waiting for their commit (`RELAY_MAX_PENDING_ENQUEUES`, 256): beyond it the socket is
    /// not read, so that a fast sender waits instead of filling memory.
    pub max_pending_enqueues: usize,
    /// How long the recipient may take to acknowledge (`RELAY_ACK_TIMEOUT_MS`, 15,000).
    pub ack_timeout: Duration,
    /// First wait after a refusal (`RELAY_RETRY_INITIAL_MS`, 1000).
    pub retry_initial: Duration,
    /// Longest wait (`RELAY_RETRY_MAX_MS`, 30,000).
    pub retry_max: Duration,
    /// Attempts before a message becomes a dead letter (`RELAY_RETRY_MAX_ATTEMPTS`, 25).
    pub retry_max_attempts: u32,
    /// Share by which a wait is varied both ways (`RELAY_RETRY_JITTER_RATIO`, 0.2).
    pub retry_jitter: f64,
    /// How often the relay sends a heartbeat (`RELAY_HEARTBEAT_MS`, 30,000).
    pub heartbeat: Duration,
    /// Silence after which a connection is closed (`RELAY_HEARTBEAT_TIMEOUT_MS`, 60,000).
    pub heartbeat_timeout: Duration,
    /// Longest frame (`RELAY_MAX_FRAME_BYTES`, 1 MiB).
    pub max_frame_bytes: usize,
}

/// Limits of requests.
#[derive(Debug, Clone, Copy)]
pub struct RateLimits {
    /// Requests and enqueues of one agent in a window (`AGENT_RATE_LIMIT_REQUESTS_PER_MINUTE`, 60).
    pub agent_requests: u32,
    /// The window (`AGENT_RATE_LIMIT_WINDOW_MS`, 60,000).
    pub agent_window: Duration,
    /// Messages or connections of one address, counted for each path, before anything is verified
    /// (`PUBLIC_RATE_LIMIT_REQUESTS`, 120). An address is one of IPv4, or a /64 of IPv6.
    pub public_requests: u32,
    /// Pairing requests of one address before anything is verified (`PUBLIC_RATE_LIMIT_PAIR_REQUESTS`, 300): each costs up
    /// to two checks of signatures and a question to the registry; ten agents that wait for their confirmations ask 200
    /// times a minute.
    pub public_pair_requests: u32,
    /// Receipts sent or asked for by one address before anything is verified (`PUBLIC_RATE_LIMIT_RECEIPT_REQUESTS`, 600):
    /// what ten agents behind one address may do by the limit of an agent.
    pub public_receipt_requests: u32,
    /// Requests of one address to what is no route, before anything is verified (`PUBLIC_RATE_LIMIT_UNKNOWN_REQUESTS`, 60):
    /// the caller's signature is checked even so, and nobody has business there.
    pub public_unknown_requests: u32,
    /// The window of the limits by address (`PUBLIC_RATE_LIMIT_WINDOW_MS`, 60,000).
    pub public_window: Duration,
}

/// Limits of the revocation feed.
#[derive(Debug, Clone, Copy)]
pub struct FeedLimits {
    /// Silence after which the feed counts as degraded (`REVOCATION_FEED_DEGRADED_MS`, 1000).
    pub degraded_after: Duration,
    /// Silence after which new messages are refused and delivery pauses (`REVOCATION_FEED_STALE_MS`, 60,000).
    pub stale_after: Duration,
    /// Wait before the feed is opened again (`REVOCATION_FEED_RETRY_MS`, 250); doubles up to 5 s.
    pub retry: Duration,
}

impl Default for MailboxLimits {
    fn default() -> Self {
        Self {
            max_messages: 500,
            ttl_ms: 3_600_000,
        }
    }
}

impl Default for DeliveryLimits {
    fn default() -> Self {
        Self {
            max_in_flight: 5,
            window_messages: 256,
            window_bytes: 4 * 1024 * 1024,
            max_pending_enqueues: 256,
            ack_timeout: Duration::from_secs(15),
            retry_initial: Duration::from_secs(1),
            retry_max: Duration::from_secs(30),
            retry_max_attempts: 25,
            retry_jitter: 0.2,
            heartbeat: Duration::from_secs(30),
            heartbeat_timeout: Duration::from_secs(60),
            max_frame_bytes: chancery_relay_wire::limits::MAX_FRAME_BYTES,
        }
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            agent_requests: 60,
            agent_window: Duration::from_secs(60),
            public_requests: 120,
            public_pair_requests: 300,
            public_receipt_requests: 600,
            public_unknown_requests: 60,
            public_window: Duration::from_secs(60),
        }
    }
}

impl Default for FeedLimits {
    fn default() -> Self {
        Self {
            degraded_after: Duration::from_secs(1),
            stale_after: Duration::from_secs(60),
            retry: Duration::from_millis(250),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {reason}")]
pub struct ConfigError {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Config {
    /// The defaults for a relay at `public_origin`.
    #[must_use]
    pub fn new(public_origin: Origin) -> Self {
        Self {
            public_origin,
            extra_authorities: Vec::new(),
            environment: "local".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            inject_identity: true,
            legacy_reconnect: false,
            mailbox: MailboxLimits::default(),
            delivery: DeliveryLimits::default(),
            rates: RateLimits::default(),
            feed: FeedLimits::default(),
        }
    }

    /// Takes over what `variable` (the process environment, usually) sets.
    ///
    /// # Errors
    /// [`ConfigError`] names the first variable that cannot be used.
    pub fn with_variables(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        if variable("ALLOW_ALL_VERIFIED").is_some() {
            return Err(ConfigError {
                variable: "ALLOW_ALL_VERIFIED",
                reason: "is not supported: agents talk when they are paired; unset it".to_owned(),
            });
        }
        let read = Variables(&variable);
        read.set("ENVIRONMENT", &mut self.environment, |text| {
            matches!(text, "local" | "development" | "production").then(|| text.to_owned())
        })?;
        read.set("INJECT_IDENTITY_INTO_MESSAGE", &mut self.inject_identity, boolean)?;
        read.set("RELAY_LEGACY_RECONNECT", &mut self.legacy_reconnect, boolean)?;
        let mailbox = &mut self.mailbox;
        read.set(
            "RELAY_QUEUE_MAX_MESSAGES_PER_AGENT",
            &mut mailbox.max_messages,
            positive,
        )?;
        read.set("RELAY_QUEUE_TTL_SECONDS", &mut mailbox.ttl_ms, |t| {
            positive::<i64>(t)?.checked_mul(1000)
        })?;
        let delivery = &mut self.delivery;
        read.set("RELAY_MAX_IN_FLIGHT_DELIVERIES", &mut delivery.max_in_flight, positive)?;
        read.set("RELAY_SESSION_MAX_MESSAGES", &mut delivery.window_messages, positive)?;
        read.set("RELAY_SESSION_MAX_BYTES", &mut delivery.window_bytes, positive)?;
        read.set(
            "RELAY_MAX_PENDING_ENQUEUES",
            &mut delivery.max_pending_enqueues,
            positive,
        )?;
        read.set("RELAY_ACK_TIMEOUT_MS", &mut delivery.ack_timeout, millis)?;
        read.set("RELAY_RETRY_INITIAL_MS", &mut delivery.retry_initial, millis)?;
        read.set("RELAY_RETRY_MAX_MS", &mut delivery.retry_max, millis)?;
        read.set("RELAY_RETRY_MAX_ATTEMPTS", &mut delivery.retry_max_attempts, positive)?;
        read.set("RELAY_RETRY_JITTER_RATIO", &mut delivery.retry_jitter, |text| {
            text.parse().ok().filter(|ratio: &f64| (0.0..=1.0).contains(ratio))
        })?;
        read.set("RELAY_HEARTBEAT_MS", &mut delivery.heartbeat, millis)?;
        read.set("RELAY_HEARTBEAT_TIMEOUT_MS", &mut delivery.heartbeat_timeout, millis)?;
        read.set("RELAY_MAX_FRAME_BYTES", &mut delivery.max_frame_bytes, positive)?;
        let rates = &mut self.rates;
        read.set(
            "AGENT_RATE_LIMIT_REQUESTS_PER_MINUTE",
            &mut rates.agent_requests,
            positive,
        )?;
        read.set("AGENT_RATE_LIMIT_WINDOW_MS", &mut rates.agent_window, millis)?;
        read.set("PUBLIC_RATE_LIMIT_REQUESTS", &mut rates.public_requests, positive)?;
        read.set(
            "PUBLIC_RATE_LIMIT_PAIR_REQUESTS",
            &mut rates.public_pair_requests,
            positive,
        )?;
        read.set(
            "PUBLIC_RATE_LIMIT_RECEIPT_REQUESTS",
            &mut rates.public_receipt_requests,
            positive,
        )?;
        read.set(
            "PUBLIC_RATE_LIMIT_UNKNOWN_REQUESTS",
            &mut rates.public_unknown_requests,
            positive,
        )?;
        read.set("PUBLIC_RATE_LIMIT_WINDOW_MS", &mut rates.public_window, millis)?;
        let feed = &mut self.feed;
        read.set("REVOCATION_FEED_DEGRADED_MS", &mut feed.degraded_after, millis)?;
        read.set("REVOCATION_FEED_STALE_MS", &mut feed.stale_after, millis)?;
        read.set("REVOCATION_FEED_RETRY_MS", &mut feed.retry, millis)?;
        Ok(self)
    }

    /// All authorities that an RFC 9421 signature to this relay may name.
    #[must_use]
    pub fn authorities(&self) -> Vec<String> {
        let mut all = vec![self.public_origin.host_and_port().to_owned()];
        all.extend(self.extra_authorities.iter().cloned());
        all
    }
}

struct Variables<'a, F>(&'a F);

impl<F: Fn(&str) -> Option<String>> Variables<'_, F> {
    fn set<T>(&self, name: &'static str, slot: &mut T, parse: impl Fn(&str) -> Option<T>) -> Result<(), ConfigError> {
        if let Some(text) = (self.0)(name) {
            let text = text.trim();
            *slot = parse(text).ok_or_else(|| ConfigError {
                variable: name,
                reason: format!("cannot be {text:?}; see the reference for its values"),
            })?;
        }
        Ok(())
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn positive<T: std::str::FromStr + PartialOrd + Default>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number| *number > T::default())
}

fn millis(text: &str) -> Option<Duration> {
    positive(text).map(Duration::from_millis)
}
