//! Who is connected, and the one way in for messages.

mod accept;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use chancery_base::{Clock, Millis, Rng, Ulid};
use chancery_identity::AgentDid;
use tokio::sync::{mpsc, oneshot};

use crate::{
    config::Config,
    error::RelayError,
    limiter::Limiter,
    session::{CloseReason, Out, Session},
    store::{Connect, MarkPeer, NonceUse, ReceiptRow, Refusal, RemovePair, SenderAit, Store},
};

pub(crate) use accept::Arrival;

/// Everything that sessions and routes share.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    store: Store,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    limiter: Limiter,
    sessions: Mutex<HashMap<AgentDid, Arc<Session>>>,
    /// The revocation feed has been silent for too long: nothing is accepted and nothing delivered.
    paused: AtomicBool,
    stopping: AtomicBool,
}

/// A connection that was admitted and has yet to be served. Dropped unserved, it gives its place back.
pub struct Admitted {
    pub(crate) place: Place,
    /// What its session sends.
    pub(crate) out: mpsc::UnboundedReceiver<Vec<Out>>,
}

/// A session's place among the connected. Given back when this is dropped: when the session has been served, and also when
/// whoever was to serve it went away before, or in the middle of it.
pub(crate) struct Place {
    hub: Hub,
    pub(crate) session: Arc<Session>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.session.detach();
        self.hub.forget(&self.session);
    }
}

impl Hub {
    pub(crate) fn new(config: Arc<Config>, store: Store, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self(Arc::new(Inner {
            limiter: Limiter::new(&config.rates),
            config,
            store,
            clock,
            rng,
            sessions: Mutex::default(),
            paused: AtomicBool::new(true),
            stopping: AtomicBool::new(false),
        }))
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<AgentDid, Arc<Session>>> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live session of `agent`.
    #[must_use]
    pub fn session(&self, agent: &AgentDid) -> Option<Arc<Session>> {
        self.sessions().get(agent).cloned()
    }

    /// How many agents are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.sessions().len()
    }

