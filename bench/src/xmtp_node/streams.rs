//! A thousand open streams: what each costs in memory, and how fast a message reaches all of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use chancery_xmtp_wire::proto::mls::api::v1::{GroupMessage, group_message};
use tokio::{sync::Notify, task::JoinSet};
use tonic::Streaming;

use super::{Options, clients, messages};
use crate::{
    figure::{Figure, median},
    process::Server,
};

/// Streams of one connection.
const PER_CONNECTION: usize = 20;
/// Messages that are sent one at a time, each when the one before has reached every stream.
const ONE_AT_A_TIME: usize = 50;
/// Messages that are sent as fast as they are taken.
const AT_ONCE: usize = 200;
/// Calls in flight that send them.
const IN_FLIGHT: usize = 16;
/// Longest time that one step may take before it counts as stuck.
const STUCK: Duration = Duration::from_secs(60);

/// What was seen.
struct Outcome {
    /// Bytes of the server for each stream, its part of the connection included.
    memory: f64,
    /// From sending to reception at one stream, microseconds.
    p50_us: f64,
    p99_us: f64,
    /// Receptions a second.
    rate: f64,
}

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let streams = options.streams.max(1);
    eprintln!(
        "xmtp-node: {streams} streams of one group, {PER_CONNECTION} a connection, all limits at their defaults; \
         {ONE_AT_A_TIME} messages one at a time, then {AT_ONCE} with {IN_FLIGHT} in flight"
    );
    let mut outcomes = Vec::new();
    for pair in 0..options.pairs.max(1) {
        let (ours, bare) = if pair % 2 == 0 {
            let ours = measure("serve-xmtp-node", streams, PER_CONNECTION).await?;
            (ours, measure("serve-bare-grpc", streams, PER_CONNECTION).await?)
        } else {
            let bare = measure("serve-bare-grpc", streams, PER_CONNECTION).await?;
            (measure("serve-xmtp-node", streams, PER_CONNECTION).await?, bare)
        };
        eprintln!(
            "pair {}: ours {:.0}/s, p50 {:.0} us, p99 {:.0} us; bare {:.0}/s, p50 {:.0} us, p99 {:.0} us",
            pair + 1,
            ours.rate,
            ours.p50_us,
            ours.p99_us,
            bare.rate,
            bare.p50_us,
            bare.p99_us
        );
        outcomes.push((ours, bare));
    }
    let pairs = |of: fn(&Outcome) -> f64| outcomes.iter().map(|(a, b)| (of(a), of(b))).collect::<Vec<_>>();
    let json = options.json;
    Figure::paired("xmtp-node.stream_memory", &pairs(|o| o.memory / 1024.0), "none", "KiB").print(json)?;
    Figure::paired("xmtp-node.fanout_latency_p50", &pairs(|o| o.p50_us), "none", "us").print(json)?;
    Figure::paired("xmtp-node.fanout_latency_p99", &pairs(|o| o.p99_us), "none", "us").print(json)?;
    Figure::paired(
        "xmtp-node.fanout_per_second",
        &pairs(|o| o.rate),
        "none",
        "receptions/s",
    )
    .print(json)?;
    let ours = measure("serve-xmtp-node", streams, 1).await?.memory / 1024.0;
    let bare = measure("serve-bare-grpc", streams, 1).await?.memory / 1024.0;
    Figure::against("xmtp-node.stream_memory.connection_each", ours, bare, "none", "KiB").print(json)
}

/// What all streams share.
struct Board {
    begin: Instant,
    /// When each message was sent, nanoseconds after `begin`.
    sent: Vec<AtomicU64>,
    /// Receptions so far, and the number of them that somebody waits for.
    received: AtomicUsize,
    awaited: AtomicUsize,
    reached: Notify,
}

impl Board {
    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn send(&self, number: usize) {
        if let Some(sent) = self.sent.get(number) {
            sent.store(self.now(), Relaxed);
        }
    }

    /// Waits until `count` receptions were seen.
    async fn wait_for(&self, count: usize) -> anyhow::Result<()> {
        self.awaited.store(count, Relaxed);
        let reached = async {
            while self.received.load(Relaxed) < count {
                self.reached.notified().await;
            }
        };
        tokio::time::timeout(STUCK, reached)
            .await
            .with_context(|| format!("{} of {count} receptions", self.received.load(Relaxed)))
    }

