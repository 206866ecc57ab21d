//! Drives one connection: frames in, frames out, heartbeats and deadlines.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use chancery_base::Ulid;
use chancery_relay_wire::{
    frame::{Enqueue, Frame, FrameError},
    media,
};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use super::{
    CloseReason, Out, Session,
    gathered::Gathered,
    link::{Inbound, Outbound},
    out::{Writer, Written},
};
use crate::{
    error::RelayError,
    hub::{Admitted, Hub},
    store::{NewMessage, SenderAit},
};

/// What was sent together and is written before the connection is flushed: it shares one system call.
const WRITE_BATCH: usize = 64;
/// Frames that are taken in together, and their bytes: what a socket holds when it is looked at, hardly ever more.
const READ_BATCH: usize = 64;
const READ_BATCH_BYTES: usize = 64 * 1024;
/// How long the other side may take to read what was written before the end. Then the connection is cut.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

impl Admitted {
    /// Serves the connection until it ends. `ait` is the identity token that opened it.
    pub async fn serve<R, W>(self, hub: Hub, ait: Arc<SenderAit>, mut incoming: R, outgoing: W)
    where
        R: Stream<Item = Inbound> + Send + Unpin,
        W: Sink<Outbound> + Send + Unpin + 'static,
    {
        let Self { place, out } = self;
        let session = Arc::clone(&place.session);
        // it keeps the session alive, so it must not outlive this
        let mut writer = AbortOnDropHandle::new(tokio::spawn(write(Arc::clone(&session), hub.clone(), out, outgoing)));
        session.nudge(&hub);
        session.more_receipts();
        session.read(&hub, &ait, &mut incoming).await;
        // when it was not closed for a reason of ours, the other side has gone
        session.close(CloseReason::Shutdown);
        drop(place);
        // the writer ends with the Close that was just sent. What still comes in is taken and dropped: closing a socket with
        // unread bytes resets it, and the other side would not see why
        let parting = async {
            let _ = (&mut writer).await;
            while incoming.next().await.is_some() {}
        };
        if tokio::time::timeout(CLOSE_GRACE, parting).await.is_err() {
            writer.abort();
        }
    }
}

