//! People, their keys and invites.

use chancery_relay_wire::registry::{Role, Status};

use super::{OnMemory, State};
use crate::store::commands::{
    Bootstrap, BootstrapRefusal, CreateApiKey, CreateInvite, Never, NotFound, Redeem, RedeemRefusal, RevokeApiKey,
    SetHumanStatus, TouchApiKey,
};

impl OnMemory for Bootstrap {
    fn on_memory(self, state: &mut State) -> Result<(), BootstrapRefusal> {
        if state.humans.values().any(|human| human.role == Role::Admin) {
            return Err(BootstrapRefusal::AlreadyCompleted);
        }
        state.humans.insert(self.human.did.ulid(), self.human);
        state.api_keys.insert(self.key.id, self.key);
        state.ensure_service(self.service);
        Ok(())
    }
}

impl OnMemory for CreateInvite {
    fn on_memory(self, state: &mut State) -> Result<(), Never> {
        state.invites.insert(self.invite.id, self.invite);
        Ok(())
    }
}

impl OnMemory for Redeem {
    fn on_memory(self, state: &mut State) -> Result<(), RedeemRefusal> {
        let invite = state
            .invites
            .values_mut()
            .find(|invite| invite.code_hash == self.code_hash);
        let invite = invite.ok_or(RedeemRefusal::Unknown)?;
        if invite.redeemed_by.is_some() {
            return Err(RedeemRefusal::AlreadyUsed);
        }
        if invite.expires_at.is_some_and(|at| self.now >= at) {
            return Err(RedeemRefusal::Expired);
        }
        invite.redeemed_by = Some(self.human.did.ulid());
        state.humans.insert(self.human.did.ulid(), self.human);
        state.api_keys.insert(self.key.id, self.key);
        Ok(())
    }
}

impl OnMemory for CreateApiKey {
    fn on_memory(self, state: &mut State) -> Result<(), Never> {
        state.api_keys.insert(self.key.id, self.key);
        Ok(())
    }
}

impl OnMemory for RevokeApiKey {
    fn on_memory(self, state: &mut State) -> Result<(), NotFound> {
        let key = state
            .api_keys
            .get_mut(&self.id)
            .filter(|key| key.human == self.human)
            .ok_or(NotFound)?;
        key.status = Status::Revoked;
        Ok(())
    }
}

impl OnMemory for TouchApiKey {
    fn on_memory(self, state: &mut State) -> Result<(), Never> {
        if let Some(key) = state.api_keys.get_mut(&self.id) {
            key.last_used_at = Some(self.now);
        }
        Ok(())
    }
}

impl OnMemory for SetHumanStatus {
    fn on_memory(self, state: &mut State) -> Result<(), NotFound> {
        let human = state.humans.get_mut(&self.human).ok_or(NotFound)?;
        human.status = self.status;
        human.updated_at = self.now;
        Ok(())
    }
}
