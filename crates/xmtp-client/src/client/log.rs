//! What an inbox learned of, in one order that is kept in its file: for those who follow it from a place of their own.

use tokio::sync::watch;

use super::{Client, ClientError, Event, view};
use crate::storage::{Position, StorageError};

impl Client {
    /// Up to `limit` events after `after`, in their order, each with its place; from `Position(0)` on it is all there are.
    /// Conversations and messages are shown as they are now: what has disappeared is there without content. Asks nobody.
    ///
    /// # Errors
    /// Those of the file.
    pub fn events_after(&self, after: Position, limit: u32) -> Result<Vec<(Position, Event)>, ClientError> {
        let (conversations, messages) = self.inner.db.transaction(|tx| {
            let rows = tx.conversations_after(after)?;
            Ok::<_, StorageError>((rows, tx.messages_after(after, limit)?))
        })?;
        let at_once = usize::try_from(limit).unwrap_or(usize::MAX);
        // where messages were cut off, what comes behind them waits
        let end = messages.get(at_once.saturating_sub(1)).map(|last| last.position);
        let conversations = conversations
            .into_iter()
            .map(|row| (row.position, Event::Conversation(view::conversation(row))));
        let now = self.inner.now_ns();
        let messages = messages.into_iter().map(|mut stored| {
            // it has disappeared, if only from view
            if stored.message.expires_ns.is_some_and(|at| at <= now) {
                stored.message.content.clear();
            }
            (stored.position, Event::Message(view::message(stored)))
        });
        let mut events: Vec<_> = conversations.chain(messages).collect();
        events.retain(|(position, _)| end.is_none_or(|end| *position <= end));
        events.sort_by_key(|(position, _)| *position);
        events.truncate(at_once);
        Ok(events)
    }

    /// The end of the order as of now.
    ///
    /// # Errors
    /// Those of the file.
    pub fn last_position(&self) -> Result<Position, ClientError> {
        Ok(self.inner.db.transaction(|tx| tx.last_position())?)
    }

    /// Changes whenever there may be more to read. Does not keep the client open.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.inner.bell.subscribe()
    }
}
