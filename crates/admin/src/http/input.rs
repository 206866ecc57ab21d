//! What is asked for over HTTP: a query where an action reads, a body where it writes.

use axum::{
    body::{Body, to_bytes},
    http::{header, request::Parts},
};
use chancery_signet_wire::{
    Failure,
    action::{Call, Entry, HttpMethod},
    schema,
};

use crate::admin::Admin;

/// The call of `entry` that the request makes.
///
/// # Errors
/// `validation`, with the place.
pub(super) async fn call(admin: &Admin, entry: &Entry, parts: &Parts, body: Body) -> Result<Call, Failure> {
    match entry.http.as_ref().map(|http| http.method) {
        Some(HttpMethod::Post) => Call::parse(entry.id(), &self::body(admin, parts, body).await?),
        _ => {
            // one that comes all the same is left where it is, and the connection with it
            let input = schema::from_query(entry.schema(), parts.uri.query().unwrap_or_default());
            let call = Call::from_value(entry.id(), input)?;
            call.ok_or_else(|| Failure::not_found("action", entry.id()))
        }
    }
}

/// The body of a request that has one; `{}` when it is left out.
///
/// # Errors
/// `validation` when it is too long, breaks off, or is no text, and when there is a query beside it.
pub(super) async fn body(admin: &Admin, parts: &Parts, body: Body) -> Result<String, Failure> {
    if parts.uri.query().is_some() {
        return Err(Failure::validation("query", "the input is the body"));
    }
    let limit = admin.settings().max_body_bytes;
    let too_long = || Failure::validation("body", &format!("a body has at most {limit} bytes"));
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let announced = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > u64::try_from(limit).unwrap_or(u64::MAX)) {
        return Err(too_long());
    }
    // it is cut off at the limit, or by the client
    let bytes = to_bytes(body, limit).await.map_err(|_| too_long())?;
    match String::from_utf8(bytes.into()) {
        Ok(text) if text.is_empty() => Ok("{}".to_owned()),
        Ok(text) => Ok(text),
        Err(_) => Err(Failure::validation("body", "it is not UTF-8")),
    }
}
