//! What happens, as it happens.
//!
//! Events are read from the file, each by its place there, so that none is missed and none comes twice whatever becomes of
//! the connections; those only say when to look.

use std::{collections::VecDeque, convert::Infallible, future::Future, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::watch;

use super::{Client, ClientError, Event, view};
use crate::{
    network::BoxStream,
    storage::{Position, StorageError, Topic},
};

/// Messages that are read from the file at once.
const AT_ONCE: u32 = 256;
/// How long to wait before connecting again: at first, and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(30)];

/// Rung when there is something new in the file.
#[derive(Debug)]
pub(super) struct Bell(watch::Sender<()>);

impl Bell {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(super) fn ring(&self) {
        self.0.send_replace(());
    }
}

type Driver = Pin<Box<dyn Future<Output = Infallible> + Send>>;

/// How far a stream of events is.
struct Follower {
    client: Client,
    rung: watch::Receiver<()>,
    conversations: Position,
    messages: Position,
    ready: VecDeque<Event>,
    driver: Driver,
}

impl Client {
    /// What happens from now on, as it happens. The stream opens its connections again when they break, and misses and
    /// repeats nothing. While it is polled it also carries on what was begun.
    ///
    /// # Errors
    /// An item is an error when the file cannot be read, and then the stream ends. The node's are not told: it is asked
    /// again.
    pub fn follow(&self) -> impl Stream<Item = Result<Event, ClientError>> + Send + use<> {
        let client = self.clone();
        let rung = self.inner.bell.0.subscribe();
        let from = self.inner.db.transaction(|tx| {
            let conversations = tx.conversations_after(Position(0))?;
            let last = conversations.last().map_or(Position(0), |row| row.position);
            Ok::<_, StorageError>((last, tx.last_position()?))
        });
        stream::once(std::future::ready(from)).flat_map(move |from| match from {
            Err(error) => stream::iter([Err(error.into())]).left_stream(),
            Ok((conversations, messages)) => {
                let follower = Follower {
                    driver: Box::pin(drive(client.clone())),
                    client: client.clone(),
                    rung: rung.clone(),
                    conversations,
                    messages,
                    ready: VecDeque::new(),
                };
                stream::unfold(Some(follower), next).right_stream()
            }
        })
    }
}

async fn next(follower: Option<Follower>) -> Option<(Result<Event, ClientError>, Option<Follower>)> {
    let mut follower = follower?;
    loop {
        if let Some(event) = follower.ready.pop_front() {
            return Some((Ok(event), Some(follower)));
        }
        // before looking, so that what comes while we look is seen the next time
        follower.rung.borrow_and_update();
        if let Err(error) = follower.look() {
            return Some((Err(error), None));
        }
        if follower.ready.is_empty() {
            tokio::select! {
                _ = follower.rung.changed() => {}
                never = &mut follower.driver => match never {},
            }
        }
    }
}

impl Follower {
    /// Reads what is new in the file.
    fn look(&mut self) -> Result<(), ClientError> {
        let (after, said) = (self.conversations, self.messages);
        let (conversations, messages) = self.client.inner.db.transaction(|tx| {
            let rows = tx.conversations_after(after)?;
            Ok::<_, StorageError>((rows, tx.messages_after(said, AT_ONCE)?))
        })?;
        for row in conversations {
            self.conversations = row.position;
            self.ready.push_back(Event::Conversation(view::conversation(row)));
        }
        for stored in messages {
            self.messages = stored.position;
            self.ready.push_back(Event::Message(view::message(stored)));
        }
        Ok(())
    }
}

/// Keeps the file up to date with the network, for ever.
async fn drive(client: Client) -> Infallible {
    let mut pause = PAUSES[0];
    loop {
        match listen(&client).await {
            Ok(()) => pause = PAUSES[0],
            Err(_) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES[1]);
            }
        }
    }
}

/// Reads everything, and then what comes, until there is a conversation to be followed that is not, or a connection ends.
async fn listen(client: &Client) -> Result<(), ClientError> {
    let inner = &client.inner;
    let mut rung = inner.bell.0.subscribe();
    client.sync().await?;
    let (welcomes, groups) = inner.db.transaction(|tx| {
        let mut groups = Vec::new();
        for row in tx.conversations_after(Position(0))? {
            if row.active && row.paused_for.is_none() {
                let cursor = tx.cursor(Topic::Group(&row.new.group))?;
                groups.push((row.new.group, cursor));
            }
        }
        Ok::<_, StorageError>((tx.cursor(Topic::Welcomes)?, groups))
    })?;
    let ours = inner.installation.public().to_bytes();
    let mut welcomes = inner.node.follow_welcomes(ours, welcomes).await?;
    let mut messages: BoxStream<_> = if groups.is_empty() {
        Box::pin(stream::pending())
    } else {
        inner.node.follow_groups(&groups).await?
    };
    loop {
        tokio::select! {
            welcome = welcomes.next() => {
                match welcome {
                    None => return Ok(()),
                    Some(welcome) => welcome?,
                };
                // read in order and to the end, and then the new group is followed with the others
                inner.enter_all().await?;
                return Ok(());
            }
            message = messages.next() => {
                let Some(message) = message else { return Ok(()) };
                let message = message?;
                inner.take(&message).await?;
                if inner.has_work(&message.group)? {
                    inner.finish(&message.group).await?;
                    inner.post_what_is_left(&message.group).await?;
                }
            }
            _ = rung.changed() => {
                let now = inner.db.transaction(|tx| tx.conversations_after(Position(0)))?;
                let followed = |row: &crate::storage::ConversationRow| groups.iter().any(|(id, _)| *id == row.new.group);
                if now.iter().any(|row| row.active && row.paused_for.is_none() && !followed(row)) {
                    return Ok(());
                }
            }
        }
    }
}
