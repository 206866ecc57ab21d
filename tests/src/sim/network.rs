//! The network between connectors and relay: handshakes, and connections that break.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chancery_base::Ulid;
use chancery_connector::{Link, LinkEvent};
use chancery_relay::{
    hub::Admitted,
    session::link::{Inbound, Outbound},
    store::SenderAit,
};
use futures_util::stream;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{
    frames::kind_of,
    lie::Lie,
    line::{ENDS, Line, Wire},
    plan::{Moment, Weather},
    relay_node::RelayNode,
    rng::{Dice, Stream},
    stage::Stage,
};

pub(super) struct Network {
    pub(super) stage: Arc<Stage>,
    pub(super) relay: Arc<RelayNode>,
    weather: Arc<Mutex<Weather>>,
    roads: Mutex<Roads>,
    next_line: AtomicU64,
}

struct Roads {
    /// Until when nobody gets through, by agent.
    closed_until: Vec<Instant>,
    links: BTreeMap<u64, Road>,
}

/// A connection, seen from the relay.
struct Road {
    agent: usize,
    jti: Ulid,
    life: u64,
    admitted: Instant,
    wire: Wire,
}

/// Nobody there.
#[derive(Debug)]
pub(super) struct NoAnswer;

impl Network {
    pub(super) fn new(stage: Arc<Stage>, relay: Arc<RelayNode>, weather: Weather, agents: usize) -> Arc<Self> {
        Arc::new(Self {
            stage,
            relay,
            weather: Arc::new(Mutex::new(weather)),
            roads: Mutex::new(Roads {
                closed_until: vec![Instant::now(); agents],
                links: BTreeMap::new(),
            }),
            next_line: AtomicU64::new(1),
        })
    }

