//! Lines over the socket, and what they are.

use std::{
    collections::VecDeque,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use chancery_signet_wire::{
    Class,
    admin::{Notification, RpcResponse},
};

use crate::{Problem, problem::Result};

/// Longest line that is read, bytes: an audit log of a hundred thousand entries comes as one answer.
const MAX_LINE_BYTES: u64 = 256 * 1024 * 1024;
/// Events that are kept while an answer is awaited. They say that something happened; the newest few say it as well.
const MAX_WAITING: usize = 1024;

/// What a line is.
#[derive(Debug)]
pub(super) enum Received {
    Answer(RpcResponse),
    Event(Notification),
}

/// The socket, a line at a time.
#[derive(Debug)]
pub(super) struct Lines {
    stream: BufReader<UnixStream>,
    events: VecDeque<Notification>,
}

impl Lines {
    pub(super) fn over(stream: UnixStream, patience: Duration) -> Result<Self> {
        let lines = Self {
            stream: BufReader::new(stream),
            events: VecDeque::new(),
        };
        lines.wait(Some(patience))?;
        Ok(lines)
    }

    /// Sets how long reading may take; for ever without a time.
    pub(super) fn wait(&self, patience: Option<Duration>) -> Result<()> {
        let stream = self.stream.get_ref();
        stream
            .set_read_timeout(patience)
            .and_then(|()| stream.set_write_timeout(patience))
            .map_err(|error| lost(&error))
    }

    pub(super) fn send(&mut self, line: &str) -> Result<()> {
        // in one write: a second one would wait for nothing, and could fail by itself
        let line = format!("{line}\n");
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .map_err(|error| lost(&error))
    }

    /// The next answer. Events before it are kept.
    pub(super) fn receive(&mut self) -> Result<Received> {
        loop {
            match self.read()? {
                Received::Event(event) => {
                    if self.events.len() >= MAX_WAITING {
                        self.events.pop_front();
                    }
                    self.events.push_back(event);
                }
                answer @ Received::Answer(_) => return Ok(answer),
            }
        }
    }

    /// The next event, one that was kept first.
    pub(super) fn event(&mut self) -> Result<Received> {
        match self.events.pop_front() {
            Some(event) => Ok(Received::Event(event)),
            None => self.read(),
        }
    }

    fn read(&mut self) -> Result<Received> {
        let mut line = Vec::new();
        let read = (&mut self.stream)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(|error| lost(&error))?;
        if read == 0 || line.last() != Some(&b'\n') {
            return Err(Problem::new(Class::Network, "the daemon closed the connection"));
        }
        if let Ok(answer) = serde_json::from_slice(&line) {
            return Ok(Received::Answer(answer));
        }
        serde_json::from_slice(&line)
            .map(Received::Event)
            .map_err(|_| super::not_understood())
    }
}

fn lost(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            Problem::new(Class::Timeout, "the daemon did not answer in time")
        }
        _ => Problem::new(Class::Network, format!("the connection to the daemon is lost: {error}")),
    }
}
