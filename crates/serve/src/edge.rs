//! What every request passes on its way in and every response on its way out.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use chancery_base::Rng;
use futures_util::FutureExt as _;
use tower::Service as _;

use crate::api_error::ApiError;
use crate::arriving::arriving;
use crate::cidr::Cidr;
use crate::client_addr::ClientAddr;
use crate::config::ServerConfig;
use crate::peer::Peer;
use crate::request_id::{self, RequestId};
use crate::system::OsRng;

/// A router with what all servers share around it: request ids, client addresses, the body limit, and one shape for
/// every error, also for routes that do not exist, bodies that are too large, and handlers that panic.
///
/// [`Bound::run`](crate::Bound::run) does this by itself; tests without a socket can call [`answer`](Self::answer).
#[derive(Clone)]
pub struct Edge {
    router: Router,
    shared: Arc<Shared>,
}

struct Shared {
    rng: Arc<dyn Rng>,
    trusted_proxies: Vec<Cidr>,
    body_limit: usize,
}

impl Edge {
    /// Wraps `router` with the limits of `config` and the system's randomness.
    #[must_use]
    pub fn new(router: Router, config: &ServerConfig) -> Self {
        Self::with_rng(router, config, Arc::new(OsRng))
    }

    /// Wraps `router`; fresh request ids come from `rng`.
    #[must_use]
    pub fn with_rng(router: Router, config: &ServerConfig, rng: Arc<dyn Rng>) -> Self {
        Self {
            router,
            shared: Arc::new(Shared {
                rng,
                trusted_proxies: config.trusted_proxies.clone(),
                body_limit: config.body_limit,
            }),
        }
    }

    /// Answers one request that came over the connection to `peer`, if over any.
    pub async fn answer(&self, request: Request<Body>, peer: Option<&Peer>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let (body, late) = arriving(body);
        let mut request = Request::from_parts(parts, body);
        let id = RequestId::of(request.headers(), &*self.shared.rng);
        if let Some(peer) = peer {
            let client = ClientAddr::of(peer.address(), request.headers(), &self.shared.trusted_proxies);
            let extensions = request.extensions_mut();
            extensions.insert(client);
            extensions.insert(ConnectInfo(peer.address()));
            extensions.insert(peer.clone());
        }
        request.extensions_mut().insert(id.clone());
        DefaultBodyLimit::max(self.shared.body_limit).apply(&mut request);
        let method = request.method().clone();
        let path = request.uri().path().to_owned();

        let mut router = self.router.clone();
        let handled = AssertUnwindSafe(async move { router.call(request).await })
            .catch_unwind()
            .await;
        let mut response = match handled {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => ApiError::internal(format!("panic: {}", panic_text(&*panic))).into_response(),
        };
        if late.is_set() {
            // whatever the handler made of a body that breaks off
            response = fallback(StatusCode::REQUEST_TIMEOUT).into_response();
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }

        if response.status().is_client_error() || response.status().is_server_error() {
            response = enveloped(response, &id);
            if let Some(error) = response.extensions().get::<ApiError>()
                && let Some(cause) = error.cause()
            {
                let (code, status) = (error.code(), error.status());
                tracing::error!(request_id = id.0, %method, path, status, code, cause, "request failed");
            }
        }
        tracing::debug!(request_id = id.0, %method, path, status = response.status().as_u16(), "request");
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(request_id::HEADER, value);
        }
        response
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge")
            .field("router", &self.router)
            .finish_non_exhaustive()
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Gives an error its envelope with the request id. Answers that a handler wrote in a format of its own (JSON, HTML, a
/// stream) stay as they are; what axum itself refuses comes as text or as nothing, and gets a fixed sentence.
fn enveloped(response: Response<Body>, id: &RequestId) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let error = match parts.extensions.get::<ApiError>() {
        Some(error) => error.clone(),
        None if is_plain(parts.headers.get(header::CONTENT_TYPE)) => fallback(parts.status),
        None => return Response::from_parts(parts, body),
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = error.body(Some(&id.0));
    parts.extensions.insert(error);
    Response::from_parts(parts, body)
}

fn is_plain(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

fn fallback(status: StatusCode) -> ApiError {
    let (code, message) = match status.as_u16() {
        400 => ("BAD_REQUEST", "The request is malformed."),
        401 => ("UNAUTHORIZED", "Authentication is required."),
        403 => ("FORBIDDEN", "This is not allowed."),
        404 => ("NOT_FOUND", "There is nothing at this path."),
        405 => ("METHOD_NOT_ALLOWED", "This path does not take that method."),
        408 => ("REQUEST_TIMEOUT", "The request took too long to arrive."),
        413 => ("PAYLOAD_TOO_LARGE", "The request body is too large."),
        415 => (
            "UNSUPPORTED_MEDIA_TYPE",
            "The request body has an unsupported content type.",
        ),
        422 => (
            "UNPROCESSABLE_CONTENT",
            "The request body does not have the expected fields.",
        ),
        426 => ("UPGRADE_REQUIRED", "This path takes WebSocket connections only."),
        429 => ("RATE_LIMIT_EXCEEDED", "Too many requests. Try again later."),
        503 => ("SERVICE_UNAVAILABLE", "The service is not available now."),
        500.. => ("INTERNAL_SERVER_ERROR", "Internal server error"),
        _ => ("REQUEST_REFUSED", "The request was refused."),
    };
    ApiError::new(status.as_u16(), code, message)
}
