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
    standing: Arc<Standing>,
    heard: Option<Millis>,
    mailboxes: Vec<(ConnectionId, Arc<Mailbox>)>,
}

/// Why nobody more is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Hub {
    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, Connected>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection of `stream`, of which there may be `most`.
    pub(crate) fn join(
        &self,
        stream: StreamId,
        standing: Standing,
        mailbox: &Arc<Mailbox>,
        (now, most): (Millis, usize),
    ) -> Result<ConnectionId, Full> {
        let id = ConnectionId {
            opened: now,
            counter: self.counter.fetch_add(1, Ordering::Relaxed) + 1,
        };
        let mut streams = self.lock();
        let standing = Arc::new(standing);
        let connected = streams.entry(stream).or_insert_with(|| Connected {
            standing: Arc::clone(&standing),
            heard: None,
            mailboxes: Vec::new(),
        });
        if connected.mailboxes.len() >= most {
            return Err(Full);
        }
        connected.standing = standing;
        connected.mailboxes.push((id, Arc::clone(mailbox)));
        Ok(id)
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

    /// What a credential was held to when that was looked at last: after every change, and at each connection.
    pub(crate) fn standing(&self, stream: StreamId) -> Option<Arc<Standing>> {
        self.lock()
            .get(&stream)
            .map(|connected| Arc::clone(&connected.standing))
    }

    /// Notes that a harness was heard at `now`.
    pub(crate) fn heard(&self, stream: StreamId, now: Millis) {
        if let Some(connected) = self.lock().get_mut(&stream) {
            connected.heard = Some(now);
        }
    }

    /// Which harnesses were heard since this was asked last, and when.
    pub(crate) fn take_heard(&self) -> Vec<(CredentialId, Millis)> {
        let mut streams = self.lock();
        let heard = streams.values_mut();
        heard
            .filter_map(|connected| Some((connected.standing.id, connected.heard.take()?)))
            .collect()
    }

    /// Puts a newer standing in the place of the one before.
    pub(crate) fn update(&self, stream: StreamId, standing: Standing) {
        if let Some(connected) = self.lock().get_mut(&stream) {
            connected.standing = Arc::new(standing);
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

impl Connected {
    fn push(&self, frame: &Frame) {
        self.mailboxes.iter().for_each(|(_, mailbox)| mailbox.push(frame));
    }
}
