//! How often an agent or an address may call.

use chancery_base::Millis;
use chancery_identity::AgentDid;
use chancery_serve::{ClientAddr, RateLimit};

use crate::{config::RateLimits, error::RelayError};

/// Keys that each limit remembers at a time; the oldest is forgotten first. Bounds memory against floods of addresses.
const MAX_KEYS: usize = 100_000;

/// What the requests of an address are counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Public {
    /// Messages and connections, each path by itself.
    Message,
    /// Pairing.
    Pair,
    /// Receipts.
    Receipt,
    /// What is no route.
    Unknown,
}

/// The relay's limits.
pub(crate) struct Limiter {
    agents: RateLimit,
    messages: RateLimit,
    pairing: RateLimit,
    receipts: RateLimit,
    unknown: RateLimit,
}

impl Limiter {
    pub(crate) fn new(rates: &RateLimits) -> Self {
        let public = |requests| RateLimit::fixed_window(requests, rates.public_window, MAX_KEYS);
        Self {
            agents: RateLimit::fixed_window(rates.agent_requests, rates.agent_window, MAX_KEYS),
            messages: public(rates.public_requests),
            pairing: public(rates.public_pair_requests),
            receipts: public(rates.public_receipt_requests),
            unknown: public(rates.public_unknown_requests),
        }
    }

    pub(crate) fn agent(&self, agent: &AgentDid, now: Millis) -> Result<(), RelayError> {
        self.agents
            .check(agent.as_str(), now)
            .map_err(|after| RelayError::RateLimit {
                retry_after_secs: after.0,
            })
    }

    pub(crate) fn address(&self, what: Public, path: &str, client: ClientAddr, now: Millis) -> Result<(), RelayError> {
        let network = client.network();
        let counted = match what {
            Public::Message => self.messages.check(&format!("{path} {network}"), now),
            Public::Pair => self.pairing.check(&network.to_string(), now),
            Public::Receipt => self.receipts.check(&network.to_string(), now),
            Public::Unknown => self.unknown.check(&network.to_string(), now),
        };
        counted.map_err(|after| RelayError::PublicRateLimit {
            retry_after_secs: after.0,
        })
    }
}
