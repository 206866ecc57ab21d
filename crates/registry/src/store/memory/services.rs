//! Internal services.

use chancery_relay_wire::registry::Status;

use super::{OnMemory, State};
use crate::store::{
    commands::{AlreadyExists, CreateService, EnsureService, Never, RotateRefusal, RotateService, TouchService},
    model::Service,
    rules,
};

impl State {
    /// Inserts `service` unless its id is there. When only its name is taken, its id is made part of the name.
    pub(super) fn ensure_service(&mut self, mut service: Service) {
        if self.services.contains_key(&service.id) {
            return;
        }
        if self
            .services
            .values()
            .any(|old| old.name.eq_ignore_ascii_case(&service.name))
        {
            service.name = rules::distinct_name(&service);
        }
        self.services.insert(service.id.clone(), service);
    }
}

impl OnMemory for EnsureService {
    fn on_memory(self, state: &mut State) -> Result<(), Never> {
        state.ensure_service(self.service);
        Ok(())
    }
}

impl OnMemory for CreateService {
    fn on_memory(self, state: &mut State) -> Result<(), AlreadyExists> {
        let taken = |old: &Service| old.id == self.service.id || old.name.eq_ignore_ascii_case(&self.service.name);
        if state.services.values().any(taken) {
            return Err(AlreadyExists);
        }
        state.services.insert(self.service.id.clone(), self.service);
        Ok(())
    }
}

impl OnMemory for RotateService {
    fn on_memory(self, state: &mut State) -> Result<Service, RotateRefusal> {
        let service = state.services.get_mut(&self.id).ok_or(RotateRefusal::NotFound)?;
        if service.status != Status::Active {
            return Err(RotateRefusal::InvalidState);
        }
        service.secret = self.secret;
        service.rotated_at = Some(self.now);
        service.updated_at = self.now;
        Ok(service.clone())
    }
}

impl OnMemory for TouchService {
    fn on_memory(self, state: &mut State) -> Result<(), Never> {
        if let Some(service) = state.services.get_mut(&self.id) {
            service.last_used_at = Some(self.now);
        }
        Ok(())
    }
}
