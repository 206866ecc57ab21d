//! Where a stream stands.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tonic::Status;

use super::feed::Feed;
use crate::{
    engine::Engine,
    error::Refusal,
    hub::{Next, Subscription},
    limits::HISTORY_TOPICS,
    seats::Seat,
    store::model::Row as _,
};

/// Rows as they travel.
pub(super) type Frames = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// Subscribes at once; what the topics have after their cursors is read as the client reads.
pub(super) fn open<F: Feed>(engine: Arc<Engine>, filters: Vec<(F::Key, u64)>, seat: Seat) -> Frames {
    let mut marks = HashMap::with_capacity(filters.len());
    for (key, cursor) in filters {
        let mark = marks.entry(key).or_insert(cursor);
        *mark = cursor.min(*mark);
    }
    let reading = Reading::<F> {
        subscription: F::hub(&engine).subscribe(marks.keys().cloned()),
        behind: marks.keys().cloned().collect(),
        read: VecDeque::new(),
        marks,
        engine,
        ended: false,
        _seat: seat,
    };
    Box::pin(stream::unfold(reading, |mut reading| async move {
        let frame = reading.next().await?;
        Some((frame, reading))
    }))
}

struct Reading<F: Feed> {
    engine: Arc<Engine>,
    subscription: Subscription<F::Key>,
    /// The last row of each topic that was read or sent.
    marks: HashMap<F::Key, u64>,
    /// Topics whose history is still to be read.
    behind: VecDeque<F::Key>,
    /// History that was read and not sent yet.
    read: VecDeque<F::Row>,
    ended: bool,
    _seat: Seat,
}

impl<F: Feed> Reading<F> {
    async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        if self.ended {
            return None;
        }
        let frame = self.find_next().await;
        self.ended = frame.is_err();
        Some(frame)
    }

    async fn find_next(&mut self) -> Result<Bytes, Status> {
        loop {
            if self.subscription.is_closed() {
                return Err(Refusal::Stopping.into());
            }
            if let Some(row) = self.read.pop_front() {
                return Ok(F::frame(&row));
            }
            if !self.behind.is_empty() {
                self.read_history().await?;
                continue;
            }
            if let Some(missed) = self.subscription.go_live() {
                self.behind.extend(missed);
                continue;
            }
            // most of the time most streams wait, and then hold no more than they need
            self.read.shrink_to_fit();
            self.behind.shrink_to_fit();
            match poll_fn(|cx| self.subscription.poll_next(cx)).await {
                Next::Row(row) => {
                    // what was published between its commit and our going live was read already
                    if let Some(mark) = self.marks.get_mut(row.topic())
                        && *mark < row.id()
                    {
                        *mark = row.id();
                        return Ok(row.frame());
                    }
                }
                Next::Lagging => return Err(Refusal::SlowReader.into()),
                Next::Closed => return Err(Refusal::Stopping.into()),
            }
        }
    }

    async fn read_history(&mut self) -> Result<(), Status> {
        let mark = |key: &F::Key| (key.clone(), self.marks.get(key).copied().unwrap_or(0));
        let after = self.behind.iter().take(HISTORY_TOPICS).map(mark).collect();
        let history = F::history(&self.engine, after).await?;
        self.behind.drain(..history.finished.min(self.behind.len()));
        for row in &history.rows {
            if let Some(mark) = self.marks.get_mut(F::key(row)) {
                *mark = row.id();
            }
        }
        self.read.extend(history.rows);
        Ok(())
    }
}
