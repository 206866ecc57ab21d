//! From a request to a WebSocket (RFC 6455 section 4.2).
//!
//! By hand, for the socket under the frames is needed at the end: what a client still sends has to be read, or it is reset
//! before it has read why.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header, request::Parts},
};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Length of a key: 16 bytes in base64.
const KEY_LEN: usize = 24;

/// A request for a WebSocket.
pub(crate) struct Handshake {
    accept: HeaderValue,
    on_upgrade: OnUpgrade,
}

impl Handshake {
    /// Reads the request; `None` when it asks for no WebSocket.
    pub(crate) fn read(parts: &mut Parts) -> Option<Self> {
        let headers = &parts.headers;
        let asks = parts.method == Method::GET
            && parts.version == Version::HTTP_11
            && names(headers, header::CONNECTION, "upgrade")
            && names(headers, header::UPGRADE, "websocket")
            && headers
                .get(header::SEC_WEBSOCKET_VERSION)
                .is_some_and(|version| version == "13");
        let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
        if !asks || key.len() != KEY_LEN {
            return None;
        }
        let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()?;
        let on_upgrade = parts.extensions.remove()?;
        Some(Self { accept, on_upgrade })
    }

    /// The answer, and what becomes the connection once it is sent.
    pub(crate) fn accept(self) -> (Response<Body>, OnUpgrade) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        (response, self.on_upgrade)
    }
}

/// Whether the list in `header` names `token`.
fn names(headers: &HeaderMap, header: HeaderName, token: &str) -> bool {
    let lines = headers.get_all(header).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}