impl Session {
    async fn read<R>(self: &Arc<Self>, hub: &Hub, ait: &Arc<SenderAit>, incoming: &mut R)
    where
        R: Stream<Item = Inbound> + Send + Unpin,
    {
        let limits = self.config.delivery;
        let mut last_heard = Instant::now();
        let mut next_beat = last_heard + limits.heartbeat;
        let life = u64::try_from(self.expires.since(self.clock.now())).unwrap_or(0);
        let expires = last_heard + Duration::from_millis(life);
        loop {
            if self.is_closed() {
                return;
            }
            let silent = last_heard + limits.heartbeat_timeout;
            let deadline = [Some(next_beat), Some(silent), Some(expires), self.next_deadline()];
            let deadline = deadline.into_iter().flatten().min().unwrap_or(next_beat);
            let now = Instant::now();
            if now >= deadline {
                // before what comes in: a side that never rests must not keep its timers from running
                if now >= expires {
                    return self.close(CloseReason::Expired);
                }
                if now >= silent {
                    return self.close(CloseReason::HeartbeatTimeout);
                }
                if now >= next_beat {
                    next_beat = now + limits.heartbeat;
                    self.send(Out::Heartbeat(Ulid::generate(self.clock.now(), &self.rng)));
                }
                self.tick(hub);
                continue;
            }
            tokio::select! {
                biased;
                () = self.changed() => {}
                together = together(incoming), if self.is_heard() => {
                    if together.is_empty() {
                        return;
                    }
                    last_heard = Instant::now();
                    self.take_in(hub, ait, together).await;
                },
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    /// Takes in what came together.
    async fn take_in(self: &Arc<Self>, hub: &Hub, ait: &Arc<SenderAit>, together: Vec<Inbound>) {
        let mut gathered = Gathered::default();
        for inbound in together {
            match inbound {
                _ if self.is_closed() => break,
                Inbound::Alive => {}
                Inbound::Text(text) if text.len() <= self.config.delivery.max_frame_bytes => {
                    self.frame(hub, ait, &text, &mut gathered).await;
                }
                Inbound::Text(_) | Inbound::TooLarge => self.close(CloseReason::FrameTooLarge),
            }
        }
        gathered.hand_in(self, hub);
    }

    async fn frame(self: &Arc<Self>, hub: &Hub, ait: &Arc<SenderAit>, text: &Utf8Bytes, gathered: &mut Gathered) {
        match Frame::parse(text) {
            Ok(Frame::Enqueue(enqueue)) => self.enqueue(hub, ait, text, &enqueue, gathered).await,
            Ok(Frame::DeliverAck(ack)) if ack.accepted => gathered.delivered(ack.ack_id, self, hub),
            Ok(Frame::DeliverAck(ack)) => {
                gathered.hand_in(self, hub);
                self.refused(ack.ack_id, ack.reason.as_deref(), hub);
            }
            Ok(Frame::Heartbeat { id }) => self.send(Out::HeartbeatAck(id)),
            Ok(Frame::Receipt(receipt)) if self.negotiated => {
                gathered.hand_in(self, hub);
                self.receipt(hub, &receipt);
            }
            Ok(Frame::ReceiptAck { ack_id }) => self.receipt_seen(ack_id),
            Ok(_) => {}
            Err(FrameError::Member {
                kind: "enqueue",
                member,
                id: Some(id),
            }) => {
                let error = RelayError::FrameInvalid(format!("the member {member} is missing or malformed"));
                self.refuse_enqueue(id, error);
            }
            // frames that are not understood are ignored, as the original does
            Err(error) => tracing::debug!(agent = %self.agent, %error, "a frame was ignored"),
        }
    }

    fn refuse_enqueue(&self, id: Ulid, error: RelayError) {
        self.send(Out::EnqueueAck {
            ack_id: id,
            outcome: Err(Box::new(error)),
        });
    }

    async fn enqueue(
        self: &Arc<Self>,
        hub: &Hub,
        ait: &Arc<SenderAit>,
        text: &Utf8Bytes,
        frame: &Enqueue<'_>,
        gathered: &mut Gathered,
    ) {
        if let Some(reserved) = frame.content_type.as_deref().filter(|kind| media::is_reserved(kind)) {
            return self.refuse_enqueue(frame.id, RelayError::ReservedMediaType(reserved.to_owned()));
        }
        if let Some(url) = &frame.reply_to
            && chancery_identity::Origin::of_url(url).is_err()
        {
            return self.refuse_enqueue(frame.id, RelayError::InvalidReplyTo);
        }
        let signed = frame.signed.as_ref();
        let bytes: Bytes = text.clone().into();
        let message = NewMessage {
            sender: self.agent.clone(),
            recipient: frame.to.clone(),
            message_id: signed.map_or_else(|| frame.id.to_string(), |signed| signed.message_id.to_string()),
            conversation: frame.conversation_id.as_deref().map(str::to_owned),
            content_type: frame.content_type.as_deref().map(str::to_owned),
            reply_to: frame.reply_to.as_deref().map(str::to_owned),
            sent_at: signed.map(|signed| signed.sent_at.to_string()),
            sig: signed.map(|signed| signed.sig),
            // a slice of the frame, not a copy of it
            payload: bytes.slice_ref(frame.payload.get().as_bytes()),
            sender_ait: Arc::clone(ait),
        };
        let place = match Arc::clone(&self.pending).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                // more than a windowful that waits for its commit: the socket is not read until some are done
                gathered.hand_in(self, hub);
                let Ok(place) = Arc::clone(&self.pending).acquire_owned().await else {
                    return;
                };
                place
            }
        };
        gathered.message(frame.id, message, place, self, hub);
    }
}

/// The next that comes in, and what comes with it; nothing when the connection has ended.
async fn together<R>(incoming: &mut R) -> Vec<Inbound>
where
    R: Stream<Item = Inbound> + Unpin,
{
    let Some(first) = incoming.next().await else {
        return Vec::new();
    };
    let mut together = vec![first];
    let mut bytes = 0;
    // cancelled only while it waits for the first, so nothing that was taken is lost
    poll_fn(|cx| {
        while together.len() < READ_BATCH && bytes < READ_BATCH_BYTES {
            // its end is seen again by the next look
            let Poll::Ready(Some(next)) = incoming.poll_next_unpin(cx) else {
                break;
            };
            bytes += next.bytes();
            together.push(next);
        }
        Poll::Ready(())
    })
    .await;
    together
}

async fn write<W>(session: Arc<Session>, hub: Hub, mut out: mpsc::UnboundedReceiver<Vec<Out>>, mut outgoing: W)
where
    W: Sink<Outbound> + Send + Unpin,
{
    let mut writer = Writer::new(
        session.negotiated,
        session.config.inject_identity,
        &*session.clock,
        &*session.rng,
    );
    let mut batch = Vec::with_capacity(WRITE_BATCH);
    while out.recv_many(&mut batch, WRITE_BATCH).await > 0 {
        let frames = batch.iter().map(Vec::len).sum();
        for item in batch.drain(..).flatten() {
            let outbound = match writer.write(item) {
                Ok(Written::Frame(outbound)) => outbound,
                Ok(Written::Undeliverable(delivery_id, reason)) => {
                    session.give_up_on(delivery_id, reason, &hub);
                    continue;
                }
                Err(error) => {
                    tracing::error!(agent = %session.agent, %error, "a frame could not be written");
                    session.close(CloseReason::Internal);
                    continue;
                }
            };
            let last = matches!(outbound, Outbound::Close(_));
            if outgoing.feed(outbound).await.is_err() || last {
                // flushing a connection that is gone fails, and that is all right
                let _ = outgoing.flush().await;
                let _ = outgoing.close().await;
                session.close(CloseReason::Shutdown);
                return;
            }
        }
        if outgoing.flush().await.is_err() {
            session.close(CloseReason::Shutdown);
            return;
        }
        session.written(frames);
    }
}
