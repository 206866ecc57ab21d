//! One connection: lines in, lines out, and the requests between them.

use std::sync::Arc;

use chancery_signet_wire::{
    Failure,
    admin::{RpcRequest, RpcResponse},
};
use serde::Serialize;
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::{UnixStream, unix::OwnedWriteHalf},
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    gate,
    lines::{Lines, Read},
    requests::Session,
};
use crate::{
    admin::Admin,
    settings::{DRAIN, IN_FLIGHT_RETRY_MS, MAX_IN_FLIGHT, MAX_UNWRITTEN, WRITE_TIMEOUT},
};

/// What a connection is told goes through here.
#[derive(Debug, Clone)]
pub(super) struct Out {
    lines: mpsc::Sender<String>,
    /// Cancelled when nothing can be written any more.
    gone: CancellationToken,
}

impl Out {
    /// Has `line` written, and waits for the client to make room; whether it still reads.
    pub(super) async fn send<T: Serialize>(&self, line: &T) -> bool {
        match serde_json::to_string(line) {
            Ok(text) => self.lines.send(text).await.is_ok(),
            Err(error) => {
                tracing::error!(%error, "a line of ours has no form in JSON");
                self.gone.cancel();
                false
            }
        }
    }

    /// Cancelled with the connection, or before.
    pub(super) fn child(&self) -> CancellationToken {
        self.gone.child_token()
    }

    /// Returns when the client does not read any more.
    pub(super) async fn closed(&self) {
        self.gone.cancelled().await;
    }
}

/// Serves one connection; `own` says whether the other end is a process of our user.
pub(super) async fn serve(admin: Admin, stream: UnixStream, own: bool, shutdown: CancellationToken) {
    let (reader, writer) = stream.into_split();
    let gone = CancellationToken::new();
    let (lines, unwritten) = mpsc::channel(MAX_UNWRITTEN);
    // it ends with this connection, wherever it is
    let mut writing = JoinSet::new();
    writing.spawn(write(writer, unwritten, gone.clone()));
    let out = Out { lines, gone };
    let mut lines = Lines::new(BufReader::new(reader), admin.settings().max_body_bytes);
    let proof = tokio::select! {
        proof = gate::admit(&admin, own, &mut lines, &out) => proof,
        () = shutdown.cancelled() => None,
    };
    if let Some(proof) = proof {
        let session = Arc::new(Session::new(admin, proof, out));
        converse(&session, lines, &shutdown).await;
    } else {
        drop(out);
    }
    // what was answered is written; whoever does not read it is not waited for longer than for a line
    if tokio::time::timeout(DRAIN, writing.join_next()).await.is_err() {
        tracing::debug!("a client of the admin socket did not read its answers");
    }
}

/// Answers requests until the client goes or the daemon ends.
async fn converse<R: tokio::io::AsyncBufRead + Unpin>(
    session: &Arc<Session>,
    mut lines: Lines<R>,
    shutdown: &CancellationToken,
) {
    let in_flight = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let mut work = JoinSet::new();
    let out = session.out();
    loop {
        let read = tokio::select! {
            read = lines.next() => read,
            () = out.closed() => break,
            () = shutdown.cancelled() => break,
        };
        while work.try_join_next().is_some() {}
        let text = match read {
            Read::Line(text) => text,
            // read as what it is to JSON: nothing
            Read::Garbled => String::new(),
            Read::TooLong => {
                out.send(&RpcResponse::failure(None, too_long(session))).await;
                break;
            }
            Read::End => break,
        };
        let request = match RpcRequest::parse(&text) {
            Ok(request) => request,
            Err(response) => {
                if !out.send(&response).await {
                    break;
                }
                continue;
            }
        };
        match Arc::clone(&in_flight).try_acquire_owned() {
            Ok(permit) => {
                let session = Arc::clone(session);
                work.spawn(async move {
                    session.answer(request).await;
                    drop(permit);
                });
            }
            Err(_) => {
                let full = Failure::throttled("requestsInFlight", IN_FLIGHT_RETRY_MS);
                if !out.send(&RpcResponse::failure(Some(request.id), full)).await {
                    break;
                }
            }
        }
    }
    session.end_subscriptions();
    let finished = async { while work.join_next().await.is_some() {} };
    tokio::select! {
        () = finished => {}
        () = out.closed() => {}
        () = async { shutdown.cancelled().await; tokio::time::sleep(DRAIN).await } => {}
    }
}

fn too_long(session: &Session) -> Failure {
    let bytes = session.admin().settings().max_body_bytes;
    Failure::validation("line", &format!("a line has at most {bytes} bytes"))
}

/// Writes lines until nobody has any more or the client does not take them.
async fn write(mut writer: OwnedWriteHalf, mut lines: mpsc::Receiver<String>, gone: CancellationToken) {
    let _gone = gone.clone().drop_guard();
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            () = gone.cancelled() => None,
        };
        let Some(mut line) = line else { return };
        line.push('\n');
        let written = tokio::time::timeout(WRITE_TIMEOUT, writer.write_all(line.as_bytes())).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// Tells a client that there is no room for it.
pub(super) async fn turn_away(mut stream: UnixStream) {
    let full = RpcResponse::failure(None, Failure::throttled("connections", 1000));
    let Ok(mut line) = serde_json::to_string(&full) else {
        return;
    };
    line.push('\n');
    // whoever does not read it knows by the end of the connection
    let _ = tokio::time::timeout(DRAIN, stream.write_all(line.as_bytes())).await;
}