    fn roads(&self) -> MutexGuard<'_, Roads> {
        self.roads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn weather(&self) -> Weather {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- what happens to it -----------------------------------------------------------------------------------------

    pub(super) fn cut(&self, agent: usize) {
        for road in self.roads().links.values().filter(|road| road.agent == agent) {
            road.wire.cut.cancel();
        }
    }

    /// Connections of `agent`, or of all, are dead, and nobody is told.
    pub(super) fn kill(&self, agent: Option<usize>) {
        for road in self.roads().links.values() {
            if agent.is_none_or(|agent| road.agent == agent) {
                road.wire.dead.store(true, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn close(&self, agent: usize, time: Duration, kills: bool) {
        if kills {
            self.kill(Some(agent));
        }
        let mut roads = self.roads();
        roads.closed_until[agent] = Instant::now() + time;
        for road in roads.links.values().filter(|road| road.agent == agent) {
            road.wire.hold(time);
        }
    }

    pub(super) fn heal(&self) {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner) = Weather::CALM;
        let mut roads = self.roads();
        roads.closed_until.fill(Instant::now());
        for road in roads.links.values() {
            road.wire.hold(Duration::ZERO);
        }
    }

    // --- requests ---------------------------------------------------------------------------------------------------

    /// The way there or back.
    pub(super) async fn travel(&self, agent: usize, dice: &Dice) -> Result<(), NoAnswer> {
        let weather = self.weather();
        sleep(dice.millis(weather.delay.0, weather.delay.1)).await;
        let closed_until = self.roads().closed_until[agent];
        if Instant::now() < closed_until {
            sleep_until(closed_until).await;
            return Err(NoAnswer);
        }
        if dice.chance(weather.no_answer) {
            Err(NoAnswer)
        } else {
            Ok(())
        }
    }

    // --- connections ------------------------------------------------------------------------------------------------

    /// Whether a connection that must be closed for this revocation is still served.
    pub(super) fn outlives(&self, agent: usize, jti: Option<Ulid>, since: Option<Instant>) -> bool {
        self.roads().links.values().any(|road| {
            road.agent == agent
                && self.relay.is_alive(road.life)
                && jti.is_none_or(|jti| road.jti == jti)
                && since.is_none_or(|since| road.admitted <= since)
        })
    }

    /// Lays the wires of a connection that was admitted, and has it served. The relay's side; returns the connector's.
    pub(super) fn connect(
        self: &Arc<Self>,
        agent: usize,
        life: u64,
        relay: &chancery_relay::Relay,
        admitted: Admitted,
        ait: Arc<SenderAit>,
    ) -> Link {
        let id = self.next_line.fetch_add(2, Ordering::Relaxed);
        let wire = Wire::new();
        let road = Road {
            agent,
            jti: ait.jti,
            life,
            admitted: Instant::now(),
            wire: wire.clone(),
        };
        self.roads().links.insert(id, road);
        self.stage.trace.note(format_args!("agent {agent}: connection {id}"));
        self.stage.pass(Moment::Admitted, agent);
        let line = |number| Line {
            wire: wire.clone(),
            weather: Arc::clone(&self.weather),
            dice: self.stage.dice(Stream::Line(number)),
            last: Instant::now(),
        };
        let (tx, from_connector) = mpsc::channel::<String>(ENDS);
        let (to_relay, mut incoming) = mpsc::channel::<Inbound>(ENDS);
        let (outgoing, from_relay) = mpsc::channel::<Outbound>(ENDS);
        let (to_connector, rx) = mpsc::channel::<LinkEvent>(ENDS);
        self.carry_up(agent, line(id), from_connector, to_relay, to_connector.downgrade());
        self.carry_down(agent, id, life, line(id + 1), from_relay, to_connector);

        let incoming = stream::poll_fn(move |cx| incoming.poll_recv(cx));
        let served = Served {
            network: Arc::clone(self),
            id,
        };
        let outgoing = futures_util::sink::unfold((outgoing, served), |outgoing, item: Outbound| async move {
            outgoing.0.send(item).await.map(|()| outgoing)
        });
        let hub = relay.hub().clone();
        self.relay.run(admitted.serve(hub, ait, incoming, Box::pin(outgoing)));
        Link {
            tx,
            rx,
            negotiated: true,
        }
    }

    fn carry_up(
        self: &Arc<Self>,
        agent: usize,
        line: Line,
        source: mpsc::Receiver<String>,
        sink: mpsc::Sender<Inbound>,
        back: mpsc::WeakSender<LinkEvent>,
    ) {
        let (leaves, arrives) = (Arc::clone(self), Arc::clone(self));
        let leaving = move |text: &String| {
            let stage = &leaves.stage;
            stage.ledger.connector_wrote(text);
            let kind = kind_of(text);
            if stage.lies(Lie::MessageSwallowed) && kind == "enqueue" && text.contains("\"n\":7") {
                // it claims what only the relay may
                if let (Some(back), Some(ack)) = (back.upgrade(), false_ack(text)) {
                    let _ = back.try_send(LinkEvent::Text(ack));
                }
                return false;
            }
            !(stage.lies(Lie::ReceiptsDropped) && kind == "receipt" && text.contains('7'))
        };
        let arriving = move |text: String| {
            let stage = &arrives.stage;
            stage.trace.note(format_args!("agent {agent} > {}", digest(&text)));
            stage.pass(Moment::RelayRead(kind_of(&text)), agent);
            Some(Inbound::Text(text.into()))
        };
        tokio::spawn(line.carry(source, sink, leaving, arriving));
    }

    fn carry_down(
        self: &Arc<Self>,
        agent: usize,
        id: u64,
        life: u64,
        line: Line,
        source: mpsc::Receiver<Outbound>,
        sink: mpsc::Sender<LinkEvent>,
    ) {
        let (leaves, arrives) = (Arc::clone(self), Arc::clone(self));
        let leaving = move |out: &Outbound| {
            if !leaves.relay.is_alive(life) {
                return false;
            }
            let stage = &leaves.stage;
            match out {
                Outbound::Text(text) => {
                    stage.trace.note(format_args!("agent {agent} < {}", digest(text)));
                    stage.ledger.relay_wrote(agent, text, &|after| leaves.relay.rows(after));
                    stage.pass(Moment::RelayWrote(kind_of(text)), agent);
                }
                Outbound::Close(reason) => {
                    stage
                        .trace
                        .note(format_args!("agent {agent} < close: {}", reason.text()));
                    leaves.roads().links.remove(&id);
                }
                _ => {}
            }
            true
        };
        let arriving = move |out: Outbound| match out {
            Outbound::Text(text) => {
                arrives.stage.pass(Moment::ConnectorRead(kind_of(&text)), agent);
                Some(LinkEvent::Text(text))
            }
            Outbound::Close(reason) => Some(LinkEvent::Closed {
                code: Some(reason.code()),
                reason: reason.text().to_owned(),
            }),
            _ => None,
        };
        tokio::spawn(line.carry(source, sink, leaving, arriving));
    }
}

/// The relay's end of a connection: gone when the relay lets go of it.
struct Served {
    network: Arc<Network>,
    id: u64,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.network.roads().links.remove(&self.id);
    }
}

/// A frame in the trace: its kind, and enough to tell it from others.
fn digest(text: &str) -> String {
    let hash = chancery_base::digest::sha256_b64(text);
    format!("{} {}", kind_of(text), hash.get(..8).unwrap_or_default())
}

fn false_ack(enqueue: &str) -> Option<String> {
    let frame: serde_json::Value = serde_json::from_str(enqueue).ok()?;
    let ack = serde_json::json!({
        "type": "enqueue_ack", "v": 1, "id": frame["id"], "ts": frame["ts"], "ackId": frame["id"], "accepted": true,
    });
    Some(ack.to_string())
}
