//! What happens, as it happens.
//!
//! Events are read from the file, each by its place there, so that none is missed and none comes twice whatever becomes of
//! the connections; those only say when to look.

use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
    future::Future,
    pin::Pin,
    time::Duration,
};

use chancery_base::Rng as _;
use futures_util::{Stream, StreamExt as _, stream};
use openmls::group::GroupId;
use tokio::{sync::watch, time::Instant};

use super::{Client, ClientError, Event, Inner};
use crate::{
    network::{GroupEnvelope, NodeApi, NodeError},
    storage::{ConversationRow, Position, StorageError, Topic},
};

/// Events that are read from the file at once.
const AT_ONCE: u32 = 256;
/// How long to wait before connecting again, or trying again what could not be read: at first, and at most. A connection
/// that lasted longer than that was a good one. Up to half of it is left to chance, so that not all who lost a node come back
/// together.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(30)];

/// Groups that one stream follows: as many as any node lets one have, and whoever welcomes us to more than that silences none.
const GROUPS: usize = 5_000;

/// How often to look for what pointers lead to, where that is not there yet.
const LOOK: Duration = Duration::from_secs(1);

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

    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

/// How a client that keeps up stands with the node.
#[derive(Debug)]
#[non_exhaustive]
pub enum Contact<'a> {
    /// Everything was read, and what comes is heard.
    Made,
    /// It is not heard any more, or not yet: the node closed the streams, or this happened.
    Lost(Option<&'a ClientError>),
    /// It is heard, but for what this keeps from being read: a conversation, or what we are welcomed to. It is tried again.
    Trouble(&'a ClientError),
}

type Driver = Pin<Box<dyn Future<Output = Infallible> + Send>>;

/// How far a stream of events is.
struct Follower {
    client: Client,
    rung: watch::Receiver<()>,
    after: Position,
    ready: VecDeque<(Position, Event)>,
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
        let from = self.last_position();
        stream::once(std::future::ready(from)).flat_map(move |from| match from {
            Err(error) => stream::iter([Err(error)]).left_stream(),
            Ok(from) => {
                let events = client.follow_from(from);
                events.map(|event| event.map(|(_, event)| event)).right_stream()
            }
        })
    }

    /// The same from a place on: first what is in the file, then what comes; each with its place, from which another stream
    /// goes on.
    ///
    /// # Errors
    /// As those of [`follow`](Self::follow).
    pub fn follow_from(
        &self,
        after: Position,
    ) -> impl Stream<Item = Result<(Position, Event), ClientError>> + Send + use<> {
        let driven = self.clone();
        let follower = Follower {
            client: self.clone(),
            rung: self.changes(),
            after,
            ready: VecDeque::new(),
            driver: Box::pin(async move { driven.keep_up(|_| {}).await }),
        };
        stream::unfold(Some(follower), next)
    }

    /// Keeps the file up to date with the network, and carries on what was begun, for ever: connects again when connections
    /// break. `report` is told whenever it begins to hear what comes, and whenever it does not any more.
    pub async fn keep_up(&self, report: impl Fn(Contact<'_>) + Send + Sync) -> Infallible {
        let mut pause = PAUSES[0];
        loop {
            let began = Instant::now();
            match listen(self, &report, pause).await {
                Ok(Ended::OneMore) => continue,
                Ok(Ended::Trouble) => {
                    let at_once = began.elapsed() <= pause * 2;
                    pause = if at_once { (pause * 2).min(PAUSES[1]) } else { PAUSES[0] };
                    continue;
                }
                Ok(Ended::Closed) => report(Contact::Lost(None)),
                Err(error) => report(Contact::Lost(Some(&error))),
            }
            if began.elapsed() > PAUSES[1] {
                pause = PAUSES[0];
            }
            let chance = u32::from(self.inner.rng.bytes::<1>()[0]);
            tokio::time::sleep(pause - pause / 2 * chance / 256).await;
            pause = (pause * 2).min(PAUSES[1]);
        }
    }
}

async fn next(follower: Option<Follower>) -> Option<(Result<(Position, Event), ClientError>, Option<Follower>)> {
    let mut follower = follower?;
    loop {
        if let Some(event) = follower.ready.pop_front() {
            follower.after = event.0;
            return Some((Ok(event), Some(follower)));
        }
        // before looking, so that what comes while we look is seen the next time
        follower.rung.borrow_and_update();
        match follower.client.events_after(follower.after, AT_ONCE) {
            Ok(events) => follower.ready.extend(events),
            Err(error) => return Some((Err(error), None)),
        }
        if follower.ready.is_empty() {
            tokio::select! {
                _ = follower.rung.changed() => {}
                never = &mut follower.driver => match never {},
            }
        }
    }
}

/// Why listening ended.
enum Ended {
    /// There is a conversation that is not followed with the others.
    OneMore,
    /// The node closed a stream.
    Closed,
    /// Something could not be read, and it is time to try again.
    Trouble,
}

/// What cannot be read while other things are heard.
struct Troubles<'a, Report> {
    report: &'a Report,
    /// Groups of which nothing is taken: what follows what could not be read must not be read before it.
    stuck: HashSet<GroupId>,
    /// When to try again.
    again: Option<Instant>,
    pause: Duration,
}

