//! The admin socket: JSON-RPC 2.0, an object a line (signet spec 5.8).

mod connection;
mod error;
mod events;
mod gate;
mod lines;
mod place;
mod requests;

use std::{io, path::Path, sync::Arc, time::Duration};

use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{admin::Admin, settings::DRAIN};
pub use error::SocketError;
use place::Place;

/// Rest after an accept that failed because descriptors or memory ran out.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// The admin socket. It is there, mode 0600, from [`bind`](Self::bind) until this is dropped, which takes its file away if it is
/// still ours.
#[derive(Debug)]
pub struct AdminSocket {
    // closed before its file goes: who still finds the file is refused
    listener: UnixListener,
    place: Place,
}

impl AdminSocket {
    /// Listens at `path`. The folder is made, 0700, if there is none; a socket on which nobody answers is replaced. To be called
    /// in a tokio runtime; it blocks while another start is at work in the folder.
    ///
    /// # Errors
    /// [`SocketError`]; [`SocketError::Taken`] when another daemon answers there.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let (place, listener) = Place::take(path)?;
        let listener = UnixListener::from_std(listener).map_err(|source| SocketError::Io {
            action: "listen on",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { listener, place })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Serves `admin` until `shutdown` is cancelled, then lets requests under way end, for a few seconds at most, and returns.
    ///
    /// Nobody is served then, and the socket is still there: whoever waits for the end of the daemon waits until nobody listens,
    /// so this is dropped when everything else has ended.
    pub async fn run(&self, admin: &Admin, shutdown: CancellationToken) {
        let seats = Arc::new(Semaphore::new(
            admin.settings().max_connections.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections to the admin socket");
                    tokio::time::sleep(ACCEPT_REST).await;
                    continue;
                }
            };
            let own = is_own(&stream);
            match Arc::clone(&seats).try_acquire_owned() {
                Ok(seat) => {
                    let (admin, shutdown) = (admin.clone(), shutdown.clone());
                    connections.spawn(async move {
                        connection::serve(admin, stream, own, shutdown).await;
                        drop(seat);
                    });
                }
                Err(_) => {
                    connections.spawn(connection::turn_away(stream));
                }
            }
        }
        let ended = async { while connections.join_next().await.is_some() {} };
        // requests get their time, and after that what was answered gets its own
        if tokio::time::timeout(DRAIN * 2, ended).await.is_err() {
            tracing::info!("clients of the admin socket that did not read were cut off");
        }
    }
}

/// Whether the kernel says that the other end is a process of our user.
fn is_own(stream: &UnixStream) -> bool {
    let peer: io::Result<_> = rustix::net::sockopt::socket_peercred(stream).map_err(Into::into);
    match peer {
        Ok(peer) => peer.uid == rustix::process::geteuid(),
        Err(error) => {
            tracing::warn!(%error, "the kernel does not say who connected");
            false
        }
    }
}
