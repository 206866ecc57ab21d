//! Listening, accepting, draining.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::config::{Protocol, ServerConfig};
use crate::connection::{Handler, Service};
use crate::edge::Edge;
use crate::error::ServeError;
use crate::http2::Http2Handler;
use crate::peer::Peer;
use crate::socket::OpenSockets;
use crate::socket_table;
use crate::tls::Tls;

/// Connections that the kernel keeps for us until we accept them.
const BACKLOG: u32 = 1024;
/// Rest after an accept that failed because descriptors or memory ran out: trying at once would only burn the CPU.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// A server that has its port and does not answer yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    local: SocketAddr,
    tls: Option<Arc<Tls>>,
    config: ServerConfig,
}

impl Bound {
    /// Takes the port and reads the TLS files.
    ///
    /// # Errors
    /// [`ServeError::PlainHttpOffLoopback`] without TLS on an address that others can reach, unless
    /// [`ServerConfig::insecure`]; [`ServeError::AddressInUse`], naming the holder when it can be seen;
    /// [`ServeError::Bind`] when the address cannot be listened on; those of the TLS files.
    pub async fn bind(config: &ServerConfig) -> Result<Self, ServeError> {
        let listen = config.listen;
        if config.tls.is_none() && !config.insecure && !listen.ip().to_canonical().is_loopback() {
            return Err(ServeError::PlainHttpOffLoopback { listen });
        }
        let tls = config
            .tls
            .as_ref()
            .map(|files| Tls::load(files, &config.protocol))
            .transpose()?;
        let listener = listen_on(listen).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::AddressInUse {
                listen,
                holder: socket_table::holder(listen),
            },
            _ => ServeError::Bind { listen, source },
        })?;
        let local = listener
            .local_addr()
            .map_err(|source| ServeError::Bind { listen, source })?;
        Ok(Self {
            listener,
            local,
            tls,
            config: config.clone(),
        })
    }

    /// The address that it listens on, with the port it got.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves `router` until `shutdown` is cancelled, then stops accepting and lets requests, streams and WebSockets end within
    /// [`ServerConfig::drain`]; what is left is cut. TLS files are read again at SIGHUP.
    ///
    /// # Errors
    /// [`ServeError::Signals`] when SIGHUP cannot be watched.
    pub async fn run(self, router: Router, shutdown: CancellationToken) -> Result<(), ServeError> {
        let max = self
            .config
            .max_connections
            .clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let seats = Arc::new(Semaphore::new(max));
        let sockets = Arc::new(OpenSockets::default());
        if let Some(tls) = &self.tls {
            tls.reload_on_hangup(shutdown.clone())?;
        }
        let service = Arc::new(Service {
            handler: match &self.config.protocol {
                Protocol::Http1 => Handler::Http1(Edge::new(router, &self.config)),
                Protocol::Http2(limits) => Handler::Http2(Http2Handler::new(router, limits, &self.config)),
            },
            tls: self.tls,
            stopping: shutdown.clone(),
            cut: CancellationToken::new(),
        });

        while let Some((stream, address, seat)) = next(&self.listener, &seats, &shutdown).await {
            // small frames must not wait for the acknowledgement of the one before
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(peer = %address, %error, "cannot turn Nagle's algorithm off");
            }
            let peer = Peer::new(address, stream.local_addr().unwrap_or(self.local));
            let socket = sockets.admit(stream, seat);
            let service = Arc::clone(&service);
            tokio::spawn(async move { service.serve(socket, peer).await });
        }

        drop(self.listener);
        let everybody_left = seats.acquire_many(u32::try_from(max).unwrap_or(u32::MAX));
        if tokio::time::timeout(self.config.drain, everybody_left).await.is_err() {
            service.cut.cancel();
            let cut = sockets.cut();
            tracing::info!(connections = cut, "connections cut at the end of the drain");
        }
        Ok(())
    }
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // a restarted server must not wait for the old one's connections to be forgotten
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The next connection and its seat; `None` when asked to stop.
async fn next(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let accepted = async {
        if seats.available_permits() == 0 {
            tracing::warn!("the limit of connections is reached; new ones wait");
        }
        let seat = Arc::clone(seats).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, address)) => return Some((stream, address, seat)),
                // the client left before we came to it
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                    ) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    };
    tokio::select! {
        accepted = accepted => accepted,
        () = shutdown.cancelled() => None,
    }
}
