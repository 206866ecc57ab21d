//! A node whose identity logs have entries that no node should let in.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::header::CONTENT_LENGTH,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use chancery_serve::{Bound, Protocol, ServerConfig, system::SystemClock};
use chancery_xmtp_node::{Node, Settings, Store};
use chancery_xmtp_wire::{
    identity::{IdentityUpdate, InboxId},
    proto::identity::api::v1::{
        GetIdentityUpdatesRequest, GetIdentityUpdatesResponse, get_identity_updates_response::IdentityUpdateLog,
    },
};
use http_body_util::BodyExt as _;
use prost::Message;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What it says beside the truth: entries by inbox.
type Lies = Arc<Mutex<BTreeMap<String, Vec<IdentityUpdateLog>>>>;

/// A node of ours in this process, in memory, which adds to what it says of identity logs whatever it is told to. It ends
/// when it is dropped.
pub struct Liar {
    address: SocketAddr,
    lies: Lies,
    _stop: DropGuard,
}

impl Liar {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        let settings = Settings::default();
        let server = ServerConfig {
            protocol: Protocol::Http2(settings.http2.clone()),
            ..ServerConfig::new(([127, 0, 0, 1], 0).into())
        };
        let bound = Bound::bind(&server).await.unwrap();
        let address = bound.local_addr();
        let node = Node::new(settings, Store::memory(), Arc::new(SystemClock));
        let lies = Lies::default();
        let stop = CancellationToken::new();
        let router = node.router().layer(from_fn_with_state(Arc::clone(&lies), answer));
        tokio::spawn(bound.run(router, stop.clone()));
        Self {
            address,
            lies,
            _stop: stop.drop_guard(),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on the log of `inbox` has this entry under the id `sequence_id`, too; it must be behind those that it has.
    pub fn lie(&self, inbox: InboxId, sequence_id: u64, update: &IdentityUpdate) {
        let mut lies = self.lies.lock().unwrap_or_else(PoisonError::into_inner);
        lies.entry(inbox.to_string()).or_default().push(IdentityUpdateLog {
            sequence_id,
            server_timestamp_ns: 1,
            update: Some(update.into()),
        });
    }
}

/// Passes a request on, and adds to the answer if it is one about identity logs.
async fn answer(State(lies): State<Lies>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/xmtp.identity.api.v1.IdentityApi/GetIdentityUpdates" {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let asked = body.collect().await.unwrap().to_bytes();
    let about: GetIdentityUpdatesRequest = unframed(&asked);
    let response = next.run(Request::from_parts(parts, Body::from(asked))).await;
    let (mut parts, body) = response.into_parts();
    let answered = body.collect().await.unwrap();
    let trailers = answered.trailers().cloned();
    let mut answered = answered.to_bytes();
    if !answered.is_empty() {
        let mut told: GetIdentityUpdatesResponse = unframed(&answered);
        let lies = lies.lock().unwrap_or_else(PoisonError::into_inner);
        for (asked, told) in about.requests.iter().zip(&mut told.responses) {
            let lies = lies.get(&asked.inbox_id).into_iter().flatten();
            told.updates
                .extend(lies.filter(|lie| lie.sequence_id > asked.sequence_id).cloned());
        }
        answered = framed(&told).into();
    }
    parts.headers.remove(CONTENT_LENGTH);
    let body = http_body_util::Full::new(answered).with_trailers(async move { trailers.map(Ok) });
    Response::from_parts(parts, Body::new(body))
}

/// The message of a gRPC frame that is not compressed.
fn unframed<M: Message + Default>(frame: &[u8]) -> M {
    assert_eq!(frame[0], 0, "not compressed");
    M::decode(&frame[5..]).unwrap()
}

fn framed(message: &impl Message) -> Vec<u8> {
    let length = u32::try_from(message.encoded_len()).unwrap();
    let mut frame = vec![0];
    frame.extend(length.to_be_bytes());
    frame.extend(message.encode_to_vec());
    frame
}
