//! Answers over HTTP: `{ok:true,data}` or `{ok:false,error}`, with the status of the failure's category.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use chancery_signet_wire::{Failure, Json, http::HttpBody};

/// The answer that tells of `result`.
pub(super) fn of(result: Result<Json, Failure>) -> Response {
    let body = match result {
        Ok(data) => HttpBody::Success(data),
        Err(failure) => HttpBody::from(failure),
    };
    let status = StatusCode::from_u16(body.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = serde_json::to_vec(&body).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer has no form in JSON");
        Vec::new()
    });
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // answers hold tokens, and what only this caller may know
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
