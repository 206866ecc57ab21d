//! All connections together: who comes in, and when the last one has left.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
    routing::get,
};
use chancery_base::Clock as _;
use chancery_serve::{ApiError, ClientAddr, Peer, RateLimit, system::SystemClock};
use chancery_signet::Signet;
use chancery_signet_wire::frame::CloseCode;
use hyper::upgrade::OnUpgrade;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    connection::Connection,
    end::End,
    error::Refused,
    lobby::{Lobby, Seat},
    login::{self, Caller, Turned},
    origin,
    settings::{FAILURE_DELAY, FAILURE_WINDOW, MAX_FAILING, MAX_FAILURES, PARTING, Settings},
    socket::Socket,
    upgrade::Handshake,
};

/// The connections of harnesses. Clones are the same.
#[derive(Clone)]
pub struct Harnesses {
    shared: Arc<Shared>,
}

struct Shared {
    signet: Signet,
    settings: Settings,
    lobby: Arc<Lobby>,
    failures: RateLimit,
    open: TaskTracker,
    /// Nobody more is let in.
    ending: CancellationToken,
    /// Nobody is waited for any more.
    cut: CancellationToken,
}

impl Harnesses {
    /// Connects harnesses to `signet`.
    #[must_use]
    pub fn new(signet: Signet, settings: Settings) -> Self {
        Self {
            shared: Arc::new(Shared {
                lobby: Lobby::new(settings.unauthenticated),
                failures: RateLimit::fixed_window(MAX_FAILURES, FAILURE_WINDOW, MAX_FAILING),
                open: TaskTracker::new(),
                ending: CancellationToken::new(),
                cut: CancellationToken::new(),
                signet,
                settings,
            }),
        }
    }

    /// The route. It answers 403 `HARNESS_ORIGIN_REFUSED`, 426 `HARNESS_UPGRADE_REQUIRED` and 503 `HARNESS_ENDING`; to be
    /// served by [`chancery_serve::Bound`], which tells who is at the other end.
    pub fn router(&self) -> Router {
        Router::new()
            .route(&self.shared.settings.path, get(connect))
            .with_state(Arc::clone(&self.shared))
    }

    /// How many connections there are, also of those who have not said who they are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.open.len()
    }

    /// Lets nobody more in and returns once all connections have ended; what is left after the time to drain, and a moment to
    /// part, is cut. Call [`Signet::say_farewell`] before, so that harnesses are told why.
    pub async fn drained(&self) {
        let shared = &self.shared;
        shared.ending.cancel();
        shared.open.close();
        let patience = shared.settings.drain + PARTING;
        if timeout(patience, shared.open.wait()).await.is_err() {
            tracing::info!(
                connections = shared.open.len(),
                "connections cut at the end of the drain"
            );
            shared.cut.cancel();
            shared.open.wait().await;
        }
    }
}

impl fmt::Debug for Harnesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harnesses")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

async fn connect(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    if !origin::may_connect(&parts.headers, &shared.settings.origins) {
        return Err(Refused::Origin.into());
    }
    if shared.ending.is_cancelled() {
        return Err(Refused::Ending.into());
    }
    let handshake = Handshake::read(&mut parts).ok_or(Refused::NoUpgrade)?;
    let peer: Option<Peer> = parts.extensions.remove();
    let address = parts.extensions.remove::<ClientAddr>();
    let caller = Caller {
        // without a server that tells, all are one
        address: address.unwrap_or(ClientAddr(std::net::Ipv6Addr::UNSPECIFIED.into())),
        peer,
    };
    let (response, on_upgrade) = handshake.accept();
    let seat = shared.lobby.enter();
    let serving = Arc::clone(&shared);
    shared.open.spawn(async move {
        tokio::select! {
            () = serving.serve(on_upgrade, seat, caller) => {}
            () = serving.cut.cancelled() => {}
        }
    });
    Ok(response)
}

impl Shared {
    /// A connection, from its first frame to its end.
    async fn serve(&self, on_upgrade: OnUpgrade, seat: Seat, caller: Caller) {
        let deadline = Instant::now() + self.settings.auth_timeout;
        let Ok(Ok(upgraded)) = timeout_at(deadline, on_upgrade).await else {
            return;
        };
        let mut socket = Socket::new(upgraded, self.settings.max_frame_bytes).await;
        let admitted = tokio::select! {
            admitted = login::admit(&mut socket, &self.signet, &caller, deadline) => admitted,
            () = seat.lost() => Err(End::Close(CloseCode::RateLimited, "Too many connections").into()),
            () = self.ending.cancelled() => Err(End::from(CloseCode::GoingAway).into()),
        };
        match admitted {
            Ok(session) => {
                drop(seat);
                let (id, credential) = (session.harness().connection(), session.harness().credential());
                tracing::debug!(connection = %id, %credential, "a harness was let in");
                let end = Connection::serve(&mut socket, session, &self.settings, &self.ending).await;
                tracing::debug!(connection = %id, code = end.code().code(), "a harness's connection ends");
                socket.part(end).await;
            }
            Err(turned) => tokio::select! {
                biased;
                () = self.turn_away(socket, turned, &caller) => {}
                // by then it was told, or does not read
                () = seat.lost() => {}
            },
        }
    }

    async fn turn_away(&self, mut socket: Socket, turned: Turned, caller: &Caller) {
        tracing::debug!(code = turned.end.code().code(), "a connection was turned away");
        if turned.failed {
            let key = caller.address.network().to_string();
            if self.failures.check(&key, SystemClock.now()).is_err() {
                sleep(FAILURE_DELAY).await;
            }
        }
        // in the time that parting takes at most: it may not read
        let told = timeout(PARTING, login::tell_why(&mut socket, turned.end)).await;
        if matches!(told, Ok(Ok(()))) {
            socket.part(turned.end).await;
        }
    }
}
