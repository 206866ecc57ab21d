//! Challenges and agents.

use chancery_identity::revocation::Scope;
use chancery_relay_wire::registry::Status;

use super::{OnMemory, State};
use crate::store::{
    commands::{
        ChallengeRefusal, CreateAgent, CreateAgentRefusal, CreateChallenge, NotFound, Reissue, ReissueRefusal,
        RevokeAgent, Seq,
    },
    model::{AuthEventKind, reason},
    rules,
};

impl OnMemory for CreateChallenge {
    fn on_memory(self, state: &mut State) -> Result<(), ChallengeRefusal> {
        let new = self.challenge;
        let open = |c: &&crate::store::model::Challenge| {
            c.owner == new.owner && c.used_at.is_none() && c.expires_at > new.created_at
        };
        if state.challenges.values().filter(open).count() >= rules::MAX_OPEN_CHALLENGES {
            return Err(ChallengeRefusal::TooMany);
        }
        state
            .challenges
            .retain(|_, old| old.owner != new.owner || old.expires_at >= self.forget_before);
        state.challenges.insert(new.id, new);
        Ok(())
    }
}

impl OnMemory for CreateAgent {
    fn on_memory(self, state: &mut State) -> Result<(), CreateAgentRefusal> {
        let owner = self.agent.owner.ulid();
        let challenge = state
            .challenges
            .get(&self.challenge)
            .filter(|challenge| challenge.owner == owner);
        let challenge = challenge.ok_or(CreateAgentRefusal::ChallengeNotFound)?;
        if challenge.used_at.is_some() {
            return Err(CreateAgentRefusal::ChallengeReplayed);
        }
        if self.now >= challenge.expires_at {
            return Err(CreateAgentRefusal::ChallengeExpired);
        }
        let mut active = state.agents.values().filter(|agent| agent.status == Status::Active);
        if active
            .clone()
            .any(|agent| agent.owner.ulid() == owner && agent.name == self.agent.name)
        {
            return Err(CreateAgentRefusal::NameTaken);
        }
        if active.any(|agent| agent.public_key == self.agent.public_key) {
            return Err(CreateAgentRefusal::KeyTaken);
        }
        if let Some(challenge) = state.challenges.get_mut(&self.challenge) {
            challenge.used_at = Some(self.now);
        }
        state.note(&self.session, AuthEventKind::Issued, None, self.now);
        state.sessions.insert(self.session.agent, self.session);
        state.agents.insert(self.agent.did.ulid(), self.agent);
        Ok(())
    }
}

impl OnMemory for RevokeAgent {
    fn on_memory(self, state: &mut State) -> Result<Seq, NotFound> {
        let agent = state.owned(self.owner, self.id).ok_or(NotFound)?.clone();
        if agent.status == Status::Revoked {
            return Ok(None);
        }
        let seq = state.revoke(&agent, Scope::Agent, None, self.now);
        if let Some(agent) = state.agents.get_mut(&self.id) {
            agent.status = Status::Revoked;
            agent.updated_at = self.now;
        }
        state.end_session(self.id, reason::AGENT_REVOKED, self.now);
        Ok(Some(seq))
    }
}

impl OnMemory for Reissue {
    fn on_memory(self, state: &mut State) -> Result<u64, ReissueRefusal> {
        let agent = state
            .owned(self.owner, self.id)
            .ok_or(ReissueRefusal::NotFound)?
            .clone();
        if agent.status == Status::Revoked || agent.current_jti != self.expected_jti {
            return Err(ReissueRefusal::InvalidState);
        }
        let seq = state.revoke(&agent, Scope::Token, Some(reason::REISSUED), self.now);
        if let Some(agent) = state.agents.get_mut(&self.id) {
            agent.current_jti = self.jti;
            agent.expires_at = self.expires_at;
            agent.updated_at = self.now;
        }
        Ok(seq)
    }
}
