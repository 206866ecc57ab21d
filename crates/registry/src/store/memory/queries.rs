//! Queries.

use std::cmp::Reverse;

use chancery_identity::revocation::Scope;
use chancery_relay_wire::registry::HumanStatus;

use super::{FindInMemory, State};
use crate::store::{
    model::{Agent, ApiKey, Challenge, Human, Revocation, Service},
    queries::{
        AgentById, AgentsOf, ApiKeysByPrefix, ApiKeysOf, ChallengeOf, LastSeq, RevocationsAfter, RevokedTokens,
        ServiceById, Services, SessionOf, SessionView,
    },
};

impl FindInMemory for ApiKeysByPrefix {
    fn find_in_memory(&self, state: &State) -> Vec<(ApiKey, Human)> {
        let keys = state.api_keys.values().filter(|key| key.token.prefix == self.prefix);
        keys.filter_map(|key| Some((key.clone(), state.humans.get(&key.human)?.clone())))
            .collect()
    }
}

impl FindInMemory for ApiKeysOf {
    fn find_in_memory(&self, state: &State) -> Vec<ApiKey> {
        state
            .api_keys
            .values()
            .rev()
            .filter(|key| key.human == self.human)
            .cloned()
            .collect()
    }
}

impl FindInMemory for ChallengeOf {
    fn find_in_memory(&self, state: &State) -> Option<Challenge> {
        state
            .challenges
            .get(&self.id)
            .filter(|challenge| challenge.owner == self.owner)
            .cloned()
    }
}

impl FindInMemory for AgentById {
    fn find_in_memory(&self, state: &State) -> Option<Agent> {
        state.agents.get(&self.id).cloned()
    }
}

impl FindInMemory for AgentsOf {
    fn find_in_memory(&self, state: &State) -> Vec<Agent> {
        let wanted = |agent: &&Agent| {
            agent.owner.ulid() == self.owner
                && self.status.is_none_or(|status| agent.status == status)
                && self
                    .framework
                    .as_deref()
                    .is_none_or(|framework| agent.framework.as_str() == framework)
                && self.cursor.is_none_or(|cursor| agent.did.ulid() < cursor)
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        state
            .agents
            .values()
            .rev()
            .filter(wanted)
            .take(limit)
            .cloned()
            .collect()
    }
}

impl FindInMemory for SessionOf {
    fn find_in_memory(&self, state: &State) -> Option<SessionView> {
        let id = self.agent.ulid();
        let agent = state.agents.get(&id).filter(|agent| agent.did == self.agent)?.clone();
        let owner = state.humans.get(&agent.owner.ulid());
        let owner_active = owner.is_some_and(|owner| owner.status == HumanStatus::Active);
        Some(SessionView {
            agent,
            owner_active,
            session: state.sessions.get(&id).cloned(),
        })
    }
}

impl FindInMemory for ServiceById {
    fn find_in_memory(&self, state: &State) -> Option<Service> {
        state.services.get(&self.id).cloned()
    }
}

impl FindInMemory for Services {
    fn find_in_memory(&self, state: &State) -> Vec<Service> {
        let mut all: Vec<_> = state.services.values().cloned().collect();
        all.sort_by_key(|service| Reverse((service.created_at, service.id.clone())));
        all
    }
}

impl FindInMemory for RevocationsAfter {
    fn find_in_memory(&self, state: &State) -> Vec<Revocation> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let skip = usize::try_from(self.after).unwrap_or(usize::MAX);
        state.revocations.iter().skip(skip).take(limit).cloned().collect()
    }
}

impl FindInMemory for LastSeq {
    fn find_in_memory(&self, state: &State) -> u64 {
        state.last_seq()
    }
}

impl FindInMemory for RevokedTokens {
    fn find_in_memory(&self, state: &State) -> Vec<Revocation> {
        let listed = |entry: &&Revocation| {
            matches!(entry.scope, Scope::Agent | Scope::Token) && entry.token_expires_at > self.expired_before
        };
        state.revocations.iter().rev().filter(listed).cloned().collect()
    }
}
