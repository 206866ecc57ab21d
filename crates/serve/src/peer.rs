//! The other end of a connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::OptionalFromRequestParts;
use axum::http::request::Parts;

use crate::loopback::peer_uid;

/// The two ends of the connection that a request came over. A request extension, and an optional extractor.
///
/// The same addresses are there as [`axum::extract::ConnectInfo<SocketAddr>`], the peer's only.
#[derive(Debug, Clone)]
pub struct Peer(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    peer: SocketAddr,
    local: SocketAddr,
    uid: OnceLock<Option<u32>>,
}

impl Peer {
    pub(crate) fn new(peer: SocketAddr, local: SocketAddr) -> Self {
        Self(Arc::new(Ends {
            peer,
            local,
            uid: OnceLock::new(),
        }))
    }

    /// The address of the other end of the socket, which may be a proxy.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.peer
    }

    /// Our address, as the peer reached it.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.0.local
    }

    /// The user who opened the other end, when that is on this machine and the kernel says so; asked once for each
    /// connection. See [`peer_uid`].
    #[must_use]
    pub fn uid(&self) -> Option<u32> {
        *self.0.uid.get_or_init(|| peer_uid(self.0.local, self.0.peer))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}
