//! Guarding an API that is for programs on this machine only.
//!
//! Listening on loopback keeps other machines out, not web pages: a browser on this machine reaches 127.0.0.1 for any
//! page, and a name that its owner points there gets past a same-origin check. So `Host` must name loopback, and a
//! request that carries what browsers add is refused. Other users of this machine are kept out by a token, of which a
//! process of our own user may be free, because it could read the token file anyway.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use chancery_base::digest::secrets_equal;
use zeroize::Zeroizing;

use crate::api_error::ApiError;
use crate::peer::Peer;
use crate::socket_table::{self, ESTABLISHED};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The user that the kernel shows for ids that have no place in our user namespace: it may be anybody.
const OVERFLOW_UID: u32 = 65_534;

/// Why a request is none of a program on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// It carries what browsers add.
    #[error("Browsers may not use this API.")]
    Browser,
    /// It does not say, once, that it means loopback.
    #[error("This API is reached as 127.0.0.1, [::1] or localhost only.")]
    Host,
}

impl Foreign {
    const fn code(self) -> &'static str {
        match self {
            Self::Browser => "LOCAL_API_BROWSER_REFUSED",
            Self::Host => "LOCAL_API_HOST_REFUSED",
        }
    }
}

/// Whether a request is of no browser and means loopback: what every local API asks before anything else. For those that answer
/// in a shape of their own; the others have [`Guard`].
///
/// # Errors
/// [`Foreign`].
pub fn check_origin(headers: &HeaderMap, uri: &Uri) -> Result<(), Foreign> {
    if headers.contains_key(header::ORIGIN) || headers.contains_key(FETCH_SITE) {
        return Err(Foreign::Browser);
    }
    if !names_loopback(headers, uri) {
        return Err(Foreign::Host);
    }
    Ok(())
}

/// What a local API asks of a request.
pub struct Guard {
    token: Option<Zeroizing<String>>,
    always: bool,
}

impl Guard {
    /// Asks for a loopback `Host` and no browser headers, and, with a `token`, for `Authorization: Bearer <token>`
    /// except of a process of our own user. Without one any local user passes, and no other machine.
    #[must_use]
    pub fn new(token: Option<Zeroizing<String>>) -> Self {
        Self {
            // an empty token would be met by an empty header
            token: token.filter(|token| !token.is_empty()),
            always: false,
        }
    }

    /// Asks everybody for the token, our own user too.
    #[must_use]
    pub fn require_token(self) -> Self {
        Self { always: true, ..self }
    }

    /// Puts the guard in front of every route of `router`, its fallback too.
    ///
    /// It answers 403 `LOCAL_API_HOST_REFUSED`, 403 `LOCAL_API_BROWSER_REFUSED`, 403 `LOCAL_API_PEER_REFUSED` (not from
    /// this machine, and there is no token that could prove more) and 401 `LOCAL_API_TOKEN_REQUIRED`.
    pub fn protect<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.layer(from_fn_with_state(Arc::new(self), check))
    }

    fn judge(&self, headers: &HeaderMap, uri: &Uri, peer: Option<&Peer>) -> Result<(), ApiError> {
        check_origin(headers, uri).map_err(|foreign| ApiError::new(403, foreign.code(), foreign.to_string()))?;
        let Some(token) = &self.token else {
            if self.always || peer.is_some_and(|peer| !peer.address().ip().to_canonical().is_loopback()) {
                let text = "This API is for programs on its own machine.";
                return Err(ApiError::new(403, "LOCAL_API_PEER_REFUSED", text));
            }
            return Ok(());
        };
        if bearer(headers).is_some_and(|given| secrets_equal(given.as_bytes(), token.as_bytes())) {
            return Ok(());
        }
        if !self.always
            && peer
                .and_then(Peer::uid)
                .is_some_and(|uid| uid == rustix::process::geteuid().as_raw())
        {
            return Ok(());
        }
        let text = "Send the token of this API as a bearer token.";
        Err(ApiError::new(401, "LOCAL_API_TOKEN_REQUIRED", text))
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("always", &self.always)
            .finish_non_exhaustive()
    }
}

async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Result<Response, ApiError> {
    guard.judge(request.headers(), request.uri(), request.extensions().get())?;
    Ok(next.run(request).await)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Whether the one `Host`, and the request target when it carries an authority too, name loopback.
fn names_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let target = uri
        .authority()
        .is_none_or(|authority| is_loopback_host(authority.as_str()));
    target && host.to_str().is_ok_and(is_loopback_host)
}

fn is_loopback_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some(("::1", port)) => ("::1", port),
            _ => return false,
        },
        None => match host.find(':') {
            Some(colon) => host.split_at(colon),
            None => (host, ""),
        },
    };
    let port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    port && (matches!(name, "127.0.0.1" | "::1") || name.eq_ignore_ascii_case("localhost"))
}

/// The user who opened the other end (`peer`) of a connection whose end here is `local`, from the kernel's socket table.
///
/// `None` when the peer is on another machine or in another network namespace, has closed its end or handed it back to
/// the kernel (which then shows user 0), or is of a user that has no id in our user namespace.
#[must_use]
pub fn peer_uid(local: SocketAddr, peer: SocketAddr) -> Option<u32> {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (local, peer) = (canonical(local), canonical(peer));
    // the row that we want is the peer's, so what is local there is remote here
    socket_table::find(|row| row.local == peer && row.remote == local && row.state == ESTABLISHED && row.inode != 0)
        .map(|row| row.uid)
        .filter(|uid| *uid != OVERFLOW_UID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_pass() {
        for good in [
            "127.0.0.1",
            "127.0.0.1:19400",
            "localhost",
            "LocalHost:1",
            "[::1]",
            "[::1]:8080",
        ] {
            assert!(is_loopback_host(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil:80",
            "127.0.0.1:x",
            "::1",
            "[::1",
            "[::2]",
            "0.0.0.0",
            "user@127.0.0.1",
            "127.0.0.1:80:80",
        ] {
            assert!(!is_loopback_host(bad), "{bad}");
        }
    }

    #[test]
    fn the_kernel_knows_who_opened_a_loopback_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        let local = server.local_addr().unwrap();
        assert_eq!(peer_uid(local, peer), Some(rustix::process::geteuid().as_raw()));
        drop(client);
        assert_eq!(peer_uid(local, peer), None);
    }
}
