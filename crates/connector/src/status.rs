//! What `GET /v1/status` says: numbers where the original has them, and more beside.

use chancery_base::Millis;
use chancery_identity::AgentDid;
use serde::Serialize;

use crate::{core::Core, error::ConnectorError};

/// What the tasks note down as they go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauges {
    pub connected: bool,
    pub negotiated: bool,
    pub connect_attempts: u64,
    pub sessions: u64,
    pub connected_at: Option<Millis>,
    pub last_error: Option<String>,
    pub last_error_code: Option<String>,
    pub heartbeats_sent: u64,
    pub heartbeat_timeouts: u64,
    pub refreshes: u64,
    pub credential_error: Option<String>,
    /// Who says that the agent was revoked, and how.
    pub revoked: Option<String>,
    pub frames_ignored: u64,
    pub inbound_refused: u64,
    pub inbound_repeats: u64,
    pub receipts_refused: u64,
    pub hook_at: Option<Millis>,
    pub hook_ok_at: Option<Millis>,
    pub hook_error: Option<String>,
    pub deliveries: u64,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `ok`: the connector answers. `revoked`: relay or registry say that the agent was, and nothing of it is sent any more.
    pub status: &'static str,
    /// The agent.
    pub agent_did: AgentDid,
    /// The connection to the relay.
    pub websocket: WebSocket,
    /// Messages to the relay.
    pub outbound: OutboundStatus,
    /// Messages to the agent.
    pub inbound: InboundStatus,
    /// More about `inbound`.
    pub inbound_detail: InboundDetail,
    /// More about `outbound`.
    pub outbound_detail: OutboundDetail,
    /// The agent's platform.
    pub openclaw_gateway: Gateway,
    /// The agent's webhook.
    pub openclaw_hook: Hook,
}

/// The connection to the relay.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebSocket {
    /// Whether it is there now.
    pub connected: bool,
    /// The original's numbers.
    pub metrics: WebSocketMetrics,
    /// Whether the relay agreed to signed messages and receipts.
    pub negotiated: bool,
    /// How long it has been there.
    pub uptime_ms: i64,
    /// When it last came about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_connected_at: Option<String>,
    /// Why it last failed or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The code of that, when the relay gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_code: Option<String>,
    /// How often the session tokens were refreshed.
    pub credential_refreshes: u64,
    /// Why they could not be refreshed the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_error: Option<String>,
}

/// The original's numbers, in its spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebSocketMetrics {
    /// Whether the connection is there now.
    pub connected: bool,
    /// Attempts to connect, the first one too.
    pub reconnect_attempts: u64,
    /// Heartbeats sent.
    pub heartbeat_sent: u64,
    /// Heartbeats that nobody answered in time.
    pub heartbeat_ack_timeouts: u64,
}

/// Messages to the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboundStatus {
    /// The outbox.
    pub queue: OutboundQueue,
}

/// The outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboundQueue {
    /// Messages that wait for the relay.
    pub pending_count: u64,
}

/// Messages to the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundStatus {
    /// Messages that wait for their delivery, or are being delivered.
    pub pending: u64,
    /// Messages that were given up.
    pub dead_letter: u64,
    /// Messages that the owner must decide about.
    pub held: u64,
    /// The agent's webhook.
    pub openclaw_hook: Hook,
}

/// More about the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundDetail {
    /// Messages that wait.
    pub pending_count: u64,
    /// Bytes of their payloads.
    pub pending_bytes: u64,
    /// When the oldest of them came.
    pub oldest_pending_at: Option<String>,
    /// Messages being delivered now.
    pub attempting_count: u64,
    /// Messages whose delivery a crash left uncertain, held for the owner.
    pub held_count: u64,
    /// Messages given up.
    pub dead_letter_count: u64,
    /// Bytes of their payloads.
    pub dead_letter_bytes: u64,
    /// When the oldest of them was given up.
    pub oldest_dead_letter_at: Option<String>,
    /// Milliseconds until the next attempt.
    pub next_attempt_in_ms: Option<u64>,
    /// Messages handed to the agent since the start.
    pub delivered_count: u64,
    /// Repeats that were recognised since the start.
    pub repeat_count: u64,
    /// Messages refused since the start: bad signatures, full inbox.
    pub refused_count: u64,
}

