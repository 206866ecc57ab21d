//! One connection, from its first frame to its last.
//!
//! Of each lane one message is on its way at a time: were more, a message that the relay refuses for the moment could be
//! overtaken by the next one. Different lanes share a window.

use std::{collections::BTreeMap, fmt};

use chancery_base::Ulid;
use chancery_relay_wire::{
    Frame,
    frame::{EnqueueAck, FrameError},
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    backoff,
    core::Core,
    inbox::{self, Arrival, ArrivedMessage, Incoming},
    lanes::Head,
    outbox,
    ports::{Link, LinkEvent},
    receipts::{ArrivedReceipt, ReceiptWindow},
    store::Step,
};

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The connector stops.
    Stopped,
    /// The relay closed it, or it broke.
    Closed { code: Option<u16>, reason: String },
    /// Nobody answered a heartbeat.
    Silent,
    /// Frames can no longer be sent.
    Stalled,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the connector stopped"),
            Self::Closed {
                code: Some(code),
                reason,
            } => write!(f, "closed by the relay with {code} {reason}"),
            Self::Closed { code: None, reason } => write!(f, "connection lost: {reason}"),
            Self::Silent => f.write_str("no answer to a heartbeat"),
            Self::Stalled => f.write_str("the connection takes no more frames"),
        }
    }
}

/// Runs one connection to its end; says also whether a frame ever came.
pub(crate) async fn run(core: &Core, link: Link) -> (End, bool) {
    let now = Instant::now();
    let mut conversation = Conversation {
        core,
        tx: link.tx,
        negotiated: link.negotiated,
        in_flight: BTreeMap::new(),
        timeouts: BTreeMap::new(),
        settling: FuturesUnordered::new(),
        receipts: ReceiptWindow::new(),
        heartbeat_due: now,
        heartbeat: None,
        heard: false,
    };
    let mut rx = link.rx;
    let mut end = match conversation.talk(&mut rx).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    // what ended it may stand behind frames that were not read
    while let (End::Closed { code: None, .. }, Ok(event)) = (&end, rx.try_recv()) {
        if let LinkEvent::Closed { code, reason } = event {
            end = End::Closed { code, reason };
            break;
        }
    }
    // what the relay has not answered goes again, with the same ids
    for (head, _) in std::mem::take(&mut conversation.in_flight).into_values() {
        core.outbox.put_back(head, now);
    }
    while conversation.settling.next().await.is_some() {}
    (end, conversation.heard)
}

struct Conversation<'a> {
    core: &'a Core,
    tx: mpsc::Sender<String>,
    negotiated: bool,
    /// Messages on their way, and the time by which the relay must have answered.
    in_flight: BTreeMap<Ulid, (Head, Instant)>,
    /// How often the relay did not answer.
    timeouts: BTreeMap<Ulid, u32>,
    settling: FuturesUnordered<Step<bool>>,
    receipts: ReceiptWindow,
    heartbeat_due: Instant,
    /// The time by which the oldest unanswered heartbeat must be answered.
    heartbeat: Option<Instant>,
    heard: bool,
}

