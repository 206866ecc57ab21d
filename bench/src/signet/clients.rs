//! The clients, the same for the signet and for what stands beside it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::{SinkExt as _, StreamExt as _, poll};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{net::TcpStream, sync::Notify, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, Utf8Bytes},
};

use crate::process::Server;

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Longest time that one step may take before it counts as stuck.
const STUCK: Duration = Duration::from_secs(120);

/// A harness's credential.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Party {
    pub(crate) credential: String,
    pub(crate) token: String,
    pub(crate) chat: String,
}

impl Party {
    /// A heartbeat request.
    pub(crate) fn heartbeat(&self, number: usize) -> Utf8Bytes {
        let request =
            json!({"type": "heartbeat", "requestId": format!("request-{number}"), "credentialId": self.credential});
        request.to_string().into()
    }

    /// A request that says 1 KiB in the chat.
    pub(crate) fn send(&self, number: usize) -> Utf8Bytes {
        let request = json!({"type": "send_message", "requestId": format!("request-{number}"), "groupId": self.chat,
            "contentType": "xmtp.org/text:1.0", "content": {"text": "x".repeat(1024)}});
        request.to_string().into()
    }
}

/// A connection to `path`.
pub(crate) async fn connect(server: &Server, path: &str) -> anyhow::Result<Socket> {
    let stream = TcpStream::connect(&server.address).await?;
    stream.set_nodelay(true)?;
    let (socket, _) = client_async(format!("ws://{}{path}", server.address), stream).await?;
    Ok(socket)
}

/// A connection to the signet that was let in.
pub(crate) async fn enter(server: &Server, party: &Party) -> anyhow::Result<Socket> {
    let mut socket = connect(server, "/v1/agent").await?;
    let auth = json!({"type": "auth", "token": party.token, "lastSeenSeq": null});
    socket.send(Message::text(auth.to_string())).await?;
    let answer = socket.next().await.context("no answer")??;
    ensure!(answer.to_text()?.contains("authenticated"), "not let in: {answer}");
    Ok(socket)
}

/// Sends `count` frames over each connection, `window` of them unanswered at a time; answers a second over all.
pub(crate) async fn ask(
    connections: Vec<(Socket, Vec<Utf8Bytes>)>,
    count: usize,
    window: usize,
) -> anyhow::Result<(f64, Vec<Socket>)> {
    let total = count * connections.len();
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for (socket, frames) in connections {
        tasks.spawn(tokio::time::timeout(STUCK, ask_one(socket, frames, count, window)));
    }
    let mut sockets = Vec::new();
    while let Some(done) = tasks.join_next().await {
        sockets.push(done?.context("stuck")??);
    }
    Ok((total as f64 / begin.elapsed().as_secs_f64(), sockets))
}

async fn ask_one(mut socket: Socket, frames: Vec<Utf8Bytes>, count: usize, window: usize) -> anyhow::Result<Socket> {
    let mut frames = frames.into_iter().cycle().take(count);
    for frame in frames.by_ref().take(window) {
        socket.feed(Message::Text(frame)).await?;
    }
    socket.flush().await?;
    let mut answered = 0;
    while answered < count {
        let mut answer = socket.next().await.context("the connection ended")?;
        let mut together = 0;
        loop {
            let answer_text = answer?;
            // what others said in the chat is no answer
            if answer_text.is_text() && !answer_text.to_text()?.starts_with("{\"seq\"") {
                ensure!(
                    !answer_text.to_text()?.starts_with("{\"ok\":false"),
                    "refused: {answer_text}"
                );
                together += 1;
            }
            match poll!(socket.next()) {
                Poll::Ready(next) => answer = next.context("the connection ended")?,
                Poll::Pending => break,
            }
        }
        answered += together;
        for frame in frames.by_ref().take(together) {
            socket.feed(Message::Text(frame)).await?;
        }
        socket.flush().await?;
    }
    Ok(socket)
}

/// Connections that only listen.
pub(crate) struct Audience {
    heard: Arc<Heard>,
    size: usize,
    expected: usize,
    _listening: JoinSet<()>,
}

#[derive(Default)]
struct Heard {
    texts: AtomicUsize,
    /// Length of the last text.
    length: AtomicUsize,
    awaited: AtomicUsize,
    reached: Notify,
}

impl Audience {
    pub(crate) fn of(sockets: Vec<Socket>) -> Self {
        let heard = Arc::new(Heard::default());
        let size = sockets.len();
        let mut listening = JoinSet::new();
        for socket in sockets {
            listening.spawn(listen(socket, Arc::clone(&heard)));
        }
        Self {
            heard,
            size,
            expected: 0,
            _listening: listening,
        }
    }

    /// Has `server` say `bytes` bytes `times` times, each once the one before was heard by all; texts heard a second.
    pub(crate) async fn hear(&mut self, server: &mut Server, bytes: usize, times: usize) -> anyhow::Result<f64> {
        let begin = Instant::now();
        for _ in 0..times {
            self.expected += self.size;
            self.heard.awaited.store(self.expected, Relaxed);
            server.ask(&format!("say {bytes}")).await?;
            let all = async {
                while self.heard.texts.load(Relaxed) < self.expected {
                    self.heard.reached.notified().await;
                }
            };
            tokio::time::timeout(STUCK, all).await.context("stuck")?;
        }
        Ok((self.size * times) as f64 / begin.elapsed().as_secs_f64())
    }

    /// Length of the text that was heard last.
    pub(crate) fn length(&self) -> usize {
        self.heard.length.load(Relaxed)
    }
}

async fn listen(mut socket: Socket, heard: Arc<Heard>) {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            heard.length.store(message.len(), Relaxed);
            if heard.texts.fetch_add(1, Relaxed) + 1 == heard.awaited.load(Relaxed) {
                heard.reached.notify_one();
            }
        }
    }
}
