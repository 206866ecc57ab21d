//! Streams: everything after a cursor, then what comes, each row of a topic once and in order.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    hash::Hash,
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use chancery_xmtp_wire::proto::mls::api::v1 as proto;
use futures_util::{Stream, stream};
use tonic::Status;

use crate::{
    convert,
    engine::Engine,
    error::Refusal,
    hub::{Hub, Next, Subscription},
    limits::{HISTORY_BYTES, HISTORY_ROWS, HISTORY_TOPICS},
    seats::Seat,
    store::{
        model::{GroupMessage, History, Installation, Row, Welcome},
        queries::{GroupHistory, WelcomeHistory},
    },
};

/// What a service answers.
pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// One of the two kinds of streams.
pub(crate) trait Feed: Send + Sized + 'static {
    /// What a filter names.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is kept.
    type Row: Row + Send + Sync + 'static;
    /// What is sent.
    type Wire: Send + 'static;

    fn hub(engine: &Engine) -> &Arc<Hub<Self::Key, Self::Row>>;
    fn key(row: &Self::Row) -> &Self::Key;
    fn wire(row: &Self::Row) -> Self::Wire;
    fn history(
        engine: &Engine,
        after: Vec<(Self::Key, u64)>,
    ) -> impl Future<Output = Result<History<Self::Row>, Status>> + Send;
}

/// Messages of groups.
pub(crate) struct GroupFeed;

impl Feed for GroupFeed {
    type Key = Bytes;
    type Row = GroupMessage;
    type Wire = proto::GroupMessage;

    fn hub(engine: &Engine) -> &Arc<Hub<Bytes, GroupMessage>> {
        &engine.groups
    }

    fn key(row: &GroupMessage) -> &Bytes {
        &row.message.group
    }

    fn wire(row: &GroupMessage) -> proto::GroupMessage {
        convert::group_message(row)
    }

    async fn history(engine: &Engine, after: Vec<(Bytes, u64)>) -> Result<History<GroupMessage>, Status> {
        let (rows, bytes) = (HISTORY_ROWS, HISTORY_BYTES);
        engine.find(GroupHistory { after, rows, bytes }).await
    }
}

/// Welcomes of installations.
pub(crate) struct WelcomeFeed;

impl Feed for WelcomeFeed {
    type Key = Installation;
    type Row = Welcome;
    type Wire = proto::WelcomeMessage;

    fn hub(engine: &Engine) -> &Arc<Hub<Installation, Welcome>> {
        &engine.welcomes
    }

    fn key(row: &Welcome) -> &Installation {
        &row.welcome.installation
    }

    fn wire(row: &Welcome) -> proto::WelcomeMessage {
        convert::welcome(row)
    }

    async fn history(engine: &Engine, after: Vec<(Installation, u64)>) -> Result<History<Welcome>, Status> {
        let (rows, bytes) = (HISTORY_ROWS, HISTORY_BYTES);
        engine.find(WelcomeHistory { after, rows, bytes }).await
    }
}

/// Subscribes at once; what the topics have after their cursors is read as the client reads.
pub(crate) fn open<F: Feed>(engine: Arc<Engine>, filters: Vec<(F::Key, u64)>, seat: Seat) -> Answers<F::Wire> {
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
        let answer = reading.next().await?;
        Some((answer, reading))
    }))
}

struct Reading<F: Feed> {
    engine: Arc<Engine>,
    subscription: Subscription<F::Key, F::Row>,
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
    async fn next(&mut self) -> Option<Result<F::Wire, Status>> {
        if self.ended {
            return None;
        }
        let answer = self.find_next().await;
        self.ended = answer.is_err();
        Some(answer)
    }

    async fn find_next(&mut self) -> Result<F::Wire, Status> {
        loop {
            if let Some(row) = self.read.pop_front() {
                return Ok(F::wire(&row));
            }
            if self.subscription.is_closed() {
                return Err(Refusal::Stopping.into());
            }
            if !self.behind.is_empty() {
                self.read_history().await?;
                continue;
            }
            if let Some(missed) = self.subscription.go_live() {
                self.behind.extend(missed);
                continue;
            }
            // what history took up is needed once
            self.read.shrink_to_fit();
            self.behind.shrink_to_fit();
            match poll_fn(|cx| self.subscription.poll_next(cx)).await {
                Next::Row(row) => {
                    if let Some(mark) = self.marks.get_mut(F::key(&row))
                        && *mark < row.id()
                    {
                        *mark = row.id();
                        return Ok(F::wire(&row));
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
