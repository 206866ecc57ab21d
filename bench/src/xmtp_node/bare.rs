//! The yardstick: tonic's own server with tonic's own codec, and handlers that do nothing but answer.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use anyhow::Context as _;
use bytes::Bytes;
use chancery_xmtp_wire::proto::mls::api::v1::{
    GroupMessage, GroupMessageInput, PagingInfo, QueryGroupMessagesRequest, QueryGroupMessagesResponse,
    SendGroupMessagesRequest, SubscribeGroupMessagesRequest, group_message, group_message_input,
};
use futures_util::{
    future::{BoxFuture, ready},
    stream::{self, BoxStream},
};
use tokio::sync::broadcast;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{Service, http},
    metadata::MetadataValue,
    server::Grpc,
    transport::server::{Server, TcpIncoming},
};
use tonic_prost::ProstCodec;

use super::messages;
use crate::process::ServeOptions;

/// Messages that may wait for one stream, as many as the node lets wait.
const WAITING: usize = 4096;

/// Group and message that every query is answered with.
const PAGE_ROWS: u64 = 100;

#[derive(Clone)]
struct Bare {
    next: Arc<AtomicU64>,
    streams: broadcast::Sender<GroupMessage>,
    page: Arc<Vec<GroupMessage>>,
}

pub(crate) async fn serve(_: ServeOptions) -> anyhow::Result<()> {
    let group = messages::group_id(0);
    let page = (1..=PAGE_ROWS).map(|id| Ok(stored(id, messages::message(&group, id)?)));
    let bare = Bare {
        next: Arc::default(),
        streams: broadcast::channel(WAITING).0,
        page: Arc::new(page.collect::<anyhow::Result<_>>()?),
    };
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())?.with_nodelay(Some(true));
    println!("{}", incoming.local_addr()?);
    let served = Server::builder().serve_with_incoming(bare, incoming).await;
    served.context("the bare server ended")
}

fn stored(id: u64, data: Bytes) -> GroupMessage {
    let v1 = group_message::V1 {
        id,
        created_ns: 1_790_000_000_000_000_000 + id,
        group_id: messages::group_id(0),
        data,
        sender_hmac: messages::hmac(),
        should_push: true,
        is_commit: false,
    };
    GroupMessage {
        version: Some(group_message::Version::V1(v1)),
    }
}

impl Bare {
    fn send(&self, request: SendGroupMessagesRequest) -> Result<Response<()>, Status> {
        for GroupMessageInput { version } in request.messages {
            if let Some(group_message_input::Version::V1(v1)) = version
                && self.streams.receiver_count() > 0
            {
                // nobody may listen any more
                let _ = self.streams.send(stored(self.next.fetch_add(1, Relaxed), v1.data));
            }
        }
        Ok(Response::new(()))
    }

    fn query(&self, request: QueryGroupMessagesRequest) -> Result<Response<QueryGroupMessagesResponse>, Status> {
        let asked = request.paging_info.map_or(0, |info| info.limit);
        let rows = usize::try_from(asked).unwrap_or(usize::MAX);
        Ok(Response::new(QueryGroupMessagesResponse {
            messages: self.page.iter().take(rows).cloned().collect(),
            paging_info: Some(PagingInfo {
                direction: 1,
                limit: asked,
                id_cursor: u64::from(asked),
            }),
        }))
    }

    fn subscribe(&self) -> Result<Response<BoxStream<'static, Result<GroupMessage, Status>>>, Status> {
        let live = stream::unfold(self.streams.subscribe(), |mut live| async {
            let message = live.recv().await.map_err(|error| Status::aborted(error.to_string()));
            Some((message, live))
        });
        let live: BoxStream<'static, _> = Box::pin(live);
        let mut response = Response::new(live);
        // with metadata the headers go out at once, as the node's do
        let yes = MetadataValue::from_static("true");
        response.metadata_mut().insert("subscribed", yes);
        Ok(response)
    }
}

impl Service<http::Request<Body>> for Bare {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// As the generated services do it: the method by its path, a codec and a [`Grpc`] for each call.
    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let bare = self.clone();
        match request.uri().path() {
            "/xmtp.mls.api.v1.MlsApi/SendGroupMessages" => Box::pin(async move {
                let send = tower::service_fn(|request: Request<_>| ready(bare.send(request.into_inner())));
                Ok(Grpc::new(ProstCodec::default()).unary(send, request).await)
            }),
            "/xmtp.mls.api.v1.MlsApi/QueryGroupMessages" => Box::pin(async move {
                let query = tower::service_fn(|request: Request<_>| ready(bare.query(request.into_inner())));
                Ok(Grpc::new(ProstCodec::default()).unary(query, request).await)
            }),
            "/xmtp.mls.api.v1.MlsApi/SubscribeGroupMessages" => Box::pin(async move {
                let subscribe = |_: Request<SubscribeGroupMessagesRequest>| ready(bare.subscribe());
                let subscribe = tower::service_fn(subscribe);
                Ok(Grpc::new(ProstCodec::default())
                    .server_streaming(subscribe, request)
                    .await)
            }),
            _ => Box::pin(ready(Ok(
                Status::unimplemented("the bare server knows three methods").into_http()
            ))),
        }
    }
}
