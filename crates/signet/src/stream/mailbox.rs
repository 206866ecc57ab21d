//! What waits to be sent on one connection.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chancery_signet_wire::frame::CloseCode;
use tokio::sync::Notify;

use super::frame::Frame;

/// How many frames may wait for a harness that does not read (signet spec 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendBuffer {
    /// From so many on it is told.
    pub soft: usize,
    /// With so many the connection closes.
    pub hard: usize,
}

/// The original's limits: a few dozen messages are a burst, some hundred are a harness that stopped reading.
impl Default for SendBuffer {
    fn default() -> Self {
        Self { soft: 64, hard: 256 }
    }
}

/// The frames of one connection, from the stream's delivery to its session.
#[derive(Debug)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    wake: Notify,
    closing_wake: Notify,
    buffer: SendBuffer,
}

#[derive(Debug)]
struct State {
    /// Number of the last frame that was handed over or waits.
    position: u64,
    /// The newest number that was delivered, taken or not.
    newest: u64,
    /// Whether frames are taken as they are delivered. Otherwise the session reads them from the database.
    live: bool,
    waiting: VecDeque<Frame>,
    /// Texts outside the stream.
    asides: VecDeque<String>,
    warned: bool,
    close: Option<CloseCode>,
}

/// What a session does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send this.
    Frame(Frame),
    /// Send this, which belongs to no stream.
    Aside(String),
    /// Say that so many frames wait.
    Backpressure(usize),
    /// Read what comes after this number from the database.
    Behind(u64),
    /// End.
    Close(CloseCode),
    /// Nothing for now.
    Wait,
}

