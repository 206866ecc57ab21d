//! Letting what was fetched take effect: together where nothing stops it, one by one where something does.

use super::{
    ClientError, Inner,
    receive::{Loaded, Stop},
};
use crate::{
    network::{GroupEnvelope, NodeError},
    storage::{StorageError, Topic},
};

/// How often the logs that a commit needs are fetched before that is an error.
const LOOKS: usize = 4;
/// Envelopes that are taken in one transaction.
const AT_ONCE: usize = 32;

/// Why envelopes that were taken together did not take effect.
enum At {
    /// The one with this number stopped.
    Envelope(usize),
    /// The file could not be written.
    File(StorageError),
}

impl From<StorageError> for At {
    fn from(error: StorageError) -> Self {
        Self::File(error)
    }
}

/// What an envelope brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taken {
    /// Messages that are new.
    pub(super) messages: usize,
    /// The group waits for a newer program: nothing after this is read.
    pub(super) paused: bool,
}

impl Inner {
    /// Lets envelopes of one group take effect, in order, each once: what was taken before is passed over.
    ///
    /// Those of which none stops share a transaction, so that reading much costs few syncs. One that stops leaves those before
    /// it in a transaction of their own, and is taken by itself.
    pub(super) async fn take_all(&self, envelopes: &[GroupEnvelope]) -> Result<Taken, ClientError> {
        let mut all = Taken::default();
        for some in envelopes.chunks(AT_ONCE) {
            let together = |some: &[GroupEnvelope]| {
                self.db.transaction(|tx| {
                    let (mut loaded, mut messages) = (Loaded::default(), 0);
                    for (number, envelope) in some.iter().enumerate() {
                        let taken = self
                            .receive(tx, &mut loaded, envelope)
                            .map_err(|_| At::Envelope(number))?;
                        if taken.paused {
                            return Err(At::Envelope(number));
                        }
                        messages += taken.messages;
                    }
                    Ok::<_, At>(messages)
                })
            };
            let (done, rest) = match together(some) {
                Ok(messages) => (messages, &some[some.len()..]),
                Err(At::Envelope(number)) => {
                    let (before, rest) = some.split_at(number);
                    // they took effect a moment ago, and were undone with the one that stopped; if they do not any more, one
                    // by one they tell why, and none is passed over
                    together(before).map_or((0, some), |messages| (messages, rest))
                }
                Err(At::File(error)) => return Err(error.into()),
            };
            all.messages += done;
            if done > 0 {
                self.bell.ring();
            }
            for envelope in rest {
                let taken = self.take(envelope).await?;
                all.messages += taken.messages;
                if taken.paused {
                    all.paused = true;
                    return Ok(all);
                }
            }
        }
        Ok(all)
    }

    /// Lets an envelope take effect that a stream brought. Where others are further than we, the group's log is read instead:
    /// a stream that left something out does not make us part from them.
    pub(super) async fn take_streamed(&self, envelope: &GroupEnvelope) -> Result<(), ClientError> {
        match self
            .db
            .transaction(|tx| self.receive(tx, &mut Loaded::streamed(), envelope))
        {
            Ok(taken) => {
                if taken.messages > 0 {
                    self.bell.ring();
                }
            }
            Err(Stop::Ahead) => {
                self.catch_up(&envelope.group).await?;
                let read = self.db.transaction(|tx| tx.cursor(Topic::Group(&envelope.group)))?;
                if read < envelope.id {
                    return Err(NodeError::Unavailable("a message is not to be had yet".into()).into());
                }
            }
            // what it needs is fetched, and then it is as any other
            Err(_) => {
                self.take(envelope).await?;
            }
        }
        Ok(())
    }

    /// Lets an envelope take effect, once: what was taken before is passed over.
    pub(super) async fn take(&self, envelope: &GroupEnvelope) -> Result<Taken, ClientError> {
        for _ in 0..LOOKS {
            match self
                .db
                .transaction(|tx| self.receive(tx, &mut Loaded::default(), envelope))
            {
                Ok(taken) => {
                    if taken.messages > 0 {
                        self.bell.ring();
                    }
                    return Ok(taken);
                }
                Err(Stop::NeedsLog(wanted)) => {
                    self.directory.at_least(&*self.node, &self.db, &wanted).await?;
                }
                Err(Stop::Paused(version)) => {
                    let version = version.to_string();
                    self.db
                        .transaction(|tx| tx.conversation_pauses(&envelope.group, Some(&version)))?;
                    return Ok(Taken {
                        messages: 0,
                        paused: true,
                    });
                }
                // nobody says that of what is read from a log
                Err(Stop::Ahead) => return Ok(Taken::default()),
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        Err(ClientError::Logs)
    }
}
