//! Connections that speak HTTP/2 (RFC 9113).

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::cidr::Cidr;
use crate::client_addr::ClientAddr;
use crate::config::{Http2, ServerConfig};
use crate::peer::Peer;
use crate::together::Together;

/// Bytes of all headers of a request, as HTTP/2 counts them.
const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// The connection that a request came over; an extension of requests over HTTP/2.
#[derive(Debug, Clone)]
pub struct Connection(CancellationToken);

impl Connection {
    /// Cuts the connection, with every stream of it: for a client that does not read what it asked for.
    pub fn cut(&self) {
        self.0.cancel();
    }
}

/// Answers requests over HTTP/2.
pub(crate) struct Http2Handler {
    router: Router,
    limits: Http2,
    trusted_proxies: Vec<Cidr>,
}

impl Http2Handler {
    pub(crate) fn new(router: Router, limits: &Http2, config: &ServerConfig) -> Self {
        Self {
            router,
            limits: limits.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
        }
    }

    /// Serves `stream` until it ends, is cut, or has not said anything of use in time.
    pub(crate) async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        stopping: &CancellationToken,
        cut: &CancellationToken,
    ) {
        let address: SocketAddr = peer.address();
        let connection = Connection(cut.child_token());
        let arrived = Arc::new(AtomicBool::new(false));
        let service = {
            let (router, trusted) = (self.router.clone(), self.trusted_proxies.clone());
            let (connection, arrived) = (connection.clone(), Arc::clone(&arrived));
            service_fn(move |request: hyper::Request<Incoming>| {
                arrived.store(true, Relaxed);
                let mut request = request.map(Body::new);
                let client = ClientAddr::of(address, request.headers(), &trusted);
                let extensions = request.extensions_mut();
                extensions.insert(client);
                extensions.insert(ConnectInfo(address));
                extensions.insert(peer.clone());
                extensions.insert(connection.clone());
                router.clone().call(request)
            })
        };
        let limits = &self.limits;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_streams)
            .initial_stream_window_size(limits.receive_window)
            .initial_connection_window_size(limits.receive_window)
            .max_send_buf_size(limits.send_buffer)
            .max_header_list_size(MAX_HEADER_BYTES)
            .keep_alive_interval(limits.ping_interval)
            .keep_alive_timeout(limits.ping_timeout);
        let mut serving = pin!(builder.serve_connection(TokioIo::new(Together::new(stream)), service));
        let mut deadline = pin!(tokio::time::sleep(limits.first_request_timeout));
        let (mut draining, mut waiting) = (false, true);
        loop {
            tokio::select! {
                result = serving.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(peer = %address, %error, "connection ended");
                    }
                    return;
                }
                () = deadline.as_mut(), if waiting => {
                    waiting = false;
                    if !arrived.load(Relaxed) {
                        tracing::debug!(peer = %address, "no request came in time");
                        return;
                    }
                }
                () = stopping.cancelled(), if !draining => {
                    draining = true;
                    serving.as_mut().graceful_shutdown();
                }
                () = connection.0.cancelled() => return,
            }
        }
    }
}