impl Mailbox {
    /// A mailbox whose session reads from the database first.
    pub(crate) fn new(buffer: SendBuffer) -> Self {
        Self {
            state: Mutex::new(State {
                position: 0,
                newest: 0,
                live: false,
                waiting: VecDeque::new(),
                asides: VecDeque::new(),
                warned: false,
                close: None,
            }),
            wake: Notify::new(),
            closing_wake: Notify::new(),
            buffer,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `frame` if it is the next one; if it is a later one, the session is sent to the database for what lies
    /// between.
    pub(crate) fn push(&self, frame: &Frame) {
        let mut state = self.lock();
        state.newest = state.newest.max(frame.seq());
        if !state.live || frame.seq() <= state.position {
            return;
        }
        if state.waiting.len() >= self.buffer.hard {
            state.close.get_or_insert(CloseCode::Backpressure);
            state.waiting.clear();
            self.closing_wake.notify_waiters();
        } else if frame.seq() == state.position + 1 {
            state.position = frame.seq();
            state.waiting.push_back(frame.clone());
        } else {
            state.live = false;
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Takes a text that belongs to no stream.
    pub(crate) fn aside(&self, text: String) {
        self.lock().asides.push_back(text);
        self.wake.notify_one();
    }

    /// Ends the connection with `code` once what waits is sent. The first code counts.
    pub(crate) fn close(&self, code: CloseCode) {
        self.lock().close.get_or_insert(code);
        self.closing_wake.notify_waiters();
        self.wake.notify_one();
    }

    /// With what the connection ends, if it does.
    pub(crate) fn closing(&self) -> Option<CloseCode> {
        self.lock().close
    }

    /// Returns the code once it is decided that the connection ends.
    pub(crate) async fn closed(&self) -> CloseCode {
        loop {
            let closing = self.closing_wake.notified();
            tokio::pin!(closing);
            // whoever closes after this look wakes us
            closing.as_mut().enable();
            if let Some(code) = self.closing() {
                return code;
            }
            closing.await;
        }
    }

    /// What to do next.
    pub(crate) fn next(&self) -> Next {
        let mut state = self.lock();
        let at_once = matches!(
            state.close,
            Some(CloseCode::Backpressure | CloseCode::CredentialRevoked)
        );
        if let Some(code) = state.close.filter(|_| at_once && state.waiting.is_empty()) {
            return Next::Close(code);
        }
        if state.waiting.len() >= self.buffer.soft && !state.warned {
            state.warned = true;
            return Next::Backpressure(state.waiting.len());
        }
        if let Some(frame) = state.waiting.pop_front() {
            state.warned &= !state.waiting.is_empty();
            return Next::Frame(frame);
        }
        if !state.live {
            return Next::Behind(state.position);
        }
        if let Some(text) = state.asides.pop_front() {
            return Next::Aside(text);
        }
        match state.close {
            Some(code) => Next::Close(code),
            None => Next::Wait,
        }
    }

    /// The session has read everything up to `position` from the database and found nothing after it. Whether that is all
    /// there is; otherwise it reads again.
    pub(crate) fn caught_up(&self, position: u64) -> bool {
        let mut state = self.lock();
        state.position = position;
        state.live = state.newest <= position;
        state.live
    }

    /// The session has handed over everything up to `position` from the database.
    pub(crate) fn read_to(&self, position: u64) {
        self.lock().position = position;
    }

    /// Returns when there may be something to do.
    pub(crate) async fn wait(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const BUFFER: SendBuffer = SendBuffer { soft: 2, hard: 4 };

    fn frame(seq: u64) -> Frame {
        Frame::new(seq, Arc::from("{}"))
    }

    fn live(position: u64) -> Mailbox {
        let mailbox = Mailbox::new(BUFFER);
        assert!(mailbox.caught_up(position));
        mailbox
    }

    #[test]
    fn frames_come_in_order_and_once() {
        let mailbox = live(3);
        for seq in [3, 4, 4, 5] {
            mailbox.push(&frame(seq));
        }
        assert_eq!(mailbox.next(), Next::Backpressure(2));
        assert_eq!(mailbox.next(), Next::Frame(frame(4)));
        assert_eq!(mailbox.next(), Next::Frame(frame(5)));
        assert_eq!(mailbox.next(), Next::Wait);
    }

    #[test]
    fn a_frame_that_is_not_the_next_sends_the_session_to_the_database() {
        let mailbox = live(3);
        mailbox.push(&frame(4));
        mailbox.push(&frame(6));
        assert_eq!(mailbox.next(), Next::Frame(frame(4)));
        assert_eq!(mailbox.next(), Next::Behind(4));
        // 5 was read; 6 was delivered before that, so it has to be there, too
        assert!(!mailbox.caught_up(5));
        assert!(mailbox.caught_up(6));
        assert_eq!(mailbox.next(), Next::Wait);
    }

    #[test]
    fn nothing_is_held_in_memory_while_the_session_catches_up() {
        let mailbox = Mailbox::new(BUFFER);
        (1..100).for_each(|seq| mailbox.push(&frame(seq)));
        assert_eq!(mailbox.next(), Next::Behind(0));
        assert_eq!(mailbox.closing(), None);
    }

    #[test]
    fn who_does_not_read_is_told_once_and_then_left() {
        let mailbox = live(0);
        (1..=3).for_each(|seq| mailbox.push(&frame(seq)));
        assert_eq!(mailbox.next(), Next::Backpressure(3));
        assert_eq!(mailbox.next(), Next::Frame(frame(1)));
        (4..=6).for_each(|seq| mailbox.push(&frame(seq)));
        assert_eq!(mailbox.next(), Next::Close(CloseCode::Backpressure));
    }

    #[test]
    fn the_warning_is_armed_again_once_everything_was_read() {
        let mailbox = live(0);
        for round in [0, 2] {
            mailbox.push(&frame(round + 1));
            mailbox.push(&frame(round + 2));
            assert_eq!(mailbox.next(), Next::Backpressure(2));
            assert_eq!(mailbox.next(), Next::Frame(frame(round + 1)));
            assert_eq!(mailbox.next(), Next::Frame(frame(round + 2)));
        }
    }

    #[test]
    fn what_waits_is_sent_before_the_end() {
        let mailbox = live(0);
        mailbox.push(&frame(1));
        mailbox.close(CloseCode::Reauthorize);
        mailbox.close(CloseCode::CredentialExpired);
        assert_eq!(mailbox.next(), Next::Frame(frame(1)));
        assert_eq!(mailbox.next(), Next::Close(CloseCode::Reauthorize));
    }

    #[test]
    fn a_revoked_credential_reads_nothing_more_from_the_database() {
        let mailbox = Mailbox::new(BUFFER);
        mailbox.close(CloseCode::CredentialRevoked);
        assert_eq!(mailbox.next(), Next::Close(CloseCode::CredentialRevoked));
    }
}
