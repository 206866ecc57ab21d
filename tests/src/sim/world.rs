//! All players on one stage, and the driver that takes them through the script.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chancery_identity::revocation::Scope;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    Cast,
    agent_node::AgentNode,
    dial::{Caller, Proofs},
    identity::Identity,
    ledger::{Ledger, REVOKED_WITHIN},
    lie::Lie,
    network::Network,
    plan::{Event, Plan, Victim},
    registry::Registry,
    relay_node::RelayNode,
    rng::{Dice, Stream},
    stage::{Handed, Notice, Stage},
    tokens::Session,
    trace::Trace,
    violation::Kind,
};

pub(super) struct World {
    pub(super) stage: Arc<Stage>,
    pub(super) plan: Plan,
    pub(super) registry: Arc<Registry>,
    pub(super) relay: Arc<RelayNode>,
    pub(super) network: Arc<Network>,
    pub(super) agents: Vec<AgentNode>,
    pub(super) proofs: Arc<Proofs>,
    pub(super) dice: Dice,
    /// Requests that agents make beside their connectors.
    pub(super) errands: JoinSet<()>,
    pub(super) messages: u64,
    notices: mpsc::UnboundedReceiver<Notice>,
    agenda: BTreeMap<(Instant, u64), Act>,
    entries: u64,
}

/// Something on the agenda.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Event(Event),
    StartRelay,
    StartConnector(usize),
    /// Is the session of a revoked agent closed?
    CheckClosed(Handed),
    /// A lying relay writes down what it has so far.
    Remember,
    /// What has the relay given up?
    NoteBuried,
}

impl World {
    /// Everybody in place: agents paired, the relay running, connectors about to connect.
    pub(super) async fn new(seed: u64, cast: Cast, loud: bool) -> Self {
        let plan = Plan::new(seed, cast.script);
        let begun = Instant::now();
        let identities: Vec<Identity> = (0..plan.agents.len()).map(Identity::new).collect();
        let dids = identities.iter().map(|identity| identity.did.clone()).collect();
        let stale_after = Duration::from_millis(plan.relay.stale_after_ms);
        let ledger = Ledger::new(begun, dids, stale_after);
        let (stage, notices) = Stage::new(seed, cast.liar, begun, Trace::new(begun, loud), ledger);
        stage.trace.note(format_args!(
            "{:?}, {:?}, blocked: {:?}",
            plan.weather, plan.relay, plan.blocked
        ));
        for agent in &plan.agents {
            stage.trace.note(format_args!("{agent:?}"));
        }
        let registry = Registry::new(Arc::clone(&stage), identities);
        let relay = RelayNode::new(Arc::clone(&stage), Arc::clone(&registry), &plan.relay);
        let network = Network::new(Arc::clone(&stage), Arc::clone(&relay), plan.weather, plan.agents.len());
        let proofs = Arc::<Proofs>::default();
        let agents = plan.agents.iter().enumerate().map(|(index, agent)| {
            let caller = Arc::new(Caller {
                agent: index,
                network: Arc::clone(&network),
                registry: Arc::clone(&registry),
                session: Session::new(Arc::clone(&registry), index, agent.skew),
                skew: agent.skew,
                rng: Arc::new(stage.dice(Stream::Dial(index))),
                proofs: Arc::clone(&proofs),
            });
            AgentNode::new(Arc::clone(&stage), &registry.agents[index], caller, agent)
        });
        let agents = agents.collect();
        let mut world = Self {
            dice: stage.dice(Stream::Driver),
            stage,
            registry,
            relay,
            network,
            agents,
            proofs,
            errands: JoinSet::new(),
            messages: 0,
            notices,
            agenda: BTreeMap::new(),
            entries: 0,
            plan,
        };
        world.assemble().await;
        world
    }

    async fn assemble(&mut self) {
        self.relay.start().await;
        for (index, agent) in self.agents.iter().enumerate() {
            for other in &self.agents[index + 1..] {
                agent.caller.pair(&other.caller).await;
            }
        }
        if let Some((owner, peer)) = self.plan.blocked {
            self.agents[owner].caller.mark(peer, true, false).await;
        }
        for agent in &mut self.agents {
            agent.start();
        }
        let now = Instant::now();
        for (at, event) in std::mem::take(&mut self.plan.script) {
            self.schedule(now + at, Act::Event(event));
        }
        self.schedule(now, Act::NoteBuried);
        if self.stage.lies(Lie::RelayForgets) {
            for second in (0..self.plan.length.as_secs()).step_by(4) {
                self.schedule(now + Duration::from_secs(second), Act::Remember);
            }
        }
    }

