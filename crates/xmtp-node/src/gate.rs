//! What every request passes before a service sees it: how often its address may ask, how much may be under way, how long
//! it may take.
//!
//! A request is under way from its head to the end of its answer; a stream counts until its headers are sent, after which
//! [`Seats`](crate::seats::Seats) count it. While it waits for its client (for the rest of the request, or for the answer to
//! be read) it can be given up: when too many are under way, those whose clients have kept them waiting are cut first.

mod body;
mod underway;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue,
        header::{CONTENT_TYPE, ORIGIN},
    },
    middleware::Next,
    response::Response,
};
use chancery_base::Clock;
use chancery_serve::{ClientAddr, Connection, RateLimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Status, metadata::MetadataValue};

use crate::{
    error::Refusal,
    limits::{COUNTED_ADDRESSES, LARGE_ANSWERS},
    settings::Limits,
};

pub(crate) use body::LargeRequests;
use body::{Arriving, Leaving};
use underway::Underway;

/// The counters of the gate.
pub(crate) struct Gate {
    rate: RateLimit,
    underway: Arc<Underway>,
    large_requests: Arc<LargeRequests>,
    large_answers: Arc<Semaphore>,
    request_timeout: Duration,
    clock: Arc<dyn Clock>,
}

/// A place for a large answer, kept until the answer was read. An extension of its response.
#[derive(Debug, Clone)]
pub(crate) struct LargeAnswer(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

/// An extension of responses that go on for as long as the client likes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endless;

impl Gate {
    pub(crate) fn new(limits: &Limits, clock: Arc<dyn Clock>) -> Self {
        Self {
            rate: RateLimit::fixed_window(limits.requests_per_second, Duration::from_secs(1), COUNTED_ADDRESSES),
            underway: Arc::new(Underway::new(limits.requests_in_flight, limits.answer_timeout)),
            large_requests: Arc::new(LargeRequests::new(limits.large_request_bytes)),
            large_answers: Arc::new(Semaphore::new(LARGE_ANSWERS)),
            request_timeout: limits.request_timeout,
            clock,
        }
    }

    /// Waits for a place for a large answer.
    pub(crate) async fn large_answer(&self) -> Result<LargeAnswer, Refusal> {
        let permit = Arc::clone(&self.large_answers).acquire_owned();
        let permit = self.underway.pressing(permit).await;
        // the semaphore is never closed
        permit
            .map(|permit| LargeAnswer(Arc::new(permit)))
            .map_err(|_| Refusal::Busy)
    }

    async fn pass(&self, request: Request, next: Next) -> Result<Response, Status> {
        is_a_programs(request.headers())?;
        let address = request.extensions().get::<ClientAddr>().map(|client| client.network());
        let key = address.unwrap_or(IpAddr::from([0_u8; 16])).to_string();
        if let Err(retry) = self.rate.check(&key, self.clock.now()) {
            let mut status = Status::from(Refusal::TooManyRequests);
            status
                .metadata_mut()
                .insert("retry-after", MetadataValue::from(retry.0));
            return Err(status);
        }
        let connection = request.extensions().get::<Connection>().cloned();
        let ticket = Arc::new(self.underway.begin(connection)?);
        let large = Arc::clone(&self.large_requests);
        let (request, held) = {
            let (parts, body) = request.into_parts();
            let (body, held) = Arriving::new(body, large, Arc::clone(&ticket));
            (Request::from_parts(parts, Body::new(body)), held)
        };
        let answered = tokio::time::timeout(self.request_timeout, next.run(request)).await;
        if held.is_too_large() {
            return Err(Refusal::RequestTooLarge.into());
        }
        drop(held);
        let mut response = answered.map_err(|_| Refusal::TooSlow)?;
        if response.extensions_mut().remove::<Endless>().is_some() {
            return Ok(response);
        }
        let large = response.extensions_mut().remove::<LargeAnswer>();
        if large.is_some() {
            ticket.hold_room();
        }
        ticket.wait_for_client();
        Ok(response.map(|body| Body::new(Leaving::new(body, ticket, large))))
    }
}

/// Refuses what a browser sends on behalf of some page: pages reach addresses, loopback among them, that nobody else can.
fn is_a_programs(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
        return Err(Refusal::FromPage);
    }
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    match content_type.strip_prefix(b"application/grpc") {
        Some([] | [b'+' | b';', ..]) => Ok(()),
        _ => Err(Refusal::NotGrpc),
    }
}

/// Lets a request through, or answers it.
pub(crate) async fn gate(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    match gate.pass(request, next).await {
        Ok(response) => response,
        Err(status) => status.into_http(),
    }
}
