//! The clients, the same for both relays.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use chancery_base::{Ulid, ed25519::SecretKey};
use chancery_identity::{
    message::{self, SignedMessage},
    proof::ProofHeaders,
};
use chancery_relay_wire::{
    Frame,
    frame::{DeliverAck, Enqueue, EnqueueSigned},
    header, route,
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, Utf8Bytes, client::IntoClientRequest as _},
};

use super::agents::{self, Agent};
use crate::{figure::median, process::Server};

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) channels: usize,
    pub(crate) window: usize,
    pub(crate) conversations: usize,
    pub(crate) messages: usize,
    pub(crate) payload: usize,
}

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Messages a second, from the first sent to the last received.
    pub(crate) rate: f64,
    /// CPU of the server a message, microseconds.
    pub(crate) cpu_us: f64,
    /// From sent to received, microseconds.
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

type Socket = WebSocketStream<TcpStream>;

/// Longest run before it counts as stuck.
const STUCK: Duration = Duration::from_secs(300);

/// Runs `load` through `server`.
pub(crate) async fn drive(server: &mut Server, load: &Load) -> anyhow::Result<Outcome> {
    tokio::time::timeout(STUCK, drive_inner(server, load))
        .await
        .context("the run is stuck")?
}

async fn drive_inner(server: &mut Server, load: &Load) -> anyhow::Result<Outcome> {
    let per_channel = load.messages / load.channels;
    let total = per_channel * load.channels;
    let mut senders = Vec::new();
    let mut recipients = Vec::new();
    for channel in 0..load.channels {
        let (from, to) = (agents::sender(channel)?, agents::recipient(channel)?);
        let frames = frames(&from, &to, channel, per_channel, server.sent, load)?;
        recipients.push(connect(server, "recipient", channel, &to).await?);
        senders.push((connect(server, "sender", channel, &from).await?, frames));
    }
    server.sent += per_channel;
    let sent_at: Arc<Vec<AtomicU64>> = Arc::new((0..total).map(|_| AtomicU64::new(0)).collect());
    let taken: Arc<Vec<AtomicU64>> = Arc::new((0..total).map(|_| AtomicU64::new(0)).collect());
    let received = Arc::new(AtomicUsize::new(0));
    let cpu_before = server.cpu_us()?;
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for socket in recipients {
        tasks.spawn(receive(
            socket,
            per_channel,
            start,
            Arc::clone(&sent_at),
            Arc::clone(&taken),
            Arc::clone(&received),
        ));
    }
    for (channel, (socket, frames)) in senders.into_iter().enumerate() {
        tasks.spawn(send(
            socket,
            frames,
            load.window,
            channel * per_channel,
            start,
            Arc::clone(&sent_at),
        ));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let elapsed = start.elapsed().as_secs_f64();
    let cpu = server.cpu_us()? - cpu_before;
    if received.load(Relaxed) != total {
        bail!("{} of {total} messages were received", received.load(Relaxed));
    }
    let mut latencies: Vec<f64> = taken.iter().map(|t| t.load(Relaxed) as f64 / 1000.0).collect();
    latencies.sort_by(f64::total_cmp);
    let p99 = latencies.get(total * 99 / 100).copied().unwrap_or(0.0);
    Ok(Outcome {
        rate: total as f64 / elapsed,
        cpu_us: cpu / total as f64,
        p50_us: median(latencies.into_iter()),
        p99_us: p99,
    })
}

/// All frames of one sender, written and signed beforehand: what signing costs is not the relay's.
fn frames(
    from: &Agent,
    to: &Agent,
    channel: usize,
    count: usize,
    already: usize,
    load: &Load,
) -> anyhow::Result<Vec<Utf8Bytes>> {
    let payload = RawValue::from_string(format!(
        "{{\"message\":\"{}\"}}",
        "x".repeat(load.payload.saturating_sub(14))
    ))?;
    let sent_at = agents::now().to_rfc3339();
    let now = agents::now();
    (0..count)
        .map(|n| {
            // in the order of time over all senders, as ids are that are made when they are sent
            let mut bytes = [0; 16];
            bytes[..6].copy_from_slice(&now.0.to_be_bytes()[2..]);
            bytes[6..10].copy_from_slice(&(u32::try_from(already + n)?).to_be_bytes());
            bytes[10..12].copy_from_slice(&(u16::try_from(channel)?).to_be_bytes());
            bytes[12..].copy_from_slice(&(u32::try_from(channel * count + n)?).to_be_bytes());
            let id = Ulid::from_bytes(bytes);
            let lane = format!("c{}", n % load.conversations);
            let message_id = id.to_string();
            let signed = SignedMessage {
                message_id: &message_id,
                from: &from.did,
                to: &to.did,
                lane: &lane,
                content_type: "",
                sent_at: &sent_at,
                payload: payload.get().as_bytes(),
            };
            let sig = cached_signature(&signed, &from.key);
            let frame = Frame::Enqueue(Enqueue {
                id,
                to: to.did.clone(),
                payload: &payload,
                content_type: None,
                conversation_id: Some(lane.as_str().into()),
                reply_to: None,
                signed: Some(EnqueueSigned {
                    message_id: message_id.as_str().into(),
                    sent_at: sent_at.as_str().into(),
                    sig,
                }),
            });
            Ok(frame.encode(id, now)?.into())
        })
        .collect()
}

/// The relay does not verify message signatures (the recipient does), so one a run is as good as one a message here.
fn cached_signature(signed: &SignedMessage<'_>, key: &SecretKey) -> chancery_base::ed25519::Signature {
    use std::cell::RefCell;
    thread_local! {
        static LAST: RefCell<Option<chancery_base::ed25519::Signature>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| *last.get_or_insert_with(|| message::sign(signed, key)))
}

async fn connect(server: &Server, role: &str, channel: usize, agent: &Agent) -> anyhow::Result<Socket> {
    let bare = tokio::net::TcpStream::connect(&server.address).await?;
    bare.set_nodelay(true)?;
    let ours = server.is_ours();
    let path = if ours {
        route::CONNECT.to_owned()
    } else {
        format!("/{role}/{channel}")
    };
    let mut request = format!("ws://{}{path}", server.address).into_client_request()?;
    if ours {
        let proof = ProofHeaders::sign("GET", &path, b"", agents::now(), &agents::Counter::new(), &agent.key);
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Claw {}", agent.ait).parse()?);
        headers.insert(header::AGENT_ACCESS, "clw_agt_bench".parse()?);
        headers.insert(header::FEATURES, header::FEATURE_MESSAGES.parse()?);
        for (name, value) in proof.pairs() {
            headers.insert(name, value.parse()?);
        }
    }
    let (socket, _) = client_async(request, bare).await?;
    Ok(socket)
}

async fn send(
    mut socket: Socket,
    frames: Vec<Utf8Bytes>,
    window: usize,
    first: usize,
    start: Instant,
    sent_at: Arc<Vec<AtomicU64>>,
) -> anyhow::Result<()> {
    let (mut sent, mut acked) = (0, 0);
    while acked < frames.len() {
        while sent < frames.len() && sent - acked < window {
            if let (Some(frame), Some(at)) = (frames.get(sent), sent_at.get(first + sent)) {
                at.store(u64::try_from(start.elapsed().as_nanos())?, Relaxed);
                socket.feed(Message::Text(frame.clone())).await?;
            }
            sent += 1;
        }
        socket.flush().await?;
        let message = socket.next().await.context("the relay closed the sender's socket")??;
        if let Message::Text(text) = message {
            match Frame::parse(&text)? {
                Frame::EnqueueAck(ack) if ack.accepted => acked += 1,
                Frame::EnqueueAck(ack) => bail!("refused: {:?} {:?}", ack.code, ack.reason),
                _ => {}
            }
        }
    }
    Ok(())
}

async fn receive(
    mut socket: Socket,
    expected: usize,
    start: Instant,
    sent_at: Arc<Vec<AtomicU64>>,
    taken: Arc<Vec<AtomicU64>>,
    received: Arc<AtomicUsize>,
) -> anyhow::Result<()> {
    let mut count = 0;
    while count < expected {
        let message = socket
            .next()
            .await
            .context("the relay closed the recipient's socket")??;
        let Message::Text(text) = message else { continue };
        let (ack_id, message_id) = match Frame::parse(&text)? {
            Frame::Deliver(deliver) => {
                let extra = deliver.extra.context("a message without its id")?;
                (deliver.id, extra.message_id.parse::<Ulid>()?)
            }
            // what the bare relay passes on
            Frame::Enqueue(enqueue) => (enqueue.id, enqueue.id),
            _ => continue,
        };
        let ack = Frame::DeliverAck(DeliverAck {
            ack_id,
            accepted: true,
            reason: None,
        })
        .encode(ack_id, agents::now())?;
        socket.send(Message::Text(ack.into())).await?;
        let bytes = message_id.to_bytes();
        let index = u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]) as usize;
        let now = u64::try_from(start.elapsed().as_nanos())?;
        if let (Some(sent), Some(slot)) = (sent_at.get(index), taken.get(index)) {
            slot.store(now.saturating_sub(sent.load(Relaxed)), Relaxed);
        }
        count += 1;
        received.fetch_add(1, Relaxed);
    }
    Ok(())
}
