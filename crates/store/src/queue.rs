//! The bounded line in front of the writer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::command::Ticket;
use crate::error::StoreError;
use crate::options::Options;

/// A first-in first-out queue with one consumer. Adding never blocks.
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    max_queued: usize,
    max_queued_bytes: usize,
    max_batch: usize,
    max_batch_bytes: usize,
}

struct State {
    waiting: VecDeque<Ticket>,
    bytes: usize,
    closing: bool,
    /// The writer sleeps, so a new command must wake it. Saves the system call while it is busy.
    idle: bool,
}

impl Queue {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                bytes: 0,
                closing: false,
                idle: false,
            }),
            arrived: Condvar::new(),
            max_queued: options.max_queued.max(1),
            max_queued_bytes: options.max_queued_bytes,
            max_batch: options.max_batch_commands.max(1),
            max_batch_bytes: options.max_batch_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a command at the end, or answers it at once: closed, or more is waiting than the limits allow.
    pub(crate) fn push(&self, ticket: Ticket) {
        if let Err((ticket, error)) = self.offer(ticket) {
            ticket.fail(*error);
        }
    }

    /// Adds a command at the end, or gives it back with the reason.
    pub(crate) fn offer(&self, ticket: Ticket) -> Result<(), (Ticket, Box<StoreError>)> {
        let mut state = self.lock();
        let refused = if state.closing {
            Some(StoreError::Closed)
        } else if state.waiting.len() >= self.max_queued
            || (!state.waiting.is_empty() && state.bytes.saturating_add(ticket.weight()) > self.max_queued_bytes)
        {
            Some(StoreError::Overloaded)
        } else {
            None
        };
        if let Some(error) = refused {
            drop(state);
            return Err((ticket, Box::new(error)));
        }
        state.bytes = state.bytes.saturating_add(ticket.weight());
        state.waiting.push_back(ticket);
        let wake = std::mem::take(&mut state.idle);
        drop(state);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Moves the next batch into `batch`: what is there, up to the limits. Sleeps while there is nothing. `false` when
    /// the queue is closed and drained.
    pub(crate) fn take(&self, batch: &mut Vec<Ticket>) -> bool {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closing {
                return false;
            }
            state.idle = true;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        let mut bytes = 0_usize;
        while let Some(next) = state.waiting.front() {
            bytes = bytes.saturating_add(next.weight());
            if batch.len() >= self.max_batch || (bytes > self.max_batch_bytes && !batch.is_empty()) {
                break;
            }
            let Some(next) = state.waiting.pop_front() else { break };
            state.bytes = state.bytes.saturating_sub(next.weight());
            batch.push(next);
        }
        true
    }

    /// Accepts nothing more; what waits is still taken.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.arrived.notify_one();
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().waiting.len()
    }
}
