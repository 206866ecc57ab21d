//! A harness that was let in.

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, task::Poll};

use chancery_signet::{Answering, Harness, HarnessSession, Outgoing};
use chancery_signet_wire::{
    Class, Failure,
    frame::{CloseCode, Request, RequestProblem, Response, ServerFrame},
};
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    poll,
    stream::{self, FuturesUnordered},
};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

use crate::{
    end::End,
    settings::{AT_ONCE, FrameRate, MAX_IN_FLIGHT_BYTES, SLOW_GRACE, STUCK_GRACE, Settings},
    socket::{Inbound, Lost, Socket},
};

/// A connection that is active, or draining.
pub(crate) struct Connection<'a> {
    socket: &'a mut Socket,
    harness: Harness,
    settings: &'a Settings,
    last_heard: Instant,
    counted: Counted,
    answers: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// Bytes of the requests that are being answered.
    in_flight: usize,
    /// Until when answers are waited for; the signet ends.
    draining: Option<Instant>,
}

/// An answer, and how long its request was.
struct Answered {
    response: Option<Response>,
    bytes: usize,
}

/// Frames of the client in the window that began last.
struct Counted {
    since: Instant,
    frames: u32,
}

impl<'a> Connection<'a> {
    /// Serves a harness until its connection ends, and says how. `ending` is cancelled when nobody more is let in.
    pub(crate) async fn serve(
        socket: &'a mut Socket,
        session: HarnessSession,
        settings: &'a Settings,
        ending: &CancellationToken,
    ) -> End {
        let now = Instant::now();
        let mut connection = Self {
            socket,
            harness: session.harness().clone(),
            settings,
            last_heard: now,
            counted: Counted { since: now, frames: 0 },
            answers: FuturesUnordered::new(),
            in_flight: 0,
            draining: None,
        };
        match connection.run(session, ending).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn run(
        &mut self,
        session: HarnessSession,
        ending: &CancellationToken,
    ) -> Result<std::convert::Infallible, End> {
        let welcome = ServerFrame::Authenticated(session.authenticated().clone());
        self.feed_frame(&welcome).await?;
        self.flush().await?;
        // held over turns: what it reads from the database is not begun anew whenever something else happens
        let mut events = pin!(stream::unfold(session, |mut session| async move {
            let out = session.next().await;
            Some((out, session))
        }));
        let mut beat: std::pin::Pin<&mut Sleep> = pin!(sleep(self.settings.heartbeat));
        let mut ended = pin!(ending.cancelled());
        let mut told = false;
        loop {
            // one thing that happened
            tokio::select! {
                out = events.next(), if self.draining.is_none() => self.outgoing(out).await?,
                Some(answer) = self.answers.next() => self.answer(answer).await?,
                inbound = self.socket.next(), if self.listens() => self.inbound(inbound).await?,
                () = beat.as_mut() => {
                    self.beat().await?;
                    beat.as_mut().reset(Instant::now() + self.settings.heartbeat);
                }
                () = &mut ended, if !told => {
                    // whoever was let in after the farewell
                    told = true;
                    self.harness.close(CloseCode::GoingAway);
                }
                () = sleep_until(self.draining.unwrap_or_else(Instant::now)), if self.draining.is_some() => {
                    return Err(CloseCode::GoingAway.into());
                }
            }
            // what else is there by now, of each so much; all of it is written together
            for _ in 0..AT_ONCE {
                if self.draining.is_some() {
                    break;
                }
                let Poll::Ready(out) = poll!(events.next()) else { break };
                self.outgoing(out).await?;
            }
            for _ in 0..AT_ONCE {
                if !self.listens() {
                    break;
                }
                let Poll::Ready(inbound) = poll!(self.socket.next()) else {
                    break;
                };
                self.inbound(inbound).await?;
            }
            for _ in 0..AT_ONCE {
                let Poll::Ready(Some(answer)) = poll!(self.answers.next()) else {
                    break;
                };
                self.answer(answer).await?;
            }
            if self.draining.is_some() && self.answers.is_empty() {
                return Err(CloseCode::GoingAway.into());
            }
            self.flush().await?;
        }
    }

    /// Whether what the client sends is read now.
    fn listens(&self) -> bool {
        self.draining.is_none() && self.in_flight < MAX_IN_FLIGHT_BYTES
    }

    async fn outgoing(&mut self, out: Option<Outgoing>) -> Result<(), End> {
        match out {
            Some(Outgoing::Event(frame)) => {
                let (deadline, harness) = (self.deadline(), &self.harness);
                unless_stuck(harness, deadline, self.socket.feed_event(frame)).await
            }
            Some(Outgoing::Text(text)) => self.feed(text).await,
            Some(Outgoing::Close(CloseCode::GoingAway)) => {
                self.draining = Some(Instant::now() + self.settings.drain);
                Ok(())
            }
            Some(Outgoing::Close(code)) => Err(code.into()),
            _ => Err(CloseCode::GoingAway.into()),
        }
    }

    async fn inbound(&mut self, inbound: Option<Inbound>) -> Result<(), End> {
        match inbound {
            Some(Inbound::Ended(end)) => Err(end),
            None => Err(End::Gone),
            Some(Inbound::Alive) => self.count(),
            Some(Inbound::Text(text)) => {
                self.count()?;
                if let Some(response) = self.request(&text)? {
                    self.feed_frame(&ServerFrame::Response(response)).await?;
                }
                Ok(())
            }
        }
    }

    /// Notes that something was heard.
    fn count(&mut self) -> Result<(), End> {
        self.last_heard = Instant::now();
        match self.settings.rate {
            Some(rate) if !self.counted.may(rate, self.last_heard) => Err(CloseCode::RateLimited.into()),
            _ => Ok(()),
        }
    }

    /// Begins a request; with its answer, when that is there at once.
    fn request(&mut self, text: &Utf8Bytes) -> Result<Option<Response>, End> {
        let (id, request) = match Request::parse(text) {
            Ok(request) => request,
            Err(RequestProblem::Refused { request_id, failure }) => {
                return Ok(Some(Response::Failure { request_id, failure }));
            }
            Err(RequestProblem::Unanswerable) => return Err(End::protocol("Invalid request frame")),
        };
        match self.harness.ask(id, request) {
            Answering::Ready(response) => Ok(response),
            Answering::Waiting(request_id, answer) => {
                let bytes = text.len();
                self.in_flight += bytes;
                // a defect ends one request and not the connection
                let answer = AssertUnwindSafe(answer).catch_unwind().map(move |answer| Answered {
                    response: answer.unwrap_or_else(|_| Some(broken(request_id))),
                    bytes,
                });
                self.answers.push(answer.boxed());
                Ok(None)
            }
        }
    }

    async fn answer(&mut self, answered: Answered) -> Result<(), End> {
        self.in_flight = self.in_flight.saturating_sub(answered.bytes);
        match answered.response {
            Some(response) => self.feed_frame(&ServerFrame::Response(response)).await,
            // the session says how it ends
            None => Ok(()),
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        if Instant::now() >= self.deadline() {
            return Err(CloseCode::Dead.into());
        }
        let text = self.harness.beat();
        self.feed(text).await
    }

    /// When the connection is dead if nothing is heard until then.
    fn deadline(&self) -> Instant {
        self.last_heard + self.settings.dead_after()
    }

    async fn feed_frame(&mut self, frame: &ServerFrame) -> Result<(), End> {
        match frame.encode() {
            Ok(text) => self.feed(text).await,
            Err(error) => {
                tracing::error!(%error, "a frame cannot be written");
                Err(CloseCode::GoingAway.into())
            }
        }
    }

    async fn feed(&mut self, text: String) -> Result<(), End> {
        let deadline = self.deadline();
        unless_stuck(&self.harness, deadline, self.socket.feed(text)).await
    }

    async fn flush(&mut self) -> Result<(), End> {
        let deadline = self.deadline();
        unless_stuck(&self.harness, deadline, self.socket.flush()).await
    }
}

/// Writes. A client that does not read holds that up, and is given up when it is dead, or when its connection has to end
/// anyway.
async fn unless_stuck(
    harness: &Harness,
    deadline: Instant,
    write: impl Future<Output = Result<(), Lost>>,
) -> Result<(), End> {
    let mut write = pin!(write);
    if let Poll::Ready(written) = poll!(write.as_mut()) {
        return written.map_err(|Lost| End::Gone);
    }
    let given_up = async {
        let code = harness.closing().await;
        let grace = if code == CloseCode::Backpressure {
            SLOW_GRACE
        } else {
            STUCK_GRACE
        };
        sleep(grace).await;
        code
    };
    tokio::select! {
        written = write => written.map_err(|Lost| End::Gone),
        code = given_up => Err(End::Cut(code)),
        () = sleep_until(deadline) => Err(End::Cut(CloseCode::Dead)),
    }
}

impl Counted {
    /// Counts a frame at `now`; whether it is one of those that are let through.
    fn may(&mut self, rate: FrameRate, now: Instant) -> bool {
        if now.duration_since(self.since) >= rate.window {
            *self = Self { since: now, frames: 0 };
        }
        self.frames = self.frames.saturating_add(1);
        self.frames <= rate.frames
    }
}

/// The answer to a request whose handler has a defect.
fn broken(request_id: String) -> Response {
    Response::Failure {
        request_id,
        failure: Failure::new(Class::Internal, "the request failed"),
    }
}
