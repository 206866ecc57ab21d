//! What everything in the engine shares, and how an effect outside the database is recorded.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
};

use chancery_audit::Outcome;
use chancery_base::{Clock, Rng};
use chancery_signet_wire::Failure;
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use crate::{
    about::About,
    clients::Clients,
    keys::Keys,
    network::Network,
    principal::Principal,
    records::Records,
    store::{Problem, Step, Store, Tx},
    traffic::Traffic,
};

/// What everything in the engine shares.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) records: Records,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) clients: Clients,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) about: About,
    pub(crate) started: Instant,
    pub(crate) ws_port: AtomicU16,
    /// Wakes the task that ends credentials: one may end sooner than it thought.
    pub(crate) deadlines: Notify,
    /// Whether somebody asked for the end; with `true` for at once.
    pub(crate) stop: watch::Sender<Option<bool>>,
    pub(crate) tasks: Tasks,
}

/// Tasks that end with the signet.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    fn set(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut tasks = self.set();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task)
    }

    /// Ends all.
    pub(crate) async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.set());
        tasks.shutdown().await;
    }
}

impl Core {
    /// Does something outside the database for `who`: recorded before as allowed, so that it is known of should this process
    /// not live to tell, and after as done or failed.
    pub(crate) async fn effect<T>(
        &self,
        who: Principal,
        (kind, subject): (&'static str, &str),
        effect: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let note = |outcome, detail| Note {
            kind,
            outcome,
            actor: who.to_string(),
            subject: subject.to_owned(),
            detail,
        };
        self.store.run(note(Outcome::Allowed, json!({}))).await?;
        let result = effect.await;
        let after = match &result {
            Ok(_) => note(Outcome::Done, json!({})),
            Err(failure) => note(Outcome::Failed, json!({"category": failure.kind().as_str()})),
        };
        self.store.run(after).await?;
        result
    }

    /// Records that `who` was refused.
    pub(crate) async fn denied(&self, who: Principal, kind: &'static str, failure: &Failure) {
        let note = Note {
            kind,
            outcome: Outcome::Denied,
            actor: who.to_string(),
            subject: String::new(),
            detail: json!({"category": failure.kind().as_str()}),
        };
        if let Err(error) = self.store.run(note).await {
            tracing::error!(%error, "a refusal was not recorded");
        }
    }

    /// The port of the WebSocket; 0 until there is one.
    pub(crate) fn ws_port(&self) -> u16 {
        self.ws_port.load(Ordering::Relaxed)
    }
}

/// Records something that is no change of records.
pub(crate) struct Note {
    pub(crate) kind: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) actor: String,
    pub(crate) subject: String,
    pub(crate) detail: Value,
}

impl Step for Note {
    type Done = ();

    fn run(self, tx: &Tx<'_>) -> Result<(), Problem> {
        tx.note(self.kind, self.outcome, (&self.actor, &self.subject), self.detail)
    }
}
