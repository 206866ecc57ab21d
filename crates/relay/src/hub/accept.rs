//! The way of messages into mailboxes. What came together and goes to one mailbox takes it together.

use std::sync::Arc;

use chancery_base::{Millis, Ulid};
use chancery_identity::AgentDid;
use chancery_relay_wire::limits;
use tokio::sync::oneshot;

use super::Hub;
use crate::{
    error::RelayError,
    session::{Committed, Session},
    store::{Accept, Accepted, Epoch, NewMessage, NonceUse, Refusal, Step as _, Together},
};

/// A message that has come. `T` is what its sender knows it by.
pub(crate) struct Arrival<T> {
    pub(crate) message: NewMessage,
    /// The nonce of the request, where it has one.
    pub(crate) nonce: Option<NonceUse>,
    /// Told when the recipient has it.
    pub(crate) waiter: Option<oneshot::Sender<()>>,
    pub(crate) tag: T,
}

/// One that may be put into its mailbox.
struct Ready<T> {
    step: Accept,
    waiter: Option<oneshot::Sender<()>>,
    tag: T,
}

/// One that was handed to the store.
struct HandedIn<T> {
    message: Arc<NewMessage>,
    claim: Option<Epoch>,
    waiter: Option<oneshot::Sender<()>>,
    tag: T,
}

impl<T> Ready<T> {
    fn recipient(&self) -> &AgentDid {
        &self.step.message.recipient
    }

    /// Whether it needs a savepoint of its own.
    fn is_alone(&self) -> bool {
        self.step.needs_savepoint()
    }
}

impl Hub {
    /// Puts messages into their recipients' mailboxes and, where the recipient is connected and has room, into its session.
    /// `done` is told of each, once, when it is durable, or refused; of those that became so together, together.
    pub(crate) fn accept<T, D>(&self, arrivals: Vec<Arrival<T>>, done: D)
    where
        T: Send + 'static,
        D: FnOnce(Vec<(T, Result<Accepted, RelayError>)>) + Clone + Send + 'static,
    {
        let now = self.0.clock.now();
        let mut together: Vec<Ready<T>> = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let ready = match self.admit(arrival, now) {
                Ok(ready) => ready,
                Err((tag, error)) => {
                    done.clone()(vec![(tag, Err(error))]);
                    continue;
                }
            };
            let fits = |last: &Ready<T>| !last.is_alone() && !ready.is_alone() && last.recipient() == ready.recipient();
            if !together.last().is_none_or(fits) {
                self.hand_in(std::mem::take(&mut together), now, done.clone());
            }
            together.push(ready);
        }
        self.hand_in(together, now, done);
    }

    /// Whether the message may be put into its mailbox, as far as that is known without the store.
    fn admit<T>(&self, arrival: Arrival<T>, now: Millis) -> Result<Ready<T>, (T, RelayError)> {
        let inner = &self.0;
        let Arrival {
            message,
            nonce,
            waiter,
            tag,
        } = arrival;
        if self.is_paused() {
            return Err((tag, RelayError::RevocationsStale));
        }
        if let Err(error) = inner.limiter.agent(&message.sender, now) {
            return Err((tag, error));
        }
        if message.max_frame_bytes() > limits::MAX_DELIVER_FRAME_BYTES {
            return Err((tag, RelayError::MessageTooLarge));
        }
        let step = Accept {
            // before the lock under which it is handed in: a payload may be long
            hash: message.hash(),
            delivery_id: Ulid::generate(now, &inner.rng),
            nonce,
            claim: None,
            max_messages: inner.config.mailbox.max_messages,
            max_per_sender: inner.config.mailbox.max_per_sender(),
            now,
            message: Arc::new(message),
        };
        Ok(Ready { step, waiter, tag })
    }

    /// Hands in messages of one recipient.
    fn hand_in<T, D>(&self, together: Vec<Ready<T>>, now: Millis, done: D)
    where
        T: Send + 'static,
        D: FnOnce(Vec<(T, Result<Accepted, RelayError>)>) + Send + 'static,
    {
        let Some(first) = together.first() else { return };
        let recipient = first.recipient().clone();
        let alone = first.is_alone();
        let session = self.session(&recipient);
        let (mut steps, mut handed_in) = (Vec::new(), Vec::new());
        for Ready { step, waiter, tag } in together {
            handed_in.push(HandedIn {
                message: Arc::clone(&step.message),
                claim: None,
                waiter,
                tag,
            });
            steps.push(step);
        }
        // held while they are handed in: what is handed in first is claimed first
        let mut claims = session.as_ref().map(|session| session.claims());
        for (step, handed_in) in steps.iter_mut().zip(&mut handed_in) {
            let bytes = step.message.payload.len();
            step.claim = claims.as_mut().and_then(|claims| claims.reserve(bytes));
            handed_in.claim = step.claim;
        }
        let (hub, its_session) = (self.clone(), session.clone());
        let committed = move |outcomes| hub.committed(&recipient, its_session, handed_in, outcomes, now, done);
        match steps.pop() {
            Some(step) if alone => self.0.store.submit(step, move |outcome| committed(Ok(vec![outcome]))),
            last => {
                steps.extend(last);
                self.0.store.submit(Together(steps), committed);
            }
        }
    }

    /// The store has done with messages of one recipient.
    fn committed<T>(
        &self,
        recipient: &AgentDid,
        session: Option<Arc<Session>>,
        handed_in: Vec<HandedIn<T>>,
        outcomes: Result<Vec<Result<Accepted, Refusal>>, Refusal>,
        now: Millis,
        done: impl FnOnce(Vec<(T, Result<Accepted, RelayError>)>),
    ) {
        let outcomes = outcomes.unwrap_or_else(|refusal| handed_in.iter().map(|_| Err(refusal.again())).collect());
        let (mut told, mut here, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (one, outcome) in handed_in.into_iter().zip(outcomes) {
            match &outcome {
                Ok(accepted) if accepted.claimed => {
                    here.push(Committed::claimed(accepted, now, one.message, one.waiter));
                }
                outcome => {
                    let waits = outcome.as_ref().ok().filter(|accepted| !accepted.repeat);
                    left.extend(waits.map(|accepted| accepted.lane));
                    here.push(Committed::Unclaimed {
                        left: waits.map(|accepted| accepted.lane),
                        bytes: one.message.payload.len(),
                        claim: one.claim.is_some(),
                    });
                }
            }
            told.push((one.tag, outcome.map_err(RelayError::from)));
        }
        // what waits in the store: whoever is connected by now has to fetch it, and knows so before the next one can be claimed
        if !left.is_empty()
            && let Some(current) = self.session(recipient)
            && !session.as_ref().is_some_and(|session| Arc::ptr_eq(session, &current))
        {
            current.left_behind(&left, self);
        }
        if let Some(session) = session {
            session.committed(here, self);
        }
        done(told);
    }
}
