//! Letting a harness in (signet spec 5.2).

use chancery_base::{Rng as _, b64};
use chancery_serve::{ClientAddr, Peer, system::OsRng};
use chancery_signet::{HarnessLogin, HarnessSession, PeerUid, Signet};
use chancery_signet_wire::frame::{Auth, AuthError, AuthProblem, Challenge, ClientFrame, CloseCode, ServerFrame};
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use crate::{
    end::End,
    settings::{MAX_LOGIN_BYTES, MAX_LOGIN_FRAMES},
    socket::{Inbound, Lost, Socket},
};

/// Who is at the other end, as far as the connection tells.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Its address.
    pub(crate) address: ClientAddr,
    /// The two ends of its connection.
    pub(crate) peer: Option<Peer>,
}

/// Why a harness is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turned {
    /// How the connection ends.
    pub(crate) end: End,
    /// Whether it showed a token that opens nothing.
    pub(crate) failed: bool,
}

impl From<End> for Turned {
    fn from(end: End) -> Self {
        Self { end, failed: false }
    }
}

impl From<Lost> for Turned {
    fn from(_: Lost) -> Self {
        End::Gone.into()
    }
}

/// Lets the harness in that says who it is before `deadline`. It is not told yet.
pub(crate) async fn admit(
    socket: &mut Socket,
    signet: &Signet,
    caller: &Caller,
    deadline: Instant,
) -> Result<HarnessSession, Turned> {
    let said = timeout_at(deadline, introduced(socket)).await;
    let (auth, nonce) = said.map_err(|_| Turned::from(End::from(CloseCode::AuthTimeout)))??;
    let peer = caller.peer.clone();
    let login = HarnessLogin {
        auth,
        nonce,
        uid: PeerUid::new(move || peer.as_ref().and_then(Peer::uid)),
    };
    signet.authenticate(login).await.map_err(|refused| {
        let code = refused.close();
        Turned {
            end: match code {
                CloseCode::RateLimited => End::Close(code, "Too many connections"),
                code => code.into(),
            },
            failed: code == CloseCode::AuthFailed,
        }
    })
}

/// The frame by which a harness asks to be let in, and the nonce that it was given before, if it asked for one.
async fn introduced(socket: &mut Socket) -> Result<(Auth, Option<String>), Turned> {
    let mut nonce = None;
    for _ in 0..MAX_LOGIN_FRAMES {
        let text = match socket.next().await {
            Some(Inbound::Text(text)) if text.len() <= MAX_LOGIN_BYTES => text,
            Some(Inbound::Text(_)) => return Err(problem(AuthProblem::Frame)),
            Some(Inbound::Alive) => continue,
            Some(Inbound::Ended(end)) => return Err(end.into()),
            None => return Err(End::Gone.into()),
        };
        match ClientFrame::parse(&text).map_err(problem)? {
            ClientFrame::Auth(auth) => return Ok((auth, nonce)),
            ClientFrame::Challenge if nonce.is_none() => {
                let fresh = b64::encode(OsRng.bytes::<32>());
                nonce = Some(fresh.clone());
                tell(socket, &ServerFrame::Challenge(Challenge { nonce: fresh })).await?;
            }
            _ => return Err(problem(AuthProblem::Frame)),
        }
    }
    Err(problem(AuthProblem::Frame))
}

fn problem(problem: AuthProblem) -> Turned {
    End::protocol(match problem {
        AuthProblem::Json => INVALID_JSON,
        AuthProblem::Frame => "Invalid auth frame",
    })
    .into()
}

const INVALID_JSON: &str = "Invalid JSON";

/// Says why a harness is not let in. Who sent no JSON would not read it.
pub(crate) async fn tell_why(socket: &mut Socket, end: End) -> Result<(), Lost> {
    match end {
        End::Close(code, reason) if reason != INVALID_JSON => {
            let error = AuthError {
                code: code.code(),
                message: reason.to_owned(),
            };
            tell(socket, &ServerFrame::AuthError(error)).await
        }
        _ => Ok(()),
    }
}

/// Sends one frame.
pub(crate) async fn tell(socket: &mut Socket, frame: &ServerFrame) -> Result<(), Lost> {
    // every frame of ours has a form in JSON
    let text = frame.encode().map_err(|_| Lost)?;
    socket.feed(text).await?;
    socket.flush().await
}
