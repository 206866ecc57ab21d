//! Starting and ending.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use chancery_audit::{Chain, Outcome};
use chancery_base::{Clock, Millis, Rng};
use chancery_signet_wire::{BearerToken, CredentialId, Failure, frame::Auth};
use chancery_store::StoreError;
use serde_json::json;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    about::About,
    clients::Clients,
    core::{Core, Note, Tasks},
    keys::Keys,
    network::Network,
    principal::Principal,
    records::{Records, credentials::end::Renew},
    seals::Seals,
    session::{AuthRefused, HarnessLogin, HarnessSession, PeerUid},
    settings::CredentialSettings,
    store::{Problem, Store},
    stream::watch::Watch,
    traffic::{Traffic, TrafficSettings},
};

/// What a signet is made of.
pub struct Parts {
    /// Its database, `signet.db`. One process at a time.
    pub database: PathBuf,
    /// The way to the chats.
    pub network: Arc<dyn Network>,
    /// Whoever keeps the keys of inboxes.
    pub keys: Arc<dyn Keys>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// How audit records are chained; with whose checkpoints.
    pub chain: Chain,
    /// What is configured of credentials.
    pub credentials: CredentialSettings,
    /// What it says of itself.
    pub about: About,
    /// Whoever issues seals.
    pub seals: Arc<dyn Seals>,
    /// What is configured of streams and sends.
    pub traffic: TrafficSettings,
}

/// A running signet. Clones share it.
#[derive(Clone)]
pub struct Signet {
    pub(crate) core: Arc<Core>,
}

/// Why a signet does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its database cannot be opened; [`StoreError::Locked`] when another process runs on it.
    #[error(transparent)]
    Store(StoreError),
    /// Its database was opened and cannot be used.
    #[error("the database cannot be used: {0}")]
    Database(String),
}

impl From<Problem> for StartError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Store(error) => Self::Store(error),
            problem => Self::Database(problem.to_string()),
        }
    }
}

impl Signet {
    /// Opens the database, for which it blocks on the disk, and begins. That inboxes cannot be opened is no error: that goes
    /// on beside it.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let (clock, rng) = (Arc::clone(&parts.clock), Arc::clone(&parts.rng));
        let store = Store::open(&parts.database, parts.chain, parts.clock, parts.rng)?;
        store.run(note("daemon.start")).await?;
        let records = Records {
            store: store.clone(),
            settings: Arc::new(parts.credentials),
        };
        let core = Arc::new(Core {
            traffic: Traffic::start(records.clone(), parts.seals, Arc::clone(&clock), parts.traffic),
            records,
            store,
            network: parts.network,
            keys: parts.keys,
            clock,
            rng,
            clients: Clients::default(),
            about: parts.about,
            started: Instant::now(),
            ws_port: AtomicU16::new(0),
            deadlines: Notify::new(),
            stop: watch::Sender::new(None),
            tasks: Tasks::default(),
        });
        core.open_all()
            .await
            .map_err(|failure| StartError::Database(failure.message))?;
        core.traffic.take_up().await?;
        core.tasks.spawn(Arc::clone(&core).watch_deadlines());
        Ok(Self { core })
    }

    /// Lets a harness in.
    ///
    /// # Errors
    /// [`AuthRefused`], with what the connection closes.
    pub async fn authenticate(&self, login: HarnessLogin) -> Result<HarnessSession, AuthRefused> {
        self.core.traffic.authenticate(login).await
    }

    /// The credential whose token a harness shows with a request of its own, where there is no connection to be let in on. One
    /// that is bound to a key is not recognised so: nothing proves the key.
    ///
    /// # Errors
    /// [`AuthRefused`].
    pub async fn recognise(&self, token: &BearerToken, uid: Option<u32>) -> Result<CredentialId, AuthRefused> {
        let login = HarnessLogin {
            auth: Auth {
                token: token.clone(),
                last_seen_seq: None,
                last_seen_epoch: None,
                proof: None,
            },
            nonce: None,
            uid: PeerUid::new(move || uid),
        };
        self.core.traffic.recognise(&login).await
    }

    /// Watches the events of all credentials, for whoever administers them, from now on.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.core.traffic.watch()
    }

    /// Tells all harnesses that the signet ends: their connections close once they were told. They come back when it does,
    /// with the number of the last event they have.
    pub fn say_farewell(&self) {
        self.core.traffic.say_farewell();
    }

    /// Ends: lets go of harnesses and inboxes, writes what is queued and lets go of the database. Further calls are refused.
    pub async fn shutdown(&self) {
        self.say_farewell();
        self.core.tasks.stop().await;
        self.core.traffic.stop().await;
        if let Err(error) = self.core.store.run(note("daemon.stop")).await {
            tracing::error!(%error, "the end was not recorded");
        }
        self.core.clients.close();
        self.core.store.close().await;
    }

    /// Says on which port harnesses are served.
    pub fn serving(&self, ws_port: u16) {
        self.core.ws_port.store(ws_port, Ordering::Relaxed);
    }

    /// Returns once somebody asked for the end by `signet.stop`; whether at once.
    pub async fn stop_requested(&self) -> bool {
        let mut stop = self.core.stop.subscribe();
        // the sender lives in the core
        match stop.wait_for(Option::is_some).await {
            Ok(force) => force.unwrap_or(false),
            Err(_) => true,
        }
    }

    /// Lets a credential that is about to end go on for as long as it was issued for, from now; until when.
    ///
    /// # Errors
    /// `auth` when it is not in force, or has more time left than the renewal window.
    pub async fn renew(&self, credential: CredentialId) -> Result<Millis, Failure> {
        self.core.records.apply(Principal::Credential(credential), Renew).await
    }
}

/// That the signet began or ended.
fn note(kind: &'static str) -> Note {
    Note {
        kind,
        outcome: Outcome::Done,
        actor: "system".to_owned(),
        subject: String::new(),
        detail: json!({}),
    }
}

impl fmt::Debug for Signet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signet(..)")
    }
}
