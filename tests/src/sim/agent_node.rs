//! An agent's machine: its connector runs, crashes, and runs again on what it had written down.

use std::{sync::Arc, time::Duration};

use chancery_base::Ulid;
use chancery_connector::{Connector, ConnectorConfig, OutboundRequest, Ports, SendError, Store};
use serde_json::value::RawValue;

use super::{
    dial::{Caller, Way},
    identity::Identity,
    ledger::Key,
    lie::Lie,
    plan::AgentPlan,
    rng::{Dice, Stream},
    stage::Stage,
    tokens::{Keys, NoNames},
    webhook::Webhook,
};

pub(super) struct AgentNode {
    pub(super) index: usize,
    pub(super) caller: Arc<Caller>,
    pub(super) hook: Webhook,
    pub(super) connector: Option<Connector>,
    /// What it handed in: id, recipient, lane, payload.
    pub(super) sent: Vec<Sent>,
    stage: Arc<Stage>,
    store: Store,
    config: ConnectorConfig,
    ports: Ports,
    rng: Arc<Dice>,
}

#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) id: Ulid,
    pub(super) to: usize,
    pub(super) lane: Option<String>,
    pub(super) payload: String,
}

impl AgentNode {
    pub(super) fn new(stage: Arc<Stage>, identity: &Identity, caller: Arc<Caller>, plan: &AgentPlan) -> Self {
        let index = caller.agent;
        let hook = Webhook::new(index, Arc::clone(&stage), stage.dice(Stream::Webhook(index)), plan.hook);
        let mut config = ConnectorConfig::new(identity.did.clone(), identity.key.clone());
        config.limits.inbox_messages = plan.inbox;
        // hours of waiting show nothing more
        config.timing.retry_max = Duration::from_secs(8);
        config.timing.refused_retry = Duration::from_secs(20);
        config.timing.delivery_ceiling = Duration::from_secs(20);
        let ports = Ports {
            dial: Arc::new(Way(Arc::clone(&caller))),
            credentials: caller.session.clone(),
            deliver: Arc::new(hook.clone()),
            peer_keys: Arc::new(Keys(Arc::clone(&caller.registry))),
            peers: Arc::new(NoNames),
        };
        Self {
            index,
            rng: Arc::new(stage.dice(Stream::Connector(index))),
            caller,
            hook,
            connector: None,
            sent: Vec::new(),
            stage,
            store: Store::memory(),
            config,
            ports,
        }
    }

    pub(super) fn start(&mut self) {
        if self.connector.is_none() {
            self.stage
                .trace
                .note(format_args!("agent {}: connector starts", self.index));
            let clock = Arc::new(self.stage.clock(self.caller.skew));
            self.connector = Some(Connector::start(
                self.config.clone(),
                self.ports.clone(),
                self.store.clone(),
                clock,
                self.rng.clone(),
            ));
        }
    }

    /// Ends as by `kill -9`.
    pub(super) fn crash(&mut self) {
        if self.connector.take().is_some() {
            self.stage
                .trace
                .note(format_args!("agent {}: connector crashes", self.index));
            if self.stage.lies(Lie::ConnectorForgets) {
                self.store = Store::memory();
            }
        }
    }

    fn request(&self, sent: &Sent) -> OutboundRequest {
        let to = self.caller.registry.agents[sent.to].did.clone();
        let payload = RawValue::from_string(sent.payload.clone()).expect("JSON");
        OutboundRequest {
            conversation_id: sent.lane.clone(),
            message_id: Some(sent.id),
            ..OutboundRequest::new(to, payload)
        }
    }

    /// Hands in a new message; when `waits` is false the answer is not heard.
    pub(super) async fn send(&mut self, sent: Sent, waits: bool) {
        let Some(connector) = &self.connector else { return };
        let key: Key = (self.index, sent.id.to_string());
        let request = self.request(&sent);
        let ledger = &self.stage.ledger;
        ledger.sends(key.clone(), sent.to, sent.lane.clone(), sent.payload.clone(), true);
        self.stage
            .trace
            .note(format_args!("agent {} sends {} to {}", self.index, sent.id, sent.to));
        let patience = if waits { Duration::from_secs(5) } else { Duration::ZERO };
        match tokio::time::timeout(patience, connector.send(request)).await {
            Ok(Ok(_)) => ledger.acknowledged(&key),
            Ok(Err(_)) => return ledger.refused(&key),
            // it may be taken, and nobody was told
            Err(_) => {}
        }
        self.sent.push(sent);
    }

    /// Hands in an earlier message once more: the answer must be the same.
    pub(super) async fn again(&self, sent: &Sent) {
        let Some(connector) = &self.connector else { return };
        match connector.send(self.request(sent)).await {
            Ok(_) => self.stage.ledger.acknowledged(&(self.index, sent.id.to_string())),
            Err(SendError::Stopping | SendError::Revoked(_)) => {}
            Err(error) => {
                let what = format!("agent {}: {} again: {error}", self.index, sent.id);
                self.stage.ledger.complain(super::violation::Kind::Inconsistent, what);
            }
        }
    }

    /// Hands in another message under an id that was used: it must be refused.
    pub(super) async fn conflict(&self, sent: &Sent) {
        let Some(connector) = &self.connector else { return };
        let other = Sent {
            payload: "{\"message\":\"another one\"}".to_owned(),
            ..sent.clone()
        };
        if !matches!(
            connector.send(self.request(&other)).await,
            Err(SendError::IdConflict | SendError::Stopping | SendError::Revoked(_))
        ) {
            let what = format!("agent {}: {} stood for two messages", self.index, sent.id);
            self.stage.ledger.complain(super::violation::Kind::Inconsistent, what);
        }
    }
}
