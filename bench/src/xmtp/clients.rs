//! Clients of ours in a process of their own: one request a line, one answer a line. The operations are those of
//! `tests/xmtp/operations.mjs` that the bench asks for, and what only we are asked.

use std::{
    collections::HashMap,
    fmt::Write as _,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chancery_serve::system::{OsRng, SystemClock};
use chancery_xmtp_client::{
    client::{Client, Event, GroupOptions, Parts},
    crypto::Crypto,
    network::{Endpoint, Grpc},
    storage::{InboxDb, InboxKey},
};
use chancery_xmtp_wire::{
    content::Content,
    identity::{InboxId, Nonce, WalletKey},
};
use clap::Args;
use futures_util::StreamExt as _;
use openmls::group::GroupId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    sync::Notify,
    task::JoinSet,
};

/// Options of the process.
#[derive(Debug, Args)]
pub(crate) struct ClientsOptions {
    /// The node.
    #[arg(long)]
    node: Endpoint,
}

/// An operation on a client.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Request {
    /// Registers; without a file it lives in memory.
    Create {
        client: String,
        db: Option<PathBuf>,
    },
    /// Registers so many that nobody asks for anything.
    Crowd {
        count: usize,
    },
    NewGroup {
        client: String,
        members: Vec<String>,
    },
    SyncAll {
        client: String,
    },
    SyncConversation {
        client: String,
        conversation: String,
    },
    SendMany {
        client: String,
        conversation: String,
        text: String,
        count: usize,
        in_flight: usize,
    },
    Listen {
        client: String,
    },
    Heard {
        client: String,
        count: usize,
    },
    /// Sends texts that begin with the time, one every `every_ms`.
    Say {
        client: String,
        conversation: String,
        text: String,
        count: usize,
        every_ms: u64,
    },
    AddMembers {
        client: String,
        conversation: String,
        members: Vec<String>,
    },
    RemoveMembers {
        client: String,
        conversation: String,
        members: Vec<String>,
    },
    Rename {
        client: String,
        conversation: String,
        name: String,
    },
}

/// How long an operation took, beside what it answers.
#[derive(Serialize)]
struct Timed {
    #[serde(flatten)]
    answer: Value,
    took: f64,
}

struct Clients {
    node: Grpc,
    clients: HashMap<String, Client>,
    heard: HashMap<String, Arc<Heard>>,
}

/// What came, and how long each message took in nanoseconds.
#[derive(Default)]
struct Heard {
    took: Mutex<Vec<u64>>,
    more: Notify,
}

pub(crate) async fn serve(options: ClientsOptions) -> anyhow::Result<()> {
    let mut clients = Clients {
        node: Grpc::new(options.node)?,
        clients: HashMap::new(),
        heard: HashMap::new(),
    };
    println!("{}", json!({ "ready": {} }));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let request = serde_json::from_str(&line)?;
        let started = Instant::now();
        let answer = match clients.run(request).await {
            Ok(answer) => {
                let took = started.elapsed().as_secs_f64();
                json!({ "result": Timed { answer, took } })
            }
            Err(error) => json!({ "error": format!("{error:#}") }),
        };
        println!("{answer}");
    }
    Ok(())
}

impl Clients {
    async fn run(&mut self, request: Request) -> anyhow::Result<Value> {
        match request {
            Request::Create { client, db } => {
                let made = self.register(db).await?;
                let inbox = made.inbox().to_string();
                self.clients.insert(client, made);
                return Ok(json!({ "inboxId": inbox }));
            }
            Request::Crowd { count } => {
                let mut inboxes = Vec::with_capacity(count);
                for _ in 0..count {
                    inboxes.push(self.register(None).await?.inbox().to_string());
                }
                return Ok(json!({ "inboxIds": inboxes }));
            }
            Request::NewGroup { client, members } => {
                let made = self
                    .client(&client)?
                    .create_group(GroupOptions::default(), &inboxes(&members)?)
                    .await?;
                return Ok(json!({ "id": hex(made.as_slice()) }));
            }
            Request::SyncAll { client } => {
                self.client(&client)?.sync().await?;
            }
            Request::SyncConversation { client, conversation } => {
                self.client(&client)?.sync_conversation(&group(&conversation)?).await?;
            }
            Request::SendMany {
                client,
                conversation,
                text,
                count,
                in_flight,
            } => {
                let (client, group) = (self.client(&client)?, group(&conversation)?);
                return send_many(client, group, text, count, in_flight).await;
            }
            Request::Listen { client } => {
                let heard = Arc::new(Heard::default());
                tokio::spawn(listen(self.client(&client)?.clone(), Arc::clone(&heard)));
                self.heard.insert(client, heard);
            }
            Request::Heard { client, count } => {
                let heard = self.heard.get(&client).context("nobody listens")?;
                return Ok(json!({ "nanoseconds": heard.wait_for(count).await }));
            }
            Request::Say {
                client,
                conversation,
                text,
                count,
                every_ms,
            } => {
                let (client, group) = (self.client(&client)?, group(&conversation)?);
                return say(client, &group, &text, count, Duration::from_millis(every_ms)).await;
            }
            Request::AddMembers {
                client,
                conversation,
                members,
            } => {
                self.client(&client)?
                    .add_members(&group(&conversation)?, &inboxes(&members)?)
                    .await?;
            }
            Request::RemoveMembers {
                client,
                conversation,
                members,
            } => {
                let client = self.client(&client)?;
                client
                    .remove_members(&group(&conversation)?, &inboxes(&members)?)
                    .await?;
            }
            Request::Rename {
                client,
                conversation,
                name,
            } => {
                let client = self.client(&client)?;
                client.set_field(&group(&conversation)?, "group_name", &name).await?;
            }
        }
        Ok(json!({}))
    }

