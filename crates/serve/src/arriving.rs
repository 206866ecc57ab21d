//! Request bodies that must arrive in time.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How long a body may take from the first wait for more of it: 1 MiB at 35 KB/s. A client that dribbles holds a seat no
/// longer than this, and needs no identity to take one.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Whether a body came too late.
#[derive(Debug, Clone, Default)]
pub(crate) struct Late(Arc<AtomicBool>);

impl Late {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `body`, which fails and sets the returned mark when it takes longer than [`BODY_TIMEOUT`].
pub(crate) fn arriving(body: Body) -> (Body, Late) {
    let late = Late::default();
    if body.is_end_stream() {
        return (body, late);
    }
    let arriving = Arriving {
        body,
        deadline: None,
        late: late.clone(),
    };
    (Body::new(arriving), late)
}

struct Arriving {
    body: Body,
    /// Made when something is waited for: most bodies are there at once.
    deadline: Option<Pin<Box<Sleep>>>,
    late: Late,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(BODY_TIMEOUT)));
        ready!(deadline.as_mut().poll(cx));
        self.late.0.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new("the request body took too long to arrive"))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
