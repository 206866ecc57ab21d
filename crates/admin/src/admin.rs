//! What both doors share: the engine or the lock, the keys, and how an action is done.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use chancery_base::{Clock, Millis, Rng};
use chancery_custody::Custody;
use chancery_serve::RateLimit;
use chancery_signet::{Principal, Signet};
use chancery_signet_wire::{
    Class, Failure, Json,
    action::{Call, Registry, RegistryError, table},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    keyring::Keyring,
    locked::{Locked, LockedParts},
    settings::{AUTH_ADDRESSES, AUTH_WINDOW, Settings},
};

/// What the doors of a signet are made of.
pub struct Parts {
    /// The engine.
    pub signet: Signet,
    /// The keys. They are locked for the time of one question only.
    pub custody: Arc<Mutex<Custody>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// What is configured.
    pub settings: Settings,
}

/// The doors of a signet for those who administer it. Clones share it.
#[derive(Clone)]
pub struct Admin(Arc<Shared>);

struct Shared {
    state: State,
    actions: Registry,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    settings: Settings,
    /// Proofs that were none, over HTTP, by address.
    failures: RateLimit,
}

enum State {
    Open(Open),
    Locked(Locked),
}

/// The signet while it can do things.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) signet: Signet,
    pub(crate) keyring: Keyring,
}

impl Admin {
    /// The doors of a signet whose vault is open.
    ///
    /// # Errors
    /// [`RegistryError`] when the table of actions contradicts itself.
    pub fn new(parts: Parts) -> Result<Self, RegistryError> {
        let open = Open {
            signet: parts.signet,
            keyring: Keyring::new(parts.custody),
        };
        Self::of(State::Open(open), parts.clock, parts.rng, parts.settings)
    }

    /// The doors while the vault is locked.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn locked(parts: LockedParts) -> Result<Self, RegistryError> {
        let locked = Locked::new(parts.about, parts.why);
        Self::of(State::Locked(locked), parts.clock, parts.rng, parts.settings)
    }

    fn of(state: State, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, settings: Settings) -> Result<Self, RegistryError> {
        Ok(Self(Arc::new(Shared {
            state,
            actions: Registry::new(table().iter().copied())?,
            clock,
            rng,
            failures: RateLimit::fixed_window(settings.auth_failures_per_minute, AUTH_WINDOW, AUTH_ADDRESSES),
            settings,
        })))
    }

    /// Returns once somebody asked for the end by `signet.stop`; whether at once.
    pub async fn stop_requested(&self) -> bool {
        match &self.0.state {
            State::Open(open) => open.signet.stop_requested().await,
            State::Locked(locked) => locked.stop_requested().await,
        }
    }

    pub(crate) fn actions(&self) -> &Registry {
        &self.0.actions
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn now(&self) -> Millis {
        self.0.clock.now()
    }

    pub(crate) fn rng(&self) -> &Arc<dyn Rng> {
        &self.0.rng
    }

    pub(crate) fn failures(&self) -> &RateLimit {
        &self.0.failures
    }

    /// The signet, if its vault is open.
    pub(crate) fn open(&self) -> Result<&Open, &Locked> {
        match &self.0.state {
            State::Open(open) => Ok(open),
            State::Locked(locked) => Err(locked),
        }
    }

    /// Does what `call` says for `who`, and waits for it as long as an action may take. What takes longer goes on, and whoever
    /// asked is told that nobody knows; a defect in it ends nothing else.
    ///
    /// # Errors
    /// [`Failure`] of the action; `timeout`; `internal`.
    pub(crate) async fn perform(&self, who: Principal, call: Call) -> Result<Json, Failure> {
        let open = match self.open() {
            Ok(open) => open,
            Err(locked) => return locked.answer(&call),
        };
        if let (Principal::Owner | Principal::Admin, Call::AdminToken(input)) = (who, &call) {
            let issued = open.keyring.mint(input, &self.0.clock, &self.0.rng).await?;
            tracing::info!(by = %who, until = %issued.expires_at, "a token was made for an admin");
            return written(&issued);
        }
        let (signet, id) = (open.signet.clone(), call.id());
        let task = tokio::spawn(async move { signet.dispatch(who, call).await });
        match tokio::time::timeout(self.settings().request_timeout, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::error!(action = id, %error, "an action broke off");
                Err(Failure::new(Class::Internal, "The action broke off"))
            }
            Err(_) => Err(Failure::new(
                Class::Timeout,
                "The action takes too long; it may still be done",
            )),
        }
    }

    /// What an action that only looks answers an admin.
    ///
    /// # Errors
    /// As [`perform`](Self::perform).
    pub(crate) async fn look<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        let answer = self.perform(Principal::Admin, call).await?;
        answer.read().map_err(|error| {
            tracing::error!(%error, "an answer of our own is not understood");
            Failure::new(Class::Internal, "the answer is not understood")
        })
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

/// An answer of ours, as it is sent.
pub(crate) fn written<T: Serialize>(answer: &T) -> Result<Json, Failure> {
    Json::of(answer).map_err(|error| {
        tracing::error!(%error, "an answer has no form in JSON");
        Failure::new(Class::Internal, "the answer could not be written")
    })
}