    /// Whether deliveries pause and new messages are refused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.paused.load(Ordering::Acquire)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        if self.0.paused.swap(paused, Ordering::AcqRel) && !paused {
            for session in self.all() {
                session.nudge(self);
            }
        }
    }

    fn all(&self) -> Vec<Arc<Session>> {
        self.sessions().values().cloned().collect()
    }

    /// Admits a connector that has proved itself: spends its nonce, gives its mailbox a new epoch, and replaces its earlier
    /// session.
    ///
    /// # Errors
    /// [`RelayError::Replay`], [`RelayError::Revoked`], or the store's failure.
    pub async fn connect(
        &self,
        agent: AgentDid,
        ait: Arc<SenderAit>,
        expires: Millis,
        negotiated: bool,
        nonce: NonceUse,
    ) -> Result<Admitted, RelayError> {
        let inner = &self.0;
        let allow_reuse = inner.config.legacy_reconnect && self.session(&agent).is_none();
        let jti = ait.jti;
        let step = Connect {
            agent: agent.clone(),
            ait,
            nonce,
            allow_reuse,
        };
        let hub = self.clone();
        let (tx, rx) = oneshot::channel();
        inner.store.submit(step, move |outcome| {
            // in the store's order: a message that is committed after this connect finds the session
            let admitted = outcome.map(|connected| {
                let inner = &hub.0;
                let (session, out) = Session::new(
                    agent,
                    jti,
                    connected.epoch,
                    negotiated,
                    expires,
                    connected.depth > 0,
                    Arc::clone(&inner.config),
                    inner.store.clone(),
                    Arc::clone(&inner.clock),
                    Arc::clone(&inner.rng),
                );
                let earlier = hub.sessions().insert(session.agent.clone(), Arc::clone(&session));
                if let Some(earlier) = earlier {
                    earlier.close(CloseReason::Superseded);
                    // before anything can be claimed for the new epoch
                    earlier.detach();
                }
                if inner.stopping.load(Ordering::Acquire) {
                    session.close(CloseReason::Shutdown);
                }
                let place = Place {
                    hub: hub.clone(),
                    session,
                };
                Admitted { place, out }
            });
            // when the caller has gone, nobody will serve this session, and it gives its place back
            let _ = tx.send(admitted);
        });
        let admitted = rx
            .await
            .unwrap_or(Err(Refusal::Store(chancery_store::StoreError::Closed)))?;
        Ok(admitted)
    }

    /// Takes a session off the list, unless another has its place.
    fn forget(&self, session: &Session) {
        let mut sessions = self.sessions();
        if sessions
            .get(&session.agent)
            .is_some_and(|listed| listed.epoch == session.epoch)
        {
            sessions.remove(&session.agent);
        }
    }

    /// Blocks or mutes a peer, or takes it back. A connected owner of the mailbox gets nothing more of a peer that it has
    /// muted, and first what waits of one that it has no longer.
    pub(crate) async fn mark(&self, step: MarkPeer) -> Result<(), Refusal> {
        let session = self.session(&step.agent);
        let (agent, peer, muted) = (step.agent.clone(), step.peer.clone(), step.muted);
        let (hub, (tx, rx)) = (self.clone(), oneshot::channel());
        if let Some(session) = &session {
            session.hold_claims();
        }
        self.0.store.submit(step, move |outcome| {
            if let Some(current) = hub.session(&agent).filter(|_| outcome.is_ok()) {
                if muted {
                    current.withdraw(&peer, true);
                }
                current.missed(&hub);
            }
            if let Some(session) = session {
                session.handed_in(0, false, &hub);
            }
            // a caller that went away does not want to know
            let _ = tx.send(outcome);
        });
        rx.await
            .unwrap_or(Err(Refusal::Store(chancery_store::StoreError::Closed)))
    }

    /// Ends a pair. What waits between the two is not delivered any more, and its senders are told.
    pub(crate) async fn unpair(&self, step: RemovePair) -> Result<(), Refusal> {
        let (agent, peer) = (step.agent.clone(), step.peer.clone());
        self.0.store.run(step).await?;
        for (owner, sender) in [(&agent, &peer), (&peer, &agent)] {
            if let Some(session) = self.session(owner) {
                session.withdraw(sender, false);
                session.receipts_due();
            }
        }
        Ok(())
    }

    /// Takes what `sender` sent, and is not sent on yet, out of all sessions.
    pub(crate) fn withdraw(&self, sender: &AgentDid) {
        for session in self.all() {
            session.withdraw(sender, false);
        }
    }

    /// Tells the sender's session, when there is one, what became of a message.
    pub(crate) fn tell_sender(&self, row: ReceiptRow) {
        if let Some(session) = self.session(&row.sender) {
            session.tell(row);
        }
    }

    /// Some messages became dead letters: their senders are told as far as they are connected.
    pub(crate) fn receipts_due(&self, senders: &BTreeSet<AgentDid>) {
        for session in senders.iter().filter_map(|sender| self.session(sender)) {
            session.receipts_due();
        }
    }

    /// Ends the session of `agent`, when there is one.
    pub(crate) fn cut(&self, agent: &AgentDid, reason: CloseReason) {
        if let Some(session) = self.session(agent) {
            session.close(reason);
        }
    }

    /// Ends the session of `agent` when the identity token `jti` opened it: one that was opened with its successor stays.
    pub(crate) fn cut_token(&self, agent: &AgentDid, jti: Ulid) {
        if let Some(session) = self.session(agent).filter(|session| session.jti == jti) {
            session.close(CloseReason::Revoked);
        }
    }

    /// Ends all sessions; new ones end as soon as they begin.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        for session in self.all() {
            session.close(CloseReason::Shutdown);
        }
    }
}
