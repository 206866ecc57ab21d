//! The relay as a machine: it runs, crashes, and runs again on what it had written down.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_identity::AgentDid;
use chancery_relay::{
    Config, Relay, Store,
    store::{MemoryStore, Row},
};
use tokio::task::AbortHandle;

use super::{
    feed::RegistryPort,
    identity::RELAY,
    lie::Lie,
    plan::RelayPlan,
    registry::Registry,
    rng::{Dice, Stream},
    stage::Stage,
};

pub(super) struct RelayNode {
    stage: Arc<Stage>,
    registry: Arc<Registry>,
    config: Config,
    rng: Arc<Dice>,
    state: Mutex<State>,
}

struct State {
    disk: MemoryStore,
    /// What a relay has that acknowledges before it commits.
    older: MemoryStore,
    running: Option<Running>,
    life: u64,
}

struct Running {
    relay: Relay,
    tasks: Vec<AbortHandle>,
}

fn config(stage: &Stage, plan: &RelayPlan) -> Config {
    let mut config = Config::new(RELAY.parse().expect("an origin"));
    config.mailbox.max_messages = plan.max_messages;
    config.mailbox.ttl_ms = plan.ttl_ms;
    let delivery = &mut config.delivery;
    delivery.ack_timeout = Duration::from_millis(plan.ack_timeout_ms);
    delivery.retry_max_attempts = plan.max_attempts;
    delivery.max_in_flight = plan.max_in_flight;
    delivery.window_messages = plan.window;
    config.rates.agent_requests = plan.rate;
    config.rates.public_requests = 100_000;
    config.rates.public_pair_requests = 100_000;
    config.rates.public_receipt_requests = 100_000;
    config.feed.stale_after = Duration::from_millis(plan.stale_after_ms);
    config.legacy_reconnect = stage.lies(Lie::ProofTakenTwice);
    if stage.lies(Lie::StaleAccepted) {
        config.feed.stale_after = Duration::from_secs(3600);
    }
    config
}

fn memory(store: &Store) -> MemoryStore {
    match store {
        Store::Memory(memory) => memory.clone(),
        _ => unreachable!("the simulation keeps everything in memory"),
    }
}

impl RelayNode {
    pub(super) fn new(stage: Arc<Stage>, registry: Arc<Registry>, plan: &RelayPlan) -> Arc<Self> {
        let disk = memory(&Store::memory());
        Arc::new(Self {
            config: config(&stage, plan),
            rng: Arc::new(stage.dice(Stream::Relay)),
            registry,
            state: Mutex::new(State {
                older: disk.clone(),
                disk,
                running: None,
                life: 0,
            }),
            stage,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) async fn start(&self) {
        let (disk, life) = {
            let mut state = self.state();
            if state.running.is_some() {
                return;
            }
            state.life += 1;
            (state.disk.clone(), state.life)
        };
        self.stage.trace.note(format_args!("relay: life {life} begins"));
        self.stage.ledger.relay_begins(life);
        let port = RegistryPort::new(Arc::clone(&self.registry), life);
        let relay = Relay::start(
            self.config.clone(),
            Store::Memory(disk),
            port.clone(),
            port,
            Arc::new(self.stage.clock(0)),
            self.rng.clone(),
        )
        .await
        .expect("the store can be read");
        self.state().running = Some(Running {
            relay,
            tasks: Vec::new(),
        });
    }

    /// Ends as by `kill -9`: what was not committed is lost, and so is what it was about to say.
    pub(super) fn crash(&self) {
        let mut state = self.state();
        let Some(running) = state.running.take() else { return };
        let forgets = self.stage.lies(Lie::RelayForgets);
        let survivor = if forgets {
            state.older.crash()
        } else {
            state.disk.crash()
        };
        state.disk = survivor;
        drop(state);
        self.stage.trace.note(format_args!("relay: crashes"));
        self.stage.ledger.relay_ends();
        for task in &running.tasks {
            task.abort();
        }
        // the last handle: its own tasks end with it
        drop(running.relay);
    }

    /// What a crash takes a lying relay back to.
    pub(super) fn remember(&self) {
        let mut state = self.state();
        state.older = state.disk.crash();
    }

    pub(super) fn life(&self) -> u64 {
        self.state().life
    }

    /// Whether it still is in the life of that number.
    pub(super) fn is_alive(&self, life: u64) -> bool {
        let state = self.state();
        state.life == life && state.running.is_some()
    }

    pub(super) fn relay(&self) -> Option<Relay> {
        self.state().running.as_ref().map(|running| running.relay.clone())
    }

    pub(super) fn has_session(&self, agent: &AgentDid) -> bool {
        self.relay().is_some_and(|relay| relay.hub().session(agent).is_some())
    }

    /// Its store, to look at.
    pub(super) fn store(&self) -> Store {
        Store::Memory(self.state().disk.clone())
    }

    pub(super) fn rows(&self, after: i64) -> Vec<Row> {
        self.state().disk.rows(after)
    }

    /// Does `work` on the relay's side: it ends in the middle when the relay crashes. `None` when there is no answer.
    pub(super) async fn handle<F, T>(&self, work: impl FnOnce(Relay) -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (task, life) = {
            let mut state = self.state();
            let life = state.life;
            let running = state.running.as_mut()?;
            let task = tokio::spawn(work(running.relay.clone()));
            running.tasks.retain(|task| !task.is_finished());
            running.tasks.push(task.abort_handle());
            (task, life)
        };
        // what a dead relay still thought of nobody hears
        task.await.ok().filter(|_| self.is_alive(life))
    }

    /// The same for work that nobody waits for.
    pub(super) fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.state();
        if let Some(running) = state.running.as_mut() {
            running.tasks.push(tokio::spawn(work).abort_handle());
        }
    }
}