    /// Nanoseconds that message `number` took until now.
    fn receive(&self, number: usize) -> Option<u64> {
        let taken = self.now().saturating_sub(self.sent.get(number)?.load(Relaxed));
        if self.received.fetch_add(1, Relaxed) + 1 == self.awaited.load(Relaxed) {
            self.reached.notify_one();
        }
        Some(taken)
    }
}

async fn measure(kind: &str, streams: usize, per_connection: usize) -> anyhow::Result<Outcome> {
    let server = Server::start(kind, &["--default-limits"]).await?;
    let group = messages::group_id(0);
    let mut publisher = clients::connect(&server).await?;
    let total = 1 + ONE_AT_A_TIME + AT_ONCE;
    // published before anybody listens, on a stream that ends: code and buffers that all share are there
    let early = messages::message(&group, total as u64)?;
    publisher.send_group_messages(messages::sending([early])).await?;
    drop(
        publisher
            .subscribe_group_messages(messages::subscribing(messages::group_id(1)))
            .await?,
    );
    let before = server.resident_bytes()?;

    let board = Arc::new(Board {
        begin: Instant::now(),
        sent: (0..total).map(|_| AtomicU64::new(0)).collect(),
        received: AtomicUsize::new(0),
        awaited: AtomicUsize::new(usize::MAX),
        reached: Notify::new(),
    });
    let mut readers = JoinSet::new();
    let mut client = None;
    for stream in 0..streams {
        if stream % per_connection == 0 {
            client = Some(clients::connect(&server).await?);
        }
        let client = client.as_mut().context("no client")?;
        let opened = client
            .subscribe_group_messages(messages::subscribing(group.clone()))
            .await?;
        readers.spawn(read(opened.into_inner(), total, Arc::clone(&board)));
    }
    // one that all have received: nobody reads history any more
    let data = prepared(&group, total)?;
    let mut requests = data.into_iter().enumerate();
    let (number, request) = requests.next().context("no message")?;
    board.send(number);
    publisher.send_group_messages(request).await?;
    board.wait_for(streams).await?;
    let memory = (server.resident_bytes()? - before) / streams as f64;

    for (number, request) in requests.by_ref().take(ONE_AT_A_TIME) {
        board.send(number);
        publisher.send_group_messages(request).await?;
        board.wait_for(streams * (number + 1)).await?;
    }

    let since = Instant::now();
    let (queue, queued) = tokio::sync::mpsc::unbounded_channel();
    for request in requests {
        queue.send(request)?;
    }
    drop(queue);
    let queued = Arc::new(tokio::sync::Mutex::new(queued));
    let mut senders = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (queued, board, mut publisher) = (Arc::clone(&queued), Arc::clone(&board), publisher.clone());
        senders.spawn(async move {
            loop {
                let next = queued.lock().await.recv().await;
                let Some((number, request)) = next else {
                    return anyhow::Ok(());
                };
                board.send(number);
                publisher.send_group_messages(request).await?;
            }
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    board.wait_for(streams * total).await?;
    let rate = (streams * AT_ONCE) as f64 / since.elapsed().as_secs_f64();

    let mut latencies = Vec::with_capacity(streams * ONE_AT_A_TIME);
    while let Some(read) = readers.join_next().await {
        latencies.extend(read??);
    }
    latencies.sort_by(f64::total_cmp);
    let p99_us = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or(0.0);
    Ok(Outcome {
        memory,
        p50_us: median(latencies.into_iter()),
        p99_us,
        rate,
    })
}

fn prepared(
    group: &Bytes,
    total: usize,
) -> anyhow::Result<Vec<chancery_xmtp_wire::proto::mls::api::v1::SendGroupMessagesRequest>> {
    let request = |number| Ok(messages::sending([messages::message(group, number as u64)?]));
    (0..total).map(request).collect()
}

/// Receives messages until it has `total`. Latencies of those that were sent one at a time, microseconds.
async fn read(mut stream: Streaming<GroupMessage>, total: usize, board: Arc<Board>) -> anyhow::Result<Vec<f64>> {
    let mut latencies = Vec::with_capacity(ONE_AT_A_TIME);
    let mut left = total;
    while left > 0 {
        let message = stream.message().await?.context("the stream ended")?;
        let Some(group_message::Version::V1(v1)) = message.version else {
            bail!("a message without a version");
        };
        let number = usize::try_from(messages::number_of(&v1.data)?)?;
        // what was published before anybody listened is history
        let Some(taken) = board.receive(number) else { continue };
        if (1..=ONE_AT_A_TIME).contains(&number) {
            latencies.push(taken as f64 / 1000.0);
        }
        left -= 1;
    }
    Ok(latencies)
}