impl Conversation<'_> {
    async fn talk(&mut self, rx: &mut mpsc::Receiver<LinkEvent>) -> Result<std::convert::Infallible, End> {
        let core = self.core;
        loop {
            self.pump().await?;
            if self.negotiated {
                for text in self.receipts.fill(core).await {
                    self.send(text).await?;
                }
            }
            let due = self.next_due();
            tokio::select! {
                biased;
                () = core.stop.cancelled() => return Err(End::Stopped),
                Some(stored) = self.settling.next(), if !self.settling.is_empty() => {
                    if let Err(error) = stored {
                        // the message goes again after a restart, and the relay recognises it
                        tracing::error!(%error, "the relay's answer could not be recorded");
                    }
                }
                // no further frame is read while the inbox is behind
                event = next(&core.inbox, rx) => self.on_event(event).await?,
                () = core.outbox.rung() => {}
                () = core.receipts.notified(), if self.negotiated => self.receipts.look_again(),
                () = tokio::time::sleep_until(due) => self.on_time().await?,
            }
        }
    }

    /// Sends what may go.
    async fn pump(&mut self) -> Result<(), End> {
        let core = self.core;
        let now = Instant::now();
        let mut heads = BTreeMap::new();
        while self.in_flight.len() + heads.len() < core.config.limits.enqueue_window
            && let Some(head) = core.outbox.take(now)
        {
            heads.insert(head.seq, head);
        }
        if heads.is_empty() {
            return Ok(());
        }
        let rows = match core
            .store
            .load_outbound(heads.values().map(|head| head.id).collect())
            .await
        {
            Ok(rows) => rows,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                for head in heads.into_values() {
                    core.outbox.put_back(head, now + core.config.timing.retry_min);
                }
                return Ok(());
            }
        };
        let mut rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
        let max_age = core.config.timing.outbound_max_age;
        let mut heads = heads.into_values();
        while let Some(head) = heads.next() {
            let Some(row) = rows.remove(&head.id) else {
                // settled meanwhile, by a late answer or a receipt
                core.outbox.done(head);
                continue;
            };
            let age = u128::try_from(core.now().since(row.created)).unwrap_or(0);
            if age >= max_age.as_millis() {
                let reason = format!("not taken by the relay in {} s", max_age.as_secs());
                tracing::warn!(message = %head.id, reason, "message given up");
                self.settling
                    .push(core.store.outbound_dead(head.id, reason, core.now()));
                core.outbox.done(head);
                continue;
            }
            match outbox::encode(&row, self.negotiated, core) {
                Ok(text) => {
                    let due = now + core.config.timing.ack_timeout;
                    self.in_flight.insert(head.id, (head, due));
                    if let Err(end) = self.send(text).await {
                        // what was taken and not sent would keep its lane waiting for ever
                        for head in heads {
                            core.outbox.put_back(head, now);
                        }
                        return Err(end);
                    }
                }
                Err(error) => {
                    self.settling
                        .push(core.store.outbound_dead(head.id, error.to_string(), core.now()));
                    core.outbox.done(head);
                }
            }
        }
        Ok(())
    }

    async fn send(&mut self, text: String) -> Result<(), End> {
        match tokio::time::timeout(self.core.config.timing.ack_timeout, self.tx.send(text)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Closed {
                code: None,
                reason: "it takes no frames".to_owned(),
            }),
            Err(_) => Err(End::Stalled),
        }
    }

    async fn on_event(&mut self, event: Option<LinkEvent>) -> Result<(), End> {
        match event {
            None => Err(End::Closed {
                code: None,
                reason: "without a reason".to_owned(),
            }),
            Some(LinkEvent::Closed { code, reason }) => Err(End::Closed { code, reason }),
            Some(LinkEvent::Text(text)) => {
                match Frame::parse(&text) {
                    Ok(frame) => self.on_frame(frame).await?,
                    Err(error) => self.on_bad_frame(&error),
                }
                Ok(())
            }
        }
    }

    async fn on_frame(&mut self, frame: Frame<'_>) -> Result<(), End> {
        let core = self.core;
        self.heard = true;
        match frame {
            Frame::Heartbeat { id } => {
                if let Ok(text) = (Frame::HeartbeatAck { ack_id: id }).encode(core.new_id(), core.now()) {
                    self.send(text).await?;
                }
            }
            // whichever heartbeat it answers, somebody is there
            Frame::HeartbeatAck { .. } => self.heartbeat = None,
            Frame::Deliver(deliver) => {
                let arrived = ArrivedMessage::new(&deliver, core.now());
                self.hand_in(Incoming::Message(Box::new(arrived))).await;
            }
            Frame::Receipt(receipt) => {
                self.hand_in(Incoming::Receipt(Box::new(ArrivedReceipt::new(receipt))))
                    .await;
            }
            Frame::EnqueueAck(ack) => self.on_enqueue_ack(&ack).await,
            Frame::ReceiptAck { ack_id } => {
                self.receipts.acked(ack_id);
                self.settling.push(core.store.receipt_acked(ack_id));
            }
            // these only we send
            _ => core.gauges().frames_ignored += 1,
        }
        Ok(())
    }

    /// There is room: nothing is read from the connection before there is.
    async fn hand_in(&mut self, what: Incoming) {
        let _ = self
            .core
            .inbox
            .send(Arrival {
                what,
                reply: self.tx.clone(),
            })
            .await;
    }

    fn on_bad_frame(&mut self, error: &FrameError) {
        tracing::warn!(%error, "a frame of the relay is ignored");
        self.core.gauges().frames_ignored += 1;
        if let FrameError::Member {
            kind: "deliver",
            id: Some(id),
            ..
        } = error
        {
            inbox::answer(self.core, &self.tx, *id, Some(error.to_string()));
        }
    }

    async fn on_enqueue_ack(&mut self, ack: &EnqueueAck<'_>) {
        let core = self.core;
        let id = ack.ack_id;
        // an answer that came too late has no entry any more; it counts all the same
        let head = self.in_flight.remove(&id).map(|(head, _)| head);
        self.timeouts.remove(&id);
        if ack.accepted {
            self.settling.push(core.store.outbound_accepted(id, core.now()));
            if let Some(head) = head {
                core.outbox.done(head);
            }
            return;
        }
        let said = ack.reason.as_deref().unwrap_or("refused by the relay");
        let reason = match ack.code.as_deref() {
            Some(code) => format!("{code}: {said}"),
            None => said.to_owned(),
        };
        let refusals = match ack.retryable {
            Some(false) => None,
            _ => match core.store.outbound_refused(id, reason.clone(), core.now()).await {
                // a relay that does not say whether later helps is asked a few times
                Ok(count) if ack.retryable.is_none() && count >= core.config.limits.refusals => None,
                Ok(count) => Some(count),
                Err(error) => {
                    tracing::error!(%error, "the relay's answer could not be recorded");
                    Some(1)
                }
            },
        };
        match refusals {
            Some(count) => {
                let timing = &core.config.timing;
                let wait = backoff::delay(count.max(1), timing.retry_min, timing.retry_max, &core.rng);
                tracing::info!(message = %id, reason, ?wait, "refused for now");
                if let Some(head) = head {
                    core.outbox.put_back(head, Instant::now() + wait);
                }
            }
            None => {
                tracing::warn!(message = %id, reason, "message given up: the relay refused it");
                self.settling.push(core.store.outbound_dead(id, reason, core.now()));
                if let Some(head) = head {
                    core.outbox.done(head);
                }
            }
        }
    }

    async fn on_time(&mut self) -> Result<(), End> {
        let core = self.core;
        let timing = &core.config.timing;
        let now = Instant::now();
        if self.heartbeat.is_some_and(|due| due <= now) {
            core.gauges().heartbeat_timeouts += 1;
            return Err(End::Silent);
        }
        if self.heartbeat_due <= now {
            let id = core.new_id();
            self.heartbeat_due = now + timing.heartbeat_interval;
            self.heartbeat.get_or_insert(now + timing.ack_timeout);
            core.gauges().heartbeats_sent += 1;
            if let Ok(text) = (Frame::Heartbeat { id }).encode(id, core.now()) {
                self.send(text).await?;
            }
        }
        let late: Vec<_> = self
            .in_flight
            .iter()
            .filter(|(_, (_, due))| *due <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            let Some((head, _)) = self.in_flight.remove(&id) else {
                continue;
            };
            let count = self.timeouts.entry(id).or_default();
            *count += 1;
            let wait = backoff::delay(*count, timing.retry_min, timing.retry_max, &core.rng);
            tracing::info!(message = %id, ?wait, "the relay did not answer");
            core.outbox.put_back(head, now + wait);
        }
        self.receipts.expire(now);
        Ok(())
    }

    fn next_due(&self) -> Instant {
        let room = self.in_flight.len() < self.core.config.limits.enqueue_window;
        let times = [
            self.heartbeat,
            self.in_flight.values().map(|(_, due)| *due).min(),
            self.core.outbox.next_due().filter(|_| room),
            self.receipts.next_due(),
        ];
        times.into_iter().flatten().fold(self.heartbeat_due, Instant::min)
    }
}

/// The next event, once the inbox has room for what it may bring. Nothing is lost when this is dropped.
async fn next(inbox: &mpsc::Sender<Arrival>, rx: &mut mpsc::Receiver<LinkEvent>) -> Option<LinkEvent> {
    let _room = inbox.reserve().await;
    rx.recv().await
}
