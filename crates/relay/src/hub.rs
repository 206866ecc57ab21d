//! Who is connected, and the one way in for messages.

use std::{
    collections::BTreeMap,
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
    store::{Accept, Accepted, Connect, Epoch, NewMessage, NonceUse, ReceiptRow, Refusal, SenderAit, Store},
};

/// Everything that sessions and routes share.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    store: Store,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    limiter: Limiter,
    sessions: Mutex<BTreeMap<AgentDid, Arc<Session>>>,
    /// The revocation feed has been silent for too long: nothing is accepted and nothing delivered.
    paused: AtomicBool,
    stopping: AtomicBool,
}

/// A connection that was admitted and has yet to be served.
pub struct Admitted {
    /// The session.
    pub session: Arc<Session>,
    /// What it sends.
    pub(crate) out: mpsc::UnboundedReceiver<Out>,
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

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<AgentDid, Arc<Session>>> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live session of `agent`.
    #[must_use]
    pub fn session(&self, agent: &AgentDid) -> Option<Arc<Session>> {
        self.sessions().get(agent).cloned()
    }

    pub(crate) fn session_of(&self, agent: &AgentDid, epoch: Epoch) -> Option<Arc<Session>> {
        self.session(agent).filter(|session| session.epoch == epoch)
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
                }
                if inner.stopping.load(Ordering::Acquire) {
                    session.close(CloseReason::Shutdown);
                }
                Admitted { session, out }
            });
            if let Err(Ok(orphan)) = tx.send(admitted) {
                // the caller has gone: nobody will serve this session
                orphan.session.detach();
                hub.forget(&orphan.session);
            }
        });
        let admitted = rx
            .await
            .unwrap_or(Err(Refusal::Store(chancery_store::StoreError::Closed)))?;
        Ok(admitted)
    }

    /// Takes a session off the list, unless another has its place.
    pub(crate) fn forget(&self, session: &Session) {
        let mut sessions = self.sessions();
        if sessions
            .get(&session.agent)
            .is_some_and(|listed| listed.epoch == session.epoch)
        {
            sessions.remove(&session.agent);
        }
    }

    /// Puts a message into its recipient's mailbox and, when the recipient is connected and has room, into its session.
    /// `done` is told when the message is durable, or refused. `waiter` is told when the recipient has it.
    pub(crate) fn accept(
        &self,
        message: NewMessage,
        nonce: Option<NonceUse>,
        waiter: Option<oneshot::Sender<()>>,
        done: impl FnOnce(Result<Accepted, RelayError>) + Send + 'static,
    ) {
        let inner = &self.0;
        let now = inner.clock.now();
        if self.is_paused() {
            return done(Err(RelayError::RevocationsStale));
        }
        if let Err(error) = inner.limiter.agent(&message.sender, now) {
            return done(Err(error));
        }
        let session = self.session(&message.recipient);
        let bytes = message.payload.len();
        let message = Arc::new(message);
        let hand_in = |claim: Option<Epoch>| {
            let step = Accept {
                hash: message.hash(),
                delivery_id: Ulid::generate(now, &inner.rng),
                nonce,
                claim,
                max_messages: inner.config.mailbox.max_messages,
                max_per_sender: inner.config.mailbox.max_per_sender(),
                now,
                message: Arc::clone(&message),
            };
            let (hub, session, message) = (self.clone(), session.clone(), Arc::clone(&message));
            inner.store.submit(step, move |outcome| {
                if let Ok(accepted) = &outcome
                    && !accepted.claimed
                    && !accepted.repeat
                {
                    // it waits in the store: whoever is connected by now has to fetch it, unless it knows already
                    let current = hub.session(&message.recipient);
                    let knows = claim.is_none() && session.as_ref().is_some_and(|s| is_same(s, current.as_ref()));
                    if let Some(current) = current.filter(|_| !knows) {
                        current.missed(&hub);
                    }
                }
                match (&outcome, &session) {
                    (Ok(accepted), Some(session)) => session.accepted(accepted, message, waiter, &hub),
                    (Err(_), Some(session)) => session.not_claimed(bytes, &hub),
                    _ => {}
                }
                done(outcome.map_err(RelayError::from));
            });
        };
        match &session {
            Some(session) => session.hand_in(bytes, hand_in),
            None => hand_in(None),
        }
    }

    /// Tells the sender's session, when there is one, what became of a message.
    pub(crate) fn tell_sender(&self, row: ReceiptRow) {
        if let Some(session) = self.session(&row.sender) {
            session.tell(row);
        }
    }

    /// Some messages became dead letters: their senders are told as far as they are connected.
    pub(crate) fn receipts_due(&self) {
        for session in self.all() {
            session.receipts_due();
        }
    }

    /// Ends the session of `agent`, when there is one.
    pub(crate) fn cut(&self, agent: &AgentDid, reason: CloseReason) {
        if let Some(session) = self.session(agent) {
            session.close(reason);
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

fn is_same(session: &Arc<Session>, current: Option<&Arc<Session>>) -> bool {
    current.is_some_and(|current| Arc::ptr_eq(session, current))
}