/// More about the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboundDetail {
    /// Messages that wait for the relay.
    pub pending_count: u64,
    /// Age of the oldest of them.
    pub oldest_age_ms: Option<i64>,
    /// Messages that the relay refused for good, or that nobody took in time.
    pub dead_letter_count: u64,
    /// Milliseconds until the next attempt.
    pub next_retry_in_ms: Option<u64>,
    /// Receipts that wait for the relay.
    pub receipt_count: u64,
    /// Receipts refused since the start because of their signature.
    pub receipts_refused_count: u64,
}

/// The agent's platform, as the deliveries show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// Where deliveries go.
    pub url: Option<String>,
    /// Whether the last delivery reached it; unknown before the first one.
    pub reachable: Option<bool>,
    /// When a delivery last worked.
    pub last_success_at: Option<String>,
    /// How the last delivery failed.
    pub last_failure_reason: Option<String>,
}

/// The agent's webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    /// Where it is.
    pub url: Option<String>,
    /// When it was last tried.
    pub last_attempt_at: Option<String>,
    /// `ok` or `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempt_status: Option<&'static str>,
}

/// Collects the report.
pub(crate) async fn report(core: &Core) -> Result<Status, ConnectorError> {
    let counts = core.store.counts().await?;
    let gauges = core.gauges().clone();
    let now = core.now();
    let url = core.ports.deliver.target();
    let in_ms = |due: tokio::time::Instant| {
        let wait = due.saturating_duration_since(tokio::time::Instant::now());
        u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
    };
    let time = |at: Option<Millis>| at.map(Millis::to_rfc3339);
    let hook_ok = gauges.hook_at.map(|_| gauges.hook_error.is_none());
    let hook = Hook {
        url: url.clone(),
        last_attempt_at: time(gauges.hook_at),
        last_attempt_status: hook_ok.map(|ok| if ok { "ok" } else { "failed" }),
    };
    Ok(Status {
        status: if gauges.revoked.is_some() { "revoked" } else { "ok" },
        agent_did: core.config.agent.clone(),
        websocket: WebSocket {
            connected: gauges.connected,
            metrics: WebSocketMetrics {
                connected: gauges.connected,
                reconnect_attempts: gauges.connect_attempts,
                heartbeat_sent: gauges.heartbeats_sent,
                heartbeat_ack_timeouts: gauges.heartbeat_timeouts,
            },
            negotiated: gauges.negotiated,
            uptime_ms: gauges
                .connected_at
                .filter(|_| gauges.connected)
                .map_or(0, |at| now.since(at).max(0)),
            last_connected_at: time(gauges.connected_at),
            last_error: gauges.last_error,
            last_error_code: gauges.last_error_code,
            credential_refreshes: gauges.refreshes,
            credential_error: gauges.credential_error,
        },
        outbound: OutboundStatus {
            queue: OutboundQueue {
                pending_count: counts.outbound_queued,
            },
        },
        inbound: InboundStatus {
            pending: counts.pending + counts.attempting,
            dead_letter: counts.dead,
            held: counts.held,
            openclaw_hook: hook.clone(),
        },
        inbound_detail: InboundDetail {
            pending_count: counts.pending,
            pending_bytes: counts.pending_bytes,
            oldest_pending_at: time(counts.oldest_pending),
            attempting_count: counts.attempting,
            held_count: counts.held,
            dead_letter_count: counts.dead,
            dead_letter_bytes: counts.dead_bytes,
            oldest_dead_letter_at: time(counts.oldest_dead),
            next_attempt_in_ms: core.deliveries.next_due().map(in_ms),
            delivered_count: gauges.deliveries,
            repeat_count: gauges.inbound_repeats,
            refused_count: gauges.inbound_refused,
        },
        outbound_detail: OutboundDetail {
            pending_count: counts.outbound_queued,
            oldest_age_ms: counts.outbound_oldest.map(|at| now.since(at).max(0)),
            dead_letter_count: counts.outbound_dead,
            next_retry_in_ms: core.outbox.next_due().map(in_ms),
            receipt_count: counts.receipts,
            receipts_refused_count: gauges.receipts_refused,
        },
        openclaw_gateway: Gateway {
            url,
            reachable: hook_ok,
            last_success_at: time(gauges.hook_ok_at),
            last_failure_reason: gauges.hook_error,
        },
        openclaw_hook: hook,
    })
}
