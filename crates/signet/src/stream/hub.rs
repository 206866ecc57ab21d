//! Who is connected, and delivery to them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use chancery_base::Millis;
use chancery_signet_wire::{ConnectionId, CredentialId, frame::CloseCode};

use super::{frame::Frame, ingest::Delivery, log::StreamId, mailbox::Mailbox, standing::Standing};

/// The connections of every credential that has one.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    connected: Mutex<HashMap<StreamId, Connected>>,
    counter: AtomicU64,
}

#[derive(Debug)]
struct Connected {
    seat: Arc<Seat>,
    mailboxes: Vec<(ConnectionId, Arc<Mailbox>)>,
}

/// What the connections of one credential have in common. Each holds it, so that a request asks nobody else's.
#[derive(Debug)]
pub(crate) struct Seat(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    standing: Arc<Standing>,
    heard: Option<Millis>,
}

/// Why nobody more is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Hub {
    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, Connected>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection of `stream`, of which there may be `most`; its id, and what it shares with the others.
    pub(crate) fn join(
        &self,
        stream: StreamId,
        standing: Standing,
        mailbox: &Arc<Mailbox>,
        (now, most): (Millis, usize),
    ) -> Result<(ConnectionId, Arc<Seat>), Full> {
        let id = ConnectionId {
            opened: now,
            counter: self.counter.fetch_add(1, Ordering::Relaxed) + 1,
        };
        let mut streams = self.lock();
        let standing = Arc::new(standing);
        let connected = streams.entry(stream).or_insert_with(|| Connected {
            seat: Arc::new(Seat::new(Arc::clone(&standing))),
            mailboxes: Vec::new(),
        });
        if connected.mailboxes.len() >= most {
            return Err(Full);
        }
        connected.seat.update(standing);
        connected.mailboxes.push((id, Arc::clone(mailbox)));
        Ok((id, Arc::clone(&connected.seat)))
    }

    /// Takes a connection away.
    pub(crate) fn leave(&self, stream: StreamId, id: ConnectionId) {
        let mut streams = self.lock();
        if let Some(connected) = streams.get_mut(&stream) {
            connected.mailboxes.retain(|(other, _)| *other != id);
            if connected.mailboxes.is_empty() {
                streams.remove(&stream);
            }
        }
    }

    /// Hands frames to whoever is connected.
    pub(crate) fn deliver(&self, delivery: &Delivery) {
        let streams = self.lock();
        for (stream, frame) in delivery {
            if let Some(connected) = streams.get(stream) {
                connected.push(frame);
            }
        }
    }

    /// Which harnesses were heard since this was asked last, and when.
    pub(crate) fn take_heard(&self) -> Vec<(CredentialId, Millis)> {
        self.lock()
            .values()
            .filter_map(|connected| connected.seat.take_heard())
            .collect()
    }

    /// Puts a newer standing in the place of the one before.
    pub(crate) fn update(&self, stream: StreamId, standing: Standing) {
        if let Some(connected) = self.lock().get(&stream) {
            connected.seat.update(Arc::new(standing));
        }
    }

    /// Ends all connections of `stream`.
    pub(crate) fn close(&self, stream: StreamId, code: CloseCode) {
        if let Some(connected) = self.lock().get(&stream) {
            connected.mailboxes.iter().for_each(|(_, mailbox)| mailbox.close(code));
        }
    }

    /// Tells all connections something that belongs to no stream, and ends them if a code is given.
    pub(crate) fn tell_all(&self, text: impl Fn() -> Option<String>, code: Option<CloseCode>) {
        for connected in self.lock().values() {
            let text = text();
            for (_, mailbox) in &connected.mailboxes {
                if let Some(text) = &text {
                    mailbox.aside(text.clone());
                }
                if let Some(code) = code {
                    mailbox.close(code);
                }
            }
        }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.lock().values().map(|connected| connected.mailboxes.len()).sum()
    }
}

impl Seat {
    fn new(standing: Arc<Standing>) -> Self {
        Self(Mutex::new(Seen { standing, heard: None }))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the credential was held to when that was looked at last: after every change, and at each connection.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.lock().standing)
    }

    /// Notes that the harness was heard at `now`.
    pub(crate) fn heard(&self, now: Millis) {
        self.lock().heard = Some(now);
    }

    fn update(&self, standing: Arc<Standing>) {
        self.lock().standing = standing;
    }

    fn take_heard(&self) -> Option<(CredentialId, Millis)> {
        let mut seen = self.lock();
        Some((seen.standing.id, seen.heard.take()?))
    }
}

impl Connected {
    fn push(&self, frame: &Frame) {
        self.mailboxes.iter().for_each(|(_, mailbox)| mailbox.push(frame));
    }
}
