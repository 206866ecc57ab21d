//! The revocation feed: what was taken back, in order and without gaps, within the moment it was committed.
//!
//! Server-sent events (HTML Living Standard 9.2): `id` is the position that the reader has when it has read the event,
//! `data` a [`FeedEvent`]. A reader that comes back asks for what follows its last position, by `after` or
//! `Last-Event-ID`.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, Response, header},
};
use chancery_identity::revocation::{Entry, Scope};
use chancery_relay_wire::registry::FeedEvent;
use chancery_serve::ApiError;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{scope, single},
    engine::{Engine, Shared},
    error::Refusal,
    limits::{FEED_HEARTBEAT, FEED_PAGE},
    store::{commands::Seq, memory::OnMemory, model::Revocation, queries::RevocationsAfter, sqlite::OnSqlite},
};

/// What wakes the readers.
#[derive(Debug)]
pub(crate) struct Feed {
    /// Last committed position.
    last: watch::Sender<u64>,
    /// Counts changes of service secrets: a reader whose credentials ended must end.
    credentials: watch::Sender<u64>,
    readers: Arc<Semaphore>,
    closing: CancellationToken,
}

impl Feed {
    pub(crate) fn new(last: u64, readers: usize) -> Self {
        Self {
            last: watch::Sender::new(last),
            credentials: watch::Sender::new(0),
            readers: Arc::new(Semaphore::new(readers.min(Semaphore::MAX_PERMITS))),
            closing: CancellationToken::new(),
        }
    }

    /// The last committed position.
    pub(crate) fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// A position was committed.
    pub(crate) fn committed(&self, seq: impl Into<Option<u64>>) {
        if let Some(seq) = seq.into() {
            self.last.send_if_modified(|last| {
                let newer = seq > *last;
                *last = seq.max(*last);
                newer
            });
        }
    }

    /// A service has another secret.
    pub(crate) fn credentials_changed(&self) {
        self.credentials.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn close(&self) {
        self.closing.cancel();
    }
}

impl Engine {
    /// Runs a step that writes the feed, and wakes its readers.
    pub(crate) async fn take_back<S, E>(
        self: &Shared,
        step: S,
        refusal: impl FnOnce(S::Refusal) -> E + Send + 'static,
    ) -> Result<(), ApiError>
    where
        S: OnMemory + OnSqlite<Done: Into<Seq>>,
        E: Into<ApiError>,
    {
        let engine = Shared::clone(self);
        Engine::to_the_end(async move {
            let seq = engine.run(step, refusal).await?;
            engine.feed.committed(seq);
            Ok(())
        })
        .await
    }
}

/// `GET /internal/v1/revocations?after=SEQ`.
pub(crate) async fn revocations(
    State(registry): State<Shared>,
    headers: HeaderMap,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response<Body>, ApiError> {
    // before the check, so that no change after it is missed
    let credentials = registry.feed.credentials.subscribe();
    let checked = *credentials.borrow();
    registry.service(&headers, scope::REVOCATIONS_READ).await?;
    let Query(query) = query.map_err(|_| Refusal::RevocationsInvalidQuery)?;
    let mut after = query
        .iter()
        .filter(|(name, _)| name == "after")
        .map(|(_, value)| value.as_str());
    let asked = match (after.next(), after.next()) {
        (asked, None) => asked,
        _ => return Err(Refusal::RevocationsInvalidQuery.into()),
    };
    // a browser's reader repeats its first query and says in the header how far it came
    let asked = if headers.contains_key("last-event-id") {
        Some(single(&headers, "last-event-id").ok_or(Refusal::RevocationsInvalidQuery)?)
    } else {
        asked
    };
    let after = match asked {
        None => 0,
        Some(text) => position(text).ok_or(Refusal::RevocationsInvalidQuery)?,
    };
    let permit = Arc::clone(&registry.feed.readers).try_acquire_owned();
    let permit = permit.map_err(|_| Refusal::RevocationsTooManyReaders)?;
    let reader = Reader {
        last: registry.feed.last.subscribe(),
        credentials,
        checked,
        closing: registry.feed.closing.clone(),
        registry,
        headers,
        position: after,
        first: true,
        _permit: permit,
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let text = reader.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), reader))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Digits only, so that a position has one spelling.
fn position(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// One connection that reads the feed.
struct Reader {
    registry: Shared,
    headers: HeaderMap,
    last: watch::Receiver<u64>,
    credentials: watch::Receiver<u64>,
    /// The count of changes when the credentials were last found to be in force.
    checked: u64,
    closing: CancellationToken,
    /// What the reader has.
    position: u64,
    first: bool,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// The next events as text; `None` ends the connection.
    async fn next(&mut self) -> Option<String> {
        let first = std::mem::replace(&mut self.first, false);
        if !first && *self.last.borrow() <= self.position && !self.wait().await {
            return None;
        }
        if self.closing.is_cancelled() || !self.still_allowed().await {
            return None;
        }
        let last = *self.last.borrow_and_update();
        if self.position > last {
            // the registry was restored from a copy: nothing that the reader knows is certain
            self.position = 0;
            return event(0, &FeedEvent::Reset { seq: last });
        }
        if self.position == last {
            return event(last, &FeedEvent::Heartbeat { seq: last });
        }
        let page = self
            .registry
            .find(RevocationsAfter {
                after: self.position,
                limit: FEED_PAGE,
            })
            .await;
        // without the database nothing can be vouched for: end the connection rather than claim that all is quiet
        let page = page
            .inspect_err(|error| tracing::error!(%error, "the revocation feed cannot be read"))
            .ok()?;
        let mut text = String::new();
        for row in page {
            self.position = row.seq;
            text.push_str(&event(row.seq, &FeedEvent::Entry { token: self.sign(row)? })?);
        }
        // at once: a reader trusts what it has only when it knows that nothing is missing, and the next entry may come before
        // the feed ever rests for a heartbeat
        if self.position >= last {
            text.push_str(&event(self.position, &FeedEvent::Heartbeat { seq: self.position })?);
        }
        Some(text)
    }

    /// Until there is something to say: an entry, or after a while that there is none. `false` when it is over.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => false,
            changed = self.last.changed() => changed.is_ok(),
            changed = self.credentials.changed() => changed.is_ok(),
            () = tokio::time::sleep(FEED_HEARTBEAT) => true,
        }
    }

    /// Whether the credentials that opened the connection are still in force; looked up only after some changed.
    async fn still_allowed(&mut self) -> bool {
        let count = *self.credentials.borrow();
        if count == self.checked {
            return true;
        }
        self.checked = count;
        self.registry
            .service(&self.headers, scope::REVOCATIONS_READ)
            .await
            .is_ok()
    }

    fn sign(&self, row: Revocation) -> Option<String> {
        let entry = Entry {
            iss: self.registry.config.issuer.clone(),
            seq: row.seq,
            agent_did: row.agent,
            jti: row.jti,
            scope: row.scope,
            reason: row
                .reason
                .or_else(|| (row.scope == Scope::Agent).then(|| "agent_revoked".to_owned())),
            revoked_at: u32::try_from(row.revoked_at.secs()).ok()?,
        };
        let signed = self.registry.config.signing_keys.sign_revocation(&entry);
        signed
            .inspect_err(|error| tracing::error!(%error, "an entry of the revocation feed cannot be signed"))
            .ok()
    }
}

/// One event as it travels. The data is JSON on one line.
fn event(id: u64, event: &FeedEvent) -> Option<String> {
    let data = serde_json::to_string(event).ok()?;
    Some(format!("id: {id}\ndata: {data}\n\n"))
}
