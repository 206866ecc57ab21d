//! The one shape of an error over HTTP.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use chancery_base::{Category, ErrorCode};
use serde::Serialize;
use serde_json::Value;

const INTERNAL_MESSAGE: &str = "Internal server error";

/// An error on its way to a client: `{"error":{"code","message","requestId","details"?}}` with its status, and
/// `Retry-After` when waiting helps.
///
/// Every [`ErrorCode`] converts, so `?` works in a route. The message of a [`Category::Internal`] error stays inside:
/// [`Edge`](crate::Edge) logs it with its causes, and the client reads a fixed sentence beside the code. `requestId` is
/// filled in by [`Edge`](crate::Edge) too.
#[derive(Debug, Clone)]
pub struct ApiError(Arc<Content>);

#[derive(Debug, Clone)]
struct Content {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Option<Value>,
    retry_after: Option<u64>,
    /// What happened, for the log only.
    cause: Option<String>,
}

#[derive(Serialize)]
struct Envelope<'e> {
    error: Fields<'e>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'e> {
    code: &'static str,
    message: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'e Value>,
}

impl ApiError {
    /// An error with this status, code and message, all of which the client sees. A status that is no HTTP status
    /// becomes 500.
    #[must_use]
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self(Arc::new(Content {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            message: message.into(),
            details: None,
            retry_after: None,
            cause: None,
        }))
    }

    /// A defect of ours: 500 `INTERNAL_SERVER_ERROR`; `cause` goes to the log, never to the client.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(500, "INTERNAL_SERVER_ERROR", INTERNAL_MESSAGE).changed(|content| content.cause = Some(cause.into()))
    }

    /// Adds `details`, which the client sees when the status is below 500.
    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        self.changed(|content| content.details = Some(details))
    }

    /// Adds a `Retry-After` of `seconds`.
    #[must_use]
    pub fn with_retry_after(self, seconds: u64) -> Self {
        self.changed(|content| content.retry_after = Some(seconds))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    /// The machine-readable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The message that the client sees.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What is for the log only.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    fn changed(mut self, change: impl FnOnce(&mut Content)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// The body; `request_id` as [`Edge`](crate::Edge) knows it.
    pub(crate) fn body(&self, request_id: Option<&str>) -> Body {
        let content = &*self.0;
        let envelope = Envelope {
            error: Fields {
                code: content.code,
                message: &content.message,
                request_id,
                details: content.details.as_ref().filter(|_| content.status.as_u16() < 500),
            },
        };
        // text, numbers and JSON values always serialise
        Body::from(serde_json::to_vec(&envelope).unwrap_or_default())
    }
}

impl<E: ErrorCode> From<E> for ApiError {
    fn from(error: E) -> Self {
        let internal = error.category() == Category::Internal;
        let message = if internal {
            INTERNAL_MESSAGE.to_owned()
        } else {
            error.to_string()
        };
        Self::new(error.status(), error.code(), message).changed(|content| {
            content.retry_after = error.retry_after_secs();
            content.cause = (internal || content.status.is_server_error()).then(|| with_sources(&error));
        })
    }
}

fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body(None));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        // for Edge, which adds the request id and writes the log
        response.extensions_mut().insert(self);
        response
    }
}
