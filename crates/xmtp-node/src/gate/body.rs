//! Bodies on their way in and out.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    LargeAnswer,
    underway::{Ticket, Underway},
};
use crate::{
    error::Refusal,
    limits::{MAX_GRPC_MESSAGE, SMALL_REQUEST},
};

/// Bytes of gRPC's prefix of a message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// The unit in which large requests are counted, in bytes: permits are 32-bit numbers.
const UNIT: usize = 1024;

/// How much of large requests may be held.
#[derive(Debug)]
pub(crate) struct LargeRequests {
    units: Arc<Semaphore>,
    all: u32,
}

impl LargeRequests {
    pub(super) fn new(bytes: usize) -> Self {
        let all = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1);
        let all = all.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self {
            units: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Waits until there is room for `bytes`; what is larger than all there is waits for all.
    fn take(&self, bytes: usize, underway: &Arc<Underway>) -> Taking {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.all);
        let semaphore = Arc::clone(&self.units);
        let underway = Arc::clone(underway);
        Box::pin(async move { underway.pressing(semaphore.acquire_many_owned(units)).await.ok() })
    }
}

type Taking = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

/// What is known of a request's body, for as long as the request is under way, which is longer than it is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Room for a large request.
    _room: Option<OwnedSemaphorePermit>,
    too_large: bool,
}

impl Held {
    /// Whether the request announced or held more than one may.
    pub(super) fn is_too_large(&self) -> bool {
        self.lock().too_large
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a request. What the prefix announces as large waits for room before any of it is handed on: whoever reads
/// it makes room for all of it at once. Only one message is let through, because only that was judged.
pub(super) struct Arriving {
    body: Body,
    large: Arc<LargeRequests>,
    ticket: Arc<Ticket>,
    held: Held,
    prefix: Vec<u8>,
    /// Bytes of the message that are still to come, prefix included.
    left: usize,
    /// Bytes that came since the client last showed that it goes on.
    progress: usize,
    taking: Option<(Taking, Bytes)>,
}

impl Arriving {
    pub(super) fn new(body: Body, large: Arc<LargeRequests>, ticket: Arc<Ticket>) -> (Self, Held) {
        let held = Held::default();
        let arriving = Self {
            body,
            large,
            ticket,
            held: held.clone(),
            prefix: Vec::new(),
            left: PREFIX,
            progress: 0,
            taking: None,
        };
        (arriving, held)
    }

    /// Takes note of `data`. The length that the prefix announces, when `data` completes it; `Err` when more comes than that.
    fn note(&mut self, data: &[u8]) -> Result<Option<usize>, ()> {
        let missing = PREFIX - self.prefix.len();
        let mut announced = None;
        if missing > 0 {
            self.prefix.extend(data.iter().take(missing));
            if let Some([_, length @ ..]) = self.prefix.first_chunk::<PREFIX>() {
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
                self.left = self.left.saturating_add(length);
                announced = Some(length);
            }
        }
        self.left = self.left.checked_sub(data.len()).ok_or(())?;
        Ok(announced)
    }

    fn refuse(&mut self) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.held.lock().too_large = true;
        self.body = Body::empty();
        Poll::Ready(Some(Err(axum::Error::new(Refusal::RequestTooLarge))))
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some((taking, _)) = &mut self.taking {
            let room = ready!(taking.as_mut().poll(cx));
            self.held.lock()._room = room;
            self.ticket.hold_room();
            if self.left > 0 {
                self.ticket.wait_for_client();
            }
            if let Some((_, data)) = self.taking.take() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let Some(Ok(frame)) = frame else {
            self.ticket.work();
            return Poll::Ready(frame);
        };
        let Some(data) = frame.data_ref() else {
            return Poll::Ready(Some(Ok(frame)));
        };
        self.progress = self.progress.saturating_add(data.len());
        match self.note(data) {
            Err(()) => self.refuse(),
            Ok(Some(length)) if length > MAX_GRPC_MESSAGE => self.refuse(),
            Ok(Some(length)) if length > SMALL_REQUEST => {
                // meanwhile it is the client that waits
                self.ticket.work();
                let taking = self.large.take(length, self.ticket.underway());
                self.taking = frame.into_data().ok().map(|data| (taking, data));
                self.poll_frame(cx)
            }
            Ok(_) => {
                if self.left == 0 {
                    self.ticket.work();
                } else if self.progress >= SMALL_REQUEST {
                    // a large request takes its time as long as it comes
                    self.progress = 0;
                    self.ticket.wait_for_client();
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.taking.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, with what is held until it was read.
pub(super) struct Leaving {
    body: Body,
    _ticket: Arc<Ticket>,
    _large: Option<LargeAnswer>,
}

impl Leaving {
    pub(super) fn new(body: Body, ticket: Arc<Ticket>, large: Option<LargeAnswer>) -> Self {
        Self {
            body,
            _ticket: ticket,
            _large: large,
        }
    }
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
