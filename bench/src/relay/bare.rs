//! The yardstick: the least that a durable relay does.

use std::{
    collections::HashMap,
    fs::File,
    io::Write as _,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use axum::{
    Router,
    extract::{
        Path, State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes},
    },
    response::Response,
    routing::get,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::process::ServeOptions;

type Outboxes = Arc<Mutex<HashMap<usize, UnboundedSender<Utf8Bytes>>>>;

#[derive(Clone)]
struct Bare {
    recipients: Outboxes,
    log: mpsc::Sender<Entry>,
}

/// A frame on its way to the disk.
struct Entry {
    frame: Utf8Bytes,
    sender: UnboundedSender<Utf8Bytes>,
    channel: usize,
}

pub(crate) async fn serve(options: ServeOptions) -> anyhow::Result<()> {
    let (log, entries) = mpsc::channel();
    let bare = Bare {
        recipients: Arc::default(),
        log,
    };
    let file = File::create(options.dir.join("log"))?;
    let recipients = Arc::clone(&bare.recipients);
    std::thread::spawn(move || append(file, &entries, &recipients));
    let router = Router::new()
        .route("/sender/{channel}", get(sender))
        .route("/recipient/{channel}", get(recipient))
        .with_state(bare);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

/// One append and one fdatasync for all that has come meanwhile; then the acknowledgements, then the frames.
fn append(mut file: File, entries: &mpsc::Receiver<Entry>, recipients: &Outboxes) {
    let mut batch = Vec::new();
    let mut bytes = Vec::new();
    while let Ok(first) = entries.recv() {
        batch.push(first);
        batch.extend(entries.try_iter().take(511));
        bytes.clear();
        for entry in &batch {
            bytes.extend_from_slice(&(entry.frame.len() as u32).to_le_bytes());
            bytes.extend_from_slice(entry.frame.as_bytes());
        }
        if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        let recipients = recipients.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in batch.drain(..) {
            // the id has the same place in every frame of the bench
            let id = entry.frame.as_str().get(ID_AT..ID_AT + 26).unwrap_or_default();
            let ack = format!(
                "{{\"type\":\"enqueue_ack\",\"v\":1,\"id\":\"{id}\",\"ts\":\"2026-01-01T00:00:00.000Z\",\"ackId\":\"{id}\",\"accepted\":true}}"
            );
            // a client that has gone does not count
            let _ = entry.sender.send(ack.into());
            if let Some(recipient) = recipients.get(&entry.channel) {
                let _ = recipient.send(entry.frame);
            }
        }
    }
}

/// Where the id stands in a frame that begins with `{"type":"enqueue","v":1,"id":"`.
const ID_AT: usize = r#"{"type":"enqueue","v":1,"id":""#.len();

async fn sender(State(bare): State<Bare>, Path(channel): Path<usize>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(2048).on_upgrade(move |socket| async move {
        let (mut sink, mut stream) = socket.split();
        let (acks, mut out) = unbounded_channel::<Utf8Bytes>();
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while out.recv_many(&mut batch, 64).await > 0 {
                for text in batch.drain(..) {
                    if sink.feed(Message::Text(text)).await.is_err() {
                        return;
                    }
                }
                if sink.flush().await.is_err() {
                    return;
                }
            }
        });
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Text(frame) = message {
                // the thread that appends lives as long as the process
                let _ = bare.log.send(Entry {
                    frame,
                    sender: acks.clone(),
                    channel,
                });
            }
        }
    })
}

async fn recipient(State(bare): State<Bare>, Path(channel): Path<usize>, upgrade: WebSocketUpgrade) -> Response {
    let (tx, mut out) = unbounded_channel::<Utf8Bytes>();
    bare.recipients
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(channel, tx);
    upgrade.read_buffer_size(2048).on_upgrade(move |socket| async move {
        let (mut sink, mut stream) = socket.split();
        // answers of the recipient are read, and nothing more is done with them
        tokio::spawn(async move { while let Some(Ok(_)) = stream.next().await {} });
        let mut batch = Vec::new();
        while out.recv_many(&mut batch, 64).await > 0 {
            for text in batch.drain(..) {
                if sink.feed(Message::Text(text)).await.is_err() {
                    return;
                }
            }
            if sink.flush().await.is_err() {
                return;
            }
        }
    })
}
