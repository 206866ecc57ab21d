//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::edge::Edge;
use crate::http2::Http2Handler;
use crate::peer::Peer;
use crate::socket::Socket;
use crate::tls::Tls;

/// From accepting a connection to its last header byte, and for a TLS handshake: a client that dribbles holds a seat no
/// longer than this.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of request line and headers together.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// What all connections of a server share.
pub(crate) struct Service {
    pub(crate) handler: Handler,
    pub(crate) tls: Option<Arc<Tls>>,
    /// No new requests.
    pub(crate) stopping: CancellationToken,
    /// No requests at all any more.
    pub(crate) cut: CancellationToken,
}

/// What is spoken, and who answers.
pub(crate) enum Handler {
    Http1(Edge),
    Http2(Http2Handler),
}

impl Service {
    /// Serves `socket` until it ends.
    pub(crate) async fn serve(&self, socket: Socket, peer: Peer) {
        let Some(tls) = &self.tls else {
            self.serve_http(socket, peer).await;
            return;
        };
        let handshake = tokio::time::timeout(HEADER_TIMEOUT, tls.acceptor().accept(socket));
        tokio::select! {
            result = handshake => match result {
                Ok(Ok(stream)) => self.serve_http(stream, peer).await,
                Ok(Err(error)) => tracing::debug!(peer = %peer.address(), %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(peer = %peer.address(), "TLS handshake took too long"),
            },
            () = self.stopping.cancelled() => {}
        }
    }

    async fn serve_http(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        match &self.handler {
            Handler::Http1(edge) => self.serve_http1(stream, peer, edge.clone()).await,
            Handler::Http2(handler) => handler.serve(stream, peer, &self.stopping, &self.cut).await,
        }
    }

    async fn serve_http1(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer, edge: Edge) {
        let address = peer.address();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (edge, peer) = (edge.clone(), peer.clone());
            async move { Ok::<_, Infallible>(edge.answer(request.map(Body::new), Some(&peer)).await) }
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_HEADER_BYTES);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
        let mut draining = false;
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(peer = %address, %error, "connection ended");
                    }
                    return;
                }
                () = self.stopping.cancelled(), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = self.cut.cancelled() => return,
            }
        }
    }
}
