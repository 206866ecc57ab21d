//! A stream as the body of an answer.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::http::HeaderMap;
use bytes::Bytes;
use http_body::{Body, Frame};

use super::reading::Frames;

/// Frames, and the status behind them as trailers. A subscription never ends well: the node sends the client away.
pub(super) struct Answer {
    pub(super) frames: Frames,
    pub(super) ended: bool,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.frames.as_mut().poll_next(cx)) {
            Some(Ok(frame)) => Some(Ok(Frame::data(frame))),
            Some(Err(status)) => {
                self.ended = true;
                let mut trailers = HeaderMap::new();
                // a status of ours has a message and metadata that headers can hold
                let _ = status.add_header(&mut trailers);
                Some(Ok(Frame::trailers(trailers)))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
