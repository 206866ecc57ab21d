//! A connector on a connection in memory.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chancery_base::{Millis, Ulid};
use chancery_relay::{
    RelayError,
    session::{
        CloseReason,
        link::{Inbound, Outbound},
    },
    store::{NonceUse, SenderAit},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::{agent::Agent, world::World};

pub(crate) struct Link {
    to: Option<mpsc::UnboundedSender<Inbound>>,
    from: mpsc::Receiver<Outbound>,
    /// Frames that came while an answer was awaited.
    aside: VecDeque<Value>,
    pub(crate) task: JoinHandle<()>,
}

/// What came out of a connection.
#[derive(Debug, PartialEq)]
pub(crate) enum Got {
    Frame(Value),
    Closed(CloseReason),
    Nothing,
}

impl World {
    pub(crate) async fn connect(&self, agent: &Agent, negotiated: bool) -> Link {
        self.connect_with(agent, negotiated, 10_000).await.unwrap()
    }

    /// A connection of which the other side reads only so many frames ahead.
    pub(crate) async fn connect_with(&self, agent: &Agent, negotiated: bool, ahead: usize) -> Result<Link, RelayError> {
        let expires = Millis(self.now().0 + 86_400_000);
        self.connect_until(agent, negotiated, ahead, expires).await
    }

    pub(crate) async fn connect_until(
        &self,
        agent: &Agent,
        negotiated: bool,
        ahead: usize,
        expires: Millis,
    ) -> Result<Link, RelayError> {
        let ait = Arc::new(SenderAit {
            token: agent.ait.clone(),
            jti: agent.jti,
        });
        let nonce = NonceUse {
            agent: agent.did.clone(),
            nonce: format!("connect-{}", self.fresh()),
            remember_until: self.now().plus(360_000),
        };
        let hub = self.relay.hub().clone();
        let admitted = hub
            .connect(agent.did.clone(), Arc::clone(&ait), expires, negotiated, nonce)
            .await?;
        let (to, mut incoming) = mpsc::unbounded_channel();
        let (outgoing, from) = mpsc::channel(ahead);
        let incoming = stream::poll_fn(move |cx| incoming.poll_recv(cx));
        let outgoing = futures_util::sink::unfold(outgoing, |outgoing, item: Outbound| async move {
            outgoing.send(item).await.map(|()| outgoing)
        });
        let task = tokio::spawn(admitted.serve(hub, ait, incoming, Box::pin(outgoing)));
        Ok(Link {
            to: Some(to),
            from,
            aside: VecDeque::new(),
            task,
        })
    }
}

impl Link {
    pub(crate) fn send_text(&self, text: &str) {
        self.send_raw(Inbound::Text(text.into()));
    }

    pub(crate) fn send_raw(&self, inbound: Inbound) {
        let _ = self.to.as_ref().unwrap().send(inbound);
    }

    pub(crate) fn send(&self, frame: Value) {
        self.send_text(&frame.to_string());
    }

    /// The next text or end, within two minutes of the clock.
    pub(crate) async fn text(&mut self) -> Option<Outbound> {
        timeout(Duration::from_secs(120), self.from.recv()).await.ok().flatten()
    }

    pub(crate) async fn any(&mut self) -> Got {
        match self.text().await {
            Some(Outbound::Text(text)) => Got::Frame(serde_json::from_str(&text).unwrap()),
            Some(Outbound::Close(reason)) => Got::Closed(reason),
            _ => Got::Nothing,
        }
    }

    /// The next frame that is no heartbeat.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            if let Some(frame) = self.aside.pop_front() {
                return frame;
            }
            loop {
                match self.any().await {
                    Got::Frame(frame) if frame["type"] == "heartbeat" => {}
                    Got::Frame(frame) => return frame,
                    other => panic!("no frame but {other:?}, at {caller}"),
                }
            }
        }
    }

    /// The next `deliver`, as (payload, frame id).
    #[track_caller]
    pub(crate) fn delivery(&mut self) -> impl Future<Output = (Value, String)> {
        let next = self.frame();
        async move {
            let frame = next.await;
            assert_eq!(frame["type"], "deliver", "{frame}");
            (frame["payload"].clone(), frame["id"].as_str().unwrap().to_owned())
        }
    }

    pub(crate) async fn closed(&mut self) -> CloseReason {
        loop {
            match self.any().await {
                Got::Closed(reason) => return reason,
                Got::Frame(_) => {}
                Got::Nothing => panic!("it was not closed"),
            }
        }
    }

    /// That nothing but heartbeats comes for so long.
    pub(crate) async fn is_quiet(&mut self, ms: u64) {
        let quiet = async {
            loop {
                match self.from.recv().await {
                    Some(Outbound::Text(text)) if text.contains("\"heartbeat\"") => {}
                    other => panic!("it was not quiet: {other:?}"),
                }
            }
        };
        let _: Result<(), _> = timeout(Duration::from_millis(ms), quiet).await;
    }

    pub(crate) fn answer(&self, id: &str, accepted: bool, reason: Option<&str>) {
        let mut frame =
            json!({"type": "deliver_ack", "v": 1, "id": other_id(id), "ts": TS, "ackId": id, "accepted": accepted});
        if let Some(reason) = reason {
            frame["reason"] = reason.into();
        }
        self.send(frame);
    }

    pub(crate) fn ack(&self, id: &str) {
        self.answer(id, true, None);
    }

    /// Sends an enqueue and waits for its answer.
    pub(crate) async fn enqueue(&mut self, world: &World, to: &Agent, payload: Value) -> Value {
        let (id, frame) = enqueue(world, to, payload);
        self.send(frame);
        let mut others = VecDeque::new();
        loop {
            let answer = self.frame().await;
            if answer["type"] == "enqueue_ack" {
                assert_eq!(answer["ackId"], id.as_str());
                self.aside.append(&mut others);
                return answer;
            }
            others.push_back(answer);
        }
    }

    /// The other side goes away.
    pub(crate) async fn hang_up(mut self) {
        self.to = None;
        while self.from.recv().await.is_some() {}
        self.task.await.unwrap();
    }
}

pub(crate) const TS: &str = "2026-11-21T06:44:32.775342348+00:00";

pub(crate) fn enqueue(world: &World, to: &Agent, payload: Value) -> (String, Value) {
    let id = world.ulid().to_string();
    let frame = json!({"type": "enqueue", "v": 1, "id": id, "ts": TS, "toAgentDid": to.did, "payload": payload});
    (id, frame)
}

fn other_id(id: &str) -> String {
    let mut bytes = id.parse::<Ulid>().unwrap().to_bytes();
    bytes[15] ^= 1;
    Ulid::from_bytes(bytes).to_string()
}
