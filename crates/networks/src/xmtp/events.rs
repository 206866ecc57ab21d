//! The log of an inbox, as a stream.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use chancery_signet::network::{Cursor, Event, NetworkError};
use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::held::Held;

/// Events that are read at once. They can be large, and are in memory until they are taken.
const AT_ONCE: u32 = 32;

/// How far somebody is in a log. Does not hold the inbox open.
struct Reader {
    held: Weak<Held>,
    rung: watch::Receiver<()>,
    /// Up to where the log was read.
    read: Cursor,
    ready: VecDeque<(Cursor, Event)>,
}

type Item = Result<(Cursor, Event), NetworkError>;

/// The events after `after`, until the inbox closes.
pub(super) fn events(held: &Arc<Held>, after: Cursor) -> impl Stream<Item = Item> + Send + use<> {
    let reader = Reader {
        rung: held.client.changes(),
        held: Arc::downgrade(held),
        read: after,
        ready: VecDeque::new(),
    };
    stream::unfold(Some(reader), |reader| async move { reader?.next().await })
}

impl Reader {
    async fn next(mut self) -> Option<(Item, Option<Self>)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), Some(self)));
            }
            // before looking, so that what comes while we look is seen the next time
            self.rung.borrow_and_update();
            match self.read_on()? {
                Err(error) => return Some((Err(error), None)),
                // there may be more at once
                Ok(true) => {}
                Ok(false) => self.rung.changed().await.ok()?,
            }
        }
    }

    /// Reads on; whether there was anything. `None` when the inbox is closed.
    fn read_on(&mut self) -> Option<Result<bool, NetworkError>> {
        let held = self.held.upgrade().filter(|held| !held.is_closing())?;
        let found = match held.log(self.read, AT_ONCE) {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        let Some((last, _)) = found.last() else {
            return Some(self.not_beyond(&held).map(|()| false));
        };
        self.read = *last;
        let told = found.into_iter().filter_map(|(cursor, event)| Some((cursor, event?)));
        self.ready.extend(told);
        Some(Ok(true))
    }

    /// Whoever was further than this log goes has read another one.
    fn not_beyond(&self, held: &Held) -> Result<(), NetworkError> {
        let end = held.end()?;
        if self.read > end {
            return Err(NetworkError::Local(format!(
                "the log of the inbox ends at {}, before the cursor {}",
                end.0, self.read.0
            )));
        }
        Ok(())
    }
}