impl<Report: Fn(Contact<'_>) + Send + Sync> Troubles<'_, Report> {
    /// Goes on without what failed, unless it is our own file that did.
    fn note(&mut self, failed: Result<(), ClientError>) -> Result<(), ClientError> {
        let Err(error) = failed else {
            return Ok(());
        };
        if matches!(error, ClientError::Storage(_)) {
            return Err(error);
        }
        (self.report)(Contact::Trouble(&error));
        self.again.get_or_insert_with(|| Instant::now() + self.pause);
        Ok(())
    }
}

/// Reads everything, and then what comes, until there is a conversation to be followed that is not, or a connection ends.
/// What cannot be read keeps nothing else from being heard, and is tried again after `pause`.
async fn listen<Report: Fn(Contact<'_>) + Send + Sync>(
    client: &Client,
    report: &Report,
    pause: Duration,
) -> Result<Ended, ClientError> {
    let inner = &client.inner;
    let mut rung = inner.bell.subscribe();
    let synced = client.sync().await;
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
    let mut messages = follow_groups(&*inner.node, &groups).await?;
    let mut waits = inner.waits_for_welcomes()?;
    let mut look = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
    report(Contact::Made);
    let mut troubles = Troubles {
        report,
        stuck: HashSet::new(),
        again: None,
        pause,
    };
    troubles.note(synced.map(drop))?;
    loop {
        let again = troubles.again.unwrap_or_else(Instant::now);
        tokio::select! {
            () = tokio::time::sleep_until(again), if troubles.again.is_some() => return Ok(Ended::Trouble),
            _ = look.tick(), if waits => {
                match inner.enter_all().await {
                    Ok(0) => {}
                    Ok(_) => return Ok(Ended::OneMore),
                    Err(error) => troubles.note(Err(error))?,
                }
                waits = inner.waits_for_welcomes()?;
            }
            welcome = welcomes.next() => {
                let Some(welcome) = welcome else { return Ok(Ended::Closed) };
                let id = welcome?.id;
                let read = || inner.db.transaction(|tx| Ok::<_, StorageError>(tx.cursor(Topic::Welcomes)? >= id));
                // somebody else was faster; the bell tells of what was entered
                if read()? {
                    continue;
                }
                // read in order and to the end, and then the new group is followed with the others
                match inner.enter_all().await {
                    Ok(_) if read()? => return Ok(Ended::OneMore),
                    Ok(_) => troubles.note(Err(NodeError::Unavailable("a welcome is not to be had yet".into()).into()))?,
                    Err(error) => troubles.note(Err(error))?,
                }
            }
            message = messages.next(), if !groups.is_empty() => {
                let Some(Some(message)) = message else { return Ok(Ended::Closed) };
                let message = message?;
                if troubles.stuck.contains(&message.group) {
                    continue;
                }
                match inner.take_streamed(&message).await {
                    Ok(()) => troubles.note(inner.carry_on(&message).await)?,
                    Err(error) => {
                        troubles.stuck.insert(message.group);
                        troubles.note(Err(error))?;
                    }
                }
            }
            _ = rung.changed() => {
                let now = inner.db.transaction(|tx| tx.conversations_after(Position(0)))?;
                let followed = |row: &ConversationRow| groups.iter().any(|(id, _)| *id == row.new.group);
                if now.iter().any(|row| row.active && row.paused_for.is_none() && !followed(row)) {
                    return Ok(Ended::OneMore);
                }
            }
        }
    }
}

/// What comes to groups, from behind these cursors on, by as many streams as it takes; nothing where one of them ends.
pub(super) async fn follow_groups(
    node: &dyn NodeApi,
    groups: &[(GroupId, u64)],
) -> Result<impl Stream<Item = Option<Result<GroupEnvelope, NodeError>>> + Send + Unpin + use<>, NodeError> {
    let mut streams = Vec::new();
    for some in groups.chunks(GROUPS) {
        let stream = node.follow_groups(some).await?;
        streams.push(stream.map(Some).chain(stream::once(std::future::ready(None))));
    }
    Ok(stream::select_all(streams))
}

impl Inner {
    /// Does what is to be done to a group now that a message of it has taken effect.
    async fn carry_on(&self, message: &GroupEnvelope) -> Result<(), ClientError> {
        if self.has_work(&message.group)? {
            self.finish(&message.group).await?;
            self.post_what_is_left(&message.group).await?;
        }
        Ok(())
    }
}
