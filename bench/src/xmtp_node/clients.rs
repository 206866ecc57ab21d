//! The clients, the same for both servers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use chancery_xmtp_node::client::MlsApiClient;
use chancery_xmtp_wire::proto::mls::api::v1::SendGroupMessagesRequest;
use tokio::task::JoinSet;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

use super::{CALLS, CLIENTS, CONNECTIONS, QUERIED_GROUPS, STORED_ROWS, messages};
use crate::process::Server;

pub(crate) type Client = MlsApiClient<Channel>;

/// A server with clients that are connected to it.
pub(crate) struct Connected {
    pub(crate) server: Server,
    pub(crate) clients: Vec<Client>,
}

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Calls a second.
    pub(crate) rate: f64,
    /// CPU of the server a call, microseconds.
    pub(crate) cpu_us: f64,
    /// Calls that were refused because there were too many, and made again.
    pub(crate) refused: usize,
}

/// Longest run before it counts as stuck.
const STUCK: Duration = Duration::from_secs(120);

/// One client on a connection of its own.
pub(crate) async fn connect(server: &Server) -> anyhow::Result<Client> {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address))?;
    Ok(MlsApiClient::new(endpoint.connect().await?))
}

impl Connected {
    pub(crate) async fn start(kind: &str, more: &[&str]) -> anyhow::Result<Self> {
        let server = Server::start(kind, more).await?;
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(connect(&server).await?);
        }
        Ok(Self { server, clients })
    }

    /// Stores what queries ask for.
    pub(crate) async fn fill(&mut self) -> anyhow::Result<()> {
        let client = self.clients.first_mut().context("no client")?;
        for group in 0..QUERIED_GROUPS {
            let group = messages::group_id(group);
            let rows = (0..STORED_ROWS).map(|number| messages::message(&group, number as u64));
            let rows = rows.collect::<anyhow::Result<Vec<_>>>()?;
            client.send_group_messages(messages::sending(rows)).await?;
        }
        Ok(())
    }

    /// Publishes `count` messages, one a call.
    pub(crate) async fn publish(&mut self, count: usize) -> anyhow::Result<Outcome> {
        let each = count / CALLS;
        let mut work = Vec::new();
        for call in 0..CALLS {
            // other groups than those that are asked for
            let group = messages::group_id(QUERIED_GROUPS + call);
            let first = self.server.sent + call * each;
            let requests = (first..first + each)
                .map(|number| Ok(messages::sending([messages::message(&group, number as u64)?])))
                .collect::<anyhow::Result<Vec<_>>>()?;
            work.push(requests);
        }
        self.server.sent += each * CALLS;
        let refused = Arc::new(AtomicUsize::new(0));
        let outcome = self
            .drive(each, work, |client, requests| {
                publish(client, requests, Arc::clone(&refused))
            })
            .await?;
        Ok(Outcome {
            refused: refused.load(Relaxed),
            ..outcome
        })
    }

    /// Asks for `count` pages of `rows` messages.
    pub(crate) async fn query(&mut self, count: usize, rows: u32) -> anyhow::Result<Outcome> {
        let each = count / CALLS;
        let groups = Arc::new((0..QUERIED_GROUPS).map(messages::group_id).collect::<Vec<_>>());
        let work = (0..CALLS).map(|call| (call, Arc::clone(&groups))).collect();
        self.drive(each, work, |client, (first, groups)| {
            query(client, groups, first, each, rows)
        })
        .await
    }

    /// Does all `work` at once, each piece on its client's connection.
    async fn drive<W, F>(&mut self, each: usize, work: Vec<W>, call: impl Fn(Client, W) -> F) -> anyhow::Result<Outcome>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let total = each * work.len();
        let cpu_before = self.server.cpu_us()?;
        let since = Instant::now();
        let mut tasks = JoinSet::new();
        for (number, piece) in work.into_iter().enumerate() {
            let connection = (number % CLIENTS) % CONNECTIONS;
            let client = self.clients.get(connection).context("no client")?;
            tasks.spawn(call(client.clone(), piece));
        }
        let all = async {
            while let Some(done) = tasks.join_next().await {
                done??;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(STUCK, all).await.context("the run is stuck")??;
        let elapsed = since.elapsed().as_secs_f64();
        Ok(Outcome {
            rate: total as f64 / elapsed,
            cpu_us: (self.server.cpu_us()? - cpu_before) / total as f64,
            refused: 0,
        })
    }
}

async fn publish(
    mut client: Client,
    requests: Vec<SendGroupMessagesRequest>,
    refused: Arc<AtomicUsize>,
) -> anyhow::Result<()> {
    for request in requests {
        while let Err(status) = client.send_group_messages(request.clone()).await {
            refused.fetch_add(1, Relaxed);
            tokio::time::sleep(retry_after(&status)?).await;
        }
    }
    Ok(())
}

/// When to come back, as the server says it.
fn retry_after(status: &Status) -> anyhow::Result<Duration> {
    if status.code() != Code::ResourceExhausted {
        bail!("refused: {status}");
    }
    let seconds = status.metadata().get("retry-after").context("refused for good")?;
    Ok(Duration::from_secs(seconds.to_str()?.parse()?))
}

async fn query(
    mut client: Client,
    groups: Arc<Vec<Bytes>>,
    first: usize,
    count: usize,
    rows: u32,
) -> anyhow::Result<()> {
    for group in groups.iter().cycle().skip(first).take(count) {
        let answer = client
            .query_group_messages(messages::asking(group.clone(), rows))
            .await?;
        let found = answer.into_inner().messages.len();
        ensure!(found == rows as usize, "a page of {found} messages");
    }
    Ok(())
}