    pub(super) fn schedule(&mut self, at: Instant, act: Act) {
        self.entries += 1;
        self.agenda.insert((at, self.entries), act);
    }

    /// Plays the script to its end.
    pub(super) async fn play(&mut self) {
        let end = Instant::now() + self.plan.length;
        self.until(end).await;
    }

    /// Lets time pass until `end`, doing what is on the agenda.
    pub(super) async fn until(&mut self, end: Instant) {
        loop {
            let next = self.agenda.first_key_value().map_or(end, |((at, _), _)| *at).min(end);
            tokio::select! {
                biased;
                notice = self.notices.recv() => if let Some(notice) = notice { self.notice(notice).await },
                () = sleep_until(next) => {
                    if Instant::now() >= end {
                        return;
                    }
                    if let Some((_, act)) = self.agenda.pop_first() {
                        self.act(act).await;
                    }
                }
            }
        }
    }

    async fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Crash { victim, agent } => {
                // somewhere in the middle of what follows
                for _ in 0..self.dice.below(12) {
                    tokio::task::yield_now().await;
                }
                let (down, silently) = (self.dice.millis(1_500, 6_000), self.dice.chance(300));
                match victim {
                    Victim::Relay => self.crash_relay(down, silently),
                    Victim::Connector => self.crash_connector(agent, down, silently),
                }
            }
            Notice::Handed(handed) => {
                // the one that was told must act within the second
                let at = handed.at + REVOKED_WITHIN + Duration::from_millis(1);
                self.schedule(at, Act::CheckClosed(handed));
            }
        }
    }

    async fn act(&mut self, act: Act) {
        match act {
            Act::Event(event) => self.event(event).await,
            Act::StartRelay => self.relay.start().await,
            Act::StartConnector(agent) => self.agents[agent].start(),
            Act::CheckClosed(handed) => self.check_closed(handed),
            Act::Remember => self.relay.remember(),
            Act::NoteBuried => {
                self.stage.ledger.note_buried(&self.relay.rows(0));
                self.schedule(Instant::now() + Duration::from_secs(10), Act::NoteBuried);
            }
        }
    }

    pub(super) fn crash_relay(&mut self, down: Duration, silently: bool) {
        if !self.relay.is_alive(self.relay.life()) {
            return;
        }
        if silently {
            self.network.kill(None);
        }
        self.relay.crash();
        self.schedule(Instant::now() + down, Act::StartRelay);
    }

    pub(super) fn crash_connector(&mut self, agent: usize, down: Duration, silently: bool) {
        if self.agents[agent].connector.is_none() {
            return;
        }
        if silently {
            self.network.kill(Some(agent));
        }
        self.agents[agent].crash();
        self.schedule(Instant::now() + down, Act::StartConnector(agent));
    }

    fn check_closed(&self, handed: Handed) {
        if !self.relay.is_alive(handed.life) {
            return;
        }
        let did = &self.registry.agents[handed.agent].did;
        let served = match handed.scope {
            Scope::Agent => self.relay.has_session(did) || self.network.outlives(handed.agent, None, None),
            Scope::Token => self.network.outlives(handed.agent, Some(handed.jti), None),
            _ => self.network.outlives(handed.agent, None, Some(handed.at)),
        };
        if served {
            let what = format!("agent {} is connected 1 s after {:?}", handed.agent, handed.scope);
            self.stage.ledger.complain(Kind::Revoked, what);
        }
    }

    /// Nothing more goes wrong: what is broken is mended, who is down comes up.
    pub(super) async fn heal(&mut self) {
        self.stage.trace.note(format_args!("all is healed"));
        self.stage.disarm();
        self.network.heal();
        self.registry.heals();
        for agent in &self.agents {
            agent.hook.heal();
        }
        for (_, act) in std::mem::take(&mut self.agenda) {
            if !matches!(act, Act::Event(_)) {
                self.act(act).await;
            }
        }
    }
}
