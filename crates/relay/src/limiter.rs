//! How often an agent or an address may call.

use std::net::IpAddr;

use chancery_base::Millis;
use chancery_identity::AgentDid;
use chancery_serve::RateLimit;

use crate::{config::RateLimits, error::RelayError};

/// Keys that each limit remembers at a time; the oldest is forgotten first. Bounds memory against floods of addresses.
const MAX_KEYS: usize = 100_000;

/// The relay's two limits.
pub(crate) struct Limiter {
    agents: RateLimit,
    addresses: RateLimit,
}

impl Limiter {
    pub(crate) fn new(rates: &RateLimits) -> Self {
        Self {
            agents: RateLimit::fixed_window(rates.agent_requests, rates.agent_window, MAX_KEYS),
            addresses: RateLimit::fixed_window(rates.public_requests, rates.public_window, MAX_KEYS),
        }
    }

    pub(crate) fn agent(&self, agent: &AgentDid, now: Millis) -> Result<(), RelayError> {
        self.agents
            .check(agent.as_str(), now)
            .map_err(|after| RelayError::RateLimit {
                retry_after_secs: after.0,
            })
    }

    pub(crate) fn address(&self, path: &str, address: IpAddr, now: Millis) -> Result<(), RelayError> {
        self.addresses
            .check(&format!("{path} {address}"), now)
            .map_err(|after| RelayError::PublicRateLimit {
                retry_after_secs: after.0,
            })
    }
}
