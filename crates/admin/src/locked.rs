//! While the vault is locked: there is no engine, health and status say so, the daemon can be ended, and nothing else is done.

use std::sync::Arc;

use chancery_base::{Clock, Rng};
use chancery_signet::About;
use chancery_signet_wire::{
    Class, Failure, Json,
    action::Call,
    record::status::{CoreState, DaemonState, NetworkState, Status, Stopping},
};
use tokio::{sync::watch, time::Instant};

use crate::{admin::written, settings::Settings};

/// What the doors are made of while the vault is locked.
pub struct LockedParts {
    /// What the daemon says of itself.
    pub about: About,
    /// What would unlock it, and why it is not here; for its owner.
    pub why: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// What is configured.
    pub settings: Settings,
}

/// The daemon while its vault is locked.
pub(crate) struct Locked {
    about: About,
    why: String,
    started: Instant,
    /// Whether somebody asked for the end; with `true` for at once.
    stop: watch::Sender<Option<bool>>,
}

/// The answer to everything that takes the vault.
pub(crate) fn refusal(locked: &Locked) -> Failure {
    Failure::new(Class::Auth, "The signet is locked").with("reason", locked.why.as_str())
}

impl Locked {
    pub(crate) fn new(about: About, why: String) -> Self {
        Self {
            about,
            why,
            started: Instant::now(),
            stop: watch::Sender::new(None),
        }
    }

    /// Answers what needs no keys.
    pub(crate) fn answer(&self, call: &Call) -> Result<Json, Failure> {
        match call {
            Call::SignetStatus(_) => written(&self.status()),
            Call::SignetStop(input) => {
                self.stop.send_replace(Some(input.force.unwrap_or(false)));
                written(&Stopping { stopped: true })
            }
            _ => Err(refusal(self)),
        }
    }

    fn status(&self) -> Status {
        let mut warnings = vec![self.why.clone()];
        warnings.extend(self.about.warnings.iter().cloned());
        Status {
            state: DaemonState::Locked,
            core_state: CoreState::Uninitialized,
            pid: std::process::id(),
            uptime: self.started.elapsed().as_secs_f64(),
            active_credentials: 0,
            active_connections: 0,
            onboarding_scheme: "convos".to_owned(),
            xmtp_env: self.about.env,
            identity_mode: self.about.identity_mode,
            ws_port: 0,
            version: self.about.version.clone(),
            identity_count: 0,
            network_state: NetworkState::Disconnected,
            connected_inbox_ids: Vec::new(),
            inboxes: None,
            warnings: Some(warnings),
        }
    }

    /// Returns once somebody asked for the end; whether at once.
    pub(crate) async fn stop_requested(&self) -> bool {
        let mut stop = self.stop.subscribe();
        // the sender lives as long as this
        match stop.wait_for(Option::is_some).await {
            Ok(force) => force.unwrap_or(false),
            Err(_) => true,
        }
    }
}
