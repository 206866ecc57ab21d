//! What a connection sends: what was missed, the end of the catch-up, and then what comes (signet spec 5.3).

use std::{collections::VecDeque, sync::Arc};

use chancery_signet_wire::frame::{
    Authenticated, Backpressure, CloseCode, Event, Gap, Heartbeat, RecoveryComplete, ServerFrame, SignetShutdown,
};
use tokio::sync::oneshot;

use super::Harness;
use crate::{
    store::{Problem, Step, Tx},
    stream::{
        frame::{Frame, written},
        ingest::Delivery,
        log::{self, StreamId},
        mailbox::Next,
        resume::Start,
    },
};

/// What a connection sends next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outgoing {
    /// An event of the stream.
    Event(Frame),
    /// A frame outside of the stream.
    Text(String),
    /// The end.
    Close(CloseCode),
}

/// A harness that was let in, as the writer of its connection sees it.
#[derive(Debug)]
pub struct HarnessSession {
    harness: Harness,
    authenticated: Authenticated,
    start: Start,
    /// The last event when the harness was let in: so far it catches up.
    goal: u64,
    recovery: Recovery,
    /// Events that were read and not handed over yet.
    page: VecDeque<Frame>,
}

/// How far the catch-up is.
#[derive(Debug)]
enum Recovery {
    /// Its end is not written yet.
    Before,
    /// It is being written.
    Writing(oneshot::Receiver<Result<u64, Problem>>),
    /// It has this number.
    At(u64),
    /// It is over, or there was none.
    Over,
}

impl HarnessSession {
    pub(super) fn new(harness: Harness, authenticated: Authenticated, start: Start, goal: u64) -> Self {
        Self {
            harness,
            authenticated,
            start,
            goal,
            recovery: if start.recovers() {
                Recovery::Before
            } else {
                Recovery::Over
            },
            page: VecDeque::new(),
        }
    }

    /// The frame that says that the harness was let in.
    #[must_use]
    pub fn authenticated(&self) -> &Authenticated {
        &self.authenticated
    }

    /// The connection, for requests.
    #[must_use]
    pub fn harness(&self) -> &Harness {
        &self.harness
    }

    /// What to send next. Waits until there is something; after [`Outgoing::Close`] there is nothing more. May be dropped
    /// and called again at any time.
    pub async fn next(&mut self) -> Outgoing {
        let mailbox = Arc::clone(&self.harness.link.mailbox);
        loop {
            // a harness that lost its credential is not sent what it missed
            if mailbox.closing() == Some(CloseCode::CredentialRevoked) && !matches!(self.recovery, Recovery::Over) {
                return Outgoing::Close(CloseCode::CredentialRevoked);
            }
            if let Some(frame) = self.page.pop_front() {
                mailbox.read_to(frame.seq());
                return Outgoing::Event(self.dressed(frame));
            }
            match mailbox.next() {
                Next::Frame(frame) => return Outgoing::Event(self.dressed(frame)),
                Next::Aside(text) => return Outgoing::Text(text),
                Next::Backpressure(buffered) => {
                    if let Some(text) = self.backpressure(buffered) {
                        return Outgoing::Text(text);
                    }
                }
                Next::Close(code) => return Outgoing::Close(code),
                Next::Wait => mailbox.wait().await,
                Next::Behind(position) => {
                    if let Err(problem) = self.catch_up(position).await {
                        tracing::error!(error = %problem, "a stream cannot be read");
                        return Outgoing::Close(CloseCode::GoingAway);
                    }
                }
            }
        }
    }

    /// Reads on after `position`, and writes the end of the catch-up when that is reached.
    async fn catch_up(&mut self, position: u64) -> Result<(), Problem> {
        let traffic = Arc::clone(&self.harness.link.traffic);
        let stream = self.harness.link.stream;
        if position >= self.goal && matches!(self.recovery, Recovery::Before) {
            let (tell, told) = oneshot::channel();
            let keep = traffic.decided.keep;
            let writing = Arc::clone(&traffic);
            traffic.spawn(async move {
                // the session may have ended; the event is in the stream all the same
                let _ = tell.send(writing.commit(Recovered { stream, keep }).await);
            });
            self.recovery = Recovery::Writing(told);
        }
        if let Recovery::Writing(told) = &mut self.recovery {
            let seq = told.await.unwrap_or(Err(chancery_store::StoreError::Closed.into()))?;
            self.recovery = Recovery::At(seq);
        }
        let page = traffic.store.read(move |sql| log::page(sql, stream, position)).await?;
        if page.is_empty() {
            self.harness.link.mailbox.caught_up(position);
        }
        self.page = page.into();
        Ok(())
    }

    /// `frame` as this harness is told it.
    fn dressed(&mut self, frame: Frame) -> Frame {
        match self.recovery {
            Recovery::Over => frame,
            Recovery::At(end) if frame.seq() == end => {
                self.recovery = Recovery::Over;
                self.recovered(&frame).unwrap_or(frame)
            }
            _ => frame.replayed(),
        }
    }

    /// The end of this catch-up, with what only this harness is told.
    fn recovered(&self, frame: &Frame) -> Option<Frame> {
        let Ok(Event::RecoveryComplete(plain)) = Event::parse(frame.event()) else {
            return None;
        };
        let event = Event::RecoveryComplete(RecoveryComplete {
            gap: match self.start {
                Start::Gap(from, to) => Some(Gap { from, to }),
                _ => None,
            },
            reset: (self.start == Start::Reset).then_some(true),
            ..plain
        });
        Some(Frame::new(frame.seq(), written(&event)?))
    }

    fn backpressure(&self, buffered: usize) -> Option<String> {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let frame = ServerFrame::Backpressure(Backpressure {
            buffered: count(buffered),
            limit: count(self.harness.link.traffic.settings.send_buffer.hard),
        });
        frame.encode().ok()
    }
}

impl Harness {
    /// The frame by which the harness is told that the signet is there. It belongs to no stream, so that an idle harness
    /// loses nothing by it.
    #[must_use]
    pub fn beat(&self) -> String {
        let event = Event::Heartbeat(Heartbeat {
            credential_id: self.credential(),
            timestamp: self.link.traffic.clock.now().into(),
        });
        written(&event).map(|text| text.to_string()).unwrap_or_default()
    }
}

/// Writes the end of a catch-up.
struct Recovered {
    stream: StreamId,
    keep: u64,
}

impl Step for Recovered {
    type Done = (u64, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        let frame = log::recovered(tx, self.stream, self.keep)?;
        Ok((frame.seq(), vec![(self.stream, frame)]))
    }
}

/// What all connections are told when the signet ends: the credential does not.
pub(crate) fn farewell() -> Option<String> {
    let event = Event::SignetShutdown(SignetShutdown {
        reason: "signet_shutdown".to_owned(),
    });
    written(&event).map(|text| text.to_string())
}