    fn client(&self, name: &str) -> anyhow::Result<&Client> {
        self.clients.get(name).context("no such client")
    }

    async fn register(&self, db: Option<PathBuf>) -> anyhow::Result<Client> {
        let crypto = Crypto::new(Arc::new(OsRng));
        let db = match db {
            Some(path) => InboxDb::open(&path, &InboxKey::generate(&OsRng), crypto)?,
            None => InboxDb::in_memory(crypto)?,
        };
        let parts = Parts {
            node: Arc::new(self.node.clone()),
            db,
            clock: Arc::new(SystemClock),
            rng: Arc::new(OsRng),
        };
        Ok(Client::register(parts, &WalletKey::generate(&OsRng)?, Nonce(1)).await?)
    }
}

/// Sends `count` texts, `in_flight` at a time.
async fn send_many(
    client: &Client,
    group: GroupId,
    text: String,
    count: usize,
    in_flight: usize,
) -> anyhow::Result<Value> {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut turns = JoinSet::new();
    for _ in 0..in_flight {
        let (client, group, text, next) = (client.clone(), group.clone(), text.clone(), Arc::clone(&next));
        turns.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(());
                }
                let content = Content::Text(format!("{text} {}", number + 1)).encode()?;
                client.send(&group, content).await?;
            }
        });
    }
    while let Some(turn) = turns.join_next().await {
        turn??;
    }
    let seconds = started.elapsed().as_secs_f64();
    client.sync_conversation(&group).await?;
    Ok(json!({ "seconds": seconds, "settledSeconds": started.elapsed().as_secs_f64() }))
}

/// Sends texts that begin with the time; how long each send took, in nanoseconds.
async fn say(client: &Client, group: &GroupId, text: &str, count: usize, every: Duration) -> anyhow::Result<Value> {
    let mut beats = tokio::time::interval(every);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        beats.tick().await;
        let sent = now();
        let content = Content::Text(format!("{sent} {text}")).encode()?;
        client.send(group, content).await?;
        took.push(now().saturating_sub(sent));
    }
    Ok(json!({ "nanoseconds": took }))
}

async fn listen(client: Client, heard: Arc<Heard>) {
    let mut events = std::pin::pin!(client.follow());
    while let Some(Ok(event)) = events.next().await {
        let now = now();
        let Event::Message(message) = event else { continue };
        let text = message.content.and_then(|content| Content::decode(&content).ok());
        let Some(Content::Text(text)) = text else { continue };
        let sent = text.split(' ').next().and_then(|sent| sent.parse::<u64>().ok());
        if let Some(sent) = sent {
            let mut took = heard.took.lock().unwrap_or_else(PoisonError::into_inner);
            took.push(now.saturating_sub(sent));
            heard.more.notify_one();
        }
    }
}

impl Heard {
    /// Waits for so many messages, and takes them.
    async fn wait_for(&self, count: usize) -> Vec<u64> {
        loop {
            {
                let mut took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
                if took.len() >= count {
                    return took.drain(..count).collect();
                }
            }
            self.more.notified().await;
        }
    }
}

/// Nanoseconds of the monotonic clock, which all processes of a machine share (and Node's `process.hrtime`).
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn group(id: &str) -> anyhow::Result<GroupId> {
    let pairs = id.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    Ok(GroupId::from_slice(&bytes.collect::<anyhow::Result<Vec<_>>>()?))
}

fn inboxes(ids: &[String]) -> anyhow::Result<Vec<InboxId>> {
    Ok(ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?)
}
