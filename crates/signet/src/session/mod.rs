//! Harnesses that are connected: let in, told, answered.

pub(crate) mod answer;
mod history;
mod login;
mod run;

use std::sync::Arc;

use chancery_signet_wire::{ConnectionId, CredentialId, frame::CloseCode};

pub use answer::Answering;
pub use login::{AuthRefused, HarnessLogin, PeerUid};
pub(crate) use run::farewell;
pub use run::{HarnessSession, Outgoing};

use crate::{
    stream::{hub::Seat, log::StreamId, mailbox::Mailbox},
    traffic::Traffic,
};
use answer::InFlight;

/// A connection that was let in, as requests see it. Clones are the same connection.
#[derive(Clone)]
pub struct Harness {
    link: Arc<Link>,
}

/// What a connection is. Dropped, it is taken away from those that are told.
struct Link {
    traffic: Arc<Traffic>,
    mailbox: Arc<Mailbox>,
    stream: StreamId,
    seat: Arc<Seat>,
    connection: ConnectionId,
    credential: CredentialId,
    in_flight: InFlight,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.traffic.hub.leave(self.stream, self.connection);
    }
}

impl Harness {
    /// The connection.
    #[must_use]
    pub fn connection(&self) -> ConnectionId {
        self.link.connection
    }

    /// The credential.
    #[must_use]
    pub fn credential(&self) -> CredentialId {
        self.link.credential
    }

    /// Ends the connection with `code` once what waits is sent.
    pub fn close(&self, code: CloseCode) {
        self.link.mailbox.close(code);
    }

    /// With what the connection ends, once that is decided. A writer that is stuck gives up soon after.
    pub async fn closing(&self) -> CloseCode {
        self.link.mailbox.closed().await
    }
}

impl std::fmt::Debug for Harness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harness")
            .field("connection", &self.link.connection)
            .field("credential", &self.link.credential)
            .finish_non_exhaustive()
    }
}
